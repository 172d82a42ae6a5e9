// SPDX-License-Identifier: BSD-2-Clause
#include "sink_memo.h"

#include <stdlib.h>

#include "decode.h"

#define MEMOS_BITS 8

/* As the two follow each other in a record, in words. */
#define KEY_WORDS ((sizeof(struct ev_who) + sizeof(struct ev_ends)) / 8)

static bool same(const __u64 *a, const __u64 *b)
{
	__u64 diff = 0;

	for (size_t i = 0; i < KEY_WORDS; i++)
		diff |= a[i] ^ b[i];
	return !diff;
}

struct sink_memo {
	struct memo memo[1 << MEMOS_BITS];
};

static struct memo *place_of(struct sink_memo *all, const struct ev_owned *ev, unsigned int dir)
{
	__u64 key = ev->who.conn ^ (__u64)ev->ends.lport << 32 ^ (__u64)ev->ends.rport << 48 ^ (__u64)dir << 31;

	return &all->memo[key * 0x9e3779b97f4a7c15ULL >> (64 - MEMOS_BITS)];
}

struct memo *sink_memo(struct sink *s, const struct ev_hdr *ev)
{
	const struct ev_owned *o = (const struct ev_owned *)ev;
	unsigned int dir;
	struct memo *m;

	/* The others are few. Names for addresses may change. */
	if ((ev->type != EV_SEGMENT && ev->type != EV_STATE) || s->fctx.resolver)
		return NULL;
	if (!s->memo)
		s->memo = calloc(1, sizeof(*s->memo));
	if (!s->memo)
		return NULL;
	dir = ev->type == EV_SEGMENT ? ev_segment_of(ev)->dir : 0;
	m = place_of(s->memo, o, dir);
	if (m->type == ev->type && m->dir == dir && same((const __u64 *)&m->who, (const __u64 *)&o->who))
		return m;
	m->type = ev->type;
	m->dir = dir;
	m->line_len = 0;
	m->who = o->who;
	m->ends = o->ends;
	memset(m->end, 0, sizeof(m->end));
	return m;
}

void memo_keep(struct memo *m, unsigned int run, const struct outbuf *b, size_t begin, size_t cols)
{
	size_t at = run ? m->end[run - 1] : 0, len = b->len - begin;

	if (outbuf_error(b) || len > sizeof(m->text) - at || (run && !at))
		return;
	memcpy(m->text + at, b->p + begin, len);
	m->end[run] = at + len;
	m->cols[run] = cols;
}
