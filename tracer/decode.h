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

static inline const struct ev_life *ev_life_of(const struct ev_hdr *ev)
{
	return (const struct ev_life *)ev;
}

static inline const struct ev_latency *ev_latency_of(const struct ev_hdr *ev)
{
	return (const struct ev_latency *)ev;
}

static inline const struct ev_pctl *ev_pctl_of(const struct ev_hdr *ev)
{
	return (const struct ev_pctl *)ev;
}

static inline const struct ev_attempt *ev_attempt_of(const struct ev_hdr *ev)
{
	return (const struct ev_attempt *)ev;
}

static inline const struct ev_trouble *ev_trouble_of(const struct ev_hdr *ev)
{
	return (const struct ev_trouble *)ev;
}

static inline const struct ev_sum *ev_sum_of(const struct ev_hdr *ev)
{
	return (const struct ev_sum *)ev;
}

/* Records of a connection begin alike: header, who, ends. */
struct ev_owned {
	struct ev_hdr hdr;
	struct ev_who who;
	struct ev_ends ends;
};

static inline bool ev_is_owned(const struct ev_hdr *ev)
{
	return ev->type != EV_NONE && ev->type != EV_LOST && ev->type < EV_TYPE_MAX;
}

/* NULL where there is none. */
static inline const struct ev_who *ev_who_of(const struct ev_hdr *ev)
{
	return ev_is_owned(ev) ? &((const struct ev_owned *)ev)->who : NULL;
}

static inline const struct ev_ends *ev_ends_of(const struct ev_hdr *ev)
{
	return ev_is_owned(ev) ? &((const struct ev_owned *)ev)->ends : NULL;
}

#endif
