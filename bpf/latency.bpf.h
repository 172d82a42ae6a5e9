/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where a connection waits: each wait is added to the bucket of its length, or,
 * with config.outlier_ns, told by itself if it is longer.
 *
 * Waits are between positions in the byte stream.  The oldest mark of a
 * direction lies in struct track, those behind it in the map `marks`, where
 * only connections with a backlog have an entry.
 */
#ifndef TCPLENS_LATENCY_BPF_H
#define TCPLENS_LATENCY_BPF_H

#include "track.bpf.h"

#include "bucket.h"

#define GRAN_MIN_NS 250000 /* arrivals closer than that share a mark */

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

static __always_inline void lat_tell(struct conn *c, const struct ev_ends *e, __u8 part, __u64 now,
				     __u64 ns)
{
	struct ev_latency *l = emit_reserve(HOOK_LATENCY, EV_LATENCY, sizeof(*l));

	if (!l)
		return;
	l->hdr.mono_ns = now;
	who_copy(&l->who, c);
	l->ends = *e;
	l->count = 1;
	l->sum_ns = l->min_ns = l->max_ns = ns;
	l->part = part & LAT_PART_MASK;
	l->has = LATENCY_SINGLE | part >> LAT_HAS_SHIFT;
	__builtin_memset(l->pad, 0, sizeof(l->pad));
	emit_submit(l, HOOK_LATENCY);
}

static __noinline int lat_new(struct conn *c, const struct ev_ends *e, struct lat_key *k, __u64 ns)
{
	struct lat_value v = { .count = 1, .sum = ns, .min = ns, .max = ns };

	who_copy(&v.who, c);
	v.ends = *e;
	if (lat_turn & 1)
		return bpf_map_update_elem(&lat1, k, &v, BPF_NOEXIST);
	return bpf_map_update_elem(&lat0, k, &v, BPF_NOEXIST);
}

/* One wait, from `since` to `now`. */
static __always_inline void lat_add_body(struct conn *c, const struct ev_ends *e, __u8 part, __u64 now,
			      __u64 since)
{
	/* Clocks of two CPUs may differ by some ns. */
	__u64 ns = (__s64)(now - since) > 0 ? now - since : 0;
	struct lat_key k = { .conn = c->who.conn, .part = part };
	struct lat_value *v;

	if (!conn_passes(c, e))
		return;
	if (cfg.outlier_ns) {
		if (ns > cfg.outlier_ns)
			lat_tell(c, e, part, now, ns);
		return;
	}
	k.bucket = lat_bucket(ns);
	v = lat_turn & 1 ? bpf_map_lookup_elem(&lat1, &k) : bpf_map_lookup_elem(&lat0, &k);
	if (!v) {
		/* Another CPU may have been first: that wait is lost, and counted. */
		if (lat_new(c, e, &k, ns))
			count_lost(HOOK_LATENCY);
		return;
	}
	__sync_fetch_and_add(&v->count, 1);
	__sync_fetch_and_add(&v->sum, ns);
	if (ns < v->min)
		v->min = ns;
	if (ns > v->max)
		v->max = ns;
}

static __noinline void lat_add(struct conn *c, const struct ev_ends *e, __u8 part, __u64 now,
			      __u64 since)
{
	lat_add_body(c, e, part, now, since);
	RETURN_NOTHING;
}

/* Makes room: every second mark goes, the arrivals that share one are twice as far apart. */
static __always_inline void marks_thin(struct marks *q)
{
	for (int i = 1; i < MARKS / 2; i++)
		q->m[i] = q->m[2 * i];
	q->n = MARKS / 2;
	q->gran_ns *= 2;
}

/*
 * Byte `seq` waits from `now` on.  Of arrivals (DIR_IN) close ones share a
 * mark; of a backlog of more send()s than there is room for the rest is not
 * measured.
 */
