// SPDX-License-Identifier: BSD-2-Clause
/* A run on the kernel: attach, seed, drain, account. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "child.h"
#include "clock.h"
#include "cost.h"
#include "expr_stage.h"
#include "fields.h"
#include "idle_cpu.h"
#include "names.h"
#include "opts_file.h"
#include "opts_filter.h"
#include "opts_output.h"
#include "opts_run.h"
#include "origin.h"
#include "pace.h"
#include "priority.h"
#include "privs.h"
#include "progress.h"
#include "seed.h"
#include "session_run.h"
#include "share.h"
#include "skel.h"
#include "source_live.h"
#include "store_size.h"

#define MS 1000000ULL
#define ACCOUNT_NS (1000 * MS) /* how often losses are looked for */
#define OUTPUT_MIN (1u << 20)  /* bytes that may wait for a slow reader, even with a smaller ring */
#define LINGER_NS (50 * MS)    /* after the command's end: its sockets close down */

struct session {
	const struct session_opts *o;
	struct tcplens_bpf *skel;
	struct attach_report report;
	struct source_live live;
	struct source *source;
	struct consumer out;
	struct expr_stage stage;
	bool staged; /* records go through `stage` */
	struct origin origin;
	struct child child;
	struct cost cost;
	struct progress progress;
	int sigfd;
	struct pace pace;
	bool real_time; /* others get no CPU that we do not leave them */
	struct share share;
	__u64 rest_ns; /* until when the CPU is others' */
	struct idle_cpu cpu;
	bool asleep; /* programs wake us up */
	__u64 drained_ns; /* when the last drain began; on waking up: when a record came */
	__u64 end_ns;	  /* when to end; 0: no limit */
	__u64 account_ns; /* when to look for losses again */
	__u64 tick_ns;	  /* when the view wants to be called; 0: never */
	struct pace fetch; /* of what the kernel sums up, which has to be fetched before its table is full */
	__u64 fetched_ns;
};

/* Where a record of the hook finds no room. */
static const char *no_room(__u32 hook)
{
	switch (hook) {
	case HOOK_ATTEMPT:
		return "the ring buffer, or the table of attempts, was full: use a larger --buffer or --connections, or a filter";
	case HOOK_LOSS:
		return "the ring buffer, or the table of closed windows, was full: use a larger --buffer or a filter";
	default:
		return "the ring buffer was full: use a larger --buffer or a filter";
	}
}

/* Never silent: an unreported loss looks like a quiet network. */
static void tell_lost(const struct ev_lost *l, __u64 left_out)
{
	__u64 full = l->count - left_out;

	if (left_out)
		fprintf(stderr,
			"tcplens: at most %" PRIu64
			" records lost (%s): the kernel left out a program that was running already on that CPU\n",
			(uint64_t)left_out, hook_name(l->hdr.hook));
	if (!full)
		return;
	if (l->hdr.hook == HOOK_CONN)
		fprintf(stderr,
			"tcplens: the connection table was full %" PRIu64
			" times, so owners, and records that need a connection, are missing: use a larger --connections\n",
			(uint64_t)full);
	else if (l->hdr.hook == HOOK_LATENCY)
		fprintf(stderr,
			"tcplens: %" PRIu64
			" waits not counted: the kernel's table or the ring buffer was full; use a filter\n",
			(uint64_t)full);
	else
		fprintf(stderr, "tcplens: %" PRIu64 " records lost (%s): %s\n", (uint64_t)full, hook_name(l->hdr.hook),
			no_room(l->hdr.hook));
}

static int on_event(void *ctx, const struct ev_hdr *ev)
{
	struct session *s = ctx;

	if (s->staged) {
		ev = expr_stage(&s->stage, ev);
		if (!ev)
			return 0;
	}
	if (ev->type == EV_LOST) {
		progress__clear(&s->progress);
		tell_lost((const struct ev_lost *)ev, s->live.left_out_now);
	}
	return consumer__event(&s->out, ev);
}

static void on_signals(struct session *s)
{
	struct signalfd_siginfo si;

	while (read(s->sigfd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGCHLD)
			s->out.stop = true;
		else if (child__reap(&s->child) && (!s->end_ns || s->end_ns > clock_mono_ns() + LINGER_NS))
			s->end_ns = clock_mono_ns() + LINGER_NS;
	}
}

