// SPDX-License-Identifier: BSD-2-Clause
/*
 * Recordings: whatever the bytes are, every record handed out is one that each
 * view, both sinks and both writers can take.
 */
#include <argp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decode.h"
#include "expr_stage.h"
#include "fields.h"
#include "frame.h"
#include "opts_file.h"
#include "recording.h"
#include "sink.h"
#include "view.h"
#include "writer.h"

/* Views, and what they can be asked. */
static const struct {
	const struct view *view;
	const char *option;
} runs[] = {
	{ &view_trace, "-x" },	      { &view_trace, "-A" },	       { &view_states, NULL },
	{ &view_connect, NULL },      { &view_connect, "--count" },    { &view_life, NULL },
	{ &view_latency, NULL },      { &view_latency, "--by=port" },  { &view_latency, "--interval=1" },
	{ &view_latency, "--outliers=1" }, { &view_loss, NULL },       { &view_loss, "--count" },
};

#define NRUNS (sizeof(runs) / sizeof(runs[0]))

static const struct writer_ops *const formats[] = { &writer_tcpl_ops, &writer_pcapng_ops };

#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

struct readers {
	struct sink text, json;
	struct view_plan plans[NRUNS];
	void *states[NRUNS];
	void *opts[NRUNS];
	struct view_out out;
	struct writer writers[NFORMATS];
};

static int print(void *ctx, const struct ev_hdr *ev)
{
	struct readers *r = ctx;

	sink__event(&r->text, ev);
	sink__event(&r->json, ev);
	outbuf_reset(&r->text.out);
	outbuf_reset(&r->json.out);
	return 0;
}

static int print_text(void *ctx, const char *text, size_t n)
{
	struct readers *r = ctx;

	sink__text(&r->text, text, n);
	outbuf_reset(&r->text.out);
	return 0;
}

static int print_at(void *ctx, __u64 mono_ns)
{
	struct readers *r = ctx;

	sink__at(&r->text, mono_ns);
	outbuf_reset(&r->text.out);
	return 0;
}

static void open_sinks(struct readers *r)
{
	struct sink_cfg cfg = { .ops = &sink_text_ops, .tty = -1 };
	char err[512];

	fields_parse(FIELDS_TRACE, ~0U, cfg.fields, &cfg.nfields, err, sizeof(err));
	sink__init(&r->text, &cfg);
	cfg.ops = &sink_json_ops;
	cfg.nfields = 0;
	sink__init(&r->json, &cfg);
}

static void open_views(struct readers *r)
{
	char err[512];

	r->out = (struct view_out){ .event = print, .text = print_text, .at = print_at, .ctx = r };
	for (size_t i = 0; i < NRUNS; i++) {
		const struct view *v = runs[i].view;
		char *argv[] = { "tcplens", (char *)runs[i].option };

		r->opts[i] = calloc(1, v->opts_size ? v->opts_size : 1);
		r->plans[i] = (struct view_plan){ .events = v->events };
		if (!r->opts[i] ||
		    (argv[1] && argp_parse(v->argp, 2, argv, ARGP_SILENT, NULL, r->opts[i])))
			abort();
		if (v->plan && v->plan(r->opts[i], &r->plans[i], err, sizeof(err)))
			abort();
		if (v->ops && v->ops->open && v->ops->open(&r->states[i], r->opts[i], &r->out))
			abort();
	}
}

static void open_writers(struct readers *r)
{
	static const struct opts_file o = { .write = "-" };

	for (size_t i = 0; i < NFORMATS; i++) {
		struct writer *w = &r->writers[i];

		*w = (struct writer){ .ops = formats[i], .o = &o, .fd = -1 };
		if ((w->ops->open && w->ops->open(w)) || w->ops->begin(w))
			abort();
	}
}

/* Nothing but whole records or blocks. */
static void check_written(struct writer *w)
{
	if (w->ops->whole(w->out.p, w->out.len) != w->out.len)
		abort();
	outbuf_reset(&w->out);
}

