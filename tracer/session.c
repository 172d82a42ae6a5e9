// SPDX-License-Identifier: BSD-2-Clause
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "child.h"
#include "clock.h"
#include "decode.h"
#include "names.h"
#include "opts_filter.h"
#include "opts_output.h"
#include "opts_run.h"
#include "priority.h"
#include "privs.h"
#include "resolve.h"
#include "seed.h"
#include "sink.h"
#include "source_live.h"
#include "skel.h"
#include "view.h"

#define MS 1000000ULL
/*
 * After a wake-up records are left to gather for this long: while the reader
 * lags behind, the kernel does not wake it, and a wake-up costs more than all
 * else.
 */
#define GATHER_NS (5 * MS)
#define ACCOUNT_NS (1000 * MS) /* how often losses are looked for */
#define LINGER_NS (50 * MS)    /* after the command's end: its sockets close down */
#define FLUSH_BYTES (256 << 10)

struct session {
	const struct session_opts *o;
	struct tcplens_bpf *skel;
	struct attach_report report;
	struct source_live live;
	struct source *source;
	void *view; /* the view's own state */
	struct view_out out;
	struct sink sink;
	struct resolver *resolver;
	struct child child;
	int sigfd;
	__u64 printed;
	__u64 end_ns;	  /* when to end; 0: no limit */
	__u64 account_ns; /* when to look for losses again */
	__u64 tick_ns;	  /* when the view wants to be called; 0: never */
	bool stop; /* asked to end: what is in the ring is still printed */
	bool full; /* -c reached, or output failed: no record is wanted any more */
	int err;   /* of output: why the run ends */
};

