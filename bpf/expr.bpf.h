/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The user's pcap-filter expression. */
#ifndef TCPLENS_EXPR_BPF_H
#define TCPLENS_EXPR_BPF_H

#include "packet.bpf.h"

/*
 * Not 0: the packet passes.  Its body, in zz_expr.bpf.c, is replaced before load by
 * the translated expression (tracer/expr_elf.c).
 */
int expr_match(__u64 start, __u32 len, __u32 wire_len, __u32 link);

/* Also finds the packet's first header, for raw.bpf.h. */
static __always_inline int expr_pass(struct packet *p)
{
	struct sk_buff *skb = p->skb; /* for CO-RE's sake outside of p */
	__u64 at;

	if (!cfg.raw && !cfg.expr)
		return 1;
	packet_frame(p);
	if (!cfg.expr)
		return 1;
	/* A number, not a pointer: that is all a global function may be given. */
	bpf_core_read(&at, sizeof(at), &skb->head);
	at += ptr_diff(p->start, (void *)RD(skb, head));
	return expr_match(at, packet_linear(p, p->start), ptr_diff(p->th, p->start) + p->len, p->link);
}

#endif
