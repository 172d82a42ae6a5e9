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
	h->bytes -= p->ev->hdr.len;
	return h->emit(h->ctx, p->ev, &p->notes);
}

static void add_note(struct held *p, const char *text)
{
	outbuf_mem(&p->notes, text, strlen(text) + 1);
}

/* Are both of the same connection? What belongs to none is told apart by its ends. */
static bool same_conn(__u64 conn, __u32 netns, const struct ev_ends *e, const struct ev_segment *s)
{
	if (conn && s->who.conn)
		return conn == s->who.conn;
	return netns == s->who.netns && !memcmp(e, &s->ends, sizeof(*e));
}

/* Comments that waited for this packet. */
static void take_notes(struct hold *h, struct held *p)
{
	const struct ev_segment *s = p->ev;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < h->nnotes; i++) {
		struct note *n = &h->notes[i];

		if (n->dir == s->dir && (s->flags & n->flags) == n->flags &&
		    same_conn(n->conn, n->netns, &n->ends, s))
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
	h->bytes += s->hdr.len;
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

/* For a packet that is still to come.  The oldest of too many goes: its connection has no packet any more. */
static void note_later(struct hold *h, const struct ev_hdr *ev, int dir, __u16 flags, const char *text)
{
	struct note *n;

	if (h->nnotes == HOLD_NOTES) {
		memmove(h->notes, h->notes + 1, (HOLD_NOTES - 1) * sizeof(h->notes[0]));
		h->nnotes--;
	}
	n = &h->notes[h->nnotes++];
	n->conn = ev_who_of(ev)->conn;
	n->netns = ev_who_of(ev)->netns;
	n->ends = *ev_ends_of(ev);
	n->dir = dir;
	n->flags = flags;
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

/*
 * What the segment has that makes the change, or is sent for it: where a filter
 * leaves that one out, no other gets its comment.
 */
static __u16 flags_of(const struct ev_state *s)
{
	switch (s->new) {
	case ST_SYN_SENT:
		return TF_SYN;
	case ST_SYN_RECV:
		return s->old == ST_SYN_SENT ? TF_SYN : TF_ACK; /* the ACK that makes the socket */
	case ST_FIN_WAIT1:
	case ST_LAST_ACK:
	case ST_CLOSE_WAIT:
	case ST_CLOSING:
	case ST_TIME_WAIT:
		return TF_FIN;
	case ST_CLOSE:
		return TF_RST;
	default:
		return TF_ACK;
	}
}

/* Did this received segment make the change? */
static bool made_by(const struct held *p, const struct ev_state *s)
{
	__u16 flags = p->ev->flags;

	if ((flags & TF_SYN) && s->old != ST_SYN_SENT)
		return false;
	if (s->new == ST_CLOSE && (s->old == ST_LAST_ACK || s->old == ST_FIN_WAIT2 || s->old == ST_CLOSING))
		return true;
	return flags & flags_of(s);
}

static void hold_state(struct hold *h, const struct ev_state *s)
{
	struct held *p = before_sending(s) ? NULL : last_of(h, s->who.conn, DIR_IN);
	bool out = before_sending(s) || s->new == ST_CLOSE;
	char text[96];

	snprintf(text, sizeof(text), "state=%s->%s", state_name(s->old), state_name(s->new));
	if (p && made_by(p, s))
		add_note(p, text);
	else
		note_later(h, &s->hdr, out ? DIR_OUT : DIR_IN, flags_of(s), text);
}

/* The packet that the record is about: the last one that may be it, and was recorded before. */
static struct held *packet_of(struct hold *h, const struct ev_trouble *t, int dir, __u16 flags)
{
	for (unsigned int i = h->n; i-- > 0;) {
		struct held *p = nth(h, i);

		if (p->ev->dir == dir && (p->ev->flags & flags) == flags &&
		    (!(t->has & TROUBLE_HAS_SEQ) || p->ev->seq == t->seq) && same_conn(t->who.conn, t->who.netns, &t->ends, p->ev))
			return p;
	}
	return NULL;
}

static void note_on(struct held *p, const char *key, const char *value)
{
	char text[96];

	if (!p || !value || !*value)
		return;
	snprintf(text, sizeof(text), "%s=%s", key, value);
	add_note(p, text);
}

static bool has_note(const struct held *p, const char *begin)
{
	for (size_t i = 0; i < p->notes.len; i += strlen(p->notes.p + i) + 1)
		if (!strncmp(p->notes.p + i, begin, strlen(begin)))
			return true;
	return false;
}

/* tcp_v4_send_reset() tells before it sends, tcp_send_active_reset() afterwards. */
static void hold_reset(struct hold *h, const struct ev_trouble *t)
{
	struct held *p = packet_of(h, t, t->dir, TF_RST);
	char text[96];

	if (!*t->reason_name)
		return;
	snprintf(text, sizeof(text), "reset=%s", t->reason_name);
	if (p && !has_note(p, "reset="))
		add_note(p, text);
	else if (t->dir == DIR_OUT)
		note_later(h, &t->hdr, DIR_OUT, TF_RST, text);
}

/* A window that closes, or opens: the peer's by a packet received, ours by one sent. */
static void hold_stall(struct hold *h, const struct ev_trouble *t)
{
	bool ended = t->has & TROUBLE_STALL_ENDED;
	struct held *p = packet_of(h, t, t->dir == DIR_OUT ? DIR_IN : DIR_OUT, 0);
	char text[32];

	if (!p || ended != !!p->ev->win)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)t->span_ns / 1000);
	if (ended)
		note_on(p, "stall_us", text);
	else
		note_on(p, "stall", t->dir == DIR_OUT ? "peer-window" : "own-window");
}

void hold_event(struct hold *h, const struct ev_hdr *ev)
{
	const struct ev_trouble *t = ev_trouble_of(ev);

	switch (ev->type) {
	case EV_STATE:
		if (ev_state_of(ev)->who.conn)
			hold_state(h, ev_state_of(ev));
		break;
	case EV_RETRANSMIT:
		/* __tcp_retransmit_skb() tells once it is sent. */
		if (!t->err)
			note_on(packet_of(h, t, DIR_OUT, t->flags), "retransmit", kind_name(t->kind));
		break;
	case EV_DROP:
		note_on(packet_of(h, t, t->dir, t->flags), "drop", *t->reason_name ? t->reason_name : "unknown");
		break;
	case EV_RESET:
		hold_reset(h, t);
		break;
	case EV_STALL:
		hold_stall(h, t);
		break;
	}
}

void hold__free(struct hold *h)
{
	for (unsigned int i = 0; i < HOLD_PACKETS; i++) {
		free(h->ring[i].ev);
		outbuf__free(&h->ring[i].notes);
	}
}
