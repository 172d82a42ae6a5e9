/* SPDX-License-Identifier: BSD-2-Clause */
/* How long, how much, with what: the run options that all tracing commands share. */
#ifndef TCPLENS_OPTS_RUN_H
#define TCPLENS_OPTS_RUN_H

#include <argp.h>
#include <stdbool.h>

#include <linux/types.h>

#include "hooks.h"

struct opts_run {
	enum backend backend;
	__u32 buffer;	 /* bytes of the ring */
	__u32 conns_max; /* connections remembered at once; 0: chosen from what is open */
	__u64 count;	 /* records to print; 0: no limit */
	double duration; /* seconds; 0: no limit */
	int ready_fd;	 /* -1: none */
	bool no_priority; /* stay as schedulable as anybody */
	bool stats;	 /* tell the cost at the end */
	const char *kernel_option; /* one that was given, and that is about hooks, buffers and their cost; NULL: none */
};

/* The child's input is a struct opts_run; it sets the defaults itself. */
extern const struct argp opts_run_argp;

#endif
