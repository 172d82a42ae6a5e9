/* SPDX-License-Identifier: BSD-2-Clause */
/* From bytes that somebody else wrote (the ring, a recording) to a checked event. */
#ifndef TCPLENS_DECODE_H
#define TCPLENS_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/*
 * Checks the record that `data` begins with; `size` bytes can be read.  After
 * success everything that indexes a table or selects a branch (type, hook,
 * directions, states, IP version, …) is in range, and (*out)->len bytes are
 * the whole record.  What is only printed is not checked.  A record longer than this version's struct is accepted:
 * a later version added fields at its end.
 *
 * -EINVAL: truncated, misaligned (records are multiples of 8 at multiples of
 * 8) or inconsistent.
 * -ENOMSG: well-formed but of an unknown type; *out is set, so that a reader
 * can skip (*out)->len bytes.
 */
int decode(const void *data, size_t size, const struct ev_hdr **out);

/* The size of a type's struct today; 0: unknown type. */
size_t ev_size(unsigned int type);

/* After decode(): the event as its own type.  The type must be the right one. */
static inline const struct ev_segment *ev_segment_of(const struct ev_hdr *ev)
{
	return (const struct ev_segment *)ev;
}

static inline const struct ev_state *ev_state_of(const struct ev_hdr *ev)
{
	return (const struct ev_state *)ev;
}

static inline const struct ev_lost *ev_lost_of(const struct ev_hdr *ev)
{
	return (const struct ev_lost *)ev;
}

/* The packet of a segment, checked; NULL: its record has none. */
static inline const struct ev_raw *ev_raw_of(const struct ev_segment *s)
{
	return s->raw ? (const struct ev_raw *)((const char *)s + s->raw * 8) : NULL;
}

/* What segments and states have in common; NULL for other types. */
static inline const struct ev_who *ev_who_of(const struct ev_hdr *ev)
{
	if (ev->type == EV_SEGMENT)
		return &ev_segment_of(ev)->who;
	return ev->type == EV_STATE ? &ev_state_of(ev)->who : NULL;
}

static inline const struct ev_ends *ev_ends_of(const struct ev_hdr *ev)
{
	if (ev->type == EV_SEGMENT)
		return &ev_segment_of(ev)->ends;
	return ev->type == EV_STATE ? &ev_state_of(ev)->ends : NULL;
}

#endif
