// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Attempts to connect, out and in: begun, decided, told (EV_CONNECT, EV_ACCEPT).
 *
 * What is remembered of one lives in `attempts` from its beginning to its
 * result only, so that a long-lived connection costs nothing.  These programs
 * stand before state.bpf.c's on the same tracepoints (tracer/hooks.c): at the
 * final ACK the request's ghost is still there then, and at the socket's end
 * its connection.
 */
#include "fd.bpf.h"
#include "ghost.bpf.h"
#include "nested.bpf.h"
#include "packet.bpf.h"

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
#define ATTEMPT_TOLD 0x08      /* failed, and told: connect() may still return the errno */
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
	__u16 bits;  /* ATTEMPT_* */
	__u8 result; /* enum ev_result, when it is told */
	__u8 blocked_at; /* with ATTEMPT_BLOCKED: which SYN, by total_retrans */
};

struct attempts_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64); /* struct sock * */
	__type(value, struct attempt);
};
struct attempts_map attempts SEC(".maps");

/* Where is listened, by which socket. */
struct lsock_key {
	__u32 netns;
	__u32 port;
};

struct lsocks_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct lsock_key);
	__type(value, __u64);
};
struct lsocks_map lsocks SEC(".maps");

/* Attempts that a full queue refused: the peer's sequence number, so that its repetitions are one line. */
struct refused_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tuple);
	__type(value, __u32);
};
struct refused_map refused SEC(".maps");

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
	emit_submit(r, HOOK_ATTEMPT);
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
	c = conn_get_or_add(sk, &e);
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

