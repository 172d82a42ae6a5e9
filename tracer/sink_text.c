// SPDX-License-Identifier: BSD-2-Clause
/* Lines of columns, for people. */
#include <errno.h>
#include <sys/ioctl.h>

#include "sink.h"

#define SGR_RESET "\033[0m"
#define SGR_HEADER "\033[1m"

/* What stands out: beginnings, ends, and what went wrong. */
static const char *color_of(const struct field *f, const struct fvalue *v)
{
	if (f->kind != FK_FLAGS)
		return NULL;
	if (v->u & TF_RST)
		return "\033[1;31m";
	if (v->u & TF_SYN)
		return "\033[32m";
	if (v->u & TF_FIN)
		return "\033[33m";
	return NULL;
}

/*
 * A line while it is made.  Where a value is too long for its column, the
 * following ones give up their padding until the line is straight again.
 */
struct line {
	size_t at;  /* columns written */
	size_t due; /* where the next column should begin */
};

/* Moves what was appended since `begin` to the right. */
static void indent(struct outbuf *b, size_t begin, size_t by)
{
	size_t n = b->len - begin;

	outbuf_fill(b, ' ', by);
	if (outbuf_error(b))
		return;
	memmove(b->p + begin + by, b->p + begin, n);
	memset(b->p + begin, ' ', by);
}

/* Accounts for one cell: appended since `begin`, `cols` columns wide. */
static void place(struct outbuf *b, struct line *l, const struct sink_col *c, size_t begin,
		  size_t cols)
{
	size_t want = l->due;

	if (c->right && cols < c->width)
		want += c->width - cols;
	if (want > l->at) {
		if (!outbuf_error(b))
			indent(b, begin, want - l->at);
		l->at = want;
	}
	l->at += cols;
	l->due += c->width + 1;
}

/* At least one blank between two cells. */
static size_t next_cell(struct outbuf *b, struct line *l)
{
	if (l->due) {
		outbuf_chr(b, ' ');
		l->at++;
	}
	return b->len;
}

static void put_cell(struct sink *s, struct line *l, const struct sink_col *c,
		     const struct ev_hdr *ev)
{
	struct outbuf *b = &s->out;
	size_t begin = next_cell(b, l), cols = 1;
	const char *color;
	struct fvalue v;

	if (!field_get(c->field, ev, &s->fctx, &v)) {
		outbuf_chr(b, '-');
		place(b, l, c, begin, cols);
		return;
	}
	color = s->color ? color_of(c->field, &v) : NULL;
	if (color)
		outbuf_str(b, color);
	cols = field_text(b, c->field, &v, &s->fctx);
	if (color)
		outbuf_str(b, SGR_RESET);
	place(b, l, c, begin, cols);
}

/* Ends a line, or takes back what there is of it. */
static int end_line(struct outbuf *b, size_t begin)
{
	outbuf_chr(b, '\n');
	if (!outbuf_error(b))
		return 1;
	b->len = begin;
	return -ENOMEM;
}

/* Lines that fit below a header. The window may have changed since the last one. */
static unsigned int screenful(int tty)
{
	struct winsize ws;

	if (ioctl(tty, TIOCGWINSZ, &ws) || ws.ws_row < 3)
		return 22;
	return ws.ws_row - 2;
}

static int put_header(struct sink *s)
{
	struct outbuf *b = &s->out;
	size_t start = b->len;
	struct line l = {};

	if (s->color)
		outbuf_str(b, SGR_HEADER);
	for (size_t i = 0; i < s->chosen.n; i++) {
		const struct sink_col *c = &s->chosen.col[i];
		size_t begin = next_cell(b, &l);

		outbuf_str(b, c->field->header);
		place(b, &l, c, begin, strlen(c->field->header));
	}
	if (s->color)
		outbuf_str(b, SGR_RESET);
	if (s->tty >= 0)
		s->lines = screenful(s->tty);
	return end_line(b, start);
}

static int text_event(struct sink *s, const struct ev_hdr *ev)
{
	size_t begin = s->out.len;
	struct line l = {};
	int err;

	if (ev->type == EV_LOST)
		return 0;
	if (s->tty >= 0 && !s->lines) {
		err = put_header(s);
		if (err < 0)
			return err;
		begin = s->out.len;
	}
	for (size_t i = 0; i < s->chosen.n; i++)
		put_cell(s, &l, &s->chosen.col[i], ev);
	if (s->lines)
		s->lines--;
	return end_line(&s->out, begin);
}

/* Behind it a terminal's header is due again. */
static int text_text(struct sink *s, const char *text, size_t n)
{
	outbuf_mem(&s->out, text, n);
	s->lines = 0;
	return outbuf_error(&s->out);
}

const struct sink_ops sink_text_ops = {
	.name = "text",
	.begin = put_header,
	.event = text_event,
	.text = text_text,
};
