/* SPDX-License-Identifier: BSD-2-Clause */
/* User space's part of the store of connections (bpf/store.bpf.h). */
#ifndef TCPLENS_STORE_H
#define TCPLENS_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct tcplens_bpf;

/*
 * Before the object is opened: *elf becomes one that this kernel takes, if it
 * must be another.  1: it is, and to be freed when the object is open; 0: it
 * may stay; or a negative errno.
 */
int store__prepare(const void **elf, size_t size);

/* Between open and load: room for `conns` connections; `atomics`: store__prepare() said 0. */
void store__configure(struct tcplens_bpf *skel, __u32 conns, bool atomics);

/* After load, before attach.  0 or a negative errno. */
int store__fill(struct tcplens_bpf *skel);

#endif
