/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Received segments.
 *
 * fentry and kprobe: tcp_rcv_established() for the established,
 * tcp_rcv_state_process() for all other full sockets,
 * tcp_timewait_state_process(), and tcp_check_req() for what a waiting request
 * gets besides its final ACK (which its new socket shows again).
 *
 * tracepoint: netif_receive_skb, before TCP has looked for the socket.  It is
 * found by the tuple, among sockets that have sent something or were open at
 * the start; what is in no table is not reported, as it may be on its way
 * through this machine to another.
 *
 * A segment for no socket at all is met where it is dropped for that reason.
 */
#ifndef TCPLENS_SEGMENT_IN_BPF_H
#define TCPLENS_SEGMENT_IN_BPF_H

#include "ghost.bpf.h"
#include "nested.bpf.h"
#include "segment.bpf.h"

static __always_inline int is_first_syn(__u16 word)
{
	return (word & (TF_SYN | TF_ACK | TF_RST)) == TF_SYN;
}

/* For attempt_syn(), which is run for each packet, and looks closer at few of them. */
__noinline int is_syn_received(__u64 skb_num)
{
	struct sk_buff *skb = AS(struct sk_buff, (void *)skb_num);
	struct packet p = {};

	return packet_parse(&p, skb, RD(skb, data) - RD(skb, head)) > 0 && is_first_syn(packet_word(&p));
}

/*
 * Not in any table.  A SYN may be for a listener here or for another machine:
 * it is kept until an answer leaves (unpark()) or it is dropped for want of a
 * socket.  One that meets TIME-WAIT may be refused there, or go on to a listener
 * (TCP_TW_SYN), whose hook then tells it.
 */
static __always_inline int park(struct packet *p, const struct ev_ends *e, struct tuple *t,
				__u16 word)
{
	__u32 k = 0;
	struct ev_segment *s = bpf_map_lookup_elem(&scratch, &k);

	if (!s || !segment_wanted(word, DIR_IN, ST_LISTEN) || !expr_pass(p))
		return 0;
	raw_park(p, t, word);
	segment_bare_fill(s, p, 0, e, t->netns, word, DIR_IN, 0);
	bpf_map_update_elem(&parked, t, s, BPF_ANY);
	return 0;
}

/* TCP has it: skb->data is the TCP header, the IP header is still in front. */
static __always_inline void packet_received(struct packet *p, struct sk_buff *skb)
{
	p->skb = skb;
	p->len = RD(skb, len);
	packet_set_tcp(p, RD(skb, data));
	packet_read_ip(p, RD(skb, head) + RD(skb, network_header));
}

/* TCP has found the socket. */
static __always_inline int on_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct packet p = {};
	struct conn *c, *g;
	struct ev_ends e;
	struct tuple t;
	__u16 word;

	sk = sock_as(sk);
	skb = AS(struct sk_buff, skb);
	if (RD(sk, __sk_common.skc_state) == ST_LISTEN) {
		packet_received(&p, skb);
		word = packet_word(&p);
		packet_ends(&e, &p, 1);
		tuple_of(&t, &e, sock_netns(sk));
		if (is_first_syn(word)) {
			bpf_map_delete_elem(&parked, &t);
			g = ghost_embryo(&t, sk, packet_seq(&p));
		} else {
			g = conn_get(sk);
		}
		return segment_bare(&p, g, &e, t.netns, word, DIR_IN, ST_LISTEN, HOOK_SEG_IN);
	}
	if (!sock_ports_pass(sk))
		return 0;
	c = conn_get(sk);
	if (conn_refused(c))
		return 0;
	packet_received(&p, skb);
	sock_ends(&e, sk, 1);
	c = conn_or_add(c, sk);
	adopt_early(c, sk, &e);
	return segment_full(&p, sk, c, &e, packet_word(&p), DIR_IN, HOOK_SEG_IN);
}

SEC("?fentry/tcp_rcv_established")
int FUNC_PROG(in_est_fentry, struct sock *sk, struct sk_buff *skb)
{
	twin_done(TWIN_IN_EST, skb);
	on_rcv(sk, skb);
	return 0;
}

SEC("?fentry/tcp_rcv_established")
int BPF_PROG(in_est_nested, struct sock *sk, struct sk_buff *skb)
{
	return twin_wanted(TWIN_IN_EST, skb, HOOK_SEG_IN) ? on_rcv(sk, skb) : 0;
}

SEC("?kprobe/tcp_rcv_established")
int BPF_KPROBE(in_est_kprobe, struct sock *sk, struct sk_buff *skb)
{
	return on_rcv(sk, skb);
}

