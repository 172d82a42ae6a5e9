// SPDX-License-Identifier: BSD-2-Clause
/* Recordings: what was written is read, and whatever else a file holds is told, not believed. */
#include "unit.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "decode.h"
#include "filter.h"
#include "opts_file.h"
#include "recording.h"
#include "source_file.h"
#include "writer.h"

#define NRECORDS 8

/* Where each record of the sample ends, and the header. */
struct sample {
	char *p;
	size_t n;
	size_t bound[NRECORDS + 2]; /* of the header, the records, the end mark */
	__u64 want[NRECORDS][64];   /* what they are when read */
};

static struct writer_info the_info(void)
{
	return (struct writer_info){
		.start_mono_ns = T_MONO - 1000,
		.mono_to_real = T_OFFSET,
		.events = 1 << EV_SEGMENT | 1 << EV_STATE | 1 << EV_LOST,
		.host = "a\nhost",
		.kernel = "6.1.0",
		.backend = "fentry",
		.command = "tcplens trace -w x",
	};
}

static struct writer *open_writer(const struct opts_file *o, const struct writer_info *info)
{
	struct writer *w;
	char err[256] = "";

	if (writer__open(&w, o, info, err, sizeof(err)))
		fail_msg("%s", err);
	return w;
}

static void write_event(struct writer *w, const struct ev_hdr *ev, __u64 want[64])
{
	assert_int_equal(writer__event(w, ev), 0);
	memcpy(want, ev, ev->len);
}

static void write_records(struct writer *w, __u64 want[NRECORDS][64])
{
	struct ev_segment seg = a_segment();
	struct ev_state st = a_state();
	struct ev_lost lost = a_loss();
	struct rec_clock c = { .hdr = { .type = REC_CLOCK, .len = sizeof(c), .mono_ns = T_MONO },
			       .mono_to_real = T_OFFSET + 5 };
	struct ev_hdr tick = { .type = REC_TICK, .len = sizeof(tick), .mono_ns = T_MONO };

	write_event(w, &seg.hdr, want[0]);
	write_event(w, &st.hdr, want[1]);
	assert_int_equal(writer__clock(w, c.hdr.mono_ns, c.mono_to_real), 0);
	memcpy(want[2], &c, sizeof(c));
	seg.seq++;
	write_event(w, &seg.hdr, want[3]);
	write_event(w, &lost.hdr, want[4]);
	seg.seq++;
	write_event(w, &seg.hdr, want[5]);
	assert_int_equal(writer__tick(w, T_MONO), 0);
	memcpy(want[6], &tick, sizeof(tick));
	write_event(w, &st.hdr, want[7]);
}

static char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	char *p;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*n = ftell(f);
	rewind(f);
	p = malloc(*n + 1);
	assert_int_equal(fread(p, 1, *n, f), *n);
	fclose(f);
	return p;
}

static struct sample a_sample(void)
{
	char path[] = "/tmp/tcplens-unit-XXXXXX";
	struct opts_file o = { .write = path, .format = &writer_tcpl_ops };
	struct writer_info info = the_info();
	struct rec_header h;
	struct sample s = {};
	struct writer *w;
	size_t at;

	close(mkstemp(path));
	w = open_writer(&o, &info);
	write_records(w, s.want);
	assert_int_equal(writer__close(w, T_MONO + 1000), 0);
	assert_int_equal(w->records, 5);
	assert_int_equal(w->lost[a_loss().hdr.hook], a_loss().count);
	writer__free(w);
	s.p = slurp(path, &s.n);
	unlink(path);
	memcpy(&h, s.p, sizeof(h));
	at = h.len;
	for (int i = 0; i < NRECORDS + 2; i++) {
		s.bound[i] = at;
		if (i <= NRECORDS)
			at += ((struct ev_hdr *)(s.p + at))->len;
	}
	assert_int_equal(at, s.n);
	return s;
}

struct got {
	int n;	   /* records, clocks included */
	int ret;   /* why it ended */
	char err[256];
	struct rec_reader r; /* freed; its numbers */
};

