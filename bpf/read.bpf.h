/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reading kernel structs.  Two ways behind one macro, chosen before load by
 * cfg.direct, so that the verifier keeps one of them only:
 *   direct: bpf_rdonly_cast() gives a typed pointer and a field is one load
 *           (kernel 6.2+, a3a5113393cc; about 25 ns less per record);
 *   else:   bpf_probe_read_kernel(), which every kernel and program type has.
 * Both survive a bad pointer: the result is then zero.
 */
#ifndef TCPLENS_READ_BPF_H
#define TCPLENS_READ_BPF_H

#include "maps.bpf.h"

#ifdef DIRECT_READS
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

#define READ_DIRECT cfg.direct

static __always_inline void *kcast(const void *p, __u32 btf_id)
{
	if (READ_DIRECT)
		return bpf_rdonly_cast(p, btf_id);
	return (void *)p;
}

/* p seen as a kernel `type *`. */
#define AS(type, p) ((type *)kcast((p), bpf_core_type_id_kernel(type)))
#else
#define READ_DIRECT 0
#define AS(type, p) ((type *)(void *)(p))
#endif

/* p->f, where p came from AS().  p is evaluated once, outside of what CO-RE relocates. */
#define RD(p, f)                                                                               \
	({                                                                                     \
		typeof(p) __p = (p);                                                           \
		typeof(__p->f) __rd;                                                           \
		if (READ_DIRECT)                                                               \
			__rd = __p->f;                                                         \
		else                                                                           \
			bpf_core_read((void *)&__rd, sizeof(__rd), &__p->f);                   \
		__rd;                                                                          \
	})

/* The same for a bit-field, as a __u64. */
#define RD_BITS(p, f)                                                                          \
	({                                                                                     \
		typeof(p) __p = (p);                                                           \
		READ_DIRECT ? BPF_CORE_READ_BITFIELD(__p, f) :                                 \
			      BPF_CORE_READ_BITFIELD_PROBED(__p, f);                           \
	})

#endif
