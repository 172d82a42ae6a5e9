// SPDX-License-Identifier: BSD-2-Clause
/* One JSON object per line. */
#include <errno.h>

#include "sink.h"

static int json_begin(struct sink *s)
{
	/* Numbers on the wire are what other tools print. */
	s->fctx.absolute = true;
	return 0;
}

static int json_event(struct sink *s, const struct ev_hdr *ev)
{
	/* A selection must not hide that something is missing. */
	const struct sink_cols *cols = s->chosen.n && ev->type != EV_LOST ? &s->chosen : &s->every;
	struct outbuf *b = &s->out;
	size_t begin = b->len;
	struct fvalue v;

	for (const struct sink_col *c = cols->col; c < cols->col + cols->n; c++) {
		if (!field_get(c->field, ev, &s->fctx, &v))
			continue;
		outbuf_mem(b, c->key, c->keylen);
		field_json(b, c->field, &v, &s->fctx);
	}
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
