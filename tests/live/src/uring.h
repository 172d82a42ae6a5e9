/* SPDX-License-Identifier: BSD-2-Clause */
/* One io_uring request at a time, by the bare system calls. */
#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "actor.h"

struct uring {
	int fd;
	struct io_uring_params p;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

static inline void *uring_map(int fd, size_t len, off_t what)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	if (p == MAP_FAILED)
		die("io_uring mmap");
	return p;
}

static inline void uring_open(struct uring *u)
{
	memset(u, 0, sizeof(*u));
	u->fd = syscall(SYS_io_uring_setup, 4, &u->p);
	if (u->fd < 0)
		unable("io_uring_setup");
	u->sq = uring_map(u->fd, u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t),
			  IORING_OFF_SQ_RING);
	u->cq = uring_map(u->fd, u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe),
			  IORING_OFF_CQ_RING);
	u->sqes = uring_map(u->fd, u->p.sq_entries * sizeof(*u->sqes), IORING_OFF_SQES);
}

/* Submits one request and waits for it; its result.  `async`: a worker thread of io_uring does it. */
static inline int uring_do(struct uring *u, int op, int fd, void *addr, uint32_t len, uint64_t off,
			   int async)
{
	uint32_t *tail = (uint32_t *)(u->sq + u->p.sq_off.tail);
	uint32_t *mask = (uint32_t *)(u->sq + u->p.sq_off.ring_mask);
	uint32_t *array = (uint32_t *)(u->sq + u->p.sq_off.array);
	uint32_t *cq_head = (uint32_t *)(u->cq + u->p.cq_off.head);
	uint32_t *cq_mask = (uint32_t *)(u->cq + u->p.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(u->cq + u->p.cq_off.cqes);
	uint32_t at = *tail & *mask;
	int res;

	u->sqes[at] = (struct io_uring_sqe){
		.opcode = op,
		.flags = async ? IOSQE_ASYNC : 0,
		.fd = fd,
		.addr = (uint64_t)(uintptr_t)addr,
		.len = len,
		.off = off,
	};
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	while (syscall(SYS_io_uring_enter, u->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		if (errno != EINTR)
			die("io_uring_enter");
	res = cqes[*cq_head & *cq_mask].res;
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	if (res < 0) {
		errno = -res;
		die("io_uring request");
	}
	return res;
}

#endif
