// SPDX-License-Identifier: BSD-2-Clause
/* Recordings: see recording.h and docs/recording.md. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "recording.h"
#include "version.h"
#include "writer.h"

struct tcpl {
	__u64 records; /* in the current file */
	__u64 last_ns;
	struct rec_slots slots;
};

static int tcpl_open(struct writer *w)
{
	w->priv = calloc(1, sizeof(struct tcpl));
	return w->priv ? 0 : -ENOMEM;
}

static void tcpl_free(struct writer *w)
{
	free(w->priv);
}

/* One line; a line's end inside the value would begin another. */
static void text(struct outbuf *b, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	outbuf_str(b, key);
	outbuf_chr(b, '=');
	for (; *value; value++)
		outbuf_chr(b, *value == '\n' ? ' ' : *value);
	outbuf_chr(b, '\n');
}

static void number(struct outbuf *b, const char *key, __u64 n)
{
	char value[24];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)n);
	text(b, key, n ? value : NULL);
}

static void pad(struct outbuf *b, size_t begin)
{
	outbuf_fill(b, '\0', -(b->len - begin) & 7);
}

static void sizes(struct outbuf *b)
{
	for (unsigned int type = 0; type < EV_TYPE_MAX; type++) {
		__u16 size = ev_size(type);

		outbuf_mem(b, &size, sizeof(size));
	}
}

static int tcpl_begin(struct writer *w)
{
	struct tcpl *t = w->priv;
	struct rec_header h = {
		.order = REC_ORDER,
		.version = REC_VERSION,
		.fixed = sizeof(h),
		.start_mono_ns = w->info.start_mono_ns,
		.mono_to_real = w->mono_to_real,
		.events = w->info.events,
		.ntypes = EV_TYPE_MAX,
	};
	struct outbuf *b = &w->out;
	size_t begin = b->len;

	memcpy(h.magic, REC_MAGIC, sizeof(h.magic));
	outbuf_mem(b, &h, sizeof(h));
	sizes(b);
	pad(b, begin);
	text(b, "tcplens", TCPLENS_VERSION);
	text(b, "host", w->info.host);
	text(b, "kernel", w->info.kernel);
	text(b, "machine", w->info.machine);
	text(b, "boot", w->info.boot);
	text(b, "backend", w->info.backend);
	text(b, "blind", w->info.blind);
	number(b, "netns", w->info.netns);
	number(b, "tick_ns", w->info.tick_ns);
	number(b, "outlier_ns", w->info.outlier_ns);
	text(b, "command", w->info.command);
	pad(b, begin);
	if (outbuf_error(b))
		return -ENOMEM;
	h.len = b->len - begin;
	if (h.len > REC_HEADER_MAX)
		return -E2BIG;
	memcpy(b->p + begin, &h, sizeof(h));
	h.check = rec_sum(b->p + begin, h.len);
	memcpy(b->p + begin, &h, sizeof(h));
	t->records = 0;
	memset(&t->slots, 0, sizeof(t->slots));
	return 0;
}

static int append(struct writer *w, const void *record, size_t n)
{
	struct outbuf *b = &w->out;

	if (!outbuf_room(b, n))
		return -ENOMEM;
	memcpy(b->p + b->len, record, n);
	rec_seal(b->p + b->len, n);
	b->len += n;
	return 0;
}

static int append_change(struct writer *w, const struct ev_hdr *ev)
{
	struct tcpl *t = w->priv;
	struct outbuf *b = &w->out;
	size_t n;

	if (!outbuf_room(b, REC_CHANGE_MAX))
		return -ENOMEM;
	n = rec_change_put(&t->slots, ev, b->p + b->len);
	rec_seal(b->p + b->len, n);
	b->len += n;
	return 0;
}

static int tcpl_event(struct writer *w, const struct ev_hdr *ev)
{
	struct tcpl *t = w->priv;

	t->records++;
	if (ev->mono_ns > t->last_ns)
		t->last_ns = ev->mono_ns;
	return rec_change_fits(ev) ? append_change(w, ev) : append(w, ev, ev->len);
}

static int tcpl_clock(struct writer *w, __u64 mono_ns)
{
	struct rec_clock c = {
		.hdr = { .type = REC_CLOCK, .len = sizeof(c), .mono_ns = mono_ns },
		.mono_to_real = w->mono_to_real,
	};
	struct tcpl *t = w->priv;

	t->records++;
	return append(w, &c, sizeof(c));
}

static int tcpl_tick(struct writer *w, __u64 mono_ns)
{
	struct ev_hdr h = { .type = REC_TICK, .len = sizeof(h), .mono_ns = mono_ns };
	struct tcpl *t = w->priv;

	t->records++;
	return append(w, &h, sizeof(h));
}

static int tcpl_end(struct writer *w, __u64 mono_ns)
{
	const struct tcpl *t = w->priv;
	struct rec_end e = {
		.hdr = { .type = REC_END, .len = sizeof(e), .mono_ns = mono_ns ? mono_ns : t->last_ns },
		.records = w->failed ? REC_UNKNOWN : t->records,
		.early = w->failed,
	};

	return append(w, &e, sizeof(e));
}

static size_t tcpl_end_size(const struct writer *w)
{
	(void)w;
	return sizeof(struct rec_end);
}

/* What was just appended is right: only its lengths are looked at. */
static size_t tcpl_whole(const void *p, size_t n)
{
	const struct rec_header *h = p;
	const struct ev_hdr *ev;
	size_t at = 0;

	if (n >= sizeof(*h) && !memcmp(h->magic, REC_MAGIC, sizeof(h->magic)))
		at = h->len;
	if (at > n)
		return 0;
	while (n - at >= sizeof(*ev)) {
		ev = (const struct ev_hdr *)((const char *)p + at);
		if (ev->len > n - at)
			break;
		at += ev->len;
	}
	return at;
}

const struct writer_ops writer_tcpl_ops = {
	.name = "tcpl",
	.suffix = ".tcpl",
	.open = tcpl_open,
	.begin = tcpl_begin,
	.event = tcpl_event,
	.clock = tcpl_clock,
	.tick = tcpl_tick,
	.end = tcpl_end,
	.whole = tcpl_whole,
	.end_size = tcpl_end_size,
	.free = tcpl_free,
};
