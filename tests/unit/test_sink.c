// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "json.h"
#include "sink.h"

static struct sink_cfg config(const struct sink_ops *ops, const char *list)
{
	struct sink_cfg cfg = { .ops = ops, .tty = -1 };
	__u32 all = FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_STATE) | FIELD_IN(EV_LOST);
	char err[256];

	cfg.fctx.mono_to_real = T_OFFSET;
	cfg.fctx.start_mono_ns = T_MONO;
	if (list)
		assert_int_equal(fields_parse(list, all, cfg.fields, &cfg.nfields, err, sizeof(err)),
				 0);
	return cfg;
}

/* What the sink has made, as a string; empties it. */
static const char *made(struct sink *s)
{
	static char out[8192];

	assert_true(s->out.len < sizeof(out));
	memcpy(out, s->out.p, s->out.len);
	out[s->out.len] = '\0';
	outbuf_reset(&s->out);
	return out;
}

static const char *line_of(struct sink *s, const void *ev)
{
	assert_int_equal(sink__event(s, ev), 1);
	return made(s);
}

static void test_text(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, FIELDS_TRACE);
	struct ev_segment seg = a_segment();
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	assert_int_equal(sink__begin(&s), 1);
	assert_string_equal(made(&s),
		"TIME                PID COMM         DIR LOCAL                 REMOTE                FLAGS         SEQ       ACK   LEN     WIN\n");
	assert_string_equal(line_of(&s, &seg),
		"08:41:10.123456    4211 curl         out 10.0.0.1:43210        10.0.0.2:443          PSH,ACK         1         1   517   64256\n");
	seg.flags = TF_SYN;
	seg.seq = seg.seq_base;
	seg.len = 0;
	seg.who = (struct ev_who){};
	assert_string_equal(line_of(&s, &seg),
		"08:41:10.123456       - -            out 10.0.0.1:43210        10.0.0.2:443          SYN             0         -     0   64256\n");
	sink__free(&s);
}

/* A long value pushes only as far as it must; what follows is straight again. */
static void test_text_overflow(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, FIELDS_TRACE);
	struct ev_segment seg = a_segment();
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	seg.flags = TF_FIN | TF_PSH | TF_ACK;
	memcpy(seg.who.comm, "fifteen_letters", 16);
	assert_string_equal(line_of(&s, &seg),
		"08:41:10.123456    4211 fifteen_letters out 10.0.0.1:43210     10.0.0.2:443          FIN,PSH,ACK     1         1   517   64256\n");
	seg = a_segment();
	seg.ends.ip = 6;
	addr_set(seg.ends.laddr, "2001:db8:1111:2222:3333:4444:5555:6666");
	addr_set(seg.ends.raddr, "::1");
	seg.win = 1073725440;
	seg.seq = seg.seq_base - 1;
	assert_string_equal(line_of(&s, &seg),
		"08:41:10.123456    4211 curl         out [2001:db8:1111:2222:3333:4444:5555:6666]:43210 [::1]:443 PSH,ACK 4294967295 1 517 1073725440\n");
	sink__free(&s);
}

static void test_text_wide(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, "local,remote,dir");
	struct ev_segment seg = a_segment();
	struct sink s;

	(void)state;
	cfg.wide_addr = true;
	sink__init(&s, &cfg);
	seg.ends.ip = 6;
	addr_set(seg.ends.laddr, "2001:db8:0:1::42");
	addr_set(seg.ends.raddr, "2001:db8:0:1:aaaa::43");
	assert_string_equal(line_of(&s, &seg),
		"[2001:db8:0:1::42]:43210          [2001:db8:0:1:aaaa::43]:443       out\n");
	sink__free(&s);
}

/* Every byte a name can have: one line, one width, nothing a terminal acts on. */
static void test_text_names(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, "comm,dir");
	struct ev_segment seg = a_segment();
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	memset(seg.who.comm, 0, sizeof(seg.who.comm));
	for (int c = 1; c < 256; c++) {
		const char *line;

		memcpy(seg.who.comm, "ab", 2);
		seg.who.comm[2] = c;
		line = line_of(&s, &seg);
		assert_int_equal(strlen(line), 12 + 1 + 3 + 1);
		assert_string_equal(line + 12, " out\n");
	}
	memcpy(seg.who.comm, "caf\xc3\xa9\xe6\x97\xa5", 8);
	assert_string_equal(line_of(&s, &seg), "caf\xc3\xa9\xe6\x97\xa5       out\n");
	sink__free(&s);
}

