/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* System calls on sockets: which it is, its arguments, and the socket behind a descriptor. */
#ifndef TCPLENS_FD_BPF_H
#define TCPLENS_FD_BPF_H

#include "sock.bpf.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/*
 * System calls by number; those of 32-bit programs have others, and are left out.  The number is
 * read from what sys_exit hands over as it is: each system call of the machine is asked for it.
 */
#if defined(__TARGET_ARCH_x86)
#define NR_CONNECT 42
#define NR_ACCEPT 43
#define NR_ACCEPT4 288
#define SYSCALL_NR(r) ((long)(r)->orig_ax)
#define SYSCALL_ARG1(r) BPF_CORE_READ(r, di)
#define SYSCALL_ARG2(r) BPF_CORE_READ(r, si)
#define SYSCALL_ARG3(r) BPF_CORE_READ(r, dx)
#define IS_NATIVE(r) ((BPF_CORE_READ(r, cs) & 0xffff) == 0x33) /* __USER_CS */
#else
#define NR_CONNECT 203
#define NR_ACCEPT 202
#define NR_ACCEPT4 242
#define SYSCALL_NR(r) ((long)(r)->syscallno)
#define SYSCALL_ARG1(r) BPF_CORE_READ(r, orig_x0)
#define SYSCALL_ARG2(r) BPF_CORE_READ(r, regs[1])
#define SYSCALL_ARG3(r) BPF_CORE_READ(r, regs[2])
#define IS_NATIVE(r) (!(BPF_CORE_READ(r, pstate) & 0x10)) /* PSR_MODE32_BIT */
#endif

static __always_inline int is_accept(struct pt_regs *regs, long nr)
{
	return (nr == NR_ACCEPT4 || nr == NR_ACCEPT) && IS_NATIVE(regs);
}

/* struct mptcp_sock (5.6), as far as it is needed; where it is not built in, it has no BTF. */
struct mptcp_sock___first {
	struct sock *first;
} __attribute__((preserve_access_index));

/*
 * An MPTCP socket's first subflow is the TCP socket that the process's call
 * made or got (mptcp_connect(), mptcp_stream_accept()); others come later, by
 * themselves.
 */
static __always_inline struct sock *first_subflow(struct sock *sk)
{
	struct mptcp_sock___first *msk = (void *)sk;

	if (!bpf_core_field_exists(msk->first) || sk_protocol(sk) != IPPROTO_MPTCP)
		return sk;
	return sock_as(BPF_CORE_READ(msk, first));
}

/* The TCP socket behind a descriptor of the current process, or NULL. */
static __always_inline struct sock *sock_of_fd(__u32 fd)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(t, files, fdt);
	struct file **fds, *file = 0;
	struct socket *sock;
	struct sock *sk;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	fds = BPF_CORE_READ(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), fds + fd);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	sock = BPF_CORE_READ(file, private_data);
	sk = first_subflow(sock_as(BPF_CORE_READ(sock, sk)));
	return sk && sock_is_tcp(sk) ? sk : 0;
}

#endif
