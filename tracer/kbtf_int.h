/* SPDX-License-Identifier: BSD-2-Clause */
/* What kbtf.c and kbtf_cut.c share. */
#ifndef TCPLENS_KBTF_INT_H
#define TCPLENS_KBTF_INT_H

#include <linux/btf.h>

#include "kbtf.h"

#define KBTF_BEGINNINGS 16384
#define KBTF_STRIDE 32 /* types between two entries of `index` */

struct kwant {
	char *name;
	size_t len;
	__u32 hash;
};

struct kfound {
	__u32 want; /* of wants[] */
	__u32 id;
	__u32 kind;
};

struct kbtf {
	void *map;
	size_t size;
	int owned; /* read, not mapped from the file */
	const unsigned char *types, *types_end;
	const char *strs;
	size_t strs_len;
	struct kwant *wants;
	__u32 nwants;
	__u32 *table; /* of wants, by hash: number + 1; 0: free */
	__u32 mask;
	__u64 beginnings[KBTF_BEGINNINGS / 64]; /* of wants: a set of bits */
	struct kfound *found;
	__u32 nfound;
	__u32 *index; /* offsets in types of each KBTF_STRIDE-th type, from number 1 on */
	__u32 ntypes; /* with void, which has number 0 */
};

/* Length of what counts in a name. */
size_t kbtf_essential(const char *name, size_t len);

/* The number in wants[] of a name; -1: not asked for. */
int kbtf_wanted(const struct kbtf *k, const char *name);

/* The type with a number; NULL: void, or there is none. */
const struct btf_type *kbtf_type(const struct kbtf *k, __u32 id);

/* Bytes of a type with what follows it; 0: of an unknown kind. */
size_t kbtf_type_size(const struct btf_type *t);

static inline unsigned int kbtf_kind(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}

static inline const char *kbtf_str(const struct kbtf *k, __u32 off)
{
	return off < k->strs_len ? k->strs + off : "";
}

#endif
