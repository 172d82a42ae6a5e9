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
	__u64 tcp[2]; /* the first 16 bytes of the TCP header, as they lie there */
	__u32 len; /* TCP header and payload */
	__u8 ip;  /* 4 or 6 */
	__u8 ttl; /* or hop limit; with `ih` */
	__u8 tos; /* DSCP << 2 | ECN; with `ih` */
	/* What the rest is about: filled by packet_frame(), only where it is needed. */
	__u16 link;		 /* RAW_LINK_* */
	union {
		void *start;		/* first header: Ethernet, or IP */
		struct net_device *dev; /* until then: for those who have use for the room */
	};
	struct sk_buff *trusted; /* the skb as the verifier trusts it; NULL: it does not */
	__u8 direct;		 /* `trusted` is there: a constant to the compiler */
};

/*
 * A field of the packet's skb.  What a tracepoint hands over is trusted: the
 * load is one instruction, and not the ten with which the kernel makes sure of an
 * address (convert_ctx_accesses(); before 6.2 they are the same).
 */
#define SKB(p, f) ((p)->direct ? (p)->trusted->f : RD((p)->skb, f))

#define PACKET_TRUSTED(skb_) { .trusted = (skb_), .direct = 1 }

/*
 * Does ifb hand it back to the device that it came from, so that it has passed there before
 * (ifb_ri_tasklet(), which sets skb_iif)?  On a device behind that the bit may still be set.
 */
static __always_inline int is_back(struct sk_buff *skb)
{
	return bpf_core_field_exists(skb->tc_skip_classify) && RD_BITS(skb, tc_skip_classify);
}

/* It had arrived there; else it was on its way out, and arrives somewhere now. */
static __always_inline int is_back_in(struct sk_buff *skb)
{
	return is_back(skb) && bpf_core_field_exists(skb->from_ingress) && RD_BITS(skb, from_ingress);
}

/* Is its IP header there?  A tracepoint's packet has one, which so is no question for the verifier. */
static __always_inline int packet_has_ip(const struct packet *p)
{
	return p->direct || p->ih;
}

/*
 * In a number that was read from bytes as they lie there the first one is the
 * lowest: both architectures are little-endian ones.
 */
static __always_inline __be16 be16_in(__u64 word, int byte)
{
	return word >> (byte * 8);
}

static __always_inline __be32 be32_in(__u64 word, int byte)
{
	return word >> (byte * 8);
}

static __always_inline void packet_set_tcp(struct packet *p, void *th)
{
	p->th = th;
	read_16(p->tcp, th);
}

/* TCP header bytes 12 and 13: data offset, flags.  (Their C names are bit-fields.) */
static __always_inline __u16 packet_word(const struct packet *p)
{
	return bpf_ntohs(be16_in(p->tcp[1], 4));
}

static __always_inline __u32 packet_seq(const struct packet *p)
{
	return bpf_ntohl(be32_in(p->tcp[0], 4));
}

static __always_inline __u32 packet_ack(const struct packet *p)
{
	return bpf_ntohl(be32_in(p->tcp[1], 0));
}

static __always_inline __be16 packet_source(const struct packet *p)
{
	return be16_in(p->tcp[0], 0);
}

static __always_inline __be16 packet_dest(const struct packet *p)
{
	return be16_in(p->tcp[0], 2);
}

static __always_inline __be16 packet_window(const struct packet *p)
{
	return be16_in(p->tcp[1], 6);
}

/* Both in one number, to tell a segment from others. */
static __always_inline __u64 packet_seq_and_ack(const struct packet *p)
{
	return p->tcp[0] >> 32 << 32 | (__u32)p->tcp[1];
}

/* What a record tells of the IP header, whose first 16 bytes these are. */
static __always_inline void packet_set_ip(struct packet *p, const __u64 w[2])
{
	/* As a number of which the verifier knows nothing: it would follow each way to the end otherwise. */
	p->ip = (w[0] >> 4) & 15;
	if (p->ip == 4) {
		p->ttl = w[1];
		p->tos = w[0] >> 8;
	} else {
		p->ttl = w[0] >> 56;
		p->tos = bpf_ntohs(be16_in(w[0], 0)) >> 4; /* version, traffic class, flow label */
	}
}

