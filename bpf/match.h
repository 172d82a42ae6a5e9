/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Pure matching, compiled into the programs and into user space (tests,
 * recordings).  Who wants slice_has() defines FRANGE_AT(i) first: a pointer to
 * the i-th range, or NULL.
 */
#ifndef TCPLENS_MATCH_H
#define TCPLENS_MATCH_H

#include "config.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

static __always_inline int fkey_less(const struct fkey *a, const struct fkey *b)
{
	return a->h < b->h || (a->h == b->h && a->l < b->l);
}

#ifdef FRANGE_AT
/* 18 halvings search FRANGES_MAX ranges; a constant bound is what old verifiers need. */
static __always_inline int slice_has(__u32 off, __u32 n, const struct fkey *k)
{
	__u32 lo = 0, hi = n;

	for (int i = 0; i < 19; i++) {
		__u32 mid;
		const struct frange *r;

		if (lo >= hi)
			return 0;
		mid = lo + (hi - lo) / 2;
		r = FRANGE_AT(off + mid);
		if (!r)
			return 0;
		if (fkey_less(k, &r->lo))
			hi = mid;
		else if (fkey_less(&r->hi, k))
			lo = mid + 1;
		else
			return 1;
	}
	return 0;
}
#endif /* FRANGE_AT */

static __always_inline struct fkey fkey_num(__u64 n)
{
	struct fkey k = { 0, n };

	return k;
}

static __always_inline __u64 be64_at(const __u8 *p)
{
	return (__u64)p[0] << 56 | (__u64)p[1] << 48 | (__u64)p[2] << 40 | (__u64)p[3] << 32 |
	       (__u64)p[4] << 24 | (__u64)p[5] << 16 | (__u64)p[6] << 8 | p[7];
}

/* 16 bytes (an address, a comm) as one big-endian number. */
static __always_inline struct fkey fkey_bytes(const void *p)
{
	struct fkey k = { be64_at((const __u8 *)p), be64_at((const __u8 *)p + 8) };

	return k;
}

static __always_inline int flags_match(const struct filter *f, __u16 flags)
{
	if (!f->nflags)
		return 1;
	for (int i = 0; i < FFLAGS_MAX; i++)
		if (i < f->nflags && (flags & f->flags[i].mask) == f->flags[i].value)
			return 1;
	return 0;
}

static __always_inline int states_match(const struct filter *f, __u8 state)
{
	return !f->states || (f->states >> (state & 15) & 1);
}

static __always_inline int dirs_match(const struct filter *f, __u8 dir)
{
	return !f->dirs || (f->dirs >> (dir & 1) & 1);
}

static __always_inline int ips_match(const struct filter *f, __u8 ip)
{
	return !f->ips || (f->ips & (ip == 4 ? 1 : 2));
}

#endif
