// SPDX-License-Identifier: BSD-2-Clause
#include "hooks.h"

#include <errno.h>
#include <string.h>

#include "event.h"

#define TP(p, t, ...) { .prog = p, .target = t, .kind = ATTACH_TP, __VA_ARGS__ }
#define FENTRY(p, t, ...) { .prog = p, .target = t, .kind = ATTACH_FENTRY, __VA_ARGS__ }
#define FEXIT(p, t, ...) { .prog = p, .target = t, .kind = ATTACH_FEXIT, __VA_ARGS__ }
#define KPROBE(p, t, ...) { .prog = p, .target = t, .kind = ATTACH_KPROBE, __VA_ARGS__ }
#define KRETPROBE(p, t, ...) { .prog = p, .target = t, .kind = ATTACH_KRETPROBE, __VA_ARGS__ }

#define ACCEPT_WAITING "accept() that waits already when tracing begins"
/* What does not pass security_sock_graft(): inet_accept() alone calls it, with the socket that it returns. */
#define ACCEPT_ELSEWHERE "accept() by the kernel, or of an MPTCP connection"
#define UNTIL_USED ": until its first send or receive the connection counts as its listener's"
#define NO_V6 "segments of IPv6 connections"
#define NO_TW "segments received in TIME-WAIT"
#define NO_FINAL "a final ACK that makes no connection: a full accept queue, TCP_DEFER_ACCEPT"
#define NO_REQ "repeated SYNs and resets for a connection request"
#define NO_DROP "received segments that no socket wants (closed ports)"
/* A SYN waits for its answer, the reset. */
#define NO_DROP_TP "received segments other than SYNs that no socket wants (closed ports)"

#define NO_IPSEC_OUT "segments sent through IPsec"

#define OUT_DEV TP("out_dev", "net_dev_queue")
/* 6.13: ip_send_unicast_reply() is told the socket that the reply is in the name of. */
#define OUT_ANSWER                                                                        \
	TP("out_answer", "tcp_send_reset", .without = "", .needs_func = "ip_send_unicast_reply", \
	   .needs_args = 10)
#define IN_NAME \
	TP("in_name", "netif_receive_skb", .without = "names of the devices that packets arrive at")
#define IN_DROPPED(w) TP("in_dropped", "kfree_skb", .needs_enum = "skb_drop_reason", .without = w)

#define ATTEMPT_STATE TP("attempt_state", "inet_sock_set_state")
#define ATTEMPT_GONE TP("attempt_gone", "tcp_destroy_sock")
#define ATTEMPT_SYSCALL \
	TP("attempt_syscall", "sys_exit", .without = "connects that fail before a SYN is made")
#define ATTEMPT_DROPPED                                                   \
	TP("attempt_dropped", "kfree_skb", .needs_enum = "skb_drop_reason", \
	   .without = "that the firewall drops a SYN (shown as timeout)")
/* Second programs (nested.bpf.h): attached behind the first, of fentry and fexit before it. */
#define ATTEMPT_NESTED                                                                  \
	TP("attempt_state_nested", "inet_sock_set_state", .nested = true),                   \
		TP("attempt_syscall_nested", "sys_exit", .nested = true, .without = ""),      \
		TP("attempt_dropped_nested", "kfree_skb", .needs_enum = "skb_drop_reason",    \
		   .nested = true, .without = "")
#define ATTEMPT_SYN TP("attempt_syn", "netif_receive_skb")
#define LOSS_PROGS                                                                          \
	TP("loss_gone", "tcp_destroy_sock"), TP("loss_retransmit", "tcp_retransmit_skb"),    \
		TP("loss_synack", "tcp_retransmit_synack"), TP("loss_drop", "kfree_skb"),      \
		TP("loss_reset_out", "tcp_send_reset"), TP("loss_reset_in", "tcp_receive_reset"), \
		TP("loss_closed", "inet_sock_set_state"), TP("loss_window_in", "tcp_probe"),    \
		TP("loss_window_out", "net_dev_queue")
