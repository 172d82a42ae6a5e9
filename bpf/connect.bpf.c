// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Attempts to connect, out and in: begun, decided, ended.
 *
 * These programs stand before state.bpf.c's on the same tracepoints
 * (tracer/hooks.c): at the final ACK the request's ghost is still there then,
 * and at the socket's end its connection.
 */
#include "attempt_accept.bpf.h"
#include "attempt_call.bpf.h"
#include "attempt_syn.bpf.h"
#include "ghost.bpf.h"

/* The new socket of a request: since when, and whose. */
static __always_inline void attempt_adopt(struct sock *sk, struct attempt *a)
{
	struct conn *g, *c = conn_get(sk);
	struct ev_ends e;
	struct tuple t;

	sock_ends(&e, sk, 1);
	tuple_of(&t, &e, sock_netns(sk));
	request_key(&t);
	g = bpf_map_lookup_elem(&ghosts, &t);
	if (g && g->state == ST_NEW_SYN_RECV) {
		a->begin_ns = g->since_ns;
		attempt_listener(a, &g->who);
	} else if (c && c->who.how == HOW_LISTENER) {
		struct track *track = TRACK_WANTED ? track_of(c) : 0;

		attempt_listener(a, &c->who);
		/* Adopted already, by the segment that brought the last ACK (adopt_early()). */
		if (track && c->adopted)
			a->begin_ns = track->begin_ns;
	}
}

static __always_inline void attempt_established(struct sock *sk, struct attempt *a, __u64 now)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (a->est_ns)
		return;
	if (a->bits & ATTEMPT_IN && !a->begin_ns)
		attempt_adopt(sk, a);
	a->est_ns = now;
	a->retrans = RD(tp, total_retrans);
	a->bits |= ATTEMPT_RETRANS;
	if (a->bits & ATTEMPT_IN) {
		sock_ends(&a->ends, sk, 1);
		return;
	}
	if (RD_BITS(tp, syn_data))
		a->bits |= ATTEMPT_TFO;
	attempt_end(sk, a, RESULT_OK);
	attempt_del(sk);
}

/* An outgoing one comes to its end without an answer. */
static __always_inline void attempt_failed(struct sock *sk, struct attempt *a)
{
	a->err = RD(sk, sk_err);
	/*
	 * tcp_v4_connect() fails with an errno that only its caller gets, or the
	 * process gives up: close() has shut the socket down by now
	 * (__tcp_close()), connect(AF_UNSPEC) has not (tcp_disconnect()).
	 */
	if (!a->err && RD(sk, sk_shutdown) != SHUTDOWN_MASK) {
		a->bits |= ATTEMPT_UNDECIDED;
		/* The peer's port is there for the last time: both set inet_dport to 0 next. */
		sock_ends(&a->ends, sk, 1);
		return;
	}
	attempt_end(sk, a, attempt_result(sk, a, a->err));
	a->bits |= ATTEMPT_TOLD;
}

/*
 * accept() has made it somebody's, unseen: its file is there.  Or it is about to return, and is
 * to find that it has been told.
 */
static __always_inline void attempt_used(struct sock *sk, struct attempt *a)
{
	struct conn *c;

	if (!RD(sk, sk_socket) || !attempt_claim(a))
		return;
	a->bits |= ATTEMPT_MOST;
	c = conn_get(sk);
	if (c)
		conn_find_accept(c);
	attempt_end(sk, a, a->err ? RESULT_RESET : RESULT_OK);
}

