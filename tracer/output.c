// SPDX-License-Identifier: BSD-2-Clause
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "idle_cpu.h"
#include "priority.h"
#include "share.h"

#define MS 1000000ULL
#define FULL_NS (10 * MS)   /* how long a submitter waits for room */
#define STUCK_NS (2000 * MS) /* nothing at all is taken for so long: nobody reads */
#define PATIENCE_NS (30000 * MS)
#define LOOK_NS (10 * MS)
#define DEBT_NS (1 * MS)
/* Makes write() return what it has done so far. */
#define SIG_ABORT SIGRTMIN

struct output_chunk {
	struct output_chunk *next;
	struct outbuf bytes, marks;
	struct output_place place;
	size_t done;
};

static void no_op(int sig)
{
	(void)sig;
}

int output__open(struct output *o, int fd, size_t limit, bool priority)
{
	struct sigaction sa = { .sa_handler = no_op }; /* without SA_RESTART */
	pthread_condattr_t attr;

	*o = (struct output){ .fd = fd, .limit = limit, .priority = priority };
	o->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (o->event_fd < 0 || sigaction(SIG_ABORT, &sa, NULL))
		return -errno;
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->more, &attr);
	pthread_cond_init(&o->less, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

static void chunk__free(struct output_chunk *c)
{
	if (!c)
		return;
	outbuf__free(&c->bytes);
	outbuf__free(&c->marks);
	free(c);
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, __u64 mono_ns)
{
	struct timespec ts = { .tv_sec = mono_ns / (1000 * MS), .tv_nsec = mono_ns % (1000 * MS) };

	pthread_cond_timedwait(cond, lock, &ts);
}

/* The descriptor is non-blocking (inherited so). */
static int wait_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* One write(), which may take long.  0 or a negative errno. */
static int write_some(struct output *o, struct output_chunk *c)
{
	ssize_t n = write(o->fd, c->bytes.p + c->done, c->bytes.len - c->done);

	if (n >= 0) {
		pthread_mutex_lock(&o->lock);
		c->done += n;
		o->written += n;
		o->queued -= n;
		pthread_cond_broadcast(&o->less);
		pthread_mutex_unlock(&o->lock);
		return 0;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return wait_writable(o->fd);
	return errno == EINTR ? 0 : -errno;
}

/* With real-time priority, as the drain does. */
static void rest(struct share *share)
{
	__u64 ns = share__owed(share);
	struct timespec ts = { .tv_sec = ns / (1000 * MS), .tv_nsec = ns % (1000 * MS) };

	if (ns >= DEBT_NS)
		nanosleep(&ts, NULL);
}

static void fail(struct output *o, int err)
{
	const __u64 one = 1;

	pthread_mutex_lock(&o->lock);
	o->err = err;
	pthread_cond_broadcast(&o->less);
	pthread_mutex_unlock(&o->lock);
	if (write(o->event_fd, &one, sizeof(one)) < 0)
		errno = 0;
}

/* The first chunk, to be written; NULL: the end. */
static struct output_chunk *next_chunk(struct output *o)
{
	struct output_chunk *c;

	pthread_mutex_lock(&o->lock);
	while (!o->head && !o->closing)
		pthread_cond_wait(&o->more, &o->lock);
	c = o->abort ? NULL : o->head;
	pthread_mutex_unlock(&o->lock);
	return c;
}

/* A chunk is written: its memory is for the next one. */
static void done(struct output *o, struct output_chunk *c)
{
	pthread_mutex_lock(&o->lock);
	o->head = c->next;
	if (!o->head)
		o->tail = NULL;
	if (!o->spare) {
		o->spare = c;
		c = NULL;
	}
	pthread_mutex_unlock(&o->lock);
	chunk__free(c);
}

static bool aborted(struct output *o)
{
	return __atomic_load_n(&o->abort, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	struct output *o = arg;
	struct output_chunk *c;
	struct idle_cpu cpu = {};
	struct share share;
	int err = 0;

	idle_cpu__anywhere();
	if (o->priority && !priority_real_time())
		idle_cpu__init(&cpu);
	share__begin(&share);
	while (!err && (c = next_chunk(o))) {
		while (!err && c->done < c->bytes.len && !aborted(o)) {
			err = write_some(o, c);
			if (o->priority)
				rest(&share);
		}
		if (!err && c->done == c->bytes.len)
			done(o, c);
		idle_cpu__look(&cpu, clock_mono_ns());
	}
	idle_cpu__free(&cpu);
	if (err)
		fail(o, err);
	pthread_mutex_lock(&o->lock);
	o->running = false;
	pthread_cond_broadcast(&o->less);
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

/* Not before it is needed. */
static int start(struct output *o)
{
	int err;

	if (o->started)
		return 0;
	o->running = true;
	err = pthread_create(&o->thread, NULL, run, o);
	o->started = !err;
	return -err;
}

static struct output_chunk *take_spare(struct output *o)
{
	struct output_chunk *c;

	pthread_mutex_lock(&o->lock);
	c = o->spare;
	o->spare = NULL;
	pthread_mutex_unlock(&o->lock);
	return c ? c : calloc(1, sizeof(*c));
}

static void swap(struct outbuf *a, struct outbuf *b)
{
	struct outbuf t = *a;

	*a = *b;
	*b = t;
}

static void append(struct output *o, struct output_chunk *c)
{
	__u64 end = 0;

	pthread_mutex_lock(&o->lock);
	if (o->tail)
		o->tail->next = c;
	else
		o->head = c;
	o->tail = c;
	o->queued += c->bytes.len;
	pthread_cond_signal(&o->more);
	while (o->queued > o->limit && !o->err && !o->shut) {
		if (!end)
			end = clock_mono_ns() + FULL_NS;
		else if (clock_mono_ns() >= end)
			break;
		wait_until(&o->less, &o->lock, end);
	}
	o->shut = o->shut || o->queued > o->limit;
	pthread_mutex_unlock(&o->lock);
}

int output_submit(struct output *o, struct outbuf *b, const struct output_place *place)
{
	int err = output_error(o);
	struct output_chunk *c;

	if (!err)
		err = outbuf_error(b) || outbuf_error(&o->marks) ? -ENOMEM : 0;
	if (!err)
		err = start(o);
	if (err)
		return err;
	c = take_spare(o);
	if (!c)
		return -ENOMEM;
	c->next = NULL;
	c->done = 0;
	c->place = place ? *place : (struct output_place){};
	swap(&c->bytes, b);
	swap(&c->marks, &o->marks);
	outbuf_reset(b);
	outbuf_reset(&o->marks);
	append(o, c);
	return 0;
}

bool output_reopen(struct output *o)
{
	if (!o->shut)
		return false;
	pthread_mutex_lock(&o->lock);
	o->shut = o->queued > o->limit / 2;
	pthread_mutex_unlock(&o->lock);
	return !o->shut;
}

int output_error(struct output *o)
{
	int err;

	pthread_mutex_lock(&o->lock);
	err = o->err;
	pthread_mutex_unlock(&o->lock);
	return err;
}

bool output_drain(struct output *o, bool (*give_up)(void *ctx), void *ctx)
{
	__u64 now = clock_mono_ns(), end = now + PATIENCE_NS, moved_ns = now;
	size_t written;
	bool empty;

	pthread_mutex_lock(&o->lock);
	written = o->written;
	while (o->queued && o->running && now < end && now < moved_ns + STUCK_NS) {
		wait_until(&o->less, &o->lock, now + LOOK_NS);
		now = clock_mono_ns();
		if (o->written != written)
			moved_ns = now;
		written = o->written;
		if (give_up && give_up(ctx))
			break;
	}
	empty = !o->queued;
	pthread_mutex_unlock(&o->lock);
	return empty;
}

/* Its write() may begin just after a signal: until it has ended, but not for ever (a dead disk). */
static bool end_thread(struct output *o)
{
	__u64 now = clock_mono_ns(), end = now + STUCK_NS;
	bool running;

	pthread_mutex_lock(&o->lock);
	o->closing = true;
	__atomic_store_n(&o->abort, o->queued != 0, __ATOMIC_RELAXED);
	pthread_cond_signal(&o->more);
	while (o->running && now < end) {
		if (o->abort)
			pthread_kill(o->thread, SIG_ABORT);
		wait_until(&o->less, &o->lock, now + LOOK_NS);
		now = clock_mono_ns();
	}
	running = o->running;
	pthread_mutex_unlock(&o->lock);
	if (!running)
		pthread_join(o->thread, NULL);
	return !running;
}

bool output_end(struct output *o)
{
	if (!o->ended)
		o->ended = !o->started || end_thread(o);
	return o->ended;
}

bool output_rest(const struct output *o, struct output_rest *r)
{
	if (!o->head)
		return false;
	*r = (struct output_rest){ .p = o->head->bytes.p, .done = o->head->done, .place = &o->head->place };
	return true;
}

void output_cut(struct output *o, __u64 end)
{
	struct output_chunk *c = o->head;
	const struct output_place *p = &c->place;

	c->done = end > p->at ? end - p->at : 0;
	for (unsigned int hook = 0; hook < HOOK_MAX && end < p->at; hook++) {
		o->lost[hook] += p->after[hook];
		o->lost_cut += p->after[hook];
	}
}

__u64 output_count(const struct outbuf *marks, size_t done, __u64 *lost)
{
	__u64 n = 0;
	__u32 mark;

	for (size_t i = marks->len / sizeof(mark); i--; n++) { /* they are in order */
		memcpy(&mark, marks->p + i * sizeof(mark), sizeof(mark));
		if (mark >> 8 <= done)
			break;
		lost[mark & 0xff]++;
	}
	return n;
}

__u64 output__close(struct output *o)
{
	__u64 lost = o->lost_cut + output_count(&o->marks, 0, o->lost);
	bool ended = output_end(o);
	struct output_chunk *c, *next;

	outbuf__free(&o->marks);
	pthread_mutex_lock(&o->lock);
	for (c = o->head; c; c = c->next)
		lost += output_count(&c->marks, c->done, o->lost);
	pthread_mutex_unlock(&o->lock);
	if (!ended) /* it still has the chunks; the process ends soon */
		return lost;
	for (c = o->head; c; c = next) {
		next = c->next;
		chunk__free(c);
	}
	chunk__free(o->spare);
	close(o->event_fd);
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->more);
	pthread_cond_destroy(&o->less);
	return lost;
}
