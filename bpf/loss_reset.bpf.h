/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Resets, sent and received. */
#ifndef TCPLENS_LOSS_RESET_BPF_H
#define TCPLENS_LOSS_RESET_BPF_H

#include "loss.bpf.h"

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

/* With a segment: in answer to it, and the socket may be none, a listener, TIME-WAIT. */
SEC("?tp_btf/tcp_send_reset")
int TP_PROG(loss_reset_out, struct sock *sk, struct sk_buff *skb)
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
	emit_submit(r);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int TP_PROG(loss_closed, struct sock *sk, int old, int new)
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
int TP_PROG(loss_reset_in, struct sock *sk)
{
	struct about a = {};
	struct ev_trouble *r;

	if (is_abort_on_data(sk))
		return 0;
	about_sock(&a, sk, DIR_IN);
	r = trouble_new(&a, EV_RESET, 0);
	if (r)
		emit_submit(r);
	return 0;
}

#endif
