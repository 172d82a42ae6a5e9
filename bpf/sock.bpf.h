/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The only reader of socket fields. */
#ifndef TCPLENS_SOCK_BPF_H
#define TCPLENS_SOCK_BPF_H

#include "compat.bpf.h"
#include "read.bpf.h"

#define AF_INET 2
#define AF_INET6 10
#define RCV_SHUTDOWN 1 /* in sk_shutdown */
#define SOCK_STREAM 1
#define S_IFMT 00170000
#define S_IFSOCK 0140000

enum { ST_ESTABLISHED = 1,
       ST_SYN_SENT,
       ST_SYN_RECV,
       ST_FIN_WAIT1,
       ST_FIN_WAIT2,
       ST_TIME_WAIT,
       ST_CLOSE,
       ST_CLOSE_WAIT,
       ST_LAST_ACK,
       ST_LISTEN,
       ST_CLOSING,
       ST_NEW_SYN_RECV };

/* Full sockets have all of struct sock; the two mini-sockets only its head (inet_sk_state, sk_fullsock()). */
static __always_inline int state_is_full(__u8 state)
{
	return state != ST_TIME_WAIT && state != ST_NEW_SYN_RECV;
}

/* A TCP socket proper: not the raw control socket that resets are sent through. */
static __always_inline int sock_is_tcp(struct sock *sk)
{
	return sk_protocol(sk) == IPPROTO_TCP && sk_type(sk) == SOCK_STREAM;
}

/*
 * Where tcp_receive_reset is: not a reset, but data after close(), for which
 * nobody is left (tcp_rcv_state_process(): TCP_ABORT_ON_DATA)?  It has been
 * counted by then (tcp_segs_in()); `segs` is what was counted at close().
 */
static __always_inline int is_data_after_close(struct sock *sk, __u32 segs)
{
	__u8 state = RD(sk, __sk_common.skc_state);

	return (state == ST_FIN_WAIT1 || state == ST_FIN_WAIT2) && (RD(sk, sk_shutdown) & RCV_SHUTDOWN) &&
	       RD((struct tcp_sock *)sk, data_segs_in) != segs;
}

static __always_inline void addr_from_v4(__u8 dst[16], __be32 a)
{
	__u32 *w = (__u32 *)dst;

	w[0] = 0;
	w[1] = 0;
	w[2] = bpf_htonl(0xffff);
	w[3] = a;
}

/* Without a branch, of which the verifier would follow both ways. */
static __always_inline int addr_is_v4(const __u8 a[16])
{
	const __u32 *w = (const __u32 *)a;
	__u64 other = w[0] | w[1] | (w[2] ^ bpf_htonl(0xffff));

	barrier_var(other);
	return (other - 1) >> 63;
}

static __always_inline __u32 net_inum(struct net *net)
{
	return net ? RD(AS(struct net, net), ns.inum) : 0;
}

static __always_inline __u32 sock_netns(struct sock *sk)
{
	return net_inum(RD(sk, __sk_common.skc_net.net));
}

/*
 * Both ports, the remote one in the lower half, as the kernel has them there too:
 * one load.  At CLOSE skc_num is already 0 (inet_put_port()), and inet_sport tells
 * the same port still (inet_csk_clone_lock(), __inet_bind()); mini-sockets lack that.
 */
static __always_inline __u32 sock_ports(struct sock *sk, int full)
{
	__u32 pair = RD(sk, __sk_common.skc_portpair);
	__u32 num = pair >> 16;

	if (full && !num)
		num = bpf_ntohs(RD((struct inet_sock *)sk, inet_sport));
	return num << 16 | bpf_ntohs((__be16)pair);
}

/* Both ends of any kind of socket. */
static __always_inline void sock_ends(struct ev_ends *e, struct sock *sk, int full)
{
	__u16 family = RD(sk, __sk_common.skc_family);
	__u32 ports = sock_ports(sk, full);

	if (family == AF_INET) {
		__u64 pair = RD(sk, __sk_common.skc_addrpair); /* skc_daddr, skc_rcv_saddr */

		addr_from_v4(e->laddr, pair >> 32);
		addr_from_v4(e->raddr, pair);
	} else {
		sock_v6_addrs(sk, e->laddr, e->raddr);
	}
	/* An unbound end of a v4-mapped socket is still ::, so either end tells. */
	e->ip = 6 - 2 * (addr_is_v4(e->raddr) | addr_is_v4(e->laddr));
	e->rport = ports;
	e->lport = ports >> 16;
	e->pad[0] = e->pad[1] = e->pad[2] = 0;
}

static __always_inline void sock_metrics(struct ev_segment *s, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	s->srtt_us = RD(tp, srtt_us) >> 3; /* kept times 8 (tcp_rtt_estimator()) */
	s->min_rtt_us = RD(tp, rtt_min.s[0].v);
	s->cwnd = RD(tp, snd_cwnd);
	s->ssthresh = RD(tp, snd_ssthresh);
	s->unacked = RD(tp, snd_nxt) - RD(tp, snd_una);
	s->retrans = RD(tp, total_retrans);
}

static __always_inline __u8 sock_snd_wscale(struct sock *sk)
{
	return RD_BITS((struct tcp_sock *)sk, rx_opt.snd_wscale);
}

static __always_inline __u8 sock_rcv_wscale(struct sock *sk)
{
	return RD_BITS((struct tcp_sock *)sk, rx_opt.rcv_wscale);
}

/*
 * Made by the kernel for itself (sock_create_kern()).  MPTCP makes its subflows
 * that way on behalf of a process, which is the one to name.
 */
static __always_inline int sock_is_kernels(struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (!RD_BITS(sk, sk_kern_sock))
		return 0;
	return !(bpf_core_field_exists(tp->is_mptcp) && RD(tp, is_mptcp));
}

#endif
