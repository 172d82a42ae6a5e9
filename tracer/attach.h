/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing and attaching: the hooks of the table become attached programs of
 * one backend, found by trying, and a report of what was chosen and why.
 */
#ifndef TCPLENS_ATTACH_H
#define TCPLENS_ATTACH_H

#include "hooks.h"

#include "config.h"

struct tcplens_bpf;
struct btf;
struct expr_code;

enum prog_status {
	PROG_UNUSED = 0, /* not needed: an alternative serves, or the run has no need */
	PROG_ATTACHED,
	PROG_MISSING, /* the kernel lacks the target */
	PROG_REFUSED, /* load or attach failed: err */
};

struct prog_report {
	const struct hook *hook;
	const struct hook_prog *prog;
	enum prog_status status;
	int err; /* negative errno with PROG_REFUSED */
	int link_fd; /* with PROG_ATTACHED, once it is; the skeleton's */
};

#define ATTACH_PROGS_MAX 64

struct attach_report {
	enum backend chosen;
	unsigned int need; /* as asked for: NEED_* */
	char why_not[BACKEND_MAX][200]; /* empty: usable, or not tried */
	struct prog_report progs[ATTACH_PROGS_MAX]; /* of the chosen backend */
	size_t nprogs;
	bool direct; /* fields are read by direct loads */
	bool expr;   /* the expression is asked in the kernel */
	bool dynptr; /* payload is read wherever it lies */
};

struct attach_opts {
	enum backend backend; /* BACKEND_AUTO: the first that works */
	unsigned int need;    /* NEED_* */
	const struct filter *filter;
	const struct frange *ranges;
	__u32 nranges;
	__u32 ring_size; /* bytes, a power of two and a multiple of the page size */
	__u32 conns_max; /* connections remembered at once */
	__u64 outlier_ns; /* config.outlier_ns */
	const struct expr_code *expr; /* the user's expression, to be asked in the kernel; NULL: none */
	__u32 snap;	  /* with NEED_RAW: bytes of payload */
	__u32 tree_pid;	 /* with NEED_CHILDREN: the thread group of the command */
};

/*
 * Opens, loads and attaches.  0 and *skel set (owned by the caller, to be
 * destroyed with tcplens_bpf__destroy()), or a negative errno with one
 * sentence in err.  The report is filled either way, as far as it came.
 */
int attach__open(const struct attach_opts *o, struct tcplens_bpf **skel, struct attach_report *rep,
		 char *err, size_t errlen);

/*
 * What the attached programs of the hooks for this need do not see, as one
 * text, separated by "; "; "" if nothing.
 */
void attach_blind(const struct attach_report *rep, unsigned int need, char *buf, size_t len);

#endif
