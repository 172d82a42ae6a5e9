// SPDX-License-Identifier: BSD-2-Clause
/* A run on a recording: the same records, the same consumer; its clock is that of the records. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errmsg.h"
#include "expr_stage.h"
#include "fields.h"
#include "fifo.h"
#include "names.h"
#include "opts_file.h"
#include "opts_filter.h"
#include "opts_run.h"
#include "origin.h"
#include "session_run.h"
#include "source_file.h"

/* A gap that would take more ticks than this is no gap in a recording of this machine's life. */
#define TICKS_MAX 1000000

struct session {
	const struct session_opts *o;
	struct source_file file;
	struct consumer out;
	struct expr_stage stage;
	struct origin origin;
	int fd, sigfd;
	__u64 end_ns;  /* when to end; 0: no limit */
	__u64 tick_ns; /* when the view wants to be called; 0: never */
	bool marks;    /* … which the recording tells, because its recorder fetched what was gathered then */
	int damage;    /* why reading ended early: a negative errno, file.err tells */
};

static void tell_lost(const struct ev_lost *l)
{
	if (l->hdr.hook == HOOK_CONN)
		fprintf(stderr,
			"tcplens: the connection table was full %" PRIu64
			" times while recording, so owners, and records that need a connection, are missing\n",
			(uint64_t)l->count);
	else
		fprintf(stderr, "tcplens: %" PRIu64 " records were lost while recording (%s)\n",
			(uint64_t)l->count, hook_name(l->hdr.hook));
}

/* All the ticks that the view would have had by now. */
static void tick_until(struct session *s, __u64 now)
{
	__u64 step = s->o->plan->tick_ns;

	if (!s->tick_ns || s->marks)
		return;
	if (now > s->tick_ns && (now - s->tick_ns) / step > TICKS_MAX)
		s->tick_ns = now - now % step;
	for (; s->tick_ns <= now && !s->out.stop; s->tick_ns += step)
		consumer__tick(&s->out, s->tick_ns);
}

/* As the live loop does, at the very times. */
static void on_tick(void *ctx, __u64 now)
{
	struct session *s = ctx;
	__u64 step = s->o->plan->tick_ns;

	if (!s->tick_ns || now < s->tick_ns || s->out.stop)
		return;
	consumer__tick(&s->out, now);
	s->tick_ns += ((now - s->tick_ns) / step + 1) * step;
}

static int on_event(void *ctx, const struct ev_hdr *ev)
{
	struct session *s = ctx;

	ev = expr_stage(&s->stage, ev);
	if (!ev)
		return 0;
	if (s->end_ns && ev->mono_ns >= s->end_ns) {
		s->out.stop = true;
		return -ECANCELED;
	}
	tick_until(s, ev->mono_ns);
	if (ev->type == EV_LOST)
		tell_lost((const struct ev_lost *)ev);
	return consumer__event(&s->out, ev);
}

static void on_clock(void *ctx, __u64 mono_ns, __s64 mono_to_real)
{
	struct session *s = ctx;

	consumer__clock(&s->out, mono_ns, mono_to_real);
}

