// SPDX-License-Identifier: BSD-2-Clause
/* How long records gather. */
#include "unit.h"

#include "pace.h"

#define MB (1u << 20)
#define MS 1000000ULL

static void test_first(void **state)
{
	struct pace p;

	(void)state;
	pace__init(&p, 8 * MB, 8 * MB);
	assert_in_range(p.ns, 15 * MS, PACE_MAX_NS);
	/* Not even at the highest rate is the ring more than half full. */
	assert_true(p.ns * PACE_RATE / 1000000000 <= 4 * MB + 1000);
	pace__init(&p, 4096, 4096);
	assert_int_equal(p.ns, PACE_MIN_NS);
	pace__init(&p, MB, 1u << 30);
	assert_int_equal(p.ns, PACE_MAX_NS);
}

static void test_by_fill(void **state)
{
	struct pace p;

	(void)state;
	pace__init(&p, 8 * MB, 8 * MB);
	pace__drained(&p, 100000, 20 * MS); /* slow: as rarely as may be */
	assert_int_equal(p.ns, p.most_ns);
	pace__drained(&p, 8 * MB, 20 * MS); /* full: half as long */
	assert_int_equal(p.ns, 10 * MS);
	pace__drained(&p, 8 * MB, 1 * MS); /* absurdly fast */
	assert_int_equal(p.ns, PACE_MIN_NS);
	pace__drained(&p, 0, 20 * MS); /* nothing more comes */
	assert_int_equal(p.ns, p.most_ns);
	pace__drained(&p, 8 * MB, 0);
	assert_int_equal(p.ns, PACE_MIN_NS);
}

/* What fills a small ring in front is drained in time, as long as it lasts. */
static void test_front(void **state)
{
	struct pace p;

	(void)state;
	pace__init(&p, MB, 8 * MB);
	assert_in_range(p.ns, 15 * MS, PACE_MAX_NS);
	pace__drained(&p, 2 * MB, 20 * MS); /* 100 MB/s, and some went behind */
	assert_int_equal(p.ns, 20 * MS / 4);
	pace__drained(&p, 1000, 20 * MS);
	assert_int_equal(p.ns, p.most_ns);
}

/* Only where nothing has come for long may the reader sleep. */
static void test_quiet(void **state)
{
	struct pace p;

	(void)state;
	pace__init(&p, MB, 8 * MB);
	assert_false(pace__quiet(&p));
	pace__drained(&p, 0, PACE_AWAKE_NS - 1);
	assert_false(pace__quiet(&p));
	pace__drained(&p, 0, 1);
	assert_true(pace__quiet(&p));
	pace__drained(&p, 8, 20 * MS);
	assert_false(pace__quiet(&p));
	pace__drained(&p, 0, PACE_AWAKE_NS);
	assert_true(pace__quiet(&p));
}

/* A first record is not kept waiting. */
static void test_woken(void **state)
{
	struct pace p;

	(void)state;
	pace__init(&p, MB, 8 * MB);
	pace__woken(&p);
	assert_int_equal(p.ns, PACE_MIN_NS);
	pace__drained(&p, 1000, PACE_MIN_NS);
	assert_int_equal(p.ns, p.most_ns);
}

/* Of entries: half a table by the next time, and soon for the first time. */
static void test_table(void **state)
{
	struct pace p;

	(void)state;
	pace__init_table(&p, 65536, 2000 * MS);
	assert_in_range(p.ns, PACE_MIN_NS, 100 * MS);
	pace__drained(&p, 4096, 100 * MS);
	assert_int_equal(p.ns, 800 * MS);
	pace__drained(&p, 65536, 800 * MS);
	assert_int_equal(p.ns, 400 * MS);
	pace__drained(&p, 0, 400 * MS);
	assert_int_equal(p.ns, 2000 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_by_fill),
		cmocka_unit_test(test_front),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_woken),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
