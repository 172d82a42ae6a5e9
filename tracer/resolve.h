/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses and ports (--resolve).
 *
 * A name server may take seconds to answer, and whoever prints also empties
 * the ring buffer; so look-ups run in a thread of their own.  An address seen
 * for the first time is waited for RESOLVE_WAIT_MS, and not at all while an
 * earlier look-up is overdue; until its answer arrives it prints as a number.
 *
 * Names come from the network: whoever prints them has to escape them.
 */
#ifndef TCPLENS_RESOLVE_H
#define TCPLENS_RESOLVE_H

#include <stddef.h>

#include <linux/types.h>

#define RESOLVE_WAIT_MS 50
#define RESOLVE_NAME_MAX 256

struct resolver;

/*
 * Writes the name of an address (16 bytes, see event.h) as a string into
 * `name`; returns 0, or a negative errno: there is none.  May block.
 */
typedef int (*resolve_fn)(const __u8 addr[16], unsigned int ip, char *name, size_t len);

/* `fn` NULL: the system's resolver.  NULL with errno set: out of memory or threads. */
struct resolver *resolver__new(resolve_fn fn);
void resolver__free(struct resolver *r);

/*
 * The name of an address, or NULL: none, or not known yet.  Copied into
 * `name` (RESOLVE_NAME_MAX bytes).
 */
const char *resolver_addr(struct resolver *r, const __u8 addr[16], unsigned int ip, char *name);

/* The name of a TCP port (/etc/services), or NULL. */
const char *resolver_port(struct resolver *r, __u16 port);

/* A user's id; -ENOENT: no such user. */
int resolve_user(const char *name, __u32 *uid);

#endif
