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
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#define LEN_BITS (BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)
/* Room is given back whenever so much of the ring has been read. */
#define STEPS 16

int ring__open(struct ring *r, int fd, size_t size,
	       int (*on_record)(void *ctx, void *data, size_t n), void *ctx)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *p;

	*r = (struct ring){ .fd = fd, .size = size, .page = page, .on_record = on_record, .ctx = ctx };
	r->joined = malloc(RING_RECORD_MAX);
	if (!r->joined)
		return -ENOMEM;
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->cons = p;
	p = mmap(NULL, page + size, PROT_READ, MAP_SHARED, fd, page);
	if (p == MAP_FAILED)
		return -errno;
	r->prod = p;
	r->data = (const char *)p + page;
	return 0;
}

void ring__close(struct ring *r)
{
	if (r->cons)
		munmap(r->cons, r->page);
	if (r->prod)
		munmap((void *)r->prod, r->page + r->size);
	free(r->joined);
	*r = (struct ring){ .fd = -1 };
}

/* A record that begins at the end of the data, and goes on at its beginning. */
static int hand_over_joined(struct ring *r, const char *begin, size_t len)
{
	size_t first = r->data + r->size - begin;

	if (len > RING_RECORD_MAX) /* none of ours: what there is in one piece will be refused */
		return r->on_record(r->ctx, (void *)begin, first);
	memcpy(r->joined, begin, first);
	memcpy(r->joined + first, r->data, len - first);
	return r->on_record(r->ctx, r->joined, len);
}

static int hand_over(struct ring *r, size_t at, __u32 len)
{
	if (at + len > r->size)
		return hand_over_joined(r, r->data + at, len);
	return r->on_record(r->ctx, (void *)(r->data + at), len);
}

/*
 * What is committed now is seen now, or its commit sees the new position and
 * wakes us (bpf_ringbuf_commit(): xchg, then consumer_pos): both sides need a
 * full barrier between their write and their read.
 */
static void give_back(struct ring *r, unsigned long cons)
{
	__atomic_store_n(r->cons, cons, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int ring__drain(struct ring *r)
{
	unsigned long cons = *r->cons, given = cons, mask = r->size - 1;
	unsigned long prod = __atomic_load_n(r->prod, __ATOMIC_ACQUIRE);
	int n = 0, ret = 0;

	r->fill = prod - cons;
	while (ret >= 0 && (long)(prod - cons) > 0) {
		size_t at = cons & mask;
		__u32 len = __atomic_load_n((const __u32 *)(r->data + at), __ATOMIC_ACQUIRE);

		if (len & BPF_RINGBUF_BUSY_BIT)
			break; /* reserved, not committed yet */
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			ret = hand_over(r, (at + BPF_RINGBUF_HDR_SZ) & mask, len);
			n++;
		}
		cons += BPF_RINGBUF_HDR_SZ + (((len & ~LEN_BITS) + 7UL) & ~7UL);
		if (cons - given >= r->size / STEPS)
			give_back(r, given = cons);
	}
	if (cons != given)
		give_back(r, cons);
	return ret < 0 ? ret : n;
}
