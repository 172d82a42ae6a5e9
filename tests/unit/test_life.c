// SPDX-License-Identifier: BSD-2-Clause
/* The verdict: shares of a life. */
#include "unit.h"

#include "life.h"

static int sum(const __u8 *shares)
{
	int n = 0;

	for (int i = 0; i < LIMIT_MAX; i++)
		n += shares[i];
	return n;
}

static void test_shares(void **state)
{
	struct ev_life l = a_life();
	__u8 s[LIMIT_MAX];

	(void)state;
	assert_int_equal(life_shares(&l, s), LIMIT_RWND);
	assert_int_equal(s[LIMIT_HANDSHAKE], 1);
	assert_int_equal(s[LIMIT_RWND], 50);
	assert_int_equal(s[LIMIT_PATH], 5);
	assert_int_equal(s[LIMIT_APP], 44);
	assert_int_equal(sum(s), 100);
}

/* The kernel's ticks may add up to more than the life: the first in order stay. */
static void test_too_much(void **state)
{
	struct ev_life l = a_life();
	__u8 s[LIMIT_MAX];

	(void)state;
	l.limit_ns[LIMIT_LOSS] = 1500000000;
	l.limit_ns[LIMIT_READER] = ~0ULL;
	assert_int_equal(life_shares(&l, s), LIMIT_LOSS);
	assert_int_equal(s[LIMIT_LOSS], 75);
	assert_int_equal(s[LIMIT_RWND], 24);
	assert_int_equal(s[LIMIT_PATH], 0);
	assert_int_equal(s[LIMIT_READER], 0);
	assert_int_equal(s[LIMIT_APP], 0);
	assert_int_equal(sum(s), 100);
}

static void test_nothing(void **state)
{
	struct ev_life l = a_life();
	__u8 s[LIMIT_MAX];

	(void)state;
	l.dur_ns = 0;
	assert_int_equal(life_shares(&l, s), LIMIT_APP);
	assert_int_equal(s[LIMIT_APP], 100);
	assert_int_equal(sum(s), 100);
}

/* Whatever the record says: 100 together, and the named one is none smaller than another. */
static void test_random(void **state)
{
	__u64 seed = 7;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		struct ev_life l = a_life();
		__u8 s[LIMIT_MAX];
		enum ev_limit best;

		l.dur_ns = random_u64(&seed) >> random_u64(&seed) % 64;
		for (int i = 0; i < LIMIT_APP; i++)
			l.limit_ns[i] = random_u64(&seed) >> random_u64(&seed) % 64;
		best = life_shares(&l, s);
		assert_int_equal(sum(s), 100);
		for (int i = 0; i < LIMIT_MAX; i++)
			assert_true(s[i] <= s[best] + 1); /* rounding */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
