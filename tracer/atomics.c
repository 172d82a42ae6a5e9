// SPDX-License-Identifier: BSD-2-Clause
#include "atomics.h"

#include <errno.h>
#include <gelf.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

/* May a program use an atomic operation that returns a value (5.12, 5ca419f2864a)? */
bool atomics__allowed(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_STX | BPF_DW | BPF_ATOMIC, .dst_reg = BPF_REG_10,
		  .src_reg = BPF_REG_0, .off = -8, .imm = BPF_ADD | BPF_FETCH },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "tcplens_try", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool is_new_atomic(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_STX && BPF_MODE(i->code) == BPF_ATOMIC && i->imm;
}

/*
 * A kernel without them refuses a program that has them, be it where it never
 * comes to (resolve_pseudo_ldimm64() looks at every instruction).  There they
 * are behind cfg.atomics, so anything may stand in their place.  They are in
 * functions that libbpf does not give access to, hence in the object itself.
 */
int atomics__drop(void *elf, size_t size)
{
	Elf_Scn *scn = NULL;
	Elf *e;

	elf_version(EV_CURRENT);
	e = elf_memory(elf, size);
	if (!e)
		return -EINVAL;
	while ((scn = elf_nextscn(e, scn))) {
		GElf_Shdr sh;
		struct bpf_insn *insn, *end;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_PROGBITS ||
		    !(sh.sh_flags & SHF_EXECINSTR))
			continue;
		insn = (struct bpf_insn *)((char *)elf + sh.sh_offset);
		for (end = insn + sh.sh_size / sizeof(*insn); insn < end; insn++)
			if (is_new_atomic(insn))
				*insn = (struct bpf_insn){
					.code = BPF_ALU64 | BPF_MOV | BPF_K,
					.dst_reg = insn->imm == BPF_CMPXCHG ? BPF_REG_0 :
									      insn->src_reg,
				};
	}
	elf_end(e);
	return 0;
}
