// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include "fields.h"

static struct fctx ctx(void)
{
	return (struct fctx){ .mono_to_real = T_OFFSET, .start_mono_ns = T_MONO - 1500000000 };
}

/* A field's text; NULL: the event does not have it. */
static const char *text_of(const char *name, const void *ev, struct fctx *c)
{
	const struct field *f = field_find(name, strlen(name));
	static char out[512];
	struct outbuf b = {};
	struct fvalue v;
	size_t cols;

	assert_non_null(f);
	if (!field_get(f, ev, c, &v))
		return NULL;
	cols = field_text(&b, f, &v, c);
	snprintf(out, sizeof(out), "%.*s", (int)b.len, b.p ? b.p : "");
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.p[i] >= 0x80)
			cols = b.len; /* columns of non-ASCII text are test_outbuf's matter */
	assert_int_equal(cols, b.len);
	outbuf__free(&b);
	return out;
}

static const char *json_of(const char *name, const void *ev)
{
	const struct field *f = field_find(name, strlen(name));
	struct fctx c = ctx();
	static char out[512];
	struct outbuf b = {};
	struct fvalue v;

	c.absolute = true;
	if (!field_get(f, ev, &c, &v))
		return NULL;
	field_json(&b, f, &v, &c);
	snprintf(out, sizeof(out), "%.*s", (int)b.len, b.p);
	outbuf__free(&b);
	return out;
}

struct want {
	const char *field, *text, *json;
};

static void check_wants(const struct want *w, size_t n, const void *ev)
{
	struct fctx c = ctx();

	for (; n; w++, n--) {
		if (!w->text) {
			assert_null(text_of(w->field, ev, &c));
			assert_null(json_of(w->field, ev));
			continue;
		}
		assert_string_equal(text_of(w->field, ev, &c), w->text);
		assert_string_equal(json_of(w->field, ev), w->json);
	}
}

/* None is forgotten: as many values as the registry has fields for this type. */
static void check_all(const struct want *w, size_t n, __u16 type, const void *ev)
{
	size_t have = 0, known = 0;

	for (size_t i = 0; i < nfields; i++)
		have += (fields[i].events & FIELD_IN(type)) != 0;
	for (size_t i = 0; i < n; i++)
		known += (field_find(w[i].field, strlen(w[i].field))->events & FIELD_IN(type)) != 0;
	assert_int_equal(known, have);
	check_wants(w, n, ev);
}

static void test_segment(void **state)
{
	static const struct want wants[] = {
		{ "event", "segment", "\"segment\"" },
		{ "time", "08:41:10.123456", "\"2025-11-24T08:41:10.123456789Z\"" },
		{ "mono_ns", "5000123456789", "5000123456789" },
		{ "pid", "4211", "4211" },
		{ "tid", "4212", "4212" },
		{ "comm", "curl", "\"curl\"" },
		{ "uid", "1000", "1000" },
		{ "owner", "connect", "\"connect\"" },
		{ "conn", "77", "\"77\"" },
		{ "netns", "4026531840", "4026531840" },
		{ "cgroup_id", "4242", "4242" },
		{ "ip", "4", "4" },
		{ "laddr", "10.0.0.1", "\"10.0.0.1\"" },
		{ "lport", "43210", "43210" },
		{ "raddr", "10.0.0.2", "\"10.0.0.2\"" },
		{ "rport", "443", "443" },
		{ "local", "10.0.0.1:43210", "\"10.0.0.1:43210\"" },
		{ "remote", "10.0.0.2:443", "\"10.0.0.2:443\"" },
		{ "dir", "out", "\"out\"" },
		{ "flags", "PSH,ACK", "[\"PSH\",\"ACK\"]" },
		{ "seq", "1", "1000001" },
		{ "ack", "1", "5000001" },
		{ "len", "517", "517" },
		{ "win", "64256", "64256" },
		{ "segs", "1", "1" },
		{ "ttl", "64", "64" },
		{ "dscp", "46", "46" },
		{ "ecn", "2", "2" },
		{ "smac", "02:00:00:00:00:01", "\"02:00:00:00:00:01\"" },
		{ "dmac", "02:00:00:00:ab:cd", "\"02:00:00:00:ab:cd\"" },
		{ "tsval", "111222333", "111222333" },
		{ "tsecr", "444555666", "444555666" },
		{ "state", "ESTABLISHED", "\"ESTABLISHED\"" },
		{ "srtt_us", "1250", "1250" },
		{ "min_rtt_us", "900", "900" },
		{ "cwnd", "10", "10" },
		{ "ssthresh", "64", "64" },
		{ "unacked", "517", "517" },
		{ "retrans", "2", "2" },
		{ "old", NULL, NULL },
		{ "new", NULL, NULL },
		{ "in_old_us", NULL, NULL },
		{ "partial", NULL, NULL },
		{ "hook", NULL, NULL },
		{ "count", NULL, NULL },
	};
	struct ev_segment s = a_segment();

	(void)state;
	check_all(wants, COUNT(wants), EV_SEGMENT, &s);
}

