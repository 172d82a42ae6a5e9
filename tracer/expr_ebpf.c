// SPDX-License-Identifier: BSD-2-Clause
/*
 * From classic BPF to the body of expr_match(start, len, wire_len, link):
 *
 *	r6 start   r7 len   r8 A   r9 X	  frame: see below
 *
 * The first HEAD bytes are copied to the stack at once; what is looked at
 * beyond, or at an offset from X, is read from the packet.  A packet that is
 * too short for a load does not match, as with libpcap's bpf_filter().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expr.h"

#define HEAD 80
/* Even, and 14 bytes further a multiple of 4: where most words are. */
#define HEAD_AT (-98)
/*
 * M[k], downwards: most programs use the first few, and up to 6.12 a program and all that it calls have
 * 512 bytes of stack together, of which so deep a one is as much as there is left.
 */
#define MEM_AT(k) (-104 - 4 * (int)(k))
#define WIRE_AT (-16)
#define SCRATCH_AT (-8)

#define FN_PROBE_READ_KERNEL 113

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

enum { R0, R1, R2, R3, R4, START = 6, LEN, A, X, FP };

/* Where a jump goes: an instruction of the classic program, or FAIL. */
#define FAIL (~0U)

struct jump {
	size_t at;
	__u32 to;
};

struct tr {
	struct expr_code *code;
	const struct expr_prog *p;
	__u32 *addr;	    /* of each classic instruction */
	struct jump *jumps; /* to be filled in */
	size_t njumps, jumps_cap;
	int err;
};

void expr_code__free(struct expr_code *c)
{
	free(c->insns);
	*c = (struct expr_code){};
}

static void put(struct tr *t, struct bpf_insn i)
{
	struct expr_code *c = t->code;

	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 256;
		struct bpf_insn *p = realloc(c->insns, cap * sizeof(*p));

		if (!p) {
			t->err = -ENOMEM;
			return;
		}
		c->insns = p;
		c->cap = cap;
	}
	c->insns[c->n++] = i;
}

/* A jump whose target is filled in by link_jump(). */
static void put_jump(struct tr *t, struct bpf_insn i, __u32 to)
{
	if (t->njumps == t->jumps_cap) {
		size_t cap = t->jumps_cap ? t->jumps_cap * 2 : 64;
		struct jump *p = realloc(t->jumps, cap * sizeof(*p));

		if (!p) {
			t->err = -ENOMEM;
			return;
		}
		t->jumps = p;
		t->jumps_cap = cap;
	}
	t->jumps[t->njumps++] = (struct jump){ .at = t->code->n, .to = to };
	put(t, i);
}

static void mov(struct tr *t, int dst, int src)
{
	put(t, INSN(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0));
}

static void mov_imm(struct tr *t, int dst, __u32 v)
{
	put(t, INSN(BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, v));
}

