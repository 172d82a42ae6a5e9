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

/* Whose call this is. */
struct caller {
	struct task_struct *task;
	__u64 pid_tgid; /* as bpf_get_current_pid_tgid() has it */
	__u64 cred;
};

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

/* What who_from_task() has filled in. */
static __always_inline void who_take(struct ev_who *w, const struct ev_who *from)
{
	w->pid = from->pid;
	w->tid = from->tid;
	w->uid = from->uid;
	__builtin_memcpy(w->comm, from->comm, sizeof(w->comm));
	w->cgroup_id = from->cgroup_id;
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

static __always_inline __u64 task_cred(struct task_struct *t)
{
	return (__u64)RD(AS(struct task_struct, t), cred);
}

/*
 * Of a task that the verifier trusts a number is one load, and no call.  Not so a pointer: for each
 * the verifier looks through the names of all types, four times, whenever it comes by
 * (btf_nested_type_is_trusted()), which takes longer than all else in these programs.
 */
static __always_inline void caller_get(struct caller *me)
{
	if (READ_DIRECT) {
		struct task_struct *t = bpf_get_current_task_btf();

		me->task = t;
		me->pid_tgid = (__u64)t->tgid << 32 | (__u32)t->pid;
		me->cred = task_cred(t);
	} else {
		me->task = (void *)bpf_get_current_task();
		me->pid_tgid = bpf_get_current_pid_tgid();
		me->cred = task_cred(me->task);
	}
}

/* The task can be found by its credentials from now on. */
static __always_inline void cred_learn(struct task_struct *t)
{
	struct task_struct *leader;
	__u64 cred, *old;

	if (!cfg.accept_by_cred)
		return;
	cred = task_cred(t);
	/* Threads share their leader's, and may end before it. */
	leader = RD(AS(struct task_struct, t), group_leader);
	if (task_cred(leader) == cred)
		t = leader;
	old = bpf_map_lookup_elem(&creds, &cred);
	if (!old || *old != (__u64)t)
		bpf_map_update_elem(&creds, &cred, &t, BPF_ANY);
}

/*
 * Who called accept() for this socket, or NULL: it has not happened, or is not
 * known.  accept() alone makes the file of such a socket (do_accept(),
 * sock_alloc_file()), and the file keeps the credentials of its maker
 * (alloc_empty_file()).  The task is looked at again: should it have gone and
 * its memory be another's, the credentials differ.
 */
static __always_inline struct task_struct *accepting_task(struct sock *sk)
{
	struct socket *sock = RD(sk, sk_socket);
	struct task_struct *t;
	struct file *file;
	__u64 cred, *v;

	if (!sock)
		return 0;
	file = RD(AS(struct socket, sock), file);
	if (!file)
		return 0;
	cred = (__u64)RD(AS(struct file, file), f_cred);
	v = bpf_map_lookup_elem(&creds, &cred);
	if (!v)
		return 0;
	t = (struct task_struct *)*v;
	if (task_cred(t) != cred || task_is_kernel(t))
		return 0;
	return t;
}

#endif
