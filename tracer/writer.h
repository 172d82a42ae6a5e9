/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that records are written to.  This part names, opens, rotates, flushes
 * and ends them; a format (struct writer_ops) only appends bytes to w->out.
 *
 *	writer__open -> event… clock… flush… -> writer__close -> writer__free
 */
#ifndef TCPLENS_WRITER_H
#define TCPLENS_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "outbuf.h"
#include "output.h"

struct writer;
struct opts_file;

/* Where the records come from. Strings may be NULL: unknown. They live as long as the writer. */
struct writer_info {
	__u64 start_mono_ns; /* when the run began */
	__s64 mono_to_real;  /* at that time */
	__u64 tick_ns;	     /* what is gathered is told this often; 0: there is no such thing */
	__u64 outlier_ns;    /* single waits above it are told; 0: none */
	__u32 events;	     /* FIELD_IN() of the records that were looked for */
	__u32 netns;	     /* the (first) namespace that is traced; 0: unknown */
	const char *host;
	const char *kernel;
	const char *machine;
	const char *boot;    /* the kernel's boot id: netns and conn numbers are of this boot */
	const char *backend;
	const char *blind;   /* what the backend does not see */
	const char *command; /* the command line that chose the records */
};

struct writer_ops {
	const char *name;   /* for --format */
	const char *suffix; /* of the files' names: ".pcapng" */
	unsigned int need;  /* NEED_* that this format adds to the view's */
	__u32 events;	    /* FIELD_IN() of the records that it wants besides the view's */
	__u32 counts;	    /* FIELD_IN() of those that are counted; 0: all */
	/* Once, before the first file; may be NULL. 0 or a negative errno. */
	int (*open)(struct writer *w);
	/* The next three append to w->out: 0, or a negative errno. */
	/* The beginning of every file. */
	int (*begin)(struct writer *w);
	/* A checked record, or an EV_LOST. */
	int (*event)(struct writer *w, const struct ev_hdr *ev);
	/*
	 * Appends what the format has held back and is older than some moment, all
	 * of it if this is the `last` call before end(); may be NULL.
	 */
	int (*flush)(struct writer *w, __u64 mono_ns, bool last);
	/* w->mono_to_real has changed, from mono_ns on; may be NULL. */
	int (*clock)(struct writer *w, __u64 mono_ns);
	/* The view's interval is over, and what was gathered in it is written; may be NULL. */
	int (*tick)(struct writer *w, __u64 mono_ns);
	/*
	 * About how many bytes the format holds back.  NULL: none; else it appends a record
	 * later than it gets it, and calls writer__appended() then.
	 */
	size_t (*held)(const struct writer *w);
	/* The end of every file; may be NULL. It must also work where `event` failed. */
	int (*end)(struct writer *w, __u64 mono_ns);
	/* How much of these n bytes, appended since a flush, is whole: where a full disk's file is cut. */
	size_t (*whole)(const void *p, size_t n);
	size_t (*end_size)(const struct writer *w); /* the most that end() would append now */
	void (*free)(struct writer *w); /* w->priv; may be NULL */
};

extern const struct writer_ops writer_tcpl_ops;
extern const struct writer_ops writer_pcapng_ops;

struct writer {
	const struct writer_ops *ops;
	void *priv; /* the format's */
	struct outbuf out;
	struct writer_info info;
	__s64 mono_to_real; /* now */
	__u32 snap;	    /* payload bytes per packet that may be kept */
	__u64 records;	    /* in all files, those that are counted */
	__u64 lost[HOOK_MAX]; /* as told by EV_LOST, in all files */
	__u64 unwritten;    /* of `records`: those that are in no file after all */
	__u64 bytes;	    /* in all files, those that -W has written over included; without `output`'s */
	__u64 files;	    /* that were begun */

	bool async; /* `output` writes, so that a slow disk or reader is not waited for */
	struct output output; /* its marks and counts are used also if not `async` */
	bool (*give_up)(void *ctx); /* at the end: what waits is not waited for */
	void *give_up_ctx;

	/* The rest is writer.c's. */
	__u64 pushed_ns; /* when the last flush handed something over */
	const struct opts_file *o;
	char *path; /* of the current file; NULL: none was opened */
	int fd;
	bool regular;
	bool done;	    /* -W files are full: no record is wanted any more */
	bool failed;
	__u64 written;	    /* bytes in the current file, those that wait to be written included */
	/*
	 * Should nothing of the next buffer fit, the end mark takes the last records' place: from
	 * `tail` on, and how many these are.
	 */
	__u64 tail;
	__u64 after[HOOK_MAX];
	__u64 period_ns;    /* when -G began the current file */
	__u64 rotate_ns;    /* when -G is due; 0: never */
	__u64 count;	    /* of the current file, by -C */
	__u64 periods;	    /* ended by -G */
};

/* What writer_format() knows, for messages. */
#define WRITER_FORMATS "pcapng, tcpl"

/* The format by its name; NULL: there is none. */
const struct writer_ops *writer_format(const char *name);

/* The format of a file name, NULL if it tells none; `-` is for a pipe into Wireshark. */
const struct writer_ops *writer_format_of(const char *path);

/* In letters of any case. */
bool writer_ends_with(const char *path, const char *suffix);

/* *w is set in any case (writer__free()). 0, or a negative errno with one sentence in err. */
int writer__open(struct writer **w, const struct opts_file *o, const struct writer_info *info,
		 char *err, size_t errlen);

/*
 * From now on a thread writes: records that find more than `limit` bytes waiting are left
 * out and counted (w->output.lost).  Only where a file ends (-C, -G) it is waited for, as by
 * output_drain().  w may be NULL.  0 or a negative errno.
 */
int writer__async(struct writer *w, size_t limit, bool priority);

/* Is this record to be left out, being counted as lost? */
bool writer__leaves_out(struct writer *w, const struct ev_hdr *ev);

/* 0; -ECANCELED: -W says that it is enough; or the negative errno of a write. */
int writer__event(struct writer *w, const struct ev_hdr *ev);

/* For formats: a counted record of this hook ends where w->out ends now. */
void writer__appended(struct writer *w, enum ev_hook hook);

/* Is it one of those that -c and the last line count? */
bool writer__counts(const struct writer *w, const struct ev_hdr *ev);

/* CLOCK_REALTIME - CLOCK_MONOTONIC from now on. */
int writer__clock(struct writer *w, __u64 mono_ns, __s64 mono_to_real);

/* The view's interval is over. */
int writer__tick(struct writer *w, __u64 mono_ns);

/*
 * Hands everything to the kernel, so that no kill can lose it; rotates where -G is due.  What
 * the thread writes to a regular file is left to gather for up to 100 ms: to be called again.
 */
int writer__flush(struct writer *w, __u64 mono_ns);

/* In all files, as far as the kernel has taken them. */
__u64 writer__bytes(const struct writer *w);

/*
 * Ends the current file; w may be NULL.  What waits is written, as by output_drain().  A full
 * disk's file is cut behind its last whole record, and ended.  What is not in it is in
 * w->output.lost, and, where it was counted as written before, in w->unwritten.  0 or a
 * negative errno.
 */
int writer__close(struct writer *w, __u64 mono_ns);

void writer__free(struct writer *w);

#endif
