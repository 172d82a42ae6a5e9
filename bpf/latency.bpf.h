/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where a connection waits: each wait is added to the bucket of its length, or,
 * with config.outlier_ns, told by itself if it is longer.
 */
#ifndef TCPLENS_LATENCY_BPF_H
#define TCPLENS_LATENCY_BPF_H

#include "marks.bpf.h"

#include "bucket.h"

static __always_inline int seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* A global function is verified once, not for each path that comes to it. */
__attribute__((weak)) __noinline __u32 lat_bucket(__u64 ns)
{
	return bucket_of(ns);
}

/* What a wait is of: its part, and whether the peer connected, which tells the service's port. */
static __always_inline __u8 lat_part(const struct track *t, enum ev_part part)
{
	__u8 has = 0;

	if (t->bits & TRACK_DIR)
		has = LATENCY_HAS_DIR | (t->bits & TRACK_PASSIVE ? LATENCY_PASSIVE : 0);
	return part | has << LAT_HAS_SHIFT;
}

/* The connection's socket: of one that a hook's socket has led to. */
static __always_inline struct sock *conn_sock(const struct conn *c)
{
	return sock_as((void *)c->sk);
}

static __always_inline void lat_tell(struct conn *c, __u8 part, __u64 now, __u64 ns)
{
	struct ev_latency *l = emit_reserve(HOOK_LATENCY, EV_LATENCY, sizeof(*l));

	if (!l)
		return;
	l->hdr.mono_ns = now;
	who_copy(&l->who, c);
	sock_ends(&l->ends, conn_sock(c), 1);
	l->count = 1;
	l->sum_ns = l->min_ns = l->max_ns = ns;
	l->part = part & LAT_PART_MASK;
	l->has = LATENCY_SINGLE | part >> LAT_HAS_SHIFT;
	__builtin_memset(l->pad, 0, sizeof(l->pad));
	l->owner_turn = c->writes_done;
	emit_submit(l);
}

static __always_inline struct lat_value *lat_get(const struct lat_key *k, __u32 turn)
{
	return turn & 1 ? bpf_map_lookup_elem(&lat1, k) : bpf_map_lookup_elem(&lat0, k);
}

/* Made empty, and filled in where it is: it is too large for the stack of 5.10. */
static __noinline void lat_new(struct conn *c, const struct lat_key *k, __u32 turn)
{
	static const struct lat_value none = { .min = ~0ULL };
	struct lat_value *v;

	/* Another CPU may have been first. */
	if (turn & 1)
		bpf_map_update_elem(&lat1, k, &none, BPF_NOEXIST);
	else
		bpf_map_update_elem(&lat0, k, &none, BPF_NOEXIST);
	v = lat_get(k, turn);
	if (v) {
		v->owner_turn = c->writes_done;
		who_copy(&v->who, c);
		sock_ends(&v->ends, conn_sock(c), 1);
	}
	RETURN_NOTHING;
}

/* As conn_passes(), with the ends found out only if they are asked for. */
__attribute__((weak)) __noinline int lat_filter(__u32 num)
{
	struct conn *c = conn_at(num);
	struct ev_ends e;

	if (!c)
		return 0;
	sock_ends(&e, conn_sock(c), 1);
	return conn_passes(c, &e);
}

/*
 * One wait, from `since` to `now`, of the connection with this number, which passes the
 * filters (asked by the caller: for both there is no room on the stack of 6.1).  A global
 * function with numbers for arguments is verified once, and not on each of the ways to each
 * of its callers, of which some are loops.
 */
__attribute__((weak)) __noinline int lat_wait(__u32 num, __u32 part, __u64 now, __u64 since)
{
	/* Clocks of two CPUs may differ by some ns. */
	__u64 ns = (__s64)(now - since) > 0 ? now - since : 0;
	__u32 turn = *(volatile __u32 *)&lat_turn;
	struct conn *c = conn_at(num);
	struct lat_key k = { .part = part };
	struct lat_value *v;

	if (!c)
		return 0;
	if (cfg.outlier_ns) {
		if (ns > cfg.outlier_ns)
			lat_tell(c, part, now, ns);
		return 0;
	}
	k.conn = c->who.conn;
	k.pid = c->who.pid;
	k.bucket = lat_bucket(ns);
	v = lat_get(&k, turn);
	if (!v) {
		lat_new(c, &k, turn);
		v = lat_get(&k, turn);
	}
	if (!v) {
		count_lost(HOOK_LATENCY);
		return 0;
	}
	__sync_fetch_and_add(&v->count, 1);
	__sync_fetch_and_add(&v->sum, ns);
	if (ns < v->min)
		v->min = ns;
	if (ns > v->max)
		v->max = ns;
	return 0;
}

