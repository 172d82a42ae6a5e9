/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading end of the programs' ring buffers: the one in front, and one that
 * takes what that has no room for (bpf/emit.bpf.h).  Their records come out as
 * one sequence, in order of time.
 *
 * libbpf's reader maps the data twice in a row, as the kernel has it, so that
 * records that cross the end are in one piece: both count as memory of the
 * process.  This one maps them once, and copies the record that crosses the
 * end.  It also gives room back in large steps: who writes reads our position,
 * and each change of it is a cache miss there.
 */
#ifndef TCPLENS_RING_H
#define TCPLENS_RING_H

#include <stddef.h>

#include <linux/types.h>

#define RING_RECORD_MAX (64u << 10) /* ev_hdr.len has 16 bits */

enum { RING_FRONT = 0, RING_BACK, RINGS_MAX };

/* The second level cache of a CPU has room for it (512 KiB to 2 MiB); half of that is slower, twice that too. */
#define RING_FRONT_SIZE (1u << 20)

/* Bytes of the ring in front, if `size` is asked for; the same: there is no other. */
static inline __u32 ring_front_size(__u32 size)
{
	return size > 2 * RING_FRONT_SIZE ? RING_FRONT_SIZE : size;
}

/* A BPF_MAP_TYPE_RINGBUF as it is mapped here. */
struct ring {
	unsigned long *cons; /* our position; shared with the kernel, as all up to `data` */
	const unsigned long *prod;
	const char *data;
	size_t size; /* of the data; a power of two */
};

struct rings {
	struct ring ring[RINGS_MAX];
	int n;
	size_t page;
	char *joined; /* a record that crosses the end: RING_RECORD_MAX bytes */
	size_t fill;  /* bytes that waited in all of them when drain was called last */
	int (*on_record)(void *ctx, void *data, size_t n);
	void *ctx;
};

/* 0 or a negative errno; rings__close() in any case. */
int rings__open(struct rings *r, int (*on_record)(void *ctx, void *data, size_t n), void *ctx);

/* The ring in front, then the one behind if there is one: `size` bytes of data; the map's fd stays the caller's.  0 or a negative errno. */
int rings__add(struct rings *r, int fd, size_t size);

/*
 * Hands over what was there when it was called; what comes meanwhile is for the
 * next call.  Each record begins with a struct ev_hdr.  The number of records, or
 * what on_record returned below 0: it gets no more then, and will not see that
 * record again.
 */
int rings__drain(struct rings *r);

/* Safe on a zeroed struct. */
void rings__close(struct rings *r);

#endif