static __always_inline int on_attempt_state(struct sock *sk, __u8 old, __u8 new)
{
	__u64 now = bpf_ktime_get_ns();
	struct attempt *a;

	if (!sock_is_tcp(sk))
		return 0;
	if (new == ST_LISTEN) {
		lsock_add(sk);
		return 0;
	}
	if (old == ST_LISTEN && new == ST_CLOSE) {
		lsock_del(sk);
		return 0;
	}
	if (new == ST_SYN_SENT) {
		attempt_begin(sk, now, 0);
		return 0;
	}
	if (new == ST_SYN_RECV && old == ST_LISTEN) {
		attempt_begin(sk, 0, ATTEMPT_IN);
		return 0;
	}
	a = attempt_get(sk);
	if (!a)
		return 0;
	if (new == ST_ESTABLISHED) {
		attempt_established(sk, a, now);
	} else if (!(a->bits & ATTEMPT_IN)) {
		if (!state_is_undecided(old))
			attempt_late(sk, a);
		else if (new == ST_CLOSE)
			attempt_failed(sk, a);
	} else {
		if (new == ST_CLOSE)
			a->err = RD(sk, sk_err);
		attempt_used(sk, a);
	}
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int TP_PROG(attempt_state, struct sock *sk, int old, int new)
{
	twin_done(TWIN_ATTEMPT_STATE, sk);
	on_attempt_state(sk, old, new);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(attempt_state_nested, struct sock *sk, int old, int new)
{
	if (!twin_wanted(TWIN_ATTEMPT_STATE, sk, HOOK_ATTEMPT))
		return 0;
	return on_attempt_state(sk, old, new);
}

/* Never accepted, or never heard of again. */
SEC("?tp_btf/tcp_destroy_sock")
int TP_PROG(attempt_gone, struct sock *sk)
{
	struct attempt *a = attempt_get(sk);

	if (!a)
		return 0;
	if (a->bits & ATTEMPT_IN) {
		/* Not established: its twin was (inet_csk_complete_hashdance()). */
		if ((a->est_ns || (a->bits & ATTEMPT_OLD)) && attempt_claim(a))
			attempt_end(sk, a, a->err ? RESULT_RESET : RESULT_UNACCEPTED);
	} else if (a->bits & ATTEMPT_UNDECIDED) {
		attempt_end(sk, a, RESULT_ERROR);
	}
	attempt_del(sk);
	return 0;
}

/*
 * What was there before: listeners, and attempts that are not decided yet; of
 * those that wait to be accepted there is no file (run by user space, with the
 * other iterators).
 */
SEC("?iter/tcp")
int attempt_seed(struct bpf_iter__tcp *ctx)
{
	struct sock *sk = (struct sock *)ctx->sk_common;
	struct attempt a = { .bits = ATTEMPT_OLD };
	__u64 v = (__u64)sk;
	__u8 state;

	if (!sk)
		return 0;
	state = RD(sk, __sk_common.skc_state);
	if (state == ST_LISTEN) {
		lsock_add(sk);
		return 0;
	}
	if ((state == ST_ESTABLISHED || state == ST_CLOSE_WAIT) && !RD(sk, sk_socket))
		a.bits |= ATTEMPT_IN;
	else if (state != ST_SYN_SENT)
		return 0;
	if (bpf_map_update_elem(&attempts, &v, &a, BPF_NOEXIST) && !attempt_get(sk))
		count_lost(HOOK_ATTEMPT);
	return 0;
}

/* At the end of tracing: what has no answer yet, or is not accepted yet. */
SEC("?iter/tcp")
int attempt_open(struct bpf_iter__tcp *ctx)
{
	struct sock *sk = (struct sock *)ctx->sk_common;
	struct attempt *a;

	if (!sk || !state_is_full(RD(sk, __sk_common.skc_state)))
		return 0;
	a = attempt_get(sk);
	if (!a)
		return 0;
	if (a->bits & ATTEMPT_IN) {
		if (RD(sk, sk_socket)) {
			attempt_used(sk, a);
			return 0;
		}
		if (a->bits & ATTEMPT_TOLD)
			return 0;
		if (!a->est_ns && !(a->bits & ATTEMPT_OLD))
			return 0;
	} else if (a->bits & (ATTEMPT_UNDECIDED | ATTEMPT_TOLD)) {
		return 0;
	} else if (!state_is_undecided(RD(sk, __sk_common.skc_state))) {
		attempt_late(sk, a);
		return 0;
	}
	attempt_end(sk, a, RESULT_PENDING);
	attempt_del(sk);
	return 0;
}