static void test_life(void **state)
{
	static const struct want wants[] = {
		{ "event", "life", "\"life\"" },
		{ "time", "08:41:10.123456", "\"2025-11-24T08:41:10.123456789Z\"" },
		{ "mono_ns", "5000123456789", "5000123456789" },
		{ "pid", "4211", "4211" },
		{ "tid", "4212", "4212" },
		{ "comm", "curl", "\"curl\"" },
		{ "uid", "1000", "1000" },
		{ "owner", "connect", "\"connect\"" },
		{ "conn", "77", "\"77\"" },
		{ "netns", "4026531840", "4026531840" },
		{ "cgroup_id", "4242", "4242" },
		{ "ip", "4", "4" },
		{ "laddr", "10.0.0.1", "\"10.0.0.1\"" },
		{ "lport", "43210", "43210" },
		{ "raddr", "10.0.0.2", "\"10.0.0.2\"" },
		{ "rport", "443", "443" },
		{ "local", "10.0.0.1:43210", "\"10.0.0.1:43210\"" },
		{ "remote", "10.0.0.2:443", "\"10.0.0.2:443\"" },
		{ "dir", "out", "\"out\"" },
		{ "state", "FIN-WAIT-2", "\"FIN-WAIT-2\"" },
		{ "srtt_us", "1250", "1250" },
		{ "min_rtt_us", "900", "900" },
		{ "retrans", "3", "3" },
		{ "partial", NULL, NULL },
		{ "tx", "9999", "9999" },
		{ "rx", "1.43M", "1500000" },
		{ "dur_us", "2.00s", "2000000" },
		{ "connect_us", "20.0ms", "20000" },
		{ "avg_rtt_us", "1.00ms", "1000" },
		{ "retrans_bytes", "1", "1" },
		{ "retrans_pct", "0.0", "0.0" },
		{ "segs_out", "20", "20" },
		{ "segs_in", "21", "21" },
		{ "data_segs_out", "10", "10" },
		{ "data_segs_in", "11", "11" },
		{ "ended_by", "local", "\"local\"" },
		{ "ended", "fin", "\"fin\"" },
		{ "end", "fin-sent", "\"fin-sent\"" },
		{ "open", NULL, NULL },
		{ "limit", "rwnd", "\"rwnd\"" },
		{ "verdict", "rwnd 50%, app 44%, path 5%, handshake 1%",
		  "{\"handshake\":1,\"loss\":0,\"rwnd\":50,\"sndbuf\":0,\"path\":5,\"reader\":0,\"app\":44}" },
	};
	struct ev_life l = a_life();

	(void)state;
	check_all(wants, COUNT(wants), EV_LIFE, &l);
}

