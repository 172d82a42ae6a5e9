// SPDX-License-Identifier: BSD-2-Clause
#include "sink.h"

#include <stdio.h>

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
	c->keylen = snprintf(c->key, sizeof(c->key), ",\"%s\":", f->name);
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
	for (size_t i = 0; i < nfields; i++)
		if (!field_is_short(&fields[i]))
			add_col(&s->every, cfg, &fields[i]);
}

int sink__flush(struct sink *s, int fd)
{
	return outbuf_flush(&s->out, fd);
}

void sink__free(struct sink *s)
{
	if (s)
		outbuf__free(&s->out);
}
