/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What connect() returns: of attempts that never began, or whose end is known to it alone; and
 * accept(), where functions cannot be hooked.
 */
#ifndef TCPLENS_ATTEMPT_CALL_BPF_H
#define TCPLENS_ATTEMPT_CALL_BPF_H

#include "attempt_accept.bpf.h"
#include "fd.bpf.h"

/* Where connect() was to go, from its argument. */
static __always_inline int ends_wanted(struct ev_ends *e, struct sock *sk, void *uaddr, __u32 len)
{
	__u8 sa[28] = {};

	sock_ends(e, sk, 1);
	if (bpf_probe_read_user(sa, sizeof(sa), uaddr) && bpf_probe_read_user(sa, 16, uaddr))
		return 0;
	e->rport = sa[2] << 8 | sa[3];
	if (len < (*(__u16 *)sa == AF_INET6 ? 24 : 16)) /* EINVAL: no address (SIN6_LEN_RFC2133) */
		return 0;
	if (*(__u16 *)sa == AF_INET) {
		addr_from_v4(e->raddr, *(__be32 *)(sa + 4));
		e->ip = 4;
		if (!addr_is_v4(e->laddr))
			addr_from_v4(e->laddr, 0);
	} else if (*(__u16 *)sa == AF_INET6) {
		__builtin_memcpy(e->raddr, sa + 8, 16);
		e->ip = addr_is_v4(e->raddr) ? 4 : 6;
	} else {
		return 0; /* AF_UNSPEC */
	}
	return 1;
}

/* connect() failed before TCP did anything: no route, or policy does not let it. */
static __always_inline void attempt_stillborn(struct sock *sk, __u32 err, void *uaddr, __u32 len)
{
	struct attempt a = { .err = err };
	struct conn *c = conn_get(sk), none = {};
	struct ev_ends e;

	if (!ends_wanted(&e, sk, uaddr, len))
		return;
	if (!c) {
		struct task_struct *t = (void *)bpf_get_current_task();

		if (task_is_kernel(t))
			return;
		none.who.netns = sock_netns(sk);
		none.who.how = HOW_CONNECT;
		who_from_task(&none.who, t, &none.known);
		c = &none;
	}
	a.result = result_of(err);
	attempt_tell(&a, c, &e);
}

/*
 * connect() says how it ended, and no program has seen that.  By now
 * tcp_disconnect() has forgotten where it went, and what it sent.
 */
static __always_inline void attempt_unseen(struct sock *sk, struct attempt *a, __u32 err,
					   void *uaddr, __u32 len)
{
	struct ev_ends e;
	struct conn *c;

	if (!ends_wanted(&e, sk, uaddr, len))
		return;
	c = conn_get_or_add(sk);
	if (!c)
		return;
	a->err = err;
	a->result = a->bits & ATTEMPT_BLOCKED ? RESULT_BLOCKED : result_of(err);
	attempt_tell(a, c, &e);
}

/* What connect() returns besides the errno of an attempt. */
static __always_inline int is_no_attempt(__u32 err)
{
	return err == E_INPROGRESS || err == E_ALREADY || err == E_ISCONN || err == E_INTR ||
	       (err >= 512 && err <= 516); /* ERESTARTSYS … */
}

static __always_inline int on_connect_exit(__u32 fd, void *uaddr, __u32 len, long ret)
{
	struct sock *sk = sock_of_fd(fd);
	__u32 err = ret < 0 ? -ret : 0;
	struct attempt *a;

	if (!sk)
		return 0;
	a = attempt_get(sk);
	if (a && (a->bits & ATTEMPT_UNDECIDED)) {
		/* 0: it was connect(AF_UNSPEC). */
		a->err = err;
		attempt_end(sk, a, attempt_result(sk, a, err));
		attempt_del(sk);
		return 0;
	}
	if (!err) {
		if (a && !(a->bits & ATTEMPT_IN) && !state_is_undecided(RD(sk, __sk_common.skc_state)))
			attempt_late(sk, a);
		return 0;
	}
	if (is_no_attempt(err))
		return 0;
	if (!a) {
		if (RD(sk, __sk_common.skc_state) == ST_CLOSE)
			attempt_stillborn(sk, err, uaddr, len);
		return 0;
	}
	if (!(a->bits & ATTEMPT_TOLD)) {
		if (a->bits & ATTEMPT_IN || RD(sk, __sk_common.skc_state) != ST_CLOSE)
			return 0;
		attempt_unseen(sk, a, err, uaddr, len);
	}
	attempt_del(sk);
	return 0;
}

/* First of all: most system calls are not. */
static __always_inline int is_attempt_call(struct pt_regs *regs, long ret)
{
	long nr = SYSCALL_NR(regs);

	if (nr == NR_CONNECT)
		return ret <= 0 && IS_NATIVE(regs);
	return cfg.accept_by_exit && ret >= 0 && is_accept(regs, nr);
}

static __always_inline int on_attempt_call(struct pt_regs *regs, long ret)
{
	if (SYSCALL_NR(regs) == NR_CONNECT)
		return on_connect_exit(SYSCALL_ARG1(regs), (void *)SYSCALL_ARG2(regs),
				       SYSCALL_ARG3(regs), ret);
	return attempt_accepted(sock_of_fd(ret));
}

/*
 * Where a program can be left out here (nested.bpf.h), the kernel counts it whatever the call
 * was, so the second program has to count all of them, too.
 */
SEC("?tp_btf/sys_exit")
int TP_PROG(attempt_syscall, struct pt_regs *regs, long ret)
{
	int is = is_attempt_call(regs, ret);

	if (!is && !cfg.tp_preempts)
		return 0;
	twin_done(TWIN_ATTEMPT_SYSCALL, (void *)bpf_get_current_task());
	if (is)
		on_attempt_call(regs, ret);
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(attempt_syscall_nested, struct pt_regs *regs, long ret)
{
	int is = is_attempt_call(regs, ret);

	if (!is && !cfg.tp_preempts)
		return 0;
	if (!twin_wanted(TWIN_ATTEMPT_SYSCALL, (void *)bpf_get_current_task(), HOOK_ATTEMPT) || !is)
		return 0;
	return on_attempt_call(regs, ret);
}

#endif
