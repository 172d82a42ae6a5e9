// SPDX-License-Identifier: BSD-2-Clause
#include "sink.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned int col_width(const struct field *f, const struct sink_cfg *cfg)
{
	unsigned int width = field_width(f, &cfg->fctx);

	/* A full IPv6 address has 39 characters, in practice hardly more than 25. */
	if (cfg->wide_addr && f->kind == FK_END)
		width = 33;
	if (cfg->wide_addr && f->kind == FK_ADDR)
		width = 25;
	return width;
}

static void add_col(struct sink_cols *cols, const struct sink_cfg *cfg, const struct field *f)
{
	struct sink_col *c = &cols->col[cols->n++];

	c->field = f;
	c->width = col_width(f, cfg);
	c->right = field_right(f, &cfg->fctx);
	c->number = f->kind == FK_UINT || f->kind == FK_ID || f->kind == FK_BIGID;
	c->fits = 1;
	for (unsigned int i = 0; i < c->width && i < OUTBUF_DIGITS_MAX - 1; i++)
		c->fits *= 10;
	c->keylen = snprintf(c->key, sizeof(c->key), ",\"%s\":", f->name);
}

void sink_cols_runs(struct sink_cols *cols)
{
	size_t run = 0;

	for (size_t i = cols->n; i--;) {
		run = cols->col[i].field->of_conn ? run + 1 : 0;
		cols->col[i].run = 0;
		if (run > 1 && (!i || !cols->col[i - 1].field->of_conn))
			cols->col[i].run = run;
	}
}

void sink__init(struct sink *s, const struct sink_cfg *cfg)
{
	*s = (struct sink){
		.ops = cfg->ops,
		.fctx = cfg->fctx,
		.color = cfg->color,
		.tty = cfg->tty,
	};
	for (size_t i = 0; i < cfg->nfields; i++)
		add_col(&s->chosen, cfg, cfg->fields[i]);
	/* Of JSON: what there is. */
	for (size_t i = 0; !cfg->nfields && i < nfields; i++)
		if (!field_is_short(&fields[i]))
			add_col(&s->chosen, cfg, &fields[i]);
	sink_cols_runs(&s->chosen);
}

int sink__at(struct sink *s, __u64 mono_ns)
{
	struct outbuf b = {};
	int err;

	field_time(&b, &s->fctx, s->fctx.time_format, (__s64)mono_ns + s->fctx.mono_to_real);
	outbuf_chr(&b, '\n');
	err = outbuf_error(&b);
	if (!err)
		err = sink__text(s, b.p, b.len);
	outbuf__free(&b);
	return err;
}

int sink__flush(struct sink *s, int fd)
{
	return outbuf_flush(&s->out, fd);
}

void sink__free(struct sink *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < EV_TYPE_MAX; i++)
		free(s->of_type[i]);
	free(s->memo);
	outbuf__free(&s->out);
	memset(s->of_type, 0, sizeof(s->of_type));
	s->memo = NULL;
}
