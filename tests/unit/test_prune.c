// SPDX-License-Identifier: BSD-2-Clause
/* What is taken out of programs before they are loaded, and that they do the same without. */
#include "unit.h"

#include "prune.h"

#define FD 7
#define DATA_AT 0x40000000ULL
#define ROOM 64

#define ALU(op, dst, k) ((struct bpf_insn){ .code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (dst), .imm = (k) })
#define ALU_X(op, dst, src) \
	((struct bpf_insn){ .code = BPF_ALU64 | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src) })
#define JUMP(op, dst, k, to) \
	((struct bpf_insn){ .code = BPF_JMP | (op) | BPF_K, .dst_reg = (dst), .off = (to), .imm = (k) })
#define JA(to) ((struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = (to) })
#define LOAD(size, dst, src, at) \
	((struct bpf_insn){ .code = BPF_LDX | BPF_MEM | (size), .dst_reg = (dst), .src_reg = (src), .off = (at) })
#define ADDRESS(dst, at)                                                                      \
	((struct bpf_insn){ .code = BPF_LD | BPF_IMM | BPF_DW,                                 \
			    .dst_reg = (dst),                                                  \
			    .src_reg = BPF_PSEUDO_MAP_VALUE,                                   \
			    .imm = FD }),                                                      \
		((struct bpf_insn){ .imm = (at) })
#define CALL(f) ((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = (f) })
#define CALL_INSIDE(to) \
	((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = (to) })
#define EXIT ((struct bpf_insn){ .code = BPF_JMP | BPF_EXIT })

static const __u8 data[16] = { 0, 1, 2, 0xff, 0xff, 0xff, 0xff, 0x7f };
static const struct prune_data ro = { FD, data, sizeof(data) };

/* What a run has come to: r0, and a sum over all that its calls were given. */
struct outcome {
	__u64 r0, calls;
	bool ended;
};

static __u64 get(__u64 at, __u8 code)
{
	size_t n = BPF_SIZE(code) == BPF_B ? 1 : BPF_SIZE(code) == BPF_H ? 2 : BPF_SIZE(code) == BPF_W ? 4 : 8;
	__u64 v = 0;

	if (at - DATA_AT <= sizeof(data) - n)
		memcpy(&v, data + (at - DATA_AT), n);
	return v;
}

static __u64 calc(__u8 op, __u64 a, __u64 b, bool wide)
{
	int by = b & (wide ? 63 : 31);
	__u64 v = op == BPF_MOV ? b : op == BPF_ADD ? a + b : op == BPF_SUB ? a - b : op == BPF_AND ? (a & b) :
		  op == BPF_OR ? (a | b) : op == BPF_XOR ? (a ^ b) : op == BPF_LSH ? a << by :
		  op == BPF_RSH ? (wide ? a : (__u32)a) >> by : a * b;

	return wide ? v : (__u32)v;
}

static bool holds(__u8 code, __u64 a, __u64 b)
{
	bool wide = BPF_CLASS(code) == BPF_JMP;
	__s64 sa = wide ? (__s64)a : (__s32)a, sb = wide ? (__s64)b : (__s32)b;

	a = wide ? a : (__u32)a;
	b = wide ? b : (__u32)b;
	switch (BPF_OP(code)) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	case BPF_JSLE: return sa <= sb;
	case BPF_JSET: return a & b;
	default: return true; /* BPF_JA */
	}
}

static struct outcome run(const struct bpf_insn *insns, size_t n, __u64 arg)
{
	__u64 r[11] = { 0, arg };
	struct outcome o = {};
	size_t back[8], depth = 0;

	for (size_t i = 0, steps = 0; steps < 5000; i++, steps++) {
		const struct bpf_insn *in = &insns[i];
		__u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);
		__u64 b = BPF_SRC(in->code) == BPF_X ? r[in->src_reg] : (__u64)(__s64)in->imm;

		assert_true(i < n);
		if (class == BPF_LD) {
			r[in->dst_reg] = in->src_reg ? DATA_AT + in[1].imm : (__u32)in->imm | (__u64)in[1].imm << 32;
			i++;
		} else if (class == BPF_LDX) {
			r[in->dst_reg] = get(r[in->src_reg] + in->off, in->code);
		} else if (class == BPF_ALU || class == BPF_ALU64) {
			r[in->dst_reg] = calc(op, r[in->dst_reg], b, class == BPF_ALU64);
		} else if (op == BPF_EXIT && !depth) {
			return (struct outcome){ r[0], o.calls, true };
		} else if (op == BPF_EXIT) {
			i = back[--depth];
		} else if (op == BPF_CALL && in->src_reg) {
			assert_true(depth < 8);
			back[depth++] = i;
			i += in->imm;
		} else if (op == BPF_CALL) {
			for (int k = 1; k <= 5; k++) {
				o.calls = o.calls * 31 + r[k];
				r[k] = 12345;
			}
			r[0] = o.calls;
		} else if (holds(in->code, r[in->dst_reg], b)) {
			i += in->off;
		}
	}
	return o;
}

