// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include "packets.h"

#define SYN TF_SYN
#define ACK TF_ACK
#define PSH (TF_PSH | TF_ACK)
#define GET "GET / HTTP/1.0\r\n\r\n"

const struct packet_desc packets[] = {
	{ "10.0.0.1", "10.0.0.2", 40000, 80, 0x80000001, 0, SYN, 64, 0, 0, 20, 64240, "", 0, false },
	{ "10.0.0.2", "10.0.0.1", 80, 40000, 77, 0x80000002, SYN | ACK, 64, 0, 0, 20, 65160, "", 0, false },
	{ "10.0.0.1", "10.0.0.2", 40000, 80, 0x80000002, 78, ACK, 64, 0, 0, 12, 502, "", 0, false },
	{ "10.0.0.1", "10.0.0.2", 40000, 80, 0x80000002, 78, PSH, 64, 0, 0, 12, 502, GET, 0, false },
	{ "10.0.0.1", "10.0.0.2", 40000, 80, 0x80000002, 78, PSH, 64, 0, 0, 0, 502, GET, 0, false },
	{ "10.0.0.2", "10.0.0.1", 80, 40000, 78, 500, ACK, 63, 0, 0, 12, 502, "HTTP/1.0 200", 1400, false },
	{ "10.0.0.2", "10.0.0.1", 80, 40000, 1478, 500, ACK | TF_FIN, 63, 0xb8, 0, 12, 502, "", 0, false },
	{ "10.0.0.3", "192.168.1.1", 443, 8080, 5, 6, PSH, 1, 3, 0, 0, 5, "B", 60, false },
	{ "192.168.1.1", "10.0.0.3", 8080, 443, 6, 66, TF_RST | ACK, 255, 2, 0, 0, 0, "", 0, false },
	{ "192.168.1.1", "192.168.1.2", 22, 50000, 1, 1, PSH, 65, 0x10, 8, 12, 1000, "SSH-2.0-x\r\n", 0, false },
	{ "192.168.1.2", "192.168.1.1", 50000, 22, 1, 1, PSH, 70, 0x10, 40, 40, 1000, GET, 10, false },
	{ "8.8.8.8", "10.0.0.1", 53, 81, 1, 0, SYN, 32, 0, 0, 0, 1024, "", 0, false },
	{ "fd00::1", "fd00::2", 40001, 80, 9, 0, SYN, 64, 0, 0, 20, 64800, "", 0, false },
	{ "fd00::2", "fd00::1", 80, 40001, 8, 10, SYN | ACK, 64, 0, 0, 20, 64800, "", 0, false },
	{ "fd00::1", "fd00::2", 40001, 80, 10, 9, PSH, 64, 0, 0, 12, 500, GET, 100, false },
	{ "fd00::1", "2001:db8::5", 40002, 443, 10, 9, PSH, 255, 1, 0, 0, 500, "\x16\x03\x01", 514, false },
	{ "2001:db8::5", "fd00::1", 443, 40002, 9, 527, ACK | TF_FIN, 58, 0, 0, 12, 500, "", 0, false },
	{ "10.0.0.1", "10.0.0.2", 40000, 80, 1, 0, SYN, 64, 0, 0, 20, 64240, "", 0, true },
	{ "10.0.0.2", "10.0.0.1", 80, 40000, 78, 500, PSH, 60, 0, 0, 12, 502, GET, 30, true },
	{ "172.16.0.1", "172.16.0.2", 8001, 401, 78, 500, PSH, 60, 0, 4, 0, 502, GET, 1300, true },
	{ "fd00::1", "fd00::2", 40001, 80, 9, 0, SYN, 64, 0, 0, 20, 64800, "", 0, true },
	{ "fd00::2", "fd00::9", 80, 8080, 9, 4, PSH, 64, 0, 0, 0, 64800, GET, 7, true },
};

const size_t npackets = COUNT(packets);

static __u8 *put16(__u8 *p, __u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
	return p + 2;
}

static __u8 *put32(__u8 *p, __u32 v)
{
	return put16(put16(p, v >> 16), v);
}

static __u8 *put_ip4(__u8 *p, const struct packet_desc *d, __u32 len)
{
	__u8 src[16], dst[16];

	addr_set(src, d->src);
	addr_set(dst, d->dst);
	*p++ = 0x40 | (5 + d->ip_opts / 4);
	*p++ = d->tos;
	p = put16(p, 20 + d->ip_opts + len);
	p = put32(p, 0x12344000);
	*p++ = d->ttl;
	*p++ = 6;
	p = put16(p, 0);
	memcpy(p, src + 12, 4);
	memcpy(p + 4, dst + 12, 4);
	p += 8;
	memset(p, 1, d->ip_opts);
	return p + d->ip_opts;
}

static __u8 *put_ip6(__u8 *p, const struct packet_desc *d, __u32 len)
{
	p = put32(p, 6U << 28 | d->tos << 20);
	p = put16(p, len);
	*p++ = 6;
	*p++ = d->ttl;
	addr_set(p, d->src);
	addr_set(p + 16, d->dst);
	return p + 32;
}

static __u8 *put_tcp(__u8 *p, const struct packet_desc *d)
{
	static const __u8 mss[] = { 2, 4, 5, 0xb4 };

	p = put16(p, d->sport);
	p = put16(p, d->dport);
	p = put32(p, d->seq);
	p = put32(p, d->ack);
	*p++ = (5 + d->tcp_opts / 4) << 4;
	*p++ = d->flags;
	p = put16(p, d->win);
	p = put16(p, d->sport & 1 ? 0xbeef : 0);
	p = put16(p, 0);
	memset(p, 1, d->tcp_opts);
	if (d->tcp_opts >= 20)
		memcpy(p, mss, sizeof(mss));
	return p + d->tcp_opts;
}

struct ev_raw *packet_make(const struct packet_desc *d)
{
	static const __u8 macs[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	static __u64 room[(sizeof(struct ev_raw) + 4096) / 8];
	struct ev_raw *r = (struct ev_raw *)room;
	__u32 n = strlen(d->payload), tcp = 20 + d->tcp_opts + n + d->pad;
	bool v6 = strchr(d->src, ':');
	__u8 *p = r->data;

	memset(room, 0, sizeof(room));
	r->link = d->bare ? RAW_LINK_IP : RAW_LINK_ETHERNET;
	if (!d->bare) {
		memcpy(p, macs, sizeof(macs));
		if (d->sport < d->dport) { /* the other direction */
			p[5] = 1;
			p[11] = 2;
		}
		p = put16(p + 12, v6 ? 0x86dd : 0x0800);
	}
	r->ip_off = p - r->data;
	p = v6 ? put_ip6(p, d, tcp) : put_ip4(p, d, tcp);
	r->tcp_off = p - r->data;
	p = put_tcp(p, d);
	r->payload_off = p - r->data;
	memcpy(p, d->payload, n);
	memset(p + n, 'B', d->pad);
	r->orig_len = r->cap_len = r->payload_off + n + d->pad;
	return r;
}

struct ev_raw *packet_cut(const struct ev_raw *whole, __u32 snap)
{
	static __u64 room[(sizeof(struct ev_raw) + 4096) / 8];
	struct ev_raw *r = (struct ev_raw *)room;

	memset(room, 0xee, sizeof(room)); /* what is beyond must not be looked at */
	memcpy(r, whole, sizeof(*r));
	if (snap < r->cap_len - r->payload_off)
		r->cap_len = r->payload_off + snap;
	memcpy(r->data, whole->data, r->cap_len);
	return r;
}
