/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What is sent again: of full sockets, and of requests. */
#ifndef TCPLENS_LOSS_RETRANSMIT_BPF_H
#define TCPLENS_LOSS_RETRANSMIT_BPF_H

#include "loss.bpf.h"

/* enum tcp_ca_state */
#define CA_RECOVERY 3
#define CA_LOSS 4
#define TIME_LOSS_PROBE 5 /* ICSK_TIME_LOSS_PROBE */

/* How often a segment was sent again, by its place in the stream, which does not wrap. */
struct rtx_key {
	__u64 conn;
	__u64 at;
};

struct rtx_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rtx_key);
	__type(value, __u32);
};
struct rtx_map rtx SEC(".maps");

static __always_inline __u32 rtx_count(__u64 conn, struct tcp_sock *tp, __u32 seq)
{
	/* bytes_acked goes with snd_una (tcp_snd_una_update()); what is sent again lies at or behind it. */
	struct rtx_key k = { .conn = conn, .at = RD(tp, bytes_acked) + (__u32)(seq - RD(tp, snd_una)) };
	__u32 one = 1, *n = bpf_map_lookup_elem(&rtx, &k);

	if (n)
		return ++*n;
	bpf_map_update_elem(&rtx, &k, &one, BPF_ANY);
	return 1;
}

/*
 * tcp_send_loss_probe() runs from the timer that is then still pending, and
 * only outside of recovery (tcp_schedule_loss_probe()); tcp_enter_loss() comes
 * before what the retransmission timer sends again.
 */
static __always_inline __u8 kind_of(struct sock *sk, __u16 flags)
{
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;
	__u8 ca = RD_BITS(icsk, icsk_ca_state);

	if (flags & TF_SYN)
		return flags & TF_ACK ? KIND_SYNACK : KIND_SYN;
	if (ca == CA_LOSS)
		return KIND_RTO;
	if (ca == CA_RECOVERY)
		return KIND_FAST;
	return RD(icsk, icsk_pending) == TIME_LOSS_PROBE ? KIND_TLP : KIND_OTHER;
}

static __always_inline int on_retransmit(struct sock *sk, struct sk_buff *skb, int err)
{
	struct tcp_skb_cb *cb = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 seq = RD(cb, seq), segs = RD(cb, tcp_gso_segs), n;
	__u32 len = RD(cb, end_seq) - seq;
	struct about a = {};
	struct ev_trouble *r;
	__u8 ca;

	about_sock(&a, sk, DIR_OUT);
	a.flags = (__u8)RD(cb, tcp_flags);
	/* Counted whether it is wanted or not. */
	n = a.c ? rtx_count(a.c->who.conn, tp, seq) : 0;
	r = trouble_new(&a, EV_RETRANSMIT, 1);
	if (!r)
		return 0;
	r->has |= TROUBLE_HAS_SEQ | TROUBLE_HAS_CWND;
	r->seq = seq;
	r->len = len - !!(a.flags & TF_SYN) - !!(a.flags & TF_FIN);
	r->segs = segs ? segs : 1;
	if (a.flags & TF_SYN || (a.c && (a.c->known & CONN_ISS))) {
		r->seq_base = a.flags & TF_SYN ? seq : a.c->iss;
		r->has |= TROUBLE_HAS_ISN;
	}
	r->kind = kind_of(sk, a.flags);
	ca = RD_BITS((struct inet_connection_sock *)sk, icsk_ca_state);
	r->cwnd = RD(tp, snd_cwnd);
	/* Set as recovery begins (tcp_init_cwnd_reduction(), tcp_enter_loss()). */
	r->cwnd_before = ca >= CA_RECOVERY ? RD(tp, prior_cwnd) : r->cwnd;
	r->attempt = n;
	r->err = err < 0 ? -err : 0;
	emit_submit(r);
	return 0;
}

/* 6.18 tells failed ones, too, and the errno. */
SEC("?tp_btf/tcp_retransmit_skb")
int TP_PROG(loss_retransmit, struct sock *sk, struct sk_buff *skb)
{
	return on_retransmit(sk, skb, cfg.retrans_err ? (int)ctx[2] : 0);
}

SEC("?tp_btf/tcp_retransmit_synack")
int TP_PROG(loss_synack, struct sock *sk, struct request_sock *req)
{
	/* The listener; of Fast Open the socket that the SYN made. */
	__u8 state = RD(sk, __sk_common.skc_state);
	struct about a = { .dir = DIR_OUT, .flags = TF_SYN | TF_ACK, .state = ST_NEW_SYN_RECV };
	struct ev_trouble *r;
	struct tuple t;

	sock_ends(&a.e, (struct sock *)req, 0);
	a.netns = sock_netns(sk);
	tuple_of(&t, &a.e, a.netns);
	if (state == ST_LISTEN) {
		request_key(&t);
		a.c = ghost_embryo(&t, sk, RD(AS(struct tcp_request_sock, req), rcv_isn));
	} else {
		a.c = conn_get(sk);
		a.state = state;
	}
	r = trouble_new(&a, EV_RETRANSMIT, 1);
	if (!r)
		return 0;
	r->segs = 1;
	r->kind = KIND_SYNACK;
	r->attempt = RD(req, num_retrans) + 1; /* counted behind this (inet_rtx_syn_ack()) */
	emit_submit(r);
	return 0;
}

#endif
