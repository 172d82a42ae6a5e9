// SPDX-License-Identifier: BSD-2-Clause
#include "configure.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "kbtf.h"
#include "ring.h"
#include "skel.h"
#include "store.h"

/* Records with their packets. */
static void configure_raw(struct tcplens_bpf *skel, struct config *cfg, const struct attach_opts *o,
			  struct way w)
{
	cfg->raw = !!(o->need & NEED_RAW);
	cfg->snap = cfg->raw ? o->snap : 0;
	cfg->dynptr = w.dynptr;
	cfg->raw_max = (sizeof(struct ev_segment) + sizeof(struct ev_raw) + RAW_HDR_MAX +
			cfg->snap + 8 + 7) & ~7U;
	if (cfg->raw)
		return;
	bpf_map__set_max_entries(skel->maps.dev_names, 1);
	bpf_map__set_max_entries(skel->maps.raw_parked, 1);
}

/* The length of a jiffy: what the coarse clock advances by (clock_getres(2)). */
static __u32 tick_ns(void)
{
	struct timespec ts;

	return clock_getres(CLOCK_MONOTONIC_COARSE, &ts) ? 4000000 : ts.tv_nsec;
}

/* What filter.bpf.h's ports_pass() looks up: as filter_match.c decides it. */
static void mark_ports(__u8 bits[PORTS], const struct frange *ranges, const struct fslice *s, __u8 bit,
		       bool set)
{
	for (__u32 i = s->off; i < s->off + s->n; i++)
		for (__u64 p = ranges[i].lo.l; p <= ranges[i].hi.l && p < PORTS; p++)
			bits[p] = set ? bits[p] | bit : bits[p] & ~bit;
}

static void configure_ports(struct tcplens_bpf *skel, struct config *cfg, const struct frange *ranges)
{
	static const struct {
		enum fset set;
		__u8 pass, refuse; /* refuse 0: no bit of its own, `pass` is taken away */
	} of[] = {
		{ FS_PORT, PORT_ALLOWED, PORT_DENIED },
		{ FS_LPORT, PORT_LOCAL, 0 },
		{ FS_RPORT, PORT_REMOTE, 0 },
	};
	__u8 *bits = skel->bss->port_bits;

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		cfg->ports |= cfg->filter.set[of[i].set].allow.n || cfg->filter.set[of[i].set].deny.n;
	for (size_t i = 0; cfg->ports && i < sizeof(of) / sizeof(of[0]); i++) {
		const struct ffilter *f = &cfg->filter.set[of[i].set];
		__u8 pass = of[i].pass, refuse = of[i].refuse;

		for (__u32 p = 0; !f->allow.n && p < PORTS; p++)
			bits[p] |= pass;
		mark_ports(bits, ranges, &f->allow, pass, true);
		mark_ports(bits, ranges, &f->deny, refuse ? refuse : pass, refuse != 0);
	}
}

/* What is remembered of connections for some views only. */
static void configure_tracks(struct tcplens_bpf *skel, struct config *cfg, const struct attach_opts *o)
{
	cfg->emit_life = !!(o->need & NEED_LIFE);
	cfg->emit_latency = !!(o->need & NEED_LATENCY);
	cfg->tick_ns = tick_ns();
	bpf_program__set_autoload(skel->progs.life_open, cfg->emit_life);
	bpf_map__set_max_entries(skel->maps.tracks, o->need & NEED_TRACKS ? o->conns_max + 1 : 1);
	if (cfg->emit_latency)
		return;
	bpf_map__set_max_entries(skel->maps.marks, 1);
	bpf_map__set_max_entries(skel->maps.lat0, 1);
	bpf_map__set_max_entries(skel->maps.lat1, 1);
}

