/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel does not run a program on a CPU where it is running already
 * (prog->active in __bpf_trace_run() and __bpf_prog_enter_recur()), but leaves
 * the second run out.  That is so when the first one, in a system call, is
 * interrupted by a softirq that comes to the same hook, or is preempted by
 * another process that does: fentry and fexit programs can be preempted, those
 * of tracepoints from 7.0 on (a46023d5616e), and our own reader, of real-time
 * priority, does so as soon as a record wakes it up.
 *
 * So a hook that is met in system calls, and whose every event counts, has two
 * programs: the first marks that it runs, and the second handles what comes
 * meanwhile.  User space counts what is left out of the first, less what the
 * second has handled, as lost.
 */
#ifndef TCPLENS_NESTED_BPF_H
#define TCPLENS_NESTED_BPF_H

#include "maps.bpf.h"

static __always_inline void busy_set(enum busy what, __u32 on)
{
	__u32 k = what, *b = bpf_map_lookup_elem(&busy, &k);

	if (b)
		*(volatile __u32 *)b = on;
	barrier();
}

/* 1: the first program is running underneath, so that this event is the second's to handle. */
static __always_inline int nested_begin(enum busy what, enum ev_hook hook)
{
	__u32 k = what, *b = bpf_map_lookup_elem(&busy, &k);
	struct hook_stats *st;

	k = hook;
	st = bpf_map_lookup_elem(&stats, &k);

	if (!b || !st || !*(volatile __u32 *)b)
		return 0;
	st->nested++;
	return 1;
}

#endif
