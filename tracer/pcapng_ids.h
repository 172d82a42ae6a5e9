/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers for things in the order of their first appearance in a file: interfaces, processes. */
#ifndef TCPLENS_PCAPNG_IDS_H
#define TCPLENS_PCAPNG_IDS_H

#include <stddef.h>

#include <linux/types.h>

struct id_key {
	__u32 a, b;
	char name[16];
};

/* An open-addressed hash; `keys` in the order of their numbers. */
struct ids {
	struct id_key *keys;
	__u32 n, cap;
	__u32 *slots; /* number + 1; 0: free; twice `cap` of them */
};

/* The key's number, *fresh set to 1 if it is new; or -ENOMEM. */
int ids_of(struct ids *ids, const struct id_key *key, int *fresh);

/* Forgets all, keeps the memory. */
void ids_reset(struct ids *ids);

void ids__free(struct ids *ids);

#endif
