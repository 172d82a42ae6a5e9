// SPDX-License-Identifier: BSD-2-Clause
#include "share.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "clock.h"

static struct {
	pthread_mutex_t lock;
	struct share share;
	unsigned int cpus; /* 0: nobody asks */
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static __u64 cpu_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

__u64 share__look(struct share *s, __u64 wall_ns, __u64 cpu_ns, unsigned int cpus)
{
	__u64 used = cpu_ns > s->cpu_ns ? cpu_ns - s->cpu_ns : 0;
	__u64 passed = wall_ns > s->wall_ns ? wall_ns - s->wall_ns : 0;

	s->owed_ns += (used + used / 2) / cpus;
	s->owed_ns -= passed < s->owed_ns ? passed : s->owed_ns;
	s->wall_ns = wall_ns;
	s->cpu_ns = cpu_ns;
	return s->owed_ns;
}

void share_together(void)
{
	cpu_set_t set;

	all.share = (struct share){ .wall_ns = clock_mono_ns(), .cpu_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) };
	/* With more CPUs than the set has room for: EINVAL. */
	all.cpus = sched_getaffinity(0, sizeof(set), &set) ? CPU_SETSIZE : CPU_COUNT(&set);
}

void share__begin(struct share *own)
{
	*own = (struct share){ .wall_ns = clock_mono_ns(), .cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) };
}

__u64 share__owed(struct share *own)
{
	__u64 alone = share__look(own, clock_mono_ns(), cpu_ns(CLOCK_THREAD_CPUTIME_ID), 1), together;

	if (!all.cpus)
		return alone;
	pthread_mutex_lock(&all.lock);
	together = share__look(&all.share, clock_mono_ns(), cpu_ns(CLOCK_PROCESS_CPUTIME_ID), all.cpus);
	pthread_mutex_unlock(&all.lock);
	return alone > together ? alone : together;
}
