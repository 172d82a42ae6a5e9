/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes sockets known that were open before the hooks were attached. */
#ifndef TCPLENS_SEED_H
#define TCPLENS_SEED_H

struct tcplens_bpf;

/*
 * Runs the iterators: descriptors of all processes, then the TCP sockets of
 * every network namespace that a process is in.  To be called after attaching.
 * Returns 0 or a negative errno (then what was open before stays unknown until
 * it is used).
 */
int seed__run(struct tcplens_bpf *skel);

#endif
