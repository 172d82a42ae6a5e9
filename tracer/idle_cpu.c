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

bool idle_cpu_choose(const struct cpu_time *was, const struct cpu_time *now, const cpu_set_t *allowed,
		     cpu_set_t *to)
{
	int share[CPUS_MAX], most = 0;
	bool busier = false;

	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		share[cpu] = CPU_ISSET(cpu, allowed) ? idle_share(&was[cpu], &now[cpu]) : -1;
		if (share[cpu] > most)
			most = share[cpu];
	}
	CPU_ZERO(to);
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (share[cpu] >= 0 && share[cpu] < most - MARGIN)
			busier = true;
		else if (share[cpu] >= 0)
			CPU_SET(cpu, to);
	}
	return busier;
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
	/* Others are moved by the scheduler. */
	if ((sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) != SCHED_FIFO)
		return;
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

static void run_anywhere(struct idle_cpu *p)
{
	if (p->bound)
		idle_cpu__anywhere();
	p->bound = false;
}

void idle_cpu__look(struct idle_cpu *p, __u64 now_ns)
{
	struct cpu_time now[CPUS_MAX];
	cpu_set_t to;
	__u64 took;

	if (!p->on || now_ns < p->next_ns)
		return;
	now_ns = clock_mono_ns();
	if (read_stat(now)) {
		run_anywhere(p);
		p->on = false;
		return;
	}
	if (!idle_cpu_choose(p->was, now, &everywhere, &to))
		run_anywhere(p);
	else if (!sched_setaffinity(0, sizeof(to), &to))
		p->bound = true;
	memcpy(p->was, now, sizeof(now));
	took = (clock_mono_ns() - now_ns) * SHARE;
	p->next_ns = now_ns + (took > p->step_ns ? took : p->step_ns);
	if (p->looks < FIRST_LOOKS)
		p->looks++;
	else
		p->step_ns = MOST_NS;
}
