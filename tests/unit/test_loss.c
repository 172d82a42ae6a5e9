// SPDX-License-Identifier: BSD-2-Clause
/* The view `loss`: what it prints of hand-made records, and what it adds up. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decode.h"
#include "fields.h"
#include "names.h"
#include "outbuf.h"
#include "trouble.h"
#include "view.h"

static struct ev_trouble a_trouble(__u16 type)
{
	struct ev_segment s = a_segment();
	struct ev_trouble t = {
		.hdr = { .type = type, .len = sizeof(t), .hook = HOOK_LOSS, .mono_ns = T_MONO },
		.who = s.who,
		.ends = s.ends,
		.has = TROUBLE_HAS_DIR,
		.dir = DIR_OUT,
		.state = 1,
	};

	return t;
}

static struct ev_trouble a_retransmit(__u8 kind, __u16 segs)
{
	struct ev_trouble t = a_trouble(EV_RETRANSMIT);

	t.kind = kind;
	t.segs = segs;
	t.attempt = 1;
	t.has |= TROUBLE_HAS_SEQ | TROUBLE_HAS_CWND;
	t.flags = TF_ACK;
	return t;
}

static struct ev_trouble a_drop(__u8 dir, const char *reason)
{
	struct ev_trouble t = a_trouble(EV_DROP);

	t.dir = dir;
	t.has |= TROUBLE_HAS_SEQ | TROUBLE_HAS_REASON;
	snprintf(t.reason_name, sizeof(t.reason_name), "%s", reason);
	return t;
}

static struct ev_trouble a_stall(__u8 dir, __u64 ns, bool ended)
{
	struct ev_trouble t = a_trouble(EV_STALL);

	t.dir = dir;
	t.span_ns = ns;
	t.has |= ended ? TROUBLE_STALL_ENDED : 0;
	return t;
}

static void says(const void *ev, const char *want)
{
	const struct field *f = field_find("trouble", 7);
	struct fctx c = {};
	struct outbuf b = {};
	struct fvalue v;
	size_t cols;

	assert_int_equal(field_get(f, ev, &c, &v), 1);
	cols = field_text(&b, f, &v, &c);
	outbuf_chr(&b, 0);
	assert_string_equal(b.p, want);
	assert_int_equal(cols, strlen(want));
	outbuf__free(&b);
}

static void test_text(void **state)
{
	struct ev_trouble t = a_retransmit(KIND_FAST, 1);

	(void)state;
	says(&t, "retransmit fast 1");
	t = a_retransmit(KIND_SYNACK, 1);
	t.attempt = 123;
	says(&t, "retransmit syn-ack 123");
	t.attempt = 0;
	says(&t, "retransmit syn-ack");
	t = a_drop(DIR_IN, "NO_SOCKET");
	says(&t, "drop NO_SOCKET");
	/* Of no connection: which port of ours. */
	t.who = (struct ev_who){};
	t.ends.lport = 8080;
	says(&t, "drop NO_SOCKET :8080");
	t = a_drop(DIR_OUT, "NETFILTER_DROP");
	says(&t, "drop out NETFILTER_DROP");
	t.who = (struct ev_who){};
	t.ends.lport = 1;
	says(&t, "drop out NETFILTER_DROP");
	t = a_drop(DIR_IN, "");
	says(&t, "drop");
	t = a_stall(DIR_OUT, 1234567, true);
	says(&t, "stall peer 1.23ms");
	t = a_stall(DIR_IN, 12345678901, false);
	says(&t, "stall own 12.3s open");
	t = a_trouble(EV_RESET);
	says(&t, "reset out");
	t.dir = DIR_IN;
	says(&t, "reset in");
}

/* 24 columns: longer reasons lose their TCP_, then their end; nothing in them moves the cursor. */
static void test_cut(void **state)
{
	struct ev_trouble t = a_drop(DIR_IN, "TCP_LISTEN_OVERFLOW");

	(void)state;
	says(&t, "drop TCP_LISTEN_OVERFLOW");
	t = a_drop(DIR_IN, "TCP_RFC7323_PAWS_ACK");
	says(&t, "drop RFC7323_PAWS_ACK");
	t = a_drop(DIR_IN, "TCP_INVALID_ACK_SEQUENCE");
	says(&t, "drop INVALID_ACK_SEQUEN+");
	t = a_drop(DIR_IN, "A\x1b[2J\xc3\xa4 B");
	says(&t, "drop A?[2J???B");
}

