// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The search in a filter set.  A global function with scalar arguments: the
 * verifier checks it once, not at each of the twenty places that call it.
 */
#include "maps.bpf.h"

static __always_inline const struct frange *range_at(__u32 i)
{
	return bpf_map_lookup_elem(&ranges, &i);
}
#define FRANGE_AT(i) range_at(i)
#include "match.h"

__noinline int set_has(__u32 off, __u32 n, __u64 h, __u64 l)
{
	struct fkey k = { h, l };

	return slice_has(off, n, &k);
}
