/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The only definition of what travels from the kernel to user space, included
 * by both sides.  Fixed-width integers, no pointers, no bit-fields, no holes:
 * a recording is a file header followed by these same records.
 *
 * Byte order: everything is in host order, except addresses, which are the 16
 * bytes of an IPv6 address as on the wire (IPv4 as ::ffff:a.b.c.d).
 */
#ifndef TCPLENS_EVENT_H
#define TCPLENS_EVENT_H

#ifndef __VMLINUX_H__
#include <stdint.h>
#include <linux/types.h>
#endif

enum ev_type {
	EV_NONE = 0,
	EV_SEGMENT = 1, /* struct ev_segment */
	EV_STATE = 2,	/* struct ev_state */
	EV_LOST = 3,	/* struct ev_lost; made by user space, never by a program */
	EV_CONNECT = 4, /* struct ev_attempt */
	EV_ACCEPT = 5,	/* struct ev_attempt */
	EV_RETRANSMIT = 6, /* struct ev_trouble, as the next three */
	EV_DROP = 7,
	EV_RESET = 8,
	EV_STALL = 9,
	EV_LIFE = 10,	/* struct ev_life */
	EV_LATENCY = 11, /* struct ev_latency */
	EV_SUM = 20,	/* struct ev_sum; made by user space */
	EV_PCTL = 21,	 /* struct ev_pctl; made by user space */
	EV_TYPE_MAX,
};

/* In a set of record types (1 << type): segments have their packet (struct ev_raw). */
#define EVENTS_PACKETS (1U << 31)

/* The hook a record comes from: what losses and costs are counted by. */
enum ev_hook {
	HOOK_SEG_OUT = 0,
	HOOK_SEG_IN,
	HOOK_STATE,
	HOOK_CONN, /* connection table full: owner and conn of what follows unknown */
	HOOK_LIFE,
	HOOK_LATENCY,
	HOOK_ATTEMPT, /* connects and accepts */
	HOOK_LOSS,    /* retransmits, drops, resets, stalls */
	HOOK_MAX,
};

/* How the owner is known (owner.bpf.h has the rules). */
enum ev_how {
	HOW_UNKNOWN = 0,
	HOW_CONNECT,  /* called connect() */
	HOW_ACCEPT,   /* accept() returned it */
	HOW_LISTENER, /* owner of the listening socket; not accepted yet, as far as seen */
	HOW_IO,	      /* sent or received last; closed it, if nobody was known to have used it */
	HOW_SEED,     /* held a descriptor of it when tracing began */
	HOW_KERNEL,   /* made by the kernel itself: no process */
	HOW_MAX,
};

enum ev_dir { DIR_OUT = 0, DIR_IN = 1 };

/* TCP header flags, as in bytes 12 and 13 of the header (RFC 9293, RFC 9768 for AE). */
#define TF_FIN 0x001
#define TF_SYN 0x002
#define TF_RST 0x004
#define TF_PSH 0x008
#define TF_ACK 0x010
#define TF_URG 0x020
#define TF_ECE 0x040
#define TF_CWR 0x080
#define TF_AE 0x100

struct ev_hdr {
	__u16 type; /* enum ev_type */
	__u16 len;  /* of the whole record, this header included; a multiple of 8 */
	__u8 hook;  /* enum ev_hook */
	__u8 pad[3]; /* 0; in a recording: the record's check */
	__u64 mono_ns; /* CLOCK_MONOTONIC at the hook */
};

/* Who: the connection and its owner.  `pid` 0: no process is known. */
struct ev_who {
	__u64 conn;	 /* connection id, unique in this run; 0: none */
	__u64 cgroup_id; /* cgroup v2 of the owner; 0: unknown */
	__u32 pid;	 /* thread group, in the initial pid namespace */
	__u32 tid;	 /* last thread that used the socket */
	__u32 uid;	 /* effective user of the owner; valid if pid != 0 */
	__u32 netns;	 /* inode of the network namespace; 0: unknown */
	char comm[16];	 /* of the thread group leader, NUL-padded; valid if pid != 0 */
	__u8 how;	 /* enum ev_how */
	__u8 pad[7];
};

