// SPDX-License-Identifier: BSD-2-Clause
/* A third of the time belongs to others, however many threads there are. */
#include "unit.h"

#include "share.h"

#define MS 1000000ULL
#define SECOND (1000 * MS)

static void test_half_of_what_was_used(void **state)
{
	struct share s = {};

	(void)state;
	assert_int_equal(share__look(&s, 10 * MS, 10 * MS, 1), 5 * MS);
	assert_int_equal(share__look(&s, 13 * MS, 10 * MS, 1), 2 * MS);
	/* Longer than owed: that is not saved up. */
	assert_int_equal(share__look(&s, SECOND, 10 * MS, 1), 0);
	assert_int_equal(share__look(&s, SECOND + 10 * MS, 20 * MS, 1), 5 * MS);
	/* Others ran meanwhile. */
	s = (struct share){};
	assert_int_equal(share__look(&s, 20 * MS, 10 * MS, 1), 0);
	/* Two thirds of two CPUs are more than one. */
	s = (struct share){};
	assert_int_equal(share__look(&s, 10 * MS, 10 * MS, 2), 0);
	assert_int_equal(share__look(&s, 20 * MS, 30 * MS, 2), 5 * MS);
}

/* Threads that always want to run, in steps of their own, on so many CPUs: what they use of them in ten seconds. */
static double used_by(unsigned int threads, unsigned int cpus)
{
	const __u64 step[] = { 1 * MS, 7 * MS, 3 * MS, 20 * MS }, tick = MS / 4;
	struct share own[4] = {}, all = {};
	__u64 cpu[4] = {}, left[4], rest[4] = {}, sum = 0;

	memcpy(left, step, sizeof(left));
	for (__u64 now = 0; now < 10 * SECOND;) {
		unsigned int running = 0;
		bool runs[4] = {};

		for (unsigned int i = 0; i < threads; i++)
			if (running < cpus && now >= rest[i]) {
				runs[i] = true;
				running++;
				cpu[i] += tick;
				sum += tick;
			}
		now += tick;
		for (unsigned int i = 0; i < threads; i++) {
			__u64 alone, together;

			if (!runs[i] || (left[i] -= tick))
				continue;
			left[i] = step[i];
			alone = share__look(&own[i], now, cpu[i], 1);
			together = share__look(&all, now, sum, cpus);
			rest[i] = now + (alone > together ? alone : together);
		}
	}
	return (double)sum / (10 * SECOND * cpus);
}

static void test_together(void **state)
{
	(void)state;
	for (unsigned int threads = 1; threads <= 4; threads++)
		for (unsigned int cpus = 1; cpus <= 4; cpus++) {
			double used = used_by(threads, cpus), most = 2.0 / 3 * threads / cpus;

			if (most > 2.0 / 3)
				most = 2.0 / 3;
			/* They are not kept from what is theirs, either. */
			if (used > most + 0.01 || used < 0.6 * most)
				fail_msg("%u threads on %u CPUs: %f of %f", threads, cpus, used, most);
		}
}

/* Of the clocks: who sleeps owes nothing, who runs does. */
static void test_clocks(void **state)
{
	struct share s;

	(void)state;
	share__begin(&s);
	assert_int_equal(share__owed(&s), s.owed_ns);
	for (int i = 0; i < 1000 && share__owed(&s) < MS; i++)
		for (volatile int k = 0; k < 1000000; k++)
			;
	share_together();
	assert_true(share__owed(&s) >= s.owed_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_of_what_was_used),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
