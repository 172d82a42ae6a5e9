// SPDX-License-Identifier: BSD-2-Clause
/* Which registers are used again: from the end to the beginning, until nothing changes. */
#include "prune_int.h"

#define BIT(r) (1U << (r))
#define ARGUMENTS (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5))

static __u16 used_by(const struct bpf_insn *i)
{
	__u8 class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	switch (class) {
	case BPF_LDX:
		return BIT(i->src_reg);
	case BPF_ST:
		return BIT(i->dst_reg);
	case BPF_STX:
		/* A comparison that exchanges has r0, too. */
		return BIT(i->dst_reg) | BIT(i->src_reg) |
		       (BPF_MODE(i->code) == BPF_ATOMIC ? BIT(0) : 0);
	case BPF_ALU:
	case BPF_ALU64:
		if (op == BPF_MOV)
			return BPF_SRC(i->code) == BPF_X ? BIT(i->src_reg) : 0;
		if (op == BPF_NEG || op == BPF_END || BPF_SRC(i->code) == BPF_K)
			return BIT(i->dst_reg);
		return BIT(i->dst_reg) | BIT(i->src_reg);
	case BPF_JMP:
	case BPF_JMP32:
		if (op == BPF_CALL)
			return ARGUMENTS;
		if (op == BPF_EXIT)
			return BIT(0);
		if (is_ja(i))
			return 0;
		return BIT(i->dst_reg) | (BPF_SRC(i->code) == BPF_X ? BIT(i->src_reg) : 0);
	default: /* BPF_LD: of constants only */
		return 0;
	}
}

static __u16 set_by(const struct bpf_insn *i)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
	case BPF_LDX:
	case BPF_ALU:
	case BPF_ALU64:
		return BIT(i->dst_reg);
	case BPF_JMP:
		return BPF_OP(i->code) == BPF_CALL ? BIT(0) | ARGUMENTS : 0;
	default:
		return 0;
	}
}

/* Does nothing but set a register. */
static bool is_pure(const struct bpf_insn *i)
{
	__u8 class = BPF_CLASS(i->code);

	return class == BPF_ALU || class == BPF_ALU64 ||
	       (is_wide(i) && (!i->src_reg || i->src_reg == BPF_PSEUDO_MAP_VALUE));
}

static __u16 live_behind(const struct prog *p, size_t i)
{
	const struct bpf_insn *insn = &p->insns[i];
	size_t next = i + 1 + is_wide(insn);
	__u16 live = 0;

	if (is_exit(insn))
		return 0;
	if (is_jump(insn) && !(p->at[i] & AT_GONE))
		live |= p->live[target_of(p, i)];
	if (!(p->at[i] & AT_TAKEN))
		live |= p->live[next];
	return live;
}

static bool is_useless(const struct prog *p, size_t i)
{
	return is_pure(&p->insns[i]) && !(live_behind(p, i) & set_by(&p->insns[i]));
}

static __u16 live_before(const struct prog *p, size_t i)
{
	__u16 live = live_behind(p, i);

	if ((p->at[i] & (AT_GONE | AT_TAKEN)) || is_useless(p, i))
		return live;
	return (live & ~set_by(&p->insns[i])) | used_by(&p->insns[i]);
}

static bool is_there(const struct prog *p, size_t i)
{
	return (p->at[i] & (AT_REACHED | AT_HALF)) == AT_REACHED;
}

void prune_live(struct prog *p)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = p->n; i-- > 0;) {
			__u16 live = is_there(p, i) ? live_before(p, i) : 0;

			changed |= live != p->live[i];
			p->live[i] = live;
		}
	}
	for (size_t i = 0; i < p->n; i++)
		if (is_there(p, i) && is_useless(p, i))
			p->at[i] |= AT_GONE;
}
