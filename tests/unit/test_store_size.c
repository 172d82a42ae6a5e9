// SPDX-License-Identifier: BSD-2-Clause
/* How many connections there is room for. */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "store_size.h"

static void test_size(void **state)
{
	(void)state;
	assert_int_equal(store_size_for(0), 32768);
	assert_int_equal(store_size_for(200000), 32768 + 250000);
	assert_int_equal(store_size_for(1ULL << 40), 1 << 22);
	assert_true(store_size_default() >= store_size_for(0));
}

static __u64 count(const char *text, const char *const names[])
{
	char path[] = "/tmp/tcplens-unit-XXXXXX";
	int fd = mkstemp(path);
	__u64 n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	n = store_size_count(path, names);
	unlink(path);
	return n;
}

static void test_count(void **state)
{
	static const char *const caches[] = { "TCP", "TCPv6", NULL };
	static const char *const all[] = { "sockets:", NULL };

	(void)state;
	assert_int_equal(count("slabinfo - version: 2.1\n"
			       "# name            <active_objs> <num_objs> <objsize>\n"
			       "tw_sock_TCPv6         16     16    248   16    1 : tunables 0 0 0\n"
			       "TCPv6                 39     40   2432   13    8 : tunables 0 0 0\n"
			       "TCP                  120    126   2304   14    8 : tunables 0 0 0\n",
			       caches),
			 159);
	assert_int_equal(count("sockets: used 171\nTCP: inuse 5 orphan 0 tw 1 alloc 9 mem 3\n", all), 171);
	assert_int_equal(store_size_count("/no/such/file", all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
