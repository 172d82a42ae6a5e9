/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Kernel drift: each entry names the version and commit that changed it. */
#ifndef TCPLENS_COMPAT_BPF_H
#define TCPLENS_COMPAT_BPF_H

#include "read.bpf.h"

/*
 * 5.6 (bf9765145b85): sk_protocol and sk_type, bit-fields of one word until
 * then, became members of their own.  A bit-field read serves both.
 */
static __always_inline __u16 sk_protocol(struct sock *sk)
{
	return RD_BITS(sk, sk_protocol);
}

static __always_inline __u16 sk_type(struct sock *sk)
{
	return RD_BITS(sk, sk_type);
}

/* CONFIG_IPV6=n: no skc_v6_* members. */
static __always_inline void sock_v6_addrs(struct sock *sk, __u8 l[16], __u8 r[16])
{
	if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		RD_IN6(l, sk, __sk_common.skc_v6_rcv_saddr);
		RD_IN6(r, sk, __sk_common.skc_v6_daddr);
	} else {
		__builtin_memset(l, 0, 16);
		__builtin_memset(r, 0, 16);
	}
}

#endif
