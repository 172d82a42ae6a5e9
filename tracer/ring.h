/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading end of a BPF ring buffer.  libbpf's maps the data twice in a row,
 * as the kernel has it, so that records that cross the end are in one piece:
 * both count as memory of the process.  This one maps them once, and copies
 * the record that crosses the end.  It also gives room back in large steps:
 * who writes reads our position, and each change of it is a cache miss there.
 */
#ifndef TCPLENS_RING_H
#define TCPLENS_RING_H

#include <stddef.h>

#include <linux/types.h>

#define RING_RECORD_MAX (64u << 10) /* ev_hdr.len has 16 bits */

struct ring {
	int fd;		      /* the map's: readable when there is something */
	unsigned long *cons;  /* our position; shared with the kernel, as all up to `data` */
	const unsigned long *prod;
	const char *data;
	size_t size; /* of the data; a power of two */
	size_t page;
	char *joined;	      /* a record that crosses the end: RING_RECORD_MAX bytes */
	size_t fill;	      /* bytes that waited when drain was called last */
	int (*on_record)(void *ctx, void *data, size_t n);
	void *ctx;
};

/* Of a BPF_MAP_TYPE_RINGBUF of `size` bytes; fd stays the caller's.  0 or a negative errno; ring__close() in any case. */
int ring__open(struct ring *r, int fd, size_t size,
	       int (*on_record)(void *ctx, void *data, size_t n), void *ctx);

/*
 * Hands over what was there when it was called; what comes meanwhile is for the
 * next call.  The number of records, or what on_record returned below 0: it gets
 * no more then, and will not see that record again.
 */
int ring__drain(struct ring *r);

/* Safe on a zeroed struct. */
void ring__close(struct ring *r);

#endif
