/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Connections: of full sockets, from the first that is seen of them until
 * tcp_destroy_sock (store.bpf.h), and `ghosts`, wire tuple -> conn, before and
 * after the full socket.
 *
 * Not in socket storage: one way for every kernel (5.10 has no socket storage
 * in tracing programs), for hooks whose socket pointer the verifier does not
 * trust, and for packets that come without their socket.
 */
#ifndef TCPLENS_CONN_BPF_H
#define TCPLENS_CONN_BPF_H

#include "emit.bpf.h"
#include "listener.bpf.h"
#include "owner.bpf.h"
#include "store.bpf.h"

/*
 * Unique: count * 4096 + CPU.  A counter of this CPU alone, as 5.10 has no atomic
 * that returns a value; an interrupt between its load and store would give the
 * same number twice there, so that one is used where it is to be had.
 */
static __always_inline __u64 conn_new_id(void)
{
	__u32 k = 0;
	__u64 *p = bpf_map_lookup_elem(&ids, &k), n;

	if (!p)
		return 0;
	n = cfg.atomics ? __sync_fetch_and_add(p, 1) + 1 : ++*p;
	return (n << 12) + (bpf_get_smp_processor_id() & 0xfff);
}

static __always_inline void conn_set_wscale(struct conn *c, struct sock *sk)
{
	c->snd_wscale = sock_snd_wscale(sk);
	c->rcv_wscale = sock_rcv_wscale(sk);
	c->known |= CONN_WSCALE;
}

/*
 * `who` may be read on another CPU while it is written, or written there too
 * (two processes use the socket at once).  Writers count themselves in and out:
 * a reader that met one rather says unknown, a writer that met one writes again.
 */
static __always_inline void who_write_begin(struct conn *c)
{
	__sync_fetch_and_add(&c->writes_begun, 1);
	barrier();
}

static __always_inline void who_write_end(struct conn *c)
{
	barrier();
	__sync_fetch_and_add(&c->writes_done, 1);
	c->verdict = VERDICT_NONE;
}

/*
 * conn_make.bpf.h.  Global functions with scalar arguments, as those of
 * store.bpf.h: what they do is rare, and would be verified again at every call.
 */

/* A fresh connection for the socket at this address; 0: there is no room (counted). */
__u32 conn_make(__u64 sk);

/* The same socket begins another connection. */
int conn_remake(__u32 num);

/* The task of this system call owns the connection from now on. */
int conn_own(__u32 num, __u32 how);

/* Who has accepted it, as its file tells, owns it. */
int conn_find_acceptor(__u32 num);

/*
 * In no process's descriptor table: waiting to be accepted, or closed by its owner.
 * The process that listens on its port is the best that can be said.
 */
int conn_find_listener(__u32 num);

/* by_tuple leads to it by this key from now on.  1, or 0: there is no room (counted). */
int conn_index_by(__u32 num, __u64 key);

static __always_inline struct conn *conn_add(struct sock *sk)
{
	return conn_at(conn_make(number_of(sk)));
}

/* The owner is not known yet, and nobody's descriptor table has it: its listener's process is. */
static __always_inline void conn_of_listener(struct conn *c)
{
	if (c->who.how == HOW_UNKNOWN)
		conn_find_listener(c->num);
}

/* With a socket that nothing was seen of before: it was open before the start. */
static __always_inline struct conn *conn_or_add(struct conn *c, struct sock *sk)
{
	if (c)
		return c;
	c = conn_add(sk);
	if (c)
		conn_of_listener(c);
	return c;
}

static __always_inline struct conn *conn_get_or_add(struct sock *sk)
{
	return conn_or_add(conn_get(sk), sk);
}

static __always_inline void tuple_of(struct tuple *t, const struct ev_ends *e, __u32 netns)
{
	__builtin_memcpy(t->laddr, e->laddr, 16);
	__builtin_memcpy(t->raddr, e->raddr, 16);
	t->lport = e->lport;
	t->rport = e->rport;
	t->netns = netns;
}

