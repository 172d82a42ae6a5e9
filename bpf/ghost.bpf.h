/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Requests: connections that are not full sockets yet. */
#ifndef TCPLENS_GHOST_BPF_H
#define TCPLENS_GHOST_BPF_H

#include "track.bpf.h"

/* Of a peer's initial sequence number: that of the request that is there. */
#define ISN_OF_GHOST (1ULL << 32)

/*
 * Is the request that was remembered still this one?  The end of one that came to nothing is not
 * seen.  What comes from the same port later begins with another number, or its listener is
 * another process.  (`irs` is one more if something else than the SYN was seen first.)
 */
static __always_inline int is_same_request(const struct conn *g, __u64 isn, __u32 listener)
{
	if (isn != ISN_OF_GHOST && g->known & CONN_IRS && g->irs - (__u32)isn > 1)
		return 0;
	return !listener || !g->who.pid || g->who.pid == listener;
}

/* In the place of what had these ends before. */
static __always_inline struct conn *ghost_put(struct tuple *t, const struct conn *fresh)
{
	struct conn *g;

	bpf_map_update_elem(&ghosts, t, fresh, BPF_ANY);
	g = bpf_map_lookup_elem(&ghosts, t);
	if (g)
		g->who.netns = t->netns;
	return g;
}

/*
 * A request waits for its final ACK: the listener's owner answers for it.
 * `lsk` may be NULL (SYN cookie): then whoever listens on the port.
 */
static SUBPROG struct conn *ghost_embryo(struct tuple *t, struct sock *lsk, __u64 isn)
{
	/* Not on the stack, of which all callers together have 512 bytes. */
	static const struct conn fresh = {};
	struct conn *g = bpf_map_lookup_elem(&ghosts, t), *l = lsk ? conn_get(lsk) : 0;

	if (g && g->state == ST_NEW_SYN_RECV && is_same_request(g, isn, l ? l->who.pid : 0))
		return g;
	if (phase_now() == PHASE_ATTACH)
		return 0;
	g = ghost_put(t, &fresh);
	if (!g)
		return 0;
	if (l) {
		who_copy(&g->who, l);
		g->known = l->known & (CONN_CG_ALLOW | CONN_CG_DENY);
		if (g->who.how != HOW_KERNEL && g->who.pid)
			g->who.how = HOW_LISTENER;
	} else {
		who_from_listener(&g->who, t->netns, t->laddr, t->lport);
	}
	g->who.conn = conn_new_id();
	g->since_ns = bpf_ktime_get_ns();
	g->state = ST_NEW_SYN_RECV;
	if (isn != ISN_OF_GHOST) {
		g->irs = isn;
		g->known |= CONN_IRS;
	}
	return g;
}

/*
 * A SYN-ACK leaves with the ends *t and *e, which behind NAT are not its request's.  Where the SYN
 * came without its socket, the request is known by those on the wire, and stays so until there is
 * a socket (request_key()); else they become the request's own.
 */
static SUBPROG int request_answered(struct sock *req, struct tuple *t, struct ev_ends *e)
{
	struct ev_ends own;
	struct tuple k;

	sock_ends(&own, req, 0);
	tuple_of(&k, &own, t->netns);
	if (ends_eq(&own, e)) {
		if (nat_seen)
			bpf_map_delete_elem(&nat_requests, &k);
	} else if (cfg.in_by_tuple) {
		nat_seen = 1;
		bpf_map_update_elem(&nat_requests, &k, t, BPF_ANY);
	} else {
		*e = own;
		*t = k;
	}
	return 0;
}

/* From a request's own ends to those by which it is kept: 1, they are others. */
static __always_inline int request_key(struct tuple *t)
{
	struct tuple *wire = nat_seen ? bpf_map_lookup_elem(&nat_requests, t) : 0;

	if (!wire)
		return 0;
	*t = *wire;
	return 1;
}

/*
 * A connection for which the table has no place: where packets come without their socket, this is
 * how what it receives is found.  Whose it is is not known.
 */
static __always_inline int ghost_placeless(struct tuple *t)
{
	static const struct conn fresh = { .num = GHOST_PLACELESS };
	struct conn *g = bpf_map_lookup_elem(&ghosts, t);

	if (!cfg.in_by_tuple || phase_now() == PHASE_ATTACH || (g && g->num == GHOST_PLACELESS))
		return 0;
	g = ghost_put(t, &fresh);
	if (g)
		g->who.conn = conn_new_id();
	return 0;
}

/* It has ended: the next one with these ends is another. */
static __always_inline void ghost_placeless_end(struct tuple *t)
{
	struct conn *g = bpf_map_lookup_elem(&ghosts, t);

	if (g && g->num == GHOST_PLACELESS)
		g->num = 0;
}

/*
 * The request became a socket: it is the same connection, and the listener's
 * until accepted.  Returns when the request began; 0: unknown.
 */
static __always_inline __u64 adopt_embryo(struct conn *c, const struct tuple *t)
{
	struct conn *g = bpf_map_lookup_elem(&ghosts, t);
	__u64 since = 0;

	/* Once: a process may have it by now, and a request found later is not its own. */
	if (!c->adopted && g && g->state == ST_NEW_SYN_RECV) {
		since = g->since_ns;
		who_write_begin(c);
		c->who = g->who;
		who_write_end(c);
		c->iss = g->iss;
		c->irs = g->irs;
		c->known |= g->known & (CONN_ISS | CONN_IRS | CONN_CG_ALLOW | CONN_CG_DENY);
		c->adopted = 1;
	} else if (c->who.how == HOW_UNKNOWN) {
		who_from_listener(&c->who, t->netns, t->laddr, t->lport);
	}
	bpf_map_delete_elem(&ghosts, t);
	return since;
}

/* A segment of a socket whose first state change is still to come (the handshake's last ACK; TFO). */
static __always_inline void adopt_early(struct conn *c, struct sock *sk, const struct ev_ends *e)
{
	struct tuple t;
	__u64 since;

	if (!c || !(c->known & CONN_CHILD))
		return;
	tuple_of(&t, e, c->who.netns);
	since = adopt_embryo(c, &t);
	if (TRACK_WANTED && since)
		track_add(c, sk, since);
}

#endif