/* What is not known of a connection is absent. */
static void test_life_bare(void **state)
{
	static const struct want wants[] = {
		{ "dir", NULL, NULL },
		{ "srtt_us", NULL, NULL },
		{ "min_rtt_us", NULL, NULL },
		{ "avg_rtt_us", NULL, NULL },
		{ "connect_us", NULL, NULL },
		{ "ended_by", NULL, NULL },
		{ "ended", "open", "\"open\"" },
		{ "open", "yes", "true" },
		{ "partial", "yes", "true" },
		{ "retrans_pct", NULL, NULL },
		{ "tx", "0", "0" },
		{ "limit", "app", "\"app\"" },
	};
	struct ev_life l = a_life();

	(void)state;
	memset((char *)&l + offsetof(struct ev_life, dur_ns), 0,
	       sizeof(l) - offsetof(struct ev_life, dur_ns));
	l.min_rtt_us = ~0U;
	l.state = 1;
	l.has = LIFE_PARTIAL;
	check_wants(wants, COUNT(wants), &l);
}

static void test_attempt(void **state)
{
	static const struct want out[] = {
		{ "event", "connect", "\"connect\"" },	{ "dir", "out", "\"out\"" },
		{ "result", "refused", "\"refused\"" },	{ "errno", "ECONNREFUSED", "\"ECONNREFUSED\"" },
		{ "latency_us", "20.0ms", "20000" },	{ "syn_us", "20.0ms", "20000" },
		{ "retrans", "1", "1" },		{ "pid", "4211", "4211" },
		{ "fastopen", NULL, NULL },		{ "remote", "10.0.0.2:443", "\"10.0.0.2:443\"" },
	};
	static const struct want in[] = {
		{ "event", "accept", "\"accept\"" },	{ "dir", "in", "\"in\"" },
		{ "result", "ok", "\"ok\"" },		{ "errno", NULL, NULL },
		{ "queue_us", "5.00ms", "5000" },	{ "queue_most", "yes", "true" },
		{ "listener_pid", "7", "7" },		{ "listener", "nginx", "\"nginx\"" },
		{ "fastopen", "yes", "true" },
	};
	static const struct want bare[] = {
		{ "latency_us", NULL, NULL }, { "syn_us", NULL, NULL },	      { "queue_us", NULL, NULL },
		{ "retrans", NULL, NULL },    { "listener_pid", NULL, NULL }, { "listener", NULL, NULL },
		{ "queue_most", NULL, NULL }, { "fastopen", NULL, NULL },
	};
	struct ev_attempt a = an_attempt();

	(void)state;
	a.result = RESULT_REFUSED;
	a.err = ECONNREFUSED;
	check_wants(out, COUNT(out), &a);
	a = an_attempt();
	a.hdr.type = EV_ACCEPT;
	a.has |= ATT_HAS_QUEUE | ATT_QUEUE_MOST | ATT_HAS_LISTENER | ATT_FASTOPEN;
	a.queue_ns = 5000000;
	a.lpid = 7;
	strcpy(a.lcomm, "nginx");
	check_wants(in, COUNT(in), &a);
	a.has = 0;
	check_wants(bare, COUNT(bare), &a);
}

static void test_latency(void **state)
{
	static const struct want wants[] = {
		{ "event", "latency", "\"latency\"" }, { "part", "network", "\"network\"" },
		{ "count", "1", "1" },		       { "wait_us", "250ms", "250000" },
		{ "pid", "4211", "4211" },
	};
	struct ev_latency l = a_latency();

	(void)state;
	check_wants(wants, COUNT(wants), &l);
	l.has = 0;
	assert_null(json_of("wait_us", &l));
}

