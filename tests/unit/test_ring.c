// SPDX-License-Identifier: BSD-2-Clause
/* The reading end of the ring buffer, on memory that a test fills as the kernel does. */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "event.h"
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

static void open_both(struct kernel *k, struct rings *r, struct got *g)
{
	*g = (struct got){};
	kernel_open(k);
	assert_int_equal(rings__open(r, take, g), 0);
	assert_int_equal(rings__add(r, k->fd, SIZE), 0);
}

static void close_both(struct kernel *k, struct rings *r)
{
	rings__close(r);
	kernel_close(k);
}

static void test_order(void **state)
{
	struct kernel k;
	struct rings r;
	struct got g;

	(void)state;
	open_both(&k, &r, &g);
	assert_int_equal(rings__drain(&r), 0);
	put(&k, "one");
	put(&k, "twotwotwo");
	put(&k, "three333");
	assert_int_equal(rings__drain(&r), 3);
	assert_string_equal(g.bytes, "one twotwotwo three333 ");
	assert_int_equal(r.fill, k.at);
	assert_int_equal(*k.cons, k.at);
	assert_int_equal(rings__drain(&r), 0);
	close_both(&k, &r);
}

/* What is reserved and not committed holds up what comes after it. */
static void test_busy_and_discarded(void **state)
{
	unsigned long busy, gone;
	struct kernel k;
	struct rings r;
	struct got g;

	(void)state;
	open_both(&k, &r, &g);
	put(&k, "first");
	gone = reserve(&k, 100);
	busy = reserve(&k, 4);
	put(&k, "last");
	commit(&k, gone, "", 0, 100 | BPF_RINGBUF_DISCARD_BIT);
	assert_int_equal(rings__drain(&r), 1);
	assert_int_equal(*k.cons, busy);
	assert_int_equal(rings__drain(&r), 0);
	commit(&k, busy, "busy", 4, 0);
	assert_int_equal(rings__drain(&r), 2);
	assert_string_equal(g.bytes, "first busy last ");
	close_both(&k, &r);
}

/* Records of every length at every place of the end, also with the header as its last word. */
static void test_end_of_the_ring(void **state)
{
	char text[400], want[420];
	struct kernel k;
	struct rings r;
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
		assert_int_equal(rings__drain(&r), 1);
		assert_string_equal(g.bytes, want);
		assert_int_equal(*k.cons, k.at);
	}
	close_both(&k, &r);
}

static void test_stop(void **state)
{
	struct kernel k;
	struct rings r;
	struct got g;

	(void)state;
	open_both(&k, &r, &g);
	put(&k, "a");
	put(&k, "b");
	put(&k, "c");
	g.stop_at = 2;
	assert_int_equal(rings__drain(&r), -ECANCELED);
	assert_int_equal(rings__drain(&r), 1);
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
	struct rings r;

	(void)state;
	kernel_open(&k);
	assert_int_equal(rings__open(&r, look, &s), 0);
	assert_int_equal(rings__add(&r, k.fd, SIZE), 0);
	for (unsigned int i = 0; i < SIZE / 16; i++)
		put(&k, "12345678");
	assert_int_equal(r.fill, 0);
	assert_int_equal(rings__drain(&r), SIZE / 16);
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
	struct rings r;
	__u32 next = 0;

	(void)state;
	kernel_open(&k);
	assert_int_equal(rings__open(&r, check, &next), 0);
	assert_int_equal(rings__add(&r, k.fd, SIZE), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, &k), 0);
	while (next < RACE)
		if (!rings__drain(&r))
			sched_yield();
	pthread_join(thread, NULL);
	assert_int_equal(rings__drain(&r), 0);
	close_both(&k, &r);
}

/* Two rings: the records of both, in order of time. */
struct pair {
	struct kernel front, back;
	struct rings r;
	char got[200];
};

static int take_time(void *ctx, void *data, size_t n)
{
	struct pair *p = ctx;
	size_t len = strlen(p->got);

	assert_int_equal(n, sizeof(struct ev_hdr));
	snprintf(p->got + len, sizeof(p->got) - len, "%llu ", ((struct ev_hdr *)data)->mono_ns);
	return 0;
}

static void pair_open(struct pair *p, int (*on_record)(void *ctx, void *data, size_t n))
{
	kernel_open(&p->front);
	kernel_open(&p->back);
	assert_int_equal(rings__open(&p->r, on_record, p), 0);
	assert_int_equal(rings__add(&p->r, p->front.fd, SIZE), 0);
	assert_int_equal(rings__add(&p->r, p->back.fd, SIZE), 0);
	assert_int_equal(rings__add(&p->r, p->back.fd, SIZE), -E2BIG);
	p->got[0] = '\0';
}

static void pair_close(struct pair *p)
{
	rings__close(&p->r);
	kernel_close(&p->front);
	kernel_close(&p->back);
}