/* Both ends; local is always the traced socket's side. */
struct ev_ends {
	__u8 laddr[16];
	__u8 raddr[16];
	__u16 lport; /* 0: none yet */
	__u16 rport;
	__u8 ip; /* 4 or 6; a v4-mapped connection is 4 */
	__u8 pad[3];
} __attribute__((aligned(8)));

/* ev_segment.has */
#define SEG_HAS_SOCK 0x01 /* srtt_us … retrans: there is a full socket */
#define SEG_HAS_IP 0x02	  /* ttl, tos */
#define SEG_HAS_MAC 0x04  /* smac, dmac */
#define SEG_HAS_TS 0x08	  /* tsval, tsecr */
#define SEG_HAS_WIN 0x10  /* win is scaled; else the scale is unknown and win is absent */
#define SEG_HAS_ISN 0x20  /* seq_base */
#define SEG_HAS_IACK 0x40 /* ack_base */

/* One skb that TCP sent or received: one segment, or `segs` of them coalesced. */
struct ev_segment {
	struct ev_hdr hdr;
	struct ev_who who;
	struct ev_ends ends;
	__u32 seq;
	__u32 ack; /* meaningful with TF_ACK */
	__u32 len; /* payload bytes, all segments together */
	__u32 win; /* bytes, scaled */
	__u32 seq_base; /* initial sequence number of this direction, or the first one seen */
	__u32 ack_base; /* the same of the other direction */
	__u32 tsval;
	__u32 tsecr;
	__u32 srtt_us;	  /* 0: no sample yet */
	__u32 min_rtt_us; /* ~0: no sample yet */
	__u32 cwnd;	  /* segments */
	__u32 ssthresh;	  /* segments; 0x7fffffff: not set yet (TCP_INFINITE_SSTHRESH) */
	__u32 unacked;	  /* bytes sent and not acknowledged */
	__u32 retrans;	  /* segments retransmitted in the connection's life */
	__u16 flags;	  /* TF_* */
	__u16 segs;	  /* wire segments in this skb, >= 1 */
	__u8 dir;	  /* enum ev_dir */
	__u8 state;	  /* kernel's TCP_* number before the segment; 0: no socket */
	__u8 has;	  /* SEG_HAS_* */
	__u8 ttl;	  /* or hop limit */
	__u8 tos;	  /* DSCP << 2 | ECN */
	__u8 smac[6];
	__u8 dmac[6];
	__u8 raw; /* where a struct ev_raw begins in this record, divided by 8; 0: there is none */
	__u8 pad[2];
};

/* ev_raw.link: pcap's LINKTYPE_* numbers */
#define RAW_LINK_ETHERNET 1
#define RAW_LINK_IP 101 /* begins with the IP header */

#define RAW_HDR_MAX 192	   /* Ethernet 22, IPv6 40, TCP 60, and 70 for extension headers */
#define RAW_SNAP_MAX 65000 /* of payload: ev_hdr.len has 16 bits */

/* The packet itself, behind its ev_segment: headers, and as much payload as was asked for. */
struct ev_raw {
	__u32 orig_len; /* of the packet, from the first header that is stored */
	__u32 cap_len;	/* bytes in `data` */
	__u32 ifindex;	/* device, in the namespace of who.netns; 0: unknown */
	__u16 link;	/* RAW_LINK_* */
	__u8 ip_off;	/* where in `data` the IP header is */
	__u8 flags;	/* RAW_* */
	__u16 tcp_off;	/* … the TCP header */
	__u16 payload_off;
	__u8 pad[4];
	char ifname[16]; /* NUL-padded; empty: unknown */
	__u8 data[];
};

/* ev_raw.flags */
#define RAW_CSUM_PARTIAL 0x01 /* the TCP checksum is left to the device (CHECKSUM_PARTIAL) */

/* ev_state.has */
#define STATE_HAS_IN_OLD 0x01 /* in_old_ns */
#define STATE_PARTIAL 0x02    /* the old state began before the tracer */

