// SPDX-License-Identifier: BSD-2-Clause
#include "cmd_view.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "errmsg.h"
#include "expr.h"
#include "hooks.h"
#include "fields.h"
#include "opts_file.h"
#include "opts_filter.h"
#include "opts_output.h"
#include "opts_run.h"
#include "session.h"
#include "writer.h"

/* An expression that took longer is worth a word. */
#define SLOW_NS 1000000000

struct inputs {
	const struct view *view;
	void *view_opts;
	struct view_plan plan;
	struct opts_filter *filter;
	struct opts_output *output;
	struct opts_run *run;
	struct opts_file *file;
	char **words; /* of the pcap-filter expression */
	size_t nwords;
	struct expr expr;
	char **command; /* -- COMMAND ARG…; NULL: none */
};

/* What the kernel is asked with a live run can't be asked of a recording. */
static int check_read(const struct inputs *in, char *err, size_t errlen)
{
	const struct ffilter *cgroups = &in->filter->filter.set[FS_CGROUP];
	const char *what = in->run->kernel_option;

	if (in->command)
		return errmsg(err, errlen, -EINVAL, "-r and -- COMMAND exclude each other");
	if (what)
		return errmsg(err, errlen, -EINVAL, "-r and %s exclude each other: a recording is made already", what);
	if (cgroups->allow.n || cgroups->deny.n)
		return errmsg(err, errlen, -EINVAL,
			      "--cgroup can't be asked of a recording, which does not know what is below a cgroup: give it when recording");
	return 0;
}

/* Words before -- are an expression, as tcpdump has it. */
static int check_expr(struct inputs *in, char *err, size_t errlen)
{
	char why[512];
	__u64 begin;
	int ret;

	if (!(in->plan.need & NEED_SEGMENTS))
		return errmsg(err, errlen, -EINVAL,
			      "'%s': an expression is about segments, which `%s` has none of: use the filter options (a command to trace goes after --)",
			      errmsg_quote(in->words[0], strlen(in->words[0])), in->view->name);
	begin = clock_mono_ns();
	ret = expr__compile(&in->expr, in->words, in->nwords, why, sizeof(why));
	if (ret)
		return errmsg(err, errlen, ret, "%s (a command to trace goes after --)", why);
	if (clock_mono_ns() - begin > SLOW_NS && !in->output->quiet)
		fprintf(stderr, "tcplens: libpcap took %.1f s for the expression: give lists to -P, --local or --remote\n",
			(clock_mono_ns() - begin) / 1e9);
	in->plan.need |= NEED_DEVICE;
	return 0;
}

/* All children have ended: what depends on several of them. */
static int check(struct inputs *in, char *err, size_t errlen)
{
	int ret = in->nwords ? check_expr(in, err, errlen) : 0;

	if (ret)
		return ret;
	if (in->plan.payload && !in->file->read && !in->file->snap)
		return errmsg(err, errlen, -EINVAL, "there is no payload to show: say by --snap N how much to take");
	if (in->view->files_only && !in->file->write)
		return errmsg(err, errlen, -EINVAL, "-w FILE is missing: where the records should go");
	if (in->file->read)
		return check_read(in, err, errlen);
	return opts_filter__check_pids(in->filter, err, errlen);
}

#define TROUBLE \
	(FIELD_IN(EV_RETRANSMIT) | FIELD_IN(EV_DROP) | FIELD_IN(EV_RESET) | FIELD_IN(EV_STALL))
#define ATTEMPT (FIELD_IN(EV_CONNECT) | FIELD_IN(EV_ACCEPT))