static void commit_time(struct kernel *k, unsigned long at, __u64 ns)
{
	struct ev_hdr h = { .type = EV_STATE, .len = sizeof(h), .mono_ns = ns };

	commit(k, at, &h, sizeof(h), 0);
}

static void put_time(struct kernel *k, __u64 ns)
{
	commit_time(k, reserve(k, sizeof(struct ev_hdr)), ns);
}

static void test_two_rings(void **state)
{
	unsigned long busy;
	struct pair p;

	(void)state;
	pair_open(&p, take_time);
	put_time(&p.front, 1);
	put_time(&p.front, 2);
	put_time(&p.back, 3);
	put_time(&p.back, 4);
	put_time(&p.front, 5);
	put_time(&p.back, 6);
	assert_int_equal(rings__drain(&p.r), 6);
	assert_string_equal(p.got, "1 2 3 4 5 6 ");
	assert_int_equal(p.r.fill, 6 * 24);
	assert_int_equal(*p.front.cons, p.front.at);
	assert_int_equal(*p.back.cons, p.back.at);

	/* What is not written yet may be earlier than what is there in the other. */
	p.got[0] = '\0';
	busy = reserve(&p.back, sizeof(struct ev_hdr));
	put_time(&p.front, 8);
	assert_int_equal(rings__drain(&p.r), 0);
	commit_time(&p.back, busy, 7);
	busy = reserve(&p.front, sizeof(struct ev_hdr));
	put_time(&p.back, 10);
	assert_int_equal(rings__drain(&p.r), 2);
	commit_time(&p.front, busy, 9);
	assert_int_equal(rings__drain(&p.r), 2);
	assert_string_equal(p.got, "7 8 9 10 ");
	pair_close(&p);
}

/* Records come while it drains: from the handler, as if from another CPU. */
static int take_and_add(void *ctx, void *data, size_t n)
{
	struct pair *p = ctx;
	__u64 ns = ((struct ev_hdr *)data)->mono_ns;

	if (ns == 1)
		put_time(&p->back, 2); /* earlier than what this drain still has in front */
	if (ns == 3) {
		put_time(&p->front, 4); /* the front is full */
		put_time(&p->back, 5);	/* so this is later, and 4 is for the next drain */
	}
	return take_time(ctx, data, n);
}

static void test_meanwhile(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, take_and_add);
	put_time(&p.front, 1);
	put_time(&p.front, 3);
	assert_int_equal(rings__drain(&p.r), 3);
	assert_string_equal(p.got, "1 2 3 ");
	assert_int_equal(rings__drain(&p.r), 2);
	assert_string_equal(p.got, "1 2 3 4 5 ");
	pair_close(&p);
}

/* As emit_reserve(): in front, or else behind, or else not at all. */
static void *produce_both(void *arg)
{
	struct pair *p = arg;

	for (__u64 i = 1; i <= RACE; i++) {
		struct kernel *k = NULL;

		while (!k) {
			if (p->front.at + 24 - __atomic_load_n(p->front.cons, __ATOMIC_ACQUIRE) <= SIZE)
				k = &p->front;
			else if (p->back.at + 24 - __atomic_load_n(p->back.cons, __ATOMIC_ACQUIRE) <= SIZE)
				k = &p->back;
			else
				sched_yield();
		}
		put_time(k, i);
	}
	return NULL;
}

static int check_time(void *ctx, void *data, size_t n)
{
	struct pair *p = ctx;
	__u64 next = strtoull(p->got, NULL, 10) + 1;

	assert_int_equal(n, sizeof(struct ev_hdr));
	assert_int_equal(((struct ev_hdr *)data)->mono_ns, next);
	snprintf(p->got, sizeof(p->got), "%llu", next);
	return 0;
}

static void test_race_of_two(void **state)
{
	pthread_t thread;
	struct pair p;
	__u32 n = 0;

	(void)state;
	pair_open(&p, check_time);
	assert_int_equal(pthread_create(&thread, NULL, produce_both, &p), 0);
	while (n < RACE) {
		int got = rings__drain(&p.r);

		n += got;
		if (!got)
			sched_yield();
	}
	pthread_join(thread, NULL);
	assert_true(p.back.at > 0); /* both were used */
	pair_close(&p);
}

static void test_no_ring(void **state)
{
	struct rings r;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(rings__open(&r, take, NULL), 0);
	assert_true(rings__add(&r, fds[0], SIZE) < 0);
	rings__close(&r);
	close(fds[0]);
	close(fds[1]);
	r = (struct rings){};
	rings__close(&r);
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
		cmocka_unit_test(test_two_rings),
		cmocka_unit_test(test_meanwhile),
		cmocka_unit_test(test_race_of_two),
		cmocka_unit_test(test_no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
