// SPDX-License-Identifier: BSD-2-Clause
/* Each field: where its value is, and whether it is known. */
#include "fields.h"

#include "decode.h"
#include "life.h"
#include "names.h"
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
#define GET(name)                                                              \
	static int get_##name(const struct ev_hdr *ev __attribute__((unused)), \
			      const struct fctx *ctx __attribute__((unused)),  \
			      struct fvalue *v)

/* Only of records of a connection: the others' getters do not ask. */
static const struct ev_who *who(const struct ev_hdr *ev)
{
	return &((const struct ev_owned *)ev)->who;
}

static const struct ev_ends *ends(const struct ev_hdr *ev)
{
	return &((const struct ev_owned *)ev)->ends;
}

static int set_u(struct fvalue *v, __u64 u)
{
	v->u = u;
	return 1;
}

static int set_name(struct fvalue *v, const char *name)
{
	v->name = name;
	return name != NULL;
}

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

#define get_laddr get_local
#define get_raddr get_remote

GET(lport)
{
	return set_u(v, ends(ev)->lport) && v->u;
}

GET(rport)
{
	return set_u(v, ends(ev)->rport) && v->u;
}

/* The segment. */

/* A value that a bit of `has` vouches for. */
static int set_if(struct fvalue *v, const struct ev_hdr *ev, __u8 bit, __u64 u)
{
	v->u = u;
	return (ev_segment_of(ev)->has & bit) != 0;
}

static bool is_trouble(const struct ev_hdr *ev)
{
	return FIELD_IN(ev->type) & BAD;
}

