// SPDX-License-Identifier: BSD-2-Clause
/*
 * A line that is made from the one before it (sink_line.h) is the line that a sink
 * makes that has nothing to remember: for lines of every shape, in any order.
 */
#include "unit.h"

#include "sink.h"

#define LINES 4000

static struct sink_cfg config(const char *list, enum time_format format, bool short_time)
{
	struct sink_cfg cfg = { .ops = &sink_text_ops, .tty = -1 };
	char err[256];

	cfg.fctx.mono_to_real = T_OFFSET;
	cfg.fctx.start_mono_ns = T_MONO;
	cfg.fctx.time_format = format;
	cfg.fctx.short_time = short_time;
	assert_int_equal(fields_parse(list, FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_STATE), cfg.fields,
				      &cfg.nfields, err, sizeof(err)),
			 0);
	return cfg;
}

/* Few connections, so that most lines have one before them; names and addresses of every width. */
static void set_conn(struct ev_who *who, struct ev_ends *ends, unsigned int n)
{
	static const char *const names[] = {
		"curl", "nginx", "fifteen_letters", "caf\xc3\xa9", "-", "\x1b[1m", ""
	};

	who->conn = n;
	who->pid = n % 5 ? 100 + n : 0;
	memset(who->comm, 0, sizeof(who->comm));
	strcpy(who->comm, names[n % 7]);
	ends->lport = n % 4 ? 40000 + n : 0;
	if (n % 3 == 0) {
		ends->ip = 6;
		memset(ends->raddr, n % 2 ? 0x20 : 0, sizeof(ends->raddr));
		ends->raddr[15] = n;
	}
}

/* Mostly the usual small ones, sometimes one that is wider than its column. */
static __u32 number(__u64 *seed)
{
	__u64 r = random_u64(seed);

	return (__u32)(r >> 32) >> (r % 29);
}

/* Mostly a little later than the one before; sometimes in another second, or before the start. */
static __u64 later(__u64 now, __u64 *seed)
{
	__u64 r = random_u64(seed);

	switch (r % 50) {
	case 0:
		return now + r % 5000000000ULL;
	case 1:
		return T_MONO - r % 3000000000ULL;
	default:
		return now + r % 100000;
	}
}

static const void *random_segment(__u64 *seed, __u64 now)
{
	static struct ev_segment seg;
	__u64 r = random_u64(seed);

	seg = a_segment();
	seg.hdr.mono_ns = now;
	set_conn(&seg.who, &seg.ends, r % 40);
	seg.dir = r >> 8 & 1;
	seg.flags = r >> 12 & (r >> 9 & 7 ? TF_PSH | TF_ACK : 0x1ff);
	seg.seq = seg.seq_base + number(seed);
	seg.ack = seg.ack_base + number(seed);
	seg.len = number(seed);
	seg.win = number(seed);
	seg.has = random_u64(seed) % 8 ? a_segment().has : random_u64(seed) & a_segment().has;
	return &seg;
}

static const void *random_state(__u64 *seed, __u64 now)
{
	static struct ev_state st;
	__u64 r = random_u64(seed);

	st = a_state();
	st.hdr.mono_ns = now;
	set_conn(&st.who, &st.ends, r % 40);
	st.old = r >> 8 & 15;
	st.new = r >> 12 & 15;
	st.in_old_ns = 1000ULL * number(seed);
	st.has = r >> 16 & 7;
	return &st;
}

static void compare(const char *list, enum time_format format, bool short_time)
{
	struct sink_cfg cfg = config(list, format, short_time);
	struct sink one, fresh;
	__u64 seed = 9, now = T_MONO;

	sink__init(&one, &cfg);
	assert_int_equal(sink__begin(&one), 1);
	for (int i = 0; i < LINES; i++) {
		const void *ev;

		now = later(now, &seed);
		ev = i % 8 ? random_segment(&seed, now) : random_state(&seed, now);
		sink__init(&fresh, &cfg);
		outbuf_reset(&one.out);
		assert_int_equal(sink__event(&one, ev), 1);
		assert_int_equal(sink__event(&fresh, ev), 1);
		assert_int_equal(one.out.len, fresh.out.len);
		assert_memory_equal(one.out.p, fresh.out.p, fresh.out.len);
		sink__free(&fresh);
	}
	sink__free(&one);
}

static void test_usual(void **state)
{
	(void)state;
	compare(FIELDS_TRACE, TIME_LOCAL, false);
	compare(FIELDS_STATES, TIME_LOCAL, false);
}

static void test_times(void **state)
{
	(void)state;
	compare(FIELDS_TRACE, TIME_SINCE, false);
	compare(FIELDS_TRACE, TIME_RFC3339, false);
	compare("seq,pid,time", TIME_LOCAL, true);
}

/* Columns in other places, twice, at the end, or of a kind that has no fixed place. */
static void test_columns(void **state)
{
	(void)state;
	compare("flags,remote,local,comm,len", TIME_LOCAL, false);
	compare("pid,comm,local", TIME_LOCAL, false);
	compare("len,time,pid,flags", TIME_LOCAL, false);
	compare("time,pid,dir", TIME_LOCAL, false);
	compare("len,win,seq,ack,srtt_us,min_rtt_us,cwnd,ttl", TIME_LOCAL, false);
	compare("time,pid,smac,seq", TIME_LOCAL, false);
	compare("old,new,in_old_us,partial,pid,owner", TIME_LOCAL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
