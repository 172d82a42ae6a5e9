// SPDX-License-Identifier: BSD-2-Clause
/* The reading end of the ring buffer, on memory that a test fills as the kernel does. */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "ring.h"

#define SIZE 4096u

/* The kernel's side: its own mapping of the same memory. */
struct kernel {
	int fd;
	size_t page;
	unsigned long *cons, *prod;
	char *data;
	unsigned long at; /* where the next record goes */
};

struct got {
	char bytes[SIZE];
	size_t len;
	int n, stop_at;
};

static void kernel_open(struct kernel *k)
{
	char *p;

	k->page = sysconf(_SC_PAGESIZE);
	k->fd = memfd_create("ring", 0);
	assert_int_equal(ftruncate(k->fd, 2 * k->page + SIZE), 0);
	p = mmap(NULL, 2 * k->page + SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	k->cons = (unsigned long *)p;
	k->prod = (unsigned long *)(p + k->page);
	k->data = p + 2 * k->page;
	k->at = 0;
}

static void kernel_close(struct kernel *k)
{
	munmap(k->cons, 2 * k->page + SIZE);
	close(k->fd);
}

static __u32 *header(struct kernel *k, unsigned long at)
{
	return (__u32 *)(k->data + at % SIZE);
}

static unsigned long reserve(struct kernel *k, __u32 len)
{
	unsigned long at = k->at;

	*header(k, at) = len | BPF_RINGBUF_BUSY_BIT;
	k->at += 8 + (len + 7) / 8 * 8;
	__atomic_store_n(k->prod, k->at, __ATOMIC_RELEASE);
	return at;
}

static void commit(struct kernel *k, unsigned long at, const void *bytes, __u32 len, __u32 bits)
{
	for (__u32 i = 0; i < len; i++)
		k->data[(at + 8 + i) % SIZE] = ((const char *)bytes)[i];
	__atomic_store_n(header(k, at), len | bits, __ATOMIC_SEQ_CST);
}

static void put(struct kernel *k, const char *text)
{
	commit(k, reserve(k, strlen(text)), text, strlen(text), 0);
}

static int take(void *ctx, void *data, size_t n)
{
	struct got *g = ctx;

	assert_int_equal((uintptr_t)data % 8, 0);
	assert_true(g->len + n < sizeof(g->bytes));
	memcpy(g->bytes + g->len, data, n);
	g->len += n;
	g->bytes[g->len++] = ' ';
	g->bytes[g->len] = '\0';
	return ++g->n == g->stop_at ? -ECANCELED : 0;
}

static void open_both(struct kernel *k, struct ring *r, struct got *g)
{
	*g = (struct got){};
	kernel_open(k);
	assert_int_equal(ring__open(r, k->fd, SIZE, take, g), 0);
}

static void close_both(struct kernel *k, struct ring *r)
{
	ring__close(r);
	kernel_close(k);
}

static void test_order(void **state)
{
	struct kernel k;
	struct ring r;
	struct got g;

	(void)state;
	open_both(&k, &r, &g);
	assert_int_equal(ring__drain(&r), 0);
	put(&k, "one");
	put(&k, "twotwotwo");
	put(&k, "three333");
	assert_int_equal(ring__drain(&r), 3);
	assert_string_equal(g.bytes, "one twotwotwo three333 ");
	assert_int_equal(r.fill, k.at);
	assert_int_equal(*k.cons, k.at);
	assert_int_equal(ring__drain(&r), 0);
	close_both(&k, &r);
}

/* What is reserved and not committed holds up what comes after it. */
static void test_busy_and_discarded(void **state)
{
	unsigned long busy, gone;
	struct kernel k;
	struct ring r;
	struct got g;

	(void)state;
	open_both(&k, &r, &g);
	put(&k, "first");
	gone = reserve(&k, 100);
	busy = reserve(&k, 4);
	put(&k, "last");
	commit(&k, gone, "", 0, 100 | BPF_RINGBUF_DISCARD_BIT);
	assert_int_equal(ring__drain(&r), 1);
	assert_int_equal(*k.cons, busy);
	assert_int_equal(ring__drain(&r), 0);
	commit(&k, busy, "busy", 4, 0);
	assert_int_equal(ring__drain(&r), 2);
	assert_string_equal(g.bytes, "first busy last ");
	close_both(&k, &r);
}

/* Records of every length at every place of the end, also with the header as its last word. */
static void test_end_of_the_ring(void **state)
{
	char text[400], want[420];
	struct kernel k;
	struct ring r;
	struct got g;

	(void)state;
	open_both(&k, &r, &g);
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int len = 1 + i * 7919 % (sizeof(text) - 1);

		memset(text, 'a' + i % 26, len);
		text[len - 1] = '\0';
		snprintf(want, sizeof(want), "%s ", text);
		put(&k, text);
		g.len = 0;
		assert_int_equal(ring__drain(&r), 1);
		assert_string_equal(g.bytes, want);
		assert_int_equal(*k.cons, k.at);
	}
	close_both(&k, &r);
}

