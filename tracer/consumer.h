/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a source's records: they go to the view, and what that makes
 * of them is printed; or (-w) they go to a file; or both.  It does not know
 * where they come from.
 */
#ifndef TCPLENS_CONSUMER_H
#define TCPLENS_CONSUMER_H

#include <stdbool.h>

#include "output.h"
#include "sink.h"
#include "view.h"
#include "writer.h"

struct session_opts;

struct consumer {
	const struct session_opts *o;
	void *view; /* the view's own state */
	struct view_out out;
	struct sink sink;
	struct resolver *resolver;
	struct writer *writer; /* NULL: prints only */
	bool print;
	__u64 taken; /* records printed; if nothing is printed: written */
	bool stop;   /* asked to end: what the source holds is still consumed */
	bool full;   /* -c reached, or output failed: no record is wanted any more */
	int err;     /* of output: why the run ends */
	bool file_failed; /* err is about the file */
	bool async;	  /* `output` writes to standard output; else it is written at once */
	struct output output;
	__u64 told[HOOK_MAX];	   /* of output.lost */
	__u64 told_file[HOOK_MAX]; /* of writer->output.lost */
	__u64 finish_ns;  /* the end; 0: not yet */
	bool stuck;	  /* at the end: nobody reads */
	bool skipped;	  /* the last record was left out, and so is its text */
	bool (*give_up)(void *ctx); /* at the end: what still waits is not waited for */
	void *give_up_ctx;
};

/* 0, or a negative errno with one sentence in err. */
int consumer__open(struct consumer *c, const struct session_opts *o, const struct writer_info *info,
		   char *err, size_t errlen);

/*
 * From now on standard output, or a pipe that is recorded to, may be slow: the drain does not wait for it, and
 * records that find more than `limit` bytes waiting are left out and counted.
 * 0 or a negative errno.
 */
int consumer__async(struct consumer *c, size_t limit, bool priority);

/* Readable when consumer__check() has something to find; -1: never. */
int consumer__fd(const struct consumer *c);
void consumer__check(struct consumer *c);

/* Records left out since the last call: told on stderr, and in the output. */
void consumer__account(struct consumer *c, __u64 mono_ns);

/* … all together, of those that `taken` does not count. */
__u64 consumer__lost(const struct consumer *c);
__u64 consumer__lost_of(const struct consumer *c, unsigned int hook);

/* source.on_event; ctx is the consumer. */
int consumer__event(void *ctx, const struct ev_hdr *ev);

/* The clocks differ by this from now on. */
void consumer__clock(struct consumer *c, __u64 mono_ns, __s64 mono_to_real);

/* The view's interval has passed. */
void consumer__tick(struct consumer *c, __u64 mono_ns);

/* Nothing waits in our own buffers any more. */
void consumer__flush(struct consumer *c, __u64 mono_ns);

/* No more records come; files are ended. */
void consumer__finish(struct consumer *c, __u64 mono_ns);

/* Does anything go to standard output? */
bool consumer__uses_stdout(const struct consumer *c);

/* One line on stderr for what ended the run; false: nothing failed. */
bool consumer__tell(const struct consumer *c);

/* Safe on a zeroed struct. */
void consumer__free(struct consumer *c);

#endif
