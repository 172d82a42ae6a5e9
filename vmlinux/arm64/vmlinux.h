/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Made by scripts/gen-vmlinux from vmlinux/types.list, for arm64.
 * Kernel: vmlinuz-6.1.0-56-cloud-arm64, vmlinuz.  Do not edit: vmlinux/README.md.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter_meta;
struct cgroup;
struct cgroup_subsys_state;
struct cred;
struct css_set;
struct fdtable;
struct file;
struct files_struct;
struct in_device;
struct in_ifaddr;
struct inet6_dev;
struct inet_timewait_sock;
struct inode;
struct kernfs_node;
struct list_head;
struct net;
struct net_device;
struct request_sock;
struct seq_file;
struct sock;
struct sock_common;
struct socket;
struct task_struct;

typedef unsigned char __u8;
typedef short unsigned int __u16;
typedef unsigned int __u32;
typedef long long unsigned int __u64;
typedef signed char __s8;
typedef short int __s16;
typedef int __s32;
typedef long long int __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;
typedef long unsigned int __kernel_ulong_t;
typedef __kernel_ulong_t __kernel_size_t;
typedef __kernel_size_t size_t;

struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};
_Static_assert(sizeof(struct user_pt_regs) == 272, "user_pt_regs");

struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			u64 regs[31];
			u64 sp;
			u64 pc;
			u64 pstate;
		};
	};
	u64 orig_x0;
	s32 syscallno;
};

struct bpf_iter_meta {
	union {
		struct seq_file *seq;
	};
	u64 session_id;
	u64 seq_num;
};
_Static_assert(sizeof(struct bpf_iter_meta) == 24, "bpf_iter_meta");

struct bpf_iter__task {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct task_struct *task;
	};
};
_Static_assert(sizeof(struct bpf_iter__task) == 16, "bpf_iter__task");

struct bpf_iter__task_file {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct task_struct *task;
	};
	u32 fd;
	union {
		struct file *file;
	};
};
_Static_assert(sizeof(struct bpf_iter__task_file) == 32, "bpf_iter__task_file");

typedef unsigned int __kernel_uid32_t;
typedef __kernel_uid32_t uid_t;

struct bpf_iter__tcp {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct sock_common *sk_common;
	};
	uid_t uid;
};
_Static_assert(sizeof(struct bpf_iter__tcp) == 24, "bpf_iter__tcp");

enum bpf_map_type {
	BPF_MAP_TYPE_UNSPEC = 0,
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_SOCKMAP = 15,
	BPF_MAP_TYPE_CPUMAP = 16,
	BPF_MAP_TYPE_XSKMAP = 17,
	BPF_MAP_TYPE_SOCKHASH = 18,
	BPF_MAP_TYPE_CGROUP_STORAGE = 19,
	BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = 20,
	BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE = 21,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_DEVMAP_HASH = 25,
	BPF_MAP_TYPE_STRUCT_OPS = 26,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_INODE_STORAGE = 28,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
	BPF_MAP_TYPE_BLOOM_FILTER = 30,
	BPF_MAP_TYPE_USER_RINGBUF = 31,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_CURRENT_CPU = 4294967295,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

struct iphdr {
	__u8 ihl: 4;
	__u8 version: 4;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__sum16 check;
	union {
		struct {
			__be32 saddr;
			__be32 daddr;
		};
		struct {
			__be32 saddr;
			__be32 daddr;
		} addrs;
	};
};
_Static_assert(sizeof(struct iphdr) == 20, "iphdr");

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be16 u6_addr16[8];
		__be32 u6_addr32[4];
	} in6_u;
};
_Static_assert(sizeof(struct in6_addr) == 16, "in6_addr");

struct ipv6hdr {
	__u8 priority: 4;
	__u8 version: 4;
	__u8 flow_lbl[3];
	__be16 payload_len;
	__u8 nexthdr;
	__u8 hop_limit;
	union {
		struct {
			struct in6_addr saddr;
			struct in6_addr daddr;
		};
		struct {
			struct in6_addr saddr;
			struct in6_addr daddr;
		} addrs;
	};
};
_Static_assert(sizeof(struct ipv6hdr) == 40, "ipv6hdr");

typedef __s64 time64_t;

struct timespec64 {
	time64_t tv_sec;
	long int tv_nsec;
};
_Static_assert(sizeof(struct timespec64) == 16, "timespec64");

struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u16 res1: 4;
	__u16 doff: 4;
	__u16 fin: 1;
	__u16 syn: 1;
	__u16 rst: 1;
	__u16 psh: 1;
	__u16 ack: 1;
	__u16 urg: 1;
	__u16 ece: 1;
	__u16 cwr: 1;
	__be16 window;
	__sum16 check;
	__be16 urg_ptr;
};
_Static_assert(sizeof(struct tcphdr) == 20, "tcphdr");

typedef unsigned int sk_buff_data_t;