struct ev_state {
	struct ev_hdr hdr;
	struct ev_who who;
	struct ev_ends ends;
	__u64 in_old_ns; /* time spent in the old state */
	__u8 old;	 /* kernel's TCP_* numbers */
	__u8 new;
	__u8 has; /* STATE_* */
	__u8 pad[5];
};

/* What a connection's time went into (docs/life.md); an instant counts for the first that is true. */
enum ev_limit {
	LIMIT_HANDSHAKE = 0,
	LIMIT_LOSS,   /* lost segments are being repaired */
	LIMIT_RWND,   /* the peer's receive window is full */
	LIMIT_SNDBUF, /* the send buffer is too small */
	LIMIT_PATH,   /* congestion window: data is on its way */
	LIMIT_READER, /* our process does not read what has arrived */
	LIMIT_APP,    /* nothing to send: what remains, never stored */
	LIMIT_MAX,
};

/* How a connection ended, and by whom. */
enum ev_end {
	END_OPEN = 0, /* it has not */
	END_FIN,
	END_RST,
	END_TIMEOUT,
	END_EXIT,  /* our process died, and the kernel closed for it */
	END_CLOSE, /* given up by our process before it was established */
	END_ERROR, /* an error that the network reported: err */
	END_MAX,
};

enum ev_by { BY_NONE = 0, BY_LOCAL, BY_REMOTE, BY_MAX };

/* ev_life.has */
#define LIFE_PARTIAL 0x01     /* began before the tracer: dur_ns and limit_ns count from when it was seen */
#define LIFE_HAS_CONNECT 0x02 /* connect_ns */
#define LIFE_PASSIVE 0x04     /* the peer connected */
#define LIFE_HAS_DIR 0x08     /* whether LIFE_PASSIVE is known */

/* One connection, at its end or (END_OPEN) at the tracer's. */
struct ev_life {
	struct ev_hdr hdr;
	struct ev_who who;
	struct ev_ends ends;
	__u64 dur_ns;	  /* from connect(), or the SYN's arrival, to the end: handshake included */
	__u64 connect_ns; /* the handshake */
	__u64 tx_bytes;	  /* payload sent, each byte once: bytes_sent - bytes_retrans */
	__u64 rx_bytes;	  /* payload received in order: bytes_received without the FIN */
	__u64 retrans_bytes;
	__u64 limit_ns[LIMIT_APP]; /* by enum ev_limit, exclusive except for rounding */
	__u64 rtt_sum_us; /* of srtt at each of rtt_count received segments */
	__u32 rtt_count;
	__u32 srtt_us;	  /* 0: no sample */
	__u32 min_rtt_us; /* ~0: no sample */
	__u32 segs_out;
	__u32 segs_in;
	__u32 data_segs_out;
	__u32 data_segs_in;
	__u32 retrans; /* segments */
	__u32 err;     /* errno of the socket at its end; 0: none */
	__u8 end;      /* enum ev_end */
	__u8 by;       /* enum ev_by */
	__u8 state;    /* kernel's TCP_* number before the end, or now */
	__u8 has;      /* LIFE_* */
};

/* Where a connection waits. */
enum ev_part {
	PART_HANDSHAKE = 0, /* connect(), or the SYN's arrival, to established */
	PART_ACCEPTQ,	    /* established to accept() */
	PART_SENDQ,	    /* send() to the first transmission */
	PART_NETWORK,	    /* transmission to acknowledgment */
	PART_RECVQ,	    /* arrival of the first unread byte to its reading */
	PART_PEER,	    /* our last byte sent to the first byte of the answer */
	PART_OWN,	    /* the last byte read to our answer */
	PART_MAX,
};

/* ev_latency.has */
#define LATENCY_SINGLE 0x01  /* one wait, above config.outlier_ns: mono_ns is when it ended */
#define LATENCY_PASSIVE 0x02 /* the peer connected */
#define LATENCY_HAS_DIR 0x04 /* whether LATENCY_PASSIVE is known */