#define LOSS_BLIND                                                                 \
	"resets received by a request, in TIME-WAIT or by nobody; a peer's window that " \
	"opens after our own FIN; on kernels before 6.12 resets sent in answer to a segment for no socket or in TIME-WAIT; " \
	"on kernels before 6.11 whose the data is that finds no room or window, even its namespace (a filter " \
	"leaves it out); on kernels before 6.18 retransmits that this host itself drops (the drops are told)"
#define NO_URING "connects by io_uring or a 32-bit program that fail before a SYN is made"
#define NO_GROUP "; SYNs that a full accept queue refuses, where several sockets listen (SO_REUSEPORT)"

#define NO_HALF "data that arrives with the handshake's last ACK or after our own FIN, as to when it is read"
#define NO_CONG "the beginning of loss recovery (known one segment later, or when one is sent again)"
#define FLOW_SEGMENT TP("flow_segment_tp", "tcp_probe")
#define FLOW_READ TP("flow_read_tp", "tcp_rcv_space_adjust")
#define FLOW_CALL TP("call_recv_tp", "sock_recv_length", .without = "")
#define FLOW_XMIT TP("flow_xmit_tp", "net_dev_queue")
#define FLOW_CONG TP("flow_cong_tp", "tcp_cong_state_set", .without = NO_CONG)
#define FLOW_RETRANS TP("flow_retrans_tp", "tcp_retransmit_skb", .instead_of = "flow_cong_tp")
#define FLOW_RESET TP("flow_reset_tp", "tcp_receive_reset")

#define STATE_CHANGE TP("state_change", "inet_sock_set_state")
#define STATE_NESTED TP("state_nested", "inet_sock_set_state", .nested = true)
#define SOCK_GONE TP("sock_gone", "tcp_destroy_sock")
#define GONE_NESTED TP("gone_nested", "tcp_destroy_sock", .nested = true)

