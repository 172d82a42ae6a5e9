/* SPDX-License-Identifier: BSD-2-Clause */
/* One run: open, attach, seed, drain, account, close. */
#ifndef TCPLENS_SESSION_H
#define TCPLENS_SESSION_H

struct view;
struct view_plan;
struct opts_filter;
struct opts_output;
struct opts_run;
struct opts_file;
struct expr;

struct session_opts {
	const struct view *view;
	const void *view_opts; /* of view->argp; NULL: it has none */
	const struct view_plan *plan;
	const struct opts_filter *filter;
	const struct opts_output *output;
	const struct opts_run *run;
	const struct opts_file *file;
	const struct expr *expr; /* the user's pcap-filter expression; NULL: none */
	const char *cmdline; /* as it was given, for the header of a recording */
	char **command; /* to start and trace; NULL: none */
};

/*
 * Runs until a signal, a limit or the command's end.  Returns the exit status:
 * 0, 1 after a failure (told on stderr in one sentence), or the command's.
 */
int session__run(const struct session_opts *o);

#endif
