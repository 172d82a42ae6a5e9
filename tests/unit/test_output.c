// SPDX-License-Identifier: BSD-2-Clause
/* Bytes for a reader that is slow, stuck, or gone. */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "output.h"

#define LIMIT (256u << 10)
#define LINE 100u /* bytes, its end included */

static void put_line(struct outbuf *b, unsigned int n)
{
	char line[LINE + 1];

	snprintf(line, sizeof(line), "%-99u\n", n);
	outbuf_mem(b, line, LINE);
}

/* `n` numbered lines in pieces of `per`: how many were taken. */
static unsigned int put_lines(struct output *o, unsigned int n, unsigned int per, unsigned int *next)
{
	struct outbuf b = {};
	unsigned int taken = 0;

	for (unsigned int i = 0; i < n; i++, (*next)++) {
		if (!output_wants(o, *next & 1))
			continue;
		put_line(&b, *next);
		output_mark(o, *next & 1, b.len);
		taken++;
		if (taken % per == 0)
			assert_int_equal(output_submit(o, &b, NULL), 0);
	}
	assert_int_equal(output_submit(o, &b, NULL), 0);
	outbuf__free(&b);
	return taken;
}

struct reader {
	int fd;
	unsigned int whole; /* lines */
	unsigned int last;
	size_t bytes;
};

/* All lines there are, which have to be in order. */
static void *read_all(void *arg)
{
	struct reader *r = arg;
	FILE *f = fdopen(r->fd, "r");
	char line[256];

	while (fgets(line, sizeof(line), f)) {
		r->bytes += strlen(line);
		if (!strchr(line, '\n'))
			break;
		assert_true(!r->whole || atoi(line) > (int)r->last);
		r->last = atoi(line);
		r->whole++;
	}
	fclose(f);
	return NULL;
}

static void test_order(void **state)
{
	struct reader r = {};
	unsigned int next = 0;
	struct output o;
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	r.fd = fds[0];
	assert_int_equal(output__open(&o, fds[1], 64u << 20, false), 0);
	pthread_create(&thread, NULL, read_all, &r);
	assert_int_equal(put_lines(&o, 50000, 7, &next), 50000);
	assert_true(output_drain(&o, NULL, NULL));
	assert_int_equal(output__close(&o), 0);
	close(fds[1]);
	pthread_join(thread, NULL);
	assert_int_equal(r.whole, 50000);
	assert_int_equal(o.lost[0] + o.lost[1], 0);
}

static bool at_once(void *ctx)
{
	(void)ctx;
	return true;
}

/* Nobody reads: what the pipe took, and what is counted, is everything. */
static void test_stuck(void **state)
{
	struct reader r = {};
	unsigned int next = 0, taken;
	struct output o;
	__u64 unwritten;
	struct pollfd some;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	r.fd = fds[0];
	some = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	assert_int_equal(output__open(&o, fds[1], LIMIT, false), 0);
	taken = put_lines(&o, 20000, 50, &next);
	assert_int_equal(poll(&some, 1, 60000), 1); /* its thread had its turn */
	assert_true(o.shut);
	assert_int_equal(taken + o.lost[0] + o.lost[1], 20000);
	assert_false(output_reopen(&o));
	assert_false(output_drain(&o, at_once, NULL));
	unwritten = output__close(&o);
	close(fds[1]);
	read_all(&r);
	assert_true(r.bytes >= 4096);
	assert_int_equal(r.whole + unwritten, taken);
	assert_int_equal(r.whole + o.lost[0] + o.lost[1], 20000);
	/* By hook. */
	assert_true(o.lost[0] + (r.whole + 1) / 2 == 10000 && o.lost[1] + r.whole / 2 == 10000);
}

/* A reader that stops for a while: there is a gap, and then all is as before. */
static void test_reopen(void **state)
{
	struct reader r = {};
	unsigned int next = 0, taken;
	struct output o;
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	r.fd = fds[0];
	assert_int_equal(output__open(&o, fds[1], LIMIT, false), 0);
	taken = put_lines(&o, 10000, 50, &next);
	assert_true(o.shut);
	pthread_create(&thread, NULL, read_all, &r);
	assert_true(output_drain(&o, NULL, NULL));
	assert_true(output_reopen(&o));
	assert_false(output_reopen(&o));
	taken += put_lines(&o, 100, 50, &next);
	assert_true(output_drain(&o, NULL, NULL));
	assert_int_equal(output__close(&o), 0);
	close(fds[1]);
	pthread_join(thread, NULL);
	assert_int_equal(r.whole, taken);
	assert_int_equal(r.last, 10099);
	assert_int_equal(taken + o.lost[0] + o.lost[1], 10100);
}

static void test_errors(void **state)
{
	unsigned int next = 0;
	struct pollfd pfd = { .events = POLLIN };
	struct outbuf b = {};
	struct output o;
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(output__open(&o, fds[1], LIMIT, false), 0);
	put_lines(&o, 10, 100, &next);
	pfd.fd = o.event_fd;
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	assert_int_equal(output_error(&o), -EPIPE);
	put_line(&b, 1);
	assert_int_equal(output_submit(&o, &b, NULL), -EPIPE);
	assert_int_equal(output__close(&o), 10);
	outbuf__free(&b);
	close(fds[1]);

	fds[1] = open("/dev/full", O_WRONLY);
	assert_int_equal(output__open(&o, fds[1], LIMIT, false), 0);
	put_lines(&o, 10, 100, &next);
	pfd.fd = o.event_fd;
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	assert_int_equal(output_error(&o), -ENOSPC);
	assert_int_equal(output__close(&o), 10);
	close(fds[1]);
}

/* Nothing was written: no thread, and nothing to wait for. */
static void test_unused(void **state)
{
	struct output o;

	(void)state;
	assert_int_equal(output__open(&o, STDOUT_FILENO, LIMIT, false), 0);
	assert_false(o.started);
	assert_true(output_drain(&o, NULL, NULL));
	assert_int_equal(output__close(&o), 0);
}

/* Inherited so: it waits instead of failing. */
static void test_non_blocking(void **state)
{
	struct reader r = {};
	unsigned int next = 0;
	struct output o;
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	r.fd = fds[0];
	assert_int_equal(output__open(&o, fds[1], 64u << 20, false), 0);
	put_lines(&o, 5000, 100, &next);
	pthread_create(&thread, NULL, read_all, &r);
	assert_true(output_drain(&o, NULL, NULL));
	assert_int_equal(output__close(&o), 0);
	close(fds[1]);
	pthread_join(thread, NULL);
	assert_int_equal(r.whole, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_reopen),	cmocka_unit_test(test_errors),
		cmocka_unit_test(test_unused),	cmocka_unit_test(test_non_blocking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
