/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads of real-time priority leave to others, who get nothing while they run: each thread is
 * away from the CPU for half as long as it has used it, at least; and all together use two thirds of
 * the CPUs that the process may run on, at most, be it one CPU or more threads than there are CPUs.
 * What is owed is kept until it is paid, so nobody gains by resting while another one runs; what was
 * not used is not saved up.
 */
#ifndef TCPLENS_SHARE_H
#define TCPLENS_SHARE_H

#include <linux/types.h>

struct share {
	__u64 wall_ns, cpu_ns; /* of the last look */
	__u64 owed_ns;
};

/* All threads together count from here on; without it, each for itself only. */
void share_together(void);

/* Of the calling thread, which has used nothing yet. */
void share__begin(struct share *own);

/* How long the calling thread is to leave the CPU now. */
__u64 share__owed(struct share *own);

/* The rule: by clocks that tell the time, and what of it was used on `cpus` CPUs. */
__u64 share__look(struct share *s, __u64 wall_ns, __u64 cpu_ns, unsigned int cpus);

#endif