/* The new socket of a request: since when, and whose. */
static __always_inline void attempt_adopt(struct sock *sk, struct attempt *a)
{
	struct conn *g, *c = conn_get(sk);
	struct ev_ends e;
	struct tuple t;

	sock_ends(&e, sk, 1);
	tuple_of(&t, &e, sock_netns(sk));
	g = bpf_map_lookup_elem(&ghosts, &t);
	if (g && g->state == ST_NEW_SYN_RECV) {
		a->begin_ns = g->since_ns;
		attempt_listener(a, &g->who);
	} else if (c && c->who.how == HOW_LISTENER) {
		attempt_listener(a, &c->who);
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

/* accept() has made it somebody's, unseen: its file is there. */
static __always_inline void attempt_used(struct sock *sk, struct attempt *a)
{
	if (!RD(sk, sk_socket))
		return;
	a->bits |= ATTEMPT_MOST;
	attempt_end(sk, a, a->err ? RESULT_RESET : RESULT_OK);
	attempt_del(sk);
}

static __always_inline int on_attempt_state(struct sock *sk, __u8 old, __u8 new)
{
	__u64 now = bpf_ktime_get_ns();
	struct attempt *a;

	if (!sock_is_tcp(sk))
		return 0;
	if (new == ST_LISTEN) {
		struct lsock_key k = { sock_netns(sk), bpf_ntohs(RD((struct inet_sock *)sk, inet_sport)) };
		__u64 v = (__u64)sk;

		bpf_map_update_elem(&lsocks, &k, &v, BPF_ANY);
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
int BPF_PROG(attempt_state, struct sock *sk, int old, int new)
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
int BPF_PROG(attempt_gone, struct sock *sk)
{
	struct attempt *a = attempt_get(sk);

	if (!a)
		return 0;
	if (a->bits & ATTEMPT_IN) {
		/* Not established: its twin was (inet_csk_complete_hashdance()). */
		if (a->est_ns || (a->bits & ATTEMPT_OLD))
			attempt_end(sk, a, a->err ? RESULT_RESET : RESULT_UNACCEPTED);
	} else if (a->bits & ATTEMPT_UNDECIDED) {
		attempt_end(sk, a, RESULT_ERROR);
	}
	attempt_del(sk);
	return 0;
}

static __always_inline int attempt_accepted(struct sock *sk)
{
	struct attempt none = { .bits = ATTEMPT_IN }, *a;
	struct ev_ends e;
	struct conn *c;

	if (!sk || !sock_is_tcp(sk))
		return 0;
	sock_ends(&e, sk, 1);
	c = conn_get_or_add(sk, &e);
	if (c && c->who.how != HOW_KERNEL && c->who.how != HOW_ACCEPT &&
	    !task_is_kernel((void *)bpf_get_current_task()))
		conn_own(c->num, HOW_ACCEPT);
	a = attempt_get(sk);
	if (!a) {
		/* It waited before tracing began. */
		a = &none;
		attempt_end(sk, a, RESULT_OK);
		return 0;
	}
	if (!a->est_ns && !(a->bits & ATTEMPT_OLD)) /* Fast Open: accepted before the final ACK */
		a->bits |= ATTEMPT_TFO;
	attempt_end(sk, a, a->err ? RESULT_RESET : RESULT_OK);
	attempt_del(sk);
	return 0;
}

static __always_inline int attempt_accepted_first(struct sock *ret)
{
	twin_done(TWIN_ATTEMPT_ACCEPT, (void *)bpf_get_current_task());
	attempt_accepted(ret);
	return 0;
}

static __always_inline int attempt_accepted_nested(struct sock *ret)
{
	if (!twin_wanted(TWIN_ATTEMPT_ACCEPT, (void *)bpf_get_current_task(), HOOK_ATTEMPT))
		return 0;
	return attempt_accepted(ret);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(attempt_accept4, struct sock *sk, int flags, int *err, bool kern, struct sock *ret)
{
	return attempt_accepted_first(ret);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(attempt_accept4_nested, struct sock *sk, int flags, int *err, bool kern,
	     struct sock *ret)
{
	return attempt_accepted_nested(ret);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(attempt_accept2, struct sock *sk, void *arg, struct sock *ret)
{
	return attempt_accepted_first(ret);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(attempt_accept2_nested, struct sock *sk, void *arg, struct sock *ret)
{
	return attempt_accepted_nested(ret);
}

SEC("?kretprobe/inet_csk_accept")
int BPF_KRETPROBE(attempt_accept_ret, struct sock *ret)
{
	return attempt_accepted(ret);
}

/* Where connect() was to go, from its argument. */
static __always_inline int ends_wanted(struct ev_ends *e, struct sock *sk, void *uaddr, __u32 len)
{
	__u8 sa[28] = {};

	sock_ends(e, sk, 1);
	if (bpf_probe_read_user(sa, sizeof(sa), uaddr) && bpf_probe_read_user(sa, 16, uaddr))
		return 0;
	e->rport = sa[2] << 8 | sa[3];
	if (len < (*(__u16 *)sa == AF_INET6 ? 24 : 16)) /* EINVAL: no address (SIN6_LEN_RFC2133) */
		return 0;
	if (*(__u16 *)sa == AF_INET) {
		addr_from_v4(e->raddr, *(__be32 *)(sa + 4));
		e->ip = 4;
		if (!addr_is_v4(e->laddr))
			addr_from_v4(e->laddr, 0);
	} else if (*(__u16 *)sa == AF_INET6) {
		__builtin_memcpy(e->raddr, sa + 8, 16);
		e->ip = addr_is_v4(e->raddr) ? 4 : 6;
	} else {
		return 0; /* AF_UNSPEC */
	}
	return 1;
}

/* connect() failed before TCP did anything: no route, or policy does not let it. */
static __always_inline void attempt_stillborn(struct sock *sk, __u32 err, void *uaddr, __u32 len)
{
	struct attempt a = { .err = err };
	struct conn *c = conn_get(sk), none = {};
	struct ev_ends e;

	if (!ends_wanted(&e, sk, uaddr, len))
		return;
	if (!c) {
		struct task_struct *t = (void *)bpf_get_current_task();

		if (task_is_kernel(t))
			return;
		none.who.netns = sock_netns(sk);
		none.who.how = HOW_CONNECT;
		who_from_task(&none.who, t, &none.known);
		c = &none;
	}
	a.result = result_of(err);
	attempt_tell(&a, c, &e);
}

/*
 * connect() says how it ended, and no program has seen that.  By now
 * tcp_disconnect() has forgotten where it went, and what it sent.
 */
static __always_inline void attempt_unseen(struct sock *sk, struct attempt *a, __u32 err,
					   void *uaddr, __u32 len)
{
	struct ev_ends e;
	struct conn *c;

	if (!ends_wanted(&e, sk, uaddr, len))
		return;
	c = conn_get_or_add(sk, &e);
	if (!c)
		return;
	a->err = err;
	a->result = a->bits & ATTEMPT_BLOCKED ? RESULT_BLOCKED : result_of(err);
	attempt_tell(a, c, &e);
}

/* What connect() returns besides the errno of an attempt. */
static __always_inline int is_no_attempt(__u32 err)
{
	return err == E_INPROGRESS || err == E_ALREADY || err == E_ISCONN || err == E_INTR ||
	       (err >= 512 && err <= 516); /* ERESTARTSYS … */
}

static __always_inline int on_connect_exit(__u32 fd, void *uaddr, __u32 len, long ret)
{
	struct sock *sk = sock_of_fd(fd);
	__u32 err = ret < 0 ? -ret : 0;
	struct attempt *a;

	if (!sk)
		return 0;
	a = attempt_get(sk);
	if (a && (a->bits & ATTEMPT_UNDECIDED)) {
		/* 0: it was connect(AF_UNSPEC). */
		a->err = err;
		attempt_end(sk, a, attempt_result(sk, a, err));
		attempt_del(sk);
		return 0;
	}
	if (!err) {
		if (a && !(a->bits & ATTEMPT_IN) && !state_is_undecided(RD(sk, __sk_common.skc_state)))
			attempt_late(sk, a);
		return 0;
	}
	if (is_no_attempt(err))
		return 0;
	if (!a) {
		if (RD(sk, __sk_common.skc_state) == ST_CLOSE)
			attempt_stillborn(sk, err, uaddr, len);
		return 0;
	}
	if (!(a->bits & ATTEMPT_TOLD)) {
		if (a->bits & ATTEMPT_IN || RD(sk, __sk_common.skc_state) != ST_CLOSE)
			return 0;
		attempt_unseen(sk, a, err, uaddr, len);
	}
	attempt_del(sk);
	return 0;
}

static __always_inline int on_syscall_exit(struct pt_regs *regs, long ret)
{
	long nr = SYSCALL_NR(regs);

	if (nr == NR_CONNECT) {
		if (ret > 0 || !IS_NATIVE(regs))
			return 0;
		return on_connect_exit(SYSCALL_ARG1(regs), (void *)SYSCALL_ARG2(regs),
				       SYSCALL_ARG3(regs), ret);
	}
	if (!cfg.accept_by_exit || ret < 0 || !is_accept(regs, nr))
		return 0;
	return attempt_accepted(sock_of_fd(ret));
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(attempt_syscall, struct pt_regs *regs, long ret)
{
	twin_done(TWIN_ATTEMPT_SYSCALL, (void *)bpf_get_current_task());
	on_syscall_exit(regs, ret);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(attempt_syscall_nested, struct pt_regs *regs, long ret)
{
	if (!twin_wanted(TWIN_ATTEMPT_SYSCALL, (void *)bpf_get_current_task(), HOOK_ATTEMPT))
		return 0;
	return on_syscall_exit(regs, ret);
}

/* A SYN that did not leave, dropped with its socket known. */
static __always_inline int on_attempt_dropped(struct sk_buff *skb, int reason)
{
	struct attempt *a;
	struct sock *sk;

	if (reason != (int)bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP) &&
	    (!bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_BPF_CGROUP_EGRESS) ||
	     reason != (int)bpf_core_enum_value(enum skb_drop_reason,
						SKB_DROP_REASON_BPF_CGROUP_EGRESS)))
		return 0;
	sk = BPF_CORE_READ(skb, sk);
	if (!sk)
		return 0;
	a = attempt_get(sk);
	if (a && !(a->bits & ATTEMPT_IN)) {
		a->bits |= ATTEMPT_BLOCKED;
		/* Counted before it is sent (__tcp_retransmit_skb()). */
		a->blocked_at = (__u8)RD((struct tcp_sock *)sk, total_retrans);
	}
	return 0;
}

SEC("?tp_btf/kfree_skb")
int BPF_PROG(attempt_dropped, struct sk_buff *skb, void *location, int reason)
{
	twin_done(TWIN_ATTEMPT_DROPPED, skb);
	on_attempt_dropped(skb, reason);
	return 0;
}

SEC("?tp_btf/kfree_skb")
int BPF_PROG(attempt_dropped_nested, struct sk_buff *skb, void *location, int reason)
{
	if (!twin_wanted(TWIN_ATTEMPT_DROPPED, skb, HOOK_ATTEMPT))
		return 0;
	return on_attempt_dropped(skb, reason);
}

static __always_inline void overflow_tell(struct sock *lsk, struct ev_ends *e)
{
	struct attempt a = { .bits = ATTEMPT_IN, .result = RESULT_OVERFLOW };
	struct conn *l = conn_get(lsk), c = {};

	if (l) {
		who_copy(&c.who, l);
		c.known = l->known & (CONN_CG_ALLOW | CONN_CG_DENY);
		attempt_listener(&a, &c.who);
		if (c.who.how != HOW_KERNEL && c.who.pid)
			c.who.how = HOW_LISTENER;
	}
	c.who.conn = 0;
	c.who.netns = sock_netns(lsk);
	attempt_tell(&a, &c, e);
}

/* Is the packet for this listener?  (inet_lookup_listener()) */
static __always_inline int is_for_listener(struct sock *lsk, const struct ev_ends *e)
{
	const __u64 *want = (const __u64 *)e->laddr, *have;
	struct ev_ends l;

	if (RD(lsk, __sk_common.skc_state) != ST_LISTEN)
		return 0;
	sock_ends(&l, lsk, 1);
	have = (const __u64 *)l.laddr;
	if (l.lport != e->lport)
		return 0;
	if (have[0] == want[0] && have[1] == want[1])
		return 1;
	/* Any address. */
	return !have[0] && (!have[1] || (__u32)have[1] == bpf_htonl(0xffff)) && !(have[1] >> 32);
}

/* Of a packet that is a first SYN: its ends and number.  A scope of its own, for the stack's sake. */
static __always_inline int syn_of(struct sk_buff *skb, struct ev_ends *e, __u32 *seq)
{
	struct packet p = {};

	if (packet_parse(&p, skb, RD(skb, data) - RD(skb, head)) <= 0)
		return 0;
	if ((packet_word(&p) & (TF_SYN | TF_ACK | TF_RST)) != TF_SYN)
		return 0;
	packet_ends(e, &p, 1);
	*seq = packet_seq(&p);
	return 1;
}

/*
 * A SYN, or a final ACK, for a listener whose accept queue is full: the kernel
 * drops it (tcp_conn_request(), tcp_v4_syn_recv_sock()), and only counts.  It
 * asks the same a moment later, in the same softirq.
 */
static __always_inline int on_syn(struct sk_buff *skb)
{
	struct lsock_key k;
	struct sock *lsk;
	struct ev_ends e;
	struct tuple t;
	__u32 seq, *told;
	__u64 *v;

	if (!syn_of(skb, &e, &seq))
		return 0;
	k.netns = net_inum(BPF_CORE_READ(skb, dev, nd_net.net));
	k.port = e.lport;
	v = bpf_map_lookup_elem(&lsocks, &k);
	if (!v)
		return 0;
	lsk = (struct sock *)*v;
	/* sk_acceptq_is_full() */
	if (RD(lsk, sk_ack_backlog) <= RD(lsk, sk_max_ack_backlog) || !is_for_listener(lsk, &e))
		return 0;
	tuple_of(&t, &e, k.netns);
	told = bpf_map_lookup_elem(&refused, &t);
	if (told && *told == seq)
		return 0;
	bpf_map_update_elem(&refused, &t, &seq, BPF_ANY);
	overflow_tell(lsk, &e);
	return 0;
}

SEC("?tp_btf/netif_receive_skb")
int BPF_PROG(attempt_syn, struct sk_buff *skb)
{
	return on_syn(skb);
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
		struct lsock_key k = { sock_netns(sk), RD(sk, __sk_common.skc_num) };

		bpf_map_update_elem(&lsocks, &k, &v, BPF_ANY);
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
