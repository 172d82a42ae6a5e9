// SPDX-License-Identifier: BSD-2-Clause
/* The view `connect`: what it prints, leaves out and adds up. */
#include "unit.h"

#include <argp.h>

#include "decode.h"
#include "view.h"

#define MAX_GOT 16

struct got {
	int n;
	union {
		struct ev_hdr hdr;
		struct ev_attempt att;
		struct ev_sum sum;
	} ev[MAX_GOT];
};

static int on_event(void *ctx, const struct ev_hdr *ev)
{
	struct got *g = ctx;

	assert_true(g->n < MAX_GOT);
	assert_true(ev->len <= sizeof(g->ev[0]));
	memcpy(&g->ev[g->n++], ev, ev->len);
	return 0;
}

static int on_text(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	(void)text;
	(void)n;
	fail_msg("connect prints no free text");
	return 0;
}

struct run {
	struct got got;
	struct view_out out;
	void *opts;
	void *state;
};

static void start(struct run *r, int argc, char **argv)
{
	memset(r, 0, sizeof(*r));
	r->out = (struct view_out){ .event = on_event, .text = on_text, .ctx = &r->got };
	r->opts = calloc(1, view_connect.opts_size);
	assert_non_null(r->opts);
	assert_int_equal(argp_parse(view_connect.argp, argc, argv, ARGP_SILENT, NULL, r->opts), 0);
	assert_int_equal(view_connect.ops->open(&r->state, r->opts, &r->out), 0);
}

static void end(struct run *r)
{
	assert_int_equal(view_connect.ops->finish(r->state, T_MONO + 1), 0);
	view_connect.ops->free(r->state);
	free(r->opts);
}

/* What decode() says of the record, in a buffer of `size` bytes. */
static int decoded(const struct ev_attempt *a, size_t size)
{
	const struct ev_hdr *out;

	return decode(a, size, &out);
}

static void give(struct run *r, const struct ev_attempt *a)
{
	assert_true(decoded(a, sizeof(*a)) >= 0);
	assert_int_equal(view_connect.ops->event(r->state, &a->hdr), 0);
}

static struct ev_attempt with(enum ev_type type, enum ev_result result, __u32 err)
{
	struct ev_attempt a = an_attempt();

	a.hdr.type = type;
	a.result = result;
	a.err = err;
	return a;
}

static void test_all(void **state)
{
	char *argv[] = { "connect", NULL };
	struct run r;

	(void)state;
	start(&r, 1, argv);
	for (int i = 0; i < RESULT_MAX; i++) {
		struct ev_attempt a = with(EV_CONNECT, i, 0);

		give(&r, &a);
		assert_int_equal(r.got.n, i + 1);
		assert_memory_equal(&r.got.ev[i].att, &a, sizeof(a));
	}
	end(&r);
	assert_int_equal(r.got.n, RESULT_MAX);
}

/* Everything but ok: what is pending is no success. */
static void test_failed(void **state)
{
	char *argv[] = { "connect", "--failed", NULL };
	struct run r;

	(void)state;
	start(&r, 2, argv);
	for (int i = 0; i < RESULT_MAX; i++) {
		struct ev_attempt a = with(EV_CONNECT, i, 0);

		give(&r, &a);
	}
	end(&r);
	assert_int_equal(r.got.n, RESULT_MAX - 1);
	for (int i = 0; i < r.got.n; i++)
		assert_int_not_equal(r.got.ev[i].att.result, RESULT_OK);
}

/* Per process, direction and destination: not per connection, nor per own port. */
static void test_count(void **state)
{
	char *argv[] = { "connect", "--count", NULL };
	struct ev_attempt a = with(EV_CONNECT, RESULT_OK, 0);
	struct run r;

	(void)state;
	start(&r, 2, argv);
	give(&r, &a);
	a.who.conn++;
	a.ends.lport++;
	a.latency_ns *= 3;
	give(&r, &a);
	a = with(EV_CONNECT, RESULT_REFUSED, ECONNREFUSED);
	give(&r, &a);
	a.result = RESULT_PENDING;
	give(&r, &a);
	a.ends.rport++;
	give(&r, &a);
	assert_int_equal(r.got.n, 0);
	end(&r);
	assert_int_equal(r.got.n, 2);
	assert_int_equal(r.got.ev[0].sum.count, 4);
	assert_int_equal(r.got.ev[0].sum.failed, 1);
	assert_int_equal(r.got.ev[0].sum.dir, DIR_OUT);
	assert_int_equal(r.got.ev[0].sum.who.pid, a.who.pid);
	/* A failure's latency is no handshake's. */
	assert_int_equal(r.got.ev[0].sum.timed, 2);
	assert_int_equal(r.got.ev[0].sum.total_ns, 4 * an_attempt().latency_ns);
	assert_int_equal(r.got.ev[0].sum.max_ns, 3 * an_attempt().latency_ns);
	assert_int_equal(r.got.ev[1].sum.count, 1);
	assert_int_equal(r.got.ev[1].sum.failed, 0);
}

/* Incoming: who was connected to, so the peer's port does not matter and our own does. */
static void test_count_in(void **state)
{
	char *argv[] = { "connect", "--count", NULL };
	struct ev_attempt a = with(EV_ACCEPT, RESULT_OK, 0);
	struct run r;

	(void)state;
	start(&r, 2, argv);
	give(&r, &a);
	a.ends.rport++;
	/* Not accepted, it is the same process's that listens. */
	a.who.how = HOW_LISTENER;
	a.result = RESULT_UNACCEPTED;
	give(&r, &a);
	a.hdr.type = EV_CONNECT;
	give(&r, &a);
	end(&r);
	assert_int_equal(r.got.n, 2);
	assert_int_equal(r.got.ev[0].sum.count, 2);
	assert_int_equal(r.got.ev[0].sum.failed, 1);
	assert_int_equal(r.got.ev[0].sum.dir, DIR_IN);
	assert_int_equal(r.got.ev[0].sum.ends.lport, a.ends.lport);
	assert_int_equal(r.got.ev[0].sum.ends.rport, 0);
	assert_int_equal(r.got.ev[1].sum.dir, DIR_OUT);
	assert_int_equal(r.got.ev[1].sum.ends.lport, 0);
}

/* A latency that is not known is not counted as 0. */
static void test_count_unknown(void **state)
{
	char *argv[] = { "connect", "--count", NULL };
	struct ev_attempt a = with(EV_ACCEPT, RESULT_OK, 0);
	struct run r;

	(void)state;
	start(&r, 2, argv);
	a.has = 0;
	a.latency_ns = 0;
	give(&r, &a);
	end(&r);
	assert_int_equal(r.got.n, 1);
	assert_int_equal(r.got.ev[0].sum.count, 1);
	assert_int_equal(r.got.ev[0].sum.timed, 0);
}

static void test_damaged(void **state)
{
	struct ev_attempt a = an_attempt();

	(void)state;
	assert_true(decoded(&a, sizeof(a)) >= 0);
	a.result = RESULT_MAX;
	assert_true(decoded(&a, sizeof(a)) < 0);
	a = an_attempt();
	assert_true(decoded(&a, sizeof(a) - 8) < 0);
	a.hdr.len -= 8;
	assert_true(decoded(&a, sizeof(a)) < 0);
	a = an_attempt();
	a.ends.ip = 5;
	assert_true(decoded(&a, sizeof(a)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),	 cmocka_unit_test(test_failed),
		cmocka_unit_test(test_count),	 cmocka_unit_test(test_count_in),
		cmocka_unit_test(test_count_unknown), cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
