/* SPDX-License-Identifier: BSD-2-Clause */
/* Made-up TCP packets of many kinds, as records have them. */
#ifndef TCPLENS_UNIT_PACKETS_H
#define TCPLENS_UNIT_PACKETS_H

#include "event.h"

struct packet_desc {
	const char *src, *dst;
	__u16 sport, dport;
	__u32 seq, ack;
	__u8 flags;
	__u8 ttl, tos;
	__u8 ip_opts, tcp_opts; /* bytes, multiples of 4 */
	__u16 win;
	const char *payload;
	__u16 pad; /* further payload */
	bool bare; /* no Ethernet header */
};

extern const struct packet_desc packets[];
extern const size_t npackets;

/* All of the packet, in memory that the next call uses again. */
struct ev_raw *packet_make(const struct packet_desc *d);

/* The same with `snap` bytes of payload, as the kernel side would store it. */
struct ev_raw *packet_cut(const struct ev_raw *whole, __u32 snap);

#endif