static void tell_views(struct readers *r, const struct ev_hdr *ev)
{
	for (size_t i = 0; i < NRUNS; i++) {
		const struct view_ops *ops = runs[i].view->ops;

		if (!ops)
			continue;
		if (ev->type < 32 && (r->plans[i].events & 1U << ev->type) && ev->type != EV_LOST)
			ops->event(r->states[i], ev);
		if (ev->type == REC_TICK && ops->tick)
			ops->tick(r->states[i], ev->mono_ns);
	}
}

static void tell_writers(struct readers *r, const struct ev_hdr *ev)
{
	for (size_t i = 0; i < NFORMATS; i++) {
		struct writer *w = &r->writers[i];

		if (ev->type == REC_CLOCK) {
			w->mono_to_real = ((const struct rec_clock *)ev)->mono_to_real;
			if (w->ops->clock)
				w->ops->clock(w, ev->mono_ns);
		} else if (ev->type == REC_TICK) {
			if (w->ops->tick)
				w->ops->tick(w, ev->mono_ns);
		} else {
			w->ops->event(w, ev);
		}
		check_written(w);
	}
}

static void finish(struct readers *r, __u64 mono_ns)
{
	for (size_t i = 0; i < NRUNS; i++) {
		if (runs[i].view->ops && runs[i].view->ops->finish)
			runs[i].view->ops->finish(r->states[i], mono_ns);
		if (runs[i].view->ops && runs[i].view->ops->free)
			runs[i].view->ops->free(r->states[i]);
		free(r->opts[i]);
	}
	for (size_t i = 0; i < NFORMATS; i++) {
		struct writer *w = &r->writers[i];

		if (w->ops->flush)
			w->ops->flush(w, mono_ns, true);
		if (w->ops->end)
			w->ops->end(w, mono_ns);
		check_written(w);
		if (w->ops->free)
			w->ops->free(w);
		outbuf__free(&w->out);
		outbuf__free(&w->output.marks);
	}
	sink__free(&r->text);
	sink__free(&r->json);
}

static void show(struct readers *r, const struct ev_hdr *ev)
{
	static struct expr_stage stage = { .snap = 4 };
	static __u8 frame[FRAME_MAX];
	const struct ev_hdr *out;

	tell_views(r, ev);
	tell_writers(r, ev);
	if (ev->type >= EV_TYPE_MAX)
		return;
	print(r, ev);
	out = expr_stage(&stage, ev);
	if (out->type == EV_SEGMENT && ev_raw_of(ev_segment_of(out)))
		frame_of(ev_raw_of(ev_segment_of(out)), true, frame);
}

/* Most of what a mutation makes would fail at the checks: they are made right again. */
static void seal(char *p, size_t size)
{
	struct rec_header *h = (struct rec_header *)p;
	size_t at;

	if (size < sizeof(*h) || h->len % 8 || h->len < sizeof(*h) || h->len > size)
		return;
	h->check = 0;
	h->check = rec_sum(p, h->len);
	for (at = h->len; size - at >= sizeof(struct ev_hdr);) {
		struct ev_hdr *ev = (struct ev_hdr *)(p + at);

		if (ev->len % 8 || ev->len < sizeof(*ev) || ev->len > size - at)
			return;
		rec_seal(ev, ev->len);
		at += ev->len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct readers all = {};
	struct rec_reader r = {};
	const struct ev_hdr *ev;
	char err[512], *copy = aligned_alloc(8, (size + 8) & ~7UL);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (size && data[size - 1] % 4)
		seal(copy, size);
	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, copy, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
		abort();
	if (!rec_reader__open(&r, fd, -1, err, sizeof(err))) {
		open_sinks(&all);
		open_views(&all);
		open_writers(&all);
		while (rec_reader__next(&r, &ev, err, sizeof(err)) > 0)
			show(&all, ev);
		finish(&all, r.last_ns);
	}
	free(copy);
	rec_reader__free(&r);
	return 0;
}
