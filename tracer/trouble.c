// SPDX-License-Identifier: BSD-2-Clause
#include "trouble.h"

#include <string.h>

#include "decode.h"
#include "names.h"
#include "outbuf.h"

#define CUT '+' /* there is more: `reason` has it */

const char *trouble_reason(const struct ev_trouble *t)
{
	const char *kind;

	switch (t->hdr.type) {
	case EV_RETRANSMIT:
		kind = kind_name(t->kind);
		return kind ? kind : "";
	case EV_STALL:
		return t->dir == DIR_OUT ? "peer-window" : "own-window";
	default:
		return t->reason_name;
	}
}

/* Nothing that is not printable ASCII in one column: the text may come from a recording. */
static size_t put_cut(struct outbuf *b, const char *s, size_t n, size_t room)
{
	size_t cols = 0;

	while (cols < n && cols < room) {
		unsigned char c = s[cols++];

		if (cols == room && n > room)
			c = CUT;
		outbuf_chr(b, c > ' ' && c < 0x7f ? c : '?');
	}
	return cols;
}

/* What does not fit loses what most of them begin with, then its end. */
static size_t put_reason(struct outbuf *b, const char *s, size_t n, size_t room)
{
	if (n > room && n > 4 && !memcmp(s, "TCP_", 4)) {
		s += 4;
		n -= 4;
	}
	return put_cut(b, s, n, room);
}

/* Which of the two ends is meant: of a drop it is the receiver, unless said otherwise. */
static const char *end_word(unsigned int of, unsigned int dir)
{
	if (of == EV_STALL)
		return dir == DIR_OUT ? " peer" : " own";
	if (of == EV_RESET)
		return dir == DIR_OUT ? " out" : " in";
	return of == EV_DROP && dir == DIR_OUT ? " out" : "";
}

static void put_single(struct outbuf *b, const struct ev_trouble *t)
{
	if (t->hdr.type == EV_RETRANSMIT && t->attempt) {
		outbuf_chr(b, ' ');
		outbuf_u64(b, t->attempt);
	}
	if (t->hdr.type != EV_STALL)
		return;
	outbuf_chr(b, ' ');
	put_usec(b, t->span_ns / 1000);
	if (!(t->has & TROUBLE_STALL_ENDED))
		outbuf_str(b, " open");
}

static size_t reason_of(const struct ev_hdr *ev, const char **s)
{
	const struct ev_sum *sum = ev_sum_of(ev);

	*s = ev->type == EV_SUM ? sum->reason : trouble_reason(ev_trouble_of(ev));
	return ev->type == EV_SUM ? strnlen(sum->reason, sizeof(sum->reason)) : strlen(*s);
}

/*
 * Where there is no connection: which of our ports was called, if there is room.
 * The peer's port, which REMOTE has, says little then.
 */
static void put_called(struct outbuf *b, const struct ev_who *who, const struct ev_ends *e, size_t room)
{
	size_t begin = b->len;

	if (who->conn || who->pid || !e->lport)
		return;
	outbuf_str(b, " :");
	outbuf_u64(b, e->lport);
	if (b->len - begin > room)
		b->len = begin;
}

size_t trouble_text(struct outbuf *b, const struct ev_hdr *ev, size_t room)
{
	const struct ev_sum *sum = ev->type == EV_SUM ? ev_sum_of(ev) : NULL;
	unsigned int of = sum ? sum->of : ev->type;
	unsigned int dir = sum ? sum->dir : ev_trouble_of(ev)->dir;
	size_t begin = b->len, n;
	const char *s;

	outbuf_str(b, event_name(of));
	outbuf_str(b, end_word(of, dir));
	n = reason_of(ev, &s);
	if (of != EV_STALL && n) {
		outbuf_chr(b, ' ');
		put_reason(b, s, n, room > b->len - begin ? room - (b->len - begin) : 0);
	}
	if (!sum) {
		put_single(b, ev_trouble_of(ev));
	} else if (sum->timed) {
		outbuf_chr(b, ' ');
		put_usec(b, sum->total_ns / 1000);
	}
	put_called(b, ev_who_of(ev), ev_ends_of(ev), b->len - begin < room ? room - (b->len - begin) : 0);
	return b->len - begin;
}
