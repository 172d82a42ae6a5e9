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
#include "opts_file.h"
#include "sink.h"
#include "source_file.h"
#include "writer.h"

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

static void open_reader(struct rec_reader *r, int fd)
{
	char err[256];

	lseek(fd, 0, SEEK_SET);
	if (rec_reader__open(r, fd, -1, err, sizeof(err)))
		fail_msg("%s", err);
}

/* Records of every kind, and what the writer of today makes of them. */
static size_t rewrite(int from, char *path)
{
	struct opts_file o = { .write = path, .format = &writer_tcpl_ops };
	struct writer_info info = {};
	char err[256];
	const struct ev_hdr *ev;
	struct rec_reader r;
	struct writer *w;
	size_t n = 0;

	open_reader(&r, from);
	assert_int_equal(writer__open(&w, &o, &info, err, sizeof(err)), 0);
	for (; rec_reader__next(&r, &ev, err, sizeof(err)) > 0; n++)
		if (ev->type < REC_CLOCK)
			assert_int_equal(writer__event(w, ev), 0);
	assert_int_equal(writer__close(w, 0), 0);
	writer__free(w);
	rec_reader__free(&r);
	return n;
}

static void compare_records(int a, int b)
{
	const struct ev_hdr *x, *y;
	struct rec_reader r, s;
	char err[256];

	open_reader(&r, a);
	open_reader(&s, b);
	while (rec_reader__next(&r, &x, err, sizeof(err)) > 0) {
		if (x->type >= REC_CLOCK)
			continue;
		assert_int_equal(rec_reader__next(&s, &y, err, sizeof(err)), 1);
		assert_int_equal(x->len, y->len);
		assert_memory_equal(x, y, x->len);
	}
	assert_int_equal(rec_reader__next(&s, &y, err, sizeof(err)), 0);
	assert_int_equal(s.unknown, 0);
	rec_reader__free(&r);
	rec_reader__free(&s);
}

/* Byte by byte, and in less room. */
static void test_rewritten(void **state)
{
	glob_t g;

	(void)state;
	assert_int_equal(glob("tests/fixtures/*.tcpl", 0, NULL, &g), 0);
	assert_true(g.gl_pathc >= 4);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		char path[] = "/tmp/tcplens-unit-XXXXXX";
		int from = open(g.gl_pathv[i], O_RDONLY), to = mkstemp(path);

		assert_true(rewrite(from, path) > 50);
		compare_records(from, to);
		assert_true(lseek(to, 0, SEEK_END) <= lseek(from, 0, SEEK_END));
		unlink(path);
		close(from);
		close(to);
	}
	globfree(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_recordings), cmocka_unit_test(test_rewritten) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
