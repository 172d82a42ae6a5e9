// SPDX-License-Identifier: BSD-2-Clause
/*
 * What is known of registers wherever the program may come to: each block is walked
 * with what is known where it begins, and again when less turns out to be known there.
 * Of the stack and of maps nothing is.
 */
#include "prune_int.h"

#include <string.h>

static struct val number(__u64 v)
{
	return (struct val){ VAL_NUMBER, v };
}

static const struct val unknown;

static bool val_eq(struct val a, struct val b)
{
	return a.kind == b.kind && (a.kind == VAL_UNKNOWN || a.v == b.v);
}

/* More may come to this block from now on: `regs`. */
static void join(struct prog *p, size_t i, const struct regs *regs)
{
	__u32 b = p->block[i];
	struct regs *in = &p->in[b];
	bool changed = !p->seen[b];

	if (changed)
		*in = *regs;
	p->seen[b] = true;
	for (int r = 0; r < PRUNE_REGS; r++) {
		if (in->r[r].kind == VAL_UNKNOWN || val_eq(in->r[r], regs->r[r]))
			continue;
		in->r[r] = unknown;
		changed = true;
	}
	if (!changed || p->queued[b])
		return;
	p->queued[b] = true;
	p->todo[p->ntodo++] = i;
}

static bool load(const struct prune_data *ro, __u64 off, __u8 size, __u64 *v)
{
	size_t n = size == BPF_B ? 1 : size == BPF_H ? 2 : size == BPF_W ? 4 : 8;

	if (off > ro->size || n > ro->size - off)
		return false;
	/* Both architectures are little-endian ones. */
	*v = 0;
	memcpy(v, (const char *)ro->data + off, n);
	return true;
}

static bool alu(__u8 op, __u64 a, __u64 b, bool wide, __u64 *v)
{
	__u32 mask = wide ? 63 : 31;

	if (!wide)
		a = (__u32)a, b = (__u32)b;
	switch (op) {
	case BPF_MOV:
		*v = b;
		break;
	case BPF_ADD:
		*v = a + b;
		break;
	case BPF_SUB:
		*v = a - b;
		break;
	case BPF_AND:
		*v = a & b;
		break;
	case BPF_OR:
		*v = a | b;
		break;
	case BPF_XOR:
		*v = a ^ b;
		break;
	case BPF_LSH:
		*v = a << (b & mask);
		break;
	case BPF_RSH:
		*v = a >> (b & mask);
		break;
	default:
		return false;
	}
	if (!wide)
		*v = (__u32)*v;
	return true;
}

/* r10, the frame, is no number. */
static struct val val_of(const struct regs *regs, __u8 r)
{
	return r < PRUNE_REGS ? regs->r[r] : unknown;
}

static struct val operand(const struct regs *regs, const struct bpf_insn *i)
{
	return BPF_SRC(i->code) == BPF_K ? number((__s64)i->imm) : val_of(regs, i->src_reg);
}

static struct val after_alu(const struct regs *regs, const struct bpf_insn *i)
{
	struct val a = regs->r[i->dst_reg], b = operand(regs, i);
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	__u64 v;

	/* A move that extends the sign (BPF_MOVSX), and signed division, say so there. */
	if (i->off)
		return unknown;
	if (wide && BPF_OP(i->code) == BPF_MOV)
		return b;
	if (wide && BPF_OP(i->code) == BPF_ADD && a.kind == VAL_DATA && b.kind == VAL_NUMBER)
		return (struct val){ VAL_DATA, a.v + b.v };
	if (b.kind != VAL_NUMBER || (a.kind != VAL_NUMBER && BPF_OP(i->code) != BPF_MOV))
		return unknown;
	return alu(BPF_OP(i->code), a.v, b.v, wide, &v) ? number(v) : unknown;
}

static struct val after_wide(const struct prog *p, const struct bpf_insn *i)
{
	if (!i->src_reg)
		return number((__u32)i[0].imm | (__u64)(__u32)i[1].imm << 32);
	if (i->src_reg == BPF_PSEUDO_MAP_VALUE && i->imm == p->ro->fd)
		return (struct val){ VAL_DATA, (__u32)i[1].imm };
	return unknown;
}

static struct val after_load(const struct prog *p, const struct regs *regs, const struct bpf_insn *i)
{
	struct val a = val_of(regs, i->src_reg);
	__u64 v;

	if (BPF_MODE(i->code) != BPF_MEM || a.kind != VAL_DATA ||
	    !load(p->ro, a.v + i->off, BPF_SIZE(i->code), &v))
		return unknown;
	return number(v);
}