static __always_inline void lat_add(const struct conn *c, __u8 part, __u64 now, __u64 since)
{
	__u8 v = cfg.filter.used ? c->verdict : VERDICT_PASS;

	if (v == VERDICT_PASS || (v != VERDICT_REJECT && lat_filter(c->num)))
		lat_wait(c->num, part, now, since);
}

/* Everything before `upto` was transmitted: what of it was marked has waited so long. */
static __always_inline void sendq_done(struct conn *c, struct track *t, __u32 upto, __u64 now)
{
	struct marks_key k = { .conn = c->who.conn, .dir = DIR_OUT };
	struct marks *q;
	struct mark *m;
	__u32 i = 0, n;

	if (!t->tx.ns || !seq_before(t->tx.seq, upto))
		return;
	lat_add(c, lat_part(t, PART_SENDQ), now, t->tx.ns);
	t->tx.ns = 0;
	q = bpf_map_lookup_elem(&marks, &k);
	if (!q)
		return;
	n = q->n;
	for (i = 0; i < MARKS_OUT && i < n; i++) {
		m = mark_at(q, i);
		if (!m || !seq_before(m->seq, upto))
			break;
		lat_add(c, lat_part(t, PART_SENDQ), now, m->ns);
	}
	m = mark_at(q, i);
	if (i < MARKS_OUT && i < n && m)
		t->tx = *m;
	if (i + 1 >= n) {
		bpf_map_delete_elem(&marks, &k);
		return;
	}
	marks_shift(k.conn, i + 1);
}

/* A thread is about to make a call that may read, or has made one. */
static __always_inline void lat_on_call(void)
{
	calls[(__u32)bpf_get_current_pid_tgid() & (CALLS - 1)]++;
}

struct inet_connection_sock___ulp {
	const void *icsk_ulp_ops; /* TLS in the kernel, say, which reads by itself, in whose time ever */
} __attribute__((preserve_access_index));

/*
 * Does this thread take one piece more in the call in which it took the last
 * one?  Data is taken packet by packet.  Not if it is the kernel that reads:
 * nobody tells where a call of its begins.
 */
static __always_inline int lat_same_call(struct sock *sk, struct track *t)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), call = calls[tid & (CALLS - 1)];
	struct inet_connection_sock___ulp *icsk = (void *)sk;
	int same = t->reader == tid && t->read_call == call;

	t->reader = tid;
	t->read_call = call;
	if (!same || task_is_kernel((void *)bpf_get_current_task()))
		return 0;
	return !bpf_core_field_exists(icsk->icsk_ulp_ops) || !BPF_CORE_READ(icsk, icsk_ulp_ops);
}

/*
 * Up to MARKS_STEP marks at or before `copied`, the first unread byte, are done with, and that
 * byte came with the last of them.  0: there are no more.
 */
__attribute__((weak)) __noinline int recvq_step(__u32 num, __u32 copied)
{
	struct conn *c = conn_at(num);
	struct track *t = c ? track_of(c) : 0;
	struct marks_key k = { .dir = DIR_IN };
	struct marks *q;

	if (!t)
		return 0;
	k.conn = t->conn;
	q = bpf_map_lookup_elem(&marks, &k);
	for (__u32 i = 0; q && i < MARKS_STEP; i++) {
		__u32 head = *(volatile __u32 *)&q->head;
		struct mark *m = mark_at(q, head);

		if (!m || !q->n || seq_before(copied, m->seq))
			return 0;
		t->rx.ns = m->ns;
		t->rx.span = m->span;
		if (m->seq != copied) {
			t->rx.ns += span_half(m);
			t->rx.span = 0;
		}
		q->head = head + 1;
		q->n--;
	}
	return q != 0;
}

/*
 * The process has read up to `copied`: the wait of the byte it began with, if
 * this is the call's first piece.
 */
