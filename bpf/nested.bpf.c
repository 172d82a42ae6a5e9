// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "nested.bpf.h"

/*
 * Between a mark and the look for it another process, or an interrupt, may make
 * its own; in the same place, the event would be handled twice.
 */
static __always_inline __u64 *mark_of(__u32 what, __u64 about)
{
	__u32 hash = (about >> 8 ^ about >> 9 ^ about >> 14) & 15;
	__u32 pid = bpf_get_current_pid_tgid();
	__u32 k = what * TWIN_SLOTS + ((pid & 15) << 4 | hash);

	return bpf_map_lookup_elem(&twins, &k);
}

__noinline int twin_mark(__u32 what, __u64 about)
{
	__u64 *m = mark_of(what, about);

	if (m)
		*(volatile __u64 *)m = about;
	return 0;
}

__noinline int twin_missed(__u32 what, __u64 about, __u32 hook)
{
	__u64 *m = mark_of(what, about);
	struct hook_stats *st;

	/* Until all are attached the first may not be there yet. */
	if (!m || !*(volatile __u32 *)&twins_on)
		return 0;
	if (*m == about) {
		*m = 0;
		return 0;
	}
	st = bpf_map_lookup_elem(&stats, &hook);
	if (!st)
		return 0;
	st->nested++;
	return 1;
}