static bool signalled(const struct session *s)
{
	struct pollfd pfd = { .fd = s->sigfd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0;
}

static void loop(struct session *s)
{
	int n = 1;

	while (n > 0 && !s->out.stop && !signalled(s)) {
		n = source__drain(&s->file.src);
		consumer__flush(&s->out, s->file.r.last_ns);
	}
	if (n < 0 && n != -ECANCELED && !s->out.err)
		s->damage = n;
}

static void finish(struct session *s)
{
	__u64 end = s->file.r.last_ns;

	if (s->end_ns && end > s->end_ns)
		end = s->end_ns;
	if (!s->out.full)
		tick_until(s, end);
	consumer__finish(&s->out, end);
	if (s->file.r.unknown)
		fprintf(stderr, "tcplens: %" PRIu64 " records are of kinds that a newer tcplens knows\n",
			(uint64_t)s->file.r.unknown);
	if (s->file.r.ended_early)
		fprintf(stderr, "tcplens: the recording ended early: its disk was full\n");
	if (s->damage)
		fprintf(stderr, "tcplens: %s: %s\n", s->o->file->read, s->file.err);
	session_summary(&s->out, &s->file.src);
}

/* Reading what is being written would never end, or read nothing. */
static int check_same(const struct session *s, char *err, size_t len)
{
	const char *to = s->o->file->write;
	struct stat a, b;

	if (!to || !strcmp(to, "-") || fstat(s->fd, &a) || stat(to, &b))
		return 0;
	if (!S_ISREG(a.st_mode) || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return 0;
	return errmsg(err, len, -EINVAL, "-r and -w are the same file: give -w another name");
}

static int open_file(struct session *s, char *err, size_t len)
{
	const char *path = s->o->file->read;
	int ret;

	s->fd = strcmp(path, "-") ? fifo_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0) : STDIN_FILENO;
	if (s->fd < 0)
		return errmsg(err, len, -errno, "%s can't be read: %s", errmsg_quote(path, strlen(path)),
			      strerror(errno));
	ret = check_same(s, err, len);
	if (ret)
		return ret;
	ret = source_file__open(&s->file, s->fd, s->sigfd);
	if (ret == -EISDIR)
		return errmsg(err, len, ret, "%s is a directory", errmsg_quote(path, strlen(path)));
	return ret ? errmsg(err, len, ret, "%s: %s", errmsg_quote(path, strlen(path)), s->file.err) : 0;
}

/* What the recording has to have. */
static __u32 wanted(const struct session_opts *o)
{
	return o->plan->events | (o->plan->writes & EVENTS_PACKETS) | (o->expr ? EVENTS_PACKETS : 0);
}

/* What the view is made of has to have been recorded: nothing would look like a quiet network. */
static int check_events(const struct session *s, char *err, size_t len)
{
	__u64 missing = wanted(s->o) & ~s->file.r.hdr.events & ~(__u64)FIELD_IN(EV_LOST);
	const char *name;

	if ((missing & EVENTS_PACKETS) && !s->o->view->any)
		return errmsg(err, len, -ENOENT,
			      "the recording has no packets, which expressions and pcapng are about: `tcplens record` writes them, and so does --snap 0");
	if (!missing || s->o->view->any)
		return 0;
	name = event_name(__builtin_ctzll(missing));
	return errmsg(err, len, -ENOENT,
		      "the recording has no %s records, which `%s` needs: `tcplens record` writes what all commands need",
		      name ? name : "such", s->o->view->name);
}

/* Sums don't tell single waits: none would look like a fast network. */
static int check_outliers(const struct session *s, const struct writer_info *info, char *err, size_t len)
{
	__u64 want = s->o->plan->outlier_ns;

	if (!want || (info->outlier_ns && info->outlier_ns <= want))
		return 0;
	if (info->outlier_ns)
		return errmsg(err, len, -ENOENT, "the recording has only single waits above %g ms",
			      info->outlier_ns / 1e6);
	return errmsg(err, len, -ENOENT, "the recording has sums, not single waits: record with `%s --outliers MS -w FILE`",
		      s->o->view->name);
}

/* Numbers of namespaces mean nothing after a reboot, or elsewhere. */
static int check_boot(const struct session *s, char *err, size_t len)
{
	const struct ffilter *f = &s->o->filter->filter.set[FS_NETNS];
	char here[64];

	if (!f->allow.n && !f->deny.n)
		return 0;
	origin_boot_id(here, sizeof(here));
	if (*here && !strcmp(here, s->origin.boot))
		return 0;
	return errmsg(err, len, -EINVAL,
		      "--netns can't be asked here: the recording is of another machine, or of before a reboot");
}

static void tell_origin(const struct session *s)
{
	const struct origin *o = &s->origin;

	session_note(s->o, "recorded on %s by `%s` with the %s backend%s%s", errmsg_quote(o->host, strlen(o->host)),
		     errmsg_quote(o->command, strlen(o->command)),
		     errmsg_quote(o->backend, strlen(o->backend)), *o->blind ? "; it does not see: " : "",
		     o->blind);
}

static int start(struct session *s, char *err, size_t len)
{
	const struct session_opts *o = s->o;
	struct writer_info info;
	int ret = s->sigfd = session_signals();

	if (ret < 0)
		return errmsg(err, len, ret, "can't start: %s", strerror(-ret));
	ret = open_file(s, err, len);
	if (ret)
		return ret;
	origin__file(&s->origin, &s->file.r, &info);
	ret = check_events(s, err, len);
	if (!ret)
		ret = check_outliers(s, &info, err, len);
	if (!ret)
		ret = check_boot(s, err, len);
	if (ret)
		return ret;
	tell_origin(s);
	s->file.src.on_event = on_event;
	s->file.src.ctx = s;
	s->file.on_clock = on_clock;
	s->file.on_tick = on_tick;
	s->marks = info.tick_ns;
	s->file.events = o->plan->events | o->plan->writes;
	s->stage.expr = o->expr;
	s->stage.snap = o->file->snap_set ? o->file->snap : EXPR_STAGE_KEEP_ALL;
	s->file.filter = &o->filter->filter;
	s->file.ranges = o->filter->ranges;
	if (o->plan->tick_ns)
		s->tick_ns = info.start_mono_ns + o->plan->tick_ns;
	if (o->run->duration)
		s->end_ns = info.start_mono_ns + (__u64)(o->run->duration * 1e9);
	info.tick_ns = o->plan->tick_ns;
	info.events &= o->plan->events | o->plan->writes | EVENTS_PACKETS;
	ret = consumer__open(&s->out, o, &info, err, len);
	if (!ret)
		session_ready(o->run->ready_fd);
	return ret;
}

int session_file__run(const struct session_opts *o)
{
	struct session s = { .o = o, .fd = -1, .sigfd = -1 };
	char why[512] = "";
	int err = start(&s, why, sizeof(why)), status;

	if (!err) {
		loop(&s);
		finish(&s);
	} else {
		fprintf(stderr, "tcplens: %s\n", why);
	}
	status = consumer__tell(&s.out) || err || s.damage;
	consumer__free(&s.out);
	source_file__free(&s.file);
	if (s.fd > STDERR_FILENO)
		close(s.fd);
	if (s.sigfd >= 0)
		close(s.sigfd);
	return status;
}
