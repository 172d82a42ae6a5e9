/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter options that all commands share: an argp child. */
#ifndef TCPLENS_OPTS_FILTER_H
#define TCPLENS_OPTS_FILTER_H

#include <argp.h>

#include "filter.h"

/*
 * The child's input; zeroed before.  After argp_parse() `filter` and `ranges`
 * are what the programs get (with -- COMMAND the caller sets filter.tree and
 * filter.used).  Whatever is wrong ends the process: one sentence, status 2.
 */
struct opts_filter {
	struct filter_builder builder;
	struct filter filter;
	struct frange *ranges; /* NULL: none */
	__u32 nranges;
};

extern const struct argp opts_filter_argp;

/*
 * Are the processes of --pid there?  0, or a negative errno with one sentence
 * in err.  Not asked with a recording, whose processes are gone.
 */
int opts_filter__check_pids(const struct opts_filter *o, char *err, size_t errlen);

void opts_filter__free(struct opts_filter *o);

#endif
