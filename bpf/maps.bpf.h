/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The maps and the configuration that all programs share; maps.bpf.c defines them. */
#ifndef TCPLENS_MAPS_BPF_H
#define TCPLENS_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "config.h"

/*
 * A function of its own.  "used" makes clang keep a result that nobody asks
 * for: without, r0 is left as it was, and 5.10 refuses a program that "returns
 * stack pointer to the caller" (prepare_func_exit()).
 */
#define SUBPROG __attribute__((noinline, used))

/*
 * Before a pointer is compared with NULL once more: clang would keep the first
 * answer in a register of its own, which to 5.10 says nothing of the pointer.
 */
#define ASK_AGAIN(p) barrier_var(p)

/*
 * The same number, of which the verifier knows nothing from here on (check_alu_op(),
 * BPF_END; on machines of this byte order nothing is done): ways that differ in it
 * only are one way again, and what follows is followed once.
 */
static __always_inline __u64 forget(__u64 n)
{
	asm volatile("%0 = le64 %0" : "+r"(n));
	return n;
}

extern const volatile struct config cfg;

/* Counts changes of any process name, so that a remembered comm is read again. */
extern __u32 rename_gen;

/* PORT_*; valid with cfg.ports. */
extern __u8 port_bits[PORTS];

/* A connection whose ports on the wire are not the socket's has been seen. */
extern __u32 nat_seen;

/* A reset was made in a socket's name: `answering` has something to say. */
extern __u32 has_answered;

/* One connection's two ends and its network namespace, as seen on the wire. */
struct tuple {
	__u8 laddr[16];
	__u8 raddr[16];
	__u16 lport;
	__u16 rport;
	__u32 netns;
} __attribute__((aligned(8)));

/* conn.known */
#define CONN_ISS 0x01	      /* iss is set */
#define CONN_IRS 0x02	      /* irs is set */
#define CONN_NAT 0x04	      /* wire_key is not of the socket's own ends */
#define CONN_CG_ALLOW 0x08    /* owner's cgroup is below one that --cgroup allows */
#define CONN_CG_DENY 0x10     /* … denies */
#define CONN_CHILD 0x20	      /* made for a listener; the LISTEN -> SYN-RECEIVED record waits */
#define CONN_WSCALE 0x40      /* the window scales are known */
#define CONN_WIRE 0x80	      /* wire_key is from a packet, not from the socket */

enum conn_verdict { VERDICT_NONE = 0, VERDICT_PASS, VERDICT_REJECT };

/*
 * What is remembered of a connection: of a full socket (map `conns`), or of
 * what has no full socket, before or after (map `ghosts`): a request that
 * waits for its final ACK, TIME-WAIT, a connection that is gone.
 */
struct conn {
	struct ev_who who;
	__u64 sk;	/* of a full socket: its struct sock *; 0: none (any more) */
	__u64 wire_key; /* tuple_key() that by_tuple knows it by; 0: it does not */
	__u64 since_ns; /* when the current state began; 0: before the tracer */
	__u32 iss;	/* our initial sequence number, or the first one seen */
	__u32 irs;	/* the peer's */
	__u32 comm_gen; /* rename_gen when comm was read */
	__u32 num;	/* its place in `conns`; of a ghost 0, or GHOST_PLACELESS */
	__u64 cred;	/* of the owner when `who` was filled in: tells whether uid still holds */
	__u32 writes_begun; /* of `who`, by any CPU */
	__u32 writes_done;
	__u8 known;	/* CONN_* */
	__u8 verdict;	/* enum conn_verdict: the filters' answer, kept until the owner changes */
	__u8 state;	/* of a ghost: kernel's TCP_* number, 0: closed; of a listener: LISTEN */
	__u8 snd_wscale;
	__u8 rcv_wscale;
	__u8 adopted; /* its request has been found, and is in `ghosts` no more */
	__u8 pad[2];
};

/* There is a full socket, and no place for it in `conns` (ghost_placeless()). */
#define GHOST_PLACELESS 0xffffffff

/*
 * A position in the byte stream, and when it was reached.  What arrived later is
 * of the same mark up to the next one's position, within `span` of the first.
 */
struct mark {
	__u64 ns; /* 0: none */
	__u32 seq;
	__u32 span; /* in units of 1 << SPAN_SHIFT ns */
};

#define SPAN_SHIFT 10

/* Kernel's tcp_chrono numbers minus one: BUSY, RWND_LIMITED, SNDBUF_LIMITED. */
#define CHRONOS 3

/* track.bits */
#define TRACK_RECOVERING 0x01 /* rec_at is set */
#define TRACK_RST_IN 0x02     /* the peer reset the connection */
#define TRACK_EXITING 0x04    /* our close was that of a dying process */
#define TRACK_DONE 0x08	      /* its EV_LIFE has been made */
#define TRACK_SENT 0x20	      /* something was sent since the peer last answered */
#define TRACK_PASSIVE 0x40
#define TRACK_DIR 0x80 /* whether it is passive is known */

