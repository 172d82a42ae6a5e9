// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include "decode.h"
#include "sink.h"

/* Exactly `n` bytes on the heap, so that ASan sees a read beyond them. */
static int decode_exact(const void *data, size_t n, const struct ev_hdr **out)
{
	void *copy = malloc(n ? n : 1);
	int err;

	memcpy(copy, data, n);
	err = decode(copy, n, out);
	free(copy);
	return err;
}

static void test_good(void **state)
{
	struct ev_segment seg = a_segment();
	struct ev_state st = a_state();
	struct ev_lost lost = a_loss();
	const struct ev_hdr *ev;

	(void)state;
	assert_int_equal(decode(&seg, sizeof(seg), &ev), 0);
	assert_ptr_equal(ev, &seg);
	assert_ptr_equal(ev_who_of(ev), &seg.who);
	assert_ptr_equal(ev_ends_of(ev), &seg.ends);
	assert_int_equal(decode(&st, sizeof(st), &ev), 0);
	assert_ptr_equal(ev_who_of(ev), &st.who);
	assert_ptr_equal(ev_ends_of(ev), &st.ends);
	assert_int_equal(decode(&lost, sizeof(lost), &ev), 0);
	assert_null(ev_who_of(ev));
	assert_null(ev_ends_of(ev));
}

static void test_truncated(void **state)
{
	struct ev_segment seg = a_segment();
	const struct ev_hdr *ev;

	(void)state;
	for (size_t n = 0; n < sizeof(seg); n++) {
		assert_int_equal(decode_exact(&seg, n, &ev), -EINVAL);
		assert_null(ev);
	}
	/* The record itself says that it is shorter than its type. */
	for (size_t n = 0; n < sizeof(seg); n++) {
		seg.hdr.len = n;
		assert_int_equal(decode_exact(&seg, sizeof(seg), &ev), -EINVAL);
	}
}

static void test_misaligned(void **state)
{
	__u64 space[sizeof(struct ev_segment) / 8 + 1];
	struct ev_segment seg = a_segment();
	const struct ev_hdr *ev;

	(void)state;
	for (int i = 1; i < 8; i++) {
		memcpy((char *)space + i, &seg, sizeof(seg));
		assert_int_equal(decode((char *)space + i, sizeof(seg), &ev), -EINVAL);
	}
}

/* A later version may append fields; a length that breaks the alignment is none. */
static void test_longer(void **state)
{
	struct {
		struct ev_segment seg;
		__u64 more[2];
	} r = { a_segment(), { 1, 2 } };
	const struct ev_hdr *ev;

	(void)state;
	r.seg.hdr.len = sizeof(r);
	assert_int_equal(decode(&r, sizeof(r), &ev), 0);
	assert_int_equal(decode(&r, sizeof(r) - 8, &ev), -EINVAL);
	r.seg.hdr.len = sizeof(r) - 4;
	assert_int_equal(decode(&r, sizeof(r), &ev), -EINVAL);
}

static void test_unknown_type(void **state)
{
	struct ev_segment seg = a_segment();
	const struct ev_hdr *ev;

	(void)state;
	seg.hdr.type = EV_TYPE_MAX;
	seg.hdr.hook = 200;
	assert_int_equal(decode(&seg, sizeof(seg), &ev), -ENOMSG);
	assert_ptr_equal(ev, &seg); /* so that it can be skipped */
	seg.hdr.type = 0xffff;
	assert_int_equal(decode(&seg, sizeof(seg), &ev), -ENOMSG);
	seg.hdr.type = EV_NONE;
	assert_int_equal(decode(&seg, sizeof(seg), &ev), -EINVAL);
}

#define BAD_SEG(member, value)                                                \
	do {                                                                  \
		struct ev_segment s = a_segment();                            \
									      \
		s.member = value;                                             \
		assert_int_equal(decode(&s, sizeof(s), &ev), -EINVAL);        \
	} while (0)

#define BAD_STATE(member, value)                                              \
	do {                                                                  \
		struct ev_state s = a_state();                                \
									      \
		s.member = value;                                             \
		assert_int_equal(decode(&s, sizeof(s), &ev), -EINVAL);        \
	} while (0)

static void test_out_of_range(void **state)
{
	const struct ev_hdr *ev;

	(void)state;
	BAD_SEG(hdr.hook, HOOK_MAX);
	BAD_SEG(who.how, HOW_MAX);
	BAD_SEG(ends.ip, 5);
	BAD_SEG(ends.ip, 0);
	BAD_SEG(dir, 2);
	BAD_SEG(state, 13);
	BAD_SEG(flags, 0x200);
	BAD_SEG(segs, 0);
	BAD_STATE(who.how, 255);
	BAD_STATE(ends.ip, 255);
	BAD_STATE(old, 0);
	BAD_STATE(old, 13);
	BAD_STATE(new, 0);
	BAD_STATE(new, 255);
}

/* Whatever decode() lets through can be printed, both ways, without harm. */
static void test_random_bytes(void **state)
{
	struct sink_cfg cfg = { .ops = &sink_json_ops, .tty = -1 };
	struct sink json, text;
	const struct ev_hdr *ev;
	__u64 seed = 4, buf[sizeof(struct ev_segment) / 8];
	int good = 0;

	(void)state;
	sink__init(&json, &cfg);
	cfg.ops = &sink_text_ops;
	for (size_t i = 0; i < nfields; i++)
		cfg.fields[cfg.nfields++] = &fields[i];
	sink__init(&text, &cfg);
	for (int i = 0; i < 20000; i++) {
		struct ev_segment *s = (struct ev_segment *)buf;

		for (size_t k = 0; k < COUNT(buf); k++)
			buf[k] = random_u64(&seed);
		/* Help it past the first checks, each time somewhere else. */
		s->hdr.type = 1 + i % 3;
		s->hdr.len = sizeof(*s);
		s->hdr.hook &= 3;
		s->who.how &= 7;
		s->ends.ip = i & 8 ? 4 : 6;
		if (s->hdr.type == EV_SEGMENT) {
			s->dir &= 1;
			s->state &= 15;
			s->flags &= 0x1ff;
		} else {
			((struct ev_state *)s)->old &= 15;
			((struct ev_state *)s)->new &= 15;
		}
		if (decode(buf, sizeof(buf), &ev))
			continue;
		good++;
		assert_true(sink__event(&json, ev) >= 0);
		assert_true(sink__event(&text, ev) >= 0);
		outbuf_reset(&json.out);
		outbuf_reset(&text.out);
	}
	assert_true(good > 5000);
	sink__free(&json);
	sink__free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_misaligned),
		cmocka_unit_test(test_longer),
		cmocka_unit_test(test_unknown_type),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
