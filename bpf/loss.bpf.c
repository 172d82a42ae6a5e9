// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What goes wrong: retransmits, drops, resets, closed windows; each with its
 * connection, which here is found by socket only: all of it happens in softirq.
 */
#include "ghost.bpf.h"
#include "packet.bpf.h"

/* enum tcp_ca_state */
#define CA_RECOVERY 3
#define CA_LOSS 4
#define TIME_LOSS_PROBE 5 /* ICSK_TIME_LOSS_PROBE */

#define PACKET_OTHERHOST 3

/* How often a segment was sent again, by its place in the stream, which does not wrap. */
struct rtx_key {
	__u64 conn;
	__u64 at;
};

struct rtx_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rtx_key);
	__type(value, __u32);
};
struct rtx_map rtx SEC(".maps");

/* A closed window. */
struct stall_key {
	__u64 sk;
	__u32 dir; /* DIR_OUT: the peer's */
	__u32 pad;
};

struct stall {
	__u64 since_ns;
	__u64 conn; /* whose it is: the socket's memory may have become another's */
};

struct stalls_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct stall_key);
	__type(value, struct stall);
};
struct stalls_map stalls SEC(".maps");

/*
 * Sockets that their process has closed, and how many segments with data they had got by then:
 * one more is for nobody, and the kernel ends such a socket as if it had received a reset.
 */
struct closed_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* struct sock * */
	__type(value, __u32);
};
struct closed_map closed SEC(".maps");

/* What a record is about; `c` may be NULL: of no connection that is known. */
struct about {
	struct conn *c;
	struct ev_ends e;
	__u32 netns;
	__u16 flags;
	__u8 dir;
	__u8 state;
};

/* A record with everything that all of them have, the rest zeroed; NULL: filtered, or no room. */
static __always_inline struct ev_trouble *trouble_new(struct about *a, __u16 type, int has_flags)
{
	const struct filter *f = (const struct filter *)&cfg.filter;
	struct ev_trouble *r;

	if (!cfg.emit_trouble || !dirs_match(f, a->dir) || !states_match(f, a->state) ||
	    (has_flags ? !flags_match(f, a->flags) : f->nflags))
		return 0;
	if (a->c ? !conn_passes(a->c, &a->e) :
		   !ends_match(&a->e, &(struct ev_who){ .netns = a->netns }, 0))
		return 0;
	r = emit_reserve(HOOK_LOSS, EV_RETRANSMIT, sizeof(*r));
	if (!r)
		return 0;
	__builtin_memset((void *)r + sizeof(struct ev_hdr), 0, sizeof(*r) - sizeof(struct ev_hdr));
	r->hdr.type = type;
	r->hdr.mono_ns = bpf_ktime_get_ns();
	if (a->c) {
		who_copy(&r->who, a->c);
		if (a->c->state == ST_LISTEN) {
			/* Not of a connection: of whoever listens. */
			r->who.conn = 0;
			if (r->who.how != HOW_KERNEL && r->who.pid)
				r->who.how = HOW_LISTENER;
		}
	} else {
		r->who.netns = a->netns;
	}
	r->ends = a->e;
	r->dir = a->dir;
	r->has = TROUBLE_HAS_DIR;
	r->state = a->state;
	r->flags = a->flags;
	return r;
}

/* A full socket and its connection. */
static __always_inline void about_sock(struct about *a, struct sock *sk, __u8 dir)
{
	sock_ends(&a->e, sk, 1);
	a->c = conn_get_or_add(sk, &a->e);
	a->netns = sock_netns(sk);
	a->state = RD(sk, __sk_common.skc_state);
	a->dir = dir;
	a->flags = 0;
}

static __always_inline __u32 rtx_count(__u64 conn, struct tcp_sock *tp, __u32 seq)
{
	/* bytes_acked goes with snd_una (tcp_snd_una_update()); what is sent again lies at or behind it. */
	struct rtx_key k = { .conn = conn, .at = RD(tp, bytes_acked) + (__u32)(seq - RD(tp, snd_una)) };
	__u32 one = 1, *n = bpf_map_lookup_elem(&rtx, &k);

	if (n)
		return ++*n;
	bpf_map_update_elem(&rtx, &k, &one, BPF_ANY);
	return 1;
}

/*
 * tcp_send_loss_probe() runs from the timer that is then still pending, and
 * only outside of recovery (tcp_schedule_loss_probe()); tcp_enter_loss() comes
 * before what the retransmission timer sends again.
 */
