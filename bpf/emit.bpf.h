/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Reserve, submit, and count what could not be stored, per hook. */
#ifndef TCPLENS_EMIT_BPF_H
#define TCPLENS_EMIT_BPF_H

#include "maps.bpf.h"

static __always_inline void count_lost(enum ev_hook hook)
{
	__u32 k = hook;
	struct hook_stats *st = bpf_map_lookup_elem(&stats, &k);

	/* An interrupt may count on the same CPU between a load and a store. */
	if (st)
		__sync_fetch_and_add(&st->lost, 1);
}

static __always_inline void *emit_begin(struct ev_hdr *h, enum ev_hook hook, enum ev_type type,
					__u64 size)
{
	h->type = type;
	h->len = size;
	h->hook = hook;
	h->pad[0] = h->pad[1] = h->pad[2] = 0;
	return h;
}

/*
 * Room for one record with its header filled in, or NULL: then the loss is counted
 * (or tracing has not begun).
 *
 * A ring is written from end to end, and what does not fit in the CPU's cache
 * is fetched from memory for each record: with 8 MiB that was two thirds of what
 * a record costs.  So there are two: a small one in front, which is enough while
 * the reader keeps up, and a large one behind for when it does not.
 */
static __always_inline void *emit_reserve(enum ev_hook hook, enum ev_type type, __u64 size)
{
	void *rec;

	if (phase_now() != PHASE_RECORD)
		return 0;
	rec = bpf_ringbuf_reserve(&events, size, 0);
	/* Each answer is looked at once: 6.1 does not know that a record in hand is not NULL. */
	if (rec)
		return emit_begin(rec, hook, type, size);
	if (cfg.ring_back) {
		rec = bpf_ringbuf_reserve(&events_back, size, 0);
		if (rec)
			return emit_begin(rec, hook, type, size);
	}
	count_lost(hook);
	return 0;
}

/*
 * A wake-up costs, and lets the reader preempt us before our program has ended: then
 * it is left out of what other processes do meanwhile (nested.bpf.h).
 */
static __always_inline void emit_submit(void *rec)
{
	bpf_ringbuf_submit(rec, *(volatile __u32 *)&reader_asleep ? 0 : BPF_RB_NO_WAKEUP);
}

#endif
