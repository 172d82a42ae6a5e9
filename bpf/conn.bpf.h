/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The store of connections.
 *
 *   conns     struct sock * -> conn   full sockets, until tcp_destroy_sock
 *   by_tuple  wire tuple -> struct sock *
 *   ghosts    wire tuple -> conn      before and after the full socket
 *
 * A hash by pointer instead of socket storage: one way for every kernel (5.10
 * has no socket storage in tracing programs) and for hooks whose socket
 * pointer the verifier does not trust.
 */
#ifndef TCPLENS_CONN_BPF_H
#define TCPLENS_CONN_BPF_H

#include "emit.bpf.h"
#include "owner.bpf.h"

/* Unique without atomics that return a value, which 5.10 lacks: count * 4096 + CPU. */
static __always_inline __u64 conn_new_id(void)
{
	__u32 k = 0;
	__u64 *n = bpf_map_lookup_elem(&ids, &k);

	return n ? (++*n << 12) + (bpf_get_smp_processor_id() & 0xfff) : 0;
}

static __always_inline struct conn *conn_get(struct sock *sk)
{
	__u64 k = (__u64)sk;

	return bpf_map_lookup_elem(&conns, &k);
}

static __always_inline void conn_set_wscale(struct conn *c, struct sock *sk)
{
	c->snd_wscale = sock_snd_wscale(sk);
	c->rcv_wscale = sock_rcv_wscale(sk);
	c->known |= CONN_WSCALE;
}

/* The process that listens on this port, if all of its listeners are one process's. */
static __always_inline void who_from_port(struct ev_who *w, __u32 netns, __u16 port)
{
	struct port_key k = { netns, port };
	struct port_owner *l = bpf_map_lookup_elem(&listeners, &k);
	__u64 id = w->conn;

	if (!l || l->mixed)
		return;
	*w = l->who;
	w->conn = id;
	w->how = HOW_LISTENER;
}

/* A socket listens on this port for the owner of `c`. */
static __always_inline void listener_add(struct conn *c, __u16 port)
{
	struct port_key k = { c->who.netns, port };
	struct port_owner *l = bpf_map_lookup_elem(&listeners, &k), new = { .count = 1 };

	if (l) {
		if (l->who.pid != c->who.pid)
			l->mixed = 1;
		l->count++;
		return;
	}
	new.who = c->who;
	bpf_map_update_elem(&listeners, &k, &new, BPF_ANY);
}

static __always_inline void listener_del(struct conn *c, __u16 port)
{
	struct port_key k = { c->who.netns, port };
	struct port_owner *l = bpf_map_lookup_elem(&listeners, &k);

	if (!l)
		return;
	if (l->count <= 1)
		bpf_map_delete_elem(&listeners, &k);
	else
		l->count--;
}

/* Puts a fresh connection for `sk` in the store.  NULL when it is full: counted. */
static __noinline struct conn *conn_add(struct sock *sk)
{
	__u64 k = (__u64)sk;
	struct conn c = {};

	c.who.conn = conn_new_id();
	c.who.netns = sock_netns(sk);
	if (sock_is_kernels(sk))
		c.who.how = HOW_KERNEL;
	if (bpf_map_update_elem(&conns, &k, &c, BPF_ANY))
		count_lost(HOOK_CONN);
	return bpf_map_lookup_elem(&conns, &k);
}

/*
 * A socket that nothing was seen of before: open before the start and in no
 * process's descriptor table (waiting to be accepted, or closed by its owner).
 * The process that listens on its port is the best that can be said.
 */
static __always_inline struct conn *conn_get_or_add(struct sock *sk, const struct ev_ends *e)
{
	struct conn *c = conn_get(sk);

	if (c)
		return c;
	c = conn_add(sk);
	if (c && c->who.how == HOW_UNKNOWN && !RD(sk, sk_socket))
		who_from_port(&c->who, c->who.netns, e->lport);
	return c;
}

static __always_inline void tuple_of(struct tuple *t, const struct ev_ends *e, __u32 netns)
{
	__builtin_memcpy(t->laddr, e->laddr, 16);
	__builtin_memcpy(t->raddr, e->raddr, 16);
	t->lport = e->lport;
	t->rport = e->rport;
	t->netns = netns;
}