static __always_inline void packet_read_ip(struct packet *p, void *ih)
{
	__u64 w[2];

	p->ih = ih;
	read_16(w, ih);
	packet_set_ip(p, w);
}

/* Bytes of the IP header; 0: not TCP, or not the first fragment. */
static __always_inline __u32 packet_v4(struct packet *p, const __u64 w[2])
{
	__u32 hlen = (w[0] & 15) * 4;
	__u16 tot = bpf_ntohs(be16_in(w[0], 2));

	if ((__u8)(w[1] >> 8) != IPPROTO_TCP || be16_in(w[0], 6) & bpf_htons(0x1fff))
		return 0;
	/* 0: larger than 64 KiB (BIG TCP); otherwise skb->len may count Ethernet padding. */
	if (tot)
		p->len = tot - hlen;
	return hlen;
}

/*
 * Bytes of an IPv6 header with what stands between it and a TCP header; 0: there is
 * none.  Rare: a global function with plain numbers for arguments is verified once.
 */
__attribute__((weak)) __noinline __u32 v6_skip(__u64 ih, __u32 next)
{
	__u32 hlen = sizeof(struct ipv6hdr);

	for (int i = 0; i < 3 && (next == NEXTHDR_HOP || next == NEXTHDR_DEST); i++) {
		__u16 ext = bpf_ntohs(RAW16((void *)ih + hlen));

		next = ext >> 8;
		hlen += ((ext & 0xff) + 1) * 8;
	}
	return next == IPPROTO_TCP ? hlen : 0;
}

/* The same; what stands between the two headers is counted to the first. */
static __always_inline __u32 packet_v6(struct packet *p, const __u64 w[2])
{
	__u32 hlen = sizeof(struct ipv6hdr);
	__u16 plen = bpf_ntohs(be16_in(w[0], 4));
	__u8 next = w[0] >> 48;

	if (next != IPPROTO_TCP)
		hlen = v6_skip(forget((__u64)p->ih), next);
	if (!hlen)
		return 0;
	if (plen) /* 0: jumbogram */
		p->len = plen - (hlen - sizeof(struct ipv6hdr));
	return hlen;
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
	unsigned char *head, *data;
	__u32 len, data_len, hlen = 0;
	__be16 proto;
	__u64 w[2];

	p->skb = skb;
	head = SKB(p, head);
	data = SKB(p, data);
	proto = SKB(p, protocol);
	len = SKB(p, len);
	data_len = SKB(p, data_len);
	p->ih = head + off;
	p->len = 0;
	read_16(w, p->ih);
	if (proto == bpf_htons(ETH_P_IP))
		hlen = packet_v4(p, w);
	else if (proto == bpf_htons(ETH_P_IPV6))
		hlen = packet_v6(p, w);
	if (!hlen)
		return 0;
	p->th = p->ih + hlen;
	if (p->th + sizeof(struct tcphdr) > (void *)data + (len - data_len))
		return -1;
	packet_set_ip(p, w);
	if (!p->len)
		packet_len_from_skb(p, len, data);
	/* From here on IPv4 and IPv6 are one way. */
	p->ih = (void *)forget((__u64)p->ih);
	p->th = (void *)forget((__u64)p->th);
	p->len = forget(p->len);
	packet_set_tcp(p, p->th);
	return 1;
}

/* Where its device is; NULL: it has none (any more). */
static __always_inline struct net *skb_net(struct sk_buff *skb)
{
	struct net_device *dev = RD(skb, dev);

	return dev ? RD(AS(struct net_device, dev), nd_net.net) : 0;
}

#define MAC_LEN_MAX (ETH_HLEN + 8) /* two VLAN tags */

/*
 * a - b, as a number, of which each may be a number already to the verifier (forget()):
 * the difference of a pointer and a number is a pointer, with which it allows nothing in
 * 32 bits (7.3), and that of a number and a pointer it does not allow.
 */
