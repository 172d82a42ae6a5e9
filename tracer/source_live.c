// SPDX-License-Identifier: BSD-2-Clause
#include "source_live.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attach.h"
#include "clock.h"
#include "decode.h"
#include "skel.h"

/* As in maps.bpf.h. */
struct hook_stats {
	__u64 records;
	__u64 lost;
};

static int on_record(void *ctx, void *data, size_t size)
{
	struct source_live *s = ctx;
	const struct ev_hdr *ev;

	if (decode(data, size, &ev)) {
		s->src.malformed++;
		return 0;
	}
	return s->src.on_event(s->src.ctx, ev);
}

static const struct source_live *live_of(const struct source *s)
{
	return (const struct source_live *)s;
}

static int live_fd(const struct source *s)
{
	return ring_buffer__epoll_fd(live_of(s)->ring);
}

static int live_drain(struct source *s)
{
	return ring_buffer__consume(live_of(s)->ring);
}

static void live_stop(struct source *s)
{
	tcplens_bpf__detach(live_of(s)->skel);
}

/*
 * The kernel does not run a program inside itself: when its run in a system
 * call is interrupted by a softirq that comes to the same hook, that second run
 * is left out and counted (5.12, 9ed9e9ba2337: recursion_misses).
 */
static __u64 read_misses(const struct source_live *s, __u32 hook)
{
	__u64 misses = 0;

	for (size_t i = 0; i < s->report->nprogs; i++) {
		const struct prog_report *r = &s->report->progs[i];
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);
		struct bpf_program *prog;

		if (r->status != PROG_ATTACHED || r->hook->records != (int)hook)
			continue;
		prog = bpf_object__find_program_by_name(s->skel->obj, r->prog->prog);
		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			misses += info.recursion_misses;
	}
	return misses;
}

/* The sum over all CPUs of one hook's counters. */
static int read_lost(const struct source_live *s, __u32 hook, __u64 *lost)
{
	int ncpu = libbpf_num_possible_cpus(), err = 0;
	struct hook_stats *v;

	if (ncpu < 0)
		return ncpu;
	v = calloc(ncpu, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.stats), &hook, v))
		err = -errno;
	*lost = read_misses(s, hook);
	for (int i = 0; i < ncpu; i++)
		*lost += v[i].lost;
	free(v);
	return err;
}

static int live_account(struct source *s)
{
	for (__u32 hook = 0; hook < HOOK_MAX; hook++) {
		struct ev_lost ev = {
			.hdr = { .type = EV_LOST, .len = sizeof(ev), .hook = hook,
				 .mono_ns = clock_mono_ns() },
		};
		__u64 lost;
		int err = read_lost(live_of(s), hook, &lost);

		if (err)
			return err;
		if (lost == s->lost[hook])
			continue;
		ev.count = lost - s->lost[hook];
		s->lost[hook] = lost;
		err = s->on_event(s->ctx, &ev.hdr);
		if (err)
			return err;
	}
	return 0;
}

static const struct source_ops live_ops = {
	.fd = live_fd,
	.drain = live_drain,
	.account = live_account,
	.stop = live_stop,
};

int source_live__init(struct source_live *s, struct tcplens_bpf *skel,
		      const struct attach_report *report,
		      int (*on_event)(void *ctx, const struct ev_hdr *ev), void *ctx)
{
	*s = (struct source_live){
		.src = { .ops = &live_ops, .on_event = on_event, .ctx = ctx },
		.skel = skel,
		.report = report,
	};
	s->ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_record, s, NULL);
	return s->ring ? 0 : -errno;
}

void source_live__free(struct source_live *s)
{
	ring_buffer__free(s->ring);
	s->ring = NULL;
}