SEC("?fentry/tcp_rcv_state_process")
int FUNC_PROG(in_state_fentry, struct sock *sk, struct sk_buff *skb)
{
	twin_done(TWIN_IN_STATE, skb);
	on_rcv(sk, skb);
	return 0;
}

SEC("?fentry/tcp_rcv_state_process")
int BPF_PROG(in_state_nested, struct sock *sk, struct sk_buff *skb)
{
	return twin_wanted(TWIN_IN_STATE, skb, HOOK_SEG_IN) ? on_rcv(sk, skb) : 0;
}

SEC("?kprobe/tcp_rcv_state_process")
int BPF_KPROBE(in_state_kprobe, struct sock *sk, struct sk_buff *skb)
{
	return on_rcv(sk, skb);
}

/* A mini-socket got it: TIME-WAIT, or a request (then `lsk` listens). */
static __always_inline int mini_segment(struct packet *p, struct sock *lsk, __u32 netns)
{
	struct conn *g;
	struct ev_ends e;
	struct tuple t;
	__u16 word = packet_word(p);

	packet_ends(&e, p, 1);
	tuple_of(&t, &e, netns);
	if (!lsk && is_first_syn(word))
		return park(p, &e, &t, word);
	if (lsk)
		g = ghost_embryo(&t, lsk, ISN_OF_GHOST);
	else
		g = bpf_map_lookup_elem(&ghosts, &t);
	return segment_bare(p, g, &e, t.netns, word, DIR_IN, bare_state(g), HOOK_SEG_IN);
}

static __always_inline int on_rcv_timewait(struct sock *tw, struct sk_buff *skb)
{
	struct packet p = {};

	skb = AS(struct sk_buff, skb);
	packet_received(&p, skb);
	return mini_segment(&p, 0, sock_netns(sock_as(tw)));
}

SEC("?fentry/tcp_timewait_state_process")
int BPF_PROG(in_tw_fentry, struct inet_timewait_sock *tw, struct sk_buff *skb)
{
	return on_rcv_timewait((struct sock *)tw, skb);
}

SEC("?kprobe/tcp_timewait_state_process")
int BPF_KPROBE(in_tw_kprobe, struct inet_timewait_sock *tw, struct sk_buff *skb)
{
	return on_rcv_timewait((struct sock *)tw, skb);
}

static __always_inline int may_end_handshake(__u16 word)
{
	return (word & (TF_SYN | TF_RST | TF_ACK)) == TF_ACK;
}

/*
 * A request got it.  A final ACK goes on to the new socket, and is reported there; or
 * nowhere (on_req_checked()).  Of Fast Open the socket is there already, and reports all.
 */
static __always_inline int on_req_check(struct sock *lsk, struct sk_buff *skb, int refused)
{
	struct packet p = {};

	lsk = sock_as(lsk);
	if (RD(lsk, __sk_common.skc_state) != ST_LISTEN)
		return 0;
	skb = AS(struct sk_buff, skb);
	packet_received(&p, skb);
	if (may_end_handshake(packet_word(&p)) != refused)
		return 0;
	return mini_segment(&p, lsk, sock_netns(lsk));
}

/*
 * tcp_check_req() has no socket for an ACK: it comes before the data that the listener
 * waits for (TCP_DEFER_ACCEPT), the accept queue is full, or it is out of window.  `stolen`:
 * another CPU has made the socket meanwhile, which gets the packet then (tcp_v4_rcv()).
 * (Given as where that pointer lies: 5.10 does not know a pointer to bool as an argument.)
 */
static __always_inline int on_req_checked(struct sock *lsk, struct sk_buff *skb, const void *stolen,
					  const struct sock *ret)
{
	const void *at = 0;
	__u8 was = 0;

	if (ret)
		return 0;
	bpf_probe_read_kernel(&at, sizeof(at), stolen);
	bpf_probe_read_kernel(&was, sizeof(was), at);
	return was ? 0 : on_req_check(lsk, skb, 1);
}

SEC("?fentry/tcp_check_req")
int BPF_PROG(in_req_fentry, struct sock *sk, struct sk_buff *skb)
{
	return on_req_check(sk, skb, 0);
}

SEC("?fexit/tcp_check_req")
int BPF_PROG(in_req5_fexit, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	     bool fastopen, void *stolen, struct sock *ret)
{
	return on_req_checked(sk, skb, &ctx[4], ret);
}

/* Later kernels ask for the drop reason, too. */
SEC("?fexit/tcp_check_req")
int BPF_PROG(in_req6_fexit, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	     bool fastopen, void *stolen, void *reason, struct sock *ret)
{
	return on_req_checked(sk, skb, &ctx[4], ret);
}