/* What life and latency remember of a full socket, besides its struct conn (track.bpf.h). */
struct track {
	__u64 conn;	 /* whose it is; another's: there is none */
	__u64 begin_ns;	 /* connect(), or the SYN's arrival; 0: before the tracer */
	__u64 est_ns;	 /* when it was established; 0: not seen */
	__u64 accept_ns; /* when accept() returned it; 0: not seen */
	/* What limited it (life.bpf.h); chronos are jiffies, as the kernel counts them. */
	__u64 seen_ns;		/* from here on */
	__u64 unread_ns;	/* since when data waits unread; 0: none does */
	__u64 reader_ns;	/* waited in all, when nothing else limited */
	__u64 rtt_sum_us;
	__u32 rtt_count;
	__u32 unread_busy;	/* all chronos together when unread_ns began */
	__u32 base[CHRONOS];	/* chronos at seen_ns */
	__u32 rec_at[CHRONOS];	/* chronos when the loss recovery began */
	__u32 rec[CHRONOS];	/* how much of them was in loss recovery */
	__u32 closed_segs;	/* data_segs_in when our process closed */
	/* Where it waits (latency.bpf.h). */
	struct mark rx;		/* the first unread byte, and its arrival */
	struct mark tx;		/* the first byte of a send() that was not transmitted yet */
	struct mark rtt;	/* what is to be acknowledged, and its transmission */
	__u64 sent_ns;		/* when new data was transmitted last */
	__u64 read_ns;		/* when data was read last, if nothing was sent since */
	__u32 tx_nxt;		/* end of what was transmitted */
	__u32 rtt_retrans;	/* total_retrans at rtt.ns */
	__u8 end;		/* enum ev_end: who sent the first FIN */
	__u8 by;
	__u8 bits;    /* TRACK_*; written under the socket's lock */
	__u8 in_send; /* within a call whose first byte is marked */
	__u32 copied; /* read up to here */
	__u32 reader; /* the thread that read last, */
	__u32 read_call; /* and its calls[] then */
};

/* Marks behind the first one, oldest first: of arrivals, and of send()s. */
#define MARKS 192
#define MARKS_OUT 32
struct marks {
	struct mark m[MARKS];
	__u32 head; /* where the oldest is; 0 of send()s */
	__u32 n;
	__u32 to; /* marks_compact() only: the last one that stays */
	__u32 loose;
};

struct marks_key {
	__u64 conn;
	__u64 dir; /* enum ev_dir */
};

/* Waits of different owners of a connection are apart. */
struct lat_key {
	__u64 conn;
	__u32 pid;
	__u16 bucket;
	__u8 part; /* enum ev_part | LATENCY_* << LAT_HAS_SHIFT */
	__u8 pad;
};

struct lat_value {
	__u64 count, sum, min, max;
	struct ev_who who;
	struct ev_ends ends;
	__u64 owner_turn; /* of ev_latency */
};

/* Where is listened: an address of this machine, or any (0.0.0.0 as ::ffff:0.0.0.0, ::). */
struct port_key {
	__u8 addr[16];
	__u32 netns;
	__u32 port;
};

/* All listeners of one address and port: the owner, if they have the same. */
struct port_owner {
	struct conn c; /* who, and whether --cgroup lets it pass; state LISTEN */
	__u32 count;
	__u8 mixed;  /* several processes, or for one device only: whom a SYN is for is not known here */
	__u8 v6only; /* of ::, not for IPv4 */
	__u8 pad[2];
};

/* The last packet that a device-level hook saw on this CPU. */
struct last_skb {
	__u64 skb;
	__u64 dev;
	__u64 seq_ack;
};

struct dev_key {
	__u32 netns;
	__u32 ifindex;
};

/* Room for the last, partly used 8 bytes of a packet, which are zeroed at once. */
#define RAW_SLACK 8

/* The packet of a SYN in `parked`: a struct ev_raw. */
struct raw_syn {
	__u64 words[(sizeof(struct ev_raw) + RAW_HDR_MAX + RAW_SLACK) / 8];
};

struct events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
};
extern struct events_map events SEC(".maps");
/* What `events` has no room for (emit.bpf.h); cfg.ring_back: it is there. */
extern struct events_map events_back SEC(".maps");

struct ranges_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frange);
};
extern struct ranges_map ranges SEC(".maps");

struct stats_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_MAX);
	__type(key, __u32);
	__type(value, struct hook_stats);
};
extern struct stats_map stats SEC(".maps");

/* The connections of full sockets; store.bpf.h is how to find one.  The first is never used. */
struct conns_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct conn);
};
extern struct conns_map conns SEC(".maps");

/* What only some views need to remember of a connection, by its number in `conns`. */
struct tracks_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct track);
};
extern struct tracks_map tracks SEC(".maps");

/* Connections with more than one mark waiting. */
struct marks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct marks_key);
	__type(value, struct marks);
};
extern struct marks_map marks SEC(".maps");

/* Latencies, summed; two of them, so that user space empties the one that is not in use. */
struct lat_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct lat_key);
	__type(value, struct lat_value);
};
extern struct lat_map lat0 SEC(".maps");
extern struct lat_map lat1 SEC(".maps");

