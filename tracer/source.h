/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where records come from: the kernel (source_live.c), or a recording.
 * Embedded as the first member of each kind of source.
 */
#ifndef TCPLENS_SOURCE_H
#define TCPLENS_SOURCE_H

#include <stddef.h>

#include "event.h"

struct source;

struct source_ops {
	/* Becomes readable when there is something to drain; -1: there always is, to the end. */
	int (*fd)(const struct source *s);
	/* Hands over what there is now: the number of records, 0: none (a recording: its end), or what on_event stopped with. */
	int (*drain)(struct source *s);
	/* What the kernel gathers instead of telling at once becomes records for the next drain(); may be NULL. */
	int (*snapshot)(struct source *s);
	/* Losses since the last call go to on_event as struct ev_lost, per hook; 0 or a negative errno; may be NULL. */
	int (*account)(struct source *s);
	/* No new records from now on; what was made is still drained; may be NULL. */
	void (*stop)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	/* Gets checked records.  Returns 0, or a negative errno to stop draining. */
	int (*on_event)(void *ctx, const struct ev_hdr *ev);
	void *ctx;
	__u64 records[HOOK_MAX]; /* live: out of the ring, or gathered in the kernel, before all stages of user space */
	__u64 lost[HOOK_MAX]; /* records lost, as handed to on_event so far */
	size_t fill;	      /* live: bytes that waited when drain() was called last */
	__u64 malformed;      /* records that decode() refused */
};

static inline int source__fd(const struct source *s)
{
	return s->ops->fd(s);
}

static inline int source__drain(struct source *s)
{
	return s->ops->drain(s);
}

static inline int source__snapshot(struct source *s)
{
	return s->ops->snapshot ? s->ops->snapshot(s) : 0;
}

static inline int source__account(struct source *s)
{
	return s->ops->account ? s->ops->account(s) : 0;
}

static inline void source__stop(struct source *s)
{
	if (s->ops->stop)
		s->ops->stop(s);
}

/* Records lost so far: of all hooks that store records (HOOK_CONN counts missing owners, not records). */
static inline __u64 source__lost(const struct source *s)
{
	__u64 sum = 0;

	for (int hook = 0; hook < HOOK_MAX; hook++)
		if (hook != HOOK_CONN)
			sum += s->lost[hook];
	return sum;
}

#endif
