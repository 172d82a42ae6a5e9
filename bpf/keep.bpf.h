/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A program that keeps its CPU to its end.
 *
 * While a program is running on a CPU, the kernel leaves it out of what else would
 * run it there (nested.bpf.h).  A process that is preempted in it stands there until
 * it is its turn again, for milliseconds, and all that other processes send, receive
 * or open meanwhile is left out, a whole time slice of it.  Then the second program
 * has to do it all, and it can be stood in, too.
 *
 * So where programs can be preempted they forbid it (bpf_preempt_disable(), 6.10).
 * To allow it again is what would let the waiting process in, still inside the
 * program; so that is done with interrupts off: preempt_schedule() does nothing then,
 * and to turn them on again only makes way for an interrupt that came in that very
 * moment.  The process that waits is let in by the next that counts, the kernel's
 * own when it leaves the program (rcu_read_unlock_migrate() in
 * __bpf_prog_exit_recur() and __bpf_trace_run(), behind prog->active).
 *
 * The second programs do not: they are over in no time, unless the first was left out.
 *
 * From 6.15 on (global functions may be called in it), which is where it is needed:
 * programs of fentry and fexit are preempted where the kernel is (PREEMPT_LAZY: from
 * 6.13 on), those of tracepoints from 7.0 on (a46023d5616e).
 */
#ifndef TCPLENS_KEEP_BPF_H
#define TCPLENS_KEEP_BPF_H

#include "ktypes.h"
#include "maps.bpf.h"

static void (*const bpf_preempt_disable)(void) = (void *)KFUNC_bpf_preempt_disable;
static void (*const bpf_preempt_enable)(void) = (void *)KFUNC_bpf_preempt_enable;
static void (*const bpf_local_irq_save)(unsigned long *flags) = (void *)KFUNC_bpf_local_irq_save;
static void (*const bpf_local_irq_restore)(unsigned long *flags) =
	(void *)KFUNC_bpf_local_irq_restore;

static __always_inline void keep_begin(int keep)
{
	if (keep)
		bpf_preempt_disable();
}

static __always_inline void keep_end(int keep)
{
	unsigned long flags;

	if (!keep)
		return;
	bpf_local_irq_save(&flags);
	bpf_preempt_enable();
	bpf_local_irq_restore(&flags);
}

/* BPF_PROG() of libbpf, and the CPU kept around its body. */
#define PROG_KEPT(keep, name, args...)                                                         \
	name(unsigned long long *ctx);                                                         \
	static __always_inline int ____##name(unsigned long long *ctx, ##args);                \
	int name(unsigned long long *ctx)                                                      \
	{                                                                                      \
		keep_begin(keep);                                                              \
		_Pragma("GCC diagnostic push")                                                 \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")                         \
		____##name(___bpf_ctx_cast(args));                                             \
		_Pragma("GCC diagnostic pop")                                                  \
		keep_end(keep);                                                                \
		return 0;                                                                      \
	}                                                                                      \
	static __always_inline int ____##name(unsigned long long *ctx, ##args)

/* Of fentry and fexit; of tp_btf. */
#define FUNC_PROG(name, args...) PROG_KEPT(cfg.keep_func, name, ##args)
#define TP_PROG(name, args...) PROG_KEPT(cfg.keep_tp, name, ##args)

#endif
