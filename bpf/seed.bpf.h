/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What was open before the start.  Two iterators, run by user space after the
 * hooks are attached, so that no socket falls between: every process's
 * descriptors (who), and every TCP socket of a namespace (also those that no
 * descriptor leads to).  What a hook has learned meanwhile is never overwritten.
 */
#ifndef TCPLENS_SEED_BPF_H
#define TCPLENS_SEED_BPF_H

#include "ghost.bpf.h"
#include "track.bpf.h"

/* Full socket: known and findable from now on. */
static __always_inline struct conn *seed_sock(struct sock *sk)
{
	__u8 state = RD(sk, __sk_common.skc_state);
	struct ev_ends e;
	struct tuple t;
	struct conn *c;

	sock_ends(&e, sk, 1);
	c = conn_get_or_add(sk);
	/* When a hook added it its listener need not have been known. */
	if (c)
		conn_of_listener(c);
	if (TRACK_WANTED && c && state != ST_CLOSE && state != ST_LISTEN && !track_of(c))
		track_add(c, sk, 0);
	if (state == ST_CLOSE || state == ST_LISTEN || (c && c->wire_key))
		return c;
	tuple_of(&t, &e, c ? c->who.netns : sock_netns(sk));
	if (!c) {
		ghost_placeless(&t);
		return 0;
	}
	conn_index(c, &t, 0);
	return c;
}

/*
 * Several processes may hold the same socket.  Tasks come in the order of
 * their pids: of a listener the first is kept, which made it for its children;
 * of a connection the last, which its parent most likely forked for it.
 */
SEC("?iter/task_file")
int seed_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *sock;
	struct sock *sk;
	struct conn *c;
	__u8 state;

	if (!task || !file)
		return 0;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	sock = BPF_CORE_READ(file, private_data);
	sk = sock_as(BPF_CORE_READ(sock, sk));
	if (!sk || !sock_is_tcp(sk))
		return 0;
	state = RD(sk, __sk_common.skc_state);
	if (state == ST_CLOSE)
		return 0;
	c = seed_sock(sk);
	if (!c)
		return 0;
	if (c->who.how != HOW_UNKNOWN && c->who.how != HOW_SEED &&
	    !(c->who.how == HOW_LISTENER && state != ST_LISTEN))
		return 0;
	if (state == ST_LISTEN && c->who.how == HOW_SEED)
		return 0;
	who_write_begin(c);
	who_from_task(&c->who, task, &c->known);
	c->who.how = HOW_SEED;
	who_write_end(c);
	if (state == ST_LISTEN) {
		struct ev_ends e;

		sock_ends(&e, sk, 1);
		c->state = ST_LISTEN;
		listener_add(sk, &e, c);
	}
	return 0;
}

/*
 * TIME-WAITs that are remembered of those before the start: a busy server has more than
 * `ghosts` holds, which would only push each other out, and the requests with them.
 */
#define SEED_TIME_WAITS (GHOSTS / 4 * 3)
static __u32 seeded_time_waits;

/* Mini-sockets: a request is its listener's; who left a TIME-WAIT behind is not known any more. */
static __always_inline void seed_mini(struct sock *sk, __u8 state)
{
	struct conn g = {}, *there;
	struct ev_ends e;
	struct tuple t;

	if (state != ST_NEW_SYN_RECV && seeded_time_waits >= SEED_TIME_WAITS)
		return;
	sock_ends(&e, sk, 0);
	tuple_of(&t, &e, sock_netns(sk));
	there = bpf_map_lookup_elem(&ghosts, &t);
	if (there) {
		if (there->who.how == HOW_UNKNOWN && there->state == ST_NEW_SYN_RECV)
			who_from_listener(&there->who, t.netns, t.laddr, t.lport);
		return;
	}
	if (state == ST_NEW_SYN_RECV) {
		ghost_embryo(&t, sock_as(RD(AS(struct request_sock, sk), __req_common.skc_listener)),
			     RD(AS(struct tcp_request_sock, sk), rcv_isn));
		return;
	}
	seeded_time_waits++;
	g.who.netns = t.netns;
	g.who.conn = conn_new_id();
	g.state = state;
	who_from_listener(&g.who, t.netns, t.laddr, t.lport);
	bpf_map_update_elem(&ghosts, &t, &g, BPF_ANY);
}

/* Every process, to be found by its credentials. */
SEC("?iter/task")
int seed_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	if (t)
		cred_learn(t);
	return 0;
}

SEC("?iter/tcp")
int seed_socks(struct bpf_iter__tcp *ctx)
{
	struct sock *sk = (struct sock *)ctx->sk_common;
	__u8 state;

	if (!sk)
		return 0;
	sk = sock_as(sk);
	state = RD(sk, __sk_common.skc_state);
	if (state_is_full(state))
		seed_sock(sk);
	else
		seed_mini(sk, state);
	return 0;
}

#endif
