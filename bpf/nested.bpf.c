// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "nested.bpf.h"

/*
 * Between a mark and the look for it others may make theirs: an interrupt, another
 * process (see nested.bpf.h), which may even be the one that looks first, and on
 * another CPU than the mark was made on.  What an event is about is nobody else's
 * meanwhile, so that tells one from another wherever it is.
 */
static __always_inline struct twin_marks *marks_of(__u32 what, __u64 about)
{
	__u32 k = (what << TWIN_BITS) | (__u32)((about * 0x9e3779b97f4a7c15ULL) >> (64 - TWIN_BITS));

	return bpf_map_lookup_elem(&twins, &k);
}

__noinline int twin_mark(__u32 what, __u64 about)
{
	struct twin_marks *m = marks_of(what, about);
	__u64 held;

	if (!m)
		return 0;
	held = *(volatile __u64 *)&m->about[0];
	/* Its own from before, when the second program was left out, counts as free. */
	if (held && held != about)
		*(volatile __u64 *)&m->about[1] = about;
	else
		*(volatile __u64 *)&m->about[0] = about;
	return 0;
}

__noinline int twin_missed(__u32 what, __u64 about, __u32 hook)
{
	struct twin_marks *m = marks_of(what, about);
	struct hook_stats *st;

	/* The first may not be there yet. */
	if (!m || phase_now() == PHASE_ATTACH)
		return 0;
	if (*(volatile __u64 *)&m->about[0] == about) {
		*(volatile __u64 *)&m->about[0] = 0;
		return 0;
	}
	if (*(volatile __u64 *)&m->about[1] == about) {
		*(volatile __u64 *)&m->about[1] = 0;
		return 0;
	}
	st = bpf_map_lookup_elem(&stats, &hook);
	if (!st)
		return 0;
	__sync_fetch_and_add(&st->nested, 1);
	return 1;
}
