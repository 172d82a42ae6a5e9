/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The one body behind every segment hook: from a packet, and the socket or
 * what is left of one, to a record.
 */
#ifndef TCPLENS_SEGMENT_BPF_H
#define TCPLENS_SEGMENT_BPF_H

#include "conn.bpf.h"
#include "ghost.bpf.h"
#include "expr.bpf.h"
#include "raw.bpf.h"
#include "track.bpf.h"

/* Filters that depend on the segment itself. */
static __always_inline int segment_wanted(__u16 word, __u8 dir, __u8 state)
{
	const struct filter *f = (const struct filter *)&cfg.filter;

	return cfg.emit_segments && dirs_match(f, dir) && states_match(f, state) &&
	       flags_match(f, word & 0x1ff);
}

/* What does not need a socket. The record is not zeroed by the ring: every byte is written. */
static __always_inline void segment_from_packet(struct ev_segment *s, struct packet *p, __u16 word,
						__u8 dir)
{
	s->hdr.mono_ns = bpf_ktime_get_ns();
	s->dir = dir;
	s->has = 0;
	s->tsval = s->tsecr = 0;
	s->ttl = s->tos = 0;
	__builtin_memset(s->smac, 0, sizeof(s->smac));
	__builtin_memset(s->dmac, 0, sizeof(s->dmac));
	s->pad[0] = s->pad[1] = 0;
	s->segs = packet_segs(p);
	read_tcp(s, p, word);
	read_ip(s, p);
	read_mac(s, p);
}

/* Remembers the first sequence numbers seen of each direction, and gives them to the record. */
static __always_inline void segment_bases(struct ev_segment *s, struct conn *c, __u8 dir)
{
	int out = dir == DIR_OUT;
	__u8 own = out ? CONN_ISS : CONN_IRS, peer = out ? CONN_IRS : CONN_ISS;

	if (!(c->known & own) || (s->flags & TF_SYN)) {
		if (out)
			c->iss = s->seq;
		else
			c->irs = s->seq;
		c->known |= own;
	}
	if ((s->flags & TF_ACK) && !(c->known & peer)) {
		if (out)
			c->irs = s->ack;
		else
			c->iss = s->ack;
		c->known |= peer;
	}
	s->seq_base = out ? c->iss : c->irs;
	s->ack_base = out ? c->irs : c->iss;
	s->has |= SEG_HAS_ISN;
	if (c->known & peer)
		s->has |= SEG_HAS_IACK;
}

/* A SYN's window is never scaled (RFC 7323 2.2). */
static __always_inline void segment_scale(struct ev_segment *s, struct conn *c, __u8 dir)
{
	if (s->flags & TF_SYN) {
		s->has |= SEG_HAS_WIN;
	} else if (c && (c->known & CONN_WSCALE)) {
		s->win <<= (dir == DIR_OUT ? c->rcv_wscale : c->snd_wscale) & 15;
		s->has |= SEG_HAS_WIN;
	}
}

/* A segment of a full socket. */
static __always_inline int segment_full(struct packet *p, struct sock *sk, struct conn *c,
					struct ev_ends *e, __u16 word, __u8 dir, enum ev_hook hook)
{
	__u8 state = RD(sk, __sk_common.skc_state);
	struct ev_segment *s;

	if (!segment_wanted(word, dir, state))
		return 0;
	if (c) {
		conn_find_accept(c);
		if (!conn_passes(c, e))
			return 0;
	}
	if (!c && !ends_match(e, &(struct ev_who){ .netns = sock_netns(sk) }, 0))
		return 0;
	if (!expr_pass(p))
		return 0;
	s = segment_reserve(p, word, c ? c->who.netns : sock_netns(sk), hook);
	if (!s)
		return 0;
	s->ends = *e;
	segment_from_packet(s, p, word, dir);
	s->state = state;
	sock_metrics(s, sk);
	s->has |= SEG_HAS_SOCK;
	if (c) {
		/*
		 * In SYN-SENT the peer's SYN has not been processed: what is received behind it
		 * (Fast Open), and met before it leaves the backlog, has a scale that nobody knows.
		 */
		if (state != ST_LISTEN && state != ST_SYN_SENT && !(c->known & CONN_WSCALE))
			conn_set_wscale(c, sk);
		who_copy(&s->who, c);
		segment_bases(s, c, dir);
		/* Closed on another CPU meanwhile, and its place another's: then not even which. */
		if (*(volatile __u64 *)&c->sk != (__u64)sk)
			who_none(&s->who, HOW_UNKNOWN);
	} else {
		who_none(&s->who, HOW_UNKNOWN);
		s->who.netns = sock_netns(sk);
		s->seq_base = s->ack_base = 0;
	}
	segment_scale(s, c, dir);
	/* Until both SYNs have been processed the scales may still change. */
	if (c && (state == ST_SYN_SENT || state == ST_SYN_RECV))
		c->known &= ~CONN_WSCALE;
	emit_submit(s);
	return 0;
}

/* Fills a record for a segment without a full socket; `g` may be NULL: nothing is known. */
static __always_inline void segment_bare_fill(struct ev_segment *s, struct packet *p,
					      struct conn *g, const struct ev_ends *e, __u32 netns,
					      __u16 word, __u8 dir, __u8 state)
{
	s->ends = *e;
	segment_from_packet(s, p, word, dir);
	s->state = state;
	s->srtt_us = s->min_rtt_us = s->cwnd = s->ssthresh = s->unacked = s->retrans = 0;
	ASK_AGAIN(g);
	if (g) {
		who_copy(&s->who, g);
	} else {
		who_none(&s->who, HOW_UNKNOWN);
		s->who.netns = netns;
	}
	ASK_AGAIN(g);
	if (g && g->state != ST_LISTEN) {
		segment_bases(s, g, dir);
	} else {
		/* Of no connection: a listener, or nobody. */
		s->who.conn = 0;
		s->seq_base = s->ack_base = 0;
	}
	ASK_AGAIN(g);
	segment_scale(s, g, dir);
}

static __always_inline int bare_passes(struct conn *g, const struct ev_ends *e, __u32 netns)
{
	ASK_AGAIN(g);
	if (g)
		return conn_passes(g, e);
	return ends_match(e, &(struct ev_who){ .netns = netns }, 0);
}

static __always_inline int segment_bare(struct packet *p, struct conn *g, const struct ev_ends *e,
					__u32 netns, __u16 word, __u8 dir, __u8 state,
					enum ev_hook hook)
{
	struct ev_segment *s;

	if (!segment_wanted(word, dir, state) || !bare_passes(g, e, netns) || !expr_pass(p))
		return 0;
	s = segment_reserve(p, word, netns, hook);
	if (!s)
		return 0;
	segment_bare_fill(s, p, g, e, netns, word, dir, state);
	emit_submit(s);
	return 0;
}

/* What a segment of no full socket finds: the request, TIME-WAIT, the listener, or nothing (0). */
static __always_inline __u8 bare_state(const struct conn *g)
{
	return g ? g->state : 0;
}

#endif