/* Reads n bytes as a file; the records are compared with those of `like`, if that is given. */
static struct got read_all(const void *p, size_t n, const struct sample *like)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	const struct ev_hdr *ev;
	struct got g = {};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	lseek(fd, 0, SEEK_SET);
	g.ret = rec_reader__open(&g.r, fd, -1, g.err, sizeof(g.err));
	while (!g.ret) {
		g.ret = rec_reader__next(&g.r, &ev, g.err, sizeof(g.err));
		if (g.ret <= 0)
			break;
		g.ret = 0;
		if (like) {
			const struct ev_hdr *want = (const struct ev_hdr *)like->want[g.n];

			assert_int_equal(ev->len, want->len);
			assert_memory_equal(ev, want, want->len);
		}
		g.n++;
	}
	rec_reader__free(&g.r);
	close(fd);
	return g;
}

static void test_round_trip(void **state)
{
	struct sample s = a_sample();
	struct got g = read_all(s.p, s.n, &s);

	(void)state;
	assert_int_equal(g.ret, 0);
	assert_int_equal(g.n, NRECORDS);
	assert_int_equal(g.r.last_ns, T_MONO + 1000);
	assert_int_equal(g.r.hdr.mono_to_real, T_OFFSET);
	assert_false(g.r.ended_early);
	free(s.p);
}

static void test_texts(void **state)
{
	struct sample s = a_sample();
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct rec_reader r;
	char buf[64], err[256];

	(void)state;
	assert_int_equal(write(fd, s.p, s.n), s.n);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(rec_reader__open(&r, fd, -1, err, sizeof(err)), 0);
	assert_string_equal(rec_reader__text(&r, "host", buf, sizeof(buf)), "a host");
	assert_string_equal(rec_reader__text(&r, "command", buf, sizeof(buf)), "tcplens trace -w x");
	assert_null(rec_reader__text(&r, "boot", buf, sizeof(buf)));
	assert_null(rec_reader__text(&r, "", buf, sizeof(buf)));
	assert_string_equal(rec_reader__text(&r, "command", buf, 8), "tcplens");
	rec_reader__free(&r);
	close(fd);
	free(s.p);
}

/* Every record before the cut, and then the offset. */
static void test_cut_at_every_byte(void **state)
{
	struct sample s = a_sample();

	(void)state;
	for (size_t n = 0; n < s.n; n++) {
		struct got g = read_all(s.p, n, &s);
		char offset[32];
		int whole = 0;

		while (whole < NRECORDS && s.bound[whole + 1] <= n)
			whole++;
		assert_int_equal(g.n, n < s.bound[0] ? 0 : whole);
		assert_true(g.ret < 0);
		snprintf(offset, sizeof(offset), "offset %zu", n);
		if (n >= sizeof(struct rec_header) && !strstr(g.err, offset))
			fail_msg("cut at %zu: %s", n, g.err);
	}
	free(s.p);
}

/* One bit of any byte: nothing wrong is handed out, and nothing before it is missing. */
static void test_every_byte(void **state)
{
	struct sample s = a_sample();
	__u64 seed = 6;

	(void)state;
	for (size_t bit = 0; bit < s.n * 8; bit += 1 + random_u64(&seed) % 15) {
		char *p = malloc(s.n), offset[32];
		int before = 0;
		struct got g;

		memcpy(p, s.p, s.n);
		p[bit / 8] ^= 1 << bit % 8;
		g = read_all(p, s.n, &s);
		free(p);
		if (g.ret >= 0)
			fail_msg("bit %zu of byte %zu is not missed", bit % 8, bit / 8);
		while (before < NRECORDS && s.bound[before + 1] <= bit / 8)
			before++;
		assert_int_equal(g.n, before);
		snprintf(offset, sizeof(offset), "offset %zu", s.bound[before]);
		/* A length that grew makes it a cut. */
		if (bit / 8 >= s.bound[0] && !strstr(g.err, offset) && g.ret != -ENODATA)
			fail_msg("byte %zu: %s", bit / 8, g.err);
	}
	free(s.p);
}

/* A record less, but all of them whole: the end mark counts. */
static void test_record_missing(void **state)
{
	struct sample s = a_sample();
	char *p = malloc(s.n);
	size_t gone = s.bound[3] - s.bound[2];
	struct got g;

	(void)state;
	memcpy(p, s.p, s.bound[2]);
	memcpy(p + s.bound[2], s.p + s.bound[3], s.n - s.bound[3]);
	g = read_all(p, s.n - gone, NULL);
	assert_int_equal(g.n, NRECORDS - 1);
	assert_int_equal(g.ret, -EBADMSG);
	assert_non_null(strstr(g.err, "records are missing"));
	free(p);
	free(s.p);
}