static void test_text_formats(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, "time,seq,ack,pid");
	struct ev_segment seg = a_segment();
	struct sink s;

	(void)state;
	cfg.fctx.time_format = TIME_SINCE;
	cfg.fctx.absolute = true;
	sink__init(&s, &cfg);
	sink__begin(&s);
	assert_string_equal(made(&s), "        TIME        SEQ        ACK     PID\n");
	seg.hdr.mono_ns += 61000000000ULL;
	assert_string_equal(line_of(&s, &seg), "   61.000000    1000001    5000001    4211\n");
	sink__free(&s);
	cfg.fctx.time_format = TIME_RFC3339;
	sink__init(&s, &cfg);
	assert_string_equal(line_of(&s, &seg),
			    "2025-11-24T08:42:11.123456789Z    1000001    5000001    4211\n");
	sink__free(&s);
}

static void test_text_states(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, FIELDS_STATES);
	struct ev_state st = a_state();
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	sink__begin(&s);
	assert_string_equal(made(&s),
		"TIME                PID COMM         LOCAL                 REMOTE                OLD          NEW            IN_OLD_US\n");
	assert_string_equal(line_of(&s, &st),
		"08:41:10.123456    4211 curl         10.0.0.1:43210        10.0.0.2:443          SYN-SENT     ESTABLISHED         1234\n");
	/* No blanks at the end of a line. */
	cfg = config(&sink_text_ops, "pid,old");
	sink__free(&s);
	sink__init(&s, &cfg);
	assert_string_equal(line_of(&s, &st), "   4211 SYN-SENT\n");
	sink__free(&s);
}

static void test_lost(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, FIELDS_TRACE);
	struct ev_lost l = a_loss();
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	assert_int_equal(sink__event(&s, &l.hdr), 0);
	assert_int_equal(sink__pending(&s), 0);
	sink__free(&s);
	/* In JSON always, and whole, even if something else was selected. */
	cfg = config(&sink_json_ops, "pid,comm");
	sink__init(&s, &cfg);
	assert_string_equal(line_of(&s, &l),
		"{\"event\":\"lost\",\"time\":\"2025-11-24T08:41:10.123456789Z\",\"mono_ns\":5000123456789,\"hook\":\"segment-in\",\"count\":12345}\n");
	sink__free(&s);
}

static const char *checked(const char *line)
{
	size_t n = strlen(line);

	assert_true(n && line[n - 1] == '\n');
	assert_true(json_ok(line, n - 1));
	return line;
}

static void test_json(void **state)
{
	struct sink_cfg cfg = config(&sink_json_ops, NULL);
	struct ev_segment seg = a_segment();
	struct ev_state st = a_state();
	const char *line;
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	assert_int_equal(sink__begin(&s), 0);
	line = checked(line_of(&s, &seg));
	assert_string_equal(json_keys(line),
		"event,time,mono_ns,pid,tid,comm,uid,owner,conn,netns,cgroup_id,ip,laddr,lport,raddr,rport,"
		"dir,flags,seq,ack,len,win,segs,ttl,dscp,ecn,smac,dmac,tsval,tsecr,state,srtt_us,min_rtt_us,"
		"cwnd,ssthresh,unacked,retrans");
	assert_string_equal(json_get(line, "seq"), "1000001"); /* absolute without -S */
	assert_string_equal(json_get(line, "conn"), "\"77\"");
	assert_string_equal(json_get(line, "flags"), "[\"PSH\",\"ACK\"]");
	line = checked(line_of(&s, &st));
	assert_string_equal(json_keys(line),
		"event,time,mono_ns,pid,tid,comm,uid,owner,conn,netns,cgroup_id,ip,laddr,lport,raddr,rport,"
		"old,new,in_old_us");
	seg.who = (struct ev_who){};
	seg.has = 0;
	seg.state = 0;
	seg.flags = TF_RST;
	line = checked(line_of(&s, &seg));
	assert_string_equal(json_keys(line),
		"event,time,mono_ns,owner,ip,laddr,lport,raddr,rport,dir,flags,seq,len,segs");
	sink__free(&s);
}

static void test_json_fields(void **state)
{
	struct sink_cfg cfg = config(&sink_json_ops, "len,local,pid");
	struct ev_segment seg = a_segment();
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	assert_string_equal(checked(line_of(&s, &seg)),
			    "{\"len\":517,\"local\":\"10.0.0.1:43210\",\"pid\":4211}\n");
	sink__free(&s);
	/* Nothing of what was selected is known: still an object per record. */
	cfg = config(&sink_json_ops, "win,pid");
	sink__init(&s, &cfg);
	seg.who.pid = 0;
	seg.has = 0;
	assert_string_equal(checked(line_of(&s, &seg)), "{}\n");
	assert_string_equal(checked(line_of(&s, &seg)), "{}\n");
	sink__free(&s);
}

