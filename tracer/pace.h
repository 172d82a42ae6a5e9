/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long records are left to gather in the ring before they are drained.  A
 * wake-up costs more than all else: so there are none, and the longer the better,
 * as long as the ring can't fill up and nobody has to wait for the output.  Only
 * where nothing has come for a while does the reader go to sleep until it is woken
 * up; it looks now and then, as one record may come too early to wake it up.
 *
 * The interval is in [PACE_MIN_NS, PACE_MAX_NS], smaller for small rings:
 * between two drains the ring in front should become half full at the rate
 * of the last interval, and all rings together not more than half full at
 * PACE_RATE, which no machine has exceeded yet.
 */
#ifndef TCPLENS_PACE_H
#define TCPLENS_PACE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define PACE_MIN_NS 500000ULL
#define PACE_MAX_NS 25000000ULL
#define PACE_AWAKE_NS 5000000000ULL /* without a record */
#define PACE_ASLEEP_NS 200000000ULL
#define PACE_RATE 200000000ULL /* bytes per second: a million records */

struct pace {
	size_t front; /* bytes of the ring in front */
	__u64 most_ns;
	__u64 ns; /* the interval now: from the begin of a drain to that of the next */
	__u64 quiet_ns; /* for how long nothing has come */
};

/* `size`: of all rings. */
void pace__init(struct pace *p, size_t front, size_t size);

/*
 * Of a table that is emptied at intervals, most_ns at most; then `front` and `fill` are entries.
 * The first interval is short, as nothing is known of the rate.
 */
void pace__init_table(struct pace *p, size_t entries, __u64 most_ns);

/* After a drain, which found `fill` bytes that had gathered for gathered_ns.  What is left to others: share.h. */
void pace__drained(struct pace *p, size_t fill, __u64 gathered_ns);

/* A record has come after a time without: whoever waits for it is to see it soon. */
void pace__woken(struct pace *p);

/* Nothing has come for so long that the reader may go to sleep. */
bool pace__quiet(const struct pace *p);

#endif