/* Prunes a program: `want` instructions are to be left, and it does what it did.  `place` may be NULL. */
static void check(const struct bpf_insn *insns, size_t n, size_t want, __u32 *place)
{
	struct bpf_insn now[ROOM];
	__u32 own[ROOM + 1];

	memcpy(now, insns, n * sizeof(*insns));
	assert_int_equal(prune(now, n, &ro, place ? place : own), want);
	for (__u64 arg = 0; arg < 3; arg++) {
		struct outcome a = run(insns, n, arg), b = run(now, want, arg);

		assert_true(a.ended && b.ended);
		assert_int_equal(a.r0, b.r0);
		assert_int_equal(a.calls, b.calls);
	}
}

#define CHECK(insns, want, place) check(insns, sizeof(insns) / sizeof(insns[0]), want, place)

static void test_branches(void **state)
{
	const struct bpf_insn taken[] = {
		ADDRESS(1, 0), LOAD(BPF_B, 1, 1, 1), JUMP(BPF_JNE, 1, 0, 2), ALU(BPF_MOV, 0, 5), EXIT,
		ALU(BPF_MOV, 0, 6), EXIT,
	};
	const struct bpf_insn not_taken[] = {
		ADDRESS(1, 0), LOAD(BPF_B, 1, 1, 1), JUMP(BPF_JEQ, 1, 0, 2), ALU(BPF_MOV, 0, 5), EXIT,
		ALU(BPF_MOV, 0, 6), EXIT,
	};
	const struct bpf_insn either[] = {
		JUMP(BPF_JEQ, 1, 0, 2), ALU(BPF_MOV, 2, 1), JA(1), ALU(BPF_MOV, 2, 1),
		ALU_X(BPF_MOV, 0, 1), JUMP(BPF_JEQ, 2, 1, 1), ALU(BPF_MOV, 0, 9), EXIT,
	};
	const struct bpf_insn unclear[] = {
		JUMP(BPF_JEQ, 1, 0, 2), ALU(BPF_MOV, 2, 2), JA(1), ALU(BPF_MOV, 2, 1),
		ALU(BPF_MOV, 0, 3), JUMP(BPF_JEQ, 2, 1, 1), ALU(BPF_MOV, 0, 9), EXIT,
	};

	(void)state;
	CHECK(taken, 2, NULL);
	CHECK(not_taken, 2, NULL);
	/* Both ways set it to the same; the first branch is one still, if to the same place. */
	CHECK(either, 3, NULL);
	CHECK(unclear, 8, NULL);
}

/* What does not fit in an instruction, or lies behind the end, is left to be loaded. */
static void test_loads(void **state)
{
	const struct bpf_insn wide[] = { ADDRESS(1, 0), LOAD(BPF_DW, 0, 1, 3), EXIT };
	const struct bpf_insn narrow[] = { ADDRESS(1, 0), ALU(BPF_ADD, 1, 2), LOAD(BPF_H, 0, 1, 0), EXIT };
	const struct bpf_insn beyond[] = { ADDRESS(1, 0), LOAD(BPF_DW, 0, 1, 9), EXIT };
	struct bpf_insn other[] = { ADDRESS(1, 0), LOAD(BPF_B, 0, 1, 0), EXIT };

	(void)state;
	CHECK(wide, 4, NULL);
	CHECK(narrow, 2, NULL);
	CHECK(beyond, 4, NULL);
	other[0].imm = FD + 1; /* another map's */
	CHECK(other, 4, NULL);
}

/* In a loop a value may be another each time; the counter is nobody's constant. */
static void test_loop(void **state)
{
	const struct bpf_insn loop[] = {
		ALU(BPF_MOV, 0, 0), ALU(BPF_MOV, 6, 3), ALU(BPF_MOV, 7, 1),
		ALU_X(BPF_ADD, 0, 6), ALU(BPF_SUB, 6, 1), JUMP(BPF_JEQ, 7, 1, 1), ALU(BPF_MOV, 0, 1),
		JUMP(BPF_JNE, 6, 0, -5), EXIT,
	};

	(void)state;
	/* Without r7, its branch, and what that skips; in the loop a jump to the next is left. */
	CHECK(loop, 7, NULL);
}

static void test_functions(void **state)
{
	const struct bpf_insn insns[] = {
		ADDRESS(6, 0), LOAD(BPF_B, 6, 6, 0), JUMP(BPF_JEQ, 6, 0, 1), CALL_INSIDE(2), CALL_INSIDE(4), EXIT,
		ALU(BPF_MOV, 3, 0), ALU(BPF_MOV, 0, 1), EXIT, /* nobody's now: at 7 */
		ALU(BPF_MOV, 7, 2), ALU_X(BPF_MOV, 0, 1), ALU(BPF_ADD, 0, 4), EXIT, /* at 10 */
	};
	__u32 place[sizeof(insns) / sizeof(insns[0]) + 1];

	(void)state;
	CHECK(insns, 5, place);
	assert_int_equal(place[0], 0);
	assert_int_equal(place[7], PRUNED);
	assert_int_equal(place[10], 2); /* where its first instruction was that has an effect */
}

