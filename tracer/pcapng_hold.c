// SPDX-License-Identifier: BSD-2-Clause
#include "pcapng_hold.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "names.h"

static struct held *nth(struct hold *h, unsigned int i)
{
	return &h->ring[(h->first + i) % HOLD_PACKETS];
}

static int emit_oldest(struct hold *h)
{
	struct held *p = nth(h, 0);

	h->first = (h->first + 1) % HOLD_PACKETS;
	h->n--;
	return h->emit(h->ctx, p->ev, &p->notes);
}

static void add_note(struct held *p, const char *text)
{
	outbuf_mem(&p->notes, text, strlen(text) + 1);
}

/* Comments that waited for this packet. */
static void take_notes(struct hold *h, struct held *p)
{
	const struct ev_segment *s = p->ev;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < h->nnotes; i++) {
		struct note *n = &h->notes[i];

		if (n->conn == s->who.conn && (n->dir < 0 || n->dir == s->dir))
			add_note(p, n->text);
		else
			h->notes[kept++] = *n;
	}
	h->nnotes = kept;
}

int hold_packet(struct hold *h, const struct ev_segment *s)
{
	struct held *p;
	int err = 0;

	if (h->n == HOLD_PACKETS)
		err = emit_oldest(h);
	p = nth(h, h->n);
	if (p->cap < s->hdr.len) {
		struct ev_segment *ev = realloc(p->ev, s->hdr.len);

		if (!ev)
			return -ENOMEM;
		p->ev = ev;
		p->cap = s->hdr.len;
	}
	memcpy(p->ev, s, s->hdr.len);
	outbuf_reset(&p->notes);
	h->n++;
	if (h->nnotes)
		take_notes(h, p);
	return err;
}

int hold_flush(struct hold *h, __u64 before_ns)
{
	int err = 0;

	while (h->n && nth(h, 0)->ev->hdr.mono_ns < before_ns) {
		int ret = emit_oldest(h);

		err = err ? err : ret;
	}
	return err;
}

/* What a comment may belong to: the last held packet of the connection in that direction. */
static struct held *last_of(struct hold *h, __u64 conn, int dir)
{
	for (unsigned int i = h->n; i-- > 0;) {
		struct held *p = nth(h, i);

		if (p->ev->who.conn == conn && p->ev->dir == dir)
			return p;
	}
	return NULL;
}

/* The oldest of too many comments goes: its connection has no packet any more. */
static void note_later(struct hold *h, __u64 conn, int dir, const char *text)
{
	struct note *n;

	if (h->nnotes == HOLD_NOTES) {
		memmove(h->notes, h->notes + 1, (HOLD_NOTES - 1) * sizeof(h->notes[0]));
		h->nnotes--;
	}
	n = &h->notes[h->nnotes++];
	n->conn = conn;
	n->dir = dir;
	snprintf(n->text, sizeof(n->text), "%s", text);
}

/*
 * Changes that a system call makes, before the segment that tells the peer:
 * connect(), close().  All others follow from a segment that was received.
 */
static bool before_sending(const struct ev_state *s)
{
	return s->new == ST_SYN_SENT || s->new == ST_FIN_WAIT1 || s->new == ST_LAST_ACK;
}

/* Did this received segment make the change? */
static bool made_by(const struct held *p, const struct ev_state *s)
{
	__u16 flags = p->ev->flags;

	switch (s->new) {
	case ST_SYN_RECV:
		return (flags & (TF_SYN | TF_ACK)) == TF_ACK; /* the ACK that makes the socket */
	case ST_CLOSE_WAIT:
	case ST_CLOSING:
	case ST_TIME_WAIT:
		return flags & TF_FIN;
	case ST_CLOSE:
		return s->old == ST_LAST_ACK || s->old == ST_FIN_WAIT2 || s->old == ST_CLOSING ||
		       (flags & TF_RST);
	default:
		return flags & TF_ACK;
	}
}

static void hold_state(struct hold *h, const struct ev_state *s)
{
	struct held *p = before_sending(s) ? NULL : last_of(h, s->who.conn, DIR_IN);
	char text[96];

	snprintf(text, sizeof(text), "state=%s->%s", state_name(s->old), state_name(s->new));
	if (p && made_by(p, s))
		add_note(p, text);
	else if (before_sending(s) || s->new == ST_CLOSE)
		note_later(h, s->who.conn, DIR_OUT, text);
	else
		note_later(h, s->who.conn, DIR_IN, text);
}

void hold_event(struct hold *h, const struct ev_hdr *ev)
{
	if (ev->type == EV_STATE && ev_state_of(ev)->who.conn)
		hold_state(h, ev_state_of(ev));
}

void hold__free(struct hold *h)
{
	for (unsigned int i = 0; i < HOLD_PACKETS; i++) {
		free(h->ring[i].ev);
		outbuf__free(&h->ring[i].notes);
	}
}
