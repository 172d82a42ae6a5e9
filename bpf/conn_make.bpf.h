/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How connections come into the store, and what changes in them rarely. */
#ifndef TCPLENS_CONN_MAKE_BPF_H
#define TCPLENS_CONN_MAKE_BPF_H

#include "track.bpf.h"

/* A connection of which nothing is known yet. */
static __always_inline void conn_init(struct conn *c, struct sock *sk)
{
	__u8 how = sock_is_kernels(sk) ? HOW_KERNEL : HOW_UNKNOWN;

	who_write_begin(c);
	who_none(&c->who, how);
	c->who.conn = conn_new_id();
	c->who.netns = sock_netns(sk);
	c->sk = (__u64)sk;
	c->wire_key = 0;
	c->since_ns = 0;
	c->iss = c->irs = 0;
	c->comm_gen = 0;
	c->cred = 0;
	c->known = 0;
	c->state = 0;
	c->snd_wscale = c->rcv_wscale = 0;
	c->adopted = 0;
	who_write_end(c);
}

__noinline __u32 conn_make(__u64 addr)
{
	struct sock *sk = sock_as((void *)addr);
	__u64 key = sock_key(sk);
	struct conn *c;
	__u32 n;

	if (phase_now() == PHASE_ATTACH)
		return 0;
	n = number_new();
	c = conn_at(n);
	if (!c)
		goto full;
	conn_init(c, sk);
	c->num = n;
	/* The tag of another socket in the same buckets (1 in 2^29): neither would be found surely. */
	if (!by_sock_find(key) && index_add(INDEX_SOCK, key, n))
		return n;
	c->sk = 0;
	number_free(n);
full:
	count_lost(HOOK_CONN);
	return 0;
}

/*
 * A socket begins a connection at this address, and the one before it had no end: neither its
 * change to CLOSE was seen nor tcp_destroy_sock.
 */
static __always_inline void count_unseen_end(struct conn *c)
{
	__u32 hook = HOOK_LIFE;
	struct hook_stats *st;
	struct track *t;

	if (!cfg.emit_life || c->verdict == VERDICT_REJECT)
		return;
	t = track_of(c);
	if (!t || (t->bits & TRACK_DONE))
		return;
	st = bpf_map_lookup_elem(&stats, &hook);
	if (st)
		__sync_fetch_and_add(&st->unseen, 1);
}

/* Begins anew: the same socket, another connection. */
__noinline int conn_remake(__u32 num)
{
	struct conn *c = conn_at(num);

	if (!c)
		return 0;
	count_unseen_end(c);
	conn_unindex(c);
	conn_init(c, sock_as((void *)c->sk));
	return 1;
}

__noinline int conn_own(__u32 num, __u32 how)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct conn *c = conn_at(num);

	if (!c)
		return 0;
	cred_learn(t);
	conn_give(c, t, how); /* one call less: 5.10 adds up their stacks */
	return 1;
}

__noinline int conn_find_acceptor(__u32 num)
{
	struct conn *c = conn_at(num);
	struct task_struct *t;

	if (!c)
		return 0;
	t = accepting_task(sock_as((void *)c->sk));
	if (!t)
		return 0;
	conn_give(c, t, HOW_ACCEPT);
	return 1;
}

__noinline int conn_find_listener(__u32 num)
{
	struct conn *c = conn_at(num);
	struct ev_ends e;
	struct sock *sk;

	if (!c)
		return 0;
	sk = sock_as((void *)c->sk);
	if (RD(sk, sk_socket))
		return 0;
	sock_ends(&e, sk, 1);
	who_from_listener(&c->who, c->who.netns, e.laddr, e.lport);
	return 1;
}

__noinline int conn_index_by(__u32 num, __u64 key)
{
	struct conn *c = conn_at(num), *former;
	__u32 n = by_tuple_find(key);

	if (!c)
		return 0;
	conn_unindex(c);
	former = conn_at(n);
	if (former && n != num) {
		/* Of a socket that has come to its end; or a mere collision (1 in 2^29). */
		if (former->wire_key != key)
			goto lost;
		former->wire_key = 0;
		index_del(INDEX_TUPLE, key, n);
	}
	if (!index_add(INDEX_TUPLE, key, num))
		goto lost;
	c->wire_key = key;
	return 1;
lost:
	count_lost(HOOK_CONN);
	return 0;
}

#endif