static __always_inline void mark_push_body(struct conn *c, struct mark *first, __u8 dir, __u32 seq, __u64 now)
{
	struct marks_key k = { .conn = c->who.conn, .dir = dir };
	struct marks *q;
	__u32 n;

	/* A call that queued nothing (EAGAIN) left its mark at the same byte. */
	if (!first->ns || (dir == DIR_OUT && first->seq == seq)) {
		first->seq = seq;
		first->ns = now;
		return;
	}
	if (dir == DIR_IN && now - first->ns < GRAN_MIN_NS)
		return;
	q = bpf_map_lookup_elem(&marks, &k);
	if (!q) {
		static const struct marks none = { .gran_ns = GRAN_MIN_NS };

		if (bpf_map_update_elem(&marks, &k, &none, BPF_ANY))
			count_lost(HOOK_LATENCY);
		q = bpf_map_lookup_elem(&marks, &k);
		if (!q)
			return;
	}
	n = q->n;
	if (n && dir == DIR_OUT && q->m[(n - 1) & (MARKS - 1)].seq == seq)
		n--;
	if (n >= MARKS) {
		if (dir == DIR_OUT)
			return;
		marks_thin(q);
		n = MARKS / 2;
	}
	if (n && dir == DIR_IN && now - q->m[(n - 1) & (MARKS - 1)].ns < q->gran_ns)
		return;
	q->m[n & (MARKS - 1)].seq = seq;
	q->m[n & (MARKS - 1)].ns = now;
	q->n = n + 1;
}

static __noinline void mark_push(struct conn *c, struct mark *first, __u8 dir, __u32 seq, __u64 now)
{
	mark_push_body(c, first, dir, seq, now);
	RETURN_NOTHING;
}

