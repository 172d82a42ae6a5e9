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
	void *end;

	if (!cfg.raw && !cfg.expr)
		return 1;
	packet_frame(p);
	if (!cfg.expr)
		return 1;
	end = (void *)RD(p->skb, data) + (RD(p->skb, len) - RD(p->skb, data_len));
	return expr_match((__u64)p->start, end - p->start, p->th - p->start + p->len, p->link);
}

#endif