static void test_behind_the_end(void **state)
{
	struct sample s = a_sample();
	char *p = malloc(s.n + 8);
	struct got g;

	(void)state;
	memcpy(p, s.p, s.n);
	memset(p + s.n, 0, 8);
	g = read_all(p, s.n + 8, &s);
	assert_int_equal(g.n, NRECORDS);
	assert_int_equal(g.ret, -EBADMSG);
	free(p);
	free(s.p);
}

/* Changes the header, and makes its check right again. */
static struct got with_header(const struct sample *s, size_t off, const void *value, size_t n)
{
	char *p = malloc(s->n);
	struct rec_header h;
	struct got g;

	memcpy(p, s->p, s->n);
	memcpy(p + off, value, n);
	memset(p + offsetof(struct rec_header, check), 0, 4);
	h.check = rec_sum(p, s->bound[0]);
	memcpy(p + offsetof(struct rec_header, check), &h.check, 4);
	g = read_all(p, s->n, NULL);
	free(p);
	return g;
}

static void test_other_files(void **state)
{
	struct sample s = a_sample();
	__u32 order = __builtin_bswap32(REC_ORDER), len = 12;
	__u16 version = REC_VERSION + 1, fixed = 8, ntypes = 0xffff;
	__u64 never = ~0ULL;
	struct got g;

	(void)state;
	g = read_all("", 0, NULL);
	assert_non_null(strstr(g.err, "is empty"));
	g = read_all("\x0a\x0d\x0d\x0a and so on, and so on, and so on, and so on, and so on", 58, NULL);
	assert_non_null(strstr(g.err, "no recording"));
	g = with_header(&s, offsetof(struct rec_header, order), &order, 4);
	assert_non_null(strstr(g.err, "other byte order"));
	g = with_header(&s, offsetof(struct rec_header, version), &version, 2);
	assert_int_equal(g.ret, -EPROTONOSUPPORT);
	g = with_header(&s, offsetof(struct rec_header, fixed), &fixed, 2);
	assert_int_equal(g.ret, -EBADMSG);
	g = with_header(&s, offsetof(struct rec_header, len), &len, 4);
	assert_int_equal(g.ret, -EBADMSG);
	g = with_header(&s, offsetof(struct rec_header, ntypes), &ntypes, 2);
	assert_int_equal(g.ret, -EBADMSG);
	g = with_header(&s, offsetof(struct rec_header, start_mono_ns), &never, 8);
	assert_int_equal(g.ret, -EBADMSG);
	free(s.p);
}

/* A record at the place of the last one, sealed. */
static struct got with_record(const struct sample *s, void *record, size_t n)
{
	const size_t begin = s->bound[NRECORDS - 1], end = s->bound[NRECORDS];
	char *p = malloc(s->n + n);
	struct got g;

	memcpy(p, s->p, begin);
	rec_seal(record, n);
	memcpy(p + begin, record, n);
	memcpy(p + begin + n, s->p + end, s->n - end);
	g = read_all(p, s->n - (end - begin) + n, NULL);
	free(p);
	return g;
}

/* Sealed is not sane: somebody may have made it on purpose. */
static void test_nonsense(void **state)
{
	struct sample s = a_sample();
	struct ev_state st = a_state();
	struct ev_hdr unknown = { .type = 999, .len = sizeof(unknown), .hook = 200, .mono_ns = T_MONO };
	struct rec_clock c = { .hdr = { .type = REC_CLOCK, .len = sizeof(c), .mono_ns = T_MONO },
			       .mono_to_real = INT64_MAX };
	struct got g;

	(void)state;
	g = with_record(&s, &st, sizeof(st));
	assert_int_equal(g.ret, 0);
	st.ends.ip = 5;
	g = with_record(&s, &st, sizeof(st));
	assert_int_equal(g.ret, -EBADMSG);
	assert_int_equal(g.n, NRECORDS - 1);
	st = a_state();
	st.hdr.mono_ns = ~0ULL;
	g = with_record(&s, &st, sizeof(st));
	assert_int_equal(g.ret, -EBADMSG);
	g = with_record(&s, &c, sizeof(c));
	assert_int_equal(g.ret, -EBADMSG);
	/* What only a newer version knows is skipped, and counted. */
	g = with_record(&s, &unknown, sizeof(unknown));
	assert_int_equal(g.ret, 0);
	assert_int_equal(g.n, NRECORDS - 1);
	assert_int_equal(g.r.unknown, 1);
	free(s.p);
}

