/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where connections are kept, and how one is found: by its socket's address,
 * or by the ends that a packet names.
 *
 * `conns` is an array; by_sock and by_tuple are hash tables made of array
 * elements, each a bucket of one cache line.  Against the kernel's hash map a
 * look-up costs a quarter, and a connection half of the memory (socket storage:
 * a third of the time more, and 400 bytes).  An entry sits in one of two
 * buckets.  Up to half full, which is all that is allowed, there is always room.
 *
 * Slots are claimed by compare-and-exchange and freed by a store; a look-up
 * checks what it found, so it needs no lock.
 */
#ifndef TCPLENS_STORE_BPF_H
#define TCPLENS_STORE_BPF_H

#include "maps.bpf.h"

enum { INDEX_SOCK = 0, INDEX_TUPLE };

/* Multiplying by a secret spreads upwards, the shift brings it down again. */
static __always_inline __u64 hash_mix(__u64 h, __u64 word)
{
	h = (h ^ word) * cfg.hash_mul;
	return h ^ h >> 32;
}

/*
 * A pointer as a number: the verifier forbids arithmetic on pointers, but takes
 * what this leaves (nothing is changed, on machines of this byte order) for a
 * number (check_alu_op(), BPF_END; for who may see pointers).
 */
static __always_inline __u64 number_of(const void *p)
{
	__u64 n = (__u64)p;

	asm volatile("%0 = le64 %0" : "+r"(n));
	return n;
}

/* Sockets are aligned to cache lines: the lowest bits say nothing. */
static __always_inline __u64 sock_key(const struct sock *sk)
{
	return hash_mix(cfg.hash_seed, number_of(sk) >> 6);
}

static __always_inline __u64 tuple_key(const struct tuple *t)
{
	const __u64 *w = (const __u64 *)t;
	__u64 h = cfg.hash_seed;

	/* IPv4: the last four bytes of each address are what differs. */
	if (w[0] || w[2] || (__u32)w[1] != bpf_htonl(0xffff) || (__u32)w[3] != bpf_htonl(0xffff)) {
		h = hash_mix(h, w[0]);
		h = hash_mix(h, w[2]);
		h = hash_mix(h, (__u32)w[1]);
		h = hash_mix(h, (__u32)w[3]);
	}
	h = hash_mix(h, w[1] >> 32 | w[3] >> 32 << 32);
	h = hash_mix(h, w[4]);
	return h ? h : 1;
}

static __always_inline struct bucket *bucket_at(int index, __u32 k)
{
	return index == INDEX_SOCK ? bpf_map_lookup_elem(&by_sock, &k) :
				     bpf_map_lookup_elem(&by_tuple, &k);
}

/* The two buckets of a key, and what its slot says. */
static __always_inline __u32 bucket_1st(__u64 key)
{
	return key & cfg.index_mask;
}

static __always_inline __u32 bucket_2nd(__u64 key)
{
	return key >> 42 & cfg.index_mask;
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

/* The number that the key's tag stands for, to be checked; 0: none. */
static __always_inline __u32 index_find(int index, __u64 key)
{
	struct bucket *b = bucket_at(index, bucket_1st(key));
	__u32 n = b ? bucket_find(b, slot_tag(key)) : 0;

	if (n)
		return n;
	b = bucket_at(index, bucket_2nd(key));
	return b ? bucket_find(b, slot_tag(key)) : 0;
}

static __always_inline __u64 claim_id(int index, __u32 k, int slot)
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

static __always_inline int bucket_put(struct bucket *b, int index, __u32 k, __u64 v)
{
#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++)
		if (slot_claim(&b->slot[i], v, claim_id(index, k, i)))
			return 1;
	return 0;
}

static __always_inline int bucket_used(const struct bucket *b)
{
	int n = 0;

#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++)
		n += !!b->slot[i];
	return n;
}

/* 1, or 0: both buckets are full.  The first is preferred: a look-up begins there. */
static __always_inline int index_add(int index, __u64 key, __u32 n)
{
	__u64 v = (__u64)slot_tag(key) << 32 | n;
	__u32 k1 = bucket_1st(key), k2 = bucket_2nd(key);
	struct bucket *b1 = bucket_at(index, k1), *b2 = bucket_at(index, k2);

	if (!b1 || !b2)
		return 0;
	if (bucket_used(b1) > BUCKET_SLOTS / 2 && bucket_used(b2) < bucket_used(b1) &&
	    bucket_put(b2, index, k2, v))
		return 1;
	return bucket_put(b1, index, k1, v) || bucket_put(b2, index, k2, v);
}

static __always_inline int bucket_del(struct bucket *b, int index, __u32 k, __u64 v)
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

static __always_inline void index_del(int index, __u64 key, __u32 n)
{
	__u64 v = (__u64)slot_tag(key) << 32 | n;
	__u32 k1 = bucket_1st(key), k2 = bucket_2nd(key);
	struct bucket *b = bucket_at(index, k1);

	if (b && bucket_del(b, index, k1, v))
		return;
	b = bucket_at(index, k2);
	if (b)
		bucket_del(b, index, k2, v);
}

/* A free place in `conns`, or 0.  Without atomics user space has put all of them into free_conns. */
static __always_inline __u32 number_new(void)
{
	__u32 n = 0;

	if (!bpf_map_pop_elem(&free_conns, &n))
		return n;
	if (!cfg.atomics || conns_used + 1 >= cfg.conns_max)
		return 0;
	n = __sync_fetch_and_add(&conns_used, 1) + 1;
	return n < cfg.conns_max ? n : 0;
}

static __always_inline void number_free(__u32 n)
{
	bpf_map_push_elem(&free_conns, &n, 0);
}

static __always_inline struct conn *conn_at(__u32 n)
{
	return n ? bpf_map_lookup_elem(&conns, &n) : 0;
}

static __always_inline struct conn *conn_get(struct sock *sk)
{
	struct conn *c = conn_at(index_find(INDEX_SOCK, sock_key(sk)));

	return c && c->sk == (__u64)sk ? c : 0;
}

#endif
