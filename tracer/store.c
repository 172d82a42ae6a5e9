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

#include "atomics.h"
#include "config.h"
#include "skel.h"

#define SLOTS_PER_BUCKET 8 /* BUCKET_SLOTS in maps.bpf.h */
#define CONNS_PER_BUCKET 4 /* half full at most */

int store__prepare(const void **elf, size_t size)
{
	void *copy;
	int err;

	if (atomics__allowed())
		return 0;
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, *elf, size);
	err = atomics__drop(copy, size);
	if (err) {
		free(copy);
		return err;
	}
	*elf = copy;
	return 1;
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

void store__configure(struct tcplens_bpf *skel, __u32 conns, bool atomics)
{
	struct config *cfg = (struct config *)&skel->rodata->cfg;
	__u32 buckets = 16 + conns / CONNS_PER_BUCKET;

	cfg->conns_max = conns + 1; /* the first is never used */
	cfg->index_buckets = buckets;
	cfg->atomics = atomics;
	set_secrets(cfg);
	bpf_map__set_max_entries(skel->maps.conns, conns + 1);
	bpf_map__set_max_entries(skel->maps.by_sock, buckets);
	bpf_map__set_max_entries(skel->maps.by_tuple, buckets);
	bpf_map__set_max_entries(skel->maps.free_conns, conns);
	if (!atomics)
		bpf_map__set_max_entries(skel->maps.claims, buckets * SLOTS_PER_BUCKET);
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
