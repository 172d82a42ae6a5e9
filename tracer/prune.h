/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes out of a program, before it is loaded, what its read-only data makes dead.
 *
 * The verifier does that itself: but it looks at all of it first, and cuts one dead
 * branch after the other out by moving all that is behind it (verifier_remove_insns(),
 * bpf_adj_branches()), which was a tenth of what loading took.  And it leaves in, to be
 * run, the loads of what it has decided by.
 */
#ifndef TCPLENS_PRUNE_H
#define TCPLENS_PRUNE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

/* What a program may only read: a map that has been filled (BPF_PSEUDO_MAP_VALUE). */
struct prune_data {
	int fd;
	const void *data;
	size_t size;
};

#define PRUNED 0xffffffffU

/*
 * Shortens `insns`, n of them, and all functions they have, and returns how many are left.
 * `place`, of n + 1: where what was at i is now, or, if it is not there any more, what follows
 * it; PRUNED if nothing led there.  What it does not understand, or without memory, it
 * leaves as it was.
 */
size_t prune(struct bpf_insn *insns, size_t n, const struct prune_data *ro, __u32 *place);

#endif