/* Attempts to connect, and what goes wrong. */
static void configure_why(struct tcplens_bpf *skel, const struct kbtf *btf, struct config *cfg,
			  const struct attach_opts *o, enum backend b)
{
	cfg->emit_attempts = !!(o->need & NEED_CONNECT);
	cfg->emit_trouble = !!(o->need & NEED_LOSS);
	cfg->accept_by_exit = b == BACKEND_TRACEPOINT;
	cfg->drop_reason = kbtf__tracepoint_nargs(btf, "kfree_skb") > 2;
	cfg->drop_sk = kbtf__tracepoint_nargs(btf, "kfree_skb") > 3;
	cfg->reset_reason = kbtf__tracepoint_nargs(btf, "tcp_send_reset") > 2;
	cfg->retrans_err = kbtf__tracepoint_nargs(btf, "tcp_retransmit_skb") > 2;
	bpf_program__set_autoload(skel->progs.attempt_seed, cfg->emit_attempts);
	bpf_program__set_autoload(skel->progs.attempt_open, cfg->emit_attempts);
	bpf_program__set_autoload(skel->progs.loss_open, cfg->emit_trouble);
	bpf_map__set_max_entries(skel->maps.attempts, cfg->emit_attempts ? o->conns_max : 1);
	if (!cfg->emit_trouble) {
		bpf_map__set_max_entries(skel->maps.rtx, 1);
		bpf_map__set_max_entries(skel->maps.stalls, 1);
		bpf_map__set_max_entries(skel->maps.closed, 1);
	}
	if (!cfg->emit_attempts) {
		bpf_map__set_max_entries(skel->maps.lsocks, 1);
		bpf_map__set_max_entries(skel->maps.refused, 1);
	}
}

/* A ring that would be small anyway needs none in front. */
static void configure_rings(struct tcplens_bpf *skel, struct config *cfg, __u32 size)
{
	__u32 front = ring_front_size(size);

	cfg->ring_back = front != size;
	bpf_map__set_max_entries(skel->maps.events, front);
	bpf_map__set_max_entries(skel->maps.events_back,
				 cfg->ring_back ? size : (__u32)sysconf(_SC_PAGESIZE));
}

/*
 * Which programs can be preempted (keep.bpf.h).  The types tell nothing of it: a kernel that
 * can be preempted has it in its name, and tracepoints let it happen from 7.0 on.
 */
static void configure_keep(struct config *cfg, bool can)
{
	struct utsname u;

	if (uname(&u) || !strstr(u.version, "PREEMPT"))
		return;
	cfg->keep_func = can;
	cfg->tp_preempts = strtoul(u.release, NULL, 10) >= 7;
	cfg->keep_tp = can && cfg->tp_preempts;
}

void configure(struct tcplens_bpf *skel, const struct kbtf *btf, const struct attach_opts *o,
		      enum backend b, struct way w)
{
	struct config *cfg = (struct config *)&skel->rodata->cfg;

	cfg->filter = *o->filter;
	configure_ports(skel, cfg, o->ranges);
	cfg->direct = w.direct;
	cfg->in_by_tuple = b == BACKEND_TRACEPOINT;
	cfg->expr = w.expr;
	cfg->out_all = (b == BACKEND_TRACEPOINT || (o->need & NEED_DEVICE)) &&
		       (o->need & NEED_SEGMENTS);
	cfg->accept_by_cred = b == BACKEND_TRACEPOINT;
	cfg->emit_segments = !!(o->need & NEED_SEGMENTS);
	cfg->emit_states = !!(o->need & NEED_STATES);
	cfg->outlier_ns = o->outlier_ns;
	configure_keep(cfg, w.keep);
	configure_raw(skel, cfg, o, w);
	configure_tracks(skel, cfg, o);
	configure_why(skel, btf, cfg, o, b);
	bpf_program__set_autoload(skel->progs.seed_files, true);
	bpf_program__set_autoload(skel->progs.seed_socks, true);
	bpf_program__set_autoload(skel->progs.seed_tasks, cfg->accept_by_cred);
	configure_rings(skel, cfg, o->ring_size);
	bpf_map__set_max_entries(skel->maps.ranges, o->nranges ? o->nranges : 1);
	store__configure(skel, o->conns_max, w.atomics);
	if (!cfg->accept_by_cred)
		bpf_map__set_max_entries(skel->maps.creds, 1);
	if (!(o->need & NEED_CHILDREN))
		bpf_map__set_max_entries(skel->maps.tree, 1);
}
