/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The packet itself, for Wireshark and for filter expressions: struct ev_raw
 * behind a segment's record.  All of it is dead code where cfg.raw is 0.
 */
#ifndef TCPLENS_RAW_BPF_H
#define TCPLENS_RAW_BPF_H

#include "emit.bpf.h"
#include "packet.bpf.h"

/* Room for the last, partly used 8 bytes, which are zeroed at once. */
#define RAW_SMALL (sizeof(struct ev_segment) + sizeof(struct ev_raw) + RAW_HDR_MAX + RAW_SLACK)

#define CHECKSUM_PARTIAL 3 /* include/linux/skbuff.h */

#ifdef DIRECT_READS
/* The kernel's is opaque and has the same size everywhere (bpf_dynptr_kern). */
struct bpf_dynptr {
	__u64 opaque[2];
} __attribute__((aligned(8)));

struct __sk_buff {
	__u32 len;
};

static int (*const bpf_dynptr_from_skb)(struct __sk_buff *skb, __u64 flags,
				       struct bpf_dynptr *ptr) = (void *)KFUNC_bpf_dynptr_from_skb;
#endif

/* A device's name, for hooks behind the point where TCP forgets the device (tcp_v4_rcv()). */
static __always_inline void dev_name_known(char name[16], __u32 netns, __u32 ifindex)
{
	struct dev_key k = { netns, ifindex };
	char *known = bpf_map_lookup_elem(&dev_names, &k);

	if (known)
		__builtin_memcpy(name, known, 16);
}

static __always_inline void raw_device(struct ev_raw *r, struct packet *p, __u32 netns)
{
	struct net_device *dev = RD(p->skb, dev);

	__builtin_memset(r->ifname, 0, sizeof(r->ifname));
	if (dev) {
		dev = AS(struct net_device, dev);
		r->ifindex = RD(dev, ifindex);
		bpf_core_read(r->ifname, sizeof(r->ifname), &dev->name);
		return;
	}
	r->ifindex = RD(p->skb, skb_iif);
	dev_name_known(r->ifname, netns, r->ifindex);
}

/* The barrier keeps the comparison where the verifier sees it. */
static __always_inline __u32 at_most(__u32 n, __u32 max)
{
	barrier_var(n);
	if (n > max)
		n = max;
	return n;
}

/* The headers, contiguous in the linear part.  Returns their bytes. */
static __always_inline __u32 raw_headers(struct ev_raw *r, struct packet *p, __u16 word,
					 __u32 netns)
{
	__u32 ip_off = ptr_diff(p->ih, p->start), tcp_off = ptr_diff(p->th, p->start);
	__u32 hlen = tcp_off + (word >> 12) * 4, lin = packet_linear(p, p->start);
	__u32 n = at_most(hlen < lin ? hlen : lin, RAW_HDR_MAX);

	r->orig_len = tcp_off + p->len;
	r->cap_len = n;
	r->link = p->link;
	r->ip_off = ip_off;
	r->flags = RD_BITS(p->skb, ip_summed) == CHECKSUM_PARTIAL ? RAW_CSUM_PARTIAL : 0;
	r->tcp_off = tcp_off;
	r->payload_off = hlen;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	raw_device(r, p, netns);
	bpf_probe_read_kernel(r->data, n, p->start);
	return n;
}

/* Up to `snap` bytes behind the headers. */
static __always_inline void raw_payload(struct ev_raw *r, struct packet *p, __u32 hn, __u32 snap)
{
	__u32 left = r->orig_len - hn, n, lin;

	if (hn != r->payload_off)
		return; /* the headers are not whole */
	n = at_most(left, snap);
	lin = packet_linear(p, p->start + hn);
	if (n <= lin) {
		if (!bpf_probe_read_kernel(r->data + hn, n, p->start + hn))
			r->cap_len += n;
		return;
	}
#ifdef DIRECT_READS
	if (cfg.dynptr && p->trusted) {
		struct bpf_dynptr d;
		__u32 off = ptr_diff(p->start, (void *)RD(p->skb, data)) + hn;

		bpf_dynptr_from_skb((struct __sk_buff *)p->trusted, 0, &d);
		if (!bpf_dynptr_read(r->data + hn, n, &d, off, 0))
			r->cap_len += n;
		return;
	}
#endif
	n = at_most(lin, snap);
	if (!bpf_probe_read_kernel(r->data + hn, n, p->start + hn))
		r->cap_len += n;
}

