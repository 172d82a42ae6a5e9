/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Buckets of durations, log-linear: sixteen to each power of two, so that a
 * bucket is at most 6.25 % wide.  Its values' least, mean and largest, which
 * travel with it, tell more than that.  Compiled by both sides.
 */
#ifndef TCPLENS_BUCKET_H
#define TCPLENS_BUCKET_H

#include "event.h"

#define BUCKET_SUB_BITS 4
/* The map's key has one byte for both. */
#define LAT_PART_MASK 0x0f
#define LAT_HAS_SHIFT 4

#define BUCKETS_MAX (64 << BUCKET_SUB_BITS)

/* Position of the highest bit; 0 for 0.  BPF has no instruction for it. */
static inline __u32 bucket_log2(__u64 v)
{
	__u32 r = 0;

	if (v >> 32) {
		r += 32;
		v >>= 32;
	}
	if (v >> 16) {
		r += 16;
		v >>= 16;
	}
	if (v >> 8) {
		r += 8;
		v >>= 8;
	}
	if (v >> 4) {
		r += 4;
		v >>= 4;
	}
	if (v >> 2) {
		r += 2;
		v >>= 2;
	}
	return r + (v >> 1);
}

/* 0 … BUCKETS_MAX - 1, ascending with ns. */
static inline __u32 bucket_of(__u64 ns)
{
	__u32 e = bucket_log2(ns);

	if (e < BUCKET_SUB_BITS)
		return ns;
	return (e << BUCKET_SUB_BITS) + ((ns >> (e - BUCKET_SUB_BITS)) & ((1 << BUCKET_SUB_BITS) - 1));
}

/* The shortest that is in it. */
static inline __u64 bucket_least(__u32 at)
{
	__u32 e = at >> BUCKET_SUB_BITS;

	if (e < BUCKET_SUB_BITS)
		return at;
	if (e > 63)
		return ~0ULL;
	return (1ULL << e) + ((__u64)(at & ((1 << BUCKET_SUB_BITS) - 1)) << (e - BUCKET_SUB_BITS));
}

#endif
