/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes on their way to a descriptor that may be slow: a thread of their own
 * writes them, in order, so that who drains the ring never waits for a terminal
 * or a pipe.  What waits is bounded: above that, records are left out and
 * counted, by hook.  What was taken is written, or counted too.
 *
 *	output__open -> [output_wants, output_mark]… output_submit … -> output__close
 */
#ifndef TCPLENS_OUTPUT_H
#define TCPLENS_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>

#include "event.h"
#include "outbuf.h"

struct output_chunk;

struct output {
	int fd;	      /* not owned */
	int event_fd; /* readable once `err` is set */
	size_t limit; /* of `queued` */
	bool priority; /* the thread wants it, too */

	/* Of who submits. */
	bool shut;	      /* too much waits: nothing is taken */
	struct outbuf marks;  /* __u32 each: where a record ends, << 8, and its hook */
	__u64 lost[HOOK_MAX]; /* left out, or never written */

	/* Of both; under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t more, less; /* something to write; something was written */
	struct output_chunk *head, *tail, *spare;
	size_t queued, written;
	bool closing, abort, running;
	int err;

	pthread_t thread;
	bool started;
};

/* fd stays the caller's.  0 or a negative errno. */
int output__open(struct output *o, int fd, size_t limit, bool priority);

/* Is a record of the hook wanted?  If not, it is counted. */
static inline bool output_wants(struct output *o, unsigned int hook)
{
	if (!o->shut)
		return true;
	o->lost[hook]++;
	return false;
}

/* A record ends at `end` in the buffer that will be submitted. */
static inline void output_mark(struct output *o, unsigned int hook, size_t end)
{
	__u32 mark = end << 8 | hook;

	outbuf_mem(&o->marks, &mark, sizeof(mark));
}

/*
 * Takes the buffer's bytes; b is empty then.  Waits for a moment if too much
 * waits: longer, and it shuts.  0, or the negative errno that writing failed with.
 */
int output_submit(struct output *o, struct outbuf *b);

/* Is there room again, after it was shut? */
bool output_reopen(struct output *o);

/*
 * Waits until all is written: true.  Not longer than half a minute, or two seconds in
 * which nothing is taken, or until give_up() says so.
 */
bool output_drain(struct output *o, bool (*give_up)(void *ctx), void *ctx);

/* Ends the thread.  How many marked records were not written to their end; they are in `lost`. */
__u64 output__close(struct output *o);

/* 0, or the negative errno that writing failed with. */
int output_error(struct output *o);

#endif