/* What kretprobe is not told.  Softirqs do not interrupt each other. */
SEC("?kprobe/tcp_check_req")
int BPF_KPROBE(in_req_kprobe, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	       bool fastopen, void *stolen)
{
	__u32 k = 0;
	struct req_call *call = bpf_map_lookup_elem(&req_calls, &k);

	if (call) {
		call->lsk = (__u64)sk;
		call->skb = (__u64)skb;
		call->stolen = (__u64)stolen;
	}
	return on_req_check(sk, skb, 0);
}

SEC("?kretprobe/tcp_check_req")
int BPF_KRETPROBE(in_req_kretprobe, struct sock *ret)
{
	__u32 k = 0;
	struct req_call *call = bpf_map_lookup_elem(&req_calls, &k);

	if (!call || !call->skb)
		return 0;
	on_req_checked((void *)call->lsk, (void *)call->skb, &call->stolen, ret);
	call->skb = 0;
	return 0;
}

#define DEV_IS_BRIDGE_PORT 0x200 /* IFF_BRIDGE_PORT: the bridge itself receives it again */

/*
 * Of no connection that is known.  A SYN begins one, or comes again, with the listener's process
 * if only one listens there.
 */
static __always_inline int on_unconnected(struct packet *p, struct net_device *dev,
					  const struct ev_ends *e, struct tuple *t, struct conn *g,
					  __u16 word)
{
	struct port_owner *l = listener_reached(dev, e, t->netns);

	if (!is_first_syn(word)) {
		__u64 skb = (__u64)p->skb, mark = packet_seq_and_ack(p);

		if (!l)
			return 0;
		bpf_map_update_elem(&strays, &skb, &mark, BPF_ANY);
		return segment_bare(p, l->mixed ? 0 : &l->c, e, t->netns, word, DIR_IN, ST_LISTEN,
				    HOOK_SEG_IN);
	}
	if (l && l->mixed)
		l = 0;
	if (g && g->state == ST_NEW_SYN_RECV) {
		if (is_same_request(g, packet_seq(p), l ? l->c.who.pid : 0))
			return segment_bare(p, g, e, t->netns, word, DIR_IN, ST_NEW_SYN_RECV, HOOK_SEG_IN);
		bpf_map_delete_elem(&ghosts, t);
		g = 0;
	}
	/* TIME-WAIT may refuse it. */
	if (!l || (g && g->state == ST_TIME_WAIT))
		return park(p, e, t, word);
	g = ghost_embryo(t, 0, packet_seq(p));
	return segment_bare(p, g, e, t->netns, word, DIR_IN, ST_LISTEN, HOOK_SEG_IN);
}

/*
 * Filters are for the socket's ports.  They are those on the wire, unless there
 * is NAT, which shows where the connection's first segment leaves (out_full()).
 */
static __always_inline int wire_ports_pass(struct packet *p)
{
	return !cfg.ports || nat_seen ||
	       ports_pass(bpf_ntohs(packet_dest(p)), bpf_ntohs(packet_source(p)));
}

static __always_inline int on_receive(struct sk_buff *skb)
{
	struct packet p = PACKET_TRUSTED(skb);
	struct net_device *dev = skb->dev;
	struct ev_ends e, own;
	struct conn *c;
	struct tuple t;
	__u16 word;
	int found;

	/* network_header is set after this tracepoint; data is the IP header already. */
	found = packet_parse(&p, AS(struct sk_buff, skb), skb->data - skb->head);
	if (!found || (found > 0 && !wire_ports_pass(&p)))
		return 0;
	if (RD_BITS(dev, priv_flags) & DEV_IS_BRIDGE_PORT ||
	    (skb->skb_iif && is_back_in(AS(struct sk_buff, skb))))
		return 0;
	if (found < 0) {
		count_lost(HOOK_SEG_IN);
		return 0;
	}
	word = packet_word(&p);
	packet_ends(&e, &p, 1);
	tuple_of(&t, &e, dev->nd_net.net->ns.inum);
	c = conn_by_key(&t);
	if (conn_refused(c))
		return 0;
	c = conn_confirm(c, &t, &own);
	if (c)
		return segment_full(&p, sock_as((void *)c->sk), c, &own, word, DIR_IN,
				    HOOK_SEG_IN);
	c = bpf_map_lookup_elem(&ghosts, &t);
	if (c && !is_first_syn(word))
		return segment_bare(&p, c, &e, t.netns, word, DIR_IN, c->state, HOOK_SEG_IN);
	return on_unconnected(&p, AS(struct net_device, dev), &e, &t, c, word);
}