static __always_inline int ends_eq(const struct ev_ends *a, const struct ev_ends *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		 (__u32)(x[4] ^ y[4]));
}

/* A connection with the key of a packet's ends: which conn_confirm() makes sure of. */
static __always_inline struct conn *conn_by_key(const struct tuple *t)
{
	__u64 key = tuple_key(t);
	struct conn *c = conn_at(by_tuple_find(key));

	return c && c->wire_key == key && c->who.netns == t->netns ? c : 0;
}

/* Is it the connection that a packet with these ends is of?  *e: its ends as the socket has them. */
static __always_inline struct conn *conn_confirm(struct conn *c, const struct tuple *t,
						 struct ev_ends *e)
{
	struct tuple *wire;
	struct sock *sk;

	if (!c)
		return 0;
	sk = sock_as((void *)c->sk);
	if (!sk)
		return 0;
	sock_ends(e, sk, 1);
	/* The same key is not yet the same ends.  Behind NAT the key has to do, or what is kept of it. */
	if (!(c->known & CONN_NAT))
		return ends_eq(e, (const struct ev_ends *)t) ? c : 0;
	wire = bpf_map_lookup_elem(&nat, &c->num);
	return !wire || ends_eq((const struct ev_ends *)wire, (const struct ev_ends *)t) ? c : 0;
}

static __always_inline struct conn *conn_by_tuple(const struct tuple *t, struct ev_ends *e)
{
	return conn_confirm(conn_by_key(t), t, e);
}

static __always_inline void conn_unindex(struct conn *c)
{
	__u64 key = c->wire_key;

	if (!key)
		return;
	c->wire_key = 0;
	index_del(INDEX_TUPLE, key, c->num);
	if (c->known & CONN_NAT)
		bpf_map_delete_elem(&nat, &c->num);
	c->known &= ~CONN_NAT;
}

/*
 * Makes the socket findable by what is on the wire, which behind NAT is not
 * what the socket says (`behind_nat`): the first transmitted segment knows better.
 */
static __always_inline void conn_index(struct conn *c, const struct tuple *t, int behind_nat)
{
	/* What had these ends before is past; not so the request that is still to be adopted. */
	if (!(c->known & CONN_CHILD))
		bpf_map_delete_elem(&ghosts, t);
	if (!conn_index_by(c->num, tuple_key(t)) || !behind_nat)
		return;
	bpf_map_update_elem(&nat, &c->num, t, BPF_ANY);
	nat_seen = 1;
	c->known |= CONN_NAT;
}

/* By the ends that the socket itself has. */
static __always_inline void conn_index_own(struct conn *c, const struct ev_ends *e)
{
	struct tuple t;

	tuple_of(&t, e, c->who.netns);
	conn_index(c, &t, 0);
}

/* The end of a full socket. */
static __always_inline void conn_del(struct sock *sk)
{
	struct conn *c = conn_get(sk);

	if (!c)
		return;
	conn_unindex(c);
	index_del(INDEX_SOCK, sock_key(sk), c->num);
	c->sk = 0;
	number_free(c->num);
}

static __always_inline void who_copy(struct ev_who *dst, struct conn *c)
{
	__u32 done = *(volatile __u32 *)&c->writes_done;

	barrier();
	*dst = c->who;
	barrier();
	if (*(volatile __u32 *)&c->writes_begun != done) {
		__u64 conn = dst->conn;
		__u32 netns = dst->netns;

		who_none(dst, HOW_UNKNOWN);
		dst->conn = conn;
		dst->netns = netns;
	}
}

/*
 * The task owns the connection from now on.  What is slow to find out is found out
 * before: who reads meanwhile says unknown.
 */
