/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the programs come into the kernel: by libbpf, but with what this project
 * has found in the kernel's type information itself (kbtf.h).
 */
#ifndef TCPLENS_LOADER_H
#define TCPLENS_LOADER_H

struct kbtf;
struct bpf_object;
struct tcplens_bpf;

/*
 * Tells libbpf to ask `k` for what programs are attached to.  `k` is borrowed,
 * and must be there until the last object of this run is loaded.  0, or a negative errno.
 */
int loader__begin(struct kbtf *k);

/* Asks `k` for all types that an object, opened and not loaded yet, refers to.  0, -ENOMEM. */
int loader__want(struct kbtf *k, struct bpf_object *obj);

/* An empty file in memory, which libbpf will read at this path.  Its descriptor, or a negative errno. */
int loader__types_file(char path[32]);

/* Writes the types that were found into it: before an object is loaded.  0, or a negative errno. */
int loader__types_write(const struct kbtf *k, int fd);

/* Makes the maps, and loads the programs.  0, or a negative errno. */
int loader__load(struct tcplens_bpf *skel);

#endif
