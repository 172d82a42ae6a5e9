/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes sockets known that were open before the hooks were attached. */
#ifndef TCPLENS_SEED_H
#define TCPLENS_SEED_H

#include <stddef.h>

struct tcplens_bpf;

/*
 * Runs the iterators: descriptors of all processes, then the TCP sockets of
 * every network namespace that a process is in.  To be called after attaching.
 * Returns 0 or a negative errno (then what was open before stays unknown until
 * it is used).
 */
int seed__run(struct tcplens_bpf *skel);

/*
 * The records of connections that are open now (struct ev_life), of all network
 * namespaces; NEED_LIFE.  Ends early with what on_life returns, if negative.
 */
int seed__open_lives(struct tcplens_bpf *skel, int (*on_life)(void *ctx, const void *data, size_t n),
		     void *ctx);

/*
 * What else has no end yet becomes records in the ring: attempts without an
 * answer (NEED_CONNECT), closed windows (NEED_LOSS).
 */
int seed__open_rest(struct tcplens_bpf *skel);

#endif