static __always_inline __u8 kind_of(struct sock *sk, __u16 flags)
{
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;
	__u8 ca = RD_BITS(icsk, icsk_ca_state);

	if (flags & TF_SYN)
		return flags & TF_ACK ? KIND_SYNACK : KIND_SYN;
	if (ca == CA_LOSS)
		return KIND_RTO;
	if (ca == CA_RECOVERY)
		return KIND_FAST;
	return RD(icsk, icsk_pending) == TIME_LOSS_PROBE ? KIND_TLP : KIND_OTHER;
}

static __always_inline int on_retransmit(struct sock *sk, struct sk_buff *skb, int err)
{
	struct tcp_skb_cb *cb = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 seq = RD(cb, seq), segs = RD(cb, tcp_gso_segs), n;
	__u32 len = RD(cb, end_seq) - seq;
	struct about a = {};
	struct ev_trouble *r;
	__u8 ca;

	about_sock(&a, sk, DIR_OUT);
	a.flags = (__u8)RD(cb, tcp_flags);
	/* Counted whether it is wanted or not. */
	n = a.c ? rtx_count(a.c->who.conn, tp, seq) : 0;
	r = trouble_new(&a, EV_RETRANSMIT, 1);
	if (!r)
		return 0;
	r->has |= TROUBLE_HAS_SEQ | TROUBLE_HAS_CWND;
	r->seq = seq;
	r->len = len - !!(a.flags & TF_SYN) - !!(a.flags & TF_FIN);
	r->segs = segs ? segs : 1;
	if (a.c && (a.c->known & CONN_ISS)) {
		r->seq_base = a.c->iss;
		r->has |= TROUBLE_HAS_ISN;
	}
	r->kind = kind_of(sk, a.flags);
	ca = RD_BITS((struct inet_connection_sock *)sk, icsk_ca_state);
	r->cwnd = RD(tp, snd_cwnd);
	/* Set as recovery begins (tcp_init_cwnd_reduction(), tcp_enter_loss()). */
	r->cwnd_before = ca >= CA_RECOVERY ? RD(tp, prior_cwnd) : r->cwnd;
	r->attempt = n;
	r->err = err < 0 ? -err : 0;
	emit_submit(r, HOOK_LOSS);
	return 0;
}

/* 6.18 tells failed ones, too, and the errno. */
SEC("?tp_btf/tcp_retransmit_skb")
int BPF_PROG(loss_retransmit, struct sock *sk, struct sk_buff *skb)
{
	return on_retransmit(sk, skb, cfg.retrans_err ? (int)ctx[2] : 0);
}

SEC("?tp_btf/tcp_retransmit_synack")
int BPF_PROG(loss_synack, struct sock *sk, struct request_sock *req)
{
	struct about a = { .dir = DIR_OUT, .flags = TF_SYN | TF_ACK, .state = ST_NEW_SYN_RECV };
	struct ev_trouble *r;
	struct tuple t;

	sock_ends(&a.e, (struct sock *)req, 0);
	a.netns = sock_netns(sk);
	tuple_of(&t, &a.e, a.netns);
	a.c = ghost_embryo(&t, RD(sk, __sk_common.skc_state) == ST_LISTEN ? sk : 0);
	r = trouble_new(&a, EV_RETRANSMIT, 1);
	if (!r)
		return 0;
	r->segs = 1;
	r->kind = KIND_SYNACK;
	r->attempt = RD(req, num_retrans) + 1; /* counted behind this (inet_rtx_syn_ack()) */
	emit_submit(r, HOOK_LOSS);
	return 0;
}

/* tcp_v4_rcv() has taken the device away; where to the route led is still known. */
static __always_inline __u32 skb_netns(struct sk_buff *skb)
{
	struct net_device *dev = RD(skb, dev);
	unsigned long dst;

	if (!dev) {
		dst = RD(skb, _skb_refdst) & ~1UL; /* SKB_DST_NOREF */
		if (!dst)
			return 0;
		dev = RD((struct dst_entry *)dst, dev);
	}
	return net_inum(RD(dev, nd_net.net));
}

/* The connection that a packet is of. */
static __noinline struct conn *conn_of_packet(struct tuple *t)
{
	struct ev_ends own;
	struct conn *c = conn_by_tuple(t, &own);

	return c ? c : bpf_map_lookup_elem(&ghosts, t);
}

/* Whose it is: the socket's, if that is a full one, or by its ends. */
static __always_inline void about_find(struct about *a, struct sock *sk)
{
	struct tuple t;

	if (sk && state_is_full(a->state) && sock_is_tcp(sk)) {
		a->c = conn_get(sk);
		if (a->c)
			return;
	}
	tuple_of(&t, &a->e, a->netns);
	a->c = conn_of_packet(&t);
}

