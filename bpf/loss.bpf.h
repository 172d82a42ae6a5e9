/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A record of what goes wrong: of which connection, which here is found by
 * socket or by packet only: all of it happens in softirq.
 */
#ifndef TCPLENS_LOSS_BPF_H
#define TCPLENS_LOSS_BPF_H

#include "ghost.bpf.h"
#include "keep.bpf.h"
#include "packet.bpf.h"

/* What a record is about; `c` may be NULL: of no connection that is known. */
struct about {
	struct conn *c;
	struct ev_ends e;
	__u32 netns;
	__u16 flags;
	__u8 dir;
	__u8 state;
};

/* A record with everything that all of them have, the rest zeroed; NULL: filtered, or no room. */
static __always_inline struct ev_trouble *trouble_new(struct about *a, __u16 type, int has_flags)
{
	const struct filter *f = (const struct filter *)&cfg.filter;
	struct ev_trouble *r;

	if (!cfg.emit_trouble || !dirs_match(f, a->dir) || !states_match(f, a->state) ||
	    (has_flags ? !flags_match(f, a->flags) : f->nflags))
		return 0;
	if (a->c ? !conn_passes(a->c, &a->e) :
		   !ends_match(&a->e, &(struct ev_who){ .netns = a->netns }, 0))
		return 0;
	r = emit_reserve(HOOK_LOSS, EV_RETRANSMIT, sizeof(*r));
	if (!r)
		return 0;
	__builtin_memset((void *)r + sizeof(struct ev_hdr), 0, sizeof(*r) - sizeof(struct ev_hdr));
	r->hdr.type = type;
	r->hdr.mono_ns = bpf_ktime_get_ns();
	if (a->c) {
		who_copy(&r->who, a->c);
		if (a->c->state == ST_LISTEN) {
			/* Not of a connection: of whoever listens. */
			r->who.conn = 0;
			if (r->who.how != HOW_KERNEL && r->who.pid)
				r->who.how = HOW_LISTENER;
		}
	} else {
		r->who.netns = a->netns;
	}
	r->ends = a->e;
	r->dir = a->dir;
	r->has = TROUBLE_HAS_DIR;
	r->state = a->state;
	r->flags = a->flags;
	return r;
}

/* A full socket and its connection. */
static __always_inline void about_sock(struct about *a, struct sock *sk, __u8 dir)
{
	sock_ends(&a->e, sk, 1);
	a->c = conn_get_or_add(sk);
	if (a->c)
		conn_find_accept(a->c);
	a->netns = sock_netns(sk);
	a->state = RD(sk, __sk_common.skc_state);
	a->dir = dir;
	a->flags = 0;
}

/* tcp_v4_rcv() has taken the device away; where to the route led is still known. */
static __always_inline __u32 skb_netns(struct sk_buff *skb)
{
	struct net_device *dev = RD(skb, dev);
	unsigned long dst;

	if (!dev) {
		dst = RD(skb, _skb_refdst) & ~1UL; /* SKB_DST_NOREF */
		if (!dst)
			return 0;
		dev = RD((struct dst_entry *)dst, dev);
	}
	return net_inum(RD(dev, nd_net.net));
}

/* The connection that a packet is of. */
static __noinline struct conn *conn_of_packet(struct tuple *t)
{
	struct ev_ends own;
	struct conn *c = conn_by_tuple(t, &own);

	if (!c)
		return bpf_map_lookup_elem(&ghosts, t);
	conn_find_accept(c);
	return c;
}

/* Whose it is: the socket's, if that is a full one, or by its ends. */
static __always_inline void about_find(struct about *a, struct sock *sk)
{
	struct tuple t;

	if (sk && state_is_full(a->state) && sock_is_tcp(sk)) {
		a->c = conn_get(sk);
		if (a->c) {
			conn_find_accept(a->c);
			return;
		}
	}
	tuple_of(&t, &a->e, a->netns);
	a->c = conn_of_packet(&t);
}

/*
 * A socket that may be gone already: data after close() ends it before the reset that answers is
 * made (tcp_rcv_state_process(): TCP_ABORT_ON_DATA).  Its ghost tells whose it was.
 */
static __always_inline void about_closed(struct about *a, struct sock *sk, __u8 dir)
{
	sock_ends(&a->e, sk, 1);
	a->netns = sock_netns(sk);
	a->state = ST_CLOSE;
	a->dir = dir;
	about_find(a, sk);
}

/* From a packet, and the socket that it reached or left, if that is known. */
static __always_inline int about_packet(struct about *a, struct packet *p, struct sk_buff *skb,
					struct sock *sk, __u8 dir)
{
	if (packet_parse(p, skb, RD(skb, network_header)) <= 0)
		return 0;
	packet_ends(&a->e, p, dir == DIR_IN);
	a->dir = dir;
	a->flags = packet_word(p) & 0x1ff;
	a->netns = sk ? sock_netns(sk) : skb_netns(skb);
	a->state = sk ? RD(sk, __sk_common.skc_state) : 0;
	about_find(a, sk);
	return 1;
}

static __always_inline void trouble_packet(struct ev_trouble *r, struct about *a, struct packet *p)
{
	r->seq = packet_seq(p);
	r->len = p->len - (packet_word(p) >> 12) * 4;
	r->segs = packet_segs(p);
	r->has |= TROUBLE_HAS_SEQ;
	if (a->flags & TF_SYN) {
		r->seq_base = r->seq;
		r->has |= TROUBLE_HAS_ISN;
	} else if (a->c && a->c->state != ST_LISTEN && a->c->known & (a->dir == DIR_OUT ? CONN_ISS : CONN_IRS)) {
		r->seq_base = a->dir == DIR_OUT ? a->c->iss : a->c->irs;
		r->has |= TROUBLE_HAS_ISN;
	}
}

#endif
