// SPDX-License-Identifier: BSD-2-Clause
#include "expr_stage.h"

#include <string.h>

#include "decode.h"

static const struct ev_hdr *copy(struct expr_stage *s, const struct ev_hdr *ev, size_t len)
{
	struct ev_hdr *out = (struct ev_hdr *)s->buf;

	memcpy(out, ev, len);
	out->len = len;
	return out;
}

static const struct ev_hdr *strip(struct expr_stage *s, const struct ev_hdr *ev)
{
	struct ev_segment *out;

	out = (struct ev_segment *)copy(s, ev, ev_segment_of(ev)->raw * 8);
	out->raw = 0;
	return &out->hdr;
}

/* Nothing of what is taken away stays behind in the last 8 bytes. */
static const struct ev_hdr *cut(struct expr_stage *s, const struct ev_hdr *ev, __u32 keep)
{
	size_t data = ev_segment_of(ev)->raw * 8 + sizeof(struct ev_raw), len = (data + keep + 7) & ~7UL;
	struct ev_segment *out = (struct ev_segment *)copy(s, ev, len);
	struct ev_raw *r = (struct ev_raw *)((char *)out + out->raw * 8);

	r->cap_len = keep;
	memset(r->data + keep, 0, len - data - keep);
	return &out->hdr;
}

const struct ev_hdr *expr_stage(struct expr_stage *s, const struct ev_hdr *ev)
{
	const struct ev_raw *r = ev->type == EV_SEGMENT ? ev_raw_of(ev_segment_of(ev)) : NULL;

	if (!r)
		return ev;
	if (s->expr && !expr_matches(s->expr, r))
		return NULL;
	if (s->strip)
		return strip(s, ev);
	if (s->snap != EXPR_STAGE_KEEP_ALL && r->cap_len > r->payload_off + s->snap)
		return cut(s, ev, r->payload_off + s->snap);
	return ev;
}
