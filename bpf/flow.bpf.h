/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What happens to the data of a connection, for the views that need struct
 * track: it arrives, is read, is sent, leaves, is acknowledged; and loss
 * recovery and resets.  All but the last of a direction's hooks run under the
 * socket's lock.
 */
#ifndef TCPLENS_FLOW_BPF_H
#define TCPLENS_FLOW_BPF_H

#include "keep.bpf.h"
#include "ghost.bpf.h"
#include "latency.bpf.h"
#include "life.bpf.h"
#include "packet.bpf.h"

#define TCPHDR_FIN 0x01

/* A full socket that is tracked: its connection, its track. */
struct flow {
	struct conn *c;
	struct track *t;
};

static __always_inline int flow_get(struct flow *f, struct sock *sk)
{
	f->c = conn_get(sk);
	if (!f->c)
		return 0;
	f->t = track_of(f->c);
	return f->t != 0;
}

static __always_inline struct tcp_skb_cb *skb_cb(struct sk_buff *skb)
{
	return AS(struct tcp_skb_cb, (void *)skb + bpf_core_field_offset(struct sk_buff, cb));
}

/* The FIN counts as a byte, which nobody reads as such. */
static __always_inline __u32 rcv_end(struct sock *sk)
{
	unsigned long flags = RD(sk, __sk_common.skc_flags);
	__u32 fin = !!(flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE)));

	return RD((struct tcp_sock *)sk, rcv_nxt) - fin;
}

static __always_inline void life_on_segment(struct sock *sk, struct track *t)
{
	__u32 srtt = RD((struct tcp_sock *)sk, srtt_us) >> 3;

	if (srtt) {
		t->rtt_sum_us += srtt;
		t->rtt_count++;
	}
	/* Where there is no tcp_cong_state_set (before 5.19), seen one segment late (or at flow_retrans_tp). */
	life_on_ca(sk, t, RD_BITS((struct inet_connection_sock *)sk, icsk_ca_state));
}

/* TCP has found the socket, and is about to process the segment. */
static __always_inline int on_segment(struct sock *sk, struct sk_buff *skb)
{
	__u64 now = cfg.emit_latency ? bpf_ktime_get_ns() : 0;
	struct tcp_skb_cb *cb;
	struct tcp_sock *tp;
	__u32 seq, end, rcv_nxt, copied;
	struct flow f;

	sk = sock_as(sk);
	if (!flow_get(&f, sk))
		return 0;
	tp = (struct tcp_sock *)sk;
	cb = skb_cb(skb);
	if (cfg.emit_life)
		life_on_segment(sk, f.t);
	if (cfg.emit_latency)
		lat_on_ack(sk, f.c, f.t, RD(cb, ack_seq), now);
	seq = RD(cb, seq);
	end = RD(cb, end_seq) - !!(RD(cb, tcp_flags) & TCPHDR_FIN);
	rcv_nxt = RD(tp, rcv_nxt);
	/* Out of order, or old: nothing to read comes of it. */
	if (seq_before(rcv_nxt, seq) || !seq_before(rcv_nxt, end))
		return 0;
	copied = RD(tp, copied_seq);
	if (cfg.emit_life && copied == rcv_nxt) {
		f.t->unread_ns = 0;
		life_unread(sk, f.t, cfg.emit_latency ? now : bpf_ktime_get_ns(), 1);
	}
	if (cfg.emit_latency)
		lat_on_arrival(sk, f.c, f.t, rcv_nxt, copied, now);
	return 0;
}

/* In tcp_rcv_established(), at its beginning; on every kernel. */
SEC("?tp_btf/tcp_probe")
int TP_PROG(flow_segment_tp, struct sock *sk, struct sk_buff *skb)
{
	return on_segment(sk, skb);
}

static __always_inline void adopt_before_change(struct sock *sk)
{
	struct conn *c = conn_get(sk);
	struct ev_ends e;

	if (!c || !(c->known & CONN_CHILD))
		return;
	sock_ends(&e, sk, 1);
	adopt_early(c, sk, &e);
	/* Of a SYN cookie there was no request: as the state change has it. */
	if (TRACK_WANTED && !track_of(c))
		track_add(c, sk, c->since_ns);
}

static __always_inline int on_segment_other(struct sock *sk, struct sk_buff *skb)
{
	__u8 state = RD(sock_as(sk), __sk_common.skc_state);

	if (state == ST_LISTEN || state == ST_SYN_SENT)
		return 0;
	/* What the handshake's last ACK brings along comes before the state change that begins the track. */
	if (state == ST_SYN_RECV)
		adopt_before_change(sock_as(sk));
	return on_segment(sk, skb);
}

