/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long expressions, compiled in parts: the time that libpcap's optimizer takes
 * grows with the square of their length, or worse.
 */
#ifndef TCPLENS_EXPR_SPLIT_H
#define TCPLENS_EXPR_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

struct expr_prog;

/* As expr_pcap_compile(), with the same verdicts. */
int expr_split_compile(const char *text, bool ethernet, struct expr_prog *p, char *why, size_t len);

#endif