/* A segment of which nothing but the header is known: nothing may be invented. */
static void test_segment_bare(void **state)
{
	static const char *const absent[] = {
		"pid",	  "tid",     "comm",	   "uid",  "conn",     "netns",	  "cgroup_id",
		"win",	  "ack",     "ttl",	   "dscp", "ecn",      "smac",	  "dmac",
		"tsval",  "tsecr",   "state",	   "cwnd", "ssthresh", "unacked", "srtt_us",
		"retrans", "min_rtt_us",
	};
	struct ev_segment s = a_segment();
	struct fctx c = ctx();

	(void)state;
	s.who = (struct ev_who){ .tid = 9, .uid = 0, .comm = "stale", .how = HOW_UNKNOWN };
	s.flags = TF_SYN;
	s.state = 0;
	s.has = 0;
	for (size_t i = 0; i < COUNT(absent); i++) {
		assert_null(text_of(absent[i], &s, &c));
		assert_null(json_of(absent[i], &s));
	}
	assert_string_equal(text_of("owner", &s, &c), "unknown");
	s.who.how = HOW_KERNEL;
	assert_string_equal(text_of("owner", &s, &c), "kernel");
	/* Without the first number there is nothing to count from. */
	assert_string_equal(text_of("seq", &s, &c), "1000001");
	s.flags = 0;
	assert_string_equal(text_of("flags", &s, &c), "none");
	assert_string_equal(json_of("flags", &s), "[]");
}

/* Zero is a value where it is one, and "unknown" where it is that. */
static void test_zeros(void **state)
{
	struct ev_segment s = a_segment();
	struct fctx c = ctx();

	(void)state;
	s.who.uid = 0;
	s.unacked = s.retrans = s.cwnd = s.len = s.win = 0;
	s.tsval = s.tsecr = s.ttl = s.tos = 0;
	s.srtt_us = 0;
	s.min_rtt_us = ~0U;
	s.ssthresh = 0x7fffffff;
	assert_string_equal(text_of("uid", &s, &c), "0");
	assert_string_equal(text_of("unacked", &s, &c), "0");
	assert_string_equal(text_of("retrans", &s, &c), "0");
	assert_string_equal(text_of("win", &s, &c), "0");
	assert_string_equal(text_of("tsecr", &s, &c), "0");
	assert_string_equal(text_of("ecn", &s, &c), "0");
	assert_null(text_of("srtt_us", &s, &c));
	assert_null(text_of("min_rtt_us", &s, &c));
	assert_null(text_of("ssthresh", &s, &c));
}

static void test_ids(void **state)
{
	struct ev_segment s = a_segment();

	(void)state;
	s.who.conn = ~0ULL;
	assert_string_equal(json_of("conn", &s), "\"18446744073709551615\"");
	s.who.cgroup_id = 1ULL << 53;
	assert_string_equal(json_of("cgroup_id", &s), "9007199254740992");
	s.who.cgroup_id++;
	assert_string_equal(json_of("cgroup_id", &s), "\"9007199254740993\"");
}

static void test_comm(void **state)
{
	struct ev_segment s = a_segment();
	struct fctx c = ctx();

	(void)state;
	memset(s.who.comm, 'x', 16); /* a recording may lack the NUL */
	assert_string_equal(text_of("comm", &s, &c), "xxxxxxxxxxxxxxxx");
	assert_string_equal(json_of("comm", &s), "\"xxxxxxxxxxxxxxxx\"");
	memset(s.who.comm, 0, 16);
	assert_string_equal(text_of("comm", &s, &c), "\"\"");
	assert_string_equal(json_of("comm", &s), "\"\"");
	s.who.comm[0] = '-';
	assert_string_equal(text_of("comm", &s, &c), "\\x2d");
	memcpy(s.who.comm, "\033[2J\xff", 5);
	assert_string_equal(text_of("comm", &s, &c), "\\x1b[2J\\xff");
	assert_string_equal(json_of("comm", &s), "\"\\u001b[2J\\\\xff\"");
}

