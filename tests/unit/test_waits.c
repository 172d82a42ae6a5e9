// SPDX-License-Identifier: BSD-2-Clause
/* Waits: buckets, percentiles, the drawing; and the view that sums them. */
#include "unit.h"

#include <argp.h>

#include "bucket.h"
#include "fields.h"
#include "outbuf.h"
#include "sink.h"
#include "view.h"
#include "waits.h"

static void test_buckets(void **state)
{
	__u32 last = 0;
	__u64 seed = 3;

	(void)state;
	assert_int_equal(bucket_log2(0), 0);
	assert_int_equal(bucket_log2(1), 0);
	assert_int_equal(bucket_log2(~0ULL), 63);
	assert_in_range(bucket_of(~0ULL), 0, BUCKETS_MAX - 1);
	for (__u64 v = 1; v < 5000000000ULL; v += v / 16 + 1) {
		assert_true(bucket_of(v) >= last);
		last = bucket_of(v);
	}
	for (int i = 0; i < 10000; i++) {
		__u64 v = random_u64(&seed) >> random_u64(&seed) % 60;

		assert_int_equal(bucket_log2(v), v ? 63 - __builtin_clzll(v) : 0);
		/* At most a sixteenth wide. */
		if (v > 256)
			assert_int_not_equal(bucket_of(v), bucket_of(v + v / 15));
		assert_in_range(v, bucket_least(bucket_of(v)), bucket_least(bucket_of(v) + 1) - 1);
	}
}

