/* SPDX-License-Identifier: BSD-2-Clause */
/* The live source: checked events out of the ring buffer, and how many were lost. */
#ifndef TCPLENS_SOURCE_LIVE_H
#define TCPLENS_SOURCE_LIVE_H

#include "event.h"

struct tcplens_bpf;
struct ring_buffer;
struct attach_report;

struct source_live {
	struct tcplens_bpf *skel;		/* not owned */
	const struct attach_report *report;	/* not owned */
	struct ring_buffer *ring;
	/* Returns 0, or a negative errno to stop draining. */
	int (*on_event)(void *ctx, const struct ev_hdr *ev);
	void *ctx;
	__u64 lost[HOOK_MAX];	 /* as reported so far */
	__u64 malformed;	 /* records that decode() refused: a bug, never hidden */
};

/* 0 or a negative errno. */
int source_live__init(struct source_live *s, struct tcplens_bpf *skel,
		      const struct attach_report *report,
		      int (*on_event)(void *ctx, const struct ev_hdr *ev), void *ctx);

/* Becomes readable when records arrive while the ring is drained. */
int source_live__fd(const struct source_live *s);

/* Hands over all records there are.  Their number, or what on_event stopped with. */
int source_live__drain(struct source_live *s);

/*
 * Reads the loss counters: what found the ring full, and runs that the kernel
 * left out because the same program was interrupted on that CPU; what was added since the last call is handed to
 * on_event as struct ev_lost, per hook.  0 or a negative errno.
 */
int source_live__account(struct source_live *s);

/* Records lost so far, as last read: all hooks that store records. */
__u64 source_live__lost(const struct source_live *s);

void source_live__free(struct source_live *s);

#endif
