/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sent segments.
 *
 * __tcp_transmit_skb() is too early: there the flags lack ECE, CWR and AE, the
 * window is not chosen and the options are not written yet.  It hands the whole
 * TCP header to ip_queue_xmit() or inet6_csk_xmit(), which lie in other
 * translation units (so that no inlined copy escapes the hook), and which lack
 * the IP header only.  What does not come from a full socket (SYN-ACK, the
 * reset or ACK that answers a stray segment) leaves by other ways and is met at
 * net_dev_queue, as is everything in the tracepoint backend.
 */
#ifndef TCPLENS_SEGMENT_OUT_BPF_H
#define TCPLENS_SEGMENT_OUT_BPF_H

#include "ghost.bpf.h"
#include "nested.bpf.h"
#include "segment.bpf.h"

/* The TCP header is whole, the IP header not there yet: skb->data is the TCP header. */
static __always_inline int on_xmit(struct sock *sk, struct sk_buff *skb, __u8 ip)
{
	struct packet p = { .ip = ip };
	struct ev_ends e;
	struct conn *c;

	sk = sock_as(sk);
	skb = AS(struct sk_buff, skb);
	if (!sock_ports_pass(sk))
		return 0;
	c = conn_get(sk);
	/* Other protocols leave by these functions too, but are no connection of ours. */
	if (conn_refused(c) || (!c && !sock_is_tcp(sk)))
		return 0;
	p.skb = skb;
	p.len = RD(skb, len);
	packet_set_tcp(&p, RD(skb, data));
	sock_ends(&e, sk, 1);
	c = conn_or_add(c, sk);
	adopt_early(c, sk, &e);
	/* From now on a packet with these ends is its own, as a reset in its name (tcp_v4_send_reset()). */
	if (c && packet_word(&p) & TF_SYN && !c->wire_key)
		conn_index_own(c, &e);
	return segment_full(&p, sk, c, &e, packet_word(&p), DIR_OUT, HOOK_SEG_OUT);
}

SEC("?fentry/ip_queue_xmit")
int FUNC_PROG(out4_fentry, struct sock *sk, struct sk_buff *skb)
{
	twin_done(TWIN_OUT4, skb);
	on_xmit(sk, skb, 4);
	return 0;
}

SEC("?fentry/ip_queue_xmit")
int BPF_PROG(out4_nested, struct sock *sk, struct sk_buff *skb)
{
	return twin_wanted(TWIN_OUT4, skb, HOOK_SEG_OUT) ? on_xmit(sk, skb, 4) : 0;
}

SEC("?kprobe/ip_queue_xmit")
int BPF_KPROBE(out4_kprobe, struct sock *sk, struct sk_buff *skb)
{
	return on_xmit(sk, skb, 4);
}

SEC("?fentry/inet6_csk_xmit")
int FUNC_PROG(out6_fentry, struct sock *sk, struct sk_buff *skb)
{
	twin_done(TWIN_OUT6, skb);
	on_xmit(sk, skb, 6);
	return 0;
}

SEC("?fentry/inet6_csk_xmit")
int BPF_PROG(out6_nested, struct sock *sk, struct sk_buff *skb)
{
	return twin_wanted(TWIN_OUT6, skb, HOOK_SEG_OUT) ? on_xmit(sk, skb, 6) : 0;
}

SEC("?kprobe/inet6_csk_xmit")
int BPF_KPROBE(out6_kprobe, struct sock *sk, struct sk_buff *skb)
{
	return on_xmit(sk, skb, 6);
}

/*
 * A VLAN, bond or bridge queues the same packet again on the device below.
 * That happens inside the first transmission, on the same CPU.
 */
static __always_inline int seen_above(struct sk_buff *skb, struct net_device *dev, struct packet *p)
{
	__u64 seq_ack = packet_seq_and_ack(p);
	__u32 k = DIR_OUT;
	struct last_skb *l = bpf_map_lookup_elem(&last_skb, &k);

	if (!l)
		return 0;
	if (l->skb == (__u64)skb && l->seq_ack == seq_ack && l->dev != (__u64)dev)
		return 1;
	l->skb = (__u64)skb;
	l->dev = (__u64)dev;
	l->seq_ack = seq_ack;
	return 0;
}

/* The SYN that this packet answers was for us after all: report it, as it was. */
static __always_inline void unpark(struct tuple *t, struct conn *g, __u8 state)
{
	struct ev_segment *held = bpf_map_lookup_elem(&parked, t), *s;

	if (!held)
		return;
	if (bare_passes(g, &held->ends, t->netns)) {
		s = emit_reserve(HOOK_SEG_IN, EV_SEGMENT, raw_unpark_size());
		if (s) {
			struct ev_hdr h = s->hdr;

			h.mono_ns = held->hdr.mono_ns;
			h.len = sizeof(*s);
			__builtin_memcpy(s, held, sizeof(*s));
			s->hdr = h;
			s->raw = 0;
			if (cfg.raw)
				raw_unpark(s, t);
			s->state = state;
			if (g) {
				who_copy(&s->who, g);
				segment_bases(s, g, DIR_IN);
			}
			emit_submit(s);
		}
	}
	bpf_map_delete_elem(&parked, t);
}