/* A filter on what none of the view's records has would be passed over in silence. */
static int check_filter(const struct inputs *in, char *err, size_t errlen)
{
	const struct filter *f = &in->filter->filter;
	const struct {
		const char *option;
		bool given;
		__u32 events; /* that have what it asks for */
	} filters[] = {
		{ "--flags", f->nflags, FIELD_IN(EV_SEGMENT) | TROUBLE },
		{ "--dir", f->dirs, FIELD_IN(EV_SEGMENT) | TROUBLE | ATTEMPT },
		{ "--state", f->states, FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_STATE) | TROUBLE },
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (filters[i].given && !(filters[i].events & in->plan.events))
			return errmsg(err, errlen, -EINVAL, "%s: what `%s` shows has none: leave it out",
				      filters[i].option, in->view->name);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct inputs *in = state->input;
	char err[512] = "";

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->filter;
		state->child_inputs[1] = in->output;
		state->child_inputs[2] = in->run;
		state->child_inputs[3] = in;
		state->child_inputs[4] = in->file;
		state->child_inputs[5] = in->view_opts;
		return 0;
	case ARGP_KEY_ARG:
		if (state->next < 2 || !state->quoted || state->next - 1 < state->quoted) {
			in->words[in->nwords++] = arg;
			return 0;
		}
		in->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (state->quoted && !in->command)
			argp_failure(state, 2, 0, "a command is missing after --");
		if (check(in, err, sizeof(err)) || check_filter(in, err, sizeof(err)))
			argp_failure(state, 2, 0, "%s", err);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/*
 * From the view's options to what is to be traced and shown.  argp ends its
 * children in reverse, so this one, standing behind them, comes before the
 * output options choose their columns.
 */
static error_t parse_plan(int key, char *arg, struct argp_state *state)
{
	struct inputs *in = state->input;
	const struct view *v = in->view;
	char err[512] = "";

	(void)arg;
	if (key != ARGP_KEY_END)
		return ARGP_ERR_UNKNOWN;
	in->plan = (struct view_plan){
		.events = v->events,
		.prints = v->prints ? v->prints : v->events,
		.need = v->need,
		.columns = v->columns,
		.wide = v->wide,
	};
	if (v->plan && v->plan(in->view_opts, &in->plan, err, sizeof(err)))
		argp_failure(state, 2, 0, "%s", err);
	if (in->file->format) {
		in->plan.need |= in->file->format->need;
		in->plan.writes = in->file->format->events;
	}
	if (in->file->snap_set)
		in->plan.need |= NEED_PACKETS;
	in->output->events = in->plan.prints;
	in->output->usual = in->plan.columns;
	in->output->usual_wide = in->plan.wide;
	return 0;
}

static const struct argp plan_argp = { .parser = parse_plan };

/* argp puts the words in another order. */
static void join(char *buf, size_t len, int argc, char **argv)
{
	size_t n = 0;

	*buf = '\0';
	for (int i = 0; i < argc && n < len; i++)
		n += snprintf(buf + n, len - n, "%s%s", i ? " " : "", argv[i]);
}

int cmd_view(const struct view *v, int argc, char **argv)
{
	const struct argp_child children[] = {
		{ &opts_filter_argp, 0, NULL, 0 },
		{ &opts_output_argp, 0, NULL, 0 },
		{ &opts_run_argp, 0, NULL, 0 },
		{ &plan_argp, 0, NULL, 0 },
		{ &opts_file_argp, 0, NULL, 0 },
		{ v->argp, 0, NULL, 0 },
		{ 0 },
	};
	const struct argp argp = {
		.parser = parse,
		.args_doc = "[EXPRESSION...] [-- COMMAND [ARG...]]",
		.doc = v->doc,
		.children = children,
	};
	struct opts_filter filter = {};
	struct opts_output output = {};
	struct opts_run run;
	struct opts_file file = {};
	struct inputs in = { .view = v, .filter = &filter, .output = &output, .run = &run, .file = &file };
	char cmdline[4096];
	struct session_opts so;
	int status;

	in.view_opts = calloc(1, v->opts_size ? v->opts_size : 1);
	in.words = calloc(argc + 1, sizeof(*in.words));
	if (!in.view_opts || !in.words) {
		fprintf(stderr, "tcplens: out of memory\n");
		return 1;
	}
	join(cmdline, sizeof(cmdline), argc, argv);
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &in);
	if (in.command) {
		filter.filter.tree = 1;
		filter.filter.used = 1;
	}
	so = (struct session_opts){
		.view = v,
		.view_opts = in.view_opts,
		.plan = &in.plan,
		.filter = &filter,
		.output = &output,
		.run = &run,
		.file = &file,
		.expr = in.nwords ? &in.expr : NULL,
		.cmdline = cmdline,
		.command = in.command,
	};
	status = session__run(&so);
	opts_filter__free(&filter);
	expr__free(&in.expr);
	free(in.words);
	free(in.view_opts);
	return status;
}
