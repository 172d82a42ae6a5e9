// SPDX-License-Identifier: BSD-2-Clause
#include "consumer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "errmsg.h"
#include "names.h"
#include "opts_file.h"
#include "opts_output.h"
#include "opts_run.h"
#include "resolve.h"
#include "session.h"

#define FLUSH_BYTES (256 << 10)

/* -ECANCELED: nobody wants more, which is no failure. */
static int result(struct consumer *c, int err, bool file)
{
	if (err >= 0)
		return err;
	if (err != -ECANCELED && !c->err) {
		c->err = err;
		c->file_failed = file;
	}
	if (err != -ECANCELED || file)
		c->stop = c->full = true;
	return err;
}

static void count(struct consumer *c)
{
	c->taken++;
	if (c->o->run->count && c->taken >= c->o->run->count)
		c->stop = c->full = true;
}

static void make_room(struct consumer *c, __u64 mono_ns);

static int flush_sink(struct consumer *c)
{
	int err = result(c, c->async ? output_submit(&c->output, &c->sink.out, NULL) : sink__flush(&c->sink, STDOUT_FILENO),
			 false);

	/* What a view has kept until the end may be more than there is room for, and no ring fills up meanwhile. */
	if (!err && c->finish_ns && !c->stuck)
		make_room(c, c->finish_ns);
	return err;
}

/* One record of output.  -ECANCELED: no more is wanted. */
static int print_event(void *ctx, const struct ev_hdr *ev)
{
	struct consumer *c = ctx;
	int n;

	if (c->full && ev->type != EV_LOST)
		return -ECANCELED;
	if (ev->type != EV_LOST) {
		c->skipped = c->async && !output_wants(&c->output, ev->hook);
		if (c->skipped)
			return 0;
	}
	n = result(c, sink__event(&c->sink, ev), false);
	if (n < 0)
		return n;
	if (ev->type != EV_LOST) {
		if (c->async)
			output_mark(&c->output, ev->hook, sink__pending(&c->sink));
		count(c);
	}
	return sink__pending(&c->sink) >= FLUSH_BYTES ? flush_sink(c) : 0;
}

static int print_text(void *ctx, const char *text, size_t n)
{
	struct consumer *c = ctx;
	int err = 0;

	if (c->full)
		return -ECANCELED;
	if (!c->skipped)
		err = sink__text(&c->sink, text, n);
	return err < 0 ? err : 0;
}

static int print_at(void *ctx, __u64 mono_ns)
{
	struct consumer *c = ctx;
	int err = 0;

	if (c->full)
		return -ECANCELED;
	if (!c->skipped)
		err = sink__at(&c->sink, mono_ns);
	return err < 0 ? err : 0;
}

static int write_event(struct consumer *c, const struct ev_hdr *ev)
{
	int err;

	if (writer__leaves_out(c->writer, ev))
		return 0;
	err = result(c, writer__event(c->writer, ev), true);
	if (!err && !c->print && writer__counts(c->writer, ev))
		count(c);
	return err;
}

int consumer__event(void *ctx, const struct ev_hdr *ev)
{
	struct consumer *c = ctx;
	const struct view *v = c->o->view;
	int err = 0;

	if (c->full && ev->type != EV_LOST)
		return -ECANCELED;
	if (c->writer)
		err = write_event(c, ev);
	if (err || !c->print)
		return err;
	if (!(c->o->plan->events & (1U << ev->type)) && ev->type != EV_LOST)
		return 0; /* for the file only */
	if (!v->ops || ev->type == EV_LOST)
		return print_event(c, ev);
	return result(c, v->ops->event(c->view, ev), false);
}

void consumer__clock(struct consumer *c, __u64 mono_ns, __s64 mono_to_real)
{
	c->sink.fctx.mono_to_real = mono_to_real;
	if (c->writer && !c->full)
		result(c, writer__clock(c->writer, mono_ns, mono_to_real), true);
}

void consumer__tick(struct consumer *c, __u64 mono_ns)
{
	const struct view_ops *ops = c->o->view->ops;

	if (c->writer && !c->full)
		result(c, writer__tick(c->writer, mono_ns), true);
	if (c->print && ops && ops->tick)
		result(c, ops->tick(c->view, mono_ns), false);
}