/* A second signal: whoever asks does not want to wait for a slow reader of our output. */
static bool asked_again(void *ctx)
{
	struct session *s = ctx;
	struct signalfd_siginfo si;
	bool again = false;

	while (read(s->sigfd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			child__reap(&s->child);
		else
			again = true;
	}
	return again;
}

static __u64 drain_due(const struct session *s)
{
	return s->drained_ns + (s->asleep ? PACE_ASLEEP_NS : s->pace.ns);
}

/* A view that wants to be called is one of sums. */
static __u64 fetch_due(const struct session *s)
{
	return s->tick_ns ? s->fetched_ns + s->fetch.ns : 0;
}

/* Nanoseconds until something has to be done, and may be. */
static __s64 wait_ns(const struct session *s, __u64 now)
{
	__u64 due = drain_due(s), fetch_ns = fetch_due(s);

	if (fetch_ns && fetch_ns < due)
		due = fetch_ns;
	if (s->tick_ns && s->tick_ns < due)
		due = s->tick_ns;
	if (s->account_ns && s->account_ns < due)
		due = s->account_ns;
	if (s->rest_ns > due)
		due = s->rest_ns;
	if (s->end_ns && s->end_ns < due)
		due = s->end_ns;
	return due > now ? (__s64)(due - now) : 0;
}

static void set_asleep(struct session *s, bool asleep)
{
	source_live__asleep(&s->live, asleep);
	s->asleep = asleep;
}

/* What came before programs knew is looked for at once. */
static void sleep_until_woken(struct session *s)
{
	set_asleep(s, true);
	s->drained_ns = 0;
}

static void drain(struct session *s)
{
	__u64 begin = clock_mono_ns();
	int n = source__drain(s->source);

	consumer__flush(&s->out, begin);
	pace__drained(&s->pace, s->source->fill, begin - s->drained_ns);
	if (n > 0 && !s->account_ns)
		s->account_ns = begin + ACCOUNT_NS;
	s->drained_ns = begin;
	if (n > 0)
		idle_cpu__look(&s->cpu, begin);
	if (s->asleep && s->source->fill) {
		set_asleep(s, false);
	} else if (!s->asleep && pace__quiet(&s->pace)) {
		sleep_until_woken(s);
	}
}

static void account(struct session *s)
{
	__u64 now = clock_mono_ns();

	/* What a format holds back waits for records that belong to it: before a flush, all until `now` have to be here. */
	int n = source__drain(s->source);

	/* Files that begin by the clock do so also while nothing happens. */
	s->account_ns = n > 0 || s->o->file->seconds ? now + ACCOUNT_NS : 0;
	source__account(s->source);
	/* NTP may have moved the wall clock. */
	consumer__clock(&s->out, now, clock_mono_to_real());
	consumer__account(&s->out, now);
	consumer__flush(&s->out, now);
	progress__show(&s->progress, s->out.writer, source__lost(s->source));
}

static void fetch(struct session *s)
{
	__u64 now = clock_mono_ns(), was = s->fetch.ns;

	source__snapshot(s->source);
	pace__drained(&s->fetch, s->live.waits, now - s->fetched_ns);
	/* What pauses goes on as before: it would meet a table for which much less was expected. */
	if (s->fetch.ns > 2 * was)
		s->fetch.ns = 2 * was;
	s->fetched_ns = now;
	consumer__flush(&s->out, now);
}

/* What the kernel has gathered is drained first, so that the view sees all of its interval. */
static void tick(struct session *s)
{
	__u64 now = clock_mono_ns(), step = s->o->plan->tick_ns;

	fetch(s);
	source__drain(s->source);
	consumer__tick(&s->out, now);
	consumer__flush(&s->out, now);
	s->tick_ns += ((now - s->tick_ns) / step + 1) * step;
}

/* Waits for signals, for what is due, and, asleep, for a first record; then others are left to gather. */
static int wait_for(struct session *s, struct pollfd pfd[4])
{
	__s64 ns = wait_ns(s, clock_mono_ns());
	struct timespec ts = { .tv_sec = ns / (__s64)(1000 * MS), .tv_nsec = ns % (__s64)(1000 * MS) };

	pfd[0].fd = s->asleep ? source__fd(s->source) : -1;
	if (ppoll(pfd, 4, &ts, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	if (pfd[1].revents)
		on_signals(s);
	if (pfd[2].revents & (POLLERR | POLLNVAL))
		return s->out.err = s->out.err ? s->out.err : -EPIPE;
	if (pfd[3].revents)
		consumer__check(&s->out);
	if (pfd[0].revents) {
		set_asleep(s, false);
		pace__woken(&s->pace);
		s->drained_ns = clock_mono_ns();
	}
	return 0;
}

static void loop(struct session *s)
{
	struct pollfd pfd[] = {
		{ .events = POLLIN },
		{ .fd = s->sigfd, .events = POLLIN },
		/* Only its error state: the reader of our output has gone. */
		{ .fd = consumer__uses_stdout(&s->out) ? STDOUT_FILENO : -1, .events = 0 },
		{ .fd = consumer__fd(&s->out), .events = POLLIN },
	};

	while (!s->out.stop && !wait_for(s, pfd) && !s->out.stop) {
		__u64 now = clock_mono_ns();

		if (s->end_ns && now >= s->end_ns)
			break;
		if (now < s->rest_ns)
			continue;
		if (now >= drain_due(s))
			drain(s);
		if (s->account_ns && now >= s->account_ns)
			account(s);
		if (s->tick_ns && !s->out.stop && now >= s->tick_ns)
			tick(s);
		if (fetch_due(s) && !s->out.stop && now >= fetch_due(s))
			fetch(s);
		if (s->real_time)
			s->rest_ns = clock_mono_ns() + share__owed(&s->share);
	}
}

/* Stopped first, so that what the source holds then is all there is. */
static void tell_cost(struct session *s)
{
	struct cost_records rec = { .made = s->source->records, .printed = s->out.taken };

	for (unsigned int hook = 0; hook < HOOK_MAX; hook++)
		rec.lost[hook] = s->source->lost[hook] + consumer__lost_of(&s->out, hook);
	cost__tell(&s->cost, s->skel, &s->report, &rec, s->o->output->json);
}

/* Before anything is waited for. */
static void restore_priority(const struct session *s)
{
	int err = priority_group_restore();

	if (err)
		session_note(s->o, "this session still has nice %d (/proc/self/autogroup): it can't be taken back (%s)",
			     PRIORITY_GROUP_NICE, strerror(-err));
}

static void finish(struct session *s)
{
	source__snapshot(s->source);
	source__stop(s->source);
	if (!s->out.err) {
		while (!s->out.full && source__drain(s->source) > 0)
			;
		source__account(s->source);
	}
	restore_priority(s);
	consumer__finish(&s->out, clock_mono_ns());
	progress__clear(&s->progress);
	if (s->o->run->stats)
		tell_cost(s);
	session_summary(&s->out, s->source);
}

/*
 * The expression is asked in the kernel if nothing but headers decides it, and
 * the kernel takes the program; else here, and records come with their packets.
 */
static int attach_with_expr(struct session *s, struct attach_opts *ao, char *err, size_t len)
{
	const struct expr *e = s->o->expr;
	const char *why = "it may look at payload";
	struct expr_code code = {};
	int ret = -EOPNOTSUPP;

	ao->need |= NEED_DEVICE;
	if (!e->payload) {
		ret = expr_translate(e, &code);
		ao->expr = &code;
		if (!ret)
			ret = attach__open(ao, &s->skel, &s->report, err, len);
		ao->expr = NULL;
		expr_code__free(&code);
		why = "the kernel does not take its program";
	}
	if (!ret) {
		session_note(s->o, "the expression is asked in the kernel");
		return 0;
	}
	s->staged = true;
	s->stage.expr = e;
	s->stage.strip = !(ao->need & NEED_RAW);
	s->stage.snap = ao->snap;
	ao->need |= NEED_PACKETS;
	if (ao->snap < e->payload)
		ao->snap = e->payload;
	ret = attach__open(ao, &s->skel, &s->report, err, len);
	if (!ret)
		session_note(s->o, "the expression is asked in user space: %s", why);
	return ret;
}

static int attach(struct session *s, char *err, size_t len)
{
	const struct session_opts *o = s->o;
	struct attach_opts ao = {
		.backend = o->run->backend,
		.need = o->plan->need | (o->command ? NEED_CHILDREN : 0),
		.outlier_ns = o->plan->outlier_ns,
		.snap = o->file->snap,
		.filter = &o->filter->filter,
		.ranges = o->filter->ranges,
		.nranges = o->filter->nranges,
		.ring_size = o->run->buffer,
		.conns_max = o->run->conns_max ? o->run->conns_max : store_size_default(),
		.tree_pid = s->child.pid,
	};
	char *blind = s->origin.blind;
	int ret = o->expr ? attach_with_expr(s, &ao, err, len) :
			    attach__open(&ao, &s->skel, &s->report, err, len);

	if (ret)
		return ret;
	attach_blind(&s->report, ao.need, blind, sizeof(s->origin.blind));
	session_note(o, "tracing with the %s backend%s%s", backend_name(s->report.chosen),
		     *blind ? "; it does not see: " : "", blind);
	return 0;
}

static int open_consumer(struct session *s, char *err, size_t len)
{
	const struct opts_filter *f = s->o->filter;
	const struct fslice *netns = &f->filter.set[FS_NETNS].allow;
	struct writer_info info;

	origin__here(&s->origin, backend_name(s->report.chosen), s->o->cmdline, &info);
	if (netns->n)
		info.netns = f->ranges[netns->off].lo.l;
	info.events = s->o->plan->events | s->o->plan->writes;
	info.tick_ns = s->o->plan->tick_ns;
	info.outlier_ns = s->o->plan->outlier_ns;
	if (s->o->plan->need & NEED_RAW)
		info.events |= EVENTS_PACKETS;
	info.start_mono_ns = clock_mono_ns();
	info.mono_to_real = clock_mono_to_real();
	if (s->o->plan->tick_ns)
		s->tick_ns = info.start_mono_ns + s->o->plan->tick_ns;
	if (s->o->file->seconds)
		s->account_ns = info.start_mono_ns + ACCOUNT_NS;
	return consumer__open(&s->out, s->o, &info, err, len);
}

/* Shall we be scheduled before others?  Never silent: without, records may be lost.  true: with real-time priority. */
static bool raise_priority(const struct session *s)
{
	int err, was, group;

	if (s->o->run->no_priority)
		return false;
	err = priority_real_time();
	if (!err)
		return true;
	group = priority_group_raise(&was);
	if (!group)
		session_note(s->o,
			     "no real-time priority (%s): until the end all processes of this session have nice %d (autogroup; it was %d)",
			     strerror(-err), PRIORITY_GROUP_NICE, was);
	else if (group == -EALREADY)
		session_note(s->o,
			     "no real-time priority (%s): this session has nice %d (autogroup) until who has set that takes it back",
			     strerror(-err), PRIORITY_GROUP_NICE);
	else
		session_note(s->o, "no real-time priority (%s): records may be lost while all CPUs are busy",
			     strerror(-err));
	return false;
}

/* Everything up to the first record.  0, or a negative errno with a sentence. */
static int start(struct session *s, char *err, size_t len)
{
	int ret = s->sigfd = session_signals();

	if (ret < 0)
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
		session_note(s->o, "sockets that are open already have no owner until they are used (%s)",
			     strerror(-ret));
	ret = open_consumer(s, err, len);
	if (ret)
		return ret;
	s->real_time = raise_priority(s);
	if (s->real_time)
		share_together();
	share__begin(&s->share);
	s->out.give_up = asked_again;
	s->out.give_up_ctx = s;
	ret = consumer__async(&s->out, s->o->run->buffer > OUTPUT_MIN ? s->o->run->buffer : OUTPUT_MIN,
			      s->real_time);
	if (ret)
		goto fail;
	/* The view's own calls fetch, too: in quiet times no others are needed. */
	pace__init_table(&s->fetch, source_live__waits_max(&s->live), 2 * s->o->plan->tick_ns);
	s->fetched_ns = clock_mono_ns();
	pace__init(&s->pace, ring_front_size(s->o->run->buffer), s->o->run->buffer);
	/* Others than real-time threads are moved by the scheduler. */
	if (s->real_time)
		idle_cpu__init(&s->cpu);
	sleep_until_woken(s);
	ret = s->o->run->stats ? cost__begin(&s->cost) : 0;
	if (ret)
		session_note(s->o,
			     "--stats: the kernel does not count the hooks' runs for us (%s): that needs CAP_SYS_ADMIN, or the sysctl kernel.bpf_stats_enabled",
			     strerror(-ret));
	progress__init(&s->progress, s->o->output->quiet || s->out.print);
	/* Not before somebody drains, and is sure to be scheduled: the ring would fill up meanwhile. */
	s->skel->bss->phase = PHASE_RECORD;
	session_ready(s->o->run->ready_fd);
	if (s->o->run->duration)
		s->end_ns = clock_mono_ns() + (__u64)(s->o->run->duration * 1e9);
	child__release(&s->child);
	return 0;
fail:
	snprintf(err, len, "can't start: %s", strerror(-ret));
	return ret;
}

int session_live__run(const struct session_opts *o)
{
	struct session s = { .o = o, .sigfd = -1, .child = { .gate = -1 }, .cost = { .fd = -1 } };
	char why[512] = "";
	int err, status;

	err = privs_check(why, sizeof(why));
	if (!err)
		err = start(&s, why, sizeof(why));
	if (!err) {
		loop(&s);
		finish(&s);
	} else {
		fprintf(stderr, "tcplens: %s\n", why);
	}
	restore_priority(&s);
	status = consumer__tell(&s.out) || err ? 1 : child__exit_status(&s.child);
	child__stop(&s.child);
	consumer__free(&s.out);
	source_live__free(&s.live);
	idle_cpu__free(&s.cpu);
	cost__end(&s.cost);
	tcplens_bpf__destroy(s.skel);
	if (s.sigfd >= 0)
		close(s.sigfd);
	return status;
}
