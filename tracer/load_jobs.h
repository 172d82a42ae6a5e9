/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading programs side by side.  The verifier takes its time, takes no lock for
 * whoever may load programs at all (bpf_check(): is_priv), and libbpf gives it one
 * program after the other.  So libbpf loads an empty one in the place of each; then
 * all are loaded by several threads, and each is put under its descriptor's number.
 */
#ifndef TCPLENS_LOAD_JOBS_H
#define TCPLENS_LOAD_JOBS_H

#include <stddef.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "prune.h"

/* A program, as libbpf has prepared it; line info, which only the verifier's log has a use for, is left out. */
struct load_job {
	struct bpf_program *prog; /* borrowed, as what `opts` points to: until load_jobs__run() */
	enum bpf_prog_type type;
	struct bpf_insn *insns; /* the job's own */
	struct bpf_func_info *funcs; /* its own too, once it is pruned */
	size_t n;
	struct bpf_prog_load_opts opts;
	int fd; /* or a negative errno */
};

struct load_jobs {
	struct load_job *v;
	size_t n, cap;
	size_t next; /* which is begun next */
	struct prune_data ro;
};

/*
 * Takes a program over from libbpf's callback before loading, with its instructions
 * (`insns`, from malloc(); the jobs' now, in any case): libbpf is left with an empty
 * one.  0, or a negative errno.
 */
int load_jobs__add(struct load_jobs *j, struct bpf_program *prog, enum bpf_prog_type type,
		   struct bpf_insn *insns, size_t n, struct bpf_prog_load_opts *opts);

/*
 * Once libbpf has loaded the empty ones; `ro` is the read-only data of all.  0, or a negative
 * errno of one of those that were refused.
 */
int load_jobs__run(struct load_jobs *j, const struct prune_data *ro);

void load_jobs__clear(struct load_jobs *j);

#endif