/* Whatever the reason, the line ends where the column does. */
static void test_width(void **state)
{
	const struct field *f = field_find("trouble", 7);
	char reason[40];

	(void)state;
	for (size_t n = 0; n < sizeof(reason); n++) {
		for (int dir = 0; dir < 2; dir++) {
			struct ev_trouble t;
			struct outbuf b = {};

			memset(reason, 'X', n);
			reason[n] = 0;
			t = a_drop(dir ? DIR_OUT : DIR_IN, reason);
			assert_in_range(trouble_text(&b, &t.hdr, f->width), 4, f->width);
			outbuf__free(&b);
		}
	}
}

/* What the view printed last, and how often. */
struct heard {
	struct ev_sum sum[16];
	struct ev_trouble single;
	int nsum, nsingle;
};

static int hear(void *ctx, const struct ev_hdr *ev)
{
	struct heard *h = ctx;

	if (ev->type == EV_SUM) {
		assert_in_range(h->nsum, 0, COUNT(h->sum) - 1);
		h->sum[h->nsum++] = *ev_sum_of(ev);
	} else {
		h->single = *ev_trouble_of(ev);
		h->nsingle++;
	}
	return 0;
}

/* The bit that --count sets is the only option. */
static void *opened(bool count, const struct view_out *out)
{
	_Bool opts = count;
	void *view = NULL;

	assert_int_equal(view_loss.opts_size, sizeof(opts));
	assert_int_equal(view_loss.ops->open(&view, &opts, out), 0);
	return view;
}

static void give(void *view, struct ev_trouble t)
{
	assert_int_equal(view_loss.ops->event(view, &t.hdr), 0);
}

static void test_singles(void **state)
{
	struct heard h = {};
	struct view_out out = { .event = hear, .ctx = &h };
	void *view = opened(false, &out);

	(void)state;
	give(view, a_retransmit(KIND_RTO, 2));
	assert_int_equal(h.nsingle, 1);
	assert_int_equal(h.single.kind, KIND_RTO);
	give(view, a_stall(DIR_OUT, 5000, true));
	give(view, a_stall(DIR_OUT, 5000, false));
	assert_int_equal(h.nsingle, 3);
	/* The beginning of a stall, in an older recording. */
	give(view, a_stall(DIR_OUT, 0, false));
	assert_int_equal(h.nsingle, 3);
	/* One that ended at once is one. */
	give(view, a_stall(DIR_OUT, 0, true));
	assert_int_equal(h.nsingle, 4);
	assert_int_equal(view_loss.ops->finish(view, T_MONO), 0);
	assert_int_equal(h.nsum, 0);
	view_loss.ops->free(view);
}

static const struct ev_sum *sum_of(const struct heard *h, int of, int dir, const char *reason)
{
	const struct ev_sum *found = NULL;

	for (int i = 0; i < h->nsum; i++) {
		const struct ev_sum *s = &h->sum[i];

		if (s->of != of || s->dir != dir || strcmp(s->reason, reason))
			continue;
		assert_null(found); /* there is one of each */
		found = s;
	}
	assert_non_null(found);
	return found;
}

