// SPDX-License-Identifier: BSD-2-Clause
#include "idle_cpu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define FIRST_NS 100000000ULL /* ten clock ticks, at least */
#define FIRST_LOOKS 10
#define MOST_NS 1000000000ULL
/* A look may take that part of the time at most: with many interrupts /proc/stat is slow. */
#define SHARE 1000
#define STAT_MAX (256u << 10) /* all lines of CPUs come first */

/* Thousandths. */
#define MARGIN 250

/* user nice system idle iowait irq softirq steal; what guests took is in user (proc(5)). */
static void parse_line(const char *at, struct cpu_time *t)
{
	char *end;

	*t = (struct cpu_time){};
	for (int i = 0; i < 8; i++) {
		__u64 v = strtoull(at, &end, 10);

		if (end == at)
			return;
		t->all += v;
		if (i == 3 || i == 4)
			t->idle += v;
		at = end;
	}
}

void idle_cpu_parse(const char *stat, struct cpu_time *t)
{
	memset(t, 0, CPUS_MAX * sizeof(*t));
	for (; !strncmp(stat, "cpu", 3); stat = strchr(stat, '\n') + 1) {
		unsigned int cpu;
		int n = 0;

		if (sscanf(stat, "cpu%u%n", &cpu, &n) == 1 && cpu < CPUS_MAX)
			parse_line(stat + n, &t[cpu]);
		if (!strchr(stat, '\n'))
			return;
	}
}

/* Thousandths of the time in which a CPU was idle; -1: nothing is known of it. */
static int idle_share(const struct cpu_time *was, const struct cpu_time *now)
{
	if (!was->all || now->all <= was->all || now->idle < was->idle)
		return -1;
	return (now->idle - was->idle) * 1000 / (now->all - was->all);
}

int idle_cpu_choose(const struct cpu_time *was, const struct cpu_time *now, const cpu_set_t *allowed,
		 int here)
{
	int best = -1, most = 0, least = 1000, own = -1;

	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		int share = CPU_ISSET(cpu, allowed) ? idle_share(&was[cpu], &now[cpu]) : -1;

		if (share < 0)
			continue;
		if (cpu == here)
			own = share;
		if (share > most) {
			most = share;
			best = cpu;
		}
		if (share < least)
			least = share;
	}
	if (most - least <= MARGIN)
		return -1;
	return own >= most - MARGIN ? here : best;
}

static int read_stat(struct cpu_time *t)
{
	char *text = malloc(STAT_MAX + 1);
	int fd = text ? open("/proc/stat", O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, text, STAT_MAX);

	if (fd >= 0)
		close(fd);
	if (n > 0) {
		text[n] = 0;
		idle_cpu_parse(text, t);
	}
	free(text);
	return n > 0 ? 0 : -1;
}

/* Where the process may run. */
static cpu_set_t everywhere;
static bool known;

void idle_cpu__anywhere(void)
{
	if (known)
		sched_setaffinity(0, sizeof(everywhere), &everywhere);
}

void idle_cpu__init(struct idle_cpu *p)
{
	*p = (struct idle_cpu){ .step_ns = FIRST_NS };
	/* With more CPUs than the set has room for: EINVAL. */
	if (!known && sched_getaffinity(0, sizeof(everywhere), &everywhere))
		return;
	known = true;
	if (CPU_COUNT(&everywhere) < 2)
		return;
	p->was = calloc(CPUS_MAX, sizeof(*p->was));
	p->on = p->was && !read_stat(p->was);
}

void idle_cpu__free(struct idle_cpu *p)
{
	free(p->was);
	*p = (struct idle_cpu){};
}

/*
 * There alone, while the others are so much busier: woken up by another real-time thread
 * that runs there it would be sent away again.
 */
static void stay_on(struct idle_cpu *p, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	p->bound = !sched_setaffinity(0, sizeof(one), &one);
}

static void run_anywhere(struct idle_cpu *p)
{
	if (p->bound)
		idle_cpu__anywhere();
	p->bound = false;
}

void idle_cpu__look(struct idle_cpu *p, __u64 now_ns)
{
	struct cpu_time now[CPUS_MAX];
	__u64 took;
	int here, to;

	if (!p->on || now_ns < p->next_ns)
		return;
	now_ns = clock_mono_ns();
	here = sched_getcpu();
	if (read_stat(now) || here < 0 || here >= CPUS_MAX) {
		p->on = false;
		return;
	}
	to = idle_cpu_choose(p->was, now, &everywhere, here);
	if (to < 0)
		run_anywhere(p);
	else if (to != here || !p->bound)
		stay_on(p, to);
	memcpy(p->was, now, sizeof(now));
	took = (clock_mono_ns() - now_ns) * SHARE;
	p->next_ns = now_ns + (took > p->step_ns ? took : p->step_ns);
	if (p->looks < FIRST_LOOKS)
		p->looks++;
	else
		p->step_ns = MOST_NS;
}
