/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Windows that are closed: since when, and until when. */
#ifndef TCPLENS_LOSS_STALL_BPF_H
#define TCPLENS_LOSS_STALL_BPF_H

#include "loss.bpf.h"

/* A closed window. */
struct stall_key {
	__u64 sk;
	__u32 dir; /* DIR_OUT: the peer's */
	__u32 pad;
};

struct stall {
	__u64 since_ns;
	__u64 conn; /* whose it is: the socket's memory may have become another's */
};

struct stalls_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct stall_key);
	__type(value, struct stall);
};
struct stalls_map stalls SEC(".maps");

/* How many there are: usually none, and then nothing has to be looked up for each segment. */
static volatile __u32 stalls_open;

/* `ended`: the window has opened, or its connection has ended; else tracing does. */
static SUBPROG int stall_tell(struct sock *sk, __u8 dir, __u64 since_ns, __u64 conn, __u8 ended)
{
	__u64 now = bpf_ktime_get_ns();
	struct about a = {};
	struct ev_trouble *r;

	about_sock(&a, sk, dir);
	if (conn != (a.c ? a.c->who.conn : 0))
		return 0;
	r = trouble_new(&a, EV_STALL, 0);
	if (!r)
		return 0;
	r->span_ns = now > since_ns ? now - since_ns : 0;
	if (ended)
		r->has |= TROUBLE_STALL_ENDED;
	emit_submit(r);
	return 0;
}

static __always_inline void stall_end(struct sock *sk, __u8 dir, __u8 ended)
{
	struct stall_key k = { .sk = (__u64)sk, .dir = dir };
	struct stall *st = bpf_map_lookup_elem(&stalls, &k);
	__u64 since_ns, conn;

	if (!st)
		return;
	since_ns = st->since_ns;
	conn = st->conn;
	/* Two CPUs may come here: one of them deletes it. */
	if (bpf_map_delete_elem(&stalls, &k))
		return;
	__sync_fetch_and_add(&stalls_open, -1);
	stall_tell(sk, dir, since_ns, conn, ended);
}

/* Of its own, so that its callers' stack has room: 512 bytes with all that they call. */
static SUBPROG int stall_begin(struct sock *sk, __u8 dir)
{
	struct stall_key k = { .sk = (__u64)sk, .dir = dir };
	struct stall st = {};
	struct conn *c;

	if (bpf_map_lookup_elem(&stalls, &k))
		return 0;
	c = conn_get_or_add(sk);
	st.conn = c ? c->who.conn : 0;
	st.since_ns = bpf_ktime_get_ns();
	/* First, so that it is never taken for none. */
	__sync_fetch_and_add(&stalls_open, 1);
	if (!bpf_map_update_elem(&stalls, &k, &st, BPF_NOEXIST))
		return 0;
	__sync_fetch_and_add(&stalls_open, -1);
	if (!bpf_map_lookup_elem(&stalls, &k))
		count_lost(HOOK_LOSS); /* the map is full */
	return 0;
}

static __always_inline void window_seen(struct sock *sk, __u8 dir, const struct packet *p)
{
	if ((packet_word(p) & (TF_SYN | TF_RST | TF_ACK)) != TF_ACK)
		return;
	if (!packet_window(p))
		stall_begin(sk, dir);
	else if (stalls_open)
		stall_end(sk, dir, 1);
}

/* In tcp_rcv_established(), skb->data is the TCP header. */
SEC("?tp_btf/tcp_probe")
int TP_PROG(loss_window_in, struct sock *sk, struct sk_buff *skb)
{
	struct packet p = {};

	packet_set_tcp(&p, RD(AS(struct sk_buff, skb), data));
	window_seen(sock_as(sk), DIR_OUT, &p);
	return 0;
}

SEC("?tp_btf/net_dev_queue")
int BPF_PROG(loss_window_out, struct sk_buff *skb)
{
	struct packet p = {};
	struct sock *sk;
	__u8 state;

	skb = AS(struct sk_buff, skb);
	sk = RD(skb, sk);
	if (!sk)
		return 0;
	sk = sock_as(sk);
	state = RD(sk, __sk_common.skc_state);
	if (!state_is_full(state) || state == ST_LISTEN || state == ST_CLOSE || !sock_is_tcp(sk))
		return 0;
	if (packet_parse(&p, skb, RD(skb, network_header)) <= 0 ||
	    skb_net(skb) != RD(sk, __sk_common.skc_net.net))
		return 0;
	window_seen(sk, DIR_IN, &p);
	return 0;
}

/* A window that stays closed ends with its connection. */
SEC("?tp_btf/tcp_destroy_sock")
int TP_PROG(loss_gone, struct sock *sk)
{
	if (!stalls_open)
		return 0;
	sk = sock_as(sk);
	stall_end(sk, DIR_OUT, 1);
	stall_end(sk, DIR_IN, 1);
	return 0;
}

/* Windows that are closed when tracing ends (run by user space). */
SEC("?iter/tcp")
int loss_open(struct bpf_iter__tcp *ctx)
{
	struct sock *sk = (struct sock *)ctx->sk_common;

	if (!sk)
		return 0;
	sk = sock_as(sk);
	if (!state_is_full(RD(sk, __sk_common.skc_state)))
		return 0;
	stall_end(sk, DIR_OUT, 0);
	stall_end(sk, DIR_IN, 0);
	return 0;
}

#endif
