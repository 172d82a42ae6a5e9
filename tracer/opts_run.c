// SPDX-License-Identifier: BSD-2-Clause
#include "opts_run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_DEFAULT (8u << 20)
#define BUFFER_MAX (1u << 30)

enum { KEY_BACKEND = 0x1000, KEY_BUFFER, KEY_READY_FD, KEY_CONNS, KEY_NO_PRIORITY, KEY_STATS };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Run:", 30 },
	{ "records", 'c', "COUNT", 0, "End after COUNT records", 0 },
	{ "duration", 'd', "SECONDS", 0, "End after SECONDS (fractions allowed)", 0 },
	{ "backend", KEY_BACKEND, "NAME", 0,
	  "How to hook into the kernel: fentry, kprobe, tracepoint; auto (the default) takes the first that works",
	  0 },
	{ "buffer", KEY_BUFFER, "SIZE", 0,
	  "Ring buffer between kernel and tcplens: bytes, or with k, M (default 8M; rounded up to a power of two; above 2M another of 1M is used first)",
	  0 },
	{ "connections", KEY_CONNS, "N", 0,
	  "Connections to remember at once (default: 32768, and 1.25 for each TCP socket that is open)", 0 },
	{ "no-priority", KEY_NO_PRIORITY, NULL, 0,
	  "Be scheduled as anybody, not before: records may be lost while all CPUs are busy", 0 },
	{ "stats", KEY_STATS, NULL, 0,
	  "Tell at the end what the run cost: runs and nanoseconds of each hook, records, losses, CPU (with --json: one object); all on stderr",
	  0 },
	{ "ready-fd", KEY_READY_FD, "FD", 0,
	  "Write \"ready\" to the file descriptor FD, and close it, once all hooks are attached", 0 },
	{ 0 },
};

/* A size with an optional k, M or G; 0 if it is none. */
static __u64 parse_size(const char *s)
{
	char *end;
	unsigned long long n;

	if (*s < '0' || *s > '9')
		return 0;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno || n > BUFFER_MAX)
		return 0;
	if (*end == 'k' || *end == 'K')
		n <<= 10, end++;
	else if (*end == 'm' || *end == 'M')
		n <<= 20, end++;
	else if (*end == 'g' || *end == 'G')
		n <<= 30, end++;
	return *end ? 0 : n;
}

/* The kernel wants a power of two that is a multiple of the page size. */
static int set_buffer(struct opts_run *o, const char *arg)
{
	__u64 n = parse_size(arg), size = sysconf(_SC_PAGESIZE);

	if (!n || n > BUFFER_MAX)
		return -EINVAL;
	while (size < n)
		size <<= 1;
	o->buffer = size;
	return 0;
}

static int parse_u64(const char *s, __u64 max, __u64 *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return errno || *end || *out > max ? -EINVAL : 0;
}

static int set_duration(struct opts_run *o, const char *arg)
{
	char *end;

	o->duration = strtod(arg, &end);
	return end == arg || *end || !isfinite(o->duration) || o->duration <= 0 ||
			       o->duration > 1e9 ?
		       -EINVAL :
		       0;
}

static int set_ready_fd(struct opts_run *o, const char *arg)
{
	__u64 fd;

	/* Not for the traced command: who waits for its end would wait for the command's. */
	if (parse_u64(arg, 1 << 20, &fd) || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -EBADF;
	o->ready_fd = fd;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct opts_run *o = state->input;
	__u64 n;

	switch (key) {
	case ARGP_KEY_INIT:
		*o = (struct opts_run){
			.backend = BACKEND_AUTO, .buffer = BUFFER_DEFAULT, .ready_fd = -1
		};
		return 0;
	case 'c':
		if (parse_u64(arg, ~0ULL, &o->count) || !o->count)
			argp_failure(state, 2, 0, "-c needs a number of records, 1 or more, not '%s'",
				     arg);
		return 0;
	case 'd':
		if (set_duration(o, arg))
			argp_failure(state, 2, 0, "-d needs a number of seconds above 0, not '%s'", arg);
		return 0;
	case KEY_BACKEND:
		o->kernel_option = "--backend";
		if (backend_parse(arg, &o->backend))
			argp_failure(state, 2, 0,
				     "unknown backend '%s': use auto, fentry, kprobe or tracepoint", arg);
		return 0;
	case KEY_BUFFER:
		o->kernel_option = "--buffer";
		if (set_buffer(o, arg))
			argp_failure(state, 2, 0,
				     "--buffer needs a size such as 64k or 8M, at most 1G, not '%s'", arg);
		return 0;
	case KEY_CONNS:
		o->kernel_option = "--connections";
		if (parse_u64(arg, 1 << 24, &n) || !n)
			argp_failure(state, 2, 0,
				     "--connections needs a number from 1 to 16777216, not '%s'", arg);
		o->conns_max = n;
		return 0;
	case KEY_NO_PRIORITY:
		o->kernel_option = "--no-priority";
		o->no_priority = true;
		return 0;
	case KEY_STATS:
		o->kernel_option = "--stats";
		o->stats = true;
		return 0;
	case KEY_READY_FD:
		if (set_ready_fd(o, arg))
			argp_failure(state, 2, 0,
				     "--ready-fd needs the number of an open file descriptor, not '%s'",
				     arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp opts_run_argp = { .options = options, .parser = parse };
