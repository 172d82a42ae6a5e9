// SPDX-License-Identifier: BSD-2-Clause
#include "frame.h"

#include <string.h>

#define TCP_CSUM_AT 16
#define TCP_HLEN_MIN 20U
#define PROTO_TCP 6

/* The sum of RFC 1071, not folded; `n` bytes at an even offset. */
static __u64 sum_words(__u64 sum, const __u8 *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += p[n - 1] << 8;
	return sum;
}

static __u16 fold(__u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* `ip`: the IP header; the TCP header is `tcp_at` bytes behind, and `n` bytes from there on are TCP. */
static void finish_checksum(__u8 *ip, size_t tcp_at, size_t n)
{
	__u8 *tcp = ip + tcp_at;
	__u64 sum = PROTO_TCP + n;
	__u16 csum;

	if (ip[0] >> 4 == 4 && tcp_at >= 20)
		sum = sum_words(sum, ip + 12, 8);
	else if (ip[0] >> 4 == 6 && tcp_at >= 40)
		sum = sum_words(sum, ip + 8, 32);
	else
		return;
	tcp[TCP_CSUM_AT] = tcp[TCP_CSUM_AT + 1] = 0;
	csum = ~fold(sum_words(sum, tcp, n));
	tcp[TCP_CSUM_AT] = csum >> 8;
	tcp[TCP_CSUM_AT + 1] = csum;
}

static void put_mac(__u8 *buf, const struct ev_raw *r)
{
	int v6 = r->ip_off < r->cap_len && r->data[r->ip_off] >> 4 == 6;

	memset(buf, 0, FRAME_MAC_LEN);
	buf[12] = v6 ? 0x86 : 0x08;
	buf[13] = v6 ? 0xdd : 0x00;
}

struct frame frame_of(const struct ev_raw *r, bool always_mac, __u8 *buf)
{
	__u32 mac = always_mac && r->link != RAW_LINK_ETHERNET ? FRAME_MAC_LEN : 0;
	__u32 n = r->cap_len;
	struct frame f;

	if (n > FRAME_MAX - FRAME_MAC_LEN)
		n = FRAME_MAX - FRAME_MAC_LEN;
	if (mac)
		put_mac(buf, r);
	memcpy(buf + mac, r->data, n);
	f = (struct frame){ .p = buf, .len = mac + n, .orig_len = mac + r->orig_len };
	if ((r->flags & RAW_CSUM_PARTIAL) && n == r->orig_len && r->tcp_off <= n &&
	    n - r->tcp_off >= TCP_HLEN_MIN)
		finish_checksum(buf + mac + r->ip_off, r->tcp_off - r->ip_off, n - r->tcp_off);
	return f;
}