static void note(const struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What is neither data nor a failure. */
static void note(const struct session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->o->output->quiet)
		return;
	fputs("tcplens: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int flush(struct session *s)
{
	int err = sink__flush(&s->sink, STDOUT_FILENO);

	if (err && !s->err) {
		s->err = err;
		s->stop = s->full = true;
	}
	return err;
}

/* Never silent: an unreported loss looks like a quiet network. */
static void tell_lost(const struct ev_lost *l)
{
	if (l->hdr.hook == HOOK_CONN)
		fprintf(stderr,
			"tcplens: the connection table was full %" PRIu64
			" times, so owners are missing: use a larger --connections\n",
			(uint64_t)l->count);
	else
		fprintf(stderr,
			"tcplens: %" PRIu64
			" records lost (%s): the ring buffer was full; use a larger --buffer or a filter\n",
			(uint64_t)l->count, hook_name(l->hdr.hook));
}

/* One record of output.  -ECANCELED: no more is wanted. */
static int print_event(void *ctx, const struct ev_hdr *ev)
{
	struct session *s = ctx;
	int n;

	if (s->full && ev->type != EV_LOST)
		return -ECANCELED;
	n = sink__event(&s->sink, ev);
	if (n < 0) {
		s->err = n;
		s->stop = s->full = true;
		return n;
	}
	if (ev->type != EV_LOST) {
		s->printed++;
		if (s->o->run->count && s->printed >= s->o->run->count)
			s->stop = s->full = true;
	}
	if (sink__pending(&s->sink) >= FLUSH_BYTES)
		return flush(s);
	return 0;
}

static int print_text(void *ctx, const char *text, size_t n)
{
	struct session *s = ctx;
	int err = s->full ? -ECANCELED : sink__text(&s->sink, text, n);

	return err < 0 ? err : 0;
}

/* What the view could not do ends the run; that nothing more is wanted is no failure. */
static int view_result(struct session *s, int err)
{
	if (err < 0 && err != -ECANCELED && !s->err) {
		s->err = err;
		s->stop = s->full = true;
	}
	return err;
}

static int on_event(void *ctx, const struct ev_hdr *ev)
{
	struct session *s = ctx;
	const struct view *v = s->o->view;

	if (ev->type == EV_LOST) {
		tell_lost(ev_lost_of(ev));
		return print_event(s, ev);
	}
	return v->ops ? view_result(s, v->ops->event(s->view, ev)) : print_event(s, ev);
}

static int open_view(struct session *s)
{
	const struct view *v = s->o->view;

	s->out = (struct view_out){ .event = print_event, .text = print_text, .ctx = s };
	if (s->o->plan->tick_ns)
		s->tick_ns = clock_mono_ns() + s->o->plan->tick_ns;
	return v->ops && v->ops->open ? v->ops->open(&s->view, s->o->view_opts, &s->out) : 0;
}

static void close_view(struct session *s)
{
	const struct view *v = s->o->view;

	if (v->ops && v->ops->free)
		v->ops->free(s->view);
	s->view = NULL;
}

static void ready(int fd)
{
	if (fd < 0)
		return;
	/* Nobody reads it: nothing depends on it here. */
	if (write(fd, "ready\n", 6) != 6)
		errno = 0;
	close(fd);
}

/* SIGINT, SIGTERM, SIGHUP and the child's end arrive as a descriptor: no handler, no race. */
static int open_signals(struct session *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	s->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->sigfd < 0 ? -errno : 0;
}

static void on_signals(struct session *s)
{
	struct signalfd_siginfo si;

	while (read(s->sigfd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGCHLD)
			s->stop = true;
		else if (child__reap(&s->child) && (!s->end_ns || s->end_ns > clock_mono_ns() + LINGER_NS))
			s->end_ns = clock_mono_ns() + LINGER_NS;
	}
}

static void nap(__u64 ns)
{
	struct timespec ts = { .tv_sec = ns / (1000 * MS), .tv_nsec = ns % (1000 * MS) };

	nanosleep(&ts, NULL);
}

/* Milliseconds until something has to be done; -1: nothing is due. */
static int wait_ms(const struct session *s, __u64 now)
{
	__u64 due = s->end_ns;

	if (s->tick_ns && (!due || s->tick_ns < due))
		due = s->tick_ns;
	if (s->account_ns && (!due || s->account_ns < due))
		due = s->account_ns;
	if (!due)
		return -1;
	if (due <= now)
		return 0;
	return (due - now) / MS < 60000 ? (int)((due - now) / MS) + 1 : 60000;
}

/* Drains, and leaves the CPU to others for half as long as that took, however much there is. */
static void drain(struct session *s)
{
	__u64 begin = clock_mono_ns(), took;
	int n = source__drain(s->source);

	if (sink__pending(&s->sink))
		flush(s);
	took = clock_mono_ns() - begin;
	if (n > 0 && !s->account_ns)
		s->account_ns = begin + ACCOUNT_NS;
	if (took / 2 > GATHER_NS)
		nap(took / 2 - GATHER_NS);
}

static void account(struct session *s)
{
	s->account_ns = 0;
	source__account(s->source);
	/* NTP may have moved the wall clock. */
	s->sink.fctx.mono_to_real = clock_mono_to_real();
	if (sink__pending(&s->sink))
		flush(s);
}

/* What the kernel has gathered is drained first, so that the view sees all of its interval. */
static void tick(struct session *s)
{
	const struct view_ops *ops = s->o->view->ops;
	__u64 now = clock_mono_ns();

	source__snapshot(s->source);
	source__drain(s->source);
	if (ops && ops->tick)
		view_result(s, ops->tick(s->view, now));
	if (sink__pending(&s->sink))
		flush(s);
	do
		s->tick_ns += s->o->plan->tick_ns;
	while (s->tick_ns <= now);
}

static void loop(struct session *s)
{
	struct pollfd pfd[] = {
		{ .fd = source__fd(s->source), .events = POLLIN },
		{ .fd = s->sigfd, .events = POLLIN },
		/* Only its error state: the reader of our output has gone. */
		{ .fd = STDOUT_FILENO, .events = 0 },
	};

	while (!s->stop) {
		__u64 now = clock_mono_ns();

		if (s->end_ns && now >= s->end_ns)
			break;
		if (poll(pfd, 3, wait_ms(s, now)) < 0 && errno != EINTR)
			break;
		if (pfd[1].revents)
			on_signals(s);
		if (pfd[2].revents & (POLLERR | POLLNVAL)) {
			s->err = s->err ? s->err : -EPIPE;
			break;
		}
		if (pfd[0].revents && !s->stop) {
			nap(GATHER_NS);
			drain(s);
		}
		if (s->account_ns && clock_mono_ns() >= s->account_ns)
			account(s);
		if (s->tick_ns && !s->stop && clock_mono_ns() >= s->tick_ns)
			tick(s);
	}
}

/* Stopped first, so that what the source holds then is all there is. */
static void finish(struct session *s)
{
	const struct view_ops *ops = s->o->view->ops;

	source__snapshot(s->source);
	source__stop(s->source);
	if (!s->err) {
		while (!s->full && source__drain(s->source) > 0)
			;
		source__account(s->source);
		if (!s->full && ops && ops->finish)
			view_result(s, ops->finish(s->view, clock_mono_ns()));
		if (sink__pending(&s->sink))
			flush(s);
	}
	if (s->source->malformed)
		fprintf(stderr, "tcplens: %" PRIu64 " records could not be understood (a bug in tcplens)\n",
			(uint64_t)s->source->malformed);
	/* Also with -q: without it nobody knows whether something is missing. */
	fprintf(stderr, "tcplens: %" PRIu64 " records, %" PRIu64 " lost\n", (uint64_t)s->printed,
		(uint64_t)source__lost(s->source));
}

/* Four times the sockets there are now, so that a busy day fits. */
static __u32 conns_default(void)
{
	FILE *f = fopen("/proc/net/sockstat", "re");
	unsigned int used = 0, n = 32768;

	if (f) {
		if (fscanf(f, "sockets: used %u", &used) != 1)
			used = 0;
		fclose(f);
	}
	while (n < used * 4 && n < 1u << 22)
		n *= 2;
	return n;
}

static int attach(struct session *s, char *err, size_t len)
{
	const struct session_opts *o = s->o;
	struct attach_opts ao = {
		.backend = o->run->backend,
		.need = o->plan->need | (o->command ? NEED_CHILDREN : 0),
		.outlier_ns = o->plan->outlier_ns,
		.filter = &o->filter->filter,
		.ranges = o->filter->ranges,
		.nranges = o->filter->nranges,
		.ring_size = o->run->buffer,
		.conns_max = o->run->conns_max ? o->run->conns_max : conns_default(),
		.tree_pid = s->child.pid,
	};
	char blind[1024];
	int ret = attach__open(&ao, &s->skel, &s->report, err, len);

	if (ret)
		return ret;
	attach_blind(&s->report, ao.need, blind, sizeof(blind));
	note(s, "tracing with the %s backend%s%s", backend_name(s->report.chosen),
	     *blind ? "; it does not see: " : "", blind);
	return 0;
}

static int open_output(struct session *s)
{
	struct sink_cfg cfg = {};
	int err;

	opts_output__sink_cfg(s->o->output, STDOUT_FILENO, &cfg);
	cfg.fctx.mono_to_real = clock_mono_to_real();
	cfg.fctx.start_mono_ns = clock_mono_ns();
	if (s->o->output->resolve) {
		s->resolver = resolver__new(NULL);
		if (!s->resolver)
			return -ENOMEM;
		cfg.fctx.resolver = s->resolver;
	}
	sink__init(&s->sink, &cfg);
	err = sink__begin(&s->sink);
	return err < 0 ? err : flush(s);
}

/* Everything up to the first record.  0, or a negative errno with a sentence. */
static int start(struct session *s, char *err, size_t len)
{
	int ret = open_signals(s);

	if (ret)
		goto fail;
	if (s->o->command) {
		ret = child__start(&s->child, s->o->command);
		if (ret)
			goto fail;
	}
	ret = attach(s, err, len);
	if (ret)
		return ret;
	ret = source_live__init(&s->live, s->skel, &s->report, on_event, s);
	if (ret)
		goto fail;
	s->source = &s->live.src;
	ret = seed__run(s->skel);
	if (ret)
		note(s, "sockets that are open already have no owner until they are used (%s)",
		     strerror(-ret));
	ret = open_output(s);
	if (ret)
		return ret;
	ret = open_view(s);
	if (ret)
		goto fail;
	if (priority_raise())
		note(s, "no real-time priority: records may be lost while all CPUs are busy");
	ready(s->o->run->ready_fd);
	if (s->o->run->duration)
		s->end_ns = clock_mono_ns() + (__u64)(s->o->run->duration * 1e9);
	child__release(&s->child);
	return 0;
fail:
	snprintf(err, len, "can't start: %s", strerror(-ret));
	return ret;
}

static int exit_status(struct session *s, int err, const char *why)
{
	if (s->err == -EPIPE)
		return child__exit_status(&s->child); /* whoever read us has seen enough */
	if (s->err) {
		fprintf(stderr, "tcplens: the output can't be written: %s\n", strerror(-s->err));
		return 1;
	}
	if (err) {
		fprintf(stderr, "tcplens: %s\n", why);
		return 1;
	}
	return child__exit_status(&s->child);
}

int session__run(const struct session_opts *o)
{
	struct session s = { .o = o, .sigfd = -1, .child = { .gate = -1 } };
	char why[512] = "";
	int err, status;

	err = privs_check(why, sizeof(why));
	if (!err)
		err = start(&s, why, sizeof(why));
	if (!err) {
		loop(&s);
		finish(&s);
	}
	status = exit_status(&s, err, why);
	child__stop(&s.child);
	close_view(&s);
	source_live__free(&s.live);
	tcplens_bpf__destroy(s.skel);
	sink__free(&s.sink);
	resolver__free(s.resolver);
	if (s.sigfd >= 0)
		close(s.sigfd);
	return status;
}
