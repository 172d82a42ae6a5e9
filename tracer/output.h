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

/* Where bytes are in a file, for whoever has to cut it when writing fails. */
struct output_place {
	__u64 at;		/* of the first one */
	__u64 tail;		/* before `at`: where the file may be ended at the latest */
	__u64 after[HOOK_MAX];	/* marked records between `tail` and `at` */
};

struct output {
	int fd;	      /* not owned */
	int event_fd; /* readable once `err` is set */
	size_t limit; /* of `queued` */
	bool priority; /* the thread wants it, too */

	/* Of who submits. */
	bool shut;	      /* too much waits: nothing is taken */
	struct outbuf marks;  /* __u32 each: where a record ends, << 8, and its hook */
	__u64 lost[HOOK_MAX]; /* left out, or never written */
	__u64 lost_cut;	      /* of these: by output_cut(), before its chunk */

	/* Of both; under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t more, less; /* something to write; something was written */
	struct output_chunk *head, *tail, *spare;
	size_t queued, written;
	bool closing, abort, running, ended;
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
 * `place` (NULL: not a file) is given back by output_rest().
 */
int output_submit(struct output *o, struct outbuf *b, const struct output_place *place);

/* Is there room again, after it was shut? */
bool output_reopen(struct output *o);

/*
 * Waits until all is written: true.  Not longer than half a minute, or two seconds in
 * which nothing is taken, or until give_up() says so.
 */
bool output_drain(struct output *o, bool (*give_up)(void *ctx), void *ctx);

/* Ends the thread, which writes nothing more then.  false: it hangs in the kernel. */
bool output_end(struct output *o);

/* The first of what was taken and not written to its end, after output_end(). */
struct output_rest {
	const char *p;
	size_t done; /* bytes of it that were written */
	const struct output_place *place;
};

/* false: all is written. */
bool output_rest(const struct output *o, struct output_rest *r);

/* The file was cut to `end`: what was behind is lost. */
void output_cut(struct output *o, __u64 end);

/*
 * Ends the thread, if output_end() has not.  How many marked records were not written to
 * their end, or cut off; they are in `lost`.
 */
__u64 output__close(struct output *o);

/* Adds what of the marked records ends behind `done` to lost[], by hook; returns how many. */
__u64 output_count(const struct outbuf *marks, size_t done, __u64 *lost);

/* 0, or the negative errno that writing failed with. */
int output_error(struct output *o);

#endif