static void test_stop(void **state)
{
	struct kernel k;
	struct ring r;
	struct got g;

	(void)state;
	open_both(&k, &r, &g);
	put(&k, "a");
	put(&k, "b");
	put(&k, "c");
	g.stop_at = 2;
	assert_int_equal(ring__drain(&r), -ECANCELED);
	assert_int_equal(ring__drain(&r), 1);
	assert_string_equal(g.bytes, "a b c ");
	close_both(&k, &r);
}

/* Room is given back on the way, not only at the end of a long drain. */
struct seen {
	struct kernel *k;
	unsigned long read; /* before this record */
};

static int look(void *ctx, void *data, size_t n)
{
	struct seen *s = ctx;

	(void)data;
	assert_true(s->read - *s->k->cons < SIZE / 8);
	s->read += 8 + n;
	return 0;
}

static void test_gives_back_on_the_way(void **state)
{
	struct kernel k;
	struct seen s = { .k = &k };
	struct ring r;

	(void)state;
	kernel_open(&k);
	assert_int_equal(ring__open(&r, k.fd, SIZE, look, &s), 0);
	for (unsigned int i = 0; i < SIZE / 16; i++)
		put(&k, "12345678");
	assert_int_equal(r.fill, 0);
	assert_int_equal(ring__drain(&r), SIZE / 16);
	assert_int_equal(r.fill, SIZE);
	close_both(&k, &r);
}

#define RACE 300000u

/* As the kernel does: no room, no record. */
static void *produce(void *arg)
{
	struct kernel *k = arg;
	__u32 words[16];

	for (__u32 i = 0; i < RACE; i++) {
		__u32 n = 1 + i % COUNT(words);

		while (k->at + 8 + 8 + 4 * n - __atomic_load_n(k->cons, __ATOMIC_ACQUIRE) > SIZE)
			sched_yield();
		for (__u32 w = 0; w < n; w++)
			words[w] = i;
		commit(k, reserve(k, 4 * n), words, 4 * n, 0);
	}
	return NULL;
}

static int check(void *ctx, void *data, size_t n)
{
	__u32 *next = ctx, *words = data;

	assert_int_equal(n, 4 * (1 + *next % 16));
	for (size_t w = 0; w < n / 4; w++)
		assert_int_equal(words[w], *next);
	(*next)++;
	return 0;
}

static void test_race(void **state)
{
	pthread_t thread;
	struct kernel k;
	struct ring r;
	__u32 next = 0;

	(void)state;
	kernel_open(&k);
	assert_int_equal(ring__open(&r, k.fd, SIZE, check, &next), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, &k), 0);
	while (next < RACE)
		if (!ring__drain(&r))
			sched_yield();
	pthread_join(thread, NULL);
	assert_int_equal(ring__drain(&r), 0);
	close_both(&k, &r);
}

static void test_no_ring(void **state)
{
	struct ring r;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_true(ring__open(&r, fds[0], SIZE, take, NULL) < 0);
	ring__close(&r);
	close(fds[0]);
	close(fds[1]);
	r = (struct ring){};
	ring__close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_busy_and_discarded),
		cmocka_unit_test(test_end_of_the_ring),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_gives_back_on_the_way),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
