/* SPDX-License-Identifier: BSD-2-Clause */
/* What limited a connection, from its record. */
#ifndef TCPLENS_LIFE_H
#define TCPLENS_LIFE_H

#include "event.h"

/*
 * Percent of its life by enum ev_limit, 100 together; returns the largest.
 * What the kernel's clock tick rounded up beyond the life is cut off, from the
 * last in the order of enum ev_limit; what remains of it is the application's.
 */
enum ev_limit life_shares(const struct ev_life *l, __u8 shares[LIMIT_MAX]);

#endif