/* A value of a retransmit, a drop, a reset or a stall that a bit of `has` vouches for. */
static int set_bad(struct fvalue *v, const struct ev_hdr *ev, __u8 bit, __u64 u)
{
	v->u = u;
	return (ev_trouble_of(ev)->has & bit) != 0;
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

#define L false /* aligned to the left */
#define R true
#define ROW(name, header, width, right, kind, events, help) \
	{ #name, header, width, right, kind, help, events, false, get_##name }
#define CONN_ROW(name, header, width, right, kind, events, help) \
	{ #name, header, width, right, kind, help, events, true, get_##name }

/* In the order of JSON keys. */
const struct field fields[] = {
	CONN_ROW(event, "EVENT", 10, L, FK_NAME, ALL,
	    "what the record is: segment state connect accept life latency retransmit drop reset stall sum lost"),
	ROW(time, "TIME", 15, L, FK_TIME, ALL, "when it happened; in JSON RFC 3339, UTC, nanoseconds"),
	ROW(mono_ns, "MONO_NS", 16, R, FK_UINT, ALL, "the same as CLOCK_MONOTONIC, nanoseconds"),
	CONN_ROW(pid, "PID", 7, R, FK_UINT, BOTH, "process (thread group) that owns the socket"),
	CONN_ROW(tid, "TID", 7, R, FK_UINT, BOTH, "thread that used the socket last"),
	CONN_ROW(comm, "COMM", 12, L, FK_BYTES, BOTH, "name of the process; escaped in text"),
	CONN_ROW(uid, "UID", 5, R, FK_UINT, BOTH, "effective user id of the process"),
	CONN_ROW(owner, "OWNER", 8, L, FK_NAME, BOTH,
	    "how the process is known: connect accept listener io seed kernel unknown"),
	CONN_ROW(conn, "CONN", 10, R, FK_ID, BOTH, "connection id, the same for all its life"),
	CONN_ROW(netns, "NETNS", 10, R, FK_UINT, BOTH, "network namespace, by inode number"),
	CONN_ROW(cgroup_id, "CGROUP", 8, R, FK_BIGID, BOTH, "cgroup (v2) of the process, by id"),
	CONN_ROW(ip, "IP", 2, R, FK_UINT, BOTH, "4 or 6; a v4-mapped connection is 4"),
	CONN_ROW(laddr, "LADDR", 15, L, FK_ADDR, BOTH, "local address"),
	CONN_ROW(lport, "LPORT", 5, R, FK_PORT, BOTH, "local port"),
	CONN_ROW(raddr, "RADDR", 15, L, FK_ADDR, BOTH, "remote address"),
	CONN_ROW(rport, "RPORT", 5, R, FK_PORT, BOTH, "remote port"),
	CONN_ROW(local, "LOCAL", 21, L, FK_END, BOTH, "local address:port in one column"),
	CONN_ROW(remote, "REMOTE", 21, L, FK_END, BOTH, "remote address:port in one column"),
	ROW(dir, "DIR", 3, L, FK_NAME, SEG | LIFE | ATT | BAD | SUM,
	    "out: sent, in: received; of a connection: who connected, out: this side; of a stall: whose window, out: the peer's"),
	ROW(flags, "FLAGS", 7, L, FK_FLAGS, SEG | RTX | DROP, "FIN SYN RST PSH ACK URG ECE CWR AE"),
	ROW(seq, "SEQ", 9, R, FK_UINT, SEG | RTX | DROP,
	    "sequence number; text: from the connection's first, unless -S"),
	ROW(ack, "ACK", 9, R, FK_UINT, SEG, "acknowledgment number, likewise"),
	ROW(len, "LEN", 5, R, FK_UINT, SEG | RTX | DROP, "bytes of payload"),
	ROW(win, "WIN", 7, R, FK_UINT, SEG, "receive window, bytes (scaled)"),
	ROW(segs, "SEGS", 4, R, FK_UINT, SEG | RTX | DROP, "segments on the wire that this record stands for"),
	ROW(ttl, "TTL", 3, R, FK_UINT, SEG, "time to live, or hop limit"),
	ROW(dscp, "DSCP", 4, R, FK_UINT, SEG, "differentiated services code point"),
	ROW(ecn, "ECN", 3, R, FK_UINT, SEG, "ECN bits of the IP header: 0 none, 1 and 2 able, 3 congestion"),
	ROW(smac, "SMAC", 17, L, FK_MAC, SEG, "source MAC address"),
	ROW(dmac, "DMAC", 17, L, FK_MAC, SEG, "destination MAC address"),
	ROW(tsval, "TSVAL", 10, R, FK_UINT, SEG, "TCP timestamp of the sender"),
	ROW(tsecr, "TSECR", 10, R, FK_UINT, SEG, "TCP timestamp echoed"),
	ROW(state, "STATE", 12, L, FK_NAME, SEG | LIFE | BAD, "the socket's state before the segment (RFC 9293)"),
	ROW(srtt_us, "SRTT_US", 8, R, FK_UINT, SEG | LIFE, "smoothed round-trip time, microseconds"),
	ROW(min_rtt_us, "MINRTT_US", 9, R, FK_UINT, SEG | LIFE, "least round-trip time, microseconds"),
	ROW(cwnd, "CWND", 5, R, FK_UINT, SEG | RTX, "congestion window, segments"),
	ROW(ssthresh, "SSTHRESH", 8, R, FK_UINT, SEG, "slow start threshold, segments"),
	ROW(unacked, "UNACKED", 7, R, FK_UINT, SEG, "bytes sent and not acknowledged yet"),
	ROW(retrans, "RETRANS", 7, R, FK_UINT, SEG | LIFE | ATT,
	    "segments retransmitted since the connection began; of an attempt: SYNs or SYN-ACKs"),
	ROW(old, "OLD", 12, L, FK_NAME, STA, "state before (RFC 9293)"),
	ROW(new, "NEW", 12, L, FK_NAME, STA, "state after (RFC 9293)"),
	ROW(in_old_us, "IN_OLD_US", 11, R, FK_UINT, STA, "time in the old state, microseconds"),
	ROW(partial, "PARTIAL", 7, L, FK_BOOL, STA | LIFE, "the old state, or the connection, began before tracing"),
	ROW(tx, "TX", 5, R, FK_SIZE, LIFE, "payload bytes sent, each counted once"),
	ROW(rx, "RX", 5, R, FK_SIZE, LIFE, "payload bytes received in order, each counted once"),
	ROW(dur_us, "DUR", 6, R, FK_USEC, LIFE,
	    "from connect() or the SYN's arrival to the end, handshake included; partial: since it was seen"),
	ROW(connect_us, "CONNECT", 7, R, FK_USEC, LIFE, "the handshake: from the beginning to established"),
	ROW(avg_rtt_us, "AVGRTT", 6, R, FK_USEC, LIFE,
	    "mean of the smoothed round-trip time, at each received segment"),
	ROW(retrans_bytes, "RETR_BYTES", 10, R, FK_SIZE, LIFE, "payload bytes sent again"),
	ROW(retrans_pct, "RETR%", 5, R, FK_TENTHS, LIFE, "share of the payload bytes sent that were sent again, percent"),
	ROW(segs_out, "SEGS_OUT", 8, R, FK_UINT, LIFE, "segments sent, all kinds"),
	ROW(segs_in, "SEGS_IN", 8, R, FK_UINT, LIFE, "segments received, all kinds"),
	ROW(data_segs_out, "DSEGS_OUT", 9, R, FK_UINT, LIFE, "segments sent with payload"),
	ROW(data_segs_in, "DSEGS_IN", 9, R, FK_UINT, LIFE, "segments received with payload"),
	ROW(ended_by, "BY", 6, L, FK_NAME, LIFE, "who ended it: local remote"),
	ROW(ended, "ENDED", 7, L, FK_NAME, LIFE,
	    "how: fin rst timeout, exit (the process died), close (before it was established), error, open"),
	ROW(end, "END", 8, L, FK_SHORT, LIFE,
	    "both: fin-sent fin-rcvd rst-sent rst-rcvd timeout exit close error open"),
	ROW(open, "OPEN", 4, L, FK_BOOL, LIFE | STL, "connection or window: as it still was when tracing ended"),
	ROW(limit, "LIMIT", 9, L, FK_NAME, LIFE, "what limited it most, see verdict"),
	ROW(verdict, "VERDICT", 40, L, FK_SHARES, LIFE,
	    "what limited it, percent of its life: handshake loss rwnd sndbuf path reader app"),
	ROW(by, "BY", 7, L, FK_NAME, PCTL, "what the waits are grouped by: conn process remote port"),
	ROW(part, "PART", 13, L, FK_NAME, LAT | PCTL,
	    "where it waits: handshake accept-queue send-queue network receive-queue peer-think own-think"),
	ROW(wait_us, "WAIT", 7, R, FK_USEC, LAT, "how long it waited"),
	ROW(min_us, "MIN", 6, R, FK_USEC, PCTL, "the shortest wait"),
	ROW(mean_us, "MEAN", 6, R, FK_USEC, PCTL | SUM, "their mean"),
	ROW(p50_us, "P50", 6, R, FK_USEC, PCTL, "half of the waits are not longer"),
	ROW(p90_us, "P90", 6, R, FK_USEC, PCTL, "nine of ten are not longer"),
	ROW(p99_us, "P99", 6, R, FK_USEC, PCTL, "99 of 100 are not longer"),
	ROW(max_us, "MAX", 6, R, FK_USEC, PCTL | SUM, "the longest"),
	ROW(cwnd_before, "CWND0", 5, R, FK_UINT, RTX, "congestion window before this loss recovery began, segments"),
	ROW(result, "RESULT", 11, L, FK_NAME, ATT,
	    "ok refused timeout unreachable reset blocked no-port aborted error; incoming also unaccepted overflow; "
	    "pending: when tracing ended"),
	ROW(errno, "ERRNO", 12, L, FK_NAME, ATT | RTX, "what connect() failed with; retransmit: why it was not sent"),
	ROW(latency_us, "LATENCY", 7, R, FK_USEC, ATT,
	    "from connect(), or the SYN's arrival, to the result"),
	ROW(syn_us, "SYN", 6, R, FK_USEC, ATT, "from there to ESTABLISHED"),
	ROW(queue_us, "QUEUE", 6, R, FK_USEC, ACC, "from ESTABLISHED to accept()'s return, or to the end unaccepted"),
	ROW(queue_most, "MOST", 4, L, FK_BOOL, ACC, "accept() was not seen: queue_us and latency_us are upper bounds"),
	ROW(fastopen, "TFO", 3, L, FK_BOOL, ATT, "data travelled with the SYN (TCP Fast Open)"),
	ROW(listener_pid, "LPID", 7, R, FK_UINT, ACC, "process that listens"),
	ROW(listener, "LISTENER", 12, L, FK_BYTES, ACC, "name of the process that listens"),
	ROW(what, "WHAT", 10, L, FK_NAME, SUM, "which records are counted, by `event`"),
	ROW(kind, "KIND", 7, L, FK_NAME, RTX, "why it is sent again: fast rto tlp syn syn-ack other"),
	ROW(reason, "REASON", 20, L, FK_BYTES, BAD | SUM,
	    "retransmit: its kind; drop, reset: the kernel's reason; stall: peer-window own-window"),
	ROW(trouble, "TROUBLE", 24, L, FK_TROUBLE, BAD | SUM,
	    "event, dir, reason, attempt and stall_us in one column, cut where it ends"),
	ROW(location, "LOCATION", 28, L, FK_BYTES, DROP, "where in the kernel it was dropped"),
	ROW(attempt, "TRY", 3, R, FK_UINT, RTX, "how often this segment was sent again, this time included"),
	ROW(stall_us, "STALL", 6, R, FK_USEC, STL, "how long the window stayed closed"),
	ROW(failed, "FAILED", 6, R, FK_UINT, SUM, "how many of them failed"),
	ROW(hook, "HOOK", 11, L, FK_NAME, LOST,
	    "where records were lost: segment-out segment-in state conn life latency attempt loss"),
	ROW(count, "COUNT", 8, R, FK_UINT, LAT | PCTL | SUM | LOST, "how many"),
};

const size_t nfields = sizeof(fields) / sizeof(fields[0]);

_Static_assert(sizeof(fields) / sizeof(fields[0]) <= FIELDS_MAX, "FIELDS_MAX");