/* Waits of one part and about one length (bucket.h), of one connection, since they were told last. */
struct ev_latency {
	struct ev_hdr hdr;
	struct ev_who who;
	struct ev_ends ends;
	__u64 count;
	__u64 sum_ns;
	__u64 min_ns;
	__u64 max_ns;
	__u8 part; /* enum ev_part */
	__u8 has;  /* LATENCY_* */
	__u8 pad[2];
	__u32 owner_turn; /* grows as the connection changes its owner: of its records the latest has the last one */
};

/* What the records of a group have in common (latency --by). */
enum ev_group { GROUP_CONN = 0, GROUP_PROCESS, GROUP_REMOTE, GROUP_PORT, GROUP_MAX };

/* The waits of one part in a group. */
struct ev_pctl {
	struct ev_hdr hdr; /* mono_ns: the interval's end */
	struct ev_who who;
	struct ev_ends ends;
	__u64 count;
	__u64 min_ns;
	__u64 mean_ns;
	__u64 p50_ns;
	__u64 p90_ns;
	__u64 p99_ns;
	__u64 max_ns;
	__u8 part;  /* enum ev_part */
	__u8 group; /* enum ev_group: which of who and ends is set */
	__u8 pad[6];
};

/* How an attempt to connect ended. */
enum ev_result {
	RESULT_OK = 0,	    /* established; incoming: and accepted */
	RESULT_REFUSED,	    /* ECONNREFUSED: a reset answered */
	RESULT_TIMEOUT,	    /* ETIMEDOUT */
	RESULT_UNREACHABLE, /* EHOSTUNREACH, ENETUNREACH: no route, no neighbour, or told so by ICMP */
	RESULT_RESET,	    /* ECONNRESET; incoming: while it waited to be accepted */
	RESULT_BLOCKED,	    /* by policy of this machine: EPERM, EACCES, or its firewall drops the SYN */
	RESULT_NO_PORT,	    /* EADDRNOTAVAIL, EADDRINUSE: no local address or port to use */
	RESULT_ABORTED,	    /* the process closed the socket, or ended, before an answer came */
	RESULT_ERROR,	    /* another errno */
	RESULT_UNACCEPTED,  /* incoming: established, and never accepted: the listener was closed */
	RESULT_OVERFLOW,    /* incoming: the listener's accept queue is full */
	RESULT_PENDING,	    /* when tracing ended: no answer yet; incoming: established, and not accepted yet */
	RESULT_MAX,
};

/* ev_attempt.has */
#define ATT_HAS_SYN 0x01      /* syn_ns */
#define ATT_HAS_QUEUE 0x02    /* queue_ns */
#define ATT_QUEUE_MOST 0x04   /* accept() was not seen: queue_ns is an upper bound */
#define ATT_HAS_LATENCY 0x08  /* latency_ns */
#define ATT_HAS_RETRANS 0x10  /* retrans */
#define ATT_FASTOPEN 0x20     /* data travelled with the SYN (RFC 7413) */
#define ATT_HAS_LISTENER 0x40 /* lpid, lcomm */

/* An attempt to connect, once it is decided: outgoing (EV_CONNECT) or incoming (EV_ACCEPT). */
struct ev_attempt {
	struct ev_hdr hdr;
	struct ev_who who;
	struct ev_ends ends;
	__u64 latency_ns; /* from connect(), or the first SYN-ACK, to the result */
	__u64 syn_ns;	  /* … to ESTABLISHED */
	__u64 queue_ns;	  /* from ESTABLISHED to accept()'s return, or to the end */
	__u32 err;	  /* errno; 0: none is known */
	__u32 retrans;	  /* SYNs, or SYN-ACKs, sent again */
	__u32 lpid;	  /* the listening process */
	char lcomm[16];
	__u8 result; /* enum ev_result */
	__u8 has;    /* ATT_* */
	__u8 pad[6];
};

/* Why a segment was sent again. */
enum ev_kind {
	KIND_OTHER = 0,
	KIND_FAST,   /* in fast recovery: SACKs, duplicate ACKs or RACK told */
	KIND_RTO,    /* the retransmission timer ran out */
	KIND_TLP,    /* tail loss probe */
	KIND_SYN,
	KIND_SYNACK,
	KIND_MAX,
};

