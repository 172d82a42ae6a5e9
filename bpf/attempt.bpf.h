/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * An attempt to connect: what is remembered of it, and how it is told (EV_CONNECT,
 * EV_ACCEPT).
 *
 * It lives in `attempts` from its beginning to its result only, so that a
 * long-lived connection costs nothing.
 */
#ifndef TCPLENS_ATTEMPT_BPF_H
#define TCPLENS_ATTEMPT_BPF_H

#include "conn.bpf.h"

#define E_PERM 1
#define E_INTR 4
#define E_ACCES 13
#define E_INVAL 22
#define E_PIPE 32
#define E_ADDRINUSE 98
#define E_ADDRNOTAVAIL 99
#define E_NETDOWN 100
#define E_NETUNREACH 101
#define E_CONNABORTED 103
#define E_CONNRESET 104
#define E_ISCONN 106
#define E_TIMEDOUT 110
#define E_CONNREFUSED 111
#define E_HOSTDOWN 112
#define E_HOSTUNREACH 113
#define E_ALREADY 114
#define E_INPROGRESS 115

#define SHUTDOWN_MASK 3

/* attempt.bits */
#define ATTEMPT_IN 0x01	       /* the peer connects */
#define ATTEMPT_BLOCKED 0x02   /* a SYN was dropped by this machine's firewall: blocked_at */
#define ATTEMPT_UNDECIDED 0x04 /* closed without an error: connect() will tell why */
#define ATTEMPT_TOLD 0x08      /* told: connect() may still return the errno, accept() the socket */
#define ATTEMPT_TFO 0x10
#define ATTEMPT_LISTENER 0x20 /* lpid, lcomm */
#define ATTEMPT_MOST 0x40     /* accepted before now, unseen */
#define ATTEMPT_RETRANS 0x80  /* retrans */
#define ATTEMPT_OLD 0x100     /* was under way, or waited to be accepted, when tracing began */

struct attempt {
	__u64 begin_ns; /* connect() was called, or the first SYN-ACK left; 0: unknown */
	__u64 est_ns;	/* 0: not established */
	struct ev_ends ends; /* while they were there: established, incoming, or undecided; ip 0: not kept */
	__u32 err;	/* errno that it ended with */
	__u32 retrans;
	__u32 lpid;
	char lcomm[16];
	union {
		struct {
			__u16 bits;  /* ATTEMPT_* */
			__u8 result; /* enum ev_result, when it is told */
			__u8 blocked_at; /* with ATTEMPT_BLOCKED: which SYN, by total_retrans */
		};
		__u32 word; /* all three: attempt_claim() */
	};
};

struct attempts_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64); /* struct sock * */
	__type(value, struct attempt);
};
struct attempts_map attempts SEC(".maps");

/*
 * An incoming one is told once, by accept()'s return or by the first change of state behind it,
 * which a segment makes on another CPU at the same time.
 */
static __always_inline int attempt_claim(struct attempt *a)
{
	__u32 was;

	/* In one step: another bit may change meanwhile, and that is no claim.  (Little-endian: `bits` is the lower half.) */
	if (cfg.atomics)
		return !(__sync_fetch_and_or(&a->word, ATTEMPT_TOLD) & ATTEMPT_TOLD);
	was = *(volatile __u32 *)&a->word;
	a->word = was | ATTEMPT_TOLD;
	return !(was & ATTEMPT_TOLD);
}

static __always_inline struct attempt *attempt_get(struct sock *sk)
{
	__u64 k = (__u64)sk;

	return bpf_map_lookup_elem(&attempts, &k);
}

static __always_inline void attempt_del(struct sock *sk)
{
	__u64 k = (__u64)sk;

	bpf_map_delete_elem(&attempts, &k);
}

static __always_inline __u8 result_of(__u32 err)
{
	switch (err) {
	case 0:
		return RESULT_ABORTED;
	case E_CONNREFUSED:
		return RESULT_REFUSED;
	case E_TIMEDOUT:
		return RESULT_TIMEOUT;
	case E_HOSTUNREACH:
	case E_NETUNREACH:
	case E_HOSTDOWN:
	case E_NETDOWN:
	case E_INVAL: /* a route that is a blackhole (fib_props[]); a link-local address without a device */
		return RESULT_UNREACHABLE;
	case E_CONNRESET:
	case E_PIPE: /* tcp_reset() of a peer that had sent its FIN */
		return RESULT_RESET;
	case E_PERM:
	case E_ACCES:
		return RESULT_BLOCKED;
	case E_ADDRNOTAVAIL:
	case E_ADDRINUSE:
		return RESULT_NO_PORT;
	default:
		return RESULT_ERROR;
	}
}

/*
 * What failed with `err`.  An earlier SYN than the last may have been dropped
 * and this one have got through: then it is what the network made of it.
 */