void consumer__flush(struct consumer *c, __u64 mono_ns)
{
	if (sink__pending(&c->sink))
		flush_sink(c);
	if ((c->async && output_reopen(&c->output)) ||
	    (c->writer && c->writer->async && output_reopen(&c->writer->output)))
		consumer__account(c, mono_ns);
	if (c->writer && !c->full)
		result(c, writer__flush(c->writer, mono_ns), true);
}

int consumer__async(struct consumer *c, size_t limit, bool priority)
{
	int err = c->print ? output__open(&c->output, STDOUT_FILENO, limit, priority) : 0;

	c->async = c->print && !err;
	if (!err)
		err = writer__async(c->writer, limit, priority);
	if (c->writer) {
		c->writer->give_up = c->give_up;
		c->writer->give_up_ctx = c->give_up_ctx;
	}
	return err;
}

int consumer__fd(const struct consumer *c)
{
	if (c->async)
		return c->output.event_fd;
	return c->writer && c->writer->async ? c->writer->output.event_fd : -1;
}

void consumer__check(struct consumer *c)
{
	if (c->async)
		result(c, output_error(&c->output), false);
	if (c->writer && c->writer->async)
		result(c, output_error(&c->writer->output), true);
}

static const char *why_left_out(const struct consumer *c, bool file)
{
	if (c->err)
		return file == c->file_failed ? "it can't be written" : "writing ended";
	if (file && c->writer->regular)
		return "the disk of the recording is too slow: use another one, or a filter";
	return "whoever reads the output is too slow: write to a file (-w), or use a filter";
}

static void tell_left_out(struct consumer *c, unsigned int hook, __u64 n, __u64 mono_ns, bool file)
{
	struct ev_lost ev = {
		.hdr = { .type = EV_LOST, .len = sizeof(ev), .hook = hook, .mono_ns = mono_ns },
		.count = n,
	};

	fprintf(stderr, "tcplens: %" PRIu64 " records lost (%s): %s\n", (uint64_t)n, hook_name(hook),
		why_left_out(c, file));
	if (!file && c->async)
		print_event(c, &ev.hdr);
	else if (file && c->writer->async)
		write_event(c, &ev.hdr);
}

static void account(struct consumer *c, const __u64 *lost, __u64 *told, __u64 mono_ns, bool file)
{
	/* As in end_output(). */
	for (unsigned int hook = 0; hook < HOOK_MAX && c->err != -EPIPE; hook++) {
		__u64 n = lost[hook] - told[hook];

		told[hook] += n;
		if (n)
			tell_left_out(c, hook, n, mono_ns, file);
	}
}

void consumer__account(struct consumer *c, __u64 mono_ns)
{
	account(c, c->output.lost, c->told, mono_ns, false);
	if (c->writer)
		account(c, c->writer->output.lost, c->told_file, mono_ns, true);
}

__u64 consumer__lost_of(const struct consumer *c, unsigned int hook)
{
	return (c->print || !c->writer ? &c->output : &c->writer->output)->lost[hook];
}

__u64 consumer__lost(const struct consumer *c)
{
	__u64 sum = 0;

	for (unsigned int hook = 0; hook < HOOK_MAX; hook++)
		sum += consumer__lost_of(c, hook);
	return sum;
}

/* What waits is written before the last lines come, for which there has to be room. */
static void make_room(struct consumer *c, __u64 mono_ns)
{
	if (!c->async || c->err)
		return;
	if (c->output.shut)
		c->stuck = !output_drain(&c->output, c->give_up, c->give_up_ctx);
	output_reopen(&c->output);
	consumer__account(c, mono_ns);
}

/* Whoever has closed the output has seen enough: for them nothing is lost. */
static void end_output(struct consumer *c, __u64 mono_ns)
{
	__u64 lost;

	if (!c->async)
		return;
	if (!c->err && !c->stuck)
		output_drain(&c->output, c->give_up, c->give_up_ctx);
	consumer__check(c);
	lost = output__close(&c->output);
	c->async = false;
	if (c->err == -EPIPE) {
		memcpy(c->output.lost, c->told, sizeof(c->told));
		return;
	}
	c->taken -= lost;
	consumer__account(c, mono_ns);
}

