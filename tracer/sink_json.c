// SPDX-License-Identifier: BSD-2-Clause
/* One JSON object per line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink_memo.h"

static int json_begin(struct sink *s)
{
	/* Numbers on the wire are what other tools print. */
	s->fctx.absolute = true;
	return 0;
}

static void add_key(struct sink_cols *cols, const struct field *f)
{
	struct sink_col *c = &cols->col[cols->n++];

	c->field = f;
	c->keylen = snprintf(c->key, sizeof(c->key), ",\"%s\":", f->name);
}

/* The keys of a type, in their order; NULL: no memory. */
static const struct sink_cols *keys_of(struct sink *s, unsigned int type)
{
	struct sink_cols *cols = s->of_type[type];

	if (cols)
		return cols;
	cols = s->of_type[type] = calloc(1, sizeof(*cols));
	if (!cols)
		return NULL;
	if (type == EV_LOST) /* a selection must not hide that something is missing */
		for (size_t i = 0; i < nfields; i++) {
			if (fields[i].events & FIELD_IN(type) && !field_is_short(&fields[i]))
				add_key(cols, &fields[i]);
		}
	else
		for (size_t i = 0; i < s->chosen.n; i++) {
			if (s->chosen.col[i].field->events & FIELD_IN(type))
				add_key(cols, s->chosen.col[i].field);
		}
	sink_cols_runs(cols);
	return cols;
}

/* There is room. */
static void put_number(struct outbuf *b, __u64 n)
{
	b->len += outbuf_digits(n);
	outbuf_put_digits(b->p + b->len, n);
}

static void put_keys(struct sink *s, const struct sink_col *c, size_t n, const struct ev_hdr *ev)
{
	struct outbuf *b = &s->out;
	struct fvalue v;

	for (; n--; c++) {
		if (!field_get(c->field, ev, &s->fctx, &v) || !outbuf_room(b, SINK_KEY_MAX + OUTBUF_DIGITS_MAX))
			continue;
		memcpy(b->p + b->len, c->key, SINK_KEY_MAX);
		b->len += c->keylen;
		if (c->field->kind == FK_UINT)
			put_number(b, v.u);
		else
			field_json(b, c->field, &v, &s->fctx);
	}
}

static void put_all(struct sink *s, const struct sink_cols *cols, const struct ev_hdr *ev)
{
	struct memo *m = sink_memo(s, ev);
	struct outbuf *b = &s->out;
	unsigned int run = 0;

	for (size_t i = 0, n; i < cols->n; i += n) {
		const struct sink_col *c = &cols->col[i];
		size_t begin = b->len;

		n = c->run ? c->run : 1;
		if (!m || !c->run || run == MEMO_RUNS) {
			put_keys(s, c, n, ev);
			continue;
		}
		if (!memo_put(m, run, b)) {
			put_keys(s, c, n, ev);
			memo_keep(m, run, b, begin, 0);
		}
		run++;
	}
}

static int json_event(struct sink *s, const struct ev_hdr *ev)
{
	const struct sink_cols *cols = keys_of(s, ev->type);
	struct outbuf *b = &s->out;
	size_t begin = b->len;

	if (!cols)
		return -ENOMEM;
	put_all(s, cols, ev);
	if (b->len == begin)
		outbuf_chr(b, ',');
	outbuf_mem(b, "}\n", 2);
	if (outbuf_error(b)) {
		b->len = begin;
		return -ENOMEM;
	}
	b->p[begin] = '{'; /* was the first comma */
	return 1;
}

const struct sink_ops sink_json_ops = {
	.name = "json",
	.begin = json_begin,
	.event = json_event,
};
