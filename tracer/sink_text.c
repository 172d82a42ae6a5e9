// SPDX-License-Identifier: BSD-2-Clause
/* Lines of columns, for people. */
#include <errno.h>
#include <sys/ioctl.h>

#include "sink_line.h"

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
	bool bent;  /* a column did not begin where it should, or reached into the next */
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

/* Blanks up to where the column begins, for what is aligned to the left. */
static void pad(struct outbuf *b, struct line *l)
{
	if (l->due <= l->at)
		return;
	outbuf_fill(b, ' ', l->due - l->at);
	l->at = l->due;
}

static void put_value(struct sink *s, struct line *l, const struct sink_col *c, const struct fvalue *v)
{
	const char *color = s->color ? color_of(c->field, v) : NULL;
	struct outbuf *b = &s->out;
	size_t begin = next_cell(b, l), cols;

	if (!c->right) {
		pad(b, l);
		begin = b->len;
	}
	if (color)
		outbuf_str(b, color);
	cols = field_text(b, c->field, v, &s->fctx);
	if (color)
		outbuf_str(b, SGR_RESET);
	place(b, l, c, begin, cols);
}

#define BLANKS "                                " /* 32 */

/* The usual number: the line is straight, it fits, and so no counting is needed. */
static bool put_number(struct outbuf *b, struct line *l, const struct sink_col *c, __u64 n)
{
	size_t room = l->due + c->width - l->at;
	char *p, *first;

	if (n >= c->fits || !c->right || l->at > l->due || room > sizeof(BLANKS) - 1 ||
	    !outbuf_room(b, sizeof(BLANKS)))
		return false;
	p = b->p + b->len;
	memcpy(p, BLANKS, sizeof(BLANKS) - 1);
	first = outbuf_put_digits(p + room, n);
	if (first == p && l->due) /* no blank before it: it begins where the last column ended */
		return false;
	b->len += room;
	l->at += room;
	l->due += c->width + 1;
	return true;
}

static void put_cell(struct sink *s, struct line *l, const struct sink_col *c,
		     const struct ev_hdr *ev)
{
	struct outbuf *b = &s->out;
	struct fvalue v;
	size_t begin;

	if (field_get(c->field, ev, &s->fctx, &v)) {
		if (!c->number || !put_number(b, l, c, v.u))
			put_value(s, l, c, &v);
		return;
	}
	begin = next_cell(b, l);
	outbuf_chr(b, '-');
	place(b, l, c, begin, 1);
}

/* A run that is the same in all of a connection's lines, as long as they are straight up to here. */
static void put_run(struct sink *s, struct line *l, const struct sink_col *c, const struct ev_hdr *ev,
		    struct memo *m, unsigned int run)
{
	struct outbuf *b = &s->out;
	struct line was;
	size_t begin;

	/* The blank before the run is part of it. */
	if (l->due) {
		l->due--;
		pad(b, l);
		l->due++;
	}
	was = *l;
	begin = b->len;
	if (memo_put(m, run, b)) {
		l->at += m->cols[run];
		for (unsigned int i = 0; i < c->run; i++)
			l->due += c[i].width + 1;
		return;
	}
	for (unsigned int i = 0; i < c->run; i++)
		put_cell(s, l, &c[i], ev);
	memo_keep(m, run, b, begin, l->at - was.at);
}

static void put_cells(struct sink *s, struct memo *m, const struct ev_hdr *ev)
{
	const struct sink_col *c = s->chosen.col, *end = c + s->chosen.n;
	size_t begin = s->out.len;
	struct line l = {};
	unsigned int run = 0;

	while (c < end) {
		if (m && c->run && run < MEMO_RUNS && (l.at < l.due || !l.due)) {
			put_run(s, &l, c, ev, m, run++);
			c += c->run;
		} else {
			put_cell(s, &l, c++, ev);
		}
		l.bent |= l.at >= l.due;
	}
	if (m && !l.bent)
		line_keep(s, m, begin, l.at);
}

static void put_line(struct sink *s, const struct ev_hdr *ev)
{
	struct memo *m = sink_memo(s, ev);

	if (!m || !line_put(s, m, ev))
		put_cells(s, m, ev);
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
	int err;

	if (ev->type == EV_LOST)
		return 0;
	if (s->tty >= 0 && !s->lines) {
		err = put_header(s);
		if (err < 0)
			return err;
		begin = s->out.len;
	}
	put_line(s, ev);
	if (s->lines)
		s->lines--;
	return end_line(&s->out, begin);
}

static int text_begin(struct sink *s)
{
	line_plan_make(s);
	return put_header(s);
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
	.begin = text_begin,
	.event = text_event,
	.text = text_text,
};