/*
 * A socket that may be gone already: data after close() ends it before the reset that answers is
 * made (tcp_rcv_state_process(): TCP_ABORT_ON_DATA).  Its ghost tells whose it was.
 */
static __always_inline void about_closed(struct about *a, struct sock *sk, __u8 dir)
{
	sock_ends(&a->e, sk, 1);
	a->netns = sock_netns(sk);
	a->state = ST_CLOSE;
	a->dir = dir;
	about_find(a, sk);
}

/* From a packet, and the socket that it reached or left, if that is known. */
static __always_inline int about_packet(struct about *a, struct packet *p, struct sk_buff *skb,
					struct sock *sk, __u8 dir)
{
	if (packet_parse(p, skb, RD(skb, network_header)) <= 0)
		return 0;
	packet_ends(&a->e, p, dir == DIR_IN);
	a->dir = dir;
	a->flags = packet_word(p) & 0x1ff;
	a->netns = sk ? sock_netns(sk) : skb_netns(skb);
	a->state = sk ? RD(sk, __sk_common.skc_state) : 0;
	about_find(a, sk);
	return 1;
}

static __always_inline void trouble_packet(struct ev_trouble *r, struct about *a, struct packet *p)
{
	r->seq = packet_seq(p);
	r->len = p->len - (packet_word(p) >> 12) * 4;
	r->segs = packet_segs(p);
	r->has |= TROUBLE_HAS_SEQ;
	if (a->c && a->c->state != ST_LISTEN && a->c->known & (a->dir == DIR_OUT ? CONN_ISS : CONN_IRS)) {
		r->seq_base = a->dir == DIR_OUT ? a->c->iss : a->c->irs;
		r->has |= TROUBLE_HAS_ISN;
	}
}

/*
 * Not dropped: 0, and since 6.3 SKB_CONSUMED.  Nor lost: what a closed socket
 * still had in its queue, at least the peer's FIN (QUEUE_PURGE, 6.3); if it was
 * unread data, a reset tells of it.  Nor is a copy that was for another host (OTHERHOST).
 */
static __always_inline int is_drop(__u32 reason)
{
	if (!cfg.drop_reason)
		return 1;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_QUEUE_PURGE) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_QUEUE_PURGE))
		return 0;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_OTHERHOST) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_OTHERHOST))
		return 0;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_CONSUMED) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_CONSUMED))
		return 0;
	return reason != 0;
}

/* Neither does the kernel tell why, if it tells reasons at all. */
static __always_inline int no_reason(__u32 reason)
{
	return !cfg.drop_reason ||
	       reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED);
}

/*
 * Some packets are freed as dropped ones are, without a reason, though they have served, or were
 * not for this host:
 * - a copy for another host, which a device in promiscuous mode takes in (ip_rcv_core(); OTHERHOST);
 * - what TIME-WAIT takes: the peer's FIN, ACKs, a reset (the end of tcp_v4_rcv(), tcp_v6_rcv());
 *   data and SYNs are for nobody there (tcp_timewait_state_process());
 * - an ACK behind the peer's FIN, which finds no data to queue (tcp_rcv_state_process());
 *   before 5.18 that was no kfree_skb();
 * - the ACK of a handshake that TCP_DEFER_ACCEPT waits behind (tcp_check_req()), where the kernel
 *   tells the listener (6.11); not one for which its queue is full;
 * - before 6.3 (QUEUE_PURGE) what a closed socket still had in its queue.
 */
static __always_inline int has_served(struct about *a, struct packet *p, struct sk_buff *skb,
				      struct sock *sk)
{
	__u8 state = a->state;
	__u32 len = p->len - (packet_word(p) >> 12) * 4;

	/* Which socket it was for is told since 6.11. */
	if (!sk && a->c)
		state = a->c->state;
	if (a->dir != DIR_IN)
		return 0;
	if (RD_BITS(skb, pkt_type) == PACKET_OTHERHOST)
		return 1;
	if (state == ST_CLOSE)
		return sk && !RD(skb, dev);
	if (len || a->flags & TF_SYN)
		return 0;
	if (state == ST_TIME_WAIT)
		return 1;
	if (!cfg.drop_reason || a->flags & (TF_RST | TF_FIN))
		return 0;
	if (state == ST_LISTEN)
		return sk && RD((struct inet_connection_sock *)sk, icsk_accept_queue.rskq_defer_accept) &&
		       RD(sk, sk_ack_backlog) <= RD(sk, sk_max_ack_backlog);
	return (state == ST_CLOSE_WAIT || state == ST_LAST_ACK || state == ST_CLOSING) &&
	       !RD(skb, dev); /* tcp_v4_rcv() takes the device away */
}

