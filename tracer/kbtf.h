/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own type information (/sys/kernel/btf/vmlinux), of which a run
 * needs some hundred types out of more than 100,000.  libbpf reads and indexes
 * all of it, twice; that alone costs more than everything else at start.  Here
 * it is walked through once, in place, for the names that were asked for.
 *
 * Format: Documentation/bpf/btf.rst.
 */
#ifndef TCPLENS_KBTF_H
#define TCPLENS_KBTF_H

#include <stddef.h>
#include <linux/types.h>

struct kbtf;

/*
 * Maps the file, or reads it where the kernel can't map it (before 6.16).
 * 0 and *out (owned by the caller, kbtf__free()); -EINVAL: not such a file, or
 * damaged; -errno of open(2), read(2) otherwise.
 */
int kbtf__open(const char *path, struct kbtf **out);
void kbtf__free(struct kbtf *k);

/*
 * A name to look for, copied; before kbtf__scan().  What comes after three
 * underscores does not count, as in CO-RE (bpf_core_essential_name_len()).
 * 0, -ENOMEM.
 */
int kbtf__want(struct kbtf *k, const char *name);

/* Finds all that was asked for.  0, -EINVAL: the file is damaged, -ENOMEM. */
int kbtf__scan(struct kbtf *k);

/* The number of the type with this name, which was asked for, and BTF_KIND_*; 0: there is none. */
__u32 kbtf__id(const struct kbtf *k, const char *name, unsigned int kind);

/* Each value of an enumeration that was asked for; none if there is no such type. */
void kbtf__values(const struct kbtf *k, const char *name, void (*on_value)(void *ctx, __u32 value, const char *name),
		  void *ctx);

/* Arguments of a kernel function; -ENOENT: it is not known. */
int kbtf__func_nargs(const struct kbtf *k, const char *name);

/* The type `btf_trace_NAME` of a tracepoint; 0: there is no such tracepoint. */
__u32 kbtf__tracepoint(const struct kbtf *k, const char *name);
int kbtf__want_tracepoint(struct kbtf *k, const char *name);

/* Arguments that a tracepoint hands to its programs; 0: there is no such tracepoint. */
int kbtf__tracepoint_nargs(const struct kbtf *k, const char *name);

/*
 * A BTF file of its own of the structs, unions, enumerations and typedefs that
 * were asked for, for CO-RE relocation: with all that they contain, but without
 * what they point to, and without the members of types that have another name
 * (but for those that are a member without a name).
 * Types have other numbers there.  0, *data from malloc(); -EINVAL, -ENOMEM.
 */
int kbtf__cut(const struct kbtf *k, void **data, size_t *size);

#endif