SEC("?tp_btf/netif_receive_skb")
int BPF_PROG(in_dev, struct sk_buff *skb)
{
	return on_receive(skb);
}

/*
 * TCP forgets the device before it has found the socket: remembered here for
 * those who meet the packet there (fentry, kprobe; only with cfg.raw).
 */
SEC("?tp_btf/netif_receive_skb")
int BPF_PROG(in_name, struct sk_buff *skb)
{
	struct net_device *dev;
	struct dev_key k;
	char name[16] = {}, *known;

	skb = AS(struct sk_buff, skb);
	dev = AS(struct net_device, RD(skb, dev));
	k.netns = net_inum(RD(dev, nd_net.net));
	k.ifindex = RD(dev, ifindex);
	bpf_core_read(name, sizeof(name), &dev->name);
	known = bpf_map_lookup_elem(&dev_names, &k);
	if (!known || ((__u64 *)known)[0] != ((__u64 *)name)[0] ||
	    ((__u64 *)known)[1] != ((__u64 *)name)[1])
		bpf_map_update_elem(&dev_names, &k, name, BPF_ANY);
	return 0;
}

/*
 * Where packets come without their socket: has on_receive() reported this one,
 * whose end is met now?  The same tables are asked again.
 */
static __always_inline int reported(struct packet *p, const struct tuple *t, struct conn *g,
				    __u16 word)
{
	__u64 skb = (__u64)p->skb, *mark;
	struct ev_ends own;

	if (!cfg.in_by_tuple)
		return 0;
	if (conn_by_tuple(t, &own))
		return 1;
	if (is_first_syn(word))
		return g && g->state == ST_NEW_SYN_RECV;
	if (g)
		return 1;
	/* TCP has taken skb->dev away (tcp_v4_rcv()), so the listener can't be looked for again. */
	mark = bpf_map_lookup_elem(&strays, &skb);
	return mark && *mark == packet_seq_and_ack(p);
}

/* Dropped: no socket. */
static __always_inline int on_no_socket(struct sk_buff *skb)
{
	struct packet p = {};
	struct conn *g;
	struct ev_ends e;
	struct tuple t;
	__u16 word;

	skb = AS(struct sk_buff, skb);
	if (packet_parse(&p, skb, RD(skb, network_header)) <= 0)
		return 0;
	word = packet_word(&p);
	packet_ends(&e, &p, 1);
	tuple_of(&t, &e, net_inum(skb_net(skb)));
	g = bpf_map_lookup_elem(&ghosts, &t);
	if (reported(&p, &t, g, word))
		return 0;
	if (is_first_syn(word)) {
		/* The reset has left already, and taken the parked SYN along; or there was none. */
		if (cfg.in_by_tuple && bpf_map_delete_elem(&parked, &t))
			return 0;
		/* A new connection attempt is not the former connection's. */
		g = 0;
	}
	return segment_bare(&p, g, &e, t.netns, word, DIR_IN, bare_state(g), HOOK_SEG_IN);
}

/*
 * A listener answers what is not for it with a reset: seen here where the
 * listener could not be told from the packet.  (Resets for a connection's own
 * socket, or for none, answer segments that were reported already.)
 */
SEC("?tp_btf/tcp_send_reset")
int TP_PROG(in_refused, struct sock *sk, struct sk_buff *skb)
{
	struct packet p = {};
	struct ev_ends e;
	struct tuple t;
	__u16 word;

	if (!sk || !skb)
		return 0;
	sk = sock_as(sk);
	skb = AS(struct sk_buff, skb);
	if (RD(sk, __sk_common.skc_state) != ST_LISTEN)
		return 0;
	if (packet_parse(&p, skb, RD(skb, network_header)) <= 0)
		return 0;
	word = packet_word(&p);
	packet_ends(&e, &p, 1);
	tuple_of(&t, &e, sock_netns(sk));
	if (reported(&p, &t, bpf_map_lookup_elem(&ghosts, &t), word))
		return 0;
	return segment_bare(&p, conn_get(sk), &e, t.netns, word, DIR_IN, ST_LISTEN, HOOK_SEG_IN);
}

/* 5.17 (c504e5c2f964): kfree_skb tells the reason; the numbers differ, the names do not. */
SEC("?tp_btf/kfree_skb")
int TP_PROG(in_dropped, struct sk_buff *skb, void *location, int reason)
{
	if (reason != (int)bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET))
		return 0;
	return on_no_socket(skb);
}

#endif