/* Fast Open: the request's SYN made a socket at once, and its SYN-ACK is sent again (tcp_rtx_synack()). */
static __always_inline int is_answer_again(struct sock *sk, __u8 state)
{
	return state == ST_NEW_SYN_RECV && RD(AS(struct tcp_request_sock, sk), tfo_listener);
}

/*
 * SYN-ACK, reset or ACK of no full socket; `sk` is a listener, a mini-socket, another protocol's,
 * or NULL.  `closed`, ~0 or 0: a socket that has come to its end, and its connection is gone from the table.
 */
static __always_inline int out_bare(struct packet *p, struct sock *sk, __u32 netns, __u8 closed)
{
	__u8 state = RD(sk, __sk_common.skc_state), at;
	__u16 word = packet_word(p);
	struct sock *lsk = 0;
	struct conn *g = 0;
	struct ev_ends e;
	struct tuple t;

	packet_ends(&e, p, 0);
	tuple_of(&t, &e, netns);
	if ((word & (TF_SYN | TF_ACK)) == (TF_SYN | TF_ACK) && !is_answer_again(sk, state)) {
		if (state == ST_NEW_SYN_RECV) {
			lsk = sock_as(RD(AS(struct request_sock, sk), __req_common.skc_listener));
			request_answered(sk, &t, &e);
		}
		g = ghost_embryo(&t, lsk, packet_ack(p) - 1);
		if (g && lsk) {
			struct inet_request_sock *r = AS(struct inet_request_sock, sk);

			g->snd_wscale = RD_BITS(r, snd_wscale);
			g->rcv_wscale = RD_BITS(r, rcv_wscale);
			g->known |= CONN_WSCALE;
		}
		at = bare_state(g);
	} else {
		g = bpf_map_lookup_elem(&ghosts, &t);
		at = bare_state(g);
		if (!g && state == ST_LISTEN) {
			g = conn_get(sk);
			at = bare_state(g);
		} else if (!g) {
			/* In the name of a socket that lives on, or a reset in that of a listener. */
			struct ev_ends own;

			g = conn_by_tuple(&t, &own);
			at = g && state == ST_NEW_SYN_RECV ? RD(sock_as((void *)g->sk), __sk_common.skc_state) : 0;
		}
		/* Without a branch: all behind it would be followed twice. */
		at = (at & ~closed) | (ST_CLOSE & closed);
	}
	unpark(&t, g, g && g->state == ST_NEW_SYN_RECV ? ST_LISTEN : 0);
	return segment_bare(p, g, &e, netns, word, DIR_OUT, at, HOOK_SEG_OUT);
}

/* With a stack of its own: of that, programs and all that they call have 512 bytes together. */
static SUBPROG int out_placeless(struct packet *p, __u32 netns)
{
	struct ev_ends w;
	struct tuple t;

	packet_ends(&w, p, 0);
	tuple_of(&t, &w, netns);
	return ghost_placeless(&t);
}

static __always_inline int out_full(struct packet *p, struct sock *sk, struct conn *c)
{
	struct ev_ends e;

	c = conn_or_add(c, sk);
	if (!c)
		out_placeless(p, sock_netns(sk));
	sock_ends(&e, sk, 1);
	if (c && !(c->known & CONN_WIRE) && RD(sk, __sk_common.skc_state) != ST_CLOSE) {
		struct ev_ends w;
		struct tuple t;

		packet_ends(&w, p, 0);
		adopt_early(c, sk, &w);
		tuple_of(&t, &w, c->who.netns);
		/* TFO: the SYN made a socket at once. */
		if (c->known & CONN_CHILD)
			unpark(&t, c, ST_LISTEN);
		conn_index(c, &t, !ends_eq(&w, &e));
		c->known |= CONN_WIRE;
	}
	return segment_full(p, sk, c, &e, packet_word(p), DIR_OUT, HOOK_SEG_OUT);
}

/*
 * Refused by its ports, before all else is looked at.  Where the packet has others
 * than its socket there is NAT, and what comes back will not have the socket's either:
 * its first segment must be seen (out_full()).  In a packet that is not TCP's, or in a
 * tunnel's, what stands there may be anything: then the rest has its say.
 */
static __always_inline int out_ports_refused(struct sk_buff *skb, struct sock *sk)
{
	__u32 ports, wire;

	if (!cfg.ports)
		return 0;
	ports = sock_ports(sk, 1);
	if (ports_pass(ports >> 16, ports))
		return 0;
	wire = RAW32(skb->head + skb->transport_header);
	return bpf_ntohl(wire) == ports;
}

