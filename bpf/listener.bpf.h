/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who listens where, and whether a packet is for a listener of this machine. */
#ifndef TCPLENS_LISTENER_BPF_H
#define TCPLENS_LISTENER_BPF_H

#include "sock.bpf.h"
#include "store.bpf.h"

#define DEV_IS_LOOPBACK 0x8 /* IFF_LOOPBACK */
#define DEV_ADDRS_MAX 16    /* so many addresses of a device are looked at */

/* inet_lookup_listener()'s order: the address itself, any address, any IPv6 address. */
static __always_inline struct port_owner *listener_find(__u32 netns, const __u8 addr[16],
							__u16 port)
{
	struct port_key k = { .netns = netns, .port = port };
	int v4 = addr_is_v4(addr);
	struct port_owner *l;

	__builtin_memcpy(k.addr, addr, 16);
	l = bpf_map_lookup_elem(&listeners, &k);
	if (l)
		return l;
	if (v4) {
		addr_from_v4(k.addr, 0);
		l = bpf_map_lookup_elem(&listeners, &k);
		if (l)
			return l;
	}
	__builtin_memset(k.addr, 0, 16);
	l = bpf_map_lookup_elem(&listeners, &k);
	return l && v4 && l->v6only ? 0 : l;
}

/* The process that listens there, if it is one. */
static __always_inline void who_from_listener(struct ev_who *w, __u32 netns, const __u8 addr[16],
					      __u16 port)
{
	struct port_owner *l = listener_find(netns, addr, port);
	__u64 id = w->conn;

	if (!l || l->mixed)
		return;
	*w = l->c.who;
	w->conn = id;
	if (w->how != HOW_KERNEL)
		w->how = HOW_LISTENER;
}

static __always_inline void listener_key(struct port_key *k, const struct ev_ends *e, __u32 netns)
{
	__builtin_memcpy(k->addr, e->laddr, 16);
	k->netns = netns;
	k->port = e->lport;
}

/* `sk` listens; `c` tells for whom. */
static __always_inline void listener_add(struct sock *sk, const struct ev_ends *e,
					 const struct conn *c)
{
	struct port_owner new = { .count = 1 }, *l;
	struct port_key k;

	listener_key(&k, e, c->who.netns);
	l = bpf_map_lookup_elem(&listeners, &k);
	if (l) {
		if (l->c.who.pid != c->who.pid)
			l->mixed = 1;
		__sync_fetch_and_add(&l->count, 1);
		return;
	}
	new.c.who = c->who;
	new.c.known = c->known & (CONN_CG_ALLOW | CONN_CG_DENY);
	new.c.state = ST_LISTEN;
	new.v6only = RD_BITS(sk, __sk_common.skc_ipv6only);
	new.mixed = !!RD(sk, __sk_common.skc_bound_dev_if);
	bpf_map_update_elem(&listeners, &k, &new, BPF_ANY);
}

static __always_inline void listener_del(const struct ev_ends *e, __u32 netns)
{
	struct port_owner *l;
	struct port_key k;

	listener_key(&k, e, netns);
	l = bpf_map_lookup_elem(&listeners, &k);
	if (!l)
		return;
	if (l->count <= 1)
		bpf_map_delete_elem(&listeners, &k);
	else
		__sync_fetch_and_add(&l->count, -1);
}

/*
 * Is it an address of the device?  Global functions with scalar arguments: loops of
 * many steps, which the verifier checks once.
 */
__attribute__((weak)) __noinline int dev_has_v4(__u64 device, __u32 addr)
{
	struct net_device *dev = AS(struct net_device, (void *)device);
	struct in_device *in = AS(struct in_device, RD(dev, ip_ptr));
	struct in_ifaddr *a = in ? RD(in, ifa_list) : 0;

	for (int i = 0; i < DEV_ADDRS_MAX && a; i++) {
		a = AS(struct in_ifaddr, a);
		if (RD(a, ifa_local) == addr)
			return 1;
		a = RD(a, ifa_next);
	}
	return 0;
}

__attribute__((weak)) __noinline int dev_has_v6(__u64 device, __u64 addr0, __u64 addr1)
{
	struct net_device *dev = AS(struct net_device, (void *)device);
	__u64 head, at;

	if (!bpf_core_field_exists(dev->ip6_ptr))
		return 0;
	head = (__u64)RD(dev, ip6_ptr);
	if (!head)
		return 0;
	head += bpf_core_field_offset(struct inet6_dev, addr_list);
	at = (__u64)RD(AS(struct list_head, (void *)head), next);
	for (int i = 0; i < DEV_ADDRS_MAX && at && at != head; i++) {
		__u64 a = at - bpf_core_field_offset(struct inet6_ifaddr, if_list), have[2];

		bpf_probe_read_kernel(have, 16,
				      (void *)a + bpf_core_field_offset(struct inet6_ifaddr, addr));
		if (have[0] == addr0 && have[1] == addr1)
			return 1;
		at = (__u64)RD(AS(struct list_head, (void *)at), next);
	}
	return 0;
}

/*
 * The listener here that a packet of no connection is for.  Known only if its
 * destination is an address of the device it came by: it may as well be on its
 * way to another machine.
 */
static __always_inline struct port_owner *
listener_reached(struct net_device *dev, const struct ev_ends *e, __u32 netns)
{
	struct port_owner *l = listener_find(netns, e->laddr, e->lport);
	const __u64 *w;

	if (!l || RD(dev, flags) & DEV_IS_LOOPBACK)
		return l;
	w = (const __u64 *)e->laddr;
	if (e->ip == 4 ? dev_has_v4(number_of(dev), w[1] >> 32) : dev_has_v6(number_of(dev), w[0], w[1]))
		return l;
	return 0;
}

#endif
