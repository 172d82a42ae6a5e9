// SPDX-License-Identifier: BSD-2-Clause
#include "sink_line.h"

/* Kinds of columns that can be put in at a fixed place. */
static bool can_move(const struct sink_col *c)
{
	switch (c->field->kind) {
	case FK_TIME:
		return true;
	case FK_FLAGS:
	case FK_NAME:
	case FK_SHORT:
		return !c->right;
	default:
		return c->number && c->right;
	}
}

/* A last column that is aligned to the left has no blanks behind it: its line has no fixed length. */
static bool has_end(const struct sink_col *c)
{
	return c->field->of_conn || c->right || c->field->kind == FK_TIME;
}

void line_plan_make(struct sink *s)
{
	const struct sink_cols *cols = &s->chosen;
	struct line_plan *p = &s->plan;
	size_t at = 0;

	*p = (struct line_plan){};
	if (!cols->n || s->color || !has_end(&cols->col[cols->n - 1]))
		return;
	for (size_t i = 0; i < cols->n; i++) {
		const struct sink_col *c = &cols->col[i];

		if (!c->field->of_conn) {
			if (!can_move(c) || p->n == LINE_MOVING)
				return;
			p->moving[p->n++] = (struct line_moving){ .col = i, .at = at };
		}
		at += c->width + 1;
	}
	p->usable = true;
}

static bool put_name(char *p, const struct sink_col *c, const char *name, size_t len)
{
	if (len > c->width)
		return false;
	memcpy(p, name, len);
	return true;
}

/* Where it belongs, at once: a copy of what was written just now waits until that has left the store buffer. */
static bool put_time(char *p, const struct sink_col *c, const struct fctx *ctx, __s64 ns)
{
	unsigned int len = field_time_len(ctx, ns);

	if (!len || len > c->width)
		return false;
	field_time_again(p + (c->right ? c->width - len : 0), ctx, ns);
	return true;
}

static bool put_value(char *p, const struct sink_col *c, const struct fctx *ctx,
		      const struct fvalue *v)
{
	const struct flagtext *flags;

	switch (c->field->kind) {
	case FK_TIME:
		return put_time(p, c, ctx, v->ns);
	case FK_FLAGS:
		if (!v->u || v->u >= FLAGTEXT_MAX)
			return false;
		flags = &ctx->flags_text[v->u]; /* empty: made by the first line that has them */
		return flags->len && put_name(p, c, flags->text, flags->len);
	case FK_NAME:
	case FK_SHORT:
		return put_name(p, c, v->name, strlen(v->name));
	default:
		if (v->u >= c->fits)
			return false;
		outbuf_put_digits(p + c->width, v->u);
		return true;
	}
}

bool line_put(struct sink *s, const struct memo *m, const struct ev_hdr *ev)
{
	const struct line_plan *plan = &s->plan;
	struct outbuf *b = &s->out;
	char *p;

	if (!m->line_len || !outbuf_room(b, MEMO_LINE))
		return false;
	p = b->p + b->len;
	memcpy(p, m->line, m->line_len);
	for (unsigned int i = 0; i < plan->n; i++) {
		const struct sink_col *c = &s->chosen.col[plan->moving[i].col];
		char *cell = p + plan->moving[i].at;
		struct fvalue v;

		if (!field_get(c->field, ev, &s->fctx, &v))
			cell[c->right ? c->width - 1 : 0] = '-';
		else if (!put_value(cell, c, &s->fctx, &v))
			return false;
	}
	b->len += m->line_len;
	return true;
}

void line_keep(const struct sink *s, struct memo *m, size_t begin, size_t cols)
{
	const struct line_plan *plan = &s->plan;
	const struct outbuf *b = &s->out;
	size_t len = b->len - begin;

	/* Where characters have several bytes, columns are elsewhere. */
	if (!plan->usable || outbuf_error(b) || len != cols || len >= MEMO_LINE)
		return;
	memcpy(m->line, b->p + begin, len);
	for (unsigned int i = 0; i < plan->n; i++)
		memset(m->line + plan->moving[i].at, ' ', s->chosen.col[plan->moving[i].col].width);
	m->line_len = len;
}
