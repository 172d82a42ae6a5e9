/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view answers one question: which events it is made of, what must be traced
 * for them, and the columns it shows.  It does not know where its events come
 * from, nor how they are printed.
 */
#ifndef TCPLENS_VIEW_H
#define TCPLENS_VIEW_H

#include <linux/types.h>

struct view {
	const char *name;    /* of the command */
	const char *doc;     /* argp: what it does, options, what follows them */
	__u32 events;	     /* FIELD_IN() */
	unsigned int need;   /* NEED_* */
	const char *columns; /* as for --fields */
};

extern const struct view view_trace;
extern const struct view view_states;

#endif