/* Everything before `upto` was transmitted: what of it was marked has waited so long. */
static __always_inline void sendq_done(struct conn *c, struct track *t,
				       const struct ev_ends *e, __u32 upto, __u64 now)
{
	struct marks_key k = { .conn = c->who.conn, .dir = DIR_OUT };
	struct marks *q;
	__u32 i = 0, n;

	if (!t->tx.ns || !seq_before(t->tx.seq, upto))
		return;
	lat_add(c, e, lat_part(t, PART_SENDQ), now, t->tx.ns);
	t->tx.ns = 0;
	q = bpf_map_lookup_elem(&marks, &k);
	if (!q)
		return;
	n = q->n;
	for (i = 0; i < MARKS && i < n; i++) {
		if (!seq_before(q->m[i].seq, upto))
			break;
		lat_add(c, e, lat_part(t, PART_SENDQ), now, q->m[i].ns);
	}
	if (i < MARKS && i < n)
		t->tx = q->m[i];
	if (i + 1 >= n) {
		bpf_map_delete_elem(&marks, &k);
		return;
	}
	/* What is left moves to the front. */
	for (__u32 to = 0; to < MARKS; to++) {
		__u32 from = to + i + 1;

		if (from >= MARKS || from >= n)
			break;
		q->m[to] = q->m[from & (MARKS - 1)];
	}
	q->n = n - i - 1;
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
 * The process has read up to `copied`: the wait of the byte it began with, if
 * this is the call's first piece.
 */
static __always_inline void recvq_done(struct conn *c, struct track *t, const struct ev_ends *e,
				       int same_call, __u32 copied, __u32 rcv_nxt, __u64 now)
{
	struct marks_key k = { .conn = c->who.conn, .dir = DIR_IN };
	struct marks *q;
	__u32 i, n, last = 0;

	if (!t->rx.ns || !seq_before(t->rx.seq, copied))
		return;
	if (!same_call)
		lat_add(c, e, lat_part(t, PART_RECVQ), now, t->rx.ns);
	q = bpf_map_lookup_elem(&marks, &k);
	if (copied == rcv_nxt) {
		t->rx.ns = 0;
		if (q)
			bpf_map_delete_elem(&marks, &k);
		return;
	}
	/* Now another byte is the first unread one: it came with the last mark at or before it. */
	t->rx.seq = copied;
	if (!q)
		return;
	n = q->n;
	for (i = 0; i < MARKS && i < n; i++) {
		if (seq_before(copied, q->m[i].seq))
			break;
		t->rx.ns = q->m[i].ns;
		last = i + 1;
	}
	if (!last)
		return;
	for (__u32 to = 0; to < MARKS; to++) {
		__u32 from = to + last;

		if (from >= MARKS || from >= n)
			break;
		q->m[to] = q->m[from & (MARKS - 1)];
	}
	q->n = n - last;
}

/* In-order data is about to be queued (tcp_rcv_established() and the like). */
static __always_inline void lat_on_arrival(struct sock *sk, struct conn *c, struct track *t,
					   const struct ev_ends *e, __u32 rcv_nxt, __u32 copied,
					   __u64 now)
{
	if (rcv_nxt == copied)
		t->rx.ns = 0; /* what was marked never came, or went by a way without a hook */
	mark_push(c, &t->rx, DIR_IN, rcv_nxt, now);
	if (t->bits & TRACK_SENT) {
		t->bits &= ~TRACK_SENT;
		/* Before the whole question has left there is no answer. */
		if (t->sent_ns && t->tx_nxt == RD((struct tcp_sock *)sk, write_seq))
			lat_add(c, e, lat_part(t, PART_PEER), now, t->sent_ns);
	}
}

/* Karn's rule: what was sent again has no round-trip time. */
static __always_inline void lat_on_ack(struct sock *sk, struct conn *c, struct track *t,
				       const struct ev_ends *e, __u32 ack, __u64 now)
{
	if (!t->rtt.ns || seq_before(ack, t->rtt.seq))
		return;
	if (RD((struct tcp_sock *)sk, total_retrans) == t->rtt_retrans)
		lat_add(c, e, lat_part(t, PART_NETWORK), now, t->rtt.ns);
	t->rtt.ns = 0;
}

static __always_inline void lat_on_read(struct sock *sk, struct conn *c, struct track *t,
					const struct ev_ends *e, __u32 copied, __u32 rcv_nxt, __u64 now)
{
	if (t->copied == copied)
		return; /* MSG_PEEK, or nothing was there */
	t->copied = copied;
	recvq_done(c, t, e, lat_same_call(sk, t), copied, rcv_nxt, now);
	t->read_ns = now;
}

/* Our answer to what was read. */
static __always_inline void lat_answers(struct conn *c, struct track *t, const struct ev_ends *e,
					__u64 now)
{
	if (!t->read_ns)
		return;
	lat_add(c, e, lat_part(t, PART_OWN), now, t->read_ns);
	t->read_ns = 0;
}

/*
 * In a send call, before its data is queued.  `repeats`: the hook runs for each
 * piece of a call, whose first one counts.
 */
static __always_inline void lat_on_send(struct sock *sk, struct conn *c, struct track *t,
					const struct ev_ends *e, int repeats, __u64 now)
{
	__u32 seq = RD((struct tcp_sock *)sk, write_seq);

	if (repeats && t->in_send)
		return;
	t->in_send = repeats;
	lat_answers(c, t, e, now);
	mark_push(c, &t->tx, DIR_OUT, seq, now);
}

/* Data goes to the device: `seq` to `end`. */
static __always_inline void lat_on_xmit(struct sock *sk, struct conn *c, struct track *t,
					const struct ev_ends *e, __u32 seq, __u32 end, __u64 now)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (!seq_before(t->tx_nxt, end))
		return; /* sent before */
	t->tx_nxt = end;
	t->sent_ns = now;
	t->bits |= TRACK_SENT;
	lat_answers(c, t, e, now); /* where send() is not seen */
	sendq_done(c, t, e, end, now);
	if (!t->rtt.ns && RD(sk, __sk_common.skc_state) == ST_ESTABLISHED) {
		t->rtt.seq = end;
		t->rtt.ns = now;
		t->rtt_retrans = RD(tp, total_retrans);
	}
}

#endif
