/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * One record per connection, at its end: what it carried, how long it took, who
 * ended it, and what limited it.  docs/life.md defines each figure.
 */
#ifndef TCPLENS_LIFE_BPF_H
#define TCPLENS_LIFE_BPF_H

#include "track.bpf.h"

#define PF_EXITING 0x00000004
#define CA_RECOVERY 3 /* enum tcp_ca_state; 4: loss */
#define CA_LOSS 4
#define E_TIMEDOUT 110
#define E_CONNABORTED 103

static __always_inline __u64 ticks_to_ns(__u32 ticks)
{
	return (__u64)ticks * cfg.tick_ns;
}

/*
 * Repairing loss, or not.  The wait for the retransmission timer before it
 * belongs to it, too: from the last segment that the peer sent.
 */
static __always_inline void life_on_ca_body(struct sock *sk, struct track *t, __u8 ca)
{
	__u32 j[CHRONOS];

	if ((ca >= CA_RECOVERY) == !!(t->bits & TRACK_RECOVERING))
		return;
	chrono_read(sk, j);
	if (ca >= CA_RECOVERY) {
		t->rec_at[0] = j[0];
		t->rec_at[1] = j[1];
		t->rec_at[2] = j[2];
		t->bits |= TRACK_RECOVERING;
		if (ca == CA_LOSS) {
			__u32 wait = jiffies32() - RD((struct tcp_sock *)sk, rcv_tstamp);
			__u32 most = j[0] - t->base[0] - t->rec[0];

			if ((__s32)most > 0 && (__s32)wait > 0)
				t->rec_at[0] -= wait < most ? wait : most;
		}
		return;
	}
	t->rec[0] += j[0] - t->rec_at[0];
	t->rec[1] += j[1] - t->rec_at[1];
	t->rec[2] += j[2] - t->rec_at[2];
	t->bits &= ~TRACK_RECOVERING;
}

static __noinline void life_on_ca(struct sock *sk, struct track *t, __u8 ca)
{
	life_on_ca_body(sk, t, ca);
	RETURN_NOTHING;
}

/* Data begins to wait, or all of it has been read. */
static __always_inline void life_unread_body(struct sock *sk, struct track *t, __u64 now, int waits)
{
	__u32 j[CHRONOS], busy;
	__u64 took, other;

	if (waits == !!t->unread_ns)
		return;
	chrono_read(sk, j);
	busy = j[0] + j[1] + j[2];
	if (waits) {
		t->unread_ns = now;
		t->unread_busy = busy;
		return;
	}
	took = now - t->unread_ns;
	other = ticks_to_ns(busy - t->unread_busy);
	/* May wrap: rounding to ticks evens out in the sum only, which life_limits() looks at. */
	t->reader_ns += took - other;
	t->unread_ns = 0;
}

static __noinline void life_unread(struct sock *sk, struct track *t, __u64 now, int waits)
{
	life_unread_body(sk, t, now, waits);
	RETURN_NOTHING;
}

static __always_inline void life_limits(struct ev_life *l, struct sock *sk, struct track *t,
					__u64 now)
{
	__u64 begin = t->begin_ns, reader;
	__u32 j[CHRONOS];

	/* Closes the periods that are running. */
	life_on_ca(sk, t, 0);
	life_unread(sk, t, now, 0);
	chrono_read(sk, j);
	l->limit_ns[LIMIT_HANDSHAKE] = 0;
	if (begin)
		l->limit_ns[LIMIT_HANDSHAKE] = (t->est_ns ? t->est_ns : now) - begin;
	l->limit_ns[LIMIT_LOSS] = ticks_to_ns(t->rec[0] + t->rec[1] + t->rec[2]);
	l->limit_ns[LIMIT_RWND] = ticks_to_ns(j[1] - t->base[1] - t->rec[1]);
	l->limit_ns[LIMIT_SNDBUF] = ticks_to_ns(j[2] - t->base[2] - t->rec[2]);
	l->limit_ns[LIMIT_PATH] = ticks_to_ns(j[0] - t->base[0] - t->rec[0]);
	reader = t->reader_ns;
	l->limit_ns[LIMIT_READER] = (__s64)reader > 0 ? reader : 0;
}

static __always_inline void life_counters(struct ev_life *l, struct sock *sk, struct track *t)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	unsigned long flags = RD(sk, __sk_common.skc_flags);
	__u64 fin = 0;

	/* tcp_fin() sets SOCK_DONE, after the FIN was counted as a byte (tcp_rcv_nxt_update()). */
	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		fin = 1;
	l->rx_bytes = RD(tp, bytes_received);
	if (l->rx_bytes)
		l->rx_bytes -= fin;
	l->retrans_bytes = RD(tp, bytes_retrans);
	l->tx_bytes = RD(tp, bytes_sent) - l->retrans_bytes;
	l->rtt_sum_us = t->rtt_sum_us;
	l->rtt_count = t->rtt_count;
	l->srtt_us = RD(tp, srtt_us) >> 3;
	l->min_rtt_us = RD(tp, rtt_min.s[0].v);
	l->segs_out = RD(tp, segs_out);
	l->segs_in = RD(tp, segs_in);
	l->data_segs_out = RD(tp, data_segs_out);
	l->data_segs_in = RD(tp, data_segs_in);
	l->retrans = RD(tp, total_retrans);
}

