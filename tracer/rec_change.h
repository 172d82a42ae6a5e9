/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record in a recording, as what is different from an earlier one.  Most of a
 * record is what the last one of its connection and direction had, so 192 bytes
 * become some 40 to 80; and what a recording costs is its bytes.
 *
 * Writer and reader keep the last record of each of REC_SLOTS slots, all 0 at
 * a file's beginning.  A change says which of the slot's 64-bit words have
 * another value now.  The record is then the slot's first ev_hdr.len bytes.
 */
#ifndef TCPLENS_REC_CHANGE_H
#define TCPLENS_REC_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

#define REC_SLOTS 256
#define REC_SLOT_WORDS 64
#define REC_SLOT_BYTES (REC_SLOT_WORDS * 8)

/* Then the words that changed, the first one first.  ev_hdr.len counts all that. */
struct rec_change {
	__u16 type; /* REC_CHANGE */
	__u16 len;
	__u8 slot;
	__u8 check[3];
	__u64 changed; /* 1 << number of the word */
};

EV_ASSERT(sizeof(struct rec_change) == 16, "rec_change");

#define REC_CHANGE_MAX (sizeof(struct rec_change) + REC_SLOT_BYTES)

struct rec_slots {
	__u64 words[REC_SLOTS][REC_SLOT_WORDS];
};

/* Is the record written as a change?  Longer ones are not. */
static inline bool rec_change_fits(const struct ev_hdr *ev)
{
	return ev->len >= 24 && ev->len <= REC_SLOT_BYTES;
}

/* Writes the change, of REC_CHANGE_MAX bytes at most, without its check.  Returns its bytes. */
size_t rec_change_put(struct rec_slots *s, const struct ev_hdr *ev, void *out);

/*
 * The record, which is the slot's until the next change.  NULL: it makes no sense.
 * ev_hdr.len of the change was looked at.
 */
const struct ev_hdr *rec_change_get(struct rec_slots *s, const struct rec_change *c);

#endif
