/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Positions in the byte stream, and when they were reached: by what arrived and
 * waits to be read, by what was queued and waits to be sent.  The oldest mark of
 * a direction lies in struct track, those behind it in the map `marks`, where
 * only connections with a backlog have an entry.
 */
#ifndef TCPLENS_MARKS_BPF_H
#define TCPLENS_MARKS_BPF_H

#include "track.bpf.h"

#define MARK_NEAR_NS 1000000 /* arrivals closer than that share a mark */

/*
 * A mark by its place; NULL: there is none.  The place is opaque to clang and has
 * 64 bits: else clang counts addresses, makes them before the check, or checks 32 bits,
 * which 5.10 forgets.
 */
static __always_inline struct mark *mark_at(struct marks *q, __u64 i)
{
	barrier_var(i);
	if (i >= MARKS)
		return 0;
	barrier_var(i);
	return &q->m[i];
}

/* What came after the mark's first byte is taken to have come in the middle of its span. */
static __always_inline __u64 span_half(const struct mark *m)
{
	return (__u64)m->span << SPAN_SHIFT >> 1;
}

/* Close behind the mark: of the same one. */
static __always_inline int mark_near(struct mark *m, __u64 now)
{
	if (now - m->ns > MARK_NEAR_NS)
		return 0;
	m->span = (now - m->ns) >> SPAN_SHIFT;
	return 1;
}

/*
 * Loops over many marks are made of steps: the verifier follows a loop round by round, but a
 * global function once, however often it is called.
 */
#define MARKS_STEP 16

/*
 * Of marks_compact(): the marks from the place `from` behind the oldest one on.
 *
 * `to` lies in memory, where the verifier does not follow it: a variable would
 * have another value on each of the loop's paths.
 */
__attribute__((weak)) __noinline int marks_merge(__u64 conn, __u64 now, __u32 from)
{
	struct marks_key k = { .conn = conn, .dir = DIR_IN };
	struct marks *q = bpf_map_lookup_elem(&marks, &k);
	__u32 head, n;

	if (!q)
		return 0;
	head = q->head;
	n = q->n;
	for (__u32 i = 0; i < MARKS_STEP && from + i < n; i++) {
		__u32 to = *(volatile __u32 *)&q->to;
		struct mark *a = mark_at(q, to), *b = mark_at(q, head + from + i);
		struct mark *next = mark_at(q, to + 1);
		__u64 end, whole, most;

		if (!a || !b || !next)
			break;
		end = b->ns + ((__u64)b->span << SPAN_SHIFT);
		whole = end - a->ns;
		most = (now - end) / 11;
		if (most < 2 * MARK_NEAR_NS)
			most = 2 * MARK_NEAR_NS;
		if (whole <= most << (q->loose & 15)) {
			a->span = whole >> SPAN_SHIFT;
		} else {
			*next = *b;
			q->to = to + 1;
		}
	}
	return 0;
}

/*
 * Makes room: neighbours become one whose span is less than a tenth of how long
 * they have waited by now, so that no byte's wait is off by more than 5 %, or 1 ms.
 * With MARKS marks that holds for backlogs of an hour; where it does not make
 * room, the spans may double.
 */
__attribute__((weak)) __noinline int marks_compact(__u64 conn, __u64 now)
{
	struct marks_key k = { .conn = conn, .dir = DIR_IN };
	struct marks *q = bpf_map_lookup_elem(&marks, &k);
	struct mark *a;
	__u32 n;

	if (!q)
		return 0;
	n = q->n;
	a = mark_at(q, q->head);
	if (!a || !n)
		return 0;
	q->m[0] = *a;
	q->to = 0;
	for (__u32 from = 1; from < MARKS && from < n; from += MARKS_STEP)
		marks_merge(conn, now, from);
	q->head = 0;
	q->n = q->to + 1;
	if (q->n > MARKS - MARKS / 8 && q->loose < 15)
		q->loose++;
	return 0;
}

/* The first `gone` send()s have left: what is left moves to the front. */
__attribute__((weak)) __noinline int marks_shift(__u64 conn, __u32 gone)
{
	struct marks_key k = { .conn = conn, .dir = DIR_OUT };
	struct marks *q = bpf_map_lookup_elem(&marks, &k);
	__u32 n;

	if (!q)
		return 0;
	n = q->n;
	for (__u32 to = 0; to < MARKS_OUT; to++) {
		__u32 from = to + gone;
		struct mark *left = mark_at(q, from);

		if (from >= MARKS_OUT || from >= n || !left)
			break;
		q->m[to] = *left;
	}
	q->n = n > gone ? n - gone : 0;
	return 0;
}

static __always_inline struct marks *marks_get(const struct marks_key *k)
{
	static const struct marks none = {};
	struct marks *q = bpf_map_lookup_elem(&marks, k);

	if (q)
		return q;
	if (bpf_map_update_elem(&marks, k, &none, BPF_ANY))
		count_lost(HOOK_LATENCY);
	return bpf_map_lookup_elem(&marks, k);
}

/* Byte `seq` has arrived, and waits to be read. */
static __always_inline void mark_arrival_body(struct conn *c, struct mark *first, __u32 seq, __u64 now)
{
	struct marks_key k = { .conn = c->who.conn, .dir = DIR_IN };
	struct marks *q;
	struct mark *m;

	if (!first->ns) {
		first->seq = seq;
		first->ns = now;
		first->span = 0;
		return;
	}
	if (mark_near(first, now))
		return;
	q = marks_get(&k);
	if (!q)
		return;
	m = mark_at(q, q->head + q->n - 1);
	if (q->n && m && mark_near(m, now))
		return;
	if (q->head + q->n >= MARKS)
		marks_compact(k.conn, now);
	m = mark_at(q, q->head + q->n);
	if (!m)
		return;
	m->seq = seq;
	m->ns = now;
	m->span = 0;
	q->n++;
}

static __noinline void mark_arrival(struct conn *c, struct mark *first, __u32 seq, __u64 now)
{
	mark_arrival_body(c, first, seq, now);
	RETURN_NOTHING;
}

/*
 * Byte `seq` has been queued, and waits to be sent.  Of more calls than there is
 * room for the rest is not measured.
 */
static __always_inline void mark_send_body(struct conn *c, struct mark *first, __u32 seq, __u64 now)
{
	struct marks_key k = { .conn = c->who.conn, .dir = DIR_OUT };
	struct marks *q;
	struct mark *m;
	__u32 n;

	/* A call that queued nothing (EAGAIN) left its mark at the same byte. */
	if (!first->ns || first->seq == seq) {
		first->seq = seq;
		first->ns = now;
		return;
	}
	q = marks_get(&k);
	if (!q)
		return;
	n = q->n;
	m = mark_at(q, n - 1);
	if (!n || !m || m->seq != seq) {
		if (n >= MARKS_OUT)
			return;
		m = mark_at(q, n);
		q->n = n + 1;
	}
	if (!m)
		return;
	m->seq = seq;
	m->ns = now;
}

static __noinline void mark_send(struct conn *c, struct mark *first, __u32 seq, __u64 now)
{
	mark_send_body(c, first, seq, now);
	RETURN_NOTHING;
}

#endif