/* From what the kernel leaves behind at the change to CLOSE: sk_err, and the state before. */
static __always_inline void life_end_of(struct ev_life *l, struct track *t, __u8 old)
{
	int by_exit = t->bits & TRACK_EXITING;

	l->end = t->end;
	l->by = t->by;
	if (t->bits & TRACK_RST_IN) {
		l->end = END_RST;
		l->by = BY_REMOTE;
		return;
	}
	if (t->end == END_RST)
		return;
	if (l->err == E_TIMEDOUT || (l->err && l->err != E_CONNABORTED && old != ST_SYN_SENT)) {
		/* tcp_write_err(): the error may be what ICMP said meanwhile */
		l->end = END_TIMEOUT;
		l->by = BY_NONE;
		return;
	}
	if (l->err && l->err != E_CONNABORTED) {
		l->end = END_ERROR;
		l->by = BY_NONE;
		return;
	}
	if (l->err || old == ST_ESTABLISHED || old == ST_SYN_RECV || old == ST_CLOSE_WAIT ||
	    old == ST_FIN_WAIT1) {
		/* tcp_abort(), or close() with unread data, SO_LINGER 0, … */
		l->end = END_RST;
		l->by = BY_LOCAL;
	} else if (old == ST_SYN_SENT) {
		l->end = END_CLOSE;
		l->by = BY_LOCAL;
	} else if (!l->end) {
		/* Its FINs were before the tracer. */
		l->end = END_FIN;
		l->by = old == ST_LAST_ACK ? BY_REMOTE : BY_LOCAL;
	}
	if (l->by == BY_LOCAL && by_exit)
		l->end = END_EXIT;
}

/* All but the header and the end.  `l` need not be zeroed. */
static __always_inline void life_fill(struct ev_life *l, struct sock *sk, struct conn *c,
				      struct track *t, const struct ev_ends *e, __u64 now)
{
	who_copy(&l->who, c);
	l->ends = *e;
	l->dur_ns = now - t->seen_ns;
	l->has = t->begin_ns ? 0 : LIFE_PARTIAL;
	l->connect_ns = 0;
	if (t->begin_ns && t->est_ns) {
		l->connect_ns = t->est_ns - t->begin_ns;
		l->has |= LIFE_HAS_CONNECT;
	}
	if (t->bits & TRACK_DIR)
		l->has |= LIFE_HAS_DIR | (t->bits & TRACK_PASSIVE ? LIFE_PASSIVE : 0);
	life_limits(l, sk, t, now);
	life_counters(l, sk, t);
}

/* The connection's one record; none for what was told as open when the tracer ends. */
static __always_inline void life_end_body(struct sock *sk, struct conn *c, struct track *t,
						       const struct ev_ends *e, __u8 old)
{
	__u64 now = bpf_ktime_get_ns();
	struct ev_life *l;

	if (!cfg.emit_life || (t->bits & TRACK_DONE) || !conn_passes(c, e))
		return;
	t->bits |= TRACK_DONE;
	l = emit_reserve(HOOK_LIFE, EV_LIFE, sizeof(*l));
	if (!l)
		return;
	l->hdr.mono_ns = now;
	life_fill(l, sk, c, t, e, now);
	l->err = RD(sk, sk_err);
	l->state = old;
	life_end_of(l, t, old);
	emit_submit(l);
}

__attribute__((unused)) static __noinline void life_end(struct sock *sk, struct conn *c, struct track *t,
						       const struct ev_ends *e, __u8 old)
{
	life_end_body(sk, c, t, e, old);
	RETURN_NOTHING;
}

/* Whose FIN is first, and whether the process dies with it: these changes are made by its own close. */
static __always_inline void life_on_close(struct sock *sk, struct track *t, __u8 old, __u8 new)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	int own = new == ST_FIN_WAIT1 || new == ST_LAST_ACK ||
		  (new == ST_CLOSE && !RD(sk, sk_err) &&
		   (old == ST_ESTABLISHED || old == ST_CLOSE_WAIT || old == ST_SYN_SENT || old == ST_SYN_RECV));

	if (own) {
		t->closed_segs = RD((struct tcp_sock *)sk, data_segs_in);
		if (BPF_CORE_READ(task, flags) & PF_EXITING)
			t->bits |= TRACK_EXITING;
	}
	if (!t->end && (new == ST_FIN_WAIT1 || new == ST_CLOSE_WAIT)) {
		t->end = END_FIN;
		t->by = new == ST_FIN_WAIT1 ? BY_LOCAL : BY_REMOTE;
	}
}

/* tcp_receive_reset: a reset came, or data for which nobody is left. */
static __always_inline void life_on_reset(struct sock *sk, struct track *t)
{
	if (is_data_after_close(sk, t->closed_segs)) {
		t->end = END_RST;
		t->by = BY_LOCAL;
		return;
	}
	t->bits |= TRACK_RST_IN;
}

#endif
