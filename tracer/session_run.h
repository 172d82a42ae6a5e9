/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two kinds of session share: one of the kernel, one of a file. */
#ifndef TCPLENS_SESSION_RUN_H
#define TCPLENS_SESSION_RUN_H

#include "consumer.h"
#include "session.h"
#include "source.h"

/* Runs it: session_live.c, session_file.c. The exit status, as session__run(). */
int session_live__run(const struct session_opts *o);
int session_file__run(const struct session_opts *o);

/* One line on stderr that is neither data nor a failure; not with -q. */
void session_note(const struct session_opts *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --ready-fd */
void session_ready(int fd);

/* SIGINT, SIGTERM, SIGHUP and SIGCHLD arrive as a descriptor: no handler, no race. Or a negative errno. */
int session_signals(void);

/* The last line. Also with -q: without it nobody knows whether something is missing. */
void session_summary(const struct consumer *c, const struct source *src);

#endif