/* ev_trouble.has */
#define TROUBLE_HAS_SEQ 0x01	/* seq, len, flags */
#define TROUBLE_HAS_ISN 0x02	/* seq_base */
#define TROUBLE_HAS_CWND 0x04	/* cwnd, cwnd_before */
#define TROUBLE_HAS_REASON 0x08 /* reason */
#define TROUBLE_HAS_DIR 0x10	/* dir */
#define TROUBLE_STALL_ENDED 0x20 /* stall: else the window was still closed when tracing ended */

/* A retransmit, a drop, a reset or a zero window. */
struct ev_trouble {
	struct ev_hdr hdr;
	struct ev_who who;
	struct ev_ends ends;
	__u64 span_ns;	/* of a stall */
	__u64 location; /* of a drop: an address in the kernel; 0: unknown */
	__u32 seq;
	__u32 seq_base;
	__u32 len; /* payload bytes */
	__u32 cwnd; /* segments, now */
	__u32 cwnd_before; /* before this recovery began */
	__u32 attempt; /* how often this segment was sent again, this time included */
	__u32 err; /* retransmit: errno of the attempt; 0: it was sent */
	__u32 reason; /* the kernel's number, which differs per kernel: reason_name counts */
	__u16 flags; /* TF_* */
	__u16 segs;  /* on the wire */
	__u8 dir;    /* enum ev_dir; of a stall: out: the peer's window is closed, in: ours */
	__u8 state;  /* kernel's TCP_* number; 0: no socket */
	__u8 kind;   /* enum ev_kind */
	__u8 has;    /* TROUBLE_* */
	char reason_name[40]; /* filled in by the live source from the kernel's BTF; empty: unknown */
	char symbol[40]; /* function+offset, likewise from /proc/kallsyms */
};

/* Records with something in common, counted (--count). */
struct ev_sum {
	struct ev_hdr hdr;
	struct ev_who who;   /* what they do not have in common is zero */
	struct ev_ends ends;
	__u64 count;
	__u64 failed;	/* attempts that failed */
	__u64 total_ns; /* latencies, or stalls, together */
	__u64 max_ns;
	__u64 timed; /* how many records total_ns is of */
	char reason[40];
	__u16 of; /* enum ev_type of the records */
	__u8 dir;
	__u8 kind;
	__u8 has; /* TROUBLE_HAS_DIR */
	__u8 pad[3];
};

/* Records that could not be stored since the last such record of this hook. */
struct ev_lost {
	struct ev_hdr hdr;
	__u64 count;
};

#ifdef __cplusplus
#define EV_ASSERT(c, m) static_assert(c, m)
#else
#define EV_ASSERT(c, m) _Static_assert(c, m)
#endif
EV_ASSERT(sizeof(struct ev_hdr) == 16, "ev_hdr");
EV_ASSERT(sizeof(struct ev_who) == 56, "ev_who");
EV_ASSERT(sizeof(struct ev_ends) == 40, "ev_ends");
EV_ASSERT(sizeof(struct ev_segment) == 192, "ev_segment");
EV_ASSERT(sizeof(struct ev_raw) == 40, "ev_raw");
EV_ASSERT(sizeof(struct ev_state) == 16 + 56 + 40 + 16, "ev_state");
EV_ASSERT(sizeof(struct ev_lost) == 24, "ev_lost");
EV_ASSERT(sizeof(struct ev_life) == 16 + 56 + 40 + 136, "ev_life");
EV_ASSERT(sizeof(struct ev_latency) == 16 + 56 + 40 + 40, "ev_latency");
EV_ASSERT(sizeof(struct ev_pctl) == 16 + 56 + 40 + 64, "ev_pctl");
EV_ASSERT(sizeof(struct ev_attempt) == 112 + 24 + 40, "ev_attempt");
EV_ASSERT(sizeof(struct ev_trouble) == 112 + 16 + 32 + 8 + 80, "ev_trouble");
EV_ASSERT(sizeof(struct ev_sum) == 112 + 40 + 48, "ev_sum");

#endif
