/* SPDX-License-Identifier: BSD-2-Clause */
/* The live source: checked events out of the ring buffer, and how many were lost. */
#ifndef TCPLENS_SOURCE_LIVE_H
#define TCPLENS_SOURCE_LIVE_H

#include <stdbool.h>

#include "ring.h"
#include "source.h"

struct tcplens_bpf;
struct attach_report;

/*
 * account() reads the loss counters: what found the ring full, and runs that
 * the kernel left out because the program was running already on that CPU.
 */
struct source_live {
	struct source src;
	struct tcplens_bpf *skel;	    /* not owned */
	const struct attach_report *report; /* not owned */
	struct rings rings;
	int poll_fd; /* an epoll of the rings: readable when there is something in one of them */
	struct explain *explain; /* NULL: nothing needed it yet */
	__u64 left_out[HOOK_MAX]; /* of src.lost: runs that the kernel left out */
	__u64 left_out_now;	  /* … of the record of losses that is handed over */
	bool stopped;		  /* left_out is final */
	size_t waits;		  /* entries that the last snapshot found */
};

/* 0 or a negative errno. */
int source_live__init(struct source_live *s, struct tcplens_bpf *skel,
		      const struct attach_report *report,
		      int (*on_event)(void *ctx, const struct ev_hdr *ev), void *ctx);

/* While the reader sleeps, programs wake it up when there is a record. */
void source_live__asleep(struct source_live *s, bool asleep);

/* For how many waits there is room between two snapshots. */
size_t source_live__waits_max(const struct source_live *s);

/* Safe on a zeroed struct. */
void source_live__free(struct source_live *s);

#endif