/* Nothing of an older record stays behind the bytes, and the record ends with them. */
static __always_inline void raw_end(struct ev_segment *s, struct ev_raw *r, __u32 room)
{
	__u32 n = at_most(r->cap_len, room);

	__builtin_memset(r->data + n, 0, RAW_SLACK);
	s->raw = sizeof(*s) / 8;
	s->hdr.len = sizeof(*s) + sizeof(*r) + ((n + 7) & ~7U);
}

/* Puts the packet behind the record `s`, which has room for `snap` bytes of payload. */
static __always_inline void raw_fill(struct ev_segment *s, struct packet *p, __u16 word, __u32 netns,
				     __u32 snap)
{
	struct ev_raw *r = (struct ev_raw *)(s + 1);
	__u32 hn = raw_headers(r, p, word, netns);

	if (snap)
		raw_payload(r, p, hn, snap);
	raw_end(s, r, RAW_HDR_MAX + snap);
}

/* A SYN is kept aside: its packet too (park()). */
static SUBPROG int raw_park(struct packet *p, struct tuple *t, __u16 word)
{
	__u32 k = 0;
	struct raw_syn *r = bpf_map_lookup_elem(&raw_scratch, &k);

	if (!cfg.raw || !r)
		return 0;
	raw_headers((struct ev_raw *)r, p, word, t->netns);
	bpf_map_update_elem(&raw_parked, t, r, BPF_ANY);
	return 0;
}

/* Room that the record of a SYN that was kept aside takes, with its packet if there is one. */
static __always_inline __u64 raw_unpark_size(void)
{
	return cfg.raw ? RAW_SMALL : sizeof(struct ev_segment);
}

/* The packet of a SYN that was kept aside goes behind its record. */
static __always_inline void raw_unpark(struct ev_segment *s, struct tuple *t)
{
	struct raw_syn *r = bpf_map_lookup_elem(&raw_parked, t);

	if (!r)
		return;
	__builtin_memcpy(s + 1, r, sizeof(*r));
	raw_end(s, (struct ev_raw *)(s + 1), RAW_HDR_MAX);
	bpf_map_delete_elem(&raw_parked, t);
}

/*
 * Not inline: dead code in most runs, so there should be little of it to load.
 * The record is reserved by the caller: where a function returned it, 6.1 took
 * the caller's check for NULL for a way to lose it ("Unreleased reference").
 */
static SUBPROG int raw_small(struct ev_segment *s, struct packet *p, __u16 word, __u32 netns)
{
	raw_fill(s, p, word, netns, 0);
	return 0;
}

static SUBPROG int raw_large(struct ev_segment *s, struct packet *p, __u16 word, __u32 netns)
{
	raw_fill(s, p, word, netns, cfg.snap);
	return 0;
}

/* Room for a segment's record; with cfg.raw its packet is in it already. */
static __always_inline struct ev_segment *segment_reserve(struct packet *p, __u16 word,
							  __u32 netns, enum ev_hook hook)
{
	struct ev_segment *s;

	if (cfg.raw && packet_has_ip(p) && cfg.snap && p->len > (word >> 12) * 4) {
		s = emit_reserve(hook, EV_SEGMENT, cfg.raw_max);
		if (s)
			raw_large(s, p, word, netns);
		return s;
	}
	if (cfg.raw && packet_has_ip(p)) {
		s = emit_reserve(hook, EV_SEGMENT, RAW_SMALL);
		if (s)
			raw_small(s, p, word, netns);
		return s;
	}
	s = emit_reserve(hook, EV_SEGMENT, sizeof(*s));
	if (s)
		s->raw = 0;
	return s;
}

#endif