static __always_inline int tuple_eq(const struct tuple *a, const struct tuple *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

/*
 * Makes the socket findable by what is on the wire, which behind NAT is not
 * what the socket says: the first transmitted segment knows better.
 */
static __always_inline void conn_index(struct conn *c, struct sock *sk, const struct tuple *t)
{
	__u64 v = (__u64)sk;

	if (c->known & CONN_INDEXED)
		bpf_map_delete_elem(&by_tuple, &c->wire);
	c->wire = *t;
	if (!bpf_map_update_elem(&by_tuple, &c->wire, &v, BPF_ANY))
		c->known |= CONN_INDEXED;
	else
		count_lost(HOOK_CONN);
}

static __always_inline void conn_unindex(struct conn *c, struct sock *sk)
{
	__u64 *v;

	if (!(c->known & CONN_INDEXED))
		return;
	/* A new socket may have taken the tuple over already. */
	v = bpf_map_lookup_elem(&by_tuple, &c->wire);
	if (v && *v == (__u64)sk)
		bpf_map_delete_elem(&by_tuple, &c->wire);
	c->known &= ~CONN_INDEXED;
}

/*
 * `who` may be read on another CPU while it is written: the writer makes gen
 * odd meanwhile and the reader, if it was disturbed, rather says unknown.
 */
static __always_inline void who_write_begin(struct conn *c)
{
	c->gen++;
	barrier();
}

static __always_inline void who_write_end(struct conn *c)
{
	barrier();
	c->gen++;
	c->verdict = VERDICT_NONE;
}

static __always_inline void who_copy(struct ev_who *dst, struct conn *c)
{
	__u32 gen = *(volatile __u32 *)&c->gen;

	barrier();
	*dst = c->who;
	barrier();
	if ((gen & 1) || *(volatile __u32 *)&c->gen != gen) {
		__u64 conn = dst->conn;
		__u32 netns = dst->netns;

		who_none(dst, HOW_UNKNOWN);
		dst->conn = conn;
		dst->netns = netns;
	}
}

/* The task of this system call owns the connection from now on. */
static __noinline int conn_set_owner(struct conn *c, __u8 how)
{
	struct task_struct *t = (void *)bpf_get_current_task();

	who_write_begin(c);
	who_from_task(&c->who, t, &c->known);
	c->who.how = how;
	c->comm_gen = rename_gen;
	who_write_end(c);
	return 0;
}

/*
 * `current` is inside a call on this socket that only a user of it makes
 * (send, receive, close).
 *
 * `how` stays what it was while the same process goes on using the socket:
 * having connected or been given it by accept() says more than having sent.
 */
static __always_inline void conn_used(struct conn *c)
{
	__u64 pt = bpf_get_current_pid_tgid();
	struct task_struct *t;
	__u8 how = HOW_IO;

	if (c->who.pid == pt >> 32 && c->who.tid == (__u32)pt && c->comm_gen == rename_gen &&
	    (c->who.how == HOW_CONNECT || c->who.how == HOW_ACCEPT || c->who.how == HOW_IO))
		return;
	t = (void *)bpf_get_current_task();
	/* The kernel works on its own sockets, and on others' in their owner's name. */
	if (c->who.how == HOW_KERNEL || task_is_kernel(t))
		return;
	if (c->who.pid == pt >> 32 && (c->who.how == HOW_CONNECT || c->who.how == HOW_ACCEPT))
		how = c->who.how;
	conn_set_owner(c, how);
}

/* The cached answer of the per-connection filters. */
static __always_inline int conn_passes(struct conn *c, const struct ev_ends *e)
{
	__u8 v = c->verdict;

	if (!cfg.filter.used)
		return 1;
	if (v == VERDICT_NONE) {
		v = ends_match(e, &c->who, c->known) ? VERDICT_PASS : VERDICT_REJECT;
		if (e->lport) /* before connect() picks a port the ends are not final */
			c->verdict = v;
	}
	return v == VERDICT_PASS;
}

#endif
