/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What numbers of this kernel mean: reasons of drops and resets, by the kernel's
 * type information, and addresses, by /proc/kallsyms.  Both are read when first
 * asked for.
 */
#ifndef TCPLENS_EXPLAIN_H
#define TCPLENS_EXPLAIN_H

#include <stdbool.h>

#include "event.h"

struct explain;

/* NULL: out of memory. */
struct explain *explain__new(void);

/* Fills in reason_name and symbol, as far as they can be known. */
void explain__fill(struct explain *x, struct ev_trouble *t);

/* Of a drop that is filled in: what a packet or raw socket had no room for, a copy of what went its way. */
bool explain__is_copy(const struct ev_trouble *t);

/* NULL is fine. */
void explain__free(struct explain *x);

#endif
