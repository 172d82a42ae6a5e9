// SPDX-License-Identifier: BSD-2-Clause
#include "sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

/* What two sums must have in common to be one. */
struct key {
	struct ev_who who;
	struct ev_ends ends;
	char reason[sizeof(((struct ev_sum *)0)->reason)];
	__u16 of;
	__u8 dir;
	__u8 kind;
	__u8 has;
};

static void key_of(struct key *k, const struct ev_sum *s)
{
	memset(k, 0, sizeof(*k)); /* holes, too */
	/* A connection may change its owner, and how a process is known may change: not who it is. */
	if (s->who.conn) {
		k->who.conn = s->who.conn;
	} else {
		k->who = s->who;
		k->who.how = 0;
	}
	k->ends = s->ends;
	memcpy(k->reason, s->reason, sizeof(k->reason));
	k->of = s->of;
	k->dir = s->dir;
	k->kind = s->kind;
	k->has = s->has;
}

/* FNV-1a */
static size_t hash(const struct key *k)
{
	const unsigned char *p = (const unsigned char *)k;
	__u64 h = 14695981039346656037ULL;

	for (size_t i = 0; i < sizeof(*k); i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	return h ^ h >> 32;
}

/* The slot that holds the key, or the free one where it belongs. */
static __u32 *slot_of(const struct sums *s, const struct key *k)
{
	for (size_t i = hash(k);; i++) {
		__u32 *slot = &s->slot[i & (s->nslots - 1)];
		struct key have;

		if (!*slot)
			return slot;
		key_of(&have, &s->v[*slot - 1]);
		if (!memcmp(&have, k, sizeof(have)))
			return slot;
	}
}

static int grow(struct sums *s)
{
	size_t cap = s->cap ? s->cap * 2 : 64, nslots = cap * 2;
	struct ev_sum *v = realloc(s->v, cap * sizeof(*v));
	__u32 *slot;

	if (!v)
		return -ENOMEM;
	s->v = v;
	slot = calloc(nslots, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	free(s->slot);
	s->slot = slot;
	s->nslots = nslots;
	s->cap = cap;
	for (size_t i = 0; i < s->n; i++) {
		struct key k;

		key_of(&k, &s->v[i]);
		*slot_of(s, &k) = i + 1;
	}
	return 0;
}

struct ev_sum *sums_of(struct sums *s, const struct ev_sum *key)
{
	struct key k;
	__u32 *slot;

	if (s->n == s->cap && grow(s))
		return NULL;
	key_of(&k, key);
	slot = slot_of(s, &k);
	if (!*slot) {
		s->v[s->n] = *key;
		*slot = ++s->n;
	}
	s->v[*slot - 1].who = key->who; /* the newest */
	return &s->v[*slot - 1];
}

void sums_time(struct ev_sum *sum, __u64 ns)
{
	sum->timed++;
	sum->total_ns += ns;
	if (ns > sum->max_ns)
		sum->max_ns = ns;
}

static int by_count(const void *a, const void *b)
{
	const struct ev_sum *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return memcmp(&x->who, &y->who, sizeof(x->who) + sizeof(x->ends));
}

int sums_print(struct sums *s, const struct view_out *out, __u64 mono_ns)
{
	int err = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_count);
	for (size_t i = 0; i < s->n && !err; i++) {
		s->v[i].hdr = (struct ev_hdr){
			.type = EV_SUM,
			.len = sizeof(s->v[i]),
			.hook = s->v[i].of == EV_CONNECT || s->v[i].of == EV_ACCEPT ? HOOK_ATTEMPT : HOOK_LOSS,
			.mono_ns = mono_ns,
		};
		err = out->event(out->ctx, &s->v[i].hdr);
	}
	sums_free(s);
	return err;
}

void sums_free(struct sums *s)
{
	free(s->v);
	free(s->slot);
	*s = (struct sums){};
}