static void test_sums(void **state)
{
	struct heard h = {};
	struct view_out out = { .event = hear, .ctx = &h };
	void *view = opened(true, &out);
	struct ev_trouble other = a_retransmit(KIND_RTO, 1);

	(void)state;
	give(view, a_retransmit(KIND_RTO, 1));
	give(view, a_retransmit(KIND_RTO, 3));
	give(view, a_retransmit(KIND_FAST, 1));
	give(view, a_drop(DIR_IN, "NO_SOCKET"));
	give(view, a_drop(DIR_OUT, "NO_SOCKET"));
	give(view, a_drop(DIR_IN, "TCP_CSUM"));
	give(view, a_drop(DIR_IN, "TCP_CSUM"));
	give(view, a_stall(DIR_OUT, 2000000, true));
	give(view, a_stall(DIR_OUT, 5000000, false));
	/* Another thread of the process is nothing of its own, another connection is. */
	other.who.tid++;
	give(view, other);
	assert_int_equal(h.nsingle + h.nsum, 0);
	assert_int_equal(view_loss.ops->finish(view, T_MONO + 1), 0);
	view_loss.ops->free(view);

	assert_int_equal(h.nsum, 6);
	/* Segments on the wire, as the kernel counts. */
	assert_int_equal(sum_of(&h, EV_RETRANSMIT, DIR_OUT, "rto")->count, 5);
	assert_int_equal(sum_of(&h, EV_RETRANSMIT, DIR_OUT, "fast")->count, 1);
	assert_int_equal(sum_of(&h, EV_DROP, DIR_IN, "NO_SOCKET")->count, 1);
	assert_int_equal(sum_of(&h, EV_DROP, DIR_OUT, "NO_SOCKET")->count, 1);
	assert_int_equal(sum_of(&h, EV_DROP, DIR_IN, "TCP_CSUM")->count, 2);
	assert_int_equal(sum_of(&h, EV_STALL, DIR_OUT, "peer-window")->count, 2);
	assert_int_equal(sum_of(&h, EV_STALL, DIR_OUT, "peer-window")->total_ns, 7000000);
	assert_int_equal(sum_of(&h, EV_STALL, DIR_OUT, "peer-window")->max_ns, 5000000);
	/* The most frequent first. */
	assert_int_equal(h.sum[0].count, 5);
	assert_int_equal(h.sum[0].hdr.mono_ns, T_MONO + 1);
	says(&h.sum[0], "retransmit rto");
	says(sum_of(&h, EV_STALL, DIR_OUT, "peer-window"), "stall peer 7.00ms");
	says(sum_of(&h, EV_DROP, DIR_OUT, "NO_SOCKET"), "drop out NO_SOCKET");
}

/* A connection stays one when it gets another owner, who is the one that is told. */
static void test_owner_changes(void **state)
{
	struct heard h = {};
	struct view_out out = { .event = hear, .ctx = &h };
	void *view = opened(true, &out);
	struct ev_trouble t = a_retransmit(KIND_FAST, 1);

	(void)state;
	t.who.how = HOW_LISTENER;
	give(view, t);
	t.who.how = HOW_ACCEPT;
	t.who.pid++;
	give(view, t);
	assert_int_equal(view_loss.ops->finish(view, T_MONO), 0);
	view_loss.ops->free(view);
	assert_int_equal(h.nsum, 1);
	assert_int_equal(h.sum[0].count, 2);
	assert_int_equal(h.sum[0].who.pid, t.who.pid);
	assert_int_equal(h.sum[0].who.how, HOW_ACCEPT);
}

static void test_connections(void **state)
{
	struct heard h = {};
	struct view_out out = { .event = hear, .ctx = &h };
	void *view = opened(true, &out);
	struct ev_trouble t = a_drop(DIR_IN, "TCP_CSUM");

	(void)state;
	for (int i = 0; i < 5; i++) {
		t.who.conn = i % 2;
		t.ends.rport = 80 + i % 2;
		give(view, t);
	}
	assert_int_equal(view_loss.ops->finish(view, T_MONO), 0);
	view_loss.ops->free(view);
	assert_int_equal(h.nsum, 2);
	assert_int_equal(h.sum[0].count, 3);
	assert_int_equal(h.sum[0].ends.rport, 80);
	assert_int_equal(h.sum[1].count, 2);
}

static int decoded(const struct ev_trouble *t)
{
	const struct ev_hdr *ev;

	return decode(t, sizeof(*t), &ev);
}

#define BAD_TROUBLE(member, value)                                    \
	do {                                                          \
		struct ev_trouble t = a_retransmit(KIND_FAST, 1);     \
								      \
		t.member = value;                                     \
		assert_int_equal(decoded(&t), -EINVAL);               \
	} while (0)

static void test_decode(void **state)
{
	(void)state;
	for (int type = EV_RETRANSMIT; type <= EV_STALL; type++) {
		struct ev_trouble t = a_trouble(type);

		assert_int_equal(decoded(&t), 0);
	}
	BAD_TROUBLE(kind, KIND_MAX);
	BAD_TROUBLE(flags, 0x200);
	BAD_TROUBLE(dir, 2);
	BAD_TROUBLE(reason_name[39], 'x');
	BAD_TROUBLE(symbol[39], 'x');
	BAD_TROUBLE(hdr.len, sizeof(struct ev_trouble) - 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_width), cmocka_unit_test(test_singles),
		cmocka_unit_test(test_sums),  cmocka_unit_test(test_owner_changes), cmocka_unit_test(test_connections),
		cmocka_unit_test(test_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
