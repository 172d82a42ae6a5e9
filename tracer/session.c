// SPDX-License-Identifier: BSD-2-Clause
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "errmsg.h"
#include "opts_file.h"
#include "opts_output.h"
#include "progress.h"
#include "session_run.h"

void session_note(const struct session_opts *o, const char *fmt, ...)
{
	va_list ap;

	if (o->output->quiet)
		return;
	fputs("tcplens: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void session_ready(int fd)
{
	if (fd < 0)
		return;
	/* Nobody reads it: nothing depends on it here. */
	if (write(fd, "ready\n", 6) != 6)
		errno = 0;
	close(fd);
}

int session_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write(), as a full disk is */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

void session_summary(const struct consumer *c, const struct source *src)
{
	char written[512];

	if (src->malformed)
		fprintf(stderr, "tcplens: %" PRIu64 " records could not be understood (a bug in tcplens)\n",
			(uint64_t)src->malformed);
	progress_written(c->writer, written, sizeof(written));
	fprintf(stderr, "tcplens: %" PRIu64 " records, %" PRIu64 " lost%s\n", (uint64_t)c->taken,
		(uint64_t)(source__lost(src) + consumer__lost(c)), written);
}

int session__run(const struct session_opts *o)
{
	const char *to = o->file->write;

	if (o->file->unnamed)
		session_note(o, "%s becomes a recording, for -r; a name that ends in .pcapng is for Wireshark",
			     errmsg_quote(to, strlen(to)));
	return o->file->read ? session_file__run(o) : session_live__run(o);
}
