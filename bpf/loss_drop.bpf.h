/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Packets that the kernel drops: which of those that it frees are lost, and whose they were. */
#ifndef TCPLENS_LOSS_DROP_BPF_H
#define TCPLENS_LOSS_DROP_BPF_H

#include "loss.bpf.h"

#define PACKET_OTHERHOST 3

/*
 * Not dropped: 0, and since 6.3 SKB_CONSUMED.  Nor lost: what a closed socket
 * still had in its queue, at least the peer's FIN (QUEUE_PURGE, 6.3); if it was
 * unread data, a reset tells of it.  Nor is a copy that was for another host (OTHERHOST).
 */
static __always_inline int is_drop(__u32 reason)
{
	if (!cfg.drop_reason)
		return 1;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_QUEUE_PURGE) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_QUEUE_PURGE))
		return 0;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_OTHERHOST) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_OTHERHOST))
		return 0;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_CONSUMED) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_CONSUMED))
		return 0;
	return reason != 0;
}

/*
 * A copy for a packet or raw socket that has no room, a capture's: TCP has its own (packet_rcv(),
 * tpacket_rcv(), raw_rcv()).  Which socket it was for is told since 6.11; before, user space knows
 * it by the place (explain__is_copy()).
 */
static __always_inline int is_copy(struct sock *sk)
{
	return sk && state_is_full(RD(sk, __sk_common.skc_state)) && sk_type(sk) != SOCK_STREAM;
}

/* Neither does the kernel tell why, if it tells reasons at all. */
static __always_inline int no_reason(__u32 reason)
{
	return !cfg.drop_reason ||
	       reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED);
}

/*
 * Some packets are freed as dropped ones are, without a reason, though they have served, or were
 * not for this host:
 * - a copy for another host, which a device in promiscuous mode takes in (ip_rcv_core(); OTHERHOST);
 * - what TIME-WAIT takes: the peer's FIN, ACKs, a reset (the end of tcp_v4_rcv(), tcp_v6_rcv());
 *   data and SYNs are for nobody there (tcp_timewait_state_process());
 * - an ACK behind the peer's FIN, which finds no data to queue (tcp_rcv_state_process());
 *   before 5.18 that was no kfree_skb();
 * - the ACK of a handshake that TCP_DEFER_ACCEPT waits behind (tcp_check_req()), where the kernel
 *   tells the listener (6.11); not one for which its queue is full;
 * - before 6.3 (QUEUE_PURGE) what a closed socket still had in its queue.
 */
static __always_inline int has_served(struct about *a, struct packet *p, struct sk_buff *skb,
				      struct sock *sk)
{
	__u8 state = a->state;
	__u32 len = p->len - (packet_word(p) >> 12) * 4;

	/* Which socket it was for is told since 6.11. */
	if (!sk && a->c)
		state = a->c->state;
	if (a->dir != DIR_IN)
		return 0;
	if (RD_BITS(skb, pkt_type) == PACKET_OTHERHOST)
		return 1;
	if (state == ST_CLOSE)
		return sk && !RD(skb, dev);
	if (len || a->flags & TF_SYN)
		return 0;
	if (state == ST_TIME_WAIT)
		return 1;
	if (!cfg.drop_reason || a->flags & (TF_RST | TF_FIN))
		return 0;
	if (state == ST_LISTEN)
		return sk && RD((struct inet_connection_sock *)sk, icsk_accept_queue.rskq_defer_accept) &&
		       RD(sk, sk_ack_backlog) <= RD(sk, sk_max_ack_backlog);
	return (state == ST_CLOSE_WAIT || state == ST_LAST_ACK || state == ST_CLOSING) &&
	       !RD(skb, dev); /* tcp_v4_rcv() takes the device away */
}

/*
 * Is what was dropped a packet that this socket has sent?  It is still the
 * packet's where another namespace takes it in (skb_scrub_packet(), as of
 * ip_rcv_core()); from tcp_v4_early_demux() on it is the receiving one.
 */
static __always_inline int sent_by(struct sock *sk, struct about *a)
{
	const __u64 *from = (const __u64 *)a->e.raddr, *to = (const __u64 *)a->e.laddr, *own;
	__u8 state = RD(sk, __sk_common.skc_state);
	struct ev_ends e;

	if (state == ST_TIME_WAIT || (state != ST_NEW_SYN_RECV && !sock_is_tcp(sk)))
		return 0;
	/* Connected to itself: what came from a device has arrived. */
	if (a->e.lport == a->e.rport && to[0] == from[0] && to[1] == from[1])
		return 0;
	sock_ends(&e, sk, 0);
	own = (const __u64 *)e.laddr;
	return e.lport == a->e.rport && own[0] == from[0] && own[1] == from[1];
}

static __always_inline void turn_round(struct about *a)
{
	__u64 *l = (__u64 *)a->e.laddr, *r = (__u64 *)a->e.raddr, was[2] = { l[0], l[1] };
	__u16 port = a->e.lport;

	l[0] = r[0], l[1] = r[1];
	r[0] = was[0], r[1] = was[1];
	a->e.lport = a->e.rport;
	a->e.rport = port;
	a->dir = DIR_OUT;
}

SEC("?tp_btf/kfree_skb")
int TP_PROG(loss_drop, struct sk_buff *skb, void *location)
{
	__u32 reason = cfg.drop_reason ? (__u32)ctx[2] : 0;
	struct sock *sk = cfg.drop_sk ? (struct sock *)ctx[3] : 0;
	struct packet p = {};
	struct about a = {};
	struct ev_trouble *r;
	__u8 dir;

	if (!is_drop(reason) || is_copy(sk))
		return 0;
	dir = sk || RD(skb, skb_iif) ? DIR_IN : DIR_OUT;
	if (!sk)
		sk = RD(skb, sk);
	/* What is known of these by now would be followed on each way apart. */
	sk = (void *)number_of(sk);
	dir = forget(dir);
	if (!about_packet(&a, &p, skb, sk, dir))
		return 0;
	if (dir == DIR_IN && sk && sent_by(sk, &a)) {
		turn_round(&a);
		about_find(&a, sk);
	}
	if (no_reason(reason) && has_served(&a, &p, skb, sk))
		return 0;
	r = trouble_new(&a, EV_DROP, 1);
	if (!r)
		return 0;
	trouble_packet(r, &a, &p);
	r->location = (__u64)location;
	if (cfg.drop_reason) {
		r->reason = reason;
		r->has |= TROUBLE_HAS_REASON;
	}
	emit_submit(r);
	return 0;
}

#endif
