// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The two indexes of the store: hash tables of buckets, and the numbers of connections. */
#include "store.bpf.h"

static __always_inline struct bucket *bucket_at(__u32 index, __u32 k)
{
	return index == INDEX_SOCK ? bpf_map_lookup_elem(&by_sock, &k) :
				     bpf_map_lookup_elem(&by_tuple, &k);
}

/* 32 bits to a bucket's number: their share of 2^32, as a division would be slower. */
static __always_inline __u32 bucket_of(__u32 bits)
{
	return (__u64)bits * cfg.index_buckets >> 32;
}

/*
 * The two buckets of a key, and what its slot says.  The second one is of all
 * bits of the key, so that those of the tag still tell keys apart there.
 */
static __always_inline __u32 bucket_1st(__u64 key)
{
	return bucket_of(key);
}

static __always_inline __u32 bucket_2nd(__u64 key)
{
	return bucket_of((__u32)(key ^ key >> 32) * 0x9e3779b1U);
}

static __always_inline __u32 slot_tag(__u64 key)
{
	return key >> 32 | 1; /* never that of a free slot */
}

static __always_inline __u32 bucket_find(const struct bucket *b, __u32 tag)
{
#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++) {
		__u64 v = *(volatile __u64 *)&b->slot[i];

		if (v >> 32 == tag)
			return v;
	}
	return 0;
}

static __always_inline __u32 find_in(__u32 index, __u64 key)
{
	struct bucket *b = bucket_at(index, bucket_1st(key));
	__u32 n = b ? bucket_find(b, slot_tag(key)) : 0;

	if (n)
		return n;
	b = bucket_at(index, bucket_2nd(key));
	return b ? bucket_find(b, slot_tag(key)) : 0;
}

/* One function for each map: of a map that is not known beforehand the look-up is a call. */
__noinline __u32 by_sock_find(__u64 key)
{
	return find_in(INDEX_SOCK, key);
}

__noinline __u32 by_tuple_find(__u64 key)
{
	return find_in(INDEX_TUPLE, key);
}

static __always_inline __u64 claim_id(__u32 index, __u32 k, int slot)
{
	return (__u64)index << 48 | (__u64)k << 3 | slot;
}

/* Makes a free slot ours.  Without such atomics a hash map's lock has to help. */
static __always_inline int slot_claim(__u64 *slot, __u64 v, __u64 id)
{
	__u8 one = 1;

	if (*(volatile __u64 *)slot)
		return 0;
	if (cfg.atomics)
		return __sync_val_compare_and_swap(slot, 0, v) == 0;
	if (bpf_map_update_elem(&claims, &id, &one, BPF_NOEXIST))
		return 0;
	*(volatile __u64 *)slot = v;
	return 1;
}

/* A function of its own, as it is called at three places: verified once. */
__noinline int bucket_put(__u32 index, __u32 k, __u64 v)
{
	struct bucket *b = bucket_at(index, k);

	if (!b)
		return 0;
#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++)
		if (slot_claim(&b->slot[i], v, claim_id(index, k, i)))
			return 1;
	return 0;
}

/* Without branches, of which the verifier would follow each combination. */
static __always_inline __u64 bucket_used(const struct bucket *b)
{
	__u64 n = 0;

#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++) {
		__u64 v = b->slot[i] >> 32; /* the tag */

		barrier_var(v);
		n += -v >> 63;
	}
	return n;
}

/* The first bucket is preferred: a look-up begins there. */
__noinline int index_add(__u32 index, __u64 key, __u32 n)
{
	__u64 v = (__u64)slot_tag(key) << 32 | n;
	__u32 k1 = bucket_1st(key), k2 = bucket_2nd(key);
	struct bucket *b1 = bucket_at(index, k1), *b2 = bucket_at(index, k2);

	if (!b1 || !b2)
		return 0;
	if (bucket_used(b1) > BUCKET_SLOTS / 2 && bucket_used(b2) < bucket_used(b1) &&
	    bucket_put(index, k2, v))
		return 1;
	return bucket_put(index, k1, v) || bucket_put(index, k2, v);
}

static __always_inline int bucket_del(struct bucket *b, __u32 index, __u32 k, __u64 v)
{
#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++) {
		if (b->slot[i] != v)
			continue;
		*(volatile __u64 *)&b->slot[i] = 0;
		if (!cfg.atomics) {
			__u64 id = claim_id(index, k, i);

			bpf_map_delete_elem(&claims, &id);
		}
		return 1;
	}
	return 0;
}

__noinline int index_del(__u32 index, __u64 key, __u32 n)
{
	__u64 v = (__u64)slot_tag(key) << 32 | n;
	__u32 k1 = bucket_1st(key), k2 = bucket_2nd(key);
	struct bucket *b = bucket_at(index, k1);

	if (b && bucket_del(b, index, k1, v))
		return 1;
	b = bucket_at(index, k2);
	return b ? bucket_del(b, index, k2, v) : 0;
}

/* Without atomics user space has put all of them into free_conns. */
__noinline __u32 number_new(void)
{
	__u32 n = 0;

	if (!bpf_map_pop_elem(&free_conns, &n))
		return n;
	if (!cfg.atomics || conns_used + 1 >= cfg.conns_max)
		return 0;
	n = __sync_fetch_and_add(&conns_used, 1) + 1;
	return n < cfg.conns_max ? n : 0;
}
