/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Headers of a packet: found in the skb, read into a record. */
#ifndef TCPLENS_PACKET_BPF_H
#define TCPLENS_PACKET_BPF_H

#include "filter.bpf.h"
#include "sock.bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define NEXTHDR_HOP 0
#define NEXTHDR_DEST 60
#define ETH_HLEN 14
#define TCP_OPTS_MAX 40 /* the data offset has 4 bits (RFC 9293 3.1) */
#define TCPOPT_EOL 0
#define TCPOPT_NOP 1
#define TCPOPT_TIMESTAMP 8

/*
 * Where the headers are.  The pointers are plain numbers to the verifier, to be
 * read through AS() and RD().
 */
struct packet {
	struct sk_buff *skb;
	void *th; /* TCP header */
	void *ih; /* IP header, or NULL: not made yet */
	__u32 len; /* TCP header and payload */
	__u8 ip;  /* 4 or 6 */
	/* What the rest is about: filled by packet_frame(), only where it is needed. */
	__u16 link;		 /* RAW_LINK_* */
	void *start;		 /* first header: Ethernet, or IP */
	struct sk_buff *trusted; /* the skb as the verifier trusts it; NULL: it does not */
};

/* TCP header bytes 12 and 13: data offset, flags. */
static __always_inline __u16 tcp_word(void *th)
{
	/* Their C names are bit-fields, differently ordered per endianness. */
	return bpf_ntohs(RAW16(th + 12, 0));
}

static __always_inline int packet_v4(struct packet *p)
{
	struct iphdr *h = AS(struct iphdr, p->ih);
	__u32 hlen;
	__u16 tot;

	if (RD(h, protocol) != IPPROTO_TCP || RD(h, frag_off) & bpf_htons(0x1fff))
		return 0;
	hlen = (RAW8(p->ih, 0) & 15) * 4;
	tot = bpf_ntohs(RD(h, tot_len));
	p->th = p->ih + hlen;
	/* 0: larger than 64 KiB (BIG TCP); otherwise skb->len may count Ethernet padding. */
	if (tot)
		p->len = tot - hlen;
	return 1;
}

static __always_inline int packet_v6(struct packet *p)
{
	struct ipv6hdr *h = AS(struct ipv6hdr, p->ih);
	__u32 hlen = sizeof(struct ipv6hdr);
	__u8 next;
	__u16 plen;

	next = RD(h, nexthdr);
	plen = bpf_ntohs(RD(h, payload_len));
	for (int i = 0; i < 3 && (next == NEXTHDR_HOP || next == NEXTHDR_DEST); i++) {
		__u16 ext = bpf_ntohs(RAW16(p->ih + hlen, 0));

		next = ext >> 8;
		hlen += ((ext & 0xff) + 1) * 8;
	}
	if (next != IPPROTO_TCP)
		return 0;
	p->th = p->ih + hlen;
	if (plen) /* 0: jumbogram */
		p->len = plen - (hlen - sizeof(struct ipv6hdr));
	return 1;
}

/* BIG TCP and GSO skbs carry no usable length in the IP header: then skb->len counts. */
static __always_inline void packet_len_from_skb(struct packet *p, __u32 len, void *data)
{
	p->len = len - (__u32)((unsigned char *)p->th - (unsigned char *)data);
}

/*
 * Finds TCP in a packet whose IP header starts `off` bytes into skb->head.
 * 1: found; 0: not TCP; -1: TCP, but not in the linear part (to be counted).
 */
