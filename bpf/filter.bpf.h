/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The filters, in the kernel.  What depends on the connection only is asked
 * once and kept in conn.verdict, so that a list of 10,000 networks costs a
 * segment as much as a list of one.  Ports are looked up, and before all else:
 * the port of one server is the filter that there is most often.
 */
#ifndef TCPLENS_FILTER_BPF_H
#define TCPLENS_FILTER_BPF_H

#include "maps.bpf.h"

/* The kernel side never looks at ranges inline. */
/* FRANGE_AT is filter.bpf.c's */
#include "match.h"

/* 1: the key {h, l} lies in the slice (filter.bpf.c). */
int set_has(__u32 off, __u32 n, __u64 h, __u64 l);

#define IN_SET(s, which, k) set_has(cfg.filter.set[s].which.off, cfg.filter.set[s].which.n, (k).h, (k).l)

/* Does the key pass set `s`?  Constant-folded to 1 for a set that is not used. */
static __always_inline int set_pass(enum fset s, struct fkey k)
{
	if (cfg.filter.set[s].allow.n && !IN_SET(s, allow, k))
		return 0;
	if (cfg.filter.set[s].deny.n && IN_SET(s, deny, k))
		return 0;
	return 1;
}

/* An owner's attribute: with no owner known, only a list of exclusions passes. */
static __always_inline int owner_set_pass(enum fset s, const struct ev_who *w, struct fkey k)
{
	if (!w->pid)
		return !cfg.filter.set[s].allow.n;
	return set_pass(s, k);
}

static __always_inline __u8 port_at(__u32 port)
{
	/* Where the bound is known, and not forgotten on the stack (5.10). */
	barrier_var(port);
	return port_bits[port & (PORTS - 1)];
}

/* All sets of ports: one end at least is wanted, none is excluded. */
static __always_inline int ports_pass(__u16 local, __u16 remote)
{
	__u8 l, r;

	if (!cfg.ports)
		return 1;
	l = port_at(local);
	r = port_at(remote);
	return (l | r) & PORT_ALLOWED && !((l | r) & PORT_DENIED) && l & PORT_LOCAL &&
	       r & PORT_REMOTE;
}

static __always_inline int tree_pass(const struct ev_who *w)
{
	return !cfg.filter.tree || (w->pid && bpf_map_lookup_elem(&tree, &w->pid));
}

/*
 * --cgroup means "in it or below it": asked when the owner is learned, from
 * the task's own cgroup upwards (depth bounded), and kept as CONN_CG_* bits.
 */
static __always_inline void cgroup_bits(struct cgroup *cgrp, __u8 *known)
{
	*known &= ~(CONN_CG_ALLOW | CONN_CG_DENY);
	if (!cfg.filter.set[FS_CGROUP].allow.n && !cfg.filter.set[FS_CGROUP].deny.n)
		return;
	for (int i = 0; i < 16 && cgrp; i++) {
		struct fkey k = fkey_num(BPF_CORE_READ(cgrp, kn, id));
		struct cgroup_subsys_state *up;

		if (cfg.filter.set[FS_CGROUP].allow.n && IN_SET(FS_CGROUP, allow, k))
			*known |= CONN_CG_ALLOW;
		if (cfg.filter.set[FS_CGROUP].deny.n && IN_SET(FS_CGROUP, deny, k))
			*known |= CONN_CG_DENY;
		up = BPF_CORE_READ(cgrp, self.parent);
		if (!up)
			break;
		cgrp = (void *)up - bpf_core_field_offset(struct cgroup, self);
	}
}

static __always_inline int cgroup_pass(const struct ev_who *w, __u8 known)
{
	if (cfg.filter.set[FS_CGROUP].allow.n && !(known & CONN_CG_ALLOW))
		return 0;
	return !(known & CONN_CG_DENY);
}

/* All filters that depend on the owner and the ends only. */
static SUBPROG int ends_match(const struct ev_ends *e, const struct ev_who *w, __u8 known)
{
	if (!cfg.filter.used)
		return 1;
	return ips_match((const struct filter *)&cfg.filter, e->ip) &&
	       set_pass(FS_NETNS, fkey_num(w->netns)) &&
	       owner_set_pass(FS_PID, w, fkey_num(w->pid)) &&
	       owner_set_pass(FS_UID, w, fkey_num(w->uid)) &&
	       owner_set_pass(FS_COMM, w, fkey_bytes(w->comm)) && cgroup_pass(w, known) &&
	       tree_pass(w) && ports_pass(e->lport, e->rport) &&
	       set_pass(FS_LADDR, fkey_bytes(e->laddr)) && set_pass(FS_RADDR, fkey_bytes(e->raddr));
}

#endif
