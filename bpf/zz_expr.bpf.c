// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The place of the user's pcap-filter expression.
 *
 * tracer/expr_elf.c puts the translated expression here before the programs are
 * loaded.  The function has to be the last one in .text, so that nothing moves
 * when it grows: that is why this file's name sorts last.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int expr_match(__u64 start, __u32 len, __u32 wire_len, __u32 link);

__noinline int expr_match(__u64 start, __u32 len, __u32 wire_len, __u32 link)
{
	int pass = 1;

	/* The compiler must not conclude anything from this body. */
	asm volatile("" : "+r"(pass) : "r"(start), "r"(len), "r"(wire_len), "r"(link));
	return pass;
}