static __always_inline int packet_parse(struct packet *p, struct sk_buff *skb, __u32 off)
{
	unsigned char *head = RD(skb, head);
	unsigned char *data = RD(skb, data);
	__be16 proto = RD(skb, protocol);
	__u32 len = RD(skb, len), data_len = RD(skb, data_len);
	int found = 0;

	p->skb = skb;
	p->ih = head + off;
	p->len = 0;
	if (proto == bpf_htons(ETH_P_IP)) {
		found = packet_v4(p);
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		found = packet_v6(p);
	}
	if (!found)
		return 0;
	/* As a number of which the verifier knows nothing: it would follow each way to the end otherwise. */
	p->ip = RAW8(p->ih, 0) >> 4;
	if (p->th + sizeof(struct tcphdr) > (void *)data + (len - data_len))
		return -1;
	if (!p->len)
		packet_len_from_skb(p, len, data);
	return 1;
}

#define MAC_LEN_MAX (ETH_HLEN + 8) /* two VLAN tags */

/*
 * a - b, as a number.  The barrier keeps the compiler from adding numbers to the
 * pointers first, in 32 bits, which the verifier forbids where it knows them
 * for pointers.
 */
static __always_inline __u32 ptr_diff(void *a, void *b)
{
	__u64 d = (__u64)a - (__u64)b;

	barrier_var(d);
	return d;
}

/* Bytes of the packet from `from` on that lie in the skb's linear part. */
static __always_inline __u32 packet_linear(struct packet *p, void *from)
{
	__u32 lin = RD(p->skb, len) - RD(p->skb, data_len), before;

	before = ptr_diff(from, (void *)RD(p->skb, data));
	lin -= before; /* negative in front of skb->data: then there is more */
	return (__s32)lin > 0 ? lin : 0;
}

/* The packet's first header: Ethernet's, if there is one in front of the IP header. */
static __always_inline void packet_frame(struct packet *p)
{
	__u16 mac = RD(p->skb, mac_header);
	void *m = (void *)RD(p->skb, head) + mac;
	__u32 mac_len = ptr_diff(p->ih, m);
	__be16 proto;

	p->start = p->ih;
	p->link = RAW_LINK_IP;
	if (mac == (__u16)~0 || mac_len < ETH_HLEN || mac_len > MAC_LEN_MAX)
		return;
	bpf_probe_read_kernel(&proto, sizeof(proto), p->ih - 2);
	if (proto != RD(p->skb, protocol))
		return;
	p->start = m;
	p->link = RAW_LINK_ETHERNET;
}

static __always_inline __u16 skb_segs(struct sk_buff *skb)
{
	struct skb_shared_info *si = AS(struct skb_shared_info, RD(skb, head) + RD(skb, end));
	__u16 n = RD(si, gso_segs);

	return n ? n : 1;
}

/*
 * The timestamps option (RFC 7323) in 40 bytes of options: value and echo in
 * one number, 0: none.  A global function with plain numbers for arguments is
 * verified once, and the masks keep every position in one range, so that the
 * verifier does not follow each path of the loop.
 */
__attribute__((weak)) __noinline __u64 ts_find(__u64 o0, __u64 o1, __u64 o2, __u64 o3, __u64 o4)
{
	/* Zeros behind: room for a masked index and what follows it; 0 also ends the list. */
	__u64 words[9] = { o0, o1, o2, o3, o4 };
	const __u8 *opts = (const __u8 *)words;
	__u32 i = 0, left = TCP_OPTS_MAX;

	do {
		__u8 kind, n;

		/*
		 * Or clang enters the loop in its middle, and a step that falls
		 * through to an earlier one is refused by 5.10 and 6.1: "back-edge"
		 * (check_cfg()).
		 */
		barrier_var(i);
		kind = opts[i & 63];
		if (kind == TCPOPT_EOL)
			return 0;
		if (kind == TCPOPT_TIMESTAMP)
			return be64_at(&opts[(i + 2) & 63]);
		n = opts[(i + 1) & 63];
		if (kind == TCPOPT_NOP)
			n = 1;
		if (!n) /* 1 makes no sense either, and does no harm */
			return 0;
		i += n;
	} while (--left);
	return 0;
}

