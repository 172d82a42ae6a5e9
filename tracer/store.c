// SPDX-License-Identifier: BSD-2-Clause
#include "store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "config.h"
#include "skel.h"

#define SLOTS_PER_BUCKET 8 /* BUCKET_SLOTS in maps.bpf.h */
#define CONNS_PER_BUCKET 4 /* half full at most */

/* May a program use an atomic operation that returns a value (5.12, 5ca419f2864a)? */
static bool have_atomics(void)
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
 * are behind cfg.atomics, so anything may stand in their place.
 */
static void drop_atomics(struct tcplens_bpf *skel)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, skel->obj) {
		size_t n = bpf_program__insn_cnt(prog);
		struct bpf_insn *copy = malloc(n * sizeof(*copy));

		if (!copy)
			return;
		memcpy(copy, bpf_program__insns(prog), n * sizeof(*copy));
		for (size_t i = 0; i < n; i++)
			if (is_new_atomic(&copy[i]))
				copy[i] = (struct bpf_insn){
					.code = BPF_ALU64 | BPF_MOV | BPF_K,
					.dst_reg = copy[i].imm == BPF_CMPXCHG ? BPF_REG_0 :
										copy[i].src_reg,
				};
		bpf_program__set_insns(prog, copy, n);
		free(copy);
	}
}

/* Nobody outside is to know what collides; without entropy at boot a guess is hard enough. */
static void set_secrets(struct config *cfg)
{
	__u64 secret[2] = { (__u64)getpid() * 0x9e3779b97f4a7c15ULL, 0x9e3779b97f4a7c15ULL };

	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) < 0)
		errno = 0;
	cfg->hash_seed = secret[0];
	cfg->hash_mul = secret[1] | 1;
}

void store__configure(struct tcplens_bpf *skel, __u32 conns)
{
	struct config *cfg = (struct config *)&skel->rodata->cfg;
	__u32 buckets = 16;

	while (buckets < conns / CONNS_PER_BUCKET)
		buckets *= 2;
	cfg->conns_max = conns + 1; /* the first is never used */
	cfg->index_mask = buckets - 1;
	cfg->atomics = have_atomics();
	set_secrets(cfg);
	bpf_map__set_max_entries(skel->maps.conns, conns + 1);
	bpf_map__set_max_entries(skel->maps.by_sock, buckets);
	bpf_map__set_max_entries(skel->maps.by_tuple, buckets);
	bpf_map__set_max_entries(skel->maps.free_conns, conns);
	if (cfg->atomics)
		return;
	bpf_map__set_max_entries(skel->maps.claims, buckets * SLOTS_PER_BUCKET);
	drop_atomics(skel);
}

int store__fill(struct tcplens_bpf *skel)
{
	if (skel->rodata->cfg.atomics)
		return 0;
	/* The last one in is the first one out. */
	for (__u32 n = skel->rodata->cfg.conns_max - 1; n > 0; n--)
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.free_conns), NULL, &n, BPF_ANY))
			return -errno;
	return 0;
}