/* A segment of a version whose struct was 8 bytes shorter, with something behind it. */
static void test_older_records(void **state)
{
	const size_t then = sizeof(struct ev_segment) - 8;
	struct sample s = a_sample();
	__u64 record[64] = {};
	struct ev_segment seg = a_segment();
	char *p = malloc(s.n + sizeof(record));
	struct rec_header h;
	const struct ev_hdr *ev;
	struct rec_reader r;
	char err[256] = "";
	__u16 size = then;
	int fd = memfd_create("recording", MFD_CLOEXEC);

	(void)state;
	seg.hdr.len = then + 8;
	memcpy(record, &seg, then);
	memcpy((char *)record + then, "payload", 8);
	rec_seal(record, seg.hdr.len);
	memcpy(p, s.p, s.bound[0]);
	memcpy(&h, p, sizeof(h));
	memcpy(p + h.fixed + EV_SEGMENT * 2, &size, 2);
	h.check = 0;
	memcpy(p, &h, sizeof(h));
	h.check = rec_sum(p, h.len);
	memcpy(p, &h, sizeof(h));
	memcpy(p + h.len, record, seg.hdr.len);
	assert_true(write(fd, p, h.len + seg.hdr.len) > 0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(rec_reader__open(&r, fd, -1, err, sizeof(err)), 0);
	if (rec_reader__next(&r, &ev, err, sizeof(err)) != 1)
		fail_msg("%s", err);
	assert_int_equal(ev->len, sizeof(seg) + 8);
	assert_int_equal(ev_segment_of(ev)->seq, seg.seq);
	assert_memory_equal((const char *)ev + then, "\0\0\0\0\0\0\0\0", 8);
	assert_string_equal((const char *)ev + sizeof(seg), "payload");
	rec_reader__free(&r);
	free(p);
	close(fd);
	free(s.p);
}

/* A change at the place of the last record. */
static struct got with_change(const struct sample *s, __u64 changed, const __u64 *words, size_t n)
{
	__u64 record[2 + 64] = {};
	struct rec_change c = { .type = REC_CHANGE, .len = sizeof(c) + n * 8, .slot = 200, .changed = changed };

	memcpy(record, &c, sizeof(c));
	memcpy(record + 2, words, n * 8);
	return with_record(s, record, c.len);
}

static void test_nonsense_changes(void **state)
{
	struct sample s = a_sample();
	struct ev_segment seg = a_segment();
	const size_t n = sizeof(seg) / 8;
	struct rec_clock c = { .hdr = { .type = REC_CLOCK, .len = sizeof(c), .mono_ns = T_MONO } };
	__u64 words[64] = {};

	(void)state;
	memcpy(words, &seg, sizeof(seg));
	assert_int_equal(with_change(&s, (1ULL << n) - 1, words, n).ret, 0);
	/* More words, or fewer, than it has. */
	assert_int_equal(with_change(&s, (1ULL << n) - 1, words, n - 1).ret, -EBADMSG);
	assert_int_equal(with_change(&s, (1ULL << (n - 1)) - 1, words, n).ret, -EBADMSG);
	/* Of a slot where nothing was. */
	assert_int_equal(with_change(&s, 0, words, 0).ret, -EBADMSG);
	assert_int_equal(with_change(&s, 2, words + 1, 1).ret, -EBADMSG);
	/* Longer than a slot; not of words. */
	((struct ev_hdr *)words)->len = REC_SLOT_BYTES + 8;
	assert_int_equal(with_change(&s, (1ULL << n) - 1, words, n).ret, -EBADMSG);
	((struct ev_hdr *)words)->len = sizeof(seg) + 4;
	assert_int_equal(with_change(&s, (1ULL << n) - 1, words, n).ret, -EBADMSG);
	/* What it makes is looked at as any record is. */
	seg.dir = 7;
	memcpy(words, &seg, sizeof(seg));
	assert_int_equal(with_change(&s, (1ULL << n) - 1, words, n).ret, -EBADMSG);
	/* What belongs to files is no change. */
	memcpy(words, &c, sizeof(c));
	assert_int_equal(with_change(&s, 7, words, 3).ret, -EBADMSG);
	free(s.p);
}

/* Whatever follows whatever, in whichever slot, comes back as it was. */
static void test_changes(void **state)
{
	struct rec_slots *out = calloc(1, sizeof(*out)), *in = calloc(1, sizeof(*in));
	__u64 record[REC_SLOT_WORDS] = {}, change[REC_CHANGE_MAX / 8], seed = 11;
	struct ev_hdr *ev = (struct ev_hdr *)record;
	size_t bytes = 0, n = 20000;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct ev_hdr *got;
		size_t len;

		for (int k = random_u64(&seed) % 6; k >= 0; k--)
			record[1 + random_u64(&seed) % 63] = random_u64(&seed) % 4;
		*ev = (struct ev_hdr){ .type = 1 + random_u64(&seed) % 3, .hook = random_u64(&seed) % 3,
				       .len = 24 + 8 * (random_u64(&seed) % 62), .mono_ns = random_u64(&seed) };
		record[2] = random_u64(&seed) % 1000; /* the connection */
		len = rec_change_put(out, ev, change);
		assert_true(len <= REC_CHANGE_MAX && len == ((struct rec_change *)change)->len);
		got = rec_change_get(in, (struct rec_change *)change);
		assert_non_null(got);
		assert_memory_equal(got, ev, ev->len);
		bytes += len;
	}
	assert_true(bytes < n * REC_SLOT_BYTES);
	free(out);
	free(in);
}