static int by_value(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* As the kernel sums them: against the sorted truth, within 5 %. */
static void test_percentiles(void **state)
{
	enum { N = 5000 };
	static __u64 v[N], count[BUCKETS_MAX], sum[BUCKETS_MAX], min[BUCKETS_MAX], max[BUCKETS_MAX];
	static const unsigned int percents[] = { 1, 10, 50, 90, 99, 100 };
	struct waits w = {};
	__u64 seed = 11;

	(void)state;
	for (int i = 0; i < N; i++) {
		__u32 b;

		v[i] = random_u64(&seed) % 1000000 + (random_u64(&seed) % 10 ? 0 : 200000000);
		b = bucket_of(v[i]);
		if (!count[b] || v[i] < min[b])
			min[b] = v[i];
		if (v[i] > max[b])
			max[b] = v[i];
		count[b]++;
		sum[b] += v[i];
	}
	for (int b = 0; b < BUCKETS_MAX; b++)
		assert_int_equal(waits_add(&w, count[b], sum[b], min[b], max[b]), 0);
	qsort(v, N, sizeof(v[0]), by_value);
	assert_int_equal(w.count, N);
	assert_int_equal(w.min_ns, v[0]);
	assert_int_equal(waits_percentile(&w, 100), v[N - 1]);
	for (size_t i = 0; i < COUNT(percents); i++) {
		__u64 truth = v[(N * percents[i] + 99) / 100 - 1];
		__u64 got = waits_percentile(&w, percents[i]);

		assert_in_range(got, truth - truth / 50, truth + truth / 50);
	}
	waits__free(&w);
	assert_int_equal(waits_percentile(&w, 50), 0);
}

/* Of each part of each connection: a hundred thousand short ones have a wait or two. */
static void test_memory(void **state)
{
	struct waits w = {};

	(void)state;
	assert_int_equal(waits_add(&w, 1, 5000, 5000, 5000), 0);
	assert_int_equal(waits_add(&w, 1, 5001, 5001, 5001), 0);
	assert_int_equal(w.cap, 1);
	for (__u64 i = 1; i <= 20; i++)
		assert_int_equal(waits_add(&w, 1, i << 20, i << 20, i << 20), 0);
	assert_in_range(w.cap, w.n, 2 * w.n);
	waits__free(&w);
}

/* Two lengths at the ends of one bucket, so many in a hundred of the longer one: within 5 % all the same. */
static void test_percentiles_of_two(void **state)
{
	static const unsigned int percents[] = { 50, 90, 99 };
	__u64 low = 1ULL << 27, high = bucket_least(bucket_of(low) + 1) - 1;

	(void)state;
	assert_int_equal(bucket_of(low), bucket_of(high));
	for (unsigned int n = 0; n <= 100; n++) {
		struct waits w = {};

		assert_int_equal(waits_add(&w, 100, (100 - n) * low + n * high, n < 100 ? low : high, n ? high : low), 0);
		for (size_t i = 0; i < COUNT(percents); i++) {
			__u64 truth = percents[i] <= 100 - n ? low : high;

			assert_in_range(waits_percentile(&w, percents[i]), truth - truth / 20, truth + truth / 20);
		}
		waits__free(&w);
	}
}

static void test_draw(void **state)
{
	struct waits w = {};
	struct outbuf b = {};

	(void)state;
	waits_add(&w, 44, 44 * 1000000, 1000000, 1000000);
	waits_add(&w, 11, 11 * 4000000, 4000000, 4000000);
	waits_draw(&b, &w);
	outbuf_chr(&b, '\0');
	assert_string_equal(b.p,
		"    >=    524us        44 |############################################\n"
		"    >=    1.0ms         0 |\n"
		"    >=    2.1ms        11 |###########\n");
	outbuf__free(&b);
	waits__free(&w);
}

/* ---- the view */

struct got {
	struct sink sink;
	int events;
};

static int on_event(void *ctx, const struct ev_hdr *ev)
{
	struct got *g = ctx;

	g->events++;
	return sink__event(&g->sink, ev) < 0 ? -ENOMEM : 0;
}

static int on_text(void *ctx, const char *text, size_t n)
{
	struct got *g = ctx;

	return sink__text(&g->sink, text, n);
}

static int on_at(void *ctx, __u64 mono_ns)
{
	struct got *g = ctx;

	return sink__at(&g->sink, mono_ns);
}

/* Runs the view with these options over what `feed` gives it. */
static const char *run(char **argv, const struct sink_ops *sops,
		       void (*feed)(const struct view_ops *ops, void *state))
{
	static char out[8192];
	const struct view *v = &view_latency;
	struct view_plan plan = { .events = v->events, .prints = v->prints, .columns = v->columns };
	struct sink_cfg cfg = { .ops = sops, .tty = -1 };
	struct got got = {};
	struct view_out vo = { .event = on_event, .text = on_text, .at = on_at, .ctx = &got };
	void *opts = calloc(1, v->opts_size), *state = NULL;
	int argc = 0;
	char err[256];

	while (argv[argc])
		argc++;
	assert_int_equal(argp_parse(v->argp, argc, argv, ARGP_SILENT, NULL, opts), 0);
	assert_int_equal(v->plan(opts, &plan, err, sizeof(err)), 0);
	if (sops == &sink_text_ops)
		assert_int_equal(fields_parse(plan.columns, plan.prints, cfg.fields, &cfg.nfields, err,
					      sizeof(err)), 0);
	sink__init(&got.sink, &cfg);
	assert_int_equal(v->ops->open(&state, opts, &vo), 0);
	feed(v->ops, state);
	assert_int_equal(v->ops->finish(state, T_MONO), 0);
	v->ops->free(state);
	assert_true(got.sink.out.len < sizeof(out));
	memcpy(out, got.sink.out.p ? got.sink.out.p : "", got.sink.out.len);
	out[got.sink.out.len] = '\0';
	sink__free(&got.sink);
	free(opts);
	return out;
}

static void feed_two(const struct view_ops *ops, void *state)
{
	struct ev_latency l = a_latency();

	l.has &= ~LATENCY_SINGLE;
	assert_int_equal(ops->event(state, &l.hdr), 0);
	l.who.conn++;
	l.ends.lport++;
	l.count = 9;
	l.sum_ns = 9 * 1000000ULL;
	l.min_ns = 900000;
	l.max_ns = 1100000;
	assert_int_equal(ops->event(state, &l.hdr), 0);
}

static void test_view_groups(void **state)
{
	char *process[] = { "latency", "--by", "process", "--no-histogram", NULL };
	char *conn[] = { "latency", NULL };
	char *port[] = { "latency", "--by", "port", NULL };

	(void)state;
	assert_string_equal(run(process, &sink_text_ops, feed_two),
		"   4211 curl         network             10 1.00ms 1.01ms  250ms  250ms\n");
	assert_string_equal(run(conn, &sink_text_ops, feed_two),
		"curl         10.0.0.2:443          network              1  250ms  250ms  250ms\n"
		"  network of curl(4211) 10.0.0.2:443\n"
		"    >=    134ms         1 |############################################\n"
		"curl         10.0.0.2:443          network              9 1.00ms 1.01ms 1.10ms\n"
		"  network of curl(4211) 10.0.0.2:443\n"
		"    >=    524us         9 |############################################\n");
	assert_non_null(strstr(run(port, &sink_json_ops, feed_two),
		"\"rport\":443,\"by\":\"port\",\"part\":\"network\",\"min_us\":900,\"mean_us\":25900,"
		"\"p50_us\":1000,\"p90_us\":1015,\"p99_us\":250000,\"max_us\":250000,\"count\":10}\n"));
}

/* The parts of a connection that was its listener's at first, in any order. */
static void feed_owners(const struct view_ops *ops, void *state)
{
	struct ev_latency l = a_latency();

	l.has &= ~LATENCY_SINGLE;
	l.owner_turn = 2;
	assert_int_equal(ops->event(state, &l.hdr), 0);
	l.owner_turn = 1;
	l.part = PART_HANDSHAKE;
	l.who.pid = 1;
	l.who.how = HOW_LISTENER;
	assert_int_equal(ops->event(state, &l.hdr), 0);
}

static void test_view_owner(void **state)
{
	char *conn[] = { "latency", NULL };
	const char *out = run(conn, &sink_json_ops, feed_owners);

	(void)state;
	assert_non_null(strstr(out, "\"pid\":4211,"));
	assert_null(strstr(out, "\"pid\":1,"));
}

/* Each interval has its time. */
static void feed_intervals(const struct view_ops *ops, void *state)
{
	feed_two(ops, state);
	assert_int_equal(ops->tick(state, T_MONO), 0);
	assert_int_equal(ops->tick(state, T_MONO + 1000000000), 0);
	assert_int_equal(ops->tick(state, T_MONO + 2000000000), 0);
	feed_two(ops, state);
}

static void test_view_intervals(void **state)
{
	char *argv[] = { "latency", "--by=process", "--no-histogram", "-i1", NULL };
	const char *out = run(argv, &sink_text_ops, feed_intervals);
	size_t times = 0, lines = 0;

	(void)state;
	for (const char *p = out; *p; p = strchr(p, '\n') + 1, lines++)
		times += strspn(p, "0123456789:.") == strlen("00:00:00.000000");
	assert_int_equal(times, 2);
	assert_int_equal(lines, 4);
}

static void feed_single(const struct view_ops *ops, void *state)
{
	struct ev_latency l = a_latency();

	assert_int_equal(ops->event(state, &l.hdr), 0);
	l.sum_ns = l.min_ns = l.max_ns = 100000000;
	assert_int_equal(ops->event(state, &l.hdr), 0);
	feed_two(ops, state);
}

/* Only what is longer, and only what was a wait by itself. */
static void test_view_outliers(void **state)
{
	char *argv[] = { "latency", "--outliers", "200", NULL };

	(void)state;
	assert_string_equal(strchr(run(argv, &sink_text_ops, feed_single), ' '),
		"    4211 curl         10.0.0.2:443          network         250ms\n");
}

static void test_view_options(void **state)
{
	static char *const bad[][5] = {
		{ "latency", "--by", "host", NULL },
		{ "latency", "-i", "0", NULL },
		{ "latency", "-i", "0.0099", NULL },
		{ "latency", "-i", "1x", NULL },
		{ "latency", "--outliers", "-1", NULL },
		{ "latency", "--outliers=5", "--by=conn", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct view_plan plan = {};
		void *opts = calloc(1, view_latency.opts_size);
		char *argv[5];
		char err[256] = "";
		int argc = 0;

		memcpy(argv, bad[i], sizeof(argv));
		while (argv[argc])
			argc++;
		assert_int_equal(argp_parse(view_latency.argp, argc, argv, ARGP_SILENT, NULL, opts), 0);
		assert_int_equal(view_latency.plan(opts, &plan, err, sizeof(err)), -EINVAL);
		assert_true(strlen(err) > 10);
		free(opts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),	    cmocka_unit_test(test_percentiles), cmocka_unit_test(test_percentiles_of_two),
		cmocka_unit_test(test_memory),	    cmocka_unit_test(test_draw),	cmocka_unit_test(test_view_groups),
		cmocka_unit_test(test_view_owner), cmocka_unit_test(test_view_intervals),
		cmocka_unit_test(test_view_outliers), cmocka_unit_test(test_view_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
