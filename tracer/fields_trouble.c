// SPDX-License-Identifier: BSD-2-Clause
/* Fields of what went wrong, of waits, and of sums. */
#include "fields_get.h"

#include "names.h"

/* What went wrong. */

GET(kind)
{
	return set_name(v, kind_name(ev_trouble_of(ev)->kind));
}

static int set_text(struct fvalue *v, const char *s, size_t size)
{
	v->bytes.p = s;
	v->bytes.n = strnlen(s, size);
	return v->bytes.n != 0;
}

GET(reason)
{
	const char *s;

	if (ev->type == EV_SUM)
		return set_text(v, ev_sum_of(ev)->reason, sizeof(ev_sum_of(ev)->reason));
	s = trouble_reason(ev_trouble_of(ev));
	return set_text(v, s, strlen(s));
}

GET(trouble)
{
	v->ev = ev;
	return ev->type != EV_SUM || FIELD_IN(ev_sum_of(ev)->of) & BAD;
}

GET(location)
{
	return set_text(v, ev_trouble_of(ev)->symbol, sizeof(ev_trouble_of(ev)->symbol));
}

GET(attempt)
{
	return set_u(v, ev_trouble_of(ev)->attempt) && v->u;
}

GET(cwnd_before)
{
	return set_bad(v, ev, TROUBLE_HAS_CWND, ev_trouble_of(ev)->cwnd_before);
}

GET(stall_us)
{
	return set_u(v, ev_trouble_of(ev)->span_ns / 1000);
}

/* Sums. */

GET(what)
{
	return set_name(v, event_name(ev_sum_of(ev)->of));
}

/* Of attempts just the one that is connected to is there. */
GET(port)
{
	const struct ev_ends *e = &ev_sum_of(ev)->ends;

	return set_u(v, e->rport ? e->rport : e->lport) && v->u;
}

GET(failed)
{
	return set_u(v, ev_sum_of(ev)->failed);
}

GET(hook)
{
	return set_name(v, hook_name(ev->hook));
}

GET(count)
{
	switch (ev->type) {
	case EV_LATENCY:
		return set_u(v, ev_latency_of(ev)->count);
	case EV_PCTL:
		return set_u(v, ev_pctl_of(ev)->count);
	case EV_SUM:
		return set_u(v, ev_sum_of(ev)->count);
	default:
		return set_u(v, ev_lost_of(ev)->count);
	}
}

/* Where it waits. */

GET(part)
{
	return set_name(v, part_name(ev->type == EV_LATENCY ? ev_latency_of(ev)->part :
							      ev_pctl_of(ev)->part));
}

GET(by)
{
	return set_name(v, group_name(ev_pctl_of(ev)->group));
}

GET(wait_us)
{
	v->u = ev_latency_of(ev)->max_ns / 1000;
	return (ev_latency_of(ev)->has & LATENCY_SINGLE) != 0;
}

#define GET_PCTL(what)                                     \
	GET(what##_us)                                     \
	{                                                  \
		v->u = ev_pctl_of(ev)->what##_ns / 1000;   \
		return 1;                                  \
	}

GET_PCTL(min)
GET_PCTL(p50)
GET_PCTL(p90)
GET_PCTL(p99)

GET(mean_us)
{
	const struct ev_sum *s = ev_sum_of(ev);

	if (ev->type == EV_PCTL)
		return set_u(v, ev_pctl_of(ev)->mean_ns / 1000);
	v->u = s->timed ? s->total_ns / s->timed / 1000 : 0;
	return s->timed != 0;
}

GET(max_us)
{
	if (ev->type == EV_PCTL)
		return set_u(v, ev_pctl_of(ev)->max_ns / 1000);
	return set_u(v, ev_sum_of(ev)->max_ns / 1000) && ev_sum_of(ev)->timed;
}
