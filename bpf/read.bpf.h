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

#include "ktypes.h"
#include "maps.bpf.h"

#ifdef DIRECT_READS
static void *(*const bpf_rdonly_cast)(const void *obj, __u32 btf_id) = (void *)KFUNC_bpf_rdonly_cast;

#define READ_DIRECT cfg.direct

static __always_inline void *kcast(const void *p, __u32 btf_id)
{
	if (READ_DIRECT)
		return bpf_rdonly_cast(p, btf_id);
	return (void *)p;
}

#define KTYPE_CASE(name)                                                                       \
	struct name * : KTYPE_##name,

/* What stands for the type's number: a type that ktypes.h does not list does not compile. */
#define KTYPE(type) _Generic((type *)0, KTYPES(KTYPE_CASE) struct no_such_type * : 0)

/* p seen as a kernel `type *`. */
#define AS(type, p) ((type *)kcast((p), KTYPE(type)))
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

/* An IPv6 address, p->f, into 16 bytes. */
#define RD_IN6(dst, p, f)                                                                      \
	({                                                                                     \
		typeof(p) __p = (p);                                                           \
		__u32 *__d = (__u32 *)(dst);                                                   \
		if (READ_DIRECT) {                                                             \
			__d[0] = __p->f.in6_u.u6_addr32[0];                                    \
			__d[1] = __p->f.in6_u.u6_addr32[1];                                    \
			__d[2] = __p->f.in6_u.u6_addr32[2];                                    \
			__d[3] = __p->f.in6_u.u6_addr32[3];                                    \
		} else {                                                                       \
			bpf_core_read(__d, 16, &__p->f);                                       \
		}                                                                              \
	})

/* An array of 16 bytes, p->f, such as a comm. */
#define RD_16(dst, p, f)                                                                       \
	({                                                                                     \
		typeof(p) __p = (p);                                                           \
		__u64 *__d = (__u64 *)(dst);                                                   \
		if (READ_DIRECT) {                                                             \
			const __u64 *__s = (const __u64 *)&__p->f;                             \
			__d[0] = __s[0];                                                       \
			__d[1] = __s[1];                                                       \
		} else {                                                                       \
			bpf_core_read(__d, 16, &__p->f);                                       \
		}                                                                              \
	})

/*
 * A socket.  A tcp_sock begins with the smaller kinds one in the other
 * (inet_connection_sock, inet_sock, sock), so that one cast serves the fields of all
 * of them.  Of a mini-socket only those of its sock_common are to be read.
 */
static __always_inline struct sock *sock_as(const void *p)
{
	return (struct sock *)AS(struct tcp_sock, p);
}

/*
 * 16 bytes of a packet at once, as they lie there: each load has a price of its own, of ten
 * instructions where the kernel has to make sure of the address (BPF_PROBE_MEM), of a call
 * elsewhere.  A timespec64 is two numbers of 8 bytes.
 */
static __always_inline void read_16(__u64 w[2], const void *p)
{
	struct timespec64 *t = AS(struct timespec64, p);

	if (READ_DIRECT) {
		w[0] = t->tv_sec;
		w[1] = t->tv_nsec;
	} else {
		bpf_probe_read_kernel(w, 16, p);
	}
}

/* Bytes of a packet: read as an IPv6 address is, of which such numbers are an array. */
#define RAW16(p) RD(AS(struct in6_addr, p), in6_u.u6_addr16[0])
#define RAW32(p) RD(AS(struct in6_addr, p), in6_u.u6_addr32[0])

/* The same for a bit-field, as a __u64. */
#define RD_BITS(p, f)                                                                          \
	({                                                                                     \
		typeof(p) __p = (p);                                                           \
		READ_DIRECT ? BPF_CORE_READ_BITFIELD(__p, f) :                                 \
			      BPF_CORE_READ_BITFIELD_PROBED(__p, f);                           \
	})

#endif
