/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* State changes (sock:inet_sock_set_state), and the life of a connection that hangs on them. */
#ifndef TCPLENS_STATE_BPF_H
#define TCPLENS_STATE_BPF_H

#include "nested.bpf.h"
#include "ghost.bpf.h"
#include "latency.bpf.h"
#include "life.bpf.h"

static __always_inline void emit_state(struct conn *c, const struct ev_ends *e, __u8 old, __u8 new,
				       __u64 at, __u64 since)
{
	const struct filter *f = (const struct filter *)&cfg.filter;
	struct ev_state *s;

	if (!cfg.emit_states || !(states_match(f, old) || states_match(f, new)))
		return;
	if (!conn_passes(c, e))
		return;
	s = emit_reserve(HOOK_STATE, EV_STATE, sizeof(*s));
	if (!s)
		return;
	s->hdr.mono_ns = at;
	who_copy(&s->who, c);
	s->ends = *e;
	s->old = old;
	s->new = new;
	s->in_old_ns = since && at > since ? at - since : 0;
	s->has = since ? STATE_HAS_IN_OLD : STATE_PARTIAL;
	__builtin_memset(s->pad, 0, sizeof(s->pad));
	emit_submit(s);
}

/* What segments that still come after the end are told apart by: the former owner stays known. */
static SUBPROG int leave_ghost(struct conn *c, struct sock *sk, __u8 old, const struct tuple *t)
{
	struct tuple key = *t, *wire = 0; /* a key is not to lie in a map that may change */
	struct conn *g;

	if (!c->who.conn)
		return 0;
	if (old != ST_SYN_SENT)
		conn_set_wscale(c, sk);
	if (c->known & CONN_NAT)
		wire = bpf_map_lookup_elem(&nat, &c->num);
	if (wire)
		key = *wire;
	/* Changed in the map: a copy on the stack would be too large for 5.10. */
	bpf_map_update_elem(&ghosts, &key, c, BPF_ANY);
	g = bpf_map_lookup_elem(&ghosts, &key);
	if (!g)
		return 0;
	g->known &= ~CONN_NAT;
	g->sk = 0;
	g->wire_key = 0;
	g->writes_begun = g->writes_done = 0;
	g->verdict = VERDICT_NONE;
	/*
	 * tcp_time_wait() closes the socket once both FINs are through; a reset or
	 * a timeout leaves an error, and nothing behind.
	 */
	g->state = 0;
	if ((old == ST_FIN_WAIT2 || old == ST_CLOSING) && !RD(sk, sk_err))
		g->state = ST_TIME_WAIT;
	return 0;
}

/*
 * Does the change happen in a call of a process on its own socket?  These are
 * tcp_close_state()'s, which only close() and shutdown() come to.
 */
static __always_inline int is_own_close(__u8 old, __u8 new)
{
	return (new == ST_FIN_WAIT1 && (old == ST_ESTABLISHED || old == ST_SYN_RECV)) ||
	       (new == ST_LAST_ACK && old == ST_CLOSE_WAIT);
}

static __always_inline struct conn *conn_begin(struct sock *sk, __u8 how)
{
	struct conn *c = conn_get(sk);

	if (c) {
		conn_remake(c->num);
	} else {
		c = conn_add(sk);
		if (!c)
			return 0;
	}
	if (how != HOW_UNKNOWN && c->who.how != HOW_KERNEL) {
		if (task_is_kernel((void *)bpf_get_current_task()))
			c->who.how = HOW_KERNEL;
		else
			conn_own(c->num, how);
	}
	return c;
}

/* The connection's track, from the beginning to the end of the connection. */
static __always_inline void track_state(struct sock *sk, struct conn *c, const struct ev_ends *e,
					__u8 old, __u8 new, __u64 now, __u64 begin)
{
	struct track *t = begin ? track_add(c, sk, begin) : track_of(c);

	if (!t)
		t = track_add(c, sk, 0);
	if (!t)
		return;
	if (t->begin_ns && !(t->bits & TRACK_DIR))
		t->bits |= TRACK_DIR | (old == ST_SYN_RECV ? TRACK_PASSIVE : 0);
	if (new == ST_ESTABLISHED || (old == ST_SYN_RECV && !t->est_ns)) {
		t->est_ns = now;
		t->tx_nxt = RD((struct tcp_sock *)sk, snd_nxt);
		if (cfg.emit_latency && t->begin_ns && conn_passes(c, e))
			lat_wait(c->num, lat_part(t, PART_HANDSHAKE), now, t->begin_ns);
	}
	life_on_close(sk, t, old, new);
	if (new == ST_CLOSE)
		life_end(sk, c, t, e, old);
}

