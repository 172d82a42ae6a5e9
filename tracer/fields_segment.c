// SPDX-License-Identifier: BSD-2-Clause
/* Fields of a segment, of its socket at that moment, and of a state change. */
#include "fields_get.h"

#include "names.h"

/* The segment. */

/* A value that a bit of `has` vouches for. */
static int set_if(struct fvalue *v, const struct ev_hdr *ev, __u8 bit, __u64 u)
{
	v->u = u;
	return (ev_segment_of(ev)->has & bit) != 0;
}

GET(dir)
{
	if (ev->type == EV_LIFE) {
		__u8 has = ev_life_of(ev)->has;

		return has & LIFE_HAS_DIR &&
		       set_name(v, dir_name(has & LIFE_PASSIVE ? DIR_IN : DIR_OUT));
	}
	if (FIELD_IN(ev->type) & ATT)
		return set_name(v, dir_name(ev->type == EV_ACCEPT ? DIR_IN : DIR_OUT));
	if (is_trouble(ev))
		return ev_trouble_of(ev)->has & TROUBLE_HAS_DIR &&
		       set_name(v, dir_name(ev_trouble_of(ev)->dir));
	if (ev->type == EV_SUM)
		return ev_sum_of(ev)->has & TROUBLE_HAS_DIR &&
		       set_name(v, dir_name(ev_sum_of(ev)->dir));
	return set_name(v, dir_name(ev_segment_of(ev)->dir));
}

GET(flags)
{
	if (is_trouble(ev))
		return set_bad(v, ev, TROUBLE_HAS_SEQ, ev_trouble_of(ev)->flags);
	return set_u(v, ev_segment_of(ev)->flags);
}

GET(seq)
{
	const struct ev_segment *s = ev_segment_of(ev);

	if (is_trouble(ev)) {
		const struct ev_trouble *t = ev_trouble_of(ev);

		return set_bad(v, ev, TROUBLE_HAS_SEQ,
			       ctx->absolute || !(t->has & TROUBLE_HAS_ISN) ? t->seq :
									      (__u32)(t->seq - t->seq_base));
	}

	return set_u(v, ctx->absolute || !(s->has & SEG_HAS_ISN) ? s->seq :
								   (__u32)(s->seq - s->seq_base));
}

GET(ack)
{
	const struct ev_segment *s = ev_segment_of(ev);

	v->u = ctx->absolute || !(s->has & SEG_HAS_IACK) ? s->ack : (__u32)(s->ack - s->ack_base);
	return (s->flags & TF_ACK) != 0;
}

GET(len)
{
	if (is_trouble(ev))
		return set_bad(v, ev, TROUBLE_HAS_SEQ, ev_trouble_of(ev)->len);
	return set_u(v, ev_segment_of(ev)->len);
}

GET(win)
{
	return set_if(v, ev, SEG_HAS_WIN, ev_segment_of(ev)->win);
}

GET(segs)
{
	if (is_trouble(ev))
		return set_u(v, ev_trouble_of(ev)->segs) && v->u;
	return set_u(v, ev_segment_of(ev)->segs);
}

GET(ttl)
{
	return set_if(v, ev, SEG_HAS_IP, ev_segment_of(ev)->ttl);
}

GET(dscp)
{
	return set_if(v, ev, SEG_HAS_IP, ev_segment_of(ev)->tos >> 2);
}

GET(ecn)
{
	return set_if(v, ev, SEG_HAS_IP, ev_segment_of(ev)->tos & 3);
}

GET(smac)
{
	v->mac = ev_segment_of(ev)->smac;
	return (ev_segment_of(ev)->has & SEG_HAS_MAC) != 0;
}

GET(dmac)
{
	v->mac = ev_segment_of(ev)->dmac;
	return (ev_segment_of(ev)->has & SEG_HAS_MAC) != 0;
}

GET(tsval)
{
	return set_if(v, ev, SEG_HAS_TS, ev_segment_of(ev)->tsval);
}

GET(tsecr)
{
	return set_if(v, ev, SEG_HAS_TS, ev_segment_of(ev)->tsecr);
}

/* The socket at that moment. */

GET(state)
{
	if (ev->type == EV_LIFE)
		return set_name(v, state_name(ev_life_of(ev)->state));
	if (is_trouble(ev))
		return set_name(v, state_name(ev_trouble_of(ev)->state));
	return set_name(v, state_name(ev_segment_of(ev)->state));
}

GET(srtt_us)
{
	if (ev->type == EV_LIFE)
		return set_u(v, ev_life_of(ev)->srtt_us) && v->u;
	return set_if(v, ev, SEG_HAS_SOCK, ev_segment_of(ev)->srtt_us) && v->u;
}

GET(min_rtt_us)
{
	if (ev->type == EV_LIFE)
		return set_u(v, ev_life_of(ev)->min_rtt_us) && v->u != ~0U;
	return set_if(v, ev, SEG_HAS_SOCK, ev_segment_of(ev)->min_rtt_us) && v->u != ~0U;
}

GET(cwnd)
{
	if (is_trouble(ev))
		return set_bad(v, ev, TROUBLE_HAS_CWND, ev_trouble_of(ev)->cwnd);
	return set_if(v, ev, SEG_HAS_SOCK, ev_segment_of(ev)->cwnd);
}

#define INFINITE_SSTHRESH 0x7fffffff

GET(ssthresh)
{
	return set_if(v, ev, SEG_HAS_SOCK, ev_segment_of(ev)->ssthresh) &&
	       v->u < INFINITE_SSTHRESH;
}

GET(unacked)
{
	return set_if(v, ev, SEG_HAS_SOCK, ev_segment_of(ev)->unacked);
}

GET(retrans)
{
	if (ev->type == EV_LIFE)
		return set_u(v, ev_life_of(ev)->retrans);
	if (FIELD_IN(ev->type) & ATT)
		return set_u(v, ev_attempt_of(ev)->retrans) && ev_attempt_of(ev)->has & ATT_HAS_RETRANS;
	return set_if(v, ev, SEG_HAS_SOCK, ev_segment_of(ev)->retrans);
}

/* The state change. */

GET(old)
{
	return set_name(v, state_name(ev_state_of(ev)->old));
}

GET(new)
{
	return set_name(v, state_name(ev_state_of(ev)->new));
}

GET(in_old_us)
{
	v->u = ev_state_of(ev)->in_old_ns / 1000;
	return (ev_state_of(ev)->has & STATE_HAS_IN_OLD) != 0;
}

GET(partial)
{
	v->u = 1;
	if (ev->type == EV_LIFE)
		return (ev_life_of(ev)->has & LIFE_PARTIAL) != 0;
	return (ev_state_of(ev)->has & STATE_PARTIAL) != 0;
}
