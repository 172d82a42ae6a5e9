// SPDX-License-Identifier: BSD-2-Clause
#include "pcapng_ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a, 32 bits. */
static __u32 hash(const struct id_key *k)
{
	const unsigned char *p = (const unsigned char *)k;
	__u32 h = 2166136261u;

	for (size_t i = 0; i < sizeof(*k); i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

/* The slot of the key, or the free one where it belongs. */
static __u32 *slot_of(struct ids *ids, const struct id_key *key)
{
	__u32 mask = ids->cap * 2 - 1, i = hash(key) & mask;

	while (ids->slots[i] && memcmp(&ids->keys[ids->slots[i] - 1], key, sizeof(*key)))
		i = (i + 1) & mask;
	return &ids->slots[i];
}

static int grow(struct ids *ids)
{
	__u32 cap = ids->cap ? ids->cap * 2 : 16;
	__u32 *slots = calloc(cap * 2, sizeof(*slots));
	struct id_key *keys = realloc(ids->keys, cap * sizeof(*keys));

	if (keys)
		ids->keys = keys;
	if (!keys || !slots) {
		free(slots);
		return -ENOMEM;
	}
	free(ids->slots);
	ids->slots = slots;
	ids->cap = cap;
	for (__u32 i = 0; i < ids->n; i++)
		*slot_of(ids, &keys[i]) = i + 1;
	return 0;
}

int ids_of(struct ids *ids, const struct id_key *key, int *fresh)
{
	__u32 *slot;

	*fresh = 0;
	if (ids->n == ids->cap && grow(ids))
		return -ENOMEM;
	slot = slot_of(ids, key);
	if (!*slot) {
		ids->keys[ids->n++] = *key;
		*slot = ids->n;
		*fresh = 1;
	}
	return *slot - 1;
}

void ids_reset(struct ids *ids)
{
	ids->n = 0;
	if (ids->slots)
		memset(ids->slots, 0, ids->cap * 2 * sizeof(*ids->slots));
}

void ids__free(struct ids *ids)
{
	free(ids->keys);
	free(ids->slots);
	*ids = (struct ids){};
}
