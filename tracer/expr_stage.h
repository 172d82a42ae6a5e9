/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of packets in user space: an expression that was not asked in
 * the kernel is asked here, and what of the packet was only there to be asked
 * about is taken away again.
 */
#ifndef TCPLENS_EXPR_STAGE_H
#define TCPLENS_EXPR_STAGE_H

#include <stdbool.h>

#include "event.h"
#include "expr.h"

#define EXPR_STAGE_KEEP_ALL (~0U)

struct expr_stage {
	const struct expr *expr; /* NULL: everything passes */
	bool strip;		 /* records go on without their packet */
	__u32 snap;		 /* … with this much payload; EXPR_STAGE_KEEP_ALL */
	__u64 buf[(1 << 16) / 8];
};

/* The record as it goes on, valid until the next call; NULL: it does not. */
const struct ev_hdr *expr_stage(struct expr_stage *s, const struct ev_hdr *ev);

#endif