const struct hook hooks[] = {
	{
		.name = "segment-out",
		.records = HOOK_SEG_OUT,
		.what = "sent segments",
		.need = NEED_SEGMENTS,
		.unless = NEED_DEVICE,
		.progs = {
			[BACKEND_FENTRY] = {
				FENTRY("out4_nested", "ip_queue_xmit", .nested = true),
				FENTRY("out4_fentry", "ip_queue_xmit"),
				FENTRY("out6_nested", "inet6_csk_xmit", .nested = true, .without = ""),
				FENTRY("out6_fentry", "inet6_csk_xmit", .without = NO_V6),
				OUT_DEV,
				OUT_ANSWER,
			},
			[BACKEND_KPROBE] = {
				KPROBE("out4_kprobe", "ip_queue_xmit"),
				KPROBE("out6_kprobe", "inet6_csk_xmit", .without = NO_V6),
				OUT_DEV,
				OUT_ANSWER,
			},
			[BACKEND_TRACEPOINT] = { OUT_DEV },
		},
		.blind = {
			[BACKEND_FENTRY] = "MAC addresses, TTL and DSCP of what full sockets send",
			[BACKEND_KPROBE] = "MAC addresses, TTL and DSCP of what full sockets send",
			[BACKEND_TRACEPOINT] = NO_IPSEC_OUT,
		},
	},
	{
		.name = "packet-out",
		.records = HOOK_SEG_OUT,
		.what = "sent segments with all of their headers",
		.need = NEED_DEVICE,
		.progs = {
			[BACKEND_FENTRY] = { OUT_DEV },
			[BACKEND_KPROBE] = { OUT_DEV },
			[BACKEND_TRACEPOINT] = { OUT_DEV },
		},
		.blind = {
			[BACKEND_FENTRY] = NO_IPSEC_OUT,
			[BACKEND_KPROBE] = NO_IPSEC_OUT,
			[BACKEND_TRACEPOINT] = NO_IPSEC_OUT,
		},
	},
	{
		.name = "segment-in",
		.records = HOOK_SEG_IN,
		.what = "received segments",
		.need = NEED_SEGMENTS,
		.progs = {
			[BACKEND_FENTRY] = {
				FENTRY("in_est_nested", "tcp_rcv_established", .nested = true),
				FENTRY("in_est_fentry", "tcp_rcv_established"),
				FENTRY("in_state_nested", "tcp_rcv_state_process", .nested = true),
				FENTRY("in_state_fentry", "tcp_rcv_state_process"),
				FENTRY("in_tw_fentry", "tcp_timewait_state_process", .without = NO_TW),
				FENTRY("in_req_fentry", "tcp_check_req", .without = NO_REQ),
				FEXIT("in_req5_fexit", "tcp_check_req", .nargs = 5,
				      .without = ""),
				FEXIT("in_req6_fexit", "tcp_check_req", .nargs = 6,
				      .without = NO_FINAL, .instead_of = "in_req5_fexit"),
				IN_DROPPED(NO_DROP),
			},
			[BACKEND_KPROBE] = {
				KPROBE("in_est_kprobe", "tcp_rcv_established"),
				KPROBE("in_state_kprobe", "tcp_rcv_state_process"),
				KPROBE("in_tw_kprobe", "tcp_timewait_state_process", .without = NO_TW),
				KPROBE("in_req_kprobe", "tcp_check_req", .without = NO_REQ),
				KRETPROBE("in_req_kretprobe", "tcp_check_req", .without = NO_FINAL),
				IN_DROPPED(NO_DROP),
			},
			[BACKEND_TRACEPOINT] = {
				TP("in_dev", "netif_receive_skb"),
				TP("in_refused", "tcp_send_reset",
				   .without = "what a listener refuses that cannot be told from the packet"),
				IN_DROPPED(NO_DROP_TP),
			},
		},
		.blind = {
			/* What is left out is told since 6.7: source_live.c. */
			[BACKEND_KPROBE] =
				"on kernels before 6.7, and not counted as lost, what an interrupt "
				"handles while it interrupts a program",
			[BACKEND_TRACEPOINT] =
				"what a listener drops without an answer, if several processes listen "
				"there or its address is not one of the device's first 16, "
				"segments received behind IPsec, or through a macvlan or VLAN device whose "
				"parent is in another namespace",
		},
	},
	{
		.name = "device-names",
		.records = -1,
		.what = "names of the devices that packets arrive at",
		.need = NEED_RAW,
		.progs = {
			[BACKEND_FENTRY] = { IN_NAME },
			[BACKEND_KPROBE] = { IN_NAME },
		},
	},
	{
		.name = "request",
		.records = -1,
		.what = "connection requests (whose listener a new socket comes from)",
		.need = NEED_STATES | NEED_TRACKS | NEED_CONNECT | NEED_LOSS,
		.progs = {
			[BACKEND_FENTRY] = { OUT_DEV },
			[BACKEND_KPROBE] = { OUT_DEV },
			[BACKEND_TRACEPOINT] = { OUT_DEV },
		},
	},
	{
		.name = "loss",
		.records = HOOK_LOSS,
		.what = "retransmits, drops, resets, closed windows",
		.need = NEED_LOSS,
		.progs = {
			[BACKEND_FENTRY] = { LOSS_PROGS },
			[BACKEND_KPROBE] = { LOSS_PROGS },
			[BACKEND_TRACEPOINT] = { LOSS_PROGS },
		},
		.blind = {
			[BACKEND_FENTRY] = LOSS_BLIND,
			[BACKEND_KPROBE] = LOSS_BLIND,
			[BACKEND_TRACEPOINT] = LOSS_BLIND,
		},
	},
	{
		/* Before the hook "state", which does away with what these look at. */
		.name = "attempt",
		.records = HOOK_ATTEMPT,
		.what = "attempts to connect, in and out",
		.need = NEED_CONNECT,
		.progs = {
			[BACKEND_FENTRY] = {
				ATTEMPT_STATE, ATTEMPT_GONE, ATTEMPT_SYSCALL, ATTEMPT_DROPPED, ATTEMPT_SYN,
				FEXIT("attempt_accept4_nested", "inet_csk_accept", .nargs = 4,
				      .nested = true, .without = ""),
				FEXIT("attempt_accept2_nested", "inet_csk_accept", .nargs = 2,
				      .nested = true, .without = "", .instead_of = "attempt_accept4_nested"),
				FEXIT("attempt_accept4", "inet_csk_accept", .nargs = 4, .without = ""),
				FEXIT("attempt_accept2", "inet_csk_accept", .nargs = 2,
				      .without = "the end of the wait for " ACCEPT_ELSEWHERE,
				      .instead_of = "attempt_accept4"),
				FENTRY("attempt_graft_fentry", "security_sock_graft",
				       .without = ACCEPT_WAITING),
			},
			[BACKEND_KPROBE] = {
				ATTEMPT_STATE, ATTEMPT_GONE, ATTEMPT_SYSCALL, ATTEMPT_DROPPED, ATTEMPT_SYN,
				KRETPROBE("attempt_accept_ret", "inet_csk_accept"),
				KPROBE("attempt_graft_kprobe", "security_sock_graft",
				       .without = ACCEPT_WAITING),
			},
			[BACKEND_TRACEPOINT] = {
				ATTEMPT_STATE, ATTEMPT_GONE, ATTEMPT_SYSCALL, ATTEMPT_DROPPED, ATTEMPT_SYN,
			},
		},
		.blind = {
			[BACKEND_FENTRY] = NO_URING NO_GROUP,
			[BACKEND_KPROBE] = NO_URING NO_GROUP,
			[BACKEND_TRACEPOINT] = NO_URING "; the moment of an accept() by such (its queue_us is an "
							"upper bound)" NO_GROUP,
		},
	},
	{
		.name = "attempt-nested",
		.records = HOOK_ATTEMPT,
		.what = "attempts to connect, in an interrupt of another",
		.need = NEED_CONNECT,
		.progs = {
			[BACKEND_FENTRY] = { ATTEMPT_NESTED },
			[BACKEND_KPROBE] = { ATTEMPT_NESTED },
			[BACKEND_TRACEPOINT] = { ATTEMPT_NESTED },
		},
	},
	{
		.name = "state",
		.records = HOOK_STATE,
		.what = "state changes",
		.need = NEED_ANY,
		.progs = {
			[BACKEND_FENTRY] = { STATE_CHANGE },
			[BACKEND_KPROBE] = { STATE_CHANGE },
			[BACKEND_TRACEPOINT] = { STATE_CHANGE },
		},
	},
	{
		.name = "state-nested",
		.records = HOOK_STATE,
		.what = "state changes in an interrupt of another",
		.need = NEED_STATES | NEED_TRACKS,
		.progs = {
			[BACKEND_FENTRY] = { STATE_NESTED },
			[BACKEND_KPROBE] = { STATE_NESTED },
			[BACKEND_TRACEPOINT] = { STATE_NESTED },
		},
	},
	{
		/* `life` makes up there for changes that were not seen: missed here, its record is lost. */
		.name = "end",
		.records = HOOK_LIFE,
		.what = "the end of a socket",
		.need = NEED_ANY,
		.progs = {
			[BACKEND_FENTRY] = { SOCK_GONE },
			[BACKEND_KPROBE] = { SOCK_GONE },
			[BACKEND_TRACEPOINT] = { SOCK_GONE },
		},
	},
	{
		.name = "end-nested",
		.records = HOOK_LIFE,
		.what = "the end of a socket in an interrupt of another's",
		.need = NEED_LIFE,
		.progs = {
			[BACKEND_FENTRY] = { GONE_NESTED },
			[BACKEND_KPROBE] = { GONE_NESTED },
			[BACKEND_TRACEPOINT] = { GONE_NESTED },
		},
	},
	{
		.name = "flow-in",
		.records = -1,
		.what = "data that arrives and is acknowledged, in connections that are followed",
		.need = NEED_TRACKS,
		.progs = {
			[BACKEND_FENTRY] = {
				FLOW_SEGMENT,
				FENTRY("flow_segment_fentry", "tcp_rcv_state_process", .without = NO_HALF),
			},
			[BACKEND_KPROBE] = {
				FLOW_SEGMENT,
				KPROBE("flow_segment_kprobe", "tcp_rcv_state_process", .without = NO_HALF),
			},
			[BACKEND_TRACEPOINT] = {
				FLOW_SEGMENT,
				TP("flow_ready_tp", "sk_data_ready", .without = NO_HALF),
			},
		},
		.blind = { [BACKEND_TRACEPOINT] = "round trips after the peer's FIN" },
	},
	{
		.name = "flow-read",
		.records = -1,
		.what = "data that is read, in connections that are followed",
		.need = NEED_TRACKS,
		.progs = {
			[BACKEND_FENTRY] = { FLOW_READ },
			[BACKEND_KPROBE] = { FLOW_READ },
			[BACKEND_TRACEPOINT] = { FLOW_READ },
		},
	},
	{
		.name = "flow-call",
		.records = -1,
		.what = "where a call that reads begins",
		.need = NEED_LATENCY,
		.progs = {
			[BACKEND_FENTRY] = {
				FENTRY("call_recv_fentry", "tcp_recvmsg"),
				FENTRY("call_splice_fentry", "tcp_splice_read"),
				FENTRY("call_map_fentry", "tcp_getsockopt"),
				FLOW_CALL,
			},
			[BACKEND_KPROBE] = {
				KPROBE("call_recv_kprobe", "tcp_recvmsg"),
				KPROBE("call_splice_kprobe", "tcp_splice_read"),
				KPROBE("call_map_kprobe", "tcp_getsockopt"),
				FLOW_CALL,
			},
			[BACKEND_TRACEPOINT] = { FLOW_CALL },
		},
	},
	{
		.name = "flow-end",
		.records = -1,
		.what = "loss recovery, and who resets",
		.need = NEED_LIFE,
		.progs = {
			[BACKEND_FENTRY] = { FLOW_CONG, FLOW_RETRANS, FLOW_RESET },
			[BACKEND_KPROBE] = { FLOW_CONG, FLOW_RETRANS, FLOW_RESET },
			[BACKEND_TRACEPOINT] = { FLOW_CONG, FLOW_RETRANS, FLOW_RESET },
		},
	},
	{
		.name = "flow-out",
		.records = -1,
		.what = "data that is handed to the kernel, and sent",
		.need = NEED_LATENCY,
		.progs = {
			[BACKEND_FENTRY] = {
				FENTRY("flow_send_fentry", "tcp_sendmsg"),
				FLOW_XMIT,
			},
			[BACKEND_KPROBE] = {
				KPROBE("flow_send_kprobe", "tcp_sendmsg"),
				FLOW_XMIT,
			},
			[BACKEND_TRACEPOINT] = {
				TP("flow_send_tp", "tcp_sendmsg_locked",
				   .without = "time in the send queue (this kernel has no tracepoint for it)"),
				TP("flow_sent_tp", "sock_send_length",
				   .without = ""),
				FLOW_XMIT,
			},
		},
	},
	{
		.name = "accept",
		.records = -1,
		.what = "owner: who accepts",
		.need = NEED_ANY,
		.progs = {
			[BACKEND_FENTRY] = {
				FEXIT("accept4_fexit", "inet_csk_accept", .nargs = 4,
				      .without = ""),
				FEXIT("accept2_fexit", "inet_csk_accept", .nargs = 2,
				      .without = ACCEPT_ELSEWHERE UNTIL_USED,
				      .instead_of = "accept4_fexit"),
				FENTRY("graft_fentry", "security_sock_graft",
				       .without = ACCEPT_WAITING UNTIL_USED),
			},
			/* kretprobe's maxactive, which also those need that wait in accept(). */
			[BACKEND_KPROBE] = {
				KRETPROBE("accept_kretprobe", "inet_csk_accept"),
				KPROBE("graft_kprobe", "security_sock_graft",
				       .without = ACCEPT_WAITING
				       ", or beside too many that wait (two per CPU, at least ten; on "
				       "kernels before 6.2 that are not preemptible one per CPU)" UNTIL_USED),
			},
			[BACKEND_TRACEPOINT] = {
				TP("cred_forked", "sched_process_fork"),
				TP("cred_exec", "sched_process_exec"),
			},
		},
		.blind = {
			[BACKEND_TRACEPOINT] = "accept() by a process that has changed its user since: until "
					       "its first send, receive or close the connection counts as its "
					       "listener's",
		},
	},
	{
		.name = "accept-time",
		.records = -1,
		.what = "when accept() returns",
		.need = NEED_LATENCY,
		.progs = {
			[BACKEND_TRACEPOINT] = {
				TP("call_end_tp", "sys_exit", .without = "time in the accept queue"),
			},
		},
		.blind = { [BACKEND_TRACEPOINT] = "time in the accept queue, of accept() by io_uring" },
	},
	{
		.name = "send",
		.records = -1,
		.what = "owner: who sends",
		.need = NEED_ANY,
		.progs = {
			[BACKEND_FENTRY] = {
				FENTRY("send_fentry", "tcp_sendmsg"),
				FENTRY("sendpage_fentry", "tcp_sendpage", .without = ""),
			},
			[BACKEND_KPROBE] = {
				KPROBE("send_kprobe", "tcp_sendmsg"),
				KPROBE("sendpage_kprobe", "tcp_sendpage", .without = ""),
			},
			[BACKEND_TRACEPOINT] = {
				TP("send_locked_tp", "tcp_sendmsg_locked", .without = ""),
				TP("send_tp", "sock_send_length", .instead_of = "send_locked_tp",
				   .without = "a new owner that only sends (this kernel has no tracepoint for it)"),
			},
		},
	},
	{
		.name = "receive",
		.records = -1,
		.what = "owner: who receives",
		.need = NEED_ANY,
		.progs = {
			[BACKEND_FENTRY] = {
				FENTRY("recv_fentry", "tcp_recvmsg"),
				FENTRY("splice_fentry", "tcp_splice_read", .without = ""),
			},
			[BACKEND_KPROBE] = {
				KPROBE("recv_kprobe", "tcp_recvmsg"),
				KPROBE("splice_kprobe", "tcp_splice_read", .without = ""),
			},
			[BACKEND_TRACEPOINT] = {
				TP("recv_space_tp", "tcp_rcv_space_adjust"),
				TP("recv_tp", "sock_recv_length", .without = ""),
			},
		},
	},
	{
		.name = "rename",
		.records = -1,
		.what = "processes that change their name",
		.need = NEED_ANY,
		.progs = {
			[BACKEND_FENTRY] = { TP("renamed", "task_rename") },
			[BACKEND_KPROBE] = { TP("renamed", "task_rename") },
			[BACKEND_TRACEPOINT] = { TP("renamed", "task_rename") },
		},
	},
	{
		.name = "children",
		.records = -1,
		.what = "processes that the traced command starts",
		.need = NEED_CHILDREN,
		.progs = {
			[BACKEND_FENTRY] = { TP("forked", "sched_process_fork") },
			[BACKEND_KPROBE] = { TP("forked", "sched_process_fork") },
			[BACKEND_TRACEPOINT] = { TP("forked", "sched_process_fork") },
		},
	},
};

const size_t hooks_n = sizeof(hooks) / sizeof(hooks[0]);

static const char *const backends[] = { "fentry", "kprobe", "tracepoint", "auto" };

const char *backend_name(enum backend b)
{
	return backends[b];
}

int backend_parse(const char *name, enum backend *b)
{
	for (int i = 0; i <= BACKEND_AUTO; i++) {
		if (!strcmp(name, backends[i])) {
			*b = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *attach_kind_name(enum attach_kind k)
{
	static const char *const names[] = { "fentry", "fexit", "kprobe", "kretprobe",
					     "tracepoint" };

	return names[k];
}