/* A full socket that does not listen sends: is it to be looked at here?  *c: its connection. */
static __always_inline int out_full_wanted(struct sk_buff *skb, struct sock *sk, struct conn **c)
{
	if (out_ports_refused(skb, sk))
		return 0;
	*c = conn_get(sk);
	/* Its first segment is looked at in any case: out_full(). */
	return !(conn_refused(*c) && (*c)->known & CONN_WIRE);
}

/*
 * Is it in the name of this socket that the kernel sends a reset on this CPU now?  Once: what else
 * passes here with the socket is its own.
 */
static __always_inline int is_answering(struct sock *sk)
{
	__u32 k = 0;
	__u64 *of;

	if (!*(volatile __u32 *)&has_answered)
		return 0;
	of = bpf_map_lookup_elem(&answering, &k);
	if (!of || *of != (__u64)sk)
		return 0;
	*of = 0;
	return 1;
}

/* The flag of what a full socket sends and on_xmit() does not meet; 0: it is nothing of that kind. */
static __always_inline __u16 out_unmet(struct sock *sk, __u8 state)
{
	/* TFO: tcp_make_synack() for a full socket. */
	if (state == ST_SYN_RECV && RD((struct tcp_sock *)sk, fastopen_rsk))
		return TF_SYN;
	return is_answering(sk) ? TF_RST : 0;
}

static __always_inline int on_dev_queue(struct sk_buff *skb)
{
	struct packet p = PACKET_TRUSTED(skb);
	int found, full = 0;
	struct net_device *dev;
	struct conn *c = 0;
	struct sock *sk;
	struct net *net;
	__u16 only = 0;
	__u8 state = 0, closed = 0;
	__u64 sk_num;

	sk = skb->sk;
	sk_num = number_of(sk);
	/*
	 * Here, where there is one way only: for a pointer that it trusts the verifier
	 * looks through all names of types, up to four times, on each way that it follows
	 * (btf_nested_type_is_trusted()); a millisecond each.
	 */
	*(struct net_device *volatile *)&p.dev = skb->dev;
	/* Forwarded, not ours; or a copy for elsewhere: what the kernel sends for no socket is whole. */
	if (!sk && (skb->skb_iif || RD_BITS(AS(struct sk_buff, skb), cloned)))
		return 0;
	if (skb->skb_iif && is_back(AS(struct sk_buff, skb)))
		return 0;
	if (sk) {
		sk = sock_as(sk);
		state = RD(sk, __sk_common.skc_state);
		full = state_is_full(state);
	}
	if (full && state != ST_LISTEN && cfg.out_all && !out_full_wanted(skb, sk, &c))
		return 0;
	if (full && !c && !sock_is_tcp(sk)) {
		/* the raw control socket that resets go through */
		if (sk_protocol(sk) != IPPROTO_TCP)
			return 0;
		full = 0;
	} else if (full && state == ST_LISTEN) {
		full = 0;
	} else if (full && !cfg.out_all) {
		only = out_unmet(sk, state);
		if (!only)
			return 0;
		c = conn_get(sk);
	}
	/* A reset in its name, which answers what came after close(): its ghost tells whose it was. */
	if (full && !c && state == ST_CLOSE) {
		closed = ~0;
		full = 0;
	}
	/* What is known of these by now would be followed on each way apart. */
	full = forget(full);
	closed = forget(closed);
	only = forget(only);
	found = packet_parse(&p, AS(struct sk_buff, skb), skb->network_header);
	if (found < 0)
		count_lost(HOOK_SEG_OUT);
	if (found <= 0)
		return 0;
	sk = sock_as((void *)sk_num);
	dev = *(struct net_device *volatile *)&p.dev;
	net = dev->nd_net.net;
	/* veth keeps skb->sk: the same packet on the other end's devices is not a second one. */
	if ((__u64)net != (__u64)RD(sk, __sk_common.skc_net.net) && forget(sk_num))
		return 0;
	if (seen_above(skb, dev, &p))
		return 0;
	if (!cfg.out_all && only && !(packet_word(&p) & only))
		return 0;
	if (full)
		return out_full(&p, sk, c);
	return out_bare(&p, sk, net->ns.inum, closed);
}

SEC("?tp_btf/net_dev_queue")
int BPF_PROG(out_dev, struct sk_buff *skb)
{
	return on_dev_queue(skb);
}

/*
 * Where on_xmit() meets what full sockets send.  A reset that answers a segment is made apart, and
 * from 6.13 on it has the socket that the segment was for (ip_send_unicast_reply(),
 * tcp_v6_send_response(): skb_set_owner_edemux()), so that at the device it looks like what
 * has been met before.  It is there before this softirq, or section without, is left.
 */
SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(out_answer, struct sock *sk, struct sk_buff *skb)
{
	__u32 k = 0;
	__u64 *of = bpf_map_lookup_elem(&answering, &k);

	/* Without a segment it is tcp_send_active_reset()'s, which is sent like any other. */
	if (!of || !number_of(skb))
		return 0;
	*of = (__u64)sk;
	*(volatile __u32 *)&has_answered = 1;
	return 0;
}

#endif
