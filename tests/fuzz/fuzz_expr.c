// SPDX-License-Identifier: BSD-2-Clause
/*
 * Expressions: what libpcap compiles of any text is translated into a program
 * that decides on every made-up packet as libpcap does, also with no more of
 * the packet than the expression is said to need.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ebpf.h"
#include "expr.h"
#include "expr_pcap.h"
#include "packets.h"

static void compare(const struct expr *e, const struct expr_code *code)
{
	for (size_t k = 0; k < npackets; k++) {
		const struct ev_raw *r = packet_make(&packets[k]);
		const struct expr_prog *p = r->link == RAW_LINK_ETHERNET ? &e->eth : &e->ip;
		bool want = expr_pcap_filter(p, r->data, r->orig_len, r->orig_len);
		const struct ev_raw *cut = packet_cut(r, e->payload);
		bool kernel = ebpf_run(code->insns, code->n, cut->data, cut->cap_len, cut->orig_len, cut->link);

		if (kernel != want || expr_matches(e, cut) != want) {
			fprintf(stderr, "%s: packet %zu\n", e->text, k);
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512], err[512], *words[] = { text };
	struct expr_code code;
	struct expr e;

	if (!size || size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	/* Names would be looked up, outside of this machine as well. */
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] >= 0x80)
			return 0;
	if (!expr__compile(&e, words, 1, err, sizeof(err)) && !expr_translate(&e, &code)) {
		compare(&e, &code);
		expr_code__free(&code);
	}
	expr__free(&e);
	return 0;
}
