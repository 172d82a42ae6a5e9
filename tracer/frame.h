/* SPDX-License-Identifier: BSD-2-Clause */
/* A record's packet as it goes on the wire, to be judged by others: libpcap, Wireshark. */
#ifndef TCPLENS_FRAME_H
#define TCPLENS_FRAME_H

#include <stdbool.h>

#include "event.h"

#define FRAME_MAX (RAW_HDR_MAX + RAW_SNAP_MAX + 16)

/* What a device without Ethernet lacks. */
#define FRAME_MAC_LEN 14

struct frame {
	__u32 len;	/* bytes at `p` */
	__u32 orig_len; /* of the whole packet */
	__u8 *p;
};

/*
 * Copies the packet into `buf` (FRAME_MAX bytes).
 *
 * always_mac: a packet without an Ethernet header gets one of zeros, as the
 * loopback device's have, so that a file is of one kind.
 *
 * A TCP checksum that the kernel left to the device is finished, where all of
 * the packet is there; where not, nobody can check it either.
 */
struct frame frame_of(const struct ev_raw *r, bool always_mac, __u8 *buf);

#endif
