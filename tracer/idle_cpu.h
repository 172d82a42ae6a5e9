/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPU a thread of real-time priority runs on.
 *
 * The scheduler wakes such a thread up on the CPU where it ran last, unless another
 * real-time thread runs there (select_task_rq_rt()): on the busiest of all for as long
 * as the run takes, if that is where it began, in the way of the very traffic that it
 * is told of, while others are idle.  So it keeps by itself to those that are idler by
 * far; as long as it lasts, for one such thread that wakes another up sends it elsewhere.
 */
#ifndef TCPLENS_IDLE_CPU_H
#define TCPLENS_IDLE_CPU_H

#include <sched.h>
#include <stdbool.h>

#include <linux/types.h>

#define CPUS_MAX CPU_SETSIZE

/* Of one CPU, in clock ticks since boot. */
struct cpu_time {
	__u64 idle; /* with what waits for disks */
	__u64 all;
};

struct idle_cpu {
	bool on;
	bool bound; /* to some of them */
	__u64 next_ns;
	__u64 step_ns;
	unsigned int looks;
	struct cpu_time *was; /* CPUS_MAX of them */
};

/* A new thread begins bound as its maker is, which is not for it: lets the calling one run anywhere. */
void idle_cpu__anywhere(void);

/*
 * For the calling thread, the first time before another one is made.  Does nothing (`on` is false) where there is one CPU only, more
 * than CPUS_MAX, or no /proc.  idle_cpu__free() in any case.
 */
void idle_cpu__init(struct idle_cpu *p);

/*
 * Looks how busy the CPUs have been since the last time, if that is long enough ago, and
 * moves the calling thread, or lets it run anywhere again; now_ns: CLOCK_MONOTONIC.
 */
void idle_cpu__look(struct idle_cpu *p, __u64 now_ns);

/* /proc/stat's lines for single CPUs into `t` (CPUS_MAX), zeros for those that it lacks. */
void idle_cpu_parse(const char *stat, struct cpu_time *t);

/*
 * *to: those CPUs of `allowed` that were idle for about as long as the idlest.  True: others
 * were so for a quarter of the time less, so that it matters.
 */
bool idle_cpu_choose(const struct cpu_time *was, const struct cpu_time *now, const cpu_set_t *allowed,
		     cpu_set_t *to);

/* Safe on a zeroed struct. */
void idle_cpu__free(struct idle_cpu *p);

#endif
