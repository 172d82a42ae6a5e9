/* SPDX-License-Identifier: BSD-2-Clause */
/* What a retransmit, a drop, a reset, a stall is, in words. */
#ifndef TCPLENS_TROUBLE_H
#define TCPLENS_TROUBLE_H

#include <stddef.h>

#include "event.h"

struct outbuf;

/* The field `reason`: the kernel's, or what stands for it.  "": there is none. */
const char *trouble_reason(const struct ev_trouble *t);

/*
 * The field `trouble`, of such a record or an ev_sum of them, in as many columns
 * at most.  Returns how many.
 */
size_t trouble_text(struct outbuf *b, const struct ev_hdr *ev, size_t room);

/* 1.50ms */
void put_usec(struct outbuf *b, __u64 usec);

#endif