/* What it is for: a segment of a connection, behind the one before it. */
static void test_change_is_small(void **state)
{
	struct rec_slots *s = calloc(1, sizeof(*s));
	__u64 change[REC_CHANGE_MAX / 8];
	struct ev_segment seg = a_segment();

	(void)state;
	assert_true(rec_change_put(s, &seg.hdr, change) <= sizeof(struct rec_change) + sizeof(seg));
	seg.hdr.mono_ns += 1234;
	seg.seq += 100;
	seg.tsval++;
	assert_int_equal(rec_change_put(s, &seg.hdr, change), sizeof(struct rec_change) + 3 * 8);
	free(s);
}

static int count_event(void *ctx, const struct ev_hdr *ev)
{
	(void)ev;
	(*(__u64 *)ctx)++;
	return 0;
}

/* However large the file is, it is not in memory. */
static void test_memory(void **state)
{
	char path[] = "/tmp/tcplens-unit-XXXXXX", err[256];
	struct opts_file o = { .write = path, .format = &writer_tcpl_ops };
	struct writer_info info = the_info();
	struct ev_segment seg = a_segment();
	struct filter everything = {};
	struct source_file f;
	struct rusage before, after;
	struct writer *w;
	__u64 n = 0;
	int fd = mkstemp(path), ret;

	(void)state;
	w = open_writer(&o, &info);
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 500000; i++)
		assert_int_equal(writer__event(w, &seg.hdr), 0);
	assert_int_equal(writer__close(w, T_MONO), 0);
	writer__free(w);
	ret = source_file__open(&f, fd, -1);
	if (ret)
		fail_msg("%s", f.err);
	f.events = 1 << EV_SEGMENT;
	f.filter = &everything;
	f.src.on_event = count_event;
	f.src.ctx = &n;
	while ((ret = source__drain(&f.src)) > 0)
		;
	assert_int_equal(ret, 0);
	assert_int_equal(n, 500000);
	source_file__free(&f);
	getrusage(RUSAGE_SELF, &after);
	unlink(path);
	close(fd);
	(void)err;
	/* 96 MB of records were written and read. */
	assert_true(after.ru_maxrss - before.ru_maxrss < 4 << 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_record_missing),
		cmocka_unit_test(test_behind_the_end),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_older_records),
		cmocka_unit_test(test_nonsense_changes),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_change_is_small),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
