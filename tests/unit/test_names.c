// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include "names.h"

static void test_states(void **state)
{
	static const char *const rfc[] = { NULL, "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED",
					   "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
					   "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING",
					   "SYN-RECEIVED" };

	(void)state;
	assert_null(state_name(0));
	assert_null(state_name(13));
	assert_null(state_name(~0u));
	for (unsigned int i = 1; i < COUNT(rfc); i++) {
		assert_string_equal(state_name(i), rfc[i]);
		assert_int_equal(state_parse(rfc[i]), i == 12 ? 3 : i);
	}
}

static void test_state_spellings(void **state)
{
	static const struct {
		const char *name;
		int number;
	} cases[] = {
		{ "established", 1 },  { "ESTAB", 1 },	       { "TCP_ESTABLISHED", 1 },
		{ "syn-sent", 2 },     { "SYN_SENT", 2 },      { "syn-recv", 3 },
		{ "SYN_RECV", 3 },     { "SYN_RCVD", 3 },      { "FIN_WAIT1", 4 },
		{ "fin-wait-2", 5 },   { "FinWait2", 5 },      { "tcp_time_wait", 6 },
		{ "CLOSE", 7 },	       { "unconn", 7 },	       { "closed", 7 },
		{ "close_wait", 8 },   { "LAST_ACK", 9 },      { "listening", 10 },
		{ "TCP_CLOSING", 11 }, { "NEW_SYN_RECV", 12 }, { "", -EINVAL },
		{ "-", -EINVAL },      { "TCP_", -EINVAL },    { "ESTABLISHED ", -EINVAL },
		{ "1", -EINVAL },      { "FIN-WAIT", -EINVAL },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(state_parse(cases[i].name), cases[i].number);
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(flag_parse("FIN"), TF_FIN);
	assert_int_equal(flag_parse("syn"), TF_SYN);
	assert_int_equal(flag_parse("Ack"), TF_ACK);
	assert_int_equal(flag_parse("AE"), TF_AE);
	assert_int_equal(flag_parse("CWR"), TF_CWR);
	assert_int_equal(flag_parse(""), -EINVAL);
	assert_int_equal(flag_parse("SYNACK"), -EINVAL);
	assert_int_equal(flag_parse("S"), -EINVAL);
}

/* Everything in range has a name, nothing outside has. */
static void check_range(const char *(*name)(unsigned int), unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++)
		assert_non_null(name(i));
	assert_null(name(end));
	assert_null(name(255));
	assert_null(name(~0u));
}

static void test_enums(void **state)
{
	(void)state;
	check_range(how_name, 0, HOW_MAX);
	check_range(hook_name, 0, HOOK_MAX);
	check_range(part_name, 0, PART_MAX);
	check_range(limit_name, 0, LIMIT_MAX);
	check_range(end_name, 0, END_MAX);
	check_range(group_name, 0, GROUP_MAX);
	check_range(event_name, EV_SEGMENT, EV_LATENCY + 1); /* the numbers have gaps */
	assert_string_equal(event_name(EV_LIFE), "life");
	assert_string_equal(event_name(EV_LATENCY), "latency");
	assert_null(event_name(EV_TYPE_MAX));
	assert_int_equal(group_parse("port"), GROUP_PORT);
	assert_int_equal(group_parse("ports"), -EINVAL);
	assert_string_equal(event_name(EV_LOST), "lost");
	assert_string_equal(event_name(EV_CONNECT), "connect");
	assert_string_equal(event_name(EV_SUM), "sum");
	check_range(result_name, 0, RESULT_MAX);
	check_range(kind_name, 0, KIND_MAX);
	assert_string_equal(errno_name(ECONNREFUSED), "ECONNREFUSED");
	assert_null(errno_name(0));
	assert_null(errno_name(~0u));
	assert_null(event_name(EV_NONE));
	assert_string_equal(how_name(HOW_UNKNOWN), "unknown");
	assert_string_equal(how_name(HOW_LISTENER), "listener");
	assert_string_equal(hook_name(HOOK_SEG_IN), "segment-in");
	assert_string_equal(dir_name(DIR_OUT), "out");
	assert_string_equal(dir_name(DIR_IN), "in");
	assert_null(dir_name(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_state_spellings),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_enums),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