/*
 * Is what was dropped a packet that this socket has sent?  It is still the
 * packet's where another namespace takes it in (skb_scrub_packet(), as of
 * ip_rcv_core()); from tcp_v4_early_demux() on it is the receiving one.
 */
static __always_inline int sent_by(struct sock *sk, struct about *a)
{
	const __u64 *from = (const __u64 *)a->e.raddr, *own;
	__u8 state = RD(sk, __sk_common.skc_state);
	struct ev_ends e;

	if (state == ST_TIME_WAIT || (state != ST_NEW_SYN_RECV && !sock_is_tcp(sk)))
		return 0;
	sock_ends(&e, sk, 0);
	own = (const __u64 *)e.laddr;
	return e.lport == a->e.rport && own[0] == from[0] && own[1] == from[1];
}

static __always_inline void turn_round(struct about *a)
{
	__u64 *l = (__u64 *)a->e.laddr, *r = (__u64 *)a->e.raddr, was[2] = { l[0], l[1] };
	__u16 port = a->e.lport;

	l[0] = r[0], l[1] = r[1];
	r[0] = was[0], r[1] = was[1];
	a->e.lport = a->e.rport;
	a->e.rport = port;
	a->dir = DIR_OUT;
}

SEC("?tp_btf/kfree_skb")
int BPF_PROG(loss_drop, struct sk_buff *skb, void *location)
{
	__u32 reason = cfg.drop_reason ? (__u32)ctx[2] : 0;
	struct sock *sk = cfg.drop_sk ? (struct sock *)ctx[3] : 0;
	struct packet p = {};
	struct about a = {};
	struct ev_trouble *r;
	__u8 dir;

	if (!is_drop(reason))
		return 0;
	dir = sk || RD(skb, skb_iif) ? DIR_IN : DIR_OUT;
	if (!sk)
		sk = RD(skb, sk);
	if (!about_packet(&a, &p, skb, sk, dir))
		return 0;
	if (dir == DIR_IN && sk && sent_by(sk, &a)) {
		turn_round(&a);
		about_find(&a, sk);
	}
	if (no_reason(reason) && has_served(&a, &p, skb, sk))
		return 0;
	r = trouble_new(&a, EV_DROP, 1);
	if (!r)
		return 0;
	trouble_packet(r, &a, &p);
	r->location = (__u64)location;
	if (cfg.drop_reason) {
		r->reason = reason;
		r->has |= TROUBLE_HAS_REASON;
	}
	emit_submit(r, HOOK_LOSS);
	return 0;
}

