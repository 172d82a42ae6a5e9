// SPDX-License-Identifier: BSD-2-Clause
/*
 * The layout is kernel/bpf/ringbuf.c's, and part of the ABI since 5.8: a page
 * with the consumer's position, the only one that user space may write; a page
 * with the producers'; the data.  Positions only grow; modulo the size they are
 * places in the data.  Each record has a header of 8 bytes, of which the first
 * 4 are its length and two bits, and takes a multiple of 8.
 */
#include "ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "event.h"

#define LEN_BITS (BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)
/* Room is given back whenever so much of the ring has been read. */
#define STEPS 16
/* So far ahead of a record its successors are fetched, and so many bytes of them: a few records, and one. */
#define AHEAD 1024
#define AHEAD_BYTES 256
#define CACHE_LINE 64

int rings__open(struct rings *r, int (*on_record)(void *ctx, void *data, size_t n), void *ctx)
{
	*r = (struct rings){ .page = sysconf(_SC_PAGESIZE), .on_record = on_record, .ctx = ctx };
	r->joined = malloc(RING_RECORD_MAX);
	return r->joined ? 0 : -ENOMEM;
}

int rings__add(struct rings *r, int fd, size_t size)
{
	struct ring *g = &r->ring[r->n];
	void *p;

	if (r->n == RINGS_MAX)
		return -E2BIG;
	p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->n++;
	*g = (struct ring){ .cons = p, .size = size };
	p = mmap(NULL, r->page + size, PROT_READ, MAP_SHARED, fd, r->page);
	if (p == MAP_FAILED)
		return -errno;
	g->prod = p;
	g->data = (const char *)p + r->page;
	return 0;
}

void rings__close(struct rings *r)
{
	for (int i = 0; i < r->n; i++) {
		munmap(r->ring[i].cons, r->page);
		if (r->ring[i].prod)
			munmap((void *)r->ring[i].prod, r->page + r->ring[i].size);
	}
	free(r->joined);
	*r = (struct rings){};
}

/* A drain's way through one ring. */
struct cursor {
	struct ring *ring;
	unsigned long cons, given; /* our position; the one that the kernel knows */
	unsigned long prod;	   /* how far there was something when the drain began */
	__u32 len;		   /* of the record at `cons` */
	bool busy;		   /* which is reserved, and not committed yet */
};

/*
 * What is committed now is seen now, or its commit sees the new position and
 * wakes us (bpf_ringbuf_commit(): xchg, then consumer_pos): both sides need a
 * full barrier between their write and their read.
 */
static void give_back(struct cursor *c)
{
	if (c->cons == c->given)
		return;
	c->given = c->cons;
	__atomic_store_n(c->ring->cons, c->cons, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void step(struct cursor *c)
{
	c->cons += BPF_RINGBUF_HDR_SZ + (((c->len & ~LEN_BITS) + 7UL) & ~7UL);
	if (c->cons - c->given >= c->ring->size / STEPS)
		give_back(c);
}

/* Is there a record?  Those that were discarded are passed over. */
static bool look(struct cursor *c)
{
	while ((long)(c->prod - c->cons) > 0) {
		const char *at = c->ring->data + (c->cons & (c->ring->size - 1));

		c->len = __atomic_load_n((const __u32 *)at, __ATOMIC_ACQUIRE);
		c->busy = c->len & BPF_RINGBUF_BUSY_BIT;
		if (c->busy)
			return false;
		if (!(c->len & BPF_RINGBUF_DISCARD_BIT))
			return true;
		step(c);
	}
	return false;
}

/* The record's bytes from `off` on.  All positions are multiples of 8, so 8 bytes are always in one piece. */
static const char *payload(const struct cursor *c, size_t off)
{
	return c->ring->data + ((c->cons + BPF_RINGBUF_HDR_SZ + off) & (c->ring->size - 1));
}

static __u64 time_of(const struct cursor *c)
{
	_Static_assert(offsetof(struct ev_hdr, mono_ns) == 8, "in one piece");
	return *(const __u64 *)payload(c, offsetof(struct ev_hdr, mono_ns));
}

/* A record that begins at the end of the data, and goes on at its beginning. */
static int hand_over_joined(struct rings *r, const struct cursor *c, const char *begin)
{
	size_t first = c->ring->data + c->ring->size - begin;

	if (c->len > RING_RECORD_MAX) /* none of ours: what there is in one piece will be refused */
		return r->on_record(r->ctx, (void *)begin, first);
	memcpy(r->joined, begin, first);
	memcpy(r->joined + first, c->ring->data, c->len - first);
	return r->on_record(r->ctx, r->joined, c->len);
}

/*
 * Another CPU has written them, and to get them from its cache takes longer than all that becomes of
 * a record; meanwhile those before them are handled.  Not what is still to be written: it would be
 * taken away from whoever writes.
 */
static void fetch_ahead(const struct cursor *c)
{
	if ((long)(c->prod - c->cons) < AHEAD + AHEAD_BYTES)
		return;
	for (size_t off = AHEAD; off < AHEAD + AHEAD_BYTES; off += CACHE_LINE)
		__builtin_prefetch(payload(c, off));
}

static int hand_over(struct rings *r, const struct cursor *c)
{
	const char *begin = payload(c, 0);

	if (begin + c->len > c->ring->data + c->ring->size)
		return hand_over_joined(r, c, begin);
	return r->on_record(r->ctx, (void *)begin, c->len);
}

static unsigned long produced(const struct ring *g)
{
	return __atomic_load_n(g->prod, __ATOMIC_ACQUIRE);
}

/*
 * What is next; NULL: nothing, or what is not written yet might be.
 *
 * While the ring in front is full, records go behind; once it has room again,
 * in front.  A record has its time written after its place was taken: what takes
 * a place behind after we have looked there is later than what we saw in front
 * before.  So behind is looked at anew for each record in front; and what came
 * there since the drain began, when there was perhaps more in front by then
 * than this drain is for, waits for the next one unless it is earlier than a
 * record in front.
 */
static struct cursor *next_of(struct cursor *front, struct cursor *back, unsigned long back_begun)
{
	bool in_front = look(front);

	if (!back->ring || front->busy)
		return in_front ? front : NULL;
	back->prod = in_front ? produced(back->ring) : back_begun;
	if (!look(back))
		return in_front && !back->busy ? front : NULL;
	return in_front && time_of(front) <= time_of(back) ? front : back;
}

/* Returns how many bytes wait. */
static size_t begin(struct cursor *c, struct ring *g)
{
	*c = (struct cursor){ .ring = g, .cons = *g->cons, .given = *g->cons, .prod = produced(g) };
	return c->prod - c->cons;
}

int rings__drain(struct rings *r)
{
	struct cursor front, back = {}, *at;
	unsigned long back_begun;
	int n = 0, ret = 0;

	r->fill = r->n > RING_BACK ? begin(&back, &r->ring[RING_BACK]) : 0;
	back_begun = back.prod;
	r->fill += begin(&front, &r->ring[RING_FRONT]);
	while (ret >= 0 && (at = next_of(&front, &back, back_begun))) {
		fetch_ahead(at);
		ret = hand_over(r, at);
		n++;
		step(at);
	}
	give_back(&front);
	if (back.ring)
		give_back(&back);
	return ret < 0 ? ret : n;
}
