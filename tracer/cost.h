/* SPDX-License-Identifier: BSD-2-Clause */
/* --stats: what the run itself cost, told at its end. */
#ifndef TCPLENS_COST_H
#define TCPLENS_COST_H

#include <stdbool.h>

#include <linux/types.h>

#include "event.h"

struct attach_report;
struct tcplens_bpf;

struct cost {
	int fd; /* while open the kernel counts and times all programs' runs; -1 */
	bool counted; /* it does */
	__u64 begin_ns;
	__u64 begin_cpu_ns, begin_thread_ns;
};

/* Of the whole run, by hook. */
struct cost_records {
	const __u64 *made; /* that reached user space */
	__u64 lost[HOOK_MAX]; /* by the kernel's ring, or by the output */
	__u64 printed;
};

/* From here on, in the thread that drains.  A negative errno: the runs of programs are not counted, all else is. */
int cost__begin(struct cost *c);

/* To stderr: a table, or one JSON object; in the same thread.  The programs may be detached, not unloaded. */
void cost__tell(const struct cost *c, struct tcplens_bpf *skel, const struct attach_report *rep,
		const struct cost_records *rec, bool json);

/* Safe after a cost__begin() that failed. */
void cost__end(struct cost *c);

#endif
