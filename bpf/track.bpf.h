/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What only some views need to remember of a full socket: in `tracks`, at the
 * connection's number.  In runs that do not need it this is dead code.
 */
#ifndef TCPLENS_TRACK_BPF_H
#define TCPLENS_TRACK_BPF_H

#include "conn.bpf.h"

/*
 * At the end of a function that is not inlined and returns nothing.  The
 * compiler leaves there what register 0 happens to hold; the verifier objects
 * if that is a pointer to the stack.
 */
#define RETURN_NOTHING asm volatile("r0 = 0" ::: "r0")

#define TRACK_WANTED (cfg.emit_life || cfg.emit_latency)

/* NULL: it has none (yet). */
static __always_inline struct track *track_of(struct conn *c)
{
	__u32 k = c->num;
	struct track *t = bpf_map_lookup_elem(&tracks, &k);

	return t && t->conn == c->who.conn ? t : 0;
}

static __always_inline __u32 jiffies32(void)
{
	return (__u32)bpf_jiffies64();
}

/*
 * The kernel's chronos with the one that is running (tcp_get_info_chrono_stats()).
 * Exclusive: a running one pauses the others (tcp_chrono_set()).
 */
__attribute__((unused)) static __noinline void chrono_read(struct sock *sk, __u32 j[CHRONOS])
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 type = RD_BITS(tp, chrono_type), run = 0;

	if (type)
		run = jiffies32() - RD(tp, chrono_start);
	if ((__s32)run < 0)
		run = 0;
	j[0] = RD(tp, chrono_stat[0]) + (type == 1 ? run : 0);
	j[1] = RD(tp, chrono_stat[1]) + (type == 2 ? run : 0);
	j[2] = RD(tp, chrono_stat[2]) + (type == 3 ? run : 0);
	RETURN_NOTHING;
}

/* A fresh track; begin_ns 0: the connection is older than the tracer. */
__attribute__((unused)) static __noinline struct track *track_add(struct conn *c, struct sock *sk, __u64 begin_ns)
{
	__u32 k = c->num;
	struct track *t = bpf_map_lookup_elem(&tracks, &k);

	if (!t)
		return 0;
	__builtin_memset(t, 0, sizeof(*t));
	t->begin_ns = begin_ns;
	t->seen_ns = begin_ns ? begin_ns : bpf_ktime_get_ns();
	chrono_read(sk, t->base);
	t->tx_nxt = RD((struct tcp_sock *)sk, snd_nxt);
	t->copied = RD((struct tcp_sock *)sk, copied_seq);
	t->conn = c->who.conn;
	return t;
}

static __always_inline void track_del(struct conn *c, struct track *t)
{
	struct marks_key mk = { .conn = t->conn };

	t->conn = 0;
	if (!cfg.emit_latency)
		return;
	bpf_map_delete_elem(&marks, &mk);
	mk.dir = DIR_IN;
	bpf_map_delete_elem(&marks, &mk);
}

#endif