struct sk_buff {
	union {
		struct {
			union {
				struct net_device *dev;
			};
		};
	};
	struct sock *sk;
	char cb[48];
	union {
		struct {
			long unsigned int _skb_refdst;
		};
	};
	unsigned int len;
	unsigned int data_len;
	__u8 cloned: 1;
	union {
		struct {
			__u8 pkt_type: 3;
			__u8 ip_summed: 2;
			__u8 tc_skip_classify: 1;
			__u8 from_ingress: 1;
			int skb_iif;
			__be16 protocol;
			__u16 transport_header;
			__u16 network_header;
			__u16 mac_header;
		};
	};
	sk_buff_data_t end;
	unsigned char *head;
	unsigned char *data;
};

struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
	union {
		struct {
			u16 tcp_gso_segs;
		};
	};
	__u8 tcp_flags;
	__u32 ack_seq;
};

struct skb_shared_info {
	short unsigned int gso_segs;
};

struct dst_entry {
	union {
		struct net_device *dev;
	};
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	char name[16];
	unsigned int flags;
	long long unsigned int priv_flags;
	int ifindex;
	struct in_device *ip_ptr;
	struct inet6_dev *ip6_ptr;
	possible_net_t nd_net;
};

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};
_Static_assert(sizeof(struct list_head) == 16, "list_head");

struct in_device {
	struct in_ifaddr *ifa_list;
};

struct in_ifaddr {
	struct in_ifaddr *ifa_next;
	__be32 ifa_local;
};

struct inet6_dev {
	struct list_head addr_list;
};

struct inet6_ifaddr {
	struct in6_addr addr;
	struct list_head if_list;
};

enum skb_drop_reason {
	SKB_DROP_REASON_NOT_SPECIFIED = 1,
	SKB_DROP_REASON_NO_SOCKET = 2,
	SKB_DROP_REASON_NETFILTER_DROP = 7,
	SKB_DROP_REASON_BPF_CGROUP_EGRESS = 38,
	SKB_DROP_REASON_OTHERHOST = 8,
	SKB_DROP_REASON_QUEUE_PURGE = 103,
	SKB_CONSUMED = 1,
};

enum {
	IPPROTO_TCP = 6,
};

typedef __u64 __addrpair;
typedef __u32 __portpair;

struct sock_common {
	union {
		__addrpair skc_addrpair;
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		__portpair skc_portpair;
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	short unsigned int skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only: 1;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	union {
		long unsigned int skc_flags;
		struct sock *skc_listener;
	};
};

struct sock {
	struct sock_common __sk_common;
	u8 sk_kern_sock: 1;
	u16 sk_type;
	u16 sk_protocol;
	int sk_err;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	u8 sk_shutdown;
	struct socket *sk_socket;
};

enum sock_flags {
	SOCK_DONE = 1,
};

struct inet_sock {
	__be16 inet_sport;
};

struct tcp_options_received {
	u16 snd_wscale: 4;
	u16 rcv_wscale: 4;
};

struct minmax_sample {
	u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct request_sock_queue {
	u8 rskq_defer_accept;
};

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
	__u8 icsk_ca_state: 5;
	__u8 icsk_retransmits;
	__u8 icsk_pending;
};

struct tcp_sock {
	u64 bytes_received;
	u32 segs_in;
	u32 data_segs_in;
	u32 rcv_nxt;
	u32 copied_seq;
	u32 snd_nxt;
	u32 segs_out;
	u32 data_segs_out;
	u64 bytes_sent;
	u64 bytes_acked;
	u32 snd_una;
	u32 rcv_tstamp;
	u32 chrono_start;
	u32 chrono_stat[3];
	u8 chrono_type: 2;
	u8 syn_data: 1;
	u8 syn_fastopen: 1;
	u32 srtt_us;
	struct minmax rtt_min;
	struct tcp_options_received rx_opt;
	u32 snd_ssthresh;
	u32 snd_cwnd;
	u32 prior_cwnd;
	u32 write_seq;
	u64 bytes_retrans;
	u32 total_retrans;
	bool is_mptcp;
	struct request_sock *fastopen_rsk;
};

struct request_sock {
	struct sock_common __req_common;
	u8 num_retrans;
};

struct inet_request_sock {
	struct request_sock req;
	u16 snd_wscale: 4;
	u16 rcv_wscale: 4;
};

struct tcp_request_sock {
	struct inet_request_sock req;
	bool tfo_listener;
	u32 rcv_isn;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	uid_t val;
} kuid_t;

struct cred {
	kuid_t euid;
};

typedef int __kernel_pid_t;
typedef __kernel_pid_t pid_t;

struct task_struct {
	unsigned int flags;
	pid_t pid;
	pid_t tgid;
	struct task_struct *group_leader;
	const struct cred *cred;
	char comm[16];
	struct files_struct *files;
	struct css_set *cgroups;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct kernfs_node {
	u64 id;
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct file {
	struct inode *f_inode;
	const struct cred *f_cred;
	void *private_data;
};

typedef short unsigned int umode_t;

struct inode {
	umode_t i_mode;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

#pragma clang attribute pop

#endif
