/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who uses a socket: accept, send and receive; and who is whose child. */
#ifndef TCPLENS_IO_BPF_H
#define TCPLENS_IO_BPF_H

#include "fd.bpf.h"
#include "keep.bpf.h"
#include "latency.bpf.h"

static __always_inline int on_io(struct sock *sk)
{
	struct conn *c;

	sk = sock_as(sk);
	c = conn_get(sk);
	if (!c && (!sock_is_tcp(sk) || RD(sk, __sk_common.skc_state) == ST_CLOSE))
		return 0;
	c = conn_or_add(c, sk);
	if (c)
		conn_used(c, sk);
	return 0;
}

SEC("?fentry/tcp_sendmsg")
int FUNC_PROG(send_fentry, struct sock *sk)
{
	return on_io(sk);
}

SEC("?kprobe/tcp_sendmsg")
int BPF_KPROBE(send_kprobe, struct sock *sk)
{
	return on_io(sk);
}

/* sendfile() and splice() to the socket, until they became a tcp_sendmsg() (6.5: MSG_SPLICE_PAGES). */
SEC("?fentry/tcp_sendpage")
int FUNC_PROG(sendpage_fentry, struct sock *sk)
{
	return on_io(sk);
}

SEC("?kprobe/tcp_sendpage")
int BPF_KPROBE(sendpage_kprobe, struct sock *sk)
{
	return on_io(sk);
}

/* splice() from the socket does not pass tcp_recvmsg(). */
static __always_inline int on_splice(struct socket *sock)
{
	struct sock *sk = RD(AS(struct socket, sock), sk);

	return sk ? on_io(sk) : 0;
}

SEC("?fentry/tcp_splice_read")
int FUNC_PROG(splice_fentry, struct socket *sock)
{
	return on_splice(sock);
}

SEC("?kprobe/tcp_splice_read")
int BPF_KPROBE(splice_kprobe, struct socket *sock)
{
	return on_splice(sock);
}

SEC("?fentry/tcp_recvmsg")
int FUNC_PROG(recv_fentry, struct sock *sk)
{
	return on_io(sk);
}

SEC("?kprobe/tcp_recvmsg")
int BPF_KPROBE(recv_kprobe, struct sock *sk)
{
	return on_io(sk);
}

/* 6.16: before the data is handed to the network, so the first segment is right already. */
SEC("?tp_btf/tcp_sendmsg_locked")
int TP_PROG(send_locked_tp, struct sock *sk)
{
	return on_io(sk);
}

/* 6.3 (6e6eda44b939): when the call returns; other protocols as well. */
SEC("?tp_btf/sock_send_length")
int TP_PROG(send_tp, struct sock *sk)
{
	return on_io(sk);
}

SEC("?tp_btf/sock_recv_length")
int TP_PROG(recv_tp, struct sock *sk)
{
	return on_io(sk);
}

/* In the reader's call, after copying and before the ACK that makes room known. */
SEC("?tp_btf/tcp_rcv_space_adjust")
int TP_PROG(recv_space_tp, struct sock *sk)
{
	return on_io(sk);
}

static __always_inline void track_accepted(struct conn *c)
{
	struct track *t = track_of(c);

	if (!t || t->accept_ns)
		return;
	t->accept_ns = bpf_ktime_get_ns();
	if (cfg.emit_latency && t->est_ns)
		lat_add(c, lat_part(t, PART_ACCEPTQ), t->accept_ns, t->est_ns);
}

static __always_inline int on_accept(struct sock *sk)
{
	struct conn *c;

	if (!sk)
		return 0;
	sk = sock_as(sk);
	if (!sock_is_tcp(sk))
		return 0;
	c = conn_get_or_add(sk);
	if (!c || c->who.how == HOW_KERNEL)
		return 0;
	if (task_is_kernel((void *)bpf_get_current_task())) {
		who_write_begin(c);
		c->who.pid = 0;
		c->who.how = HOW_KERNEL;
		who_write_end(c);
		return 0;
	}
	conn_own(c->num, HOW_ACCEPT);
	if (TRACK_WANTED)
		track_accepted(c);
	return 0;
}

/*
 * 6.10 (92ef0fd55ac8) took two of the four arguments away, so the return value
 * sits at another index; the context of fexit is an array of arguments with it
 * at the end.
 */
SEC("?fexit/inet_csk_accept")
int FUNC_PROG(accept4_fexit, struct sock *sk, int flags, int *err, bool kern, struct sock *ret)
{
	return on_accept(ret);
}

SEC("?fexit/inet_csk_accept")
int FUNC_PROG(accept2_fexit, struct sock *sk, void *arg, struct sock *ret)
{
	return on_accept(ret);
}

SEC("?kretprobe/inet_csk_accept")
int BPF_KRETPROBE(accept_kretprobe, struct sock *ret)
{
	return on_accept(ret);
}

/*
 * inet_accept() gives the new socket to the file that accept() returns: seen of a call, too,
 * that has waited since before the start, or beside so many that kretprobe has no room for
 * it.  Of an MPTCP socket the subflow is not met here.
 */
static __always_inline int on_graft(struct sock *sk)
{
	struct conn *c = conn_get(sk);

	if (c && c->who.how == HOW_ACCEPT && c->who.tid == (__u32)bpf_get_current_pid_tgid())
		return 0;
	return on_accept(sk);
}

SEC("?fentry/security_sock_graft")
int FUNC_PROG(graft_fentry, struct sock *sk)
{
	return on_graft(sk);
}

SEC("?kprobe/security_sock_graft")
int BPF_KPROBE(graft_kprobe, struct sock *sk)
{
	return on_graft(sk);
}

/*
 * The end of accept() where functions can't be hooked, for the time that it
 * took, and of each call that may have read.  Each system call of the machine
 * passes here: for `latency` only.
 */
SEC("?tp_btf/sys_exit")
int TP_PROG(call_end_tp, struct pt_regs *regs, long ret)
{
	lat_on_call();
	if (ret < 0 || !is_accept(regs, SYSCALL_NR(regs)))
		return 0;
	return on_accept(sock_of_fd(ret));
}

/* Processes get their credentials at fork and exec (where accept() itself is not seen). */
SEC("?tp_btf/sched_process_fork")
int TP_PROG(cred_forked, struct task_struct *parent, struct task_struct *child)
{
	cred_learn(child);
	return 0;
}

/* After commit_creds() (begin_new_exec()). */
SEC("?tp_btf/sched_process_exec")
int TP_PROG(cred_exec, struct task_struct *t)
{
	cred_learn(t);
	return 0;
}

/* A name changed: exec, or prctl(PR_SET_NAME). */
SEC("?tp_btf/task_rename")
int TP_PROG(renamed, struct task_struct *t)
{
	__sync_fetch_and_add(&rename_gen, 1);
	return 0;
}

/* Children of -- COMMAND belong to it. */
SEC("?tp_btf/sched_process_fork")
int TP_PROG(forked, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
	__u8 one = 1;

	if (from != to && bpf_map_lookup_elem(&tree, &from))
		bpf_map_update_elem(&tree, &to, &one, BPF_ANY);
	return 0;
}

#endif
