// SPDX-License-Identifier: BSD-2-Clause
#include "writer_push.h"

#include <errno.h>
#include <unistd.h>

/* As much as there is room for: *n bytes written, and why it ended. */
static int write_all(int fd, const char *p, size_t len, size_t *n)
{
	for (*n = 0; *n < len;) {
		ssize_t ret = write(fd, p + *n, len - *n);

		if (ret > 0)
			*n += ret;
		else if (ret < 0 && errno != EINTR)
			return -errno;
		else if (!ret)
			return -EIO;
	}
	return 0;
}

/* Where records end that leave room for the end mark in n bytes at `p`; -1: none is there. */
static ssize_t room_for_end(const struct writer *w, const char *p, size_t n)
{
	size_t end = w->ops->end_size(w);

	return n > end ? (ssize_t)w->ops->whole(p, n - end) : -1;
}

static struct output_place here(const struct writer *w)
{
	struct output_place place = { .at = w->written, .tail = w->tail };

	memcpy(place.after, w->after, sizeof(place.after));
	return place;
}

/* The buffer is the file's last one from now on. */
static void move_tail(struct writer *w)
{
	ssize_t room = room_for_end(w, w->out.p, w->out.len);

	if (room >= 0) {
		w->tail = w->written + room;
		memset(w->after, 0, sizeof(w->after));
	}
	output_count(&w->output.marks, room >= 0 ? room : 0, w->after);
}

/* Puts the end mark at `at`, as far as there is room.  How many bytes. */
static size_t put_end(struct writer *w, off_t at)
{
	ssize_t n = -1;

	outbuf_reset(&w->out);
	if (w->ops->end && !w->ops->end(w, 0))
		n = pwrite(w->fd, w->out.p, w->out.len, at);
	if (n != (ssize_t)w->out.len)
		n = 0;
	outbuf_reset(&w->out);
	return n;
}

/*
 * Some of a buffer was written before the disk was full.  The file ends
 * behind its last whole record, and early enough for the end mark to take the
 * place of what comes after it.  Where that would leave nothing, it has none.
 * Returns where its records end.
 */
static __u64 cut(struct writer *w, const struct output_rest *r)
{
	ssize_t room = room_for_end(w, r->p, r->done);
	__u64 whole = r->place->at + w->ops->whole(r->p, r->done);
	__u64 end = room >= 0 ? r->place->at + room : r->place->tail;
	size_t mark = 0;

	if (end)
		mark = put_end(w, end);
	else
		end = whole;
	if (ftruncate(w->fd, end + mark))
		errno = 0; /* told already: the disk is full */
	return end;
}

/* What is behind `end` is not in the file. */
static void count_cut(struct writer *w, const struct output_place *place, __u64 end)
{
	size_t kept = end > place->at ? end - place->at : 0;

	w->unwritten += output_count(&w->output.marks, kept, w->output.lost);
	outbuf_reset(&w->output.marks);
	for (unsigned int hook = 0; hook < HOOK_MAX && end < place->at; hook++) {
		w->output.lost[hook] += place->after[hook];
		w->unwritten += place->after[hook];
	}
}

static int write_now(struct writer *w)
{
	const struct output_place place = here(w);
	__u64 end = place.at;
	size_t n;
	int err = write_all(w->fd, w->out.p, w->out.len, &n);

	if (!err) {
		move_tail(w);
		w->bytes += n;
		outbuf_reset(&w->out);
		outbuf_reset(&w->output.marks);
		return 0;
	}
	w->failed = true;
	if (w->regular)
		end = cut(w, &(struct output_rest){ .p = w->out.p, .done = n, .place = &place });
	count_cut(w, &place, end);
	return err;
}

static int submit(struct writer *w)
{
	const struct output_place place = here(w);

	if (w->regular)
		move_tail(w);
	return output_submit(&w->output, &w->out, &place);
}

int writer_push(struct writer *w)
{
	size_t n = w->out.len;
	int err;

	if (w->failed || w->fd < 0)
		return w->failed ? -EIO : 0;
	err = outbuf_error(&w->out) ? -ENOMEM : w->async ? submit(w) : write_now(w);
	if (err)
		w->failed = true;
	else
		w->written += n;
	return err;
}

int writer_settle(struct writer *w, bool last)
{
	int err;

	/* Between two files it takes as long as it takes: a stop that is asked for meanwhile is not looked at. */
	do {
		if (!w->async || output_drain(&w->output, last ? w->give_up : NULL, w->give_up_ctx))
			return 0;
		err = output_error(&w->output);
	} while (!err && !last);
	w->failed = true;
	/* Nobody reads, or the user does not want to wait: no error.  A disk that takes nothing is one. */
	return err ? err : w->regular ? -EIO : 0;
}

/* Ends the thread, and the file where it has got to. */
static void end_thread(struct writer *w)
{
	struct output_rest r;

	w->failed = true; /* nothing more is to be written */
	if (output_end(&w->output) && w->regular && output_rest(&w->output, &r))
		output_cut(&w->output, cut(w, &r));
	w->unwritten += output__close(&w->output);
	w->async = false;
}

void writer_end(struct writer *w, __u64 mono_ns)
{
	/* So that what it has held back is counted. */
	if (w->failed && w->ops->held)
		w->ops->flush(w, mono_ns, true);
	if (w->async)
		end_thread(w);
	w->unwritten += output_count(&w->output.marks, 0, w->output.lost);
	outbuf__free(&w->output.marks);
}
