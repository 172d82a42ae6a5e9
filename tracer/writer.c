// SPDX-License-Identifier: BSD-2-Clause
#include "writer_push.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "errmsg.h"
#include "fifo.h"
#include "opts_file.h"

#define SECOND 1000000000LL
#define FLUSH_BYTES (128 << 10)
/*
 * A wake-up of the thread costs as much as many records, and who reads a growing file does not
 * mind; of a pipe's reader that is not known.
 */
#define GATHER_NS (SECOND / 10)

static const struct writer_ops *const formats[] = {
	&writer_tcpl_ops,
	&writer_pcapng_ops,
};

#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

const struct writer_ops *writer_format(const char *name)
{
	for (size_t i = 0; i < NFORMATS; i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

bool writer_ends_with(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n >= m && !strcasecmp(path + n - m, suffix);
}

const struct writer_ops *writer_format_of(const char *path)
{
	const struct writer_ops *pipe = writer_format("pcapng");

	if (!strcmp(path, "-") && pipe)
		return pipe;
	for (size_t i = 0; i < NFORMATS; i++)
		if (writer_ends_with(path, formats[i]->suffix))
			return formats[i];
	return NULL;
}

/* Digits that the largest number of a ring of `files` needs, as tcpdump counts them. */
static int ring_digits(__u64 files)
{
	int digits = 0;

	for (__u64 n = files ? files - 1 : 0; n; n /= 10)
		digits++;
	return digits;
}

/* As tcpdump names its files: -G makes the name a strftime format, -C puts a number behind it. */
static char *file_name(const struct writer *w)
{
	time_t sec = ((__s64)w->period_ns + w->mono_to_real) / SECOND;
	int digits = ring_digits(w->o->files);
	char base[4096], *name;
	struct tm tm;

	if (!w->o->seconds)
		snprintf(base, sizeof(base), "%s", w->o->write);
	else if (!localtime_r(&sec, &tm) || !strftime(base, sizeof(base), w->o->write, &tm))
		return NULL;
	if (!w->o->size || (!w->count && !digits))
		return strdup(base);
	return asprintf(&name, "%s%0*llu", base, digits, (unsigned long long)w->count) < 0 ? NULL : name;
}

/* Two writers of a file would make rubbish of it.  Where there are no locks, nobody is kept from anything. */
static int take(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return -ETXTBSY;
	return ftruncate(fd, 0) ? -errno : 0;
}

/*
 * Its beginning is there at once: a file can be read whenever its recorder is
 * killed.  0 or a negative errno; w->path tells which file it was about.
 */
static int open_file(struct writer *w)
{
	struct stat st;
	int err = 0;

	free(w->path);
	w->path = file_name(w);
	if (!w->path)
		return -ENAMETOOLONG;
	w->fd = strcmp(w->o->write, "-") ? fifo_open(w->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666) :
					   fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (w->fd < 0)
		return errno == EINTR ? -EPIPE : -errno; /* nobody has come to read it */
	w->regular = !fstat(w->fd, &st) && S_ISREG(st.st_mode);
	if (strcmp(w->o->write, "-") && w->regular)
		err = take(w->fd);
	if (err)
		return err;
	w->written = w->tail = 0;
	memset(w->after, 0, sizeof(w->after));
	w->output.fd = w->fd;
	w->files++;
	err = w->ops->begin(w);
	return err ? err : writer_push(w);
}

/* Everything that is its own, and its end, is in the file. */
static int finish_file(struct writer *w, __u64 mono_ns, bool last)
{
	int err = w->ops->flush ? w->ops->flush(w, mono_ns, true) : 0;

	if (!err)
		err = w->ops->end ? w->ops->end(w, mono_ns) : 0;
	if (!err)
		err = writer_push(w);
	return err ? err : writer_settle(w, last);
}

/* Some file systems tell only now that there was no room. */
static int close_fd(struct writer *w)
{
	int fd = w->fd;

	w->fd = -1;
	return close(fd) && !w->failed ? -errno : 0;
}

/* A file that could not be finished stays open, for writer__close() to cut. */
static int close_file(struct writer *w, __u64 mono_ns)
{
	int err;

	if (w->fd < 0)
		return 0;
	if (w->failed)
		return -EIO;
	err = finish_file(w, mono_ns, false);
	return err ? err : close_fd(w);
}

static int next_file(struct writer *w, __u64 mono_ns)
{
	int err = close_file(w, mono_ns);

	return err ? err : open_file(w);
}

/* -G: the periods follow each other without gaps, so that their names can be foretold. */
static int next_period(struct writer *w, __u64 mono_ns)
{
	__u64 step = w->o->seconds * SECOND, begin;

	begin = w->rotate_ns + (mono_ns - w->rotate_ns) / step * step;
	w->period_ns = begin;
	w->rotate_ns = begin + step;
	w->periods++;
	w->count = 0;
	if (!w->o->size && w->o->files && w->periods >= w->o->files) {
		w->done = true;
		return close_file(w, begin);
	}
	return next_file(w, begin);
}

static int next_size(struct writer *w, __u64 mono_ns)
{
	w->count++;
	if (w->o->files && w->count >= w->o->files)
		w->count = 0;
	return next_file(w, mono_ns);
}

/* Before a record, as tcpdump does. */
static int rotate(struct writer *w, __u64 mono_ns)
{
	size_t held = w->o->size && w->ops->held ? w->ops->held(w) : 0;
	int err = 0;

	if (w->rotate_ns && mono_ns >= w->rotate_ns)
		err = next_period(w, mono_ns);
	if (!err && !w->done && w->o->size && w->written + w->out.len + held > w->o->size)
		err = next_size(w, mono_ns);
	return err;
}

static int fail(const struct writer *w, int ret, char *err, size_t errlen)
{
	const char *path = w && w->path ? w->path : "the file";

	return errmsg(err, errlen, ret, "%s can't be written: %s", errmsg_quote(path, strlen(path)),
		      ret == -ETXTBSY ? "another tcplens is writing it: give another name" : strerror(-ret));
}

int writer__open(struct writer **out, const struct opts_file *o, const struct writer_info *info,
		 char *err, size_t errlen)
{
	struct writer *w = calloc(1, sizeof(*w));
	int ret;

	*out = w;
	if (!w)
		return fail(w, -ENOMEM, err, errlen);
	w->ops = o->format;
	w->o = o;
	w->info = *info;
	w->mono_to_real = info->mono_to_real;
	w->snap = o->snap;
	w->fd = -1;
	w->period_ns = info->start_mono_ns;
	if (o->seconds)
		w->rotate_ns = info->start_mono_ns + o->seconds * SECOND;
	if (!strcmp(o->write, "-") && isatty(STDOUT_FILENO))
		return errmsg(err, errlen, -ENOTTY,
			      "a terminal can't show what -w - writes: pipe it into another program, or give a file's name");
	ret = w->ops->open ? w->ops->open(w) : 0;
	if (!ret)
		ret = open_file(w);
	return ret ? fail(w, ret, err, errlen) : 0;
}

bool writer__counts(const struct writer *w, const struct ev_hdr *ev)
{
	return ev->type != EV_LOST && (!w->ops->counts || (w->ops->counts & 1U << ev->type));
}

int writer__async(struct writer *w, size_t limit, bool priority)
{
	int err;

	if (!w)
		return 0;
	err = output__open(&w->output, w->fd, limit, priority);
	w->async = !err;
	return err;
}

bool writer__leaves_out(struct writer *w, const struct ev_hdr *ev)
{
	if (!w->async || ev->type == EV_LOST || !w->output.shut)
		return false;
	return !writer__counts(w, ev) || !output_wants(&w->output, ev->hook);
}

void writer__appended(struct writer *w, enum ev_hook hook)
{
	output_mark(&w->output, hook, w->out.len);
}

int writer__event(struct writer *w, const struct ev_hdr *ev)
{
	int err = 0;

	if (w->rotate_ns || w->o->size)
		err = rotate(w, ev->mono_ns);
	if (!err)
		err = w->done ? -ECANCELED : w->ops->event(w, ev);
	if (err)
		return err;
	if (ev->type == EV_LOST)
		w->lost[ev->hook] += ((const struct ev_lost *)ev)->count;
	else if (writer__counts(w, ev))
		w->records++;
	if (!w->ops->held && writer__counts(w, ev))
		writer__appended(w, ev->hook);
	return w->out.len >= FLUSH_BYTES ? writer_push(w) : 0;
}

int writer__clock(struct writer *w, __u64 mono_ns, __s64 mono_to_real)
{
	if (w->done || mono_to_real == w->mono_to_real)
		return 0;
	w->mono_to_real = mono_to_real;
	return w->ops->clock ? w->ops->clock(w, mono_ns) : 0;
}

int writer__tick(struct writer *w, __u64 mono_ns)
{
	return w->done || !w->ops->tick ? 0 : w->ops->tick(w, mono_ns);
}

static bool gathers(const struct writer *w, __u64 mono_ns)
{
	return w->async && w->regular && mono_ns - w->pushed_ns < GATHER_NS;
}

int writer__flush(struct writer *w, __u64 mono_ns)
{
	int err = 0;

	if (w->done)
		return -ECANCELED;
	if (w->rotate_ns && mono_ns >= w->rotate_ns)
		err = next_period(w, mono_ns);
	if (!err && !w->done && w->ops->flush)
		err = w->ops->flush(w, mono_ns, false);
	if (!err && w->out.len && !gathers(w, mono_ns)) {
		err = writer_push(w);
		w->pushed_ns = mono_ns;
	}
	return err ? err : w->done ? -ECANCELED : 0;
}

__u64 writer__bytes(const struct writer *w)
{
	return w->bytes + __atomic_load_n(&w->output.written, __ATOMIC_RELAXED);
}

int writer__close(struct writer *w, __u64 mono_ns)
{
	int err = 0, ret;

	if (!w)
		return 0;
	if (w->fd >= 0 && !w->failed)
		err = finish_file(w, mono_ns, true);
	writer_end(w, mono_ns);
	ret = w->fd >= 0 ? close_fd(w) : 0;
	return err ? err : ret;
}

void writer__free(struct writer *w)
{
	if (!w)
		return;
	if (w->ops)
		writer_end(w, 0);
	if (w->fd >= 0)
		close(w->fd);
	if (w->ops && w->ops->free)
		w->ops->free(w);
	outbuf__free(&w->out);
	free(w->path);
	free(w);
}
