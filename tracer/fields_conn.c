// SPDX-License-Identifier: BSD-2-Clause
/* Fields of an attempt to connect, and of a whole connection. */
#include "fields_get.h"

#include "life.h"
#include "names.h"

/* The attempt to connect. */

static int set_att(struct fvalue *v, const struct ev_hdr *ev, __u8 bit, __u64 ns)
{
	v->u = ns / 1000;
	return (ev_attempt_of(ev)->has & bit) != 0;
}

GET(result)
{
	return set_name(v, result_name(ev_attempt_of(ev)->result));
}

GET(errno)
{
	return set_name(v, errno_name(is_trouble(ev) ? ev_trouble_of(ev)->err :
						       ev_attempt_of(ev)->err));
}

GET(latency_us)
{
	return set_att(v, ev, ATT_HAS_LATENCY, ev_attempt_of(ev)->latency_ns);
}

GET(syn_us)
{
	return set_att(v, ev, ATT_HAS_SYN, ev_attempt_of(ev)->syn_ns);
}

GET(queue_us)
{
	return set_att(v, ev, ATT_HAS_QUEUE, ev_attempt_of(ev)->queue_ns);
}

GET(queue_most)
{
	return set_u(v, 1) && ev_attempt_of(ev)->has & ATT_QUEUE_MOST;
}

GET(fastopen)
{
	return set_u(v, 1) && ev_attempt_of(ev)->has & ATT_FASTOPEN;
}

GET(listener_pid)
{
	return set_u(v, ev_attempt_of(ev)->lpid) && ev_attempt_of(ev)->has & ATT_HAS_LISTENER;
}

GET(listener)
{
	const struct ev_attempt *a = ev_attempt_of(ev);

	v->bytes.p = a->lcomm;
	v->bytes.n = strnlen(a->lcomm, sizeof(a->lcomm));
	return (a->has & ATT_HAS_LISTENER) != 0;
}

/* A whole connection. */

GET(tx)
{
	return set_u(v, ev_life_of(ev)->tx_bytes);
}

GET(rx)
{
	return set_u(v, ev_life_of(ev)->rx_bytes);
}

GET(dur_us)
{
	return set_u(v, ev_life_of(ev)->dur_ns / 1000);
}

GET(connect_us)
{
	v->u = ev_life_of(ev)->connect_ns / 1000;
	return (ev_life_of(ev)->has & LIFE_HAS_CONNECT) != 0;
}

GET(avg_rtt_us)
{
	const struct ev_life *l = ev_life_of(ev);

	return set_u(v, l->rtt_count ? l->rtt_sum_us / l->rtt_count : l->srtt_us) && v->u;
}

GET(retrans_bytes)
{
	return set_u(v, ev_life_of(ev)->retrans_bytes);
}

GET(retrans_pct)
{
	const struct ev_life *l = ev_life_of(ev);
	__u64 sent = l->tx_bytes + l->retrans_bytes;

	v->u = sent ? (l->retrans_bytes * 1000 + sent / 2) / sent : 0;
	return sent != 0;
}

GET(segs_out)
{
	return set_u(v, ev_life_of(ev)->segs_out);
}

GET(segs_in)
{
	return set_u(v, ev_life_of(ev)->segs_in);
}

GET(data_segs_out)
{
	return set_u(v, ev_life_of(ev)->data_segs_out);
}

GET(data_segs_in)
{
	return set_u(v, ev_life_of(ev)->data_segs_in);
}

GET(ended_by)
{
	return set_name(v, by_name(ev_life_of(ev)->by));
}

GET(ended)
{
	return set_name(v, end_name(ev_life_of(ev)->end));
}

GET(end)
{
	return set_name(v, end_by_name(ev_life_of(ev)->end, ev_life_of(ev)->by));
}

GET(open)
{
	v->u = 1;
	if (ev->type == EV_STALL)
		return !(ev_trouble_of(ev)->has & TROUBLE_STALL_ENDED);
	return ev_life_of(ev)->end == END_OPEN;
}

GET(limit)
{
	__u8 shares[LIMIT_MAX];

	return set_name(v, limit_name(life_shares(ev_life_of(ev), shares)));
}

GET(verdict)
{
	life_shares(ev_life_of(ev), v->shares);
	return 1;
}