static void test_json_names(void **state)
{
	struct sink_cfg cfg = config(&sink_json_ops, NULL);
	struct ev_segment seg = a_segment();
	__u64 seed = 6;
	struct sink s;

	(void)state;
	sink__init(&s, &cfg);
	for (int i = 0; i < 10000; i++) {
		for (int k = 0; k < 16; k++)
			seg.who.comm[k] = random_u64(&seed) | (i & 1 ? 0x80 : 0);
		checked(line_of(&s, &seg));
	}
	sink__free(&s);
}

static void test_color(void **state)
{
	struct sink_cfg cfg = config(&sink_text_ops, "flags,len");
	struct ev_segment seg = a_segment();
	struct sink s;

	(void)state;
	cfg.color = true;
	sink__init(&s, &cfg);
	sink__begin(&s);
	assert_string_equal(made(&s), "\033[1mFLAGS     LEN\033[0m\n");
	assert_string_equal(line_of(&s, &seg), "PSH,ACK   517\n");
	seg.flags = TF_RST | TF_ACK;
	assert_string_equal(line_of(&s, &seg), "\033[1;31mRST,ACK\033[0m   517\n");
	seg.flags = TF_SYN;
	assert_string_equal(line_of(&s, &seg), "\033[32mSYN\033[0m       517\n");
	sink__free(&s);
}

/* On a terminal of 10 lines: a header, 8 events, and again. */
static void test_header_repeats(void **state)
{
	struct winsize ws = { .ws_row = 10, .ws_col = 80 };
	struct sink_cfg cfg = config(&sink_text_ops, "flags,len");
	struct ev_segment seg = a_segment();
	int master, slave;
	struct sink s;

	(void)state;
	if (openpty(&master, &slave, NULL, NULL, &ws)) {
		print_message("no pseudo-terminal here: header repetition is not tested\n");
		skip();
	}
	cfg.tty = slave;
	sink__init(&s, &cfg);
	sink__begin(&s);
	assert_string_equal(made(&s), "FLAGS     LEN\n");
	for (int i = 0; i < 8; i++)
		assert_string_equal(line_of(&s, &seg), "PSH,ACK   517\n");
	ws.ws_row = 4; /* the window is made smaller */
	ioctl(slave, TIOCSWINSZ, &ws);
	assert_string_equal(line_of(&s, &seg), "FLAGS     LEN\nPSH,ACK   517\n");
	assert_string_equal(line_of(&s, &seg), "PSH,ACK   517\n");
	assert_string_equal(line_of(&s, &seg), "FLAGS     LEN\nPSH,ACK   517\n");
	sink__free(&s);
	close(master);
	close(slave);
}

/* Memory runs out in the middle of a line: what was whole before stays, no half line is left. */
static void check_nomem(struct sink_cfg cfg)
{
	struct ev_segment seg = a_segment();
	struct sink s;
	size_t whole;

	sink__init(&s, &cfg);
	assert_int_equal(sink__event(&s, &seg.hdr), 1);
	whole = s.out.len;
	s.out.err = -ENOMEM; /* what outbuf_grow() leaves */
	s.out.cap = whole + 20;
	assert_int_equal(sink__event(&s, &seg.hdr), -ENOMEM);
	assert_int_equal(s.out.len, whole);
	assert_int_equal(s.out.p[whole - 1], '\n');
	sink__free(&s);
}

static void test_no_memory(void **state)
{
	(void)state;
	check_nomem(config(&sink_json_ops, NULL));
	check_nomem(config(&sink_text_ops, FIELDS_TRACE));
}

static void test_flush(void **state)
{
	struct sink_cfg cfg = config(&sink_json_ops, "len");
	struct ev_segment seg = a_segment();
	char buf[64];
	struct sink s;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	sink__init(&s, &cfg);
	sink__event(&s, &seg.hdr);
	assert_int_equal(sink__flush(&s, fd[1]), 0);
	assert_int_equal(sink__pending(&s), 0);
	assert_int_equal(read(fd[0], buf, sizeof(buf)), 12);
	assert_memory_equal(buf, "{\"len\":517}\n", 12);
	sink__free(&s);
	sink__free(NULL);
	close(fd[0]);
	close(fd[1]);
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
		cmocka_unit_test(test_text),	     cmocka_unit_test(test_text_overflow),
		cmocka_unit_test(test_text_wide),    cmocka_unit_test(test_text_names),
		cmocka_unit_test(test_text_formats), cmocka_unit_test(test_text_states),
		cmocka_unit_test(test_lost),	     cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_fields),  cmocka_unit_test(test_json_names),
		cmocka_unit_test(test_color),	     cmocka_unit_test(test_header_repeats),
		cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_flush),
	};

	return cmocka_run_group_tests_name("sink", tests, setup, NULL);
}