SEC("?fentry/tcp_rcv_state_process")
int FUNC_PROG(flow_segment_fentry, struct sock *sk, struct sk_buff *skb)
{
	return on_segment_other(sk, skb);
}

SEC("?kprobe/tcp_rcv_state_process")
int BPF_KPROBE(flow_segment_kprobe, struct sock *sk, struct sk_buff *skb)
{
	return on_segment_other(sk, skb);
}

/*
 * 6.3 (40e0b0908142): data was queued, in any state.  For those in which
 * tcp_rcv_established() does not run: of ESTABLISHED, the moment in which the handshake's
 * last ACK brings data along, the first of all (tcp_rcv_state_process()).
 */
SEC("?tp_btf/sk_data_ready")
int TP_PROG(flow_ready_tp, struct sock *sk)
{
	__u32 copied, end;
	struct flow f;
	__u8 state;
	__u64 now;

	sk = sock_as(sk);
	state = RD(sk, __sk_common.skc_state);
	if (state == ST_LISTEN || !sock_is_tcp(sk))
		return 0;
	copied = RD((struct tcp_sock *)sk, copied_seq);
	end = rcv_end(sk);
	if (!seq_before(copied, end))
		return 0;
	if (state == ST_ESTABLISHED && RD((struct tcp_sock *)sk, bytes_received) != end - copied)
		return 0;
	now = bpf_ktime_get_ns();
	if (!flow_get(&f, sk))
		return 0;
	if (cfg.emit_life)
		life_unread(sk, f.t, now, 1);
	if (cfg.emit_latency && !f.t->rx.ns)
		lat_on_arrival(sk, f.c, f.t, copied, copied, now);
	return 0;
}

/* In the reader's call, after copying: copied_seq has moved on. */
SEC("?tp_btf/tcp_rcv_space_adjust")
int TP_PROG(flow_read_tp, struct sock *sk)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 copied, end;
	struct flow f;

	sk = sock_as(sk);
	if (!flow_get(&f, sk))
		return 0;
	copied = RD((struct tcp_sock *)sk, copied_seq);
	end = rcv_end(sk);
	if (cfg.emit_life && !seq_before(copied, end))
		life_unread(sk, f.t, now, 0);
	if (cfg.emit_latency)
		lat_on_read(sk, f.c, f.t, copied, end, now);
	return 0;
}

/*
 * Where the calls that read begin: tcp_recvmsg() takes packet by packet,
 * tcp_splice_read() has several rounds, tcp_getsockopt() may map data
 * (TCP_ZEROCOPY_RECEIVE).
 */
SEC("?fentry/tcp_recvmsg")
int FUNC_PROG(call_recv_fentry, void *arg)
{
	lat_on_call();
	return 0;
}

SEC("?kprobe/tcp_recvmsg")
int BPF_KPROBE(call_recv_kprobe, void *arg)
{
	lat_on_call();
	return 0;
}

SEC("?fentry/tcp_splice_read")
int FUNC_PROG(call_splice_fentry, void *arg)
{
	lat_on_call();
	return 0;
}

SEC("?kprobe/tcp_splice_read")
int BPF_KPROBE(call_splice_kprobe, void *arg)
{
	lat_on_call();
	return 0;
}

SEC("?fentry/tcp_getsockopt")
int FUNC_PROG(call_map_fentry, void *arg)
{
	lat_on_call();
	return 0;
}

SEC("?kprobe/tcp_getsockopt")
int BPF_KPROBE(call_map_kprobe, void *arg)
{
	lat_on_call();
	return 0;
}

/* 6.3: where several calls are one system call (io_uring_enter()), or are made by no process. */
SEC("?tp_btf/sock_recv_length")
int TP_PROG(call_recv_tp, void *arg)
{
	lat_on_call();
	return 0;
}

static __always_inline int on_send(struct sock *sk, int repeats)
{
	__u64 now = bpf_ktime_get_ns();
	struct flow f;

	sk = sock_as(sk);
	if (flow_get(&f, sk))
		lat_on_send(sk, f.c, f.t, repeats, now);
	return 0;
}

SEC("?fentry/tcp_sendmsg")
int FUNC_PROG(flow_send_fentry, struct sock *sk)
{
	return on_send(sk, 0);
}

SEC("?kprobe/tcp_sendmsg")
int BPF_KPROBE(flow_send_kprobe, struct sock *sk)
{
	return on_send(sk, 0);
}