static __always_inline __u8 attempt_result(struct sock *sk, const struct attempt *a, __u32 err)
{
	if (err && a->bits & ATTEMPT_BLOCKED &&
	    a->blocked_at == (__u8)RD((struct tcp_sock *)sk, total_retrans))
		return RESULT_BLOCKED;
	return result_of(err);
}

static __always_inline __u64 span(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

/* Tells an attempt; `c` is its connection, or stands for one that there never was. */
static __noinline int attempt_tell(struct attempt *a, struct conn *c, struct ev_ends *e)
{
	__u64 now = bpf_ktime_get_ns();
	int in = !!(a->bits & ATTEMPT_IN);
	struct ev_attempt *r;

	if (!dirs_match((const struct filter *)&cfg.filter, in ? DIR_IN : DIR_OUT) ||
	    !conn_passes(c, e))
		return 0;
	r = emit_reserve(HOOK_ATTEMPT, EV_CONNECT, sizeof(*r));
	if (!r)
		return 0;
	if (in)
		r->hdr.type = EV_ACCEPT;
	r->hdr.mono_ns = now;
	who_copy(&r->who, c);
	r->ends = *e;
	r->has = 0;
	r->latency_ns = r->syn_ns = r->queue_ns = 0;
	if (a->begin_ns) {
		r->has |= ATT_HAS_LATENCY;
		/* An outgoing one is decided when it is established. */
		r->latency_ns = span(a->begin_ns, !in && a->est_ns ? a->est_ns : now);
	}
	if (a->begin_ns && a->est_ns) {
		r->has |= ATT_HAS_SYN;
		r->syn_ns = span(a->begin_ns, a->est_ns);
	}
	if (in && a->est_ns) {
		r->has |= ATT_HAS_QUEUE;
		r->queue_ns = span(a->est_ns, now);
		if (a->bits & ATTEMPT_MOST)
			r->has |= ATT_QUEUE_MOST;
	}
	if (a->bits & ATTEMPT_TFO)
		r->has |= ATT_FASTOPEN;
	if (a->bits & ATTEMPT_LISTENER)
		r->has |= ATT_HAS_LISTENER;
	r->lpid = a->lpid;
	__builtin_memcpy(r->lcomm, a->lcomm, sizeof(r->lcomm));
	r->err = a->err;
	r->retrans = a->retrans;
	if (a->bits & ATTEMPT_RETRANS)
		r->has |= ATT_HAS_RETRANS;
	r->result = a->result;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	emit_submit(r);
	return 0;
}

/* Of a socket that is still known. */
static __always_inline void attempt_end(struct sock *sk, struct attempt *a, __u8 result)
{
	struct ev_ends e;
	struct conn *c;

	/* tcp_disconnect() has taken the peer's port away. */
	if (a->ends.ip)
		e = a->ends;
	else
		sock_ends(&e, sk, 1);
	c = conn_get_or_add(sk);
	a->result = result;
	/* SYNs; of a passive one what its request counted (tcp_create_openreq_child()). */
	if ((a->begin_ns || (a->bits & (ATTEMPT_IN | ATTEMPT_OLD)) == ATTEMPT_OLD) &&
	    !(a->bits & ATTEMPT_RETRANS)) {
		a->retrans = RD((struct tcp_sock *)sk, total_retrans);
		a->bits |= ATTEMPT_RETRANS;
	}
	if (c)
		attempt_tell(a, c, &e);
}

static __always_inline void attempt_begin(struct sock *sk, __u64 now, __u16 bits)
{
	struct attempt a = {}, *old = attempt_get(sk);
	__u64 k = (__u64)sk;

	a.begin_ns = now;
	a.bits = bits;
	/* connect() failed, and the socket is used again before anything else told why. */
	if (old && (old->bits & ATTEMPT_UNDECIDED))
		attempt_end(sk, old, RESULT_ABORTED);
	if (bpf_map_update_elem(&attempts, &k, &a, BPF_ANY))
		count_lost(HOOK_ATTEMPT);
}

static __always_inline void attempt_listener(struct attempt *a, const struct ev_who *w)
{
	if (!w->pid)
		return;
	a->lpid = w->pid;
	__builtin_memcpy(a->lcomm, w->comm, sizeof(a->lcomm));
	a->bits |= ATTEMPT_LISTENER;
}

static __always_inline int state_is_undecided(__u8 state)
{
	return state == ST_SYN_SENT || state == ST_SYN_RECV || state == ST_CLOSE;
}

/*
 * An outgoing one was established, and no program has seen it (tests/live/src/hidden.c).
 * When is not known, and what the socket counts is no longer of SYNs only.
 */
static __always_inline void attempt_late(struct sock *sk, struct attempt *a)
{
	a->begin_ns = 0;
	a->bits &= ~ATTEMPT_OLD;
	attempt_end(sk, a, RESULT_OK);
	attempt_del(sk);
}

#endif
