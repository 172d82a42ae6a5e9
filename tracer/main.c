// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <argp.h>

#include "cmd_doctor.h"
#include "cmd_fields.h"
#include "cmd_view.h"
#include "extcap.h"
#include "version.h"

/* A command is a view, or a function. */
static const struct command {
	const char *name;
	const struct view *view;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "trace", &view_trace, NULL, "what segments do processes send and receive?" },
	{ "states", &view_states, NULL, "what state changes, and how long in each?" },
	{ "life", &view_life, NULL, "one line per connection: what it carried, who ended it, what limited it" },
	{ "latency", &view_latency, NULL, "where does the time go: handshake, queues, network, processes?" },
	{ "record", &view_record, NULL, "record now, ask later: what all these commands need, into a file" },
	{ "connect", &view_connect, NULL, "who connects and who accepts, how long did it take, why did it fail?" },
	{ "loss", &view_loss, NULL, "what was retransmitted, dropped, reset, stalled, and why?" },
	{ "doctor", NULL, cmd_doctor, "what can this kernel do, which hooks are chosen, why not better ones?" },
	{ "fields", NULL, cmd_fields, "the fields that --json and --fields know" },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *f)
{
	fprintf(f, "Usage: tcplens COMMAND [OPTION...] [-- PROGRAM [ARG...]]\n"
		   "Which process owns this TCP connection, what is in its headers, and what state is it in?\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(f, "\n`tcplens COMMAND --help` tells a command's options.\n");
}

/* Standard descriptors that are closed would be taken by the next open(), and written to. */
static int std_fds_open(void)
{
	if (fcntl(STDERR_FILENO, F_GETFD) < 0)
		return -EBADF;
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != STDIN_FILENO)
		return -EBADF;
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		fprintf(stderr, "tcplens: stdout is closed: redirect it to where the records should go\n");
		return -EBADF;
	}
	return 0;
}

static int run(const struct command *c, int argc, char **argv)
{
	char name[64];

	/* argp takes the program's name from here: "tcplens trace: …". */
	snprintf(name, sizeof(name), "tcplens %s", c->name);
	argv[1] = name;
	program_invocation_name = name;
	return c->view ? cmd_view(c->view, argc - 1, argv + 1) : c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	argp_err_exit_status = 2;
	if (std_fds_open())
		return 1;
	if (argc < 2) {
		fprintf(stderr, "tcplens: a command is missing: see tcplens --help\n");
		return 2;
	}
	if (extcap_asked(argc, argv))
		return extcap_run(argc, argv);
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return run(&commands[i], argc, argv);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("tcplens " TCPLENS_VERSION "\n");
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return 0;
	}
	fprintf(stderr, "tcplens: unknown command '%s': see tcplens --help\n", argv[1]);
	return 2;
}
