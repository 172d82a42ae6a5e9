// SPDX-License-Identifier: BSD-2-Clause
#include "store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
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
#define SIZE_MIN 32768u
#define SIZE_MAX_DEFAULT (1u << 22)

/* The second word of each line whose first is one of `names`, together; 0: the file can't be read. */
static __u64 sum_of_lines(const char *path, const char *const names[])
{
	FILE *f = fopen(path, "re");
	unsigned long long value;
	char line[256], name[64];
	__u64 sum = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; names[i]; i++)
			if (sscanf(line, "%63s %*[a-z ]%llu", name, &value) == 2 ||
			    sscanf(line, "%63s %llu", name, &value) == 2)
				sum += strcmp(name, names[i]) ? 0 : value;
	fclose(f);
	return sum;
}

/*
 * The kernel's caches are of all network namespaces, and for root only
 * (mm/slab_common.c: SLABINFO_RIGHTS); the other file is of ours, for everybody.
 */
__u32 store__default_size(void)
{
	static const char *const caches[] = { "TCP", "TCPv6", "MPTCP", "MPTCPv6", NULL };
	static const char *const all[] = { "sockets:", NULL };
	__u64 n = sum_of_lines("/proc/slabinfo", caches);

	if (!n)
		n = sum_of_lines("/proc/net/sockstat", all);
	n = SIZE_MIN + 2 * n;
	return n < SIZE_MAX_DEFAULT ? n : SIZE_MAX_DEFAULT;
}

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
