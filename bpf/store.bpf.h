/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where connections are kept, and how one is found: by its socket's address,
 * or by the ends that a packet names.
 *
 * `conns` is an array; by_sock and by_tuple are hash tables made of array
 * elements, each a bucket of one cache line: a look-up compares within two
 * cache lines, without a lock, and nothing is allocated.  Socket storage cannot
 * be reached from a packet that has no socket yet.  An entry sits in one of two
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
 * what this leaves for a number (for who may see pointers).
 */
static __always_inline __u64 number_of(const void *p)
{
	return forget((__u64)p);
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
	if (w[0] | w[2] | ((__u32)w[1] ^ bpf_htonl(0xffff)) | ((__u32)w[3] ^ bpf_htonl(0xffff))) {
		h = hash_mix(h, w[0]);
		h = hash_mix(h, w[2]);
		h = hash_mix(h, (__u32)w[1]);
		h = hash_mix(h, (__u32)w[3]);
	}
	h = hash_mix(h, w[1] >> 32 | w[3] >> 32 << 32);
	h = hash_mix(h, w[4]);
	return h | 1; /* never 0 */
}

/*
 * store.bpf.c.  Global functions with scalar arguments: the verifier checks
 * each once, not at each of the places that call it.
 */

/* The number that the key's tag stands for, to be checked; 0: none. */
__u32 by_sock_find(__u64 key);
__u32 by_tuple_find(__u64 key);

/* 1, or 0: there is no room. */
int index_add(__u32 index, __u64 key, __u32 n);

int index_del(__u32 index, __u64 key, __u32 n);

/* A free place in `conns`, or 0. */
__u32 number_new(void);

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
	struct conn *c = conn_at(by_sock_find(sock_key(sk)));

	return c && c->sk == (__u64)sk ? c : 0;
}

#endif