static __always_inline void conn_give(struct conn *c, struct task_struct *t, __u8 how)
{
	struct ev_who who;
	int left = 3;

	who_from_task(&who, t, &c->known);

	/*
	 * Its only way back is a jump: 5.10 and 6.1 refuse a step that falls
	 * through to an earlier one, which clang makes of a `for` ("back-edge",
	 * check_cfg()).
	 */
	do {
		__u32 turn = *(volatile __u32 *)&c->writes_begun + 1;

		who_write_begin(c);
		who_take(&c->who, &who);
		c->who.how = how;
		c->comm_gen = rename_gen;
		c->cred = task_cred(t);
		who_write_end(c);
		if (*(volatile __u32 *)&c->writes_begun == turn &&
		    *(volatile __u32 *)&c->writes_done == turn)
			break;
		barrier_var(left);
	} while (--left);
}

/* Nothing about the owner has changed since `who` was filled in from the caller's process. */
static __always_inline int who_is_fresh(struct conn *c, const struct caller *me)
{
	return c->who.pid == me->pid_tgid >> 32 && c->comm_gen == rename_gen && c->cred == me->cred;
}

/*
 * A connection that counts as its listener's may have been accepted meanwhile,
 * unseen where accept() has no hook: then there is a file, made by accept().
 */
static __always_inline void conn_find_accept(struct conn *c)
{
	if (cfg.accept_by_cred && c->who.how == HOW_LISTENER && c->state != ST_LISTEN)
		conn_find_acceptor(c->num);
}

/*
 * `current` is inside a call on this socket that only a user of it makes
 * (send, receive, close).
 *
 * `how` stays what it was while the same process goes on using the socket:
 * having connected or been given it by accept() says more than having sent.
 */
static __always_inline void conn_used(struct conn *c, struct sock *sk)
{
	struct caller me;
	__u8 how;

	caller_get(&me);
	conn_find_accept(c);
	how = c->who.how;
	if ((how == HOW_CONNECT || how == HOW_ACCEPT || how == HOW_IO) && who_is_fresh(c, &me)) {
		/* Another thread: the rest is the process's. */
		if (c->who.tid != (__u32)me.pid_tgid)
			c->who.tid = me.pid_tgid;
		return;
	}
	/* The kernel works on its own sockets, and on others' in their owner's name. */
	if (how == HOW_KERNEL || task_is_kernel(me.task))
		return;
	if (c->who.pid != me.pid_tgid >> 32 || (how != HOW_CONNECT && how != HOW_ACCEPT))
		how = HOW_IO;
	conn_own(c->num, how);
}

/*
 * The filters have refused it, and nothing that is done for each segment could
 * change that: before anything else is looked at.
 */
static __always_inline int conn_refused(const struct conn *c)
{
	return cfg.filter.used && c && c->verdict == VERDICT_REJECT && !(c->known & CONN_CHILD) &&
	       !(cfg.accept_by_cred && c->who.how == HOW_LISTENER);
}

/* A full socket that is not a listener: do its ports pass? */
static __always_inline int sock_ports_pass(struct sock *sk)
{
	__u32 ports;

	if (!cfg.ports)
		return 1;
	ports = sock_ports(sk, 1);
	return ports_pass(ports >> 16, ports);
}

/* The cached answer of the per-connection filters. */
static __always_inline int conn_passes(struct conn *c, const struct ev_ends *e)
{
	__u32 turn = *(volatile __u32 *)&c->writes_begun;
	__u8 v = c->verdict;

	if (!cfg.filter.used)
		return 1;
	if (v == VERDICT_NONE) {
		v = ends_match(e, &c->who, c->known) ? VERDICT_PASS : VERDICT_REJECT;
		/*
		 * Before connect() picks a port the ends are not final, of a listener
		 * they change with each packet, and the owner may just have changed.
		 */
		if (e->lport && c->state != ST_LISTEN &&
		    *(volatile __u32 *)&c->writes_begun == turn)
			c->verdict = v;
	}
	return v == VERDICT_PASS;
}

#endif