static void end_file(struct consumer *c, __u64 mono_ns)
{
	if (!c->writer)
		return;
	consumer__account(c, mono_ns);
	result(c, writer__close(c->writer, mono_ns), true);
	if (c->err == -EPIPE) {
		memcpy(c->writer->output.lost, c->told_file, sizeof(c->told_file));
		return;
	}
	if (!c->print)
		c->taken = c->writer->records - c->writer->unwritten;
	consumer__account(c, mono_ns);
}

void consumer__finish(struct consumer *c, __u64 mono_ns)
{
	const struct view_ops *ops = c->o->view->ops;

	c->finish_ns = mono_ns;
	make_room(c, mono_ns);
	c->skipped = c->output.shut;
	if (c->print && !c->full && ops && ops->finish)
		result(c, ops->finish(c->view, mono_ns), false);
	if (sink__pending(&c->sink) && c->err != -EPIPE)
		flush_sink(c);
	end_output(c, mono_ns);
	end_file(c, mono_ns);
}

bool consumer__uses_stdout(const struct consumer *c)
{
	return c->print || !strcmp(c->o->file->write, "-");
}

bool consumer__tell(const struct consumer *c)
{
	const char *path = c->writer && c->writer->path ? c->writer->path : "the file";

	if (!c->err || c->err == -EPIPE) /* whoever read us has seen enough */
		return false;
	if (c->file_failed)
		fprintf(stderr, "tcplens: %s can't be written: %s; what it has until here can be read\n",
			errmsg_quote(path, strlen(path)), strerror(-c->err));
	else
		fprintf(stderr, "tcplens: the output can't be written: %s\n", strerror(-c->err));
	return true;
}

static int open_sink(struct consumer *c, const struct writer_info *info)
{
	struct sink_cfg cfg = {};
	int err;

	opts_output__sink_cfg(c->o->output, STDOUT_FILENO, &cfg);
	cfg.fctx.mono_to_real = info->mono_to_real;
	cfg.fctx.start_mono_ns = info->start_mono_ns;
	if (c->o->output->resolve) {
		c->resolver = resolver__new(NULL);
		if (!c->resolver)
			return -ENOMEM;
		cfg.fctx.resolver = c->resolver;
	}
	sink__init(&c->sink, &cfg);
	err = sink__begin(&c->sink);
	/* A failed write is told at the end, as one of later. */
	return err < 0 ? err : (flush_sink(c), 0);
}

static int open_view(struct consumer *c)
{
	const struct view *v = c->o->view;

	c->out = (struct view_out){ .event = print_event, .text = print_text, .at = print_at, .ctx = c };
	return v->ops && v->ops->open ? v->ops->open(&c->view, c->o->view_opts, &c->out) : 0;
}

int consumer__open(struct consumer *c, const struct session_opts *o, const struct writer_info *info,
		   char *err, size_t errlen)
{
	int ret = 0;

	*c = (struct consumer){ .o = o, .print = !o->file->write || o->file->print };
	if (o->file->write)
		ret = writer__open(&c->writer, o->file, info, err, errlen);
	if (ret == -EPIPE) /* the reader has gone already: as if it went later */
		result(c, ret, true);
	else if (ret)
		return ret;
	if (!c->print)
		return 0;
	ret = open_sink(c, info);
	if (!ret)
		ret = open_view(c);
	return ret ? errmsg(err, errlen, ret, "can't start: %s", strerror(-ret)) : 0;
}

void consumer__free(struct consumer *c)
{
	const struct view *v = c->o ? c->o->view : NULL;

	if (v && v->ops && v->ops->free && c->print)
		v->ops->free(c->view);
	c->view = NULL;
	writer__free(c->writer);
	c->writer = NULL;
	sink__free(&c->sink);
	resolver__free(c->resolver);
	c->resolver = NULL;
}
