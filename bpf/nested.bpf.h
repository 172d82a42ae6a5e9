/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel does not run a program on a CPU where it is running already
 * (prog->active in __bpf_trace_run() and __bpf_prog_enter_recur()), but leaves
 * the second run out.  That is so when the first one, in a system call, is
 * interrupted by a softirq that comes to the same hook, or is preempted by
 * another process that does: fentry and fexit programs can be preempted, those
 * of tracepoints from 7.0 on (a46023d5616e), and our own reader, of real-time
 * priority, does so whenever its time has come.  (Where they can, programs do not
 * let themselves be preempted: keep.bpf.h.)
 *
 * So a hook that is met in system calls, and whose every event counts, has two
 * programs.  The first handles the event and leaves a mark; the second, which
 * runs behind it, handles what has none: what the first was left out of.  (They
 * stand in that order in tracer/hooks.c; of fentry and fexit the last attached
 * runs first, bpf_trampoline_link_prog().)  User space counts what is left out
 * of the first, less what the second has handled, as lost.
 *
 * Between the two a process may be preempted, and then go on elsewhere: where RCU's
 * read side is not preemptible (PREEMPT_LAZY), the first program's end is where that
 * becomes possible.
 */
#ifndef TCPLENS_NESTED_BPF_H
#define TCPLENS_NESTED_BPF_H

#include "keep.bpf.h"
#include "store.bpf.h"

/*
 * nested.bpf.c: functions of their own, as what a state change needs of the stack
 * is all that 6.1 allows.  An event is known by what it is about: a packet, a
 * socket, a process.
 */
int twin_mark(__u32 what, __u64 about);
int twin_missed(__u32 what, __u64 about, __u32 hook);

/* In the first program, before all else: then nothing of it has to be kept for it. */
static __always_inline void twin_done(enum twin what, const void *about)
{
	twin_mark(what, number_of(about));
}

/* 1: the first program was left out, so that this event is the second's to handle. */
static __always_inline int twin_wanted(enum twin what, const void *about, enum ev_hook hook)
{
	return twin_missed(what, number_of(about), hook);
}

#endif
