/* SPDX-License-Identifier: BSD-2-Clause */
/* User space's part of the store of connections (bpf/store.bpf.h). */
#ifndef TCPLENS_STORE_H
#define TCPLENS_STORE_H

#include <linux/types.h>

struct tcplens_bpf;

/* Between open and load: room for `conns` connections. */
void store__configure(struct tcplens_bpf *skel, __u32 conns);

/* After load, before attach.  0 or a negative errno. */
int store__fill(struct tcplens_bpf *skel);

#endif
