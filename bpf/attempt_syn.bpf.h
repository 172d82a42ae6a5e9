/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* SYNs that this machine drops: its own, by its policy, and those for which a listener has no room. */
#ifndef TCPLENS_ATTEMPT_SYN_BPF_H
#define TCPLENS_ATTEMPT_SYN_BPF_H

#include "attempt.bpf.h"
#include "nested.bpf.h"
#include "packet.bpf.h"

/* Where is listened, and by which socket.  Of several it is not known here which one a SYN is for. */
struct lsock {
	__u64 sk; /* the first; 0: gone */
	__u32 count;
	__u32 pad;
};

struct lsocks_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct port_key);
	__type(value, struct lsock);
};
struct lsocks_map lsocks SEC(".maps");

static __always_inline void lsock_key(struct port_key *k, struct sock *sk)
{
	struct ev_ends e;

	sock_ends(&e, sk, 1);
	listener_key(k, &e, sock_netns(sk));
}

static __always_inline void lsock_add(struct sock *sk)
{
	struct lsock new = { .sk = (__u64)sk, .count = 1 }, *l;
	struct port_key k;

	lsock_key(&k, sk);
	l = bpf_map_lookup_elem(&lsocks, &k);
	if (!l)
		bpf_map_update_elem(&lsocks, &k, &new, BPF_ANY);
	else if (l->sk != (__u64)sk)
		__sync_fetch_and_add(&l->count, 1);
}

static __always_inline void lsock_del(struct sock *sk)
{
	struct port_key k;
	struct lsock *l;

	lsock_key(&k, sk);
	l = bpf_map_lookup_elem(&lsocks, &k);
	if (!l)
		return;
	if (l->count <= 1) {
		bpf_map_delete_elem(&lsocks, &k);
		return;
	}
	if (l->sk == (__u64)sk)
		l->sk = 0;
	__sync_fetch_and_add(&l->count, -1);
}

/* In the order of listener_find(). */
static __always_inline struct lsock *lsock_find(__u32 netns, const struct ev_ends *e)
{
	struct port_key k;
	struct lsock *l;

	listener_key(&k, e, netns);
	l = bpf_map_lookup_elem(&lsocks, &k);
	if (!l && e->ip == 4) {
		addr_from_v4(k.addr, 0);
		l = bpf_map_lookup_elem(&lsocks, &k);
	}
	if (!l) {
		__builtin_memset(k.addr, 0, 16);
		l = bpf_map_lookup_elem(&lsocks, &k);
	}
	return l;
}

/* Attempts that a full queue refused: the peer's sequence number, so that its repetitions are one line. */
struct refused_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tuple);
	__type(value, __u32);
};
struct refused_map refused SEC(".maps");

/* A SYN that did not leave, dropped with its socket known. */
static __always_inline int on_attempt_dropped(struct sk_buff *skb, int reason)
{
	struct attempt *a;
	struct sock *sk;

	if (reason != (int)bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP) &&
	    (!bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_BPF_CGROUP_EGRESS) ||
	     reason != (int)bpf_core_enum_value(enum skb_drop_reason,
						SKB_DROP_REASON_BPF_CGROUP_EGRESS)))
		return 0;
	sk = BPF_CORE_READ(skb, sk);
	if (!sk)
		return 0;
	a = attempt_get(sk);
	if (a && !(a->bits & ATTEMPT_IN)) {
		a->bits |= ATTEMPT_BLOCKED;
		/* Counted before it is sent (__tcp_retransmit_skb()). */
		a->blocked_at = (__u8)RD((struct tcp_sock *)sk, total_retrans);
	}
	return 0;
}

SEC("?tp_btf/kfree_skb")
int TP_PROG(attempt_dropped, struct sk_buff *skb, void *location, int reason)
{
	twin_done(TWIN_ATTEMPT_DROPPED, skb);
	on_attempt_dropped(skb, reason);
	return 0;
}

