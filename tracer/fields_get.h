/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The getters of the registry (fields.c): each finds a field's value in a
 * record, and returns whether it is known.
 */
#ifndef TCPLENS_FIELDS_GET_H
#define TCPLENS_FIELDS_GET_H

#include "decode.h"
#include "fields.h"
#include "trouble.h"

#define SEG FIELD_IN(EV_SEGMENT)
#define STA FIELD_IN(EV_STATE)
#define LOST FIELD_IN(EV_LOST)
#define LIFE FIELD_IN(EV_LIFE)
#define LAT FIELD_IN(EV_LATENCY)
#define PCTL FIELD_IN(EV_PCTL)
#define CON FIELD_IN(EV_CONNECT)
#define ACC FIELD_IN(EV_ACCEPT)
#define ATT (CON | ACC)
#define RTX FIELD_IN(EV_RETRANSMIT)
#define DROP FIELD_IN(EV_DROP)
#define RST FIELD_IN(EV_RESET)
#define STL FIELD_IN(EV_STALL)
#define BAD (RTX | DROP | RST | STL)
#define SUM FIELD_IN(EV_SUM)
/* Records of a connection, as far as they are of one. */
#define BOTH (SEG | STA | LIFE | LAT | PCTL | ATT | BAD | SUM)
#define ALL (BOTH | LOST)

/* The getters' arguments, most of which do not use all of them. */
#define GET(name)                                                       \
	int get_##name(const struct ev_hdr *ev __attribute__((unused)), \
		       const struct fctx *ctx __attribute__((unused)),  \
		       struct fvalue *v)

GET(event);
GET(time);
GET(mono_ns);
GET(pid);
GET(tid);
GET(comm);
GET(uid);
GET(owner);
GET(conn);
GET(netns);
GET(cgroup_id);
GET(ip);
GET(local);
GET(remote);
GET(lport);
GET(rport);
GET(dir);
GET(flags);
GET(seq);
GET(ack);
GET(len);
GET(win);
GET(segs);
GET(ttl);
GET(dscp);
GET(ecn);
GET(smac);
GET(dmac);
GET(tsval);
GET(tsecr);
GET(state);
GET(srtt_us);
GET(min_rtt_us);
GET(cwnd);
GET(ssthresh);
GET(unacked);
GET(retrans);
GET(old);
GET(new);
GET(in_old_us);
GET(partial);
GET(result);
GET(errno);
GET(latency_us);
GET(syn_us);
GET(queue_us);
GET(queue_most);
GET(fastopen);
GET(listener_pid);
GET(listener);
GET(kind);
GET(reason);
GET(trouble);
GET(location);
GET(attempt);
GET(cwnd_before);
GET(stall_us);
GET(what);
GET(failed);
GET(port);
GET(hook);
GET(count);
GET(tx);
GET(rx);
GET(dur_us);
GET(connect_us);
GET(avg_rtt_us);
GET(retrans_bytes);
GET(retrans_pct);
GET(segs_out);
GET(segs_in);
GET(data_segs_out);
GET(data_segs_in);
GET(ended_by);
GET(ended);
GET(end);
GET(open);
GET(limit);
GET(verdict);
GET(part);
GET(by);
GET(wait_us);
GET(mean_us);
GET(max_us);
GET(min_us);
GET(p50_us);
GET(p90_us);
GET(p99_us);

#define get_laddr get_local
#define get_raddr get_remote

/* Only of records of a connection: the others' getters do not ask. */
static inline const struct ev_who *who(const struct ev_hdr *ev)
{
	return &((const struct ev_owned *)ev)->who;
}

static inline const struct ev_ends *ends(const struct ev_hdr *ev)
{
	return &((const struct ev_owned *)ev)->ends;
}

static inline int set_u(struct fvalue *v, __u64 u)
{
	v->u = u;
	return 1;
}

static inline int set_name(struct fvalue *v, const char *name)
{
	v->name = name;
	return name != NULL;
}

static inline bool is_trouble(const struct ev_hdr *ev)
{
	return FIELD_IN(ev->type) & BAD;
}

/* A value of a retransmit, a drop, a reset or a stall that a bit of `has` vouches for. */
static inline int set_bad(struct fvalue *v, const struct ev_hdr *ev, __u8 bit, __u64 u)
{
	v->u = u;
	return (ev_trouble_of(ev)->has & bit) != 0;
}

#endif
