/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap-filter expressions.  libpcap compiles them to classic BPF, once for
 * packets that begin with an Ethernet header, once for those that begin with
 * the IP header.  Evaluated in the kernel, translated (expr_ebpf.c), where all
 * that is looked at lies in the headers for certain (expr_reach.c); else here.
 */
#ifndef TCPLENS_EXPR_H
#define TCPLENS_EXPR_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/filter.h>

#include "event.h"

struct expr_prog {
	struct sock_filter *insns;
	size_t n;
};

struct expr {
	char *text;
	struct expr_prog eth, ip; /* for RAW_LINK_ETHERNET, RAW_LINK_IP */
	__u32 payload; /* how many bytes behind the headers it may look at; 0: it can be asked in the kernel */
};

/*
 * Joins the words as tcpdump does, and compiles them.  0, or a negative errno
 * with one sentence in err.  The caller frees also after a failure.
 */
int expr__compile(struct expr *e, char *const *words, size_t nwords, char *err, size_t errlen);

/* libpcap's verdict on a packet. */
bool expr_matches(const struct expr *e, const struct ev_raw *r);

/* Safe on a zeroed struct. */
void expr__free(struct expr *e);

/*
 * How many bytes behind the headers a program may look at, whatever the TCP
 * packet; at most RAW_SNAP_MAX.  `mac_len`: of the header in front of IP.
 */
__u32 expr_reach(const struct expr_prog *p, __u32 mac_len);

/* expr_match() of bpf/expr.bpf.h. */
struct expr_code {
	struct bpf_insn *insns;
	size_t n, cap;
};

/* 0; -E2BIG: too long for a jump; -EINVAL: not what libpcap makes; -ENOMEM. */
int expr_translate(const struct expr *e, struct expr_code *code);

void expr_code__free(struct expr_code *c);

#endif
