// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include "ebpf.h"

#define STACK 512
#define STACK_TOP 0x10000000ULL
#define PACKET 0x20000000ULL

struct vm {
	__u64 r[11];
	__u8 stack[STACK];
	bool written[STACK];
	const __u8 *packet;
	__u32 n;
};

static __u8 *stack_at(struct vm *vm, __u64 at, size_t n, bool write)
{
	size_t i = at - (STACK_TOP - STACK);

	assert_true(i < STACK && i + n <= STACK);
	for (size_t k = i; k < i + n; k++) {
		if (write)
			vm->written[k] = true;
		assert_true(vm->written[k]);
	}
	return &vm->stack[i];
}

/* As the helper: memory that is not there reads as zeros. */
static void probe_read(struct vm *vm)
{
	__u8 *to = stack_at(vm, vm->r[1], vm->r[2], true);

	for (size_t i = 0; i < vm->r[2]; i++) {
		__u64 at = vm->r[3] + i - PACKET;

		to[i] = at < vm->n ? vm->packet[at] : 0;
	}
	vm->r[0] = 0;
	for (int i = 1; i <= 5; i++)
		vm->r[i] = 0xdeadbeefdeadbeefULL;
}

static __u64 alu(int op, __u64 a, __u64 b, int bits)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_MOD:
		return b ? a % b : a;
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & (bits - 1));
	case BPF_RSH:
		return a >> (b & (bits - 1));
	case BPF_NEG:
		return -a;
	case BPF_MOV:
		return b;
	default:
		fail_msg("ALU operation %#x", op);
		return 0;
	}
}

static bool taken(int op, __u64 a, __u64 b)
{
	switch (op) {
	case BPF_JA:
		return true;
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
	case BPF_JSET:
		return a & b;
	default:
		fail_msg("jump %#x", op);
		return false;
	}
}

static __u64 swap(__u64 v, int bits)
{
	return bits == 16 ? be16toh((__u16)v) : be32toh((__u32)v);
}

static void memory(struct vm *vm, const struct bpf_insn *i)
{
	int n = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1;
	bool load = BPF_CLASS(i->code) == BPF_LDX;
	__u64 base = vm->r[load ? i->src_reg : i->dst_reg] + i->off, v = 0;
	__u8 *p;

	assert_int_equal(BPF_MODE(i->code), BPF_MEM);
	assert_int_equal((__s64)(base - STACK_TOP) % n, 0); /* the verifier's rule */
	p = stack_at(vm, base, n, !load);
	if (load) {
		memcpy(&v, p, n); /* little-endian machines only */
		vm->r[i->dst_reg] = v;
	} else {
		v = BPF_CLASS(i->code) == BPF_STX ? vm->r[i->src_reg] : (__u64)i->imm;
		memcpy(p, &v, n);
	}
}

int ebpf_run(const struct bpf_insn *insns, size_t ninsns, const void *packet, __u32 n,
	     __u32 wire_len, __u32 link)
{
	struct vm vm = { .packet = packet, .n = n };
	size_t pc = 0;

	vm.r[1] = PACKET;
	vm.r[2] = n;
	vm.r[3] = wire_len;
	vm.r[4] = link;
	vm.r[10] = STACK_TOP;
	for (int steps = 0; steps < 100000; steps++) {
		const struct bpf_insn *i = &insns[pc++];
		int class = BPF_CLASS(i->code), op = BPF_OP(i->code);
		bool wide = class == BPF_ALU64 || class == BPF_JMP;
		__u64 a = vm.r[i->dst_reg];
		__u64 b = BPF_SRC(i->code) == BPF_X ? vm.r[i->src_reg] : (__u64)(__s64)i->imm;

		assert_true(pc <= ninsns);
		if (!wide) {
			a = (__u32)a;
			b = (__u32)b;
		}
		if (class == BPF_JMP && op == BPF_EXIT)
			return vm.r[0];
		if (class == BPF_JMP && op == BPF_CALL) {
			assert_int_equal(i->imm, 113);
			probe_read(&vm);
		} else if (class == BPF_JMP || class == BPF_JMP32) {
			if (taken(op, a, b))
				pc += i->off;
		} else if (class == BPF_ALU && op == BPF_END) {
			vm.r[i->dst_reg] = swap(a, i->imm);
		} else if (class == BPF_ALU64) {
			vm.r[i->dst_reg] = alu(op, a, b, 64);
		} else if (class == BPF_ALU) {
			vm.r[i->dst_reg] = (__u32)alu(op, a, b, 32);
		} else {
			memory(&vm, i);
		}
	}
	fail_msg("does not end");
	return 0;
}