static void ret_imm(struct tr *t, int v)
{
	mov_imm(t, R0, v);
	put(t, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/* probe_read_kernel(fp + at, n, r3) */
static void read_packet(struct tr *t, int at, int n)
{
	put(t, INSN(BPF_ALU64 | BPF_MOV | BPF_X, R1, FP, 0, 0));
	put(t, INSN(BPF_ALU64 | BPF_ADD | BPF_K, R1, 0, 0, at));
	mov_imm(t, R2, n);
	put(t, INSN(BPF_JMP | BPF_CALL, 0, 0, 0, FN_PROBE_READ_KERNEL));
}

static int size_bytes(__u16 size)
{
	return size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
}

/* dst = the big-endian number at fp + at. */
static void load_aligned(struct tr *t, int dst, __u16 size, int at)
{
	put(t, INSN(BPF_LDX | BPF_MEM | size, dst, FP, at, 0));
	if (size != BPF_B)
		put(t, INSN(BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, size_bytes(size) * 8));
}

/* The verifier takes aligned accesses to the stack only: in parts, where it is not. */
static void load_stack(struct tr *t, int dst, __u16 size, int at)
{
	int n = size_bytes(size), part = at % n ? (n == 4 && at % 2 == 0 ? 2 : 1) : n;

	if (part == n) {
		load_aligned(t, dst, size, at);
		return;
	}
	load_aligned(t, R0, part == 2 ? BPF_H : BPF_B, at);
	for (int i = part; i < n; i += part) {
		load_aligned(t, R1, part == 2 ? BPF_H : BPF_B, at + i);
		put(t, INSN(BPF_ALU | BPF_LSH | BPF_K, R0, 0, 0, part * 8));
		put(t, INSN(BPF_ALU | BPF_OR | BPF_X, R0, R1, 0, 0));
	}
	mov(t, dst, R0);
}

/* dst = the number at packet offset k, plus X with `ind`. */
static void load(struct tr *t, int dst, __u16 size, __u32 k, bool ind)
{
	int n = size_bytes(size);

	if (k > 0x7fffff00) { /* beyond any packet; a condition, so that what follows stays reachable */
		put_jump(t, INSN(BPF_JMP | BPF_JGE | BPF_K, LEN, 0, 0, 0), FAIL);
		k = 0;
	}
	if (!ind && k + n <= HEAD) {
		put_jump(t, INSN(BPF_JMP | BPF_JLT | BPF_K, LEN, 0, 0, k + n), FAIL);
		load_stack(t, dst, size, HEAD_AT + (int)k);
		return;
	}
	if (ind)
		put(t, INSN(BPF_ALU64 | BPF_MOV | BPF_X, R3, X, 0, 0));
	else
		put(t, INSN(BPF_ALU64 | BPF_MOV | BPF_K, R3, 0, 0, 0));
	put(t, INSN(BPF_ALU64 | BPF_ADD | BPF_K, R3, 0, 0, k));
	put(t, INSN(BPF_ALU64 | BPF_MOV | BPF_X, R2, R3, 0, 0));
	put(t, INSN(BPF_ALU64 | BPF_ADD | BPF_K, R2, 0, 0, n));
	put_jump(t, INSN(BPF_JMP | BPF_JGT | BPF_X, R2, LEN, 0, 0), FAIL);
	put(t, INSN(BPF_ALU64 | BPF_ADD | BPF_X, R3, START, 0, 0));
	read_packet(t, SCRATCH_AT, n);
	load_stack(t, dst, size, SCRATCH_AT);
}

static void tr_ld(struct tr *t, const struct sock_filter *i)
{
	switch (BPF_MODE(i->code)) {
	case BPF_ABS:
	case BPF_IND:
		load(t, A, BPF_SIZE(i->code), i->k, BPF_MODE(i->code) == BPF_IND);
		break;
	case BPF_IMM:
		mov_imm(t, A, i->k);
		break;
	case BPF_MEM:
		put(t, INSN(BPF_LDX | BPF_MEM | BPF_W, A, FP, MEM_AT(i->k), 0));
		break;
	case BPF_LEN:
		put(t, INSN(BPF_LDX | BPF_MEM | BPF_W, A, FP, WIRE_AT, 0));
		break;
	default:
		t->err = -EINVAL;
	}
}

static void tr_ldx(struct tr *t, const struct sock_filter *i)
{
	switch (BPF_MODE(i->code)) {
	case BPF_MSH:
		load(t, X, BPF_B, i->k, false);
		put(t, INSN(BPF_ALU | BPF_AND | BPF_K, X, 0, 0, 15));
		put(t, INSN(BPF_ALU | BPF_LSH | BPF_K, X, 0, 0, 2));
		break;
	case BPF_IMM:
		mov_imm(t, X, i->k);
		break;
	case BPF_MEM:
		put(t, INSN(BPF_LDX | BPF_MEM | BPF_W, X, FP, MEM_AT(i->k), 0));
		break;
	case BPF_LEN:
		put(t, INSN(BPF_LDX | BPF_MEM | BPF_W, X, FP, WIRE_AT, 0));
		break;
	default:
		t->err = -EINVAL;
	}
}

/* A shift by 32 or more leaves nothing; eBPF's looks at five bits of the count. */
static void tr_shift(struct tr *t, const struct sock_filter *i)
{
	if (BPF_SRC(i->code) == BPF_K) {
		if (i->k > 31)
			mov_imm(t, A, 0);
		else
			put(t, INSN(i->code, A, 0, 0, i->k));
		return;
	}
	put(t, INSN(BPF_JMP | BPF_JLT | BPF_K, X, 0, 1, 32));
	mov_imm(t, A, 0);
	put(t, INSN(BPF_ALU64 | BPF_MOV | BPF_X, R1, X, 0, 0));
	put(t, INSN(BPF_ALU | BPF_AND | BPF_K, R1, 0, 0, 31));
	put(t, INSN(i->code, A, R1, 0, 0));
}

static void tr_alu(struct tr *t, const struct sock_filter *i)
{
	int op = BPF_OP(i->code);

	switch (op) {
	case BPF_LSH:
	case BPF_RSH:
		tr_shift(t, i);
		return;
	case BPF_NEG:
		put(t, INSN(BPF_ALU | BPF_NEG, A, 0, 0, 0));
		return;
	case BPF_DIV:
	case BPF_MOD:
		if (BPF_SRC(i->code) == BPF_X)
			put_jump(t, INSN(BPF_JMP32 | BPF_JEQ | BPF_K, X, 0, 0, 0), FAIL);
		else if (!i->k)
			t->err = -EINVAL;
		break;
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR:
		break;
	default:
		t->err = -EINVAL;
		return;
	}
	if (BPF_SRC(i->code) == BPF_X)
		put(t, INSN(i->code, A, X, 0, 0));
	else
		put(t, INSN(i->code, A, 0, 0, i->k));
}

static void tr_jmp(struct tr *t, const struct sock_filter *i, size_t n)
{
	bool reg = BPF_SRC(i->code) == BPF_X;

	switch (BPF_OP(i->code)) {
	case BPF_JA:
		put_jump(t, INSN(BPF_JMP | BPF_JA, 0, 0, 0, 0), n + 1 + i->k);
		return;
	case BPF_JEQ:
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSET:
		break;
	default:
		t->err = -EINVAL;
		return;
	}
	put_jump(t, INSN(BPF_JMP32 | BPF_OP(i->code) | BPF_SRC(i->code), A, reg ? X : 0, 0, reg ? 0 : i->k),
		 n + 1 + i->jt);
	if (i->jf)
		put_jump(t, INSN(BPF_JMP | BPF_JA, 0, 0, 0, 0), n + 1 + i->jf);
}

static void tr_ret(struct tr *t, const struct sock_filter *i)
{
	if (BPF_RVAL(i->code) == BPF_K) {
		ret_imm(t, i->k != 0);
		return;
	}
	mov(t, R0, A);
	put(t, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

static void tr_store(struct tr *t, const struct sock_filter *i, int reg)
{
	put(t, INSN(BPF_STX | BPF_MEM | BPF_W, FP, reg, MEM_AT(i->k), 0));
}

static void tr_one(struct tr *t, size_t n)
{
	const struct sock_filter *i = &t->p->insns[n];
	int class = BPF_CLASS(i->code);
	bool mem = class == BPF_ST || class == BPF_STX ||
		   ((class == BPF_LD || class == BPF_LDX) && BPF_MODE(i->code) == BPF_MEM);

	if (mem && i->k >= BPF_MEMWORDS) {
		t->err = -EINVAL;
		return;
	}
	switch (class) {
	case BPF_LD:
		tr_ld(t, i);
		break;
	case BPF_LDX:
		tr_ldx(t, i);
		break;
	case BPF_ST:
		tr_store(t, i, A);
		break;
	case BPF_STX:
		tr_store(t, i, X);
		break;
	case BPF_ALU:
		tr_alu(t, i);
		break;
	case BPF_JMP:
		tr_jmp(t, i, n);
		break;
	case BPF_RET:
		tr_ret(t, i);
		break;
	default: /* MISC */
		if (BPF_MISCOP(i->code) == BPF_TAX)
			mov(t, X, A);
		else
			mov(t, A, X);
	}
}

/* Nothing of the stack may be read that was not written. */
static void zero_memory(struct tr *t)
{
	bool used[BPF_MEMWORDS] = {};

	for (size_t n = 0; n < t->p->n; n++) {
		const struct sock_filter *i = &t->p->insns[n];
		int class = BPF_CLASS(i->code);

		if ((class == BPF_LD || class == BPF_LDX) && BPF_MODE(i->code) == BPF_MEM && i->k < BPF_MEMWORDS)
			used[i->k] = true;
	}
	for (int k = 0; k < BPF_MEMWORDS; k++)
		if (used[k])
			put(t, INSN(BPF_ST | BPF_MEM | BPF_W, FP, 0, MEM_AT(k), 0));
}

/* Jumps only go forward: classic BPF has no other. */
static void link_jump(struct tr *t, const struct jump *j, size_t target)
{
	__s64 off = (__s64)target - (__s64)j->at - 1;

	if (off < 0 || off > 0x7fff)
		t->err = -E2BIG;
	t->code->insns[j->at].off = off;
}

static void tr_prog(struct tr *t, const struct expr_prog *p)
{
	size_t jumps = t->njumps;

	t->p = p;
	t->addr = calloc(p->n ? p->n : 1, sizeof(*t->addr));
	if (!t->addr) {
		t->err = -ENOMEM;
		return;
	}
	mov_imm(t, A, 0);
	mov_imm(t, X, 0);
	zero_memory(t);
	for (size_t n = 0; n < p->n && !t->err; n++) {
		t->addr[n] = t->code->n;
		tr_one(t, n);
	}
	if (!p->n || BPF_CLASS(p->insns[p->n - 1].code) != BPF_RET)
		t->err = -EINVAL;
	for (size_t j = jumps; j < t->njumps && !t->err; j++) {
		const struct jump *jump = &t->jumps[j];

		if (jump->to == FAIL)
			continue;
		if (jump->to < p->n)
			link_jump(t, jump, t->addr[jump->to]);
		else
			t->err = -EINVAL;
	}
	free(t->addr);
	t->addr = NULL;
}

int expr_translate(const struct expr *e, struct expr_code *code)
{
	struct tr t = { .code = code };
	size_t to_ip;

	*code = (struct expr_code){};
	put(&t, INSN(BPF_ALU64 | BPF_MOV | BPF_X, START, R1, 0, 0));
	mov(&t, LEN, R2);
	put(&t, INSN(BPF_STX | BPF_MEM | BPF_W, FP, R3, WIRE_AT, 0));
	mov(&t, A, R4);
	put_jump(&t, INSN(BPF_JMP | BPF_JEQ | BPF_K, LEN, 0, 0, 0), FAIL);
	put(&t, INSN(BPF_ALU64 | BPF_MOV | BPF_X, R3, START, 0, 0));
	read_packet(&t, HEAD_AT, HEAD);
	to_ip = code->n;
	put(&t, INSN(BPF_JMP | BPF_JNE | BPF_K, A, 0, 0, RAW_LINK_ETHERNET));
	tr_prog(&t, &e->eth);
	if (!t.err && code->n - to_ip - 1 > 0x7fff)
		t.err = -E2BIG;
	if (!t.err) {
		code->insns[to_ip].off = code->n - to_ip - 1;
		tr_prog(&t, &e->ip);
	}
	for (size_t j = 0; j < t.njumps && !t.err; j++)
		if (t.jumps[j].to == FAIL)
			link_jump(&t, &t.jumps[j], code->n);
	ret_imm(&t, 0);
	free(t.jumps);
	if (t.err)
		expr_code__free(code);
	return t.err;
}