static void test_ends(void **state)
{
	struct ev_segment s = a_segment();
	struct fctx c = ctx();

	(void)state;
	s.ends.ip = 6;
	addr_set(s.ends.laddr, "2001:db8::1");
	addr_set(s.ends.raddr, "fe80::2");
	assert_string_equal(text_of("local", &s, &c), "[2001:db8::1]:43210");
	assert_string_equal(text_of("laddr", &s, &c), "2001:db8::1");
	assert_string_equal(json_of("raddr", &s), "\"fe80::2\"");
	/* connect() before a port is chosen. */
	s.ends.lport = 0;
	assert_string_equal(text_of("local", &s, &c), "[2001:db8::1]:-");
	assert_null(text_of("lport", &s, &c));
	/* A listener has no other end. */
	addr_set(s.ends.laddr, "::");
	addr_set(s.ends.raddr, "::");
	s.ends.lport = 80;
	s.ends.rport = 0;
	assert_string_equal(text_of("local", &s, &c), "[::]:80");
	assert_null(text_of("remote", &s, &c));
	assert_null(text_of("raddr", &s, &c));
	assert_null(json_of("rport", &s));
	/* An unbound v4-mapped end may be :: or ::ffff:0.0.0.0. */
	s.ends.ip = 4;
	assert_string_equal(text_of("local", &s, &c), "0.0.0.0:80");
	assert_null(text_of("remote", &s, &c));
	addr_set(s.ends.raddr, "0.0.0.0");
	assert_null(text_of("remote", &s, &c));
}

static void test_relative(void **state)
{
	struct ev_segment s = a_segment();
	struct fctx c = ctx();

	(void)state;
	s.seq_base = 0xfffffff0;
	s.seq = 0x10;
	s.ack_base = 0xffffffff;
	s.ack = 0;
	assert_string_equal(text_of("seq", &s, &c), "32");
	assert_string_equal(text_of("ack", &s, &c), "1");
	assert_string_equal(json_of("seq", &s), "16");
	assert_string_equal(json_of("ack", &s), "0");
	/* Before the first one seen: a retransmission from before the start. */
	s.seq = s.seq_base - 1;
	assert_string_equal(text_of("seq", &s, &c), "4294967295");
	c.absolute = true;
	assert_string_equal(text_of("seq", &s, &c), "4294967279");
	assert_string_equal(text_of("ack", &s, &c), "0");
	c.absolute = false;
	s.has &= ~SEG_HAS_IACK;
	assert_string_equal(text_of("ack", &s, &c), "0");
	s.has &= ~SEG_HAS_ISN;
	assert_string_equal(text_of("seq", &s, &c), "4294967279");
}

static void test_flags(void **state)
{
	struct ev_segment s = a_segment();
	struct fctx c = ctx();

	(void)state;
	s.flags = 0x1ff;
	assert_string_equal(text_of("flags", &s, &c), "FIN,SYN,RST,PSH,ACK,URG,ECE,CWR,AE");
	assert_string_equal(json_of("flags", &s),
			    "[\"FIN\",\"SYN\",\"RST\",\"PSH\",\"ACK\",\"URG\",\"ECE\",\"CWR\",\"AE\"]");
	s.flags = TF_RST;
	assert_string_equal(text_of("flags", &s, &c), "RST");
	assert_null(text_of("ack", &s, &c));
}

static void test_state_change(void **state)
{
	static const struct want wants[] = {
		{ "event", "state", "\"state\"" },
		{ "pid", "4211", "4211" },
		{ "owner", "connect", "\"connect\"" },
		{ "local", "10.0.0.1:43210", "\"10.0.0.1:43210\"" },
		{ "old", "SYN-SENT", "\"SYN-SENT\"" },
		{ "new", "ESTABLISHED", "\"ESTABLISHED\"" },
		{ "in_old_us", "1234", "1234" },
		{ "partial", NULL, NULL },
		{ "seq", NULL, NULL },
		{ "dir", NULL, NULL },
		{ "state", NULL, NULL },
	};
	struct ev_state s = a_state();
	struct fctx c = ctx();

	(void)state;
	check_wants(wants, COUNT(wants), &s);
	s.has = STATE_PARTIAL;
	assert_null(text_of("in_old_us", &s, &c));
	assert_string_equal(text_of("partial", &s, &c), "yes");
	assert_string_equal(json_of("partial", &s), "true");
	s.has = STATE_HAS_IN_OLD;
	s.in_old_ns = 999;
	assert_string_equal(text_of("in_old_us", &s, &c), "0");
	s.old = 12;
	assert_string_equal(text_of("old", &s, &c), "SYN-RECEIVED");
}