/* Where Linux puts it, behind two NOPs, it is found at once. */
static __always_inline void read_ts(struct ev_segment *s, void *th, __u32 hlen)
{
	void *opts = th + sizeof(struct tcphdr);
	__u32 n = hlen - sizeof(struct tcphdr);
	__u64 ts;

	if (n < 10 || n > TCP_OPTS_MAX)
		return;
	if (RAW32(opts, 0) == bpf_htonl(0x0101080a)) {
		ts = (__u64)bpf_ntohl(RAW32(opts, 1)) << 32 | bpf_ntohl(RAW32(opts, 2));
	} else {
		__u64 o[8] = {};

		/* A bound that still holds if the number went by the stack, where 5.10 forgets it. */
		barrier_var(n);
		bpf_probe_read_kernel(o, n & 63, opts);
		ts = ts_find(o[0], o[1], o[2], o[3], o[4]);
		if (!ts)
			return;
	}
	s->tsval = ts >> 32;
	s->tsecr = ts;
	s->has |= SEG_HAS_TS;
}

/* seq, ack, flags, len, window as in the header (not scaled), timestamps. */
static __always_inline void read_tcp(struct ev_segment *s, struct packet *p, __u16 word)
{
	struct tcphdr *h = AS(struct tcphdr, p->th);
	__u32 hlen = (word >> 12) * 4;

	s->seq = bpf_ntohl(RD(h, seq));
	s->ack = bpf_ntohl(RD(h, ack_seq));
	s->win = bpf_ntohs(RD(h, window));
	s->flags = word & 0x1ff;
	s->len = p->len - hlen;
	read_ts(s, p->th, hlen);
}

static __always_inline void read_ip(struct ev_segment *s, struct packet *p)
{
	if (!p->ih)
		return;
	s->has |= SEG_HAS_IP;
	if (p->ip == 4) {
		struct iphdr *h = AS(struct iphdr, p->ih);

		s->ttl = RD(h, ttl);
		s->tos = RD(h, tos);
	} else {
		s->ttl = RD(AS(struct ipv6hdr, p->ih), hop_limit);
		s->tos = bpf_ntohs(RAW16(p->ih, 0)) >> 4; /* version, traffic class, flow label */
	}
}

/* Ethernet addresses, where the skb has such a header in front of the IP header. */
static __always_inline void read_mac(struct ev_segment *s, struct packet *p)
{
	__u16 mac = RD(p->skb, mac_header);
	unsigned char *head = RD(p->skb, head);

	if (!p->ih || mac == (__u16)~0)
		return;
	if ((unsigned char *)p->ih - (head + mac) < ETH_HLEN)
		return;
	for (int i = 0; i < 3; i++) {
		__u16 d = RAW16(head + mac, i), m = RAW16(head + mac, i + 3);

		__builtin_memcpy(s->dmac + 2 * i, &d, 2);
		__builtin_memcpy(s->smac + 2 * i, &m, 2);
	}
	s->has |= SEG_HAS_MAC;
}

/* The ends as the packet has them; `in`: the destination is local. */
static __always_inline void packet_ends(struct ev_ends *e, struct packet *p, int in)
{
	struct tcphdr *h = AS(struct tcphdr, p->th);
	__u8 *src = in ? e->raddr : e->laddr, *dst = in ? e->laddr : e->raddr;
	__u16 sport = bpf_ntohs(RD(h, source)), dport = bpf_ntohs(RD(h, dest));

	if (p->ip == 4) {
		struct iphdr *ih = AS(struct iphdr, p->ih);

		addr_from_v4(src, RD(ih, saddr));
		addr_from_v4(dst, RD(ih, daddr));
	} else {
		struct ipv6hdr *ih = AS(struct ipv6hdr, p->ih);

		RD_IN6(src, ih, saddr);
		RD_IN6(dst, ih, daddr);
	}
	e->lport = in ? dport : sport;
	e->rport = in ? sport : dport;
	e->ip = p->ip;
	e->pad[0] = e->pad[1] = e->pad[2] = 0;
}

#endif
