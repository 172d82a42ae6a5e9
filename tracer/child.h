/* SPDX-License-Identifier: BSD-2-Clause */
/* `-- COMMAND ARG…`: a child that waits at the gate until tracing runs. */
#ifndef TCPLENS_CHILD_H
#define TCPLENS_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid; /* 0: none */
	int gate;  /* writing end of the pipe it waits on; -1: open already */
	int status; /* as of waitpid(), once it has ended */
	int ended;
};

/*
 * Forks; the child waits.  Its standard output is our standard error: standard
 * output carries our records.  0 or a negative errno.
 */
int child__start(struct child *c, char **argv);

/* Lets it go on and execute the command. */
void child__release(struct child *c);

/* Reaps it if it has ended: 1, else 0. */
int child__reap(struct child *c);

/* The exit status to pass on: its own, 128 + n after signal n, 127 if the command was not found. */
int child__exit_status(const struct child *c);

/* Ends it (SIGTERM) if it runs and waits for it; frees the pipe.  Safe on a zeroed struct. */
void child__stop(struct child *c);

#endif