static void test_loss(void **state)
{
	static const struct want wants[] = {
		{ "event", "lost", "\"lost\"" },
		{ "mono_ns", "5000123456789", "5000123456789" },
		{ "hook", "segment-in", "\"segment-in\"" },
		{ "count", "12345", "12345" },
		{ "pid", NULL, NULL },
		{ "owner", NULL, NULL },
		{ "local", NULL, NULL },
		{ "flags", NULL, NULL },
		{ "old", NULL, NULL },
	};
	struct ev_lost l = a_loss();

	(void)state;
	check_wants(wants, COUNT(wants), &l);
}

struct time_case {
	__s64 ns; /* CLOCK_REALTIME */
	const char *utc, *local, *since;
};

static void test_time(void **state)
{
	/* Since 2025-11-24T08:41:08.623456789Z; local is an hour ahead. */
	static const struct time_case cases[] = {
		{ T_REAL, "2025-11-24T08:41:10.123456789Z", "09:41:10.123456", "1.500000" },
		{ T_REAL - 123456789, "2025-11-24T08:41:10.000000000Z", "09:41:10.000000",
		  "1.376543" },
		{ T_REAL - 123456788, "2025-11-24T08:41:10.000000001Z", "09:41:10.000000",
		  "1.376543" },
		{ T_REAL - 1500000001, "2025-11-24T08:41:08.623456788Z", "09:41:08.623456",
		  "-0.000000" },
		{ T_REAL - 4000000000, "2025-11-24T08:41:06.123456789Z", "09:41:06.123456",
		  "-2.500000" },
		/* The last and the first of days, months, leap years, centuries. */
		{ 1764028799999999999, "2025-11-24T23:59:59.999999999Z", "00:59:59.999999", NULL },
		{ 1764028800000000000, "2025-11-25T00:00:00.000000000Z", "01:00:00.000000", NULL },
		{ 1767225599999999999, "2025-12-31T23:59:59.999999999Z", "00:59:59.999999", NULL },
		{ 1767225600000000000, "2026-01-01T00:00:00.000000000Z", "01:00:00.000000", NULL },
		{ 1709164799000000000, "2024-02-28T23:59:59.000000000Z", "00:59:59.000000", NULL },
		{ 1709164800000000000, "2024-02-29T00:00:00.000000000Z", "01:00:00.000000", NULL },
		{ 1709251200000000000, "2024-03-01T00:00:00.000000000Z", "01:00:00.000000", NULL },
		{ 951782400000000000, "2000-02-29T00:00:00.000000000Z", "01:00:00.000000", NULL },
		{ 4107542400000000000, "2100-03-01T00:00:00.000000000Z", "01:00:00.000000", NULL },
		{ 0, "1970-01-01T00:00:00.000000000Z", "01:00:00.000000", NULL },
		{ -1, "1969-12-31T23:59:59.999999999Z", "00:59:59.999999", NULL },
	};

	(void)state;
	setenv("TZ", "UTC-1", 1);
	tzset();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ev_segment s = a_segment();
		struct fctx c = ctx();

		s.hdr.mono_ns = (__u64)cases[i].ns - (__u64)c.mono_to_real;
		/* Twice: the second answer comes from the cache. */
		for (int k = 0; k < 2; k++) {
			c.time_format = TIME_RFC3339;
			assert_string_equal(text_of("time", &s, &c), cases[i].utc);
			c.time_format = TIME_LOCAL;
			assert_string_equal(text_of("time", &s, &c), cases[i].local);
			c.time_format = TIME_SINCE;
			if (cases[i].since)
				assert_string_equal(text_of("time", &s, &c), cases[i].since);
		}
	}
	setenv("TZ", "UTC0", 1);
	tzset();
}

