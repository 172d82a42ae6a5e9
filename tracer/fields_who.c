// SPDX-License-Identifier: BSD-2-Clause
/* Fields of all records: when it was, whose it is, and the two ends. */
#include "fields_get.h"

#include "names.h"

GET(event)
{
	return set_name(v, event_name(ev->type));
}

GET(time)
{
	v->ns = (__s64)(ev->mono_ns + (__u64)ctx->mono_to_real);
	return 1;
}

GET(mono_ns)
{
	return set_u(v, ev->mono_ns);
}

/* Who. Without a process nothing of a process is known. */

GET(pid)
{
	return set_u(v, who(ev)->pid) && v->u;
}

GET(tid)
{
	return set_u(v, who(ev)->tid) && v->u && who(ev)->pid;
}

GET(comm)
{
	const struct ev_who *w = who(ev);

	v->bytes.p = w->comm;
	v->bytes.n = strnlen(w->comm, sizeof(w->comm));
	return w->pid != 0;
}

GET(uid)
{
	return set_u(v, who(ev)->uid) && who(ev)->pid;
}

GET(owner)
{
	/* A sum over many has no owner to be known. */
	if (ev->type == EV_PCTL && ev_pctl_of(ev)->group != GROUP_CONN)
		return 0;
	return set_name(v, how_name(who(ev)->how));
}

GET(conn)
{
	return set_u(v, who(ev)->conn) && v->u;
}

GET(netns)
{
	return set_u(v, who(ev)->netns) && v->u;
}

GET(cgroup_id)
{
	return set_u(v, who(ev)->cgroup_id) && v->u;
}

/* The two ends. An address of zeros without a port is an end that is not there. */

static bool addr_is_any(const __u8 a[16])
{
	static const __u8 any[16], any4[16] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(a, any, 16) || !memcmp(a, any4, 16);
}

static int set_end(struct fvalue *v, const __u8 *addr, __u16 port, __u8 ip)
{
	v->end.addr = addr;
	v->end.port = port;
	v->end.ip = ip;
	return port || !addr_is_any(addr);
}

GET(ip)
{
	return set_u(v, ends(ev)->ip) && v->u;
}

GET(local)
{
	const struct ev_ends *e = ends(ev);

	return set_end(v, e->laddr, e->lport, e->ip);
}

GET(remote)
{
	const struct ev_ends *e = ends(ev);

	return set_end(v, e->raddr, e->rport, e->ip);
}

GET(lport)
{
	return set_u(v, ends(ev)->lport) && v->u;
}

GET(rport)
{
	return set_u(v, ends(ev)->rport) && v->u;
}
