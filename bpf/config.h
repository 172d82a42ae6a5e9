/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What user space tells the programs before they are loaded: one read-only
 * struct, so that the verifier removes what is switched off, and one array of
 * ranges that the filter sets point into.
 */
#ifndef TCPLENS_CONFIG_H
#define TCPLENS_CONFIG_H

#include "event.h"

/* A 128-bit key, most significant half first: any filter value fits in one. */
struct fkey {
	__u64 h;
	__u64 l;
};

/* lo <= key <= hi, both included. */
struct frange {
	struct fkey lo;
	struct fkey hi;
};

/* How far a run has come; user space says so. */
enum phase {
	/*
	 * Not all programs are attached (or not any more): nothing is kept or recorded.
	 * A socket whose end is not seen would hand its connection on to the next one
	 * at its address.
	 */
	PHASE_ATTACH = 0,
	/* What is open is being looked for (seed.bpf.h): kept, but whose it is may not be known yet. */
	PHASE_LEARN,
	PHASE_RECORD,
};

/*
 * The sets a connection is matched against.  What a key is:
 * numbers are {0, n}; addresses are the 16 bytes as a big-endian number
 * (IPv4 as ::ffff:a.b.c.d); a comm is its 16 bytes as a big-endian number.
 */
enum fset {
	FS_PID = 0, /* owner's thread group */
	FS_UID,
	FS_COMM,
	FS_CGROUP, /* cgroup id; the kernel side also accepts descendants */
	FS_NETNS,
	FS_PORT,  /* either end */
	FS_LPORT, /* local end */
	FS_RPORT,
	FS_LADDR,
	FS_RADDR,
	FS_MAX,
};

#define FSET_ANY ((1 << FS_MAX) - 1)

/* Slices of the range array: sorted by lo, not overlapping. */
struct fslice {
	__u32 off;
	__u32 n;
};

/* A key passes if it is in `allow` (or allow is empty) and not in `deny`. */
struct ffilter {
	struct fslice allow;
	struct fslice deny;
};

/* What the sets of ports say of each port: FS_PORT of either end, FS_LPORT and FS_RPORT of one. */
#define PORTS 65536
#define PORT_ALLOWED 1
#define PORT_DENIED 2
#define PORT_LOCAL 4  /* as the local one it passes */
#define PORT_REMOTE 8 /* as the remote one */

#define FFLAGS_MAX 8
#define FRANGES_MAX (1 << 18)

/* Passes if (flags & mask) == value for any of the entries, or there are none. */
struct fflags {
	__u16 mask;
	__u16 value;
};

struct filter {
	struct ffilter set[FS_MAX];
	struct fflags flags[FFLAGS_MAX];
	__u8 nflags;
	__u8 dirs;   /* 1 << enum ev_dir; 0: both */
	__u8 ips;    /* 1: IPv4, 2: IPv6; 0: both */
	__u8 tree;   /* only processes in the `tree` map: -- COMMAND and its children */
	__u16 states; /* 1 << kernel's TCP_* number; 0: all */
	__u8 used;   /* any per-connection filter is set (set[], ips, tree) */
	__u8 pad[5];
};

/* What the map `stats` holds per hook and CPU. */
struct hook_stats {
	__u64 lost;    /* could not be stored */
	__u64 nested;  /* handled in the place of a run that the kernel left out (nested.bpf.h) */
	__u64 unseen;  /* ends of connections for which no program was run, as is found out later */
};

struct config {
	struct filter filter;
	__u8 direct;	    /* bpf_rdonly_cast is there: loads instead of probe reads */
	__u8 in_by_tuple;   /* received segments come without their socket (tracepoint backend) */
	__u8 out_all;	    /* net_dev_queue reports full sockets too (tracepoint backend) */
	__u8 accept_by_cred;	    /* who accepted is found out from the file's credentials (tracepoint backend) */
	__u8 emit_segments;
	__u8 emit_states;
	__u8 raw;	    /* segments carry their packet's bytes: struct ev_raw */
	__u8 dynptr;	    /* bpf_dynptr_from_skb() is there: payload outside of the linear part, too */
	__u8 expr;	    /* expr_match() is the user's pcap-filter expression */
	__u8 emit_life;
	__u8 emit_latency;
	__u8 keep_func;	    /* keep.bpf.h: programs of fentry and fexit can be preempted */
	__u8 keep_tp;	    /* … those of tracepoints, too (7.0) */
	__u8 tp_preempts;   /* programs of tracepoints can be preempted, kept or not */
	__u8 pad[3];
	__u32 snap;	    /* bytes of payload in ev_raw */
	__u32 raw_max;	    /* bytes of a record with payload */
	__u8 atomics; /* atomic operations that return a value are there (5.12) */
	__u8 pad2[3];
	__u32 conns_max;  /* entries of `conns` */
	__u32 index_buckets; /* entries of by_sock and by_tuple */
	__u64 hash_seed;  /* secret, so that nobody outside can choose what collides */
	__u64 hash_mul;	  /* odd, secret too */
	__u32 tick_ns;	    /* the kernel's clock tick: a jiffy */
	__u8 ports;	    /* any set of ports is used: port_bits[] has them all */
	__u8 pad3[3];
	__u8 emit_attempts;
	__u8 emit_trouble;
	__u8 drop_reason;  /* kfree_skb tells the reason (5.17, c504e5c2f964) */
	__u8 drop_sk;	   /* … and the receiving socket (6.11, c53795d48ee8) */
	__u8 reset_reason; /* tcp_send_reset tells the reason (6.10) */
	__u8 ring_back;	   /* a second ring takes what the first has no room for */
	__u8 retrans_err;  /* tcp_retransmit_skb tells whether it was sent (6.18) */
	__u8 accept_by_exit; /* accept() is seen at its system call's exit (tracepoint backend) */
	__u64 outlier_ns; /* single waits above it become records; 0: none do */
};

#endif
