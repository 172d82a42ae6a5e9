// SPDX-License-Identifier: BSD-2-Clause
#include "cmd_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opts_filter.h"
#include "opts_output.h"
#include "opts_run.h"
#include "session.h"

struct inputs {
	const struct view *view;
	void *view_opts;
	struct view_plan plan;
	struct opts_filter *filter;
	struct opts_output *output;
	struct opts_run *run;
	char **command; /* -- COMMAND ARG…; NULL: none */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct inputs *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->filter;
		state->child_inputs[1] = in->output;
		state->child_inputs[2] = in->run;
		state->child_inputs[3] = in;
		state->child_inputs[4] = in->view_opts;
		return 0;
	case ARGP_KEY_ARG:
		/* Only what follows "--" is a command: a stray word is more likely a mistake. */
		if (state->next < 2 || !state->quoted || state->next - 1 < state->quoted)
			argp_failure(state, 2, 0, "unexpected '%s': a command to trace goes after --",
				     arg);
		in->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (state->quoted && !in->command)
			argp_failure(state, 2, 0, "a command is missing after --");
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
	};
	if (v->plan && v->plan(in->view_opts, &in->plan, err, sizeof(err)))
		argp_failure(state, 2, 0, "%s", err);
	in->output->events = in->plan.prints;
	in->output->usual = in->plan.columns;
	return 0;
}

static const struct argp plan_argp = { .parser = parse_plan };

int cmd_view(const struct view *v, int argc, char **argv)
{
	const struct argp_child children[] = {
		{ &opts_filter_argp, 0, NULL, 0 },
		{ &opts_output_argp, 0, NULL, 0 },
		{ &opts_run_argp, 0, NULL, 0 },
		{ &plan_argp, 0, NULL, 0 },
		{ v->argp, 0, NULL, 0 },
		{ 0 },
	};
	const struct argp argp = {
		.parser = parse,
		.args_doc = "[-- COMMAND [ARG...]]",
		.doc = v->doc,
		.children = children,
	};
	struct opts_filter filter = {};
	struct opts_output output = {};
	struct opts_run run;
	struct inputs in = { .view = v, .filter = &filter, .output = &output, .run = &run };
	struct session_opts so;
	int status;

	in.view_opts = calloc(1, v->opts_size ? v->opts_size : 1);
	if (!in.view_opts) {
		fprintf(stderr, "tcplens: out of memory\n");
		return 1;
	}
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
		.command = in.command,
	};
	status = session__run(&so);
	opts_filter__free(&filter);
	free(in.view_opts);
	return status;
}