/* Which of the two is in use: its lowest bit. */
extern __u32 lat_turn;

/* By thread: changes with each of its calls that may read (of two that share a place, with those of both). */
#define CALLS 4096
extern __u32 calls[CALLS];

/* Where in `conns` it is: one cache line. */
#define BUCKET_SLOTS 8
struct bucket {
	__u64 slot[BUCKET_SLOTS]; /* tag << 32 | number of the connection; 0: free */
};

struct index_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct bucket);
};
extern struct index_map by_sock SEC(".maps");  /* by struct sock * */
extern struct index_map by_tuple SEC(".maps"); /* by tuple_key(): packets without their socket */

/* Numbers that were in use and are free again. */
struct free_conns_map {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 32768);
	__type(value, __u32);
};
extern struct free_conns_map free_conns SEC(".maps");

/* Slots that are taken, where a program can't compare and exchange (!cfg.atomics). */
struct claims_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u8);
};
extern struct claims_map claims SEC(".maps");

/* Numbers given out so far, the free ones included. */
extern __u32 conns_used;

/* Number of a connection behind NAT -> its ends as seen on the wire. */
struct nat_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct tuple);
};
extern struct nat_map nat SEC(".maps");

/* Of a request behind NAT: its own ends -> those on the wire, by which it is kept in `ghosts`. */
struct nat_requests_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tuple);
	__type(value, struct tuple);
};
extern struct nat_requests_map nat_requests SEC(".maps");

#define GHOSTS 16384
struct ghosts_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GHOSTS);
	__type(key, struct tuple);
	__type(value, struct conn);
};
extern struct ghosts_map ghosts SEC(".maps");

/* SYNs that arrived and are not answered yet (tracepoint backend). */
struct parked_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tuple);
	__type(value, struct ev_segment);
};
extern struct parked_map parked SEC(".maps");

/* skb -> its sequence numbers: for a listener, not of a connection, and reported (tracepoint backend). */
struct strays_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
};
extern struct strays_map strays SEC(".maps");

struct listeners_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct port_key);
	__type(value, struct port_owner);
};
extern struct listeners_map listeners SEC(".maps");

/*
 * Credentials -> a task that has them (tracepoint backend).  They are made anew
 * at fork, exec and setuid, so no two processes share them.
 */
struct creds_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
};
extern struct creds_map creds SEC(".maps");

/* Thread groups that -- COMMAND started. */
struct tree_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
};
extern struct tree_map tree SEC(".maps");

struct ids_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct ids_map ids SEC(".maps");

/* Programs that have a second one for what they are left out of; nested.bpf.h. */
enum twin {
	TWIN_STATE = 0,
	TWIN_GONE,
	TWIN_ATTEMPT_STATE,
	TWIN_ATTEMPT_SYSCALL,
	TWIN_ATTEMPT_DROPPED,
	TWIN_ATTEMPT_ACCEPT,
	TWIN_OUT4,
	TWIN_OUT6,
	TWIN_IN_EST,
	TWIN_IN_STATE,
	TWIN_MAX,
};

/*
 * What the first of them has handled: by what the event is about.  Two marks to a
 * place, as several events may be between their programs at a time.
 */
#define TWIN_BITS 10
struct twin_marks {
	__u64 about[2];
};

struct twins_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TWIN_MAX << TWIN_BITS);
	__type(key, __u32);
	__type(value, struct twin_marks);
};
extern struct twins_map twins SEC(".maps");

/* enum phase (config.h) */
extern __u32 phase;

static __always_inline __u32 phase_now(void)
{
	return *(volatile __u32 *)&phase;
}

/* The reader has to be woken up: else it looks by itself (tracer/pace.h). */
extern __u32 reader_asleep;

struct last_skb_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct last_skb);
};
extern struct last_skb_map last_skb SEC(".maps");

/* The socket in whose name a reset was made last on this CPU (out_answer). */
struct answering_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct answering_map answering SEC(".maps");

/* The call of tcp_check_req() that is going on. */
struct req_call {
	__u64 lsk;
	__u64 skb;
	__u64 stolen;
};

struct req_calls_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct req_call);
};
extern struct req_calls_map req_calls SEC(".maps");

/*
 * A record to be parked is too large for the stack.  Only for programs that run
 * in softirq: one in process context may be interrupted by another on its CPU.
 */
struct scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ev_segment);
};
extern struct scratch_map scratch SEC(".maps");

/* Names of the devices that received something (only with cfg.raw, where packets come without). */
struct dev_names_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct dev_key);
	__type(value, char[16]);
};
extern struct dev_names_map dev_names SEC(".maps");

struct raw_parked_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tuple);
	__type(value, struct raw_syn);
};
extern struct raw_parked_map raw_parked SEC(".maps");

/* As `scratch`. */
struct raw_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct raw_syn);
};
extern struct raw_scratch_map raw_scratch SEC(".maps");

#endif
