// SPDX-License-Identifier: BSD-2-Clause
#include "cmd_view.h"

#include <string.h>

#include "opts_filter.h"
#include "opts_output.h"
#include "opts_run.h"
#include "session.h"

struct inputs {
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

int cmd_view(const struct view *v, int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &opts_filter_argp, 0, NULL, 0 },
		{ &opts_output_argp, 0, NULL, 0 },
		{ &opts_run_argp, 0, NULL, 0 },
		{ 0 },
	};
	const struct argp argp = {
		.parser = parse,
		.args_doc = "[-- COMMAND [ARG...]]",
		.doc = v->doc,
		.children = children,
	};
	struct opts_filter filter = {};
	struct opts_output output = { .events = v->events, .usual = v->columns };
	struct opts_run run;
	struct inputs in = { .filter = &filter, .output = &output, .run = &run };
	struct session_opts so;
	int status;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &in);
	if (in.command) {
		filter.filter.tree = 1;
		filter.filter.used = 1;
	}
	so = (struct session_opts){
		.view = v, .filter = &filter, .output = &output, .run = &run, .command = in.command
	};
	status = session__run(&so);
	opts_filter__free(&filter);
	return status;
}
