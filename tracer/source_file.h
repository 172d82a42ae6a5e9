/* SPDX-License-Identifier: BSD-2-Clause */
/* A recording as a source: filtered again, its records in the order of the file. */
#ifndef TCPLENS_SOURCE_FILE_H
#define TCPLENS_SOURCE_FILE_H

#include "recording.h"
#include "source.h"

struct filter;
struct frange;

struct source_file {
	struct source src;
	struct rec_reader r;
	__u32 events; /* FIELD_IN() of the records that are wanted */
	const struct filter *filter; /* with its ranges: not owned */
	const struct frange *ranges;
	void (*on_clock)(void *ctx, __u64 mono_ns, __s64 mono_to_real); /* with src.ctx */
	void (*on_tick)(void *ctx, __u64 mono_ns);			 /* as REC_TICK says */
	char err[256]; /* what drain()'s negative errno means, if it is the file's */
};

/* Reads the header: 0, or a negative errno with one sentence in err.  The rest is the caller's to set then. */
int source_file__open(struct source_file *s, int fd, int stop_fd);

/* Safe on a zeroed struct. */
void source_file__free(struct source_file *s);

#endif