/* 6.16: for each piece of a call, from before it waits for room. */
SEC("?tp_btf/tcp_sendmsg_locked")
int TP_PROG(flow_send_tp, struct sock *sk)
{
	return on_send(sk, 1);
}

/* 6.3 (6e6eda44b939): the call returns. */
SEC("?tp_btf/sock_send_length")
int TP_PROG(flow_sent_tp, struct sock *sk)
{
	struct conn *c = conn_get(sk);
	struct track *t = c ? track_of(c) : 0;

	if (t)
		t->in_send = 0;
	return 0;
}

/* On its way to the device, headers and all. */
SEC("?tp_btf/net_dev_queue")
int BPF_PROG(flow_xmit_tp, struct sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();
	struct packet p = {};
	struct sock *sk;
	__u32 seq, hlen;
	struct flow f;

	skb = AS(struct sk_buff, skb);
	sk = sock_as(RD(skb, sk));
	if (!sk || !flow_get(&f, sk) || packet_parse(&p, skb, RD(skb, network_header)) <= 0)
		return 0;
	hlen = (packet_word(&p) >> 12) * 4;
	if (p.len <= hlen)
		return 0;
	seq = packet_seq(&p);
	lat_on_xmit(sk, f.c, f.t, seq, seq + p.len - hlen, now);
	return 0;
}

/* 6.0: as it happens. */
SEC("?tp_btf/tcp_cong_state_set")
int TP_PROG(flow_cong_tp, struct sock *sk, __u8 ca)
{
	struct conn *c = conn_get(sk);
	struct track *t = c ? track_of(c) : 0;

	if (t)
		life_on_ca(sock_as(sk), t, ca);
	return 0;
}

/*
 * Before that: a timeout's recovery has begun when its segment is sent again (tcp_retransmit_timer()),
 * and of a peer that has fallen silent no segment comes that would tell.
 */
SEC("?tp_btf/tcp_retransmit_skb")
int TP_PROG(flow_retrans_tp, struct sock *sk)
{
	struct conn *c = conn_get(sk);
	struct track *t = c ? track_of(c) : 0;

	sk = sock_as(sk);
	if (t)
		life_on_ca(sk, t, RD_BITS((struct inet_connection_sock *)sk, icsk_ca_state));
	return 0;
}

SEC("?tp_btf/tcp_receive_reset")
int TP_PROG(flow_reset_tp, struct sock *sk)
{
	struct conn *c = conn_get(sk);
	struct track *t = c ? track_of(c) : 0;

	if (t)
		life_on_reset(sock_as(sk), t);
	return 0;
}

/* linux/seq_file.h */
struct seq_file___room {
	size_t size;
	size_t count;
} __attribute__((preserve_access_index));

/* As seq_write() has it: without room nothing is written, and the iterator shows the socket again. */
static __always_inline bool seq_has_room(struct seq_file *seq, size_t n)
{
	const struct seq_file___room *s = (const void *)seq;

	return s->count + n < s->size;
}

/*
 * What is still open when the tracer ends: run by user space, which reads the
 * records from the iterator itself, so that none can be lost.
 */
SEC("?iter/tcp")
int life_open(struct bpf_iter__tcp *ctx)
{
	struct sock *sk = (struct sock *)ctx->sk_common;
	struct ev_ends e;
	struct ev_life l;
	struct flow f;
	__u64 now = bpf_ktime_get_ns();
	__u8 state;

	if (!sk)
		return 0;
	sk = sock_as(sk);
	state = RD(sk, __sk_common.skc_state);
	if (!state_is_full(state) || state == ST_LISTEN || state == ST_CLOSE || !flow_get(&f, sk))
		return 0;
	sock_ends(&e, sk, 1);
	if ((f.t->bits & TRACK_DONE) || !conn_passes(f.c, &e))
		return 0;
	__builtin_memset(&l, 0, sizeof(l));
	if (!seq_has_room(ctx->meta->seq, sizeof(l))) {
		bpf_seq_write(ctx->meta->seq, &l, sizeof(l)); /* tells the iterator so */
		return 0;
	}
	/* Before it is written, as its end may come now, and is told by whoever sets this. */
	f.t->bits |= TRACK_DONE;
	l.hdr.type = EV_LIFE;
	l.hdr.len = sizeof(l);
	l.hdr.hook = HOOK_LIFE;
	l.hdr.mono_ns = now;
	life_fill(&l, sk, f.c, f.t, &e, now);
	l.state = state;
	bpf_seq_write(ctx->meta->seq, &l, sizeof(l));
	return 0;
}

#endif
