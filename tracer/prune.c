// SPDX-License-Identifier: BSD-2-Clause
#include "prune.h"

#include <stdlib.h>
#include <string.h>

#include "prune_int.h"

static bool leads_inside(struct prog *p, size_t i)
{
	size_t to = target_of(p, i);

	if (to >= p->n || (p->at[to] & AT_HALF))
		return false;
	p->at[to] |= AT_LEADER;
	if (is_jump(&p->insns[i]) && to <= i)
		for (size_t k = to; k <= i; k++)
			p->at[k] |= AT_LOOP;
	return true;
}

/* What clang makes for -mcpu=v3, and no more. */
static bool is_known(const struct bpf_insn *i)
{
	__u8 class = BPF_CLASS(i->code), op = BPF_OP(i->code), mode = BPF_MODE(i->code);

	if (i->dst_reg > 10)
		return false;
	switch (class) {
	case BPF_LD:
		return is_wide(i) && i->src_reg != BPF_PSEUDO_FUNC && i->dst_reg < PRUNE_REGS;
	case BPF_LDX:
		return mode == BPF_MEM && i->src_reg <= 10 && i->dst_reg < PRUNE_REGS;
	case BPF_ST:
		return mode == BPF_MEM;
	case BPF_STX:
		return (mode == BPF_MEM || mode == BPF_ATOMIC) && i->src_reg <= 10;
	case BPF_ALU:
	case BPF_ALU64:
		return op <= BPF_END && i->src_reg <= 10 && i->dst_reg < PRUNE_REGS;
	case BPF_JMP32:
		return op > BPF_JA && op != BPF_CALL && op != BPF_EXIT && op <= BPF_JSLE &&
		       i->src_reg <= 10;
	default:
		return op <= BPF_JSLE && (op == BPF_CALL || i->src_reg <= 10);
	}
}

/* Finds where blocks begin; false: there is something that is not understood here. */
static bool survey(struct prog *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!is_known(&p->insns[i]) || (is_wide(&p->insns[i]) && i + 1 == p->n))
			return false;
		if (is_wide(&p->insns[i]))
			p->at[++i] |= AT_HALF;
	}
	for (size_t i = 0; i < p->n; i++)
		if (!(p->at[i] & AT_HALF) && (is_jump(&p->insns[i]) || is_call_inside(&p->insns[i])) &&
		    !leads_inside(p, i))
			return false;
	p->at[0] |= AT_LEADER;
	for (size_t i = 0; i < p->n; i++)
		if (p->at[i] & AT_LEADER)
			p->block[i] = p->nblocks++;
	/* The end is no way on. */
	return is_exit(&p->insns[p->n - 1]) || is_ja(&p->insns[p->n - 1]);
}

static bool is_kept(const struct prog *p, size_t i)
{
	if (p->at[i] & AT_HALF)
		i--;
	return (p->at[i] & (AT_REACHED | AT_GONE)) == AT_REACHED;
}

static void find_places(const struct prog *p, __u32 *place)
{
	__u32 to = 0;

	for (size_t i = 0; i < p->n; i++) {
		place[i] = to;
		to += is_kept(p, i);
	}
	place[p->n] = to;
}

/*
 * A jump to what comes next anyway is of no use: but in a loop its step back must be
 * a jump for 5.10 and 6.1 (check_cfg(): "back-edge").
 */
static bool drop_jumps(struct prog *p, const __u32 *place)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		if (!is_kept(p, i) || (p->at[i] & AT_HALF) || !(p->at[i] & AT_TAKEN) || (p->at[i] & AT_LOOP))
			continue;
		if (place[target_of(p, i)] != place[i] + 1)
			continue;
		p->at[i] |= AT_GONE;
		any = true;
	}
	return any;
}

/* Each to its place, and jumps and calls to where they lead now. */
static void move(struct prog *p, const __u32 *place)
{
	for (size_t i = 0; i < p->n; i++) {
		struct bpf_insn insn = p->insns[i];

		if (!is_kept(p, i))
			continue;
		if (p->at[i] & AT_HALF)
			;
		else if (is_call_inside(&insn))
			insn.imm = (__s32)(place[target_of(p, i)] - place[i] - 1);
		else if (p->at[i] & AT_TAKEN)
			insn = (struct bpf_insn){ .code = BPF_JMP | BPF_JA,
						  .off = (__s16)(place[target_of(p, i)] - place[i] - 1) };
		else if (is_jump(&insn))
			insn.off = (__s16)(place[target_of(p, i)] - place[i] - 1);
		p->insns[place[i]] = insn;
	}
}

/* Nothing led there: no place. */
static void strike(const struct prog *p, __u32 *place)
{
	for (size_t i = 0; i < p->n; i++)
		if (!(p->at[i] & (AT_REACHED | AT_HALF)))
			place[i] = PRUNED;
}

static size_t shorten(struct prog *p, __u32 *place)
{
	prune_values(p);
	prune_live(p);
	do
		find_places(p, place);
	while (drop_jumps(p, place));
	move(p, place);
	strike(p, place);
	return place[p->n];
}

static bool get_room_for_blocks(struct prog *p)
{
	p->in = calloc(p->nblocks, sizeof(*p->in));
	p->seen = calloc(p->nblocks, sizeof(*p->seen));
	p->queued = calloc(p->nblocks, sizeof(*p->queued));
	p->todo = calloc(p->nblocks, sizeof(*p->todo));
	return p->in && p->seen && p->queued && p->todo;
}

size_t prune(struct bpf_insn *insns, size_t n, const struct prune_data *ro, __u32 *place)
{
	struct prog p = {
		.insns = insns,
		.n = n,
		.ro = ro,
		.at = calloc(n + 1, sizeof(*p.at)),
		.block = calloc(n + 1, sizeof(*p.block)),
		.live = calloc(n + 1, sizeof(*p.live)),
	};
	size_t left = n;

	for (size_t i = 0; i <= n; i++)
		place[i] = i;
	if (n && p.at && p.block && p.live && survey(&p) && get_room_for_blocks(&p))
		left = shorten(&p, place);
	free(p.at);
	free(p.block);
	free(p.live);
	free(p.in);
	free(p.seen);
	free(p.queued);
	free(p.todo);
	return left;
}