static __always_inline void recvq_done(struct conn *c, struct track *t, int same_call,
				       __u32 copied, __u32 rcv_nxt, __u64 now)
{
	struct marks_key k = { .conn = c->who.conn, .dir = DIR_IN };
	struct marks *q;

	if (!t->rx.ns || !seq_before(t->rx.seq, copied))
		return;
	if (!same_call)
		lat_add(c, lat_part(t, PART_RECVQ), now, t->rx.ns);
	q = bpf_map_lookup_elem(&marks, &k);
	if (copied == rcv_nxt) {
		t->rx.ns = 0;
		if (q)
			bpf_map_delete_elem(&marks, &k);
		return;
	}
	/* Now another byte is the first unread one. */
	t->rx.seq = copied;
	t->rx.ns += span_half(&t->rx);
	t->rx.span = 0;
	for (__u32 i = 0; q && i < MARKS; i += MARKS_STEP)
		if (!recvq_step(c->num, copied))
			break;
}

/* In-order data is about to be queued (tcp_rcv_established() and the like). */
static __always_inline void lat_on_arrival(struct sock *sk, struct conn *c, struct track *t,
					   __u32 rcv_nxt, __u32 copied, __u64 now)
{
	if (rcv_nxt == copied && t->rx.ns) {
		struct marks_key k = { .conn = c->who.conn, .dir = DIR_IN };

		/* What was marked never came, or went by a way without a hook. */
		t->rx.ns = 0;
		bpf_map_delete_elem(&marks, &k);
	}
	mark_arrival(c, &t->rx, rcv_nxt, now);
	if (t->bits & TRACK_SENT) {
		t->bits &= ~TRACK_SENT;
		/* Before the whole question has left there is no answer. */
		if (t->sent_ns && t->tx_nxt == RD((struct tcp_sock *)sk, write_seq))
			lat_add(c, lat_part(t, PART_PEER), now, t->sent_ns);
	}
}

/* Karn's rule: what was sent again has no round-trip time. */
static __always_inline void lat_on_ack(struct sock *sk, struct conn *c, struct track *t,
				       __u32 ack, __u64 now)
{
	if (!t->rtt.ns || seq_before(ack, t->rtt.seq))
		return;
	if (RD((struct tcp_sock *)sk, total_retrans) == t->rtt_retrans)
		lat_add(c, lat_part(t, PART_NETWORK), now, t->rtt.ns);
	t->rtt.ns = 0;
}

static __always_inline void lat_on_read(struct sock *sk, struct conn *c, struct track *t,
					__u32 copied, __u32 rcv_nxt, __u64 now)
{
	if (t->copied == copied)
		return; /* MSG_PEEK, or nothing was there */
	t->copied = copied;
	recvq_done(c, t, lat_same_call(sk, t), copied, rcv_nxt, now);
	t->read_ns = now;
}

/* Our answer to what was read. */
static __always_inline void lat_answers(struct conn *c, struct track *t, __u64 now)
{
	if (!t->read_ns)
		return;
	lat_add(c, lat_part(t, PART_OWN), now, t->read_ns);
	t->read_ns = 0;
}

/*
 * In a send call, before its data is queued.  `repeats`: the hook runs for each
 * piece of a call, whose first one counts.
 */
static __always_inline void lat_on_send(struct sock *sk, struct conn *c, struct track *t,
					int repeats, __u64 now)
{
	__u32 seq = RD((struct tcp_sock *)sk, write_seq);

	if (repeats && t->in_send)
		return;
	t->in_send = repeats;
	lat_answers(c, t, now);
	mark_send(c, &t->tx, seq, now);
}

/* Data goes to the device: `seq` to `end`. */
static __always_inline void lat_on_xmit(struct sock *sk, struct conn *c, struct track *t,
					__u32 seq, __u32 end, __u64 now)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (!seq_before(t->tx_nxt, end))
		return; /* sent before */
	t->tx_nxt = end;
	t->sent_ns = now;
	t->bits |= TRACK_SENT;
	lat_answers(c, t, now); /* where send() is not seen */
	sendq_done(c, t, end, now);
	if (!t->rtt.ns && RD(sk, __sk_common.skc_state) == ST_ESTABLISHED) {
		t->rtt.seq = end;
		t->rtt.ns = now;
		t->rtt_retrans = RD(tp, total_retrans);
	}
}

#endif