SEC("?tp_btf/kfree_skb")
int BPF_PROG(attempt_dropped_nested, struct sk_buff *skb, void *location, int reason)
{
	if (!twin_wanted(TWIN_ATTEMPT_DROPPED, skb, HOOK_ATTEMPT))
		return 0;
	return on_attempt_dropped(skb, reason);
}

static __always_inline void overflow_tell(struct sock *lsk, struct ev_ends *e)
{
	struct attempt a = { .bits = ATTEMPT_IN, .result = RESULT_OVERFLOW };
	struct conn *l = conn_get(lsk), c = {};

	if (l) {
		who_copy(&c.who, l);
		c.known = l->known & (CONN_CG_ALLOW | CONN_CG_DENY);
		attempt_listener(&a, &c.who);
		if (c.who.how != HOW_KERNEL && c.who.pid)
			c.who.how = HOW_LISTENER;
	}
	c.who.conn = 0;
	c.who.netns = sock_netns(lsk);
	attempt_tell(&a, &c, e);
}

/* Is the packet for this listener?  (inet_lookup_listener()) */
static __always_inline int is_for_listener(struct sock *lsk, const struct ev_ends *e)
{
	const __u64 *want = (const __u64 *)e->laddr, *have;
	struct ev_ends l;

	if (RD(lsk, __sk_common.skc_state) != ST_LISTEN)
		return 0;
	sock_ends(&l, lsk, 1);
	have = (const __u64 *)l.laddr;
	if (l.lport != e->lport)
		return 0;
	if (have[0] == want[0] && have[1] == want[1])
		return 1;
	/* Any address. */
	return !have[0] && (!have[1] || (__u32)have[1] == bpf_htonl(0xffff)) && !(have[1] >> 32);
}

/* Is it a first SYN?  In segment_in.bpf.h, whose programs read faster (read.bpf.h). */
int is_syn_received(__u64 skb_num);

/* Of a packet that is a first SYN: its ends and number.  A scope of its own, for the stack's sake. */
static __always_inline int syn_of(struct sk_buff *skb, struct ev_ends *e, __u32 *seq)
{
	struct packet p = {};

	if (packet_parse(&p, skb, RD(skb, data) - RD(skb, head)) <= 0)
		return 0;
	if ((packet_word(&p) & (TF_SYN | TF_ACK | TF_RST)) != TF_SYN)
		return 0;
	packet_ends(e, &p, 1);
	*seq = packet_seq(&p);
	return 1;
}

/*
 * A SYN, or a final ACK, for a listener whose accept queue is full: the kernel
 * drops it (tcp_conn_request(), tcp_v4_syn_recv_sock()), and only counts.  It
 * asks the same a moment later, in the same softirq.
 */
static __always_inline int on_syn(struct sk_buff *skb)
{
	struct sock *lsk;
	struct ev_ends e;
	struct lsock *l;
	struct tuple t;
	__u32 seq, netns, *told;

	if (!is_syn_received(number_of(skb)) || !syn_of(skb, &e, &seq))
		return 0;
	netns = net_inum(BPF_CORE_READ(skb, dev, nd_net.net));
	l = lsock_find(netns, &e);
	if (!l || l->count != 1 || !l->sk)
		return 0;
	lsk = (struct sock *)l->sk;
	/* sk_acceptq_is_full() */
	if (RD(lsk, sk_ack_backlog) <= RD(lsk, sk_max_ack_backlog) || !is_for_listener(lsk, &e))
		return 0;
	tuple_of(&t, &e, netns);
	told = bpf_map_lookup_elem(&refused, &t);
	if (told && *told == seq)
		return 0;
	bpf_map_update_elem(&refused, &t, &seq, BPF_ANY);
	overflow_tell(lsk, &e);
	return 0;
}

SEC("?tp_btf/netif_receive_skb")
int BPF_PROG(attempt_syn, struct sk_buff *skb)
{
	return on_syn(skb);
}

#endif
