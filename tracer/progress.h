/* SPDX-License-Identifier: BSD-2-Clause */
/* Where nothing is printed: one line on a terminal's stderr that tells how a file grows. */
#ifndef TCPLENS_PROGRESS_H
#define TCPLENS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct writer;

struct progress {
	bool on;
	bool shown;
};

/* quiet: never, wherever stderr goes. */
void progress__init(struct progress *p, bool quiet);

void progress__show(struct progress *p, const struct writer *w, __u64 lost);

/* Takes the line away, so that another can be written. */
void progress__clear(struct progress *p);

/* What was written, for the last line: "; 1.2 MB in FILE", or nothing. */
void progress_written(const struct writer *w, char *buf, size_t len);

#endif
