/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Attempts that wait in an accept queue: accept() returns them. */
#ifndef TCPLENS_ATTEMPT_ACCEPT_BPF_H
#define TCPLENS_ATTEMPT_ACCEPT_BPF_H

#include "attempt.bpf.h"
#include "nested.bpf.h"

static __always_inline int attempt_accepted(struct sock *sk)
{
	struct attempt none = { .bits = ATTEMPT_IN }, *a;
	struct conn *c;

	if (!sk || !sock_is_tcp(sk))
		return 0;
	c = conn_get_or_add(sk);
	if (c && c->who.how != HOW_KERNEL && c->who.how != HOW_ACCEPT &&
	    !task_is_kernel((void *)bpf_get_current_task()))
		conn_own(c->num, HOW_ACCEPT);
	a = attempt_get(sk);
	if (!a) {
		/* It waited before tracing began. */
		a = &none;
		attempt_end(sk, a, RESULT_OK);
		return 0;
	}
	/* By attempt_used(), at this moment perhaps: it stays until attempt_gone(). */
	if (!attempt_claim(a))
		return 0;
	if (!a->est_ns && !(a->bits & ATTEMPT_OLD)) /* Fast Open: accepted before the final ACK */
		a->bits |= ATTEMPT_TFO;
	attempt_end(sk, a, a->err ? RESULT_RESET : RESULT_OK);
	attempt_del(sk);
	return 0;
}

static __always_inline int attempt_accepted_first(struct sock *ret)
{
	twin_done(TWIN_ATTEMPT_ACCEPT, (void *)bpf_get_current_task());
	attempt_accepted(ret);
	return 0;
}

static __always_inline int attempt_accepted_nested(struct sock *ret)
{
	if (!twin_wanted(TWIN_ATTEMPT_ACCEPT, (void *)bpf_get_current_task(), HOOK_ATTEMPT))
		return 0;
	return attempt_accepted(ret);
}

SEC("?fexit/inet_csk_accept")
int FUNC_PROG(attempt_accept4, struct sock *sk, int flags, int *err, bool kern, struct sock *ret)
{
	return attempt_accepted_first(ret);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(attempt_accept4_nested, struct sock *sk, int flags, int *err, bool kern,
	     struct sock *ret)
{
	return attempt_accepted_nested(ret);
}

SEC("?fexit/inet_csk_accept")
int FUNC_PROG(attempt_accept2, struct sock *sk, void *arg, struct sock *ret)
{
	return attempt_accepted_first(ret);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(attempt_accept2_nested, struct sock *sk, void *arg, struct sock *ret)
{
	return attempt_accepted_nested(ret);
}

SEC("?kretprobe/inet_csk_accept")
int BPF_KRETPROBE(attempt_accept_ret, struct sock *ret)
{
	return attempt_accepted(ret);
}

/* As on_graft() in io.bpf.h: what the return of inet_csk_accept() has told is not there any more. */
static __always_inline int attempt_grafted(struct sock *sk)
{
	sk = sock_as(sk);
	return attempt_get(sk) ? attempt_accepted(sk) : 0;
}

SEC("?fentry/security_sock_graft")
int FUNC_PROG(attempt_graft_fentry, struct sock *sk)
{
	return attempt_grafted(sk);
}

SEC("?kprobe/security_sock_graft")
int BPF_KPROBE(attempt_graft_kprobe, struct sock *sk)
{
	return attempt_grafted(sk);
}

#endif
