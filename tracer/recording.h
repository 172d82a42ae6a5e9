/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings: a file header, the records of event.h (rec_change.h), an end mark.  What is in
 * a file and what is promised about it is written down in docs/recording.md.
 *
 * The reader trusts nothing: whatever the bytes are, it hands out records that
 * decode() has checked, or says at which offset it could go no further.
 */
#ifndef TCPLENS_RECORDING_H
#define TCPLENS_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "rec_change.h"

#define REC_MAGIC "\x89TCPL\r\n\x1a" /* 8 bytes; a transfer as text damages it */
#define REC_ORDER 0x01020304u
#define REC_VERSION 2 /* 1 has no REC_CHANGE, and is read */
#define REC_HEADER_MAX (64u << 10)
/* Nothing was up for 36 years, and no clock is off by 146: so sums of times stay in 64 bits. */
#define REC_MONO_MAX (1ULL << 60)
#define REC_REAL_MAX (1LL << 62)

/* The beginning of a file; then `ntypes` sizes, then text up to `len`. */
struct rec_header {
	char magic[8];
	__u32 order;   /* REC_ORDER in the writer's byte order */
	__u16 version; /* REC_VERSION */
	__u16 fixed;   /* bytes of this struct: later versions add to its end */
	__u32 len;     /* of the whole header, a multiple of 8 */
	__u32 check;   /* rec_sum() of the header, this being 0 */
	__u64 start_mono_ns;
	__s64 mono_to_real; /* CLOCK_REALTIME - CLOCK_MONOTONIC then */
	__u64 events;	    /* 1 << enum ev_type: what was looked for */
	__u16 ntypes;	    /* of the size table: __u16 each, by enum ev_type; 0: none */
	__u16 pad[3];
};

/* Records that only files have. */
enum rec_type {
	REC_CLOCK = 0xff01, /* struct rec_clock */
	REC_END = 0xff02,   /* struct rec_end; the last one */
	REC_CHANGE = 0xff04, /* struct rec_change: a record of event.h */
	REC_TICK = 0xff03,  /* struct ev_hdr alone: an interval is over, what was gathered in it is told */
};

/* From here on the clocks differ by this: somebody, mostly NTP, sets the clock. */
struct rec_clock {
	struct ev_hdr hdr;
	__s64 mono_to_real;
};

#define REC_UNKNOWN (~0ULL)

struct rec_end {
	struct ev_hdr hdr;
	__u64 records; /* in this file, all but this one; REC_UNKNOWN */
	__u32 early;   /* 1: the disk was full */
	__u32 pad;
};

EV_ASSERT(sizeof(struct rec_header) == 56, "rec_header");
EV_ASSERT(sizeof(struct rec_clock) == 24, "rec_clock");
EV_ASSERT(sizeof(struct rec_end) == 32, "rec_end");

/* 24 bits over 64-bit words; n is a multiple of 8. */
__u32 rec_sum(const void *p, size_t n);

/* Puts the check into a record's ev_hdr.pad. */
void rec_seal(void *record, size_t n);

struct rec_reader {
	int fd;	       /* not owned */
	int stop_fd;   /* when readable, waiting for more ends with -ECANCELED; -1: none */
	char *buf;
	size_t at, end; /* what is left in the buffer */
	__u64 offset;	/* in the file, of `at` */
	bool eof;
	bool done; /* behind the end mark */
	struct rec_header hdr;
	char *head;	    /* the whole header, and a NUL */
	__u64 records;	    /* handed out, or skipped */
	__u64 unknown;	    /* skipped: of types that this version does not know */
	__u64 last_ns;	    /* the largest time seen */
	bool ended_early;
	struct rec_slots *slots;
	void *wide; /* a record of an older version, made as long as today's */
};

/* Reads the header: 0, or a negative errno with one sentence in err. */
int rec_reader__open(struct rec_reader *r, int fd, int stop_fd, char *err, size_t errlen);

/* Can rec_reader__next() go on without waiting for more of the file? */
bool rec_reader__buffered(const struct rec_reader *r);

/*
 * The next record, REC_CLOCK and REC_TICK included, which lives until the next call: 1; 0:
 * the end; a negative errno with one sentence, offset included, in err.
 */
int rec_reader__next(struct rec_reader *r, const struct ev_hdr **ev, char *err, size_t errlen);

/* What the header says: the value of "key=value" (untrusted bytes), in buf; NULL: nothing. */
const char *rec_reader__text(const struct rec_reader *r, const char *key, char *buf, size_t len);

/* Safe on a zeroed struct. */
void rec_reader__free(struct rec_reader *r);

#endif
