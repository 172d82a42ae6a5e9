/* SPDX-License-Identifier: BSD-2-Clause */
/* The output options that all commands share: an argp child. */
#ifndef TCPLENS_OPTS_OUTPUT_H
#define TCPLENS_OPTS_OUTPUT_H

#include <argp.h>

#include "sink.h"

enum color_mode { COLOR_AUTO = 0, COLOR_ALWAYS, COLOR_NEVER };

/*
 * The child's input.  The command sets the first two before argp_parse(), the
 * rest is zeroed.  Whatever is wrong ends the process: one sentence, status 2.
 */
struct opts_output {
	__u32 events;	   /* FIELD_IN() of what the command prints */
	const char *usual; /* its columns, as for --fields */
	const char *usual_wide; /* those with --wide, or where the terminal has room; NULL: the same */

	bool json;
	bool time_set;
	bool numeric; /* -n, the default, said explicitly */
	bool resolve;
	bool absolute;
	bool macs;
	bool verbose;
	bool quiet;
	bool wide;
	bool short_time; /* the columns are those that fit 80 characters: so is the time */
	const char *list; /* --fields */
	enum time_format time_format;
	enum color_mode color;

	/* Made at the end of the parse. */
	const struct field *fields[FIELDS_MAX];
	size_t nfields;
};

extern const struct argp opts_output_argp;

/*
 * What the options mean for a sink that writes to `fd` (terminal or not).
 * cfg->fctx gets its switches; the clock (mono_to_real, start_mono_ns) and,
 * with o->resolve, the resolver are the caller's to set.
 */
void opts_output__sink_cfg(const struct opts_output *o, int fd, struct sink_cfg *cfg);

#endif