static __always_inline int on_state(struct sock *sk, __u8 old, __u8 new)
{
	__u64 now = bpf_ktime_get_ns(), since, begin;
	struct ev_ends e;
	struct tuple t;
	struct conn *c;
	int child, nat = 0;

	sk = sock_as(sk);
	if (!sock_is_tcp(sk))
		return 0;
	child = new == ST_SYN_RECV && old == ST_LISTEN;
	if (new == ST_SYN_SENT || new == ST_LISTEN || child) {
		c = conn_begin(sk, new == ST_SYN_SENT ? HOW_CONNECT :
				   new == ST_LISTEN   ? HOW_LISTENER :
							HOW_UNKNOWN);
	} else {
		c = conn_get_or_add(sk);
	}
	if (c && child) {
		/*
		 * inet_csk_clone_lock(): the peer is not filled in yet.  The record
		 * waits for the next change, which follows at once.
		 */
		c->known |= CONN_CHILD;
		c->since_ns = now;
		return 0;
	}
	/* A port that connect() is still to choose: what inet_sport has is the former connection's (tcp_disconnect()). */
	sock_ends(&e, sk, new != ST_SYN_SENT);
	tuple_of(&t, &e, c ? c->who.netns : sock_netns(sk));
	if (!c) {
		/* What it receives is a waiting request's no more. */
		if (new == ST_ESTABLISHED)
			ghost_placeless(&t);
		else if (new == ST_CLOSE)
			ghost_placeless_end(&t);
		return 0;
	}
	since = c->since_ns;
	c->since_ns = now;
	begin = new == ST_SYN_SENT ? now : 0;
	if (c->known & CONN_CHILD) {
		c->known &= ~CONN_CHILD;
		nat = request_key(&t);
		begin = adopt_embryo(c, &t);
		/* Closed before the handshake's end (Fast Open): a SYN-ACK may be repeated, and make another. */
		if (new != ST_ESTABLISHED)
			c->adopted = 0;
		/* The final ACK's hook was first; or, with a SYN cookie, nothing is known of the SYN. */
		if (!begin && !(TRACK_WANTED && track_of(c)))
			begin = since;
		emit_state(c, &e, ST_LISTEN, ST_SYN_RECV, since, 0);
	}
	begin = forget(begin);
	c->state = new == ST_LISTEN ? ST_LISTEN : 0;
	if (new == ST_LISTEN)
		listener_add(sk, &e, c);
	else if (old == ST_LISTEN)
		listener_del(&e, c->who.netns);
	if ((cfg.emit_segments || cfg.emit_trouble) && new == ST_ESTABLISHED && !c->wire_key) {
		conn_index(c, &t, nat);
		c->known |= nat ? CONN_WIRE : 0;
	}
	if (is_own_close(old, new) && (c->who.how == HOW_LISTENER || c->who.how == HOW_UNKNOWN))
		conn_used(c, sk);
	else if (old != ST_LISTEN)
		conn_find_accept(c);
	emit_state(c, &e, old, new, now, since);
	if (TRACK_WANTED && new != ST_LISTEN && old != ST_LISTEN)
		track_state(sk, c, &e, old, new, now, begin);
	if (new == ST_CLOSE && old != ST_LISTEN) {
		if (cfg.emit_segments || cfg.emit_trouble)
			leave_ghost(c, sk, old, &t);
		else if (!c->adopted && c->who.how != HOW_CONNECT)
			/* Its first change was not seen, perhaps, and the next one's request would be this one's. */
			bpf_map_delete_elem(&ghosts, &t);
		conn_unindex(c);
	}
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int TP_PROG(state_change, struct sock *sk, int old, int new)
{
	twin_done(TWIN_STATE, sk);
	on_state(sk, old, new);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(state_nested, struct sock *sk, int old, int new)
{
	if (!twin_wanted(TWIN_STATE, sk, HOOK_STATE))
		return 0;
	return on_state(sk, old, new);
}

/*
 * A change to CLOSE that came while another was being handled on this CPU was
 * not seen (recursion): its record is made now.
 */
static __always_inline void track_gone(struct sock *sk)
{
	struct conn *c = conn_get(sk);
	struct track *t = c ? track_of(c) : 0;
	struct ev_ends e;

	if (!t)
		return;
	if (cfg.emit_life) {
		sock_ends(&e, sk, 1);
		life_end(sk, c, t, &e, ST_CLOSE);
	}
	track_del(c, t);
}

static __always_inline void on_gone(struct sock *sk)
{
	sk = sock_as(sk);
	if (TRACK_WANTED)
		track_gone(sk);
	conn_del(sk);
}

/* tcp_v4_destroy_sock(), which both IP versions end in. */
SEC("?tp_btf/tcp_destroy_sock")
int TP_PROG(sock_gone, struct sock *sk)
{
	twin_done(TWIN_GONE, sk);
	on_gone(sk);
	return 0;
}

SEC("?tp_btf/tcp_destroy_sock")
int BPF_PROG(gone_nested, struct sock *sk)
{
	if (twin_wanted(TWIN_GONE, sk, HOOK_LIFE))
		on_gone(sk);
	return 0;
}

#endif
