/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel does not run a program inside itself (__bpf_trace_run(),
 * prog->active): when its run in a system call is interrupted by a softirq that
 * comes to the same tracepoint, that second run is left out.  So a tracepoint
 * whose every event counts has two programs: the first marks that it runs, and
 * the second handles what comes meanwhile.  User space counts what is left out
 * of the first, less what the second has handled, as lost.
 */
#ifndef TCPLENS_NESTED_BPF_H
#define TCPLENS_NESTED_BPF_H

#include "maps.bpf.h"

static __always_inline void busy_set(enum ev_hook hook, __u32 on)
{
	__u32 k = hook, *b = bpf_map_lookup_elem(&busy, &k);

	if (b)
		*(volatile __u32 *)b = on;
	barrier();
}

/* 1: the first program is running underneath, so that this event is the second's to handle. */
static __always_inline int nested_begin(enum ev_hook hook)
{
	__u32 k = hook, *b = bpf_map_lookup_elem(&busy, &k);
	struct hook_stats *st = bpf_map_lookup_elem(&stats, &k);

	if (!b || !st || !*(volatile __u32 *)b)
		return 0;
	st->nested++;
	return 1;
}

#endif
