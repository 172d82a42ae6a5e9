/* SPDX-License-Identifier: BSD-2-Clause */
/* What the unit tests share. Include it first: cmocka wants these headers before it. */
#ifndef TCPLENS_UNIT_H
#define TCPLENS_UNIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* 2025-11-24T08:41:10.123456789Z, and how the tests' clocks relate. */
#define T_REAL 1763973670123456789LL
#define T_MONO 5000123456789ULL
#define T_OFFSET ((__s64)(T_REAL - (__s64)T_MONO))

/* 10.0.0.1 -> ::ffff:10.0.0.1; aborts on anything that is no address. */
void addr_set(__u8 out[16], const char *text);

/*
 * A segment with everything known: curl (4211) on 10.0.0.1:43210 sends 517
 * bytes to 10.0.0.2:443.
 */
struct ev_segment a_segment(void);
/* The same connection from SYN-SENT to ESTABLISHED. */
struct ev_state a_state(void);
struct ev_lost a_loss(void);
/* The same connection, closed by curl after 2 s; half of them waited for the peer's window. */
struct ev_life a_life(void);
/* The same connection's beginning: 20 ms, the second SYN was answered. */
struct ev_attempt an_attempt(void);
/* One wait of 250 ms in the network. */
struct ev_latency a_latency(void);

/* The same numbers for the same seed, on every machine. */
__u64 random_u64(__u64 *seed);

#endif
