/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of sums: records with something in common, counted (--count). */
#ifndef TCPLENS_SUMS_H
#define TCPLENS_SUMS_H

#include <stddef.h>

#include "event.h"

struct view_out;

/* Zeroed is empty. */
struct sums {
	struct ev_sum *v;
	__u32 *slot; /* hash table: index + 1 into v, 0: free */
	size_t n, cap, nslots;
};

/*
 * The sum that has `key`'s who, ends, reason, of, dir, kind and has, whose other
 * members are to be zero; made if there is none.  NULL: out of memory.  Valid
 * until the next call.
 */
struct ev_sum *sums_of(struct sums *s, const struct ev_sum *key);

/* One more duration. */
void sums_time(struct ev_sum *sum, __u64 ns);

/* Hands all of them over, largest count first. */
int sums_print(struct sums *s, const struct view_out *out, __u64 mono_ns);

void sums_free(struct sums *s);

#endif