static __always_inline __u32 ptr_diff(void *a, void *b)
{
	return forget((__u64)a) - forget((__u64)b);
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

static __always_inline __u16 packet_segs(struct packet *p)
{
	struct skb_shared_info *si = AS(struct skb_shared_info, SKB(p, head) + SKB(p, end));
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
	__u8 kind = 0;

	do {
		__u64 other, nop;
		__u32 n;

		/*
		 * Or clang enters the loop in its middle, and a step that falls
		 * through to an earlier one is refused by 5.10 and 6.1: "back-edge"
		 * (check_cfg()).
		 */
		barrier_var(i);
		kind = opts[i & 63];
		if (kind == TCPOPT_EOL || kind == TCPOPT_TIMESTAMP)
			break;
		/* Without a branch, of which the verifier would follow both ways at each step. */
		other = kind ^ TCPOPT_NOP;
		barrier_var(other);
		nop = (other - 1) >> 63;
		n = nop | opts[(i + 1) & 63] * (1 - nop);
		if (!n) /* 1 makes no sense either, and does no harm */
			return 0;
		i = (i + n) & 63; /* one range, whichever step the loop is left from */
		barrier_var(left); /* or clang counts upwards, and has to look for an overflow */
	} while (--left);
	return kind == TCPOPT_TIMESTAMP ? be64_at(&opts[(i + 2) & 63]) : 0;
}

/* Where Linux puts it, behind two NOPs, it is found at once. */
static __always_inline void read_ts(struct ev_segment *s, void *th, __u32 hlen)
{
	void *opts = th + sizeof(struct tcphdr);
	__u32 n = hlen - sizeof(struct tcphdr);
	__u64 w[2], ts;

	if (n < 10 || n > TCP_OPTS_MAX)
		return;
	/* Checksum, urgent pointer, and twelve bytes of options. */
	read_16(w, opts - 4);
	if (be32_in(w[0], 4) == bpf_htonl(0x0101080a)) {
		ts = __builtin_bswap64(w[1]);
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
	__u32 hlen = (word >> 12) * 4;

	s->seq = packet_seq(p);
	s->ack = bpf_ntohl(be32_in(p->tcp[1], 0));
	s->win = bpf_ntohs(packet_window(p));
	s->flags = word & 0x1ff;
	s->len = p->len - hlen;
	read_ts(s, p->th, hlen);
}

static __always_inline void read_ip(struct ev_segment *s, struct packet *p)
{
	if (!packet_has_ip(p))
		return;
	s->has |= SEG_HAS_IP;
	s->ttl = p->ttl;
	s->tos = p->tos;
}

/* Ethernet addresses, where the skb has such a header in front of the IP header. */
static __always_inline void read_mac(struct ev_segment *s, struct packet *p)
{
	__u16 mac = SKB(p, mac_header);
	unsigned char *head = SKB(p, head);
	__u64 w[2];

	if (!packet_has_ip(p) || mac == (__u16)~0)
		return;
	if ((unsigned char *)p->ih - (head + mac) < ETH_HLEN)
		return;
	read_16(w, head + mac);
	__builtin_memcpy(s->dmac, w, 6);
	w[1] = w[0] >> 48 | w[1] << 16;
	__builtin_memcpy(s->smac, &w[1], 6);
	s->has |= SEG_HAS_MAC;
}

/* The ends as the packet has them; `in`: the destination is local. */
static __always_inline void packet_ends(struct ev_ends *e, struct packet *p, int in)
{
	__u8 *src = in ? e->raddr : e->laddr, *dst = in ? e->laddr : e->raddr;
	__u16 sport = bpf_ntohs(packet_source(p)), dport = bpf_ntohs(packet_dest(p));

	if (p->ip == 4) {
		__u64 w[2];

		read_16(w, p->ih + 12); /* source, destination, and what follows them */
		addr_from_v4(src, be32_in(w[0], 0));
		addr_from_v4(dst, be32_in(w[0], 4));
	} else {
		read_16((__u64 *)src, p->ih + 8);
		read_16((__u64 *)dst, p->ih + 24);
	}
	e->lport = in ? dport : sport;
	e->rport = in ? sport : dport;
	e->ip = p->ip;
	e->pad[0] = e->pad[1] = e->pad[2] = 0;
}

#endif
