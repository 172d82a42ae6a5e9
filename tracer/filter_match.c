// SPDX-License-Identifier: BSD-2-Clause
/* The decision of bpf/filter.bpf.h, on events. */
#include "decode.h"
#include "filter.h"

/* match.h searches through this; set for the time of one call. */
static __thread const struct frange *searched;
#define FRANGE_AT(i) (&searched[i])
#include "match.h"

static bool in_slice(const struct fslice *s, struct fkey k)
{
	return s->n && slice_has(s->off, s->n, &k);
}

static bool set_pass(const struct filter *f, enum fset s, struct fkey k)
{
	const struct ffilter *set = &f->set[s];

	return (!set->allow.n || in_slice(&set->allow, k)) && !in_slice(&set->deny, k);
}

/* With no owner known, only a list of exclusions passes. */
static bool owner_pass(const struct filter *f, enum fset s, const struct ev_who *w, struct fkey k)
{
	if (!w->pid)
		return !f->set[s].allow.n;
	return set_pass(f, s, k);
}

/* Either end has to be wanted, and neither excluded. */
static bool port_pass(const struct filter *f, __u16 lport, __u16 rport)
{
	const struct ffilter *set = &f->set[FS_PORT];
	struct fkey l = fkey_num(lport), r = fkey_num(rport);

	if (set->allow.n && !in_slice(&set->allow, l) && !in_slice(&set->allow, r))
		return false;
	return !in_slice(&set->deny, l) && !in_slice(&set->deny, r);
}

static bool who_pass(const struct filter *f, const struct ev_who *w)
{
	return set_pass(f, FS_NETNS, fkey_num(w->netns)) &&
	       owner_pass(f, FS_PID, w, fkey_num(w->pid)) &&
	       owner_pass(f, FS_UID, w, fkey_num(w->uid)) &&
	       owner_pass(f, FS_COMM, w, fkey_bytes(w->comm)) &&
	       owner_pass(f, FS_CGROUP, w, fkey_num(w->cgroup_id));
}

static bool ends_pass(const struct filter *f, const struct ev_ends *e)
{
	return ips_match(f, e->ip) && port_pass(f, e->lport, e->rport) &&
	       set_pass(f, FS_LPORT, fkey_num(e->lport)) &&
	       set_pass(f, FS_RPORT, fkey_num(e->rport)) &&
	       set_pass(f, FS_LADDR, fkey_bytes(e->laddr)) &&
	       set_pass(f, FS_RADDR, fkey_bytes(e->raddr));
}

static bool segment_pass(const struct filter *f, const struct ev_segment *s)
{
	return dirs_match(f, s->dir) && states_match(f, s->state) && flags_match(f, s->flags);
}

/* A change is of interest from both sides. */
static bool state_pass(const struct filter *f, const struct ev_state *s)
{
	return states_match(f, s->old) || states_match(f, s->new);
}

static bool attempt_pass(const struct filter *f, const struct ev_hdr *ev)
{
	return dirs_match(f, ev->type == EV_ACCEPT ? DIR_IN : DIR_OUT);
}

/* Resets and stalls have no flags of a segment (trouble_new()). */
static bool trouble_pass(const struct filter *f, const struct ev_trouble *t)
{
	bool has_flags = t->hdr.type == EV_RETRANSMIT || t->hdr.type == EV_DROP;

	return dirs_match(f, t->dir) && states_match(f, t->state) &&
	       (has_flags ? flags_match(f, t->flags) : !f->nflags);
}

/* What the programs ask of a record itself, not of its connection. */
static bool kind_pass(const struct filter *f, const struct ev_hdr *ev)
{
	switch (ev->type) {
	case EV_SEGMENT:
		return segment_pass(f, ev_segment_of(ev));
	case EV_STATE:
		return state_pass(f, ev_state_of(ev));
	case EV_CONNECT:
	case EV_ACCEPT:
		return attempt_pass(f, ev);
	case EV_RETRANSMIT:
	case EV_DROP:
	case EV_RESET:
	case EV_STALL:
		return trouble_pass(f, ev_trouble_of(ev));
	default:
		return true;
	}
}

bool filter_match_event(const struct filter *f, const struct frange *ranges,
			const struct ev_hdr *ev)
{
	const struct ev_who *who = ev_who_of(ev);
	const struct ev_ends *ends = ev_ends_of(ev);

	if (ev->type == EV_LOST)
		return true;
	if (!kind_pass(f, ev))
		return false;
	if (!f->used)
		return true;
	searched = ranges;
	return (!who || who_pass(f, who)) && (!ends || ends_pass(f, ends));
}
