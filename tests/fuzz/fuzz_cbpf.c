// SPDX-License-Identifier: BSD-2-Clause
/*
 * The translation and its analysis, given any classic BPF program: refused, or
 * the same verdict as libpcap's interpreter, and nothing read that is not there.
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

#define INSNS_MAX 64

/* What bpf_validate() of libpcap asks; it does not export the check in every version. */
static bool valid(const struct sock_filter *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t left = n - i - 1;

		if (BPF_CLASS(f[i].code) == BPF_JMP) {
			if (BPF_OP(f[i].code) == BPF_JA ? f[i].k >= left : f[i].jt >= left || f[i].jf >= left)
				return false;
		}
		if (BPF_CLASS(f[i].code) == BPF_LD && BPF_MODE(f[i].code) == BPF_ABS && f[i].k >= 0xfffff000)
			return false;
		/* Undefined in libpcap's interpreter, and not made by its compiler. */
		if ((f[i].code == (BPF_ALU | BPF_LSH | BPF_K) || f[i].code == (BPF_ALU | BPF_RSH | BPF_K)) &&
		    f[i].k > 31)
			return false;
		/* Not in classic BPF; its interpreters do not agree on them. */
		if (BPF_CLASS(f[i].code) == BPF_LD && BPF_SIZE(f[i].code) == 0x18)
			return false;
	}
	return BPF_CLASS(f[n - 1].code) == BPF_RET;
}

static const uint16_t codes[] = {
	BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS, BPF_LD | BPF_B | BPF_ABS, BPF_LD | BPF_W | BPF_IND,
	BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_B | BPF_IND, BPF_LD | BPF_W | BPF_LEN, BPF_LD | BPF_IMM,
	BPF_LD | BPF_MEM, BPF_LDX | BPF_W | BPF_IMM, BPF_LDX | BPF_W | BPF_MEM, BPF_LDX | BPF_W | BPF_LEN,
	BPF_LDX | BPF_B | BPF_MSH, BPF_ST, BPF_STX, BPF_JMP | BPF_JA, BPF_JMP | BPF_JEQ | BPF_K,
	BPF_JMP | BPF_JEQ | BPF_X, BPF_JMP | BPF_JGT | BPF_K, BPF_JMP | BPF_JGT | BPF_X,
	BPF_JMP | BPF_JGE | BPF_K, BPF_JMP | BPF_JGE | BPF_X, BPF_JMP | BPF_JSET | BPF_K,
	BPF_JMP | BPF_JSET | BPF_X, BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_ADD | BPF_X,
	BPF_ALU | BPF_SUB | BPF_K, BPF_ALU | BPF_SUB | BPF_X, BPF_ALU | BPF_MUL | BPF_K,
	BPF_ALU | BPF_MUL | BPF_X, BPF_ALU | BPF_DIV | BPF_K, BPF_ALU | BPF_DIV | BPF_X,
	BPF_ALU | BPF_MOD | BPF_K, BPF_ALU | BPF_MOD | BPF_X, BPF_ALU | BPF_AND | BPF_K,
	BPF_ALU | BPF_AND | BPF_X, BPF_ALU | BPF_OR | BPF_K, BPF_ALU | BPF_OR | BPF_X,
	BPF_ALU | BPF_XOR | BPF_K, BPF_ALU | BPF_XOR | BPF_X, BPF_ALU | BPF_LSH | BPF_K,
	BPF_ALU | BPF_LSH | BPF_X, BPF_ALU | BPF_RSH | BPF_K, BPF_ALU | BPF_RSH | BPF_X, BPF_ALU | BPF_NEG,
	BPF_RET | BPF_K, BPF_RET | BPF_A, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sock_filter f[BPF_MEMWORDS + INSNS_MAX];
	size_t n = size / sizeof(f[0]);
	struct expr_code code;
	struct expr e = {};

	if (!n || n > INSNS_MAX)
		return 0;
	/* libpcap's interpreter does not clear its memory: no program of its own reads what it did not write. */
	for (int i = 0; i < BPF_MEMWORDS; i++)
		f[i] = (struct sock_filter){ .code = BPF_ST, .k = i };
	memcpy(f + BPF_MEMWORDS, data, n * sizeof(f[0]));
	n += BPF_MEMWORDS;
	for (size_t i = BPF_MEMWORDS; i < n; i++)
		f[i].code = codes[f[i].code % (sizeof(codes) / sizeof(codes[0]))];
	e.eth = e.ip = (struct expr_prog){ f, n };
	if (expr_translate(&e, &code) || !valid(f, n)) {
		expr_code__free(&code);
		return 0;
	}
	for (size_t k = 0; k < npackets; k++) {
		const struct ev_raw *r = packet_make(&packets[k]), *cut;
		__u32 mac = r->link == RAW_LINK_ETHERNET ? 14 : 0;
		bool want = expr_pcap_filter(&e.eth, r->data, r->orig_len, r->orig_len);

		cut = packet_cut(r, expr_reach(&e.eth, mac));
		if (!!ebpf_run(code.insns, code.n, cut->data, cut->cap_len, cut->orig_len, cut->link) != want) {
			fprintf(stderr, "packet %zu: not %d\n", k, want);
			abort();
		}
	}
	expr_code__free(&code);
	return 0;
}
