/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of prune.h share. */
#ifndef TCPLENS_PRUNE_INT_H
#define TCPLENS_PRUNE_INT_H

#include "prune.h"

#define PRUNE_REGS 10 /* r10 never changes */

/* Of an instruction. */
#define AT_LEADER 0x01	/* jumps lead here, or calls */
#define AT_HALF 0x02	/* the second half of the one before it */
#define AT_REACHED 0x04
#define AT_GONE 0x08	/* reached, and of no effect */
#define AT_TAKEN 0x10	/* a branch that always is */
#define AT_LOOP 0x20	/* between a jump backwards and where it leads */

enum val_kind { VAL_UNKNOWN = 0, VAL_NUMBER, VAL_DATA };

/* What is in a register: nobody knows; v; the address of read-only data, v bytes in. */
struct val {
	enum val_kind kind;
	__u64 v;
};

struct regs {
	struct val r[PRUNE_REGS];
};

struct prog {
	struct bpf_insn *insns;
	size_t n;
	const struct prune_data *ro;
	__u8 *at;	    /* AT_*, of each instruction */
	__u32 *block;	    /* of a leader: its number */
	size_t nblocks;
	struct regs *in;    /* of each block: what is known where it begins; valid if seen */
	bool *seen;
	__u32 *todo;	    /* leaders to be walked (again) */
	bool *queued;
	size_t ntodo;
	__u16 *live;	    /* of each instruction: registers that are used before they are set again */
};

static inline bool is_wide(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static inline bool is_call_inside(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL;
}

/* JA, and whatever decides between two ways. */
static inline bool is_jump(const struct bpf_insn *i)
{
	__u8 class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

static inline bool is_ja(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_JA);
}

static inline bool is_exit(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_EXIT);
}

/* Where a jump or a call inside leads. */
static inline size_t target_of(const struct prog *p, size_t i)
{
	return i + 1 + (is_call_inside(&p->insns[i]) ? p->insns[i].imm : p->insns[i].off);
}

/* Marks what can be reached (AT_REACHED), decides branches (AT_GONE, AT_TAKEN), and makes loads of data numbers. */
void prune_values(struct prog *p);

/* Marks what sets registers that nobody asks for (AT_GONE). */
void prune_live(struct prog *p);

#endif
