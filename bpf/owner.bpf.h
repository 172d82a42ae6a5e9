/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who owns a socket, and how we know.
 *
 * `current` names the owner only inside a system call on that very socket:
 * connect(), accept(), listen(), send, receive, close.  In softirq it is
 * whoever was interrupted, so nothing here is called from there.
 */
#ifndef TCPLENS_OWNER_BPF_H
#define TCPLENS_OWNER_BPF_H

#include "filter.bpf.h"
#include "sock.bpf.h"

#define PF_KTHREAD 0x00200000

/* Fills pid, tid, uid, comm, cgroup of `w` from a task; CONN_CG_* bits in *known. */
static __always_inline void who_from_task(struct ev_who *w, struct task_struct *t, __u8 *known)
{
	struct task_struct *leader;
	struct cgroup *cgrp;

	t = AS(struct task_struct, t);
	leader = AS(struct task_struct, RD(t, group_leader));
	cgrp = RD(AS(struct css_set, RD(t, cgroups)), dfl_cgrp);
	w->pid = RD(t, tgid);
	w->tid = RD(t, pid);
	w->uid = RD(AS(struct cred, RD(t, cred)), euid.val);
	/* The leader's name: a thread's own is "Socket Thr", io_uring's "iou-wrk-…". */
	RD_16(w->comm, leader, comm);
	w->cgroup_id = RD(AS(struct kernfs_node, RD(AS(struct cgroup, cgrp), kn)), id);
	cgroup_bits(cgrp, known);
}

static __always_inline void who_none(struct ev_who *w, __u8 how)
{
	__builtin_memset(w, 0, sizeof(*w));
	w->how = how;
}

/* The kernel's own thread, or a process.  io_uring workers are part of their process (5.12+). */
static __always_inline int task_is_kernel(struct task_struct *t)
{
	return !!(RD(AS(struct task_struct, t), flags) & PF_KTHREAD);
}

#endif
