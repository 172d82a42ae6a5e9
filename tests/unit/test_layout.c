// SPDX-License-Identifier: BSD-2-Clause
/* Recordings of today are read tomorrow: what is in them does not change by accident (layout.h). */
#include "unit.h"

#include "decode.h"
#include "layout.h"
#include "recording.h"

_Static_assert(REC_VERSION == 2, "a new version: see layout.h for what has to come with it");

struct row {
	const char *what;
	size_t is, was;
};

#define SIZE(type, size) { "sizeof(struct " #type ")", sizeof(struct type), size },
#define OFFSET(type, field, off, size) { "offset of " #type "." #field, offsetof(struct type, field), off },
#define WIDTH(type, field, off, size) \
	{ "bytes of " #type "." #field, sizeof(((struct type *)0)->field), size },
#define VALUE(name, value) { #name, name, value },

static const struct row sizes[] = { LAYOUT_SIZES(SIZE) };
static const struct row fields[] = { LAYOUT_FIELDS(OFFSET) LAYOUT_FIELDS(WIDTH) };
static const struct row values[] = { LAYOUT_VALUES(VALUE) };

static void compare(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].is != rows[i].was)
			fail_msg("%s is %zu, and %zu in recordings that exist: see tests/unit/layout.h",
				 rows[i].what, rows[i].is, rows[i].was);
}

static void test_sizes(void **state)
{
	(void)state;
	compare(sizes, COUNT(sizes));
}

static void test_fields(void **state)
{
	(void)state;
	compare(fields, COUNT(fields));
}

static void test_values(void **state)
{
	(void)state;
	compare(values, COUNT(values));
}

/* Nothing that a recording may hold is missing here. */
static void test_all_types(void **state)
{
	static const __u8 known[EV_TYPE_MAX] = {
		[EV_SEGMENT] = 1, [EV_STATE] = 1, [EV_LOST] = 1,  [EV_CONNECT] = 1, [EV_ACCEPT] = 1,  [EV_RETRANSMIT] = 1,
		[EV_DROP] = 1,	  [EV_RESET] = 1, [EV_STALL] = 1, [EV_LIFE] = 1,    [EV_LATENCY] = 1,
	};

	(void)state;
	for (unsigned int type = 0; type < EV_TYPE_MAX; type++)
		if (!!ev_size(type) != known[type])
			fail_msg("record type %u is new, or gone: see tests/unit/layout.h", type);
}

/* Values behind those of layout.h are new ones. */
static void test_all_values(void **state)
{
	(void)state;
	assert_int_equal(HOOK_MAX, HOOK_LOSS + 1);
	assert_int_equal(HOW_MAX, HOW_KERNEL + 1);
	assert_int_equal(LIMIT_MAX, LIMIT_APP + 1);
	assert_int_equal(END_MAX, END_ERROR + 1);
	assert_int_equal(BY_MAX, BY_REMOTE + 1);
	assert_int_equal(PART_MAX, PART_OWN + 1);
	assert_int_equal(RESULT_MAX, RESULT_PENDING + 1);
	assert_int_equal(KIND_MAX, KIND_SYNACK + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	  cmocka_unit_test(test_fields),
		cmocka_unit_test(test_values),	  cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_all_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
