// SPDX-License-Identifier: BSD-2-Clause
/*
 * Recordings that earlier versions made stay readable, down to each field.
 * Every tests/fixtures/recording-*.tcpl has beside it, as .json, what it must
 * give.
 */
#include "unit.h"

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include "filter.h"
#include "sink.h"
#include "source_file.h"

#define SEGMENT_FIELDS \
	"event,time,pid,tid,comm,uid,owner,conn,netns,cgroup_id,ip,laddr,lport,raddr,rport,dir,flags,seq,ack,len,win,segs,ttl,state,srtt_us,cwnd"
#define STATE_FIELDS "event,time,pid,comm,owner,laddr,lport,raddr,rport,old,new,in_old_us"

struct reader {
	struct sink segments, states;
	struct outbuf *out;
};

static void open_sink(struct sink *s, const char *list, __u32 events, __s64 mono_to_real)
{
	struct sink_cfg cfg = { .ops = &sink_json_ops, .tty = -1, .fctx = { .mono_to_real = mono_to_real } };
	char err[256] = "";

	if (fields_parse(list, events, cfg.fields, &cfg.nfields, err, sizeof(err)))
		fail_msg("%s", err);
	sink__init(s, &cfg);
	assert_true(sink__begin(s) >= 0);
}

static int on_event(void *ctx, const struct ev_hdr *ev)
{
	struct reader *r = ctx;
	struct sink *s = ev->type == EV_SEGMENT ? &r->segments : &r->states;

	assert_int_equal(sink__event(s, ev), 1);
	outbuf_mem(r->out, s->out.p, s->out.len);
	outbuf_reset(&s->out);
	return 0;
}

static void on_clock(void *ctx, __u64 mono_ns, __s64 mono_to_real)
{
	struct reader *r = ctx;

	(void)mono_ns;
	r->segments.fctx.mono_to_real = r->states.fctx.mono_to_real = mono_to_real;
}

static void read_recording(const char *path, struct outbuf *out)
{
	static const struct filter everything;
	int fd = open(path, O_RDONLY), ret;
	struct reader r = { .out = out };
	struct source_file f;

	assert_true(fd >= 0);
	if (source_file__open(&f, fd, -1))
		fail_msg("%s: %s", path, f.err);
	open_sink(&r.segments, SEGMENT_FIELDS, FIELD_IN(EV_SEGMENT), f.r.hdr.mono_to_real);
	open_sink(&r.states, STATE_FIELDS, FIELD_IN(EV_STATE), f.r.hdr.mono_to_real);
	f.src.on_event = on_event;
	f.src.ctx = &r;
	f.on_clock = on_clock;
	f.events = FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_STATE);
	f.filter = &everything;
	while ((ret = source__drain(&f.src)) > 0)
		;
	if (ret)
		fail_msg("%s: %s", path, f.err);
	source_file__free(&f);
	sink__free(&r.segments);
	sink__free(&r.states);
	close(fd);
}

static void compare(const char *path, const struct outbuf *out)
{
	static char want[1 << 20];
	char json[256];
	size_t n, line = 1;
	FILE *f;

	snprintf(json, sizeof(json), "%.*s.json", (int)(strlen(path) - 5), path);
	f = fopen(json, "r");
	if (!f)
		fail_msg("%s is missing", json);
	n = fread(want, 1, sizeof(want), f);
	fclose(f);
	for (size_t i = 0; i < n && i < out->len; i++) {
		if (want[i] != out->p[i])
			fail_msg("%s: line %zu, character %zu: '%.60s', not '%.60s'", path, line, i, out->p + i, want + i);
		line += want[i] == '\n';
	}
	assert_int_equal(out->len, n);
}

static void test_recordings(void **state)
{
	glob_t g;

	(void)state;
	assert_int_equal(glob("tests/fixtures/recording-*.tcpl", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct outbuf out = {};

		read_recording(g.gl_pathv[i], &out);
		compare(g.gl_pathv[i], &out);
		outbuf__free(&out);
	}
	globfree(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_recordings) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