static void step(const struct prog *p, struct regs *regs, const struct bpf_insn *i)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		regs->r[i->dst_reg] = after_wide(p, i);
		break;
	case BPF_LDX:
		regs->r[i->dst_reg] = after_load(p, regs, i);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		regs->r[i->dst_reg] = after_alu(regs, i);
		break;
	case BPF_STX:
		/* Atomic operations may return something, in the one or in r0. */
		if (BPF_MODE(i->code) == BPF_ATOMIC) {
			regs->r[0] = unknown;
			if (i->src_reg < PRUNE_REGS)
				regs->r[i->src_reg] = unknown;
		}
		break;
	case BPF_JMP:
		if (BPF_OP(i->code) == BPF_CALL)
			memset(regs, 0, 6 * sizeof(regs->r[0]));
		break;
	default:
		break;
	}
}

static bool compare(__u8 op, __u64 a, __u64 b, __s64 sa, __s64 sb)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSGT:
		return sa > sb;
	case BPF_JSGE:
		return sa >= sb;
	case BPF_JSLT:
		return sa < sb;
	case BPF_JSLE:
		return sa <= sb;
	default: /* BPF_JSET */
		return a & b;
	}
}

enum way { WAY_BOTH, WAY_ON, WAY_JUMP };

static enum way way_of(const struct regs *regs, const struct bpf_insn *i)
{
	struct val a = val_of(regs, i->dst_reg), b = operand(regs, i);
	bool taken;

	if (is_ja(i))
		return WAY_JUMP;
	if (a.kind != VAL_NUMBER || b.kind != VAL_NUMBER)
		return WAY_BOTH;
	if (BPF_CLASS(i->code) == BPF_JMP)
		taken = compare(BPF_OP(i->code), a.v, b.v, a.v, b.v);
	else
		taken = compare(BPF_OP(i->code), (__u32)a.v, (__u32)b.v, (__s32)a.v, (__s32)b.v);
	return taken ? WAY_JUMP : WAY_ON;
}

static void walk(struct prog *p, size_t i)
{
	static const struct regs nothing;
	struct regs regs = p->in[p->block[i]];

	for (size_t begin = i;; i++) {
		const struct bpf_insn *insn = &p->insns[i];
		enum way way = WAY_ON;

		if (i != begin && (p->at[i] & AT_LEADER)) {
			join(p, i, &regs);
			return;
		}
		p->at[i] |= AT_REACHED;
		if (is_exit(insn))
			return;
		if (is_jump(insn))
			way = way_of(&regs, insn);
		if (way != WAY_ON)
			join(p, target_of(p, i), &regs);
		if (way == WAY_JUMP)
			return;
		if (is_call_inside(insn))
			join(p, target_of(p, i), &nothing);
		step(p, &regs, insn);
		i += is_wide(insn);
	}
}

/* A load of read-only data becomes what it loads, if that fits in an instruction. */
static void make_number(struct bpf_insn *i, struct val v)
{
	if (v.kind != VAL_NUMBER || v.v > 0x7fffffff)
		return;
	*i = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = i->dst_reg, .imm = v.v };
}

/* Everything is known now: once more, to make use of it. */
static void decide(struct prog *p, size_t i)
{
	struct regs regs = p->in[p->block[i]];

	for (size_t begin = i; i < p->n && (i == begin || !(p->at[i] & AT_LEADER)); i++) {
		struct bpf_insn *insn = &p->insns[i];
		enum way way = is_jump(insn) ? way_of(&regs, insn) : WAY_BOTH;

		if (way == WAY_JUMP)
			p->at[i] |= AT_TAKEN;
		else if (way == WAY_ON)
			p->at[i] |= AT_GONE;
		if (is_exit(insn) || way == WAY_JUMP)
			return;
		step(p, &regs, insn);
		if (BPF_CLASS(insn->code) == BPF_LDX)
			make_number(insn, regs.r[insn->dst_reg]);
		i += is_wide(insn);
	}
}

void prune_values(struct prog *p)
{
	static const struct regs nothing;

	join(p, 0, &nothing);
	while (p->ntodo) {
		size_t i = p->todo[--p->ntodo];

		p->queued[p->block[i]] = false;
		walk(p, i);
	}
	for (size_t i = 0; i < p->n; i++)
		if ((p->at[i] & AT_LEADER) && p->seen[p->block[i]])
			decide(p, i);
}
