/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Numbers that the programs have from this kernel's type information, as what
 * stands for them in the object file until they are loaded (tracer/loader.c).
 *
 * libbpf would fill in both kinds itself (bpf_core_type_id_kernel(), __ksym),
 * but has to read all of the kernel's type information for that.
 */
#ifndef TCPLENS_KTYPES_H
#define TCPLENS_KTYPES_H

/* Structs that a pointer is cast to: AS() in read.bpf.h. */
#define KTYPES(X)                                                                              \
	X(cgroup)                                                                              \
	X(cred)                                                                                \
	X(css_set)                                                                             \
	X(file)                                                                                \
	X(in6_addr)                                                                            \
	X(in_device)                                                                           \
	X(in_ifaddr)                                                                           \
	X(inet_request_sock)                                                                   \
	X(kernfs_node)                                                                         \
	X(list_head)                                                                           \
	X(net)                                                                                 \
	X(net_device)                                                                          \
	X(request_sock)                                                                        \
	X(sk_buff)                                                                             \
	X(skb_shared_info)                                                                     \
	X(socket)                                                                              \
	X(task_struct)                                                                         \
	X(tcp_request_sock)                                                                    \
	X(tcp_skb_cb)                                                                          \
	X(tcp_sock)                                                                            \
	X(timespec64)

/* Functions of the kernel that are called. */
#define KFUNCS(X)                                                                              \
	X(bpf_rdonly_cast)                                                                     \
	X(bpf_dynptr_from_skb)                                                                 \
	X(bpf_preempt_disable)                                                                 \
	X(bpf_preempt_enable)                                                                  \
	X(bpf_local_irq_save)                                                                  \
	X(bpf_local_irq_restore)

#define KTYPE_FIRST 0x7c000000
#define KFUNC_FIRST 0x7d000000

#define KTYPE_ENUM(name) KTYPE_##name,
#define KFUNC_ENUM(name) KFUNC_##name,

enum ktype { KTYPE_BEFORE = KTYPE_FIRST - 1, KTYPES(KTYPE_ENUM) KTYPE_END };
enum kfunc { KFUNC_BEFORE = KFUNC_FIRST - 1, KFUNCS(KFUNC_ENUM) KFUNC_END };

#endif
