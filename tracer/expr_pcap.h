/* SPDX-License-Identifier: BSD-2-Clause */
/* libpcap, whose <pcap/bpf.h> and the kernel's <linux/bpf.h> exclude each other. */
#ifndef TCPLENS_EXPR_PCAP_H
#define TCPLENS_EXPR_PCAP_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct expr_prog;

/* 0; -EINVAL with libpcap's sentence in why; -ENOMEM. */
int expr_pcap_compile(const char *text, bool ethernet, struct expr_prog *p, char *why, size_t len);

/* Does libpcap let n of a packet's wire_len bytes pass? */
bool expr_pcap_filter(const struct expr_prog *p, const void *data, __u32 wire_len, __u32 n);

#endif