/* Against the C library, over the whole range. */
static void test_time_random(void **state)
{
	struct fctx c = {};
	struct outbuf b = {};
	char want[64], day[32];
	__u64 seed = 5;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		__s64 ns = (__s64)random_u64(&seed) / 2;
		time_t sec = ns / 1000000000 - (ns % 1000000000 < 0);
		struct tm tm;

		gmtime_r(&sec, &tm);
		strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(want, sizeof(want), "%s.%09lldZ", day,
			 (long long)(ns - (__s64)sec * 1000000000));
		b.len = 0;
		field_time(&b, &c, TIME_RFC3339, ns);
		assert_int_equal(b.len, strlen(want));
		assert_memory_equal(b.p, want, b.len);
	}
	outbuf__free(&b);
}

static void test_parse(void **state)
{
	const struct field *out[FIELDS_MAX];
	__u32 seg = FIELD_IN(EV_SEGMENT);
	char err[256];
	size_t n = 0;

	(void)state;
	assert_int_equal(fields_parse("time,pid,comm", seg, out, &n, err, sizeof(err)), 0);
	assert_int_equal(n, 3);
	assert_string_equal(out[2]->name, "comm");
	/* Added to, and nothing twice. */
	assert_int_equal(fields_parse("pid,win", seg, out, &n, err, sizeof(err)), 0);
	assert_int_equal(n, 4);
	assert_string_equal(out[3]->name, "win");
	assert_int_equal(fields_parse("pid,wim", seg, out, &n, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "'wim'"));
	assert_non_null(strstr(err, "tcplens fields"));
	assert_int_equal(fields_parse("old", seg, out, &n, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "state records"));
	assert_int_equal(fields_parse("old", seg | FIELD_IN(EV_STATE), out, &n, err, sizeof(err)), 0);
	for (const char *const *bad = (const char *const[]){ "", ",", "pid,", ",pid", "pid,,win",
							      " pid", "PID", NULL };
	     *bad; bad++) {
		assert_int_equal(fields_parse(*bad, seg, out, &n, err, sizeof(err)), -EINVAL);
		assert_non_null(strstr(err, "tcplens fields"));
	}
	/* What the user wrote comes back harmless. */
	assert_int_equal(fields_parse("\033[2J", seg, out, &n, err, sizeof(err)), -EINVAL);
	assert_null(strchr(err, '\033'));
}

static void test_registry(void **state)
{
	const struct field *out[FIELDS_MAX];
	char err[256];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < nfields; i++) {
		const struct field *f = &fields[i];

		assert_ptr_equal(field_find(f->name, strlen(f->name)), f);
		assert_true(f->width >= (int)strlen(f->header));
		assert_true(f->events && f->get && *f->help);
	}
	assert_int_equal(fields_parse(FIELDS_TRACE, FIELD_IN(EV_SEGMENT), out, &n, err, sizeof(err)),
			 0);
	assert_int_equal(fields_parse(FIELDS_STATES, FIELD_IN(EV_STATE), out, &n, err, sizeof(err)),
			 0);
}

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_life_bare),
		cmocka_unit_test(test_attempt), cmocka_unit_test(test_latency),	   cmocka_unit_test(test_segment_bare),
		cmocka_unit_test(test_zeros),	   cmocka_unit_test(test_ids),
		cmocka_unit_test(test_comm),	   cmocka_unit_test(test_ends),
		cmocka_unit_test(test_relative),   cmocka_unit_test(test_flags),
		cmocka_unit_test(test_state_change), cmocka_unit_test(test_loss),
		cmocka_unit_test(test_time),	   cmocka_unit_test(test_time_random),
		cmocka_unit_test(test_parse),	   cmocka_unit_test(test_registry),
	};

	return cmocka_run_group_tests_name("fields", tests, setup, NULL);
}
