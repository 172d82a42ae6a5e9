// SPDX-License-Identifier: BSD-2-Clause
/* Which CPU real-time threads go to. */
#include "unit.h"

#include "idle_cpu.h"

static struct cpu_time was[CPUS_MAX], now[CPUS_MAX];

/* Since the last look, in ticks of which there were 100. */
static void idle(int cpu, int ticks)
{
	was[cpu] = (struct cpu_time){ .idle = 7000, .all = 50000 };
	now[cpu] = (struct cpu_time){ .idle = 7000 + ticks, .all = 50100 };
}

static cpu_set_t cpus(int n)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	for (int i = 0; i < n; i++)
		CPU_SET(i, &s);
	return s;
}

static int setup(void **state)
{
	(void)state;
	memset(was, 0, sizeof(was));
	memset(now, 0, sizeof(now));
	return 0;
}

static void test_parse(void **state)
{
	(void)state;
	idle_cpu_parse("cpu  1055616 484367 456404 844200 2096 0 41960 3857 0 0\n"
		       "cpu0 10 20 30 400 5 6 7 8 900 1000\n"
		       "cpu3 1 1 1 1 1 1 1 1 0 0\n"
		       "cpu7 1 2 3 4\n" /* 2.4 */
		       "cpu1024 1 1 1 1 1 1 1 1 0 0\n"
		       "intr 77 8 9\n",
		       now);
	assert_int_equal(now[0].all, 486); /* guests' time is the users' already */
	assert_int_equal(now[0].idle, 405);
	assert_int_equal(now[1].all, 0);
	assert_int_equal(now[3].all, 8);
	assert_int_equal(now[3].idle, 2);
	assert_int_equal(now[7].all, 10);
	assert_int_equal(now[7].idle, 4);
	idle_cpu_parse("cpu  1 1\ncpu1", now);
	assert_int_equal(now[0].all, 0);
	assert_int_equal(now[1].all, 0);
	idle_cpu_parse("", now);
}

/* What it chooses, as bits; 0: it does not matter. */
static unsigned int chosen(const cpu_set_t *allowed)
{
	unsigned int bits = 0;
	cpu_set_t to;

	if (!idle_cpu_choose(was, now, allowed, &to))
		return 0;
	for (int cpu = 0; cpu < 8; cpu++)
		bits |= CPU_ISSET(cpu, &to) ? 1u << cpu : 0;
	assert_int_equal(CPU_COUNT(&to), __builtin_popcount(bits));
	return bits;
}

static void test_goes_to_the_idle_one(void **state)
{
	cpu_set_t all = cpus(2);

	(void)state;
	idle(0, 10);
	idle(1, 90);
	assert_int_equal(chosen(&all), 1 << 1);
}

static void test_anywhere_when_all_are_alike(void **state)
{
	cpu_set_t all = cpus(2);

	(void)state;
	idle(0, 0);
	idle(1, 20);
	assert_int_equal(chosen(&all), 0);
	idle(0, 100);
	idle(1, 90);
	assert_int_equal(chosen(&all), 0);
}

/* On all that are about as idle, the scheduler may choose. */
static void test_several(void **state)
{
	cpu_set_t all = cpus(4);

	(void)state;
	idle(0, 0);
	idle(1, 80);
	idle(2, 60);
	idle(3, 100);
	assert_int_equal(chosen(&all), 1 << 1 | 1 << 3);
}

static void test_only_where_it_may(void **state)
{
	cpu_set_t all = cpus(2);

	(void)state;
	idle(0, 0);
	idle(1, 50);
	idle(2, 100);
	assert_int_equal(chosen(&all), 1 << 1);
	CPU_CLR(1, &all);
	assert_int_equal(chosen(&all), 0);
}

/* One that has come or gone meanwhile, and a count that went back (proc(5): iowait may). */
static void test_unknown(void **state)
{
	cpu_set_t all = cpus(3);

	(void)state;
	assert_int_equal(chosen(&all), 0);
	idle(0, 0);
	idle(1, 100);
	now[1].idle = 5;
	assert_int_equal(chosen(&all), 0);
	idle(1, 100);
	was[1].all = 0;
	assert_int_equal(chosen(&all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_parse, setup),
		cmocka_unit_test_setup(test_goes_to_the_idle_one, setup),
		cmocka_unit_test_setup(test_anywhere_when_all_are_alike, setup),
		cmocka_unit_test_setup(test_several, setup),
		cmocka_unit_test_setup(test_only_where_it_may, setup),
		cmocka_unit_test_setup(test_unknown, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