/* With a segment: in answer to it, and the socket may be none, a listener, TIME-WAIT. */
SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(loss_reset_out, struct sock *sk, struct sk_buff *skb)
{
	__u32 reason = cfg.reset_reason ? (__u32)ctx[2] : 0;
	__u8 state = sk ? RD(sk, __sk_common.skc_state) : 0;
	struct packet p = {};
	struct about a = {};
	struct ev_trouble *r;

	if (sk && state == ST_CLOSE) {
		about_closed(&a, sk, DIR_OUT);
	} else if (sk && state_is_full(state) && state != ST_LISTEN) {
		about_sock(&a, sk, DIR_OUT);
	} else {
		if (!skb || !about_packet(&a, &p, skb, sk, DIR_IN))
			return 0;
		a.dir = DIR_OUT;
	}
	r = trouble_new(&a, EV_RESET, 0);
	if (!r)
		return 0;
	r->flags = 0;
	r->reason = reason;
	if (cfg.reset_reason)
		r->has |= TROUBLE_HAS_REASON;
	emit_submit(r, HOOK_LOSS);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(loss_closed, struct sock *sk, int old, int new)
{
	__u64 k = (__u64)sk;
	__u32 segs;

	if (new != ST_FIN_WAIT1 || !sock_is_tcp(sk))
		return 0;
	segs = RD((struct tcp_sock *)sk, data_segs_in);
	/* __tcp_close() shuts it down first; behind shutdown(SHUT_WR) data may still be wanted. */
	if (RD(sk, sk_shutdown) & RCV_SHUTDOWN)
		bpf_map_update_elem(&closed, &k, &segs, BPF_ANY);
	else
		bpf_map_delete_elem(&closed, &k);
	return 0;
}

/* Data after close(): the answer is told, as a reset that is sent. */
static __always_inline int is_abort_on_data(struct sock *sk)
{
	__u64 k = (__u64)sk;
	__u32 *segs = bpf_map_lookup_elem(&closed, &k);

	return segs && is_data_after_close(sk, *segs);
}

/* tcp_reset(): of a full socket. */
SEC("?tp_btf/tcp_receive_reset")
int BPF_PROG(loss_reset_in, struct sock *sk)
{
	struct about a = {};
	struct ev_trouble *r;

	if (is_abort_on_data(sk))
		return 0;
	about_sock(&a, sk, DIR_IN);
	r = trouble_new(&a, EV_RESET, 0);
	if (r)
		emit_submit(r, HOOK_LOSS);
	return 0;
}

/* `ended`: the window has opened, or its connection has ended; else tracing does. */
static SUBPROG int stall_tell(struct sock *sk, __u8 dir, __u64 since_ns, __u64 conn, __u8 ended)
{
	__u64 now = bpf_ktime_get_ns();
	struct about a = {};
	struct ev_trouble *r;

	about_sock(&a, sk, dir);
	if (conn != (a.c ? a.c->who.conn : 0))
		return 0;
	r = trouble_new(&a, EV_STALL, 0);
	if (!r)
		return 0;
	r->span_ns = now > since_ns ? now - since_ns : 0;
	if (ended)
		r->has |= TROUBLE_STALL_ENDED;
	emit_submit(r, HOOK_LOSS);
	return 0;
}

static __always_inline void stall_end(struct sock *sk, __u8 dir, __u8 ended)
{
	struct stall_key k = { .sk = (__u64)sk, .dir = dir };
	struct stall *st = bpf_map_lookup_elem(&stalls, &k);
	__u64 since_ns, conn;

	if (!st)
		return;
	since_ns = st->since_ns;
	conn = st->conn;
	/* Two CPUs may come here: one of them deletes it. */
	if (!bpf_map_delete_elem(&stalls, &k))
		stall_tell(sk, dir, since_ns, conn, ended);
}

/* Of its own, so that its callers' stack has room: 512 bytes with all that they call. */
static SUBPROG int stall_begin(struct sock *sk, __u8 dir)
{
	struct stall_key k = { .sk = (__u64)sk, .dir = dir };
	struct stall st = {};
	struct ev_ends e;
	struct conn *c;

	if (bpf_map_lookup_elem(&stalls, &k))
		return 0;
	sock_ends(&e, sk, 1);
	c = conn_get_or_add(sk, &e);
	st.conn = c ? c->who.conn : 0;
	st.since_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&stalls, &k, &st, BPF_NOEXIST) && !bpf_map_lookup_elem(&stalls, &k))
		count_lost(HOOK_LOSS); /* the map is full */
	return 0;
}

static __always_inline void window_seen(struct sock *sk, __u8 dir, const struct packet *p)
{
	if ((packet_word(p) & (TF_SYN | TF_RST | TF_ACK)) != TF_ACK)
		return;
	if (packet_window(p))
		stall_end(sk, dir, 1);
	else
		stall_begin(sk, dir);
}

/* In tcp_rcv_established(), skb->data is the TCP header. */
SEC("?tp_btf/tcp_probe")
int BPF_PROG(loss_window_in, struct sock *sk, struct sk_buff *skb)
{
	struct packet p = {};

	packet_set_tcp(&p, RD(skb, data));
	window_seen(sk, DIR_OUT, &p);
	return 0;
}

SEC("?tp_btf/net_dev_queue")
int BPF_PROG(loss_window_out, struct sk_buff *skb)
{
	struct sock *sk = RD(skb, sk);
	struct packet p = {};
	__u8 state;

	if (!sk)
		return 0;
	state = RD(sk, __sk_common.skc_state);
	if (!state_is_full(state) || state == ST_LISTEN || state == ST_CLOSE || !sock_is_tcp(sk))
		return 0;
	if (packet_parse(&p, skb, RD(skb, network_header)) <= 0 || skb_netns(skb) != sock_netns(sk))
		return 0;
	window_seen(sk, DIR_IN, &p);
	return 0;
}

/* A window that stays closed ends with its connection. */
SEC("?tp_btf/tcp_destroy_sock")
int BPF_PROG(loss_gone, struct sock *sk)
{
	stall_end(sk, DIR_OUT, 1);
	stall_end(sk, DIR_IN, 1);
	return 0;
}

/* Windows that are closed when tracing ends (run by user space). */
SEC("?iter/tcp")
int loss_open(struct bpf_iter__tcp *ctx)
{
	struct sock *sk = (struct sock *)ctx->sk_common;

	if (!sk)
		return 0;
	sk = sock_as(sk);
	if (!state_is_full(RD(sk, __sk_common.skc_state)))
		return 0;
	stall_end(sk, DIR_OUT, 0);
	stall_end(sk, DIR_IN, 0);
	return 0;
}
