/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits, summed: buckets with their means, percentiles, a drawing. */
#ifndef TCPLENS_WAITS_H
#define TCPLENS_WAITS_H

#include <stddef.h>

#include "event.h"

struct outbuf;

struct wait_bucket {
	__u32 at; /* bucket_of() */
	__u64 count;
	__u64 sum_ns;
	__u64 min_ns;
	__u64 max_ns;
};

/* Zeroed: empty.  Only the buckets that are used are kept, in ascending order. */
struct waits {
	__u64 count;
	__u64 sum_ns;
	__u64 min_ns;
	__u64 max_ns;
	struct wait_bucket *bucket;
	size_t n, cap;
};

/* `count` waits of about the same length.  0 or -ENOMEM. */
int waits_add(struct waits *w, __u64 count, __u64 sum_ns, __u64 min_ns, __u64 max_ns);

/* The length that `percent` of the waits do not exceed; 0 if there are none. */
__u64 waits_percentile(const struct waits *w, unsigned int percent);

/* One line per power of two, from the shortest to the longest. */
void waits_draw(struct outbuf *b, const struct waits *w);

void waits__free(struct waits *w);

#endif