/* Arguments are used by a call, whatever it is; and what it leaves in them is not known. */
static void test_calls(void **state)
{
	const struct bpf_insn insns[] = {
		ALU(BPF_MOV, 2, 7), ALU(BPF_MOV, 3, 8), ALU(BPF_MOV, 6, 1), ALU(BPF_MOV, 4, 0), ALU(BPF_MOV, 5, 0),
		CALL(1), JUMP(BPF_JEQ, 2, 7, 1), ALU(BPF_ADD, 0, 1), JUMP(BPF_JEQ, 6, 1, 1), ALU(BPF_ADD, 0, 1),
		EXIT,
	};

	(void)state;
	CHECK(insns, 8, NULL);
}

static void test_not_understood(void **state)
{
	const struct bpf_insn outside[] = { JUMP(BPF_JEQ, 1, 0, 9), EXIT };
	const struct bpf_insn half[] = { JUMP(BPF_JEQ, 1, 5, 1), ADDRESS(0, 0), EXIT };
	const struct bpf_insn no_end[] = { ALU(BPF_MOV, 2, 0), JUMP(BPF_JEQ, 2, 0, -1) };
	const struct bpf_insn newer[] = { { .code = BPF_JMP | 0xe0, .off = 0 }, ALU(BPF_MOV, 0, 0), EXIT };
	const struct {
		const struct bpf_insn *insns;
		size_t n;
	} all[] = { { outside, 2 }, { half, 4 }, { no_end, 2 }, { newer, 3 }, { outside, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct bpf_insn now[ROOM];
		__u32 place[ROOM + 1];

		memcpy(now, all[i].insns, all[i].n * sizeof(*now));
		assert_int_equal(prune(now, all[i].n, &ro, place), all[i].n);
		assert_memory_equal(now, all[i].insns, all[i].n * sizeof(*now));
		assert_int_equal(place[all[i].n], all[i].n);
	}
}

static __u32 seed;

static __u32 any(__u32 n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static struct bpf_insn any_insn(size_t i, size_t n)
{
	static const __u8 ops[] = { BPF_MOV, BPF_MOV, BPF_ADD, BPF_SUB, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH, BPF_MUL };
	static const __u8 ifs[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET, BPF_JA };
	static const __u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	static const __s32 numbers[] = { 0, 1, 2, 3, -1, 0x7fffffff, 64, 31 };
	struct bpf_insn in = {
		.dst_reg = any(10), .src_reg = any(10), .imm = numbers[any(8)],
	};

	switch (any(8)) {
	case 0:
	case 1:
	case 2:
		in.code = (any(2) ? BPF_ALU64 : BPF_ALU) | ops[any(sizeof(ops))] | (any(2) ? BPF_X : BPF_K);
		return in;
	case 3:
		return LOAD(sizes[any(4)], in.dst_reg, in.src_reg, any(6));
	case 4:
		return CALL(1);
	default:
		in.code = ifs[any(sizeof(ifs))];
		in.code |= in.code == BPF_JA || any(2) ? BPF_JMP : BPF_JMP32;
		in.code |= in.code == BPF_JMP || any(2) ? BPF_K : BPF_X;
		/* Forwards, and now and then back. */
		in.off = any(8) ? (int)any(n - i - 1) : -(int)any(i + 1);
		return in;
	}
}

static size_t any_program(struct bpf_insn *insns)
{
	size_t n = 20 + any(ROOM - 24);

	for (size_t i = 0; i + 1 < n; i++)
		insns[i] = any_insn(i, n);
	insns[n - 1] = EXIT;
	/* Addresses and numbers to begin with; a jump back may lead into one's middle: not understood then. */
	insns[0] = (struct bpf_insn){ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = FD };
	insns[1] = (struct bpf_insn){ .imm = any(8) };
	insns[2] = LOAD(BPF_B, 3, 2, 0);
	insns[3] = ALU_X(BPF_MOV, 6, 2);
	insns[4] = ALU(BPF_MOV, 7, 1);
	return n;
}

static void test_any(void **state)
{
	size_t ended = 0, shorter = 0;

	(void)state;
	for (seed = 1; seed < 30000; seed++) {
		struct bpf_insn insns[ROOM], now[ROOM];
		__u32 place[ROOM + 1], keep = seed;
		size_t n = any_program(insns), left;

		memcpy(now, insns, sizeof(insns));
		left = prune(now, n, &ro, place);
		assert_true(left <= n && left == place[n]);
		shorter += left < n;
		for (__u64 arg = 0; arg < 2; arg++) {
			struct outcome a = run(insns, n, arg), b;

			if (!a.ended)
				continue;
			ended++;
			b = run(now, left, arg);
			if (!b.ended || a.r0 != b.r0 || a.calls != b.calls)
				fail_msg("program %u does something else", keep);
		}
		seed = keep;
	}
	/* Or it says little. */
	assert_true(ended > 20000 && shorter > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_branches),	cmocka_unit_test(test_loads),
		cmocka_unit_test(test_loop),		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_calls),		cmocka_unit_test(test_not_understood),
		cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
