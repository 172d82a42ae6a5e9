// SPDX-License-Identifier: BSD-2-Clause
#include "source_live.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "attach.h"
#include "bucket.h"
#include "clock.h"
#include "config.h"
#include "decode.h"
#include "explain.h"
#include "seed.h"
#include "skel.h"

#define LAT_SETTLE_US 2000

/* Names for the kernel's numbers, while this is the kernel. */
static int on_trouble(struct source_live *s, const struct ev_hdr *ev)
{
	struct ev_trouble t = *ev_trouble_of(ev);

	if (!s->explain)
		s->explain = explain__new();
	if (s->explain)
		explain__fill(s->explain, &t);
	if (t.hdr.type == EV_DROP && explain__is_copy(&t))
		return 0;
	return s->src.on_event(s->src.ctx, &t.hdr);
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct source_live *s = ctx;
	const struct ev_hdr *ev;

	if (decode(data, size, &ev)) {
		s->src.malformed++;
		return 0;
	}
	s->src.records[ev->hook]++;
	return ev->type == EV_DROP || ev->type == EV_RESET ? on_trouble(s, ev) :
							     s->src.on_event(s->src.ctx, ev);
}

static const struct source_live *live_of(const struct source *s)
{
	return (const struct source_live *)s;
}

static int live_fd(const struct source *s)
{
	return live_of(s)->poll_fd;
}

static int live_drain(struct source *s)
{
	struct source_live *l = (struct source_live *)s;
	int n = rings__drain(&l->rings);

	s->fill = l->rings.fill;
	return n;
}

/* As in maps.bpf.h. */
struct lat_key {
	__u64 conn;
	__u32 pid;
	__u16 bucket;
	__u8 part;
	__u8 pad;
};

struct lat_value {
	__u64 count, sum, min, max;
	struct ev_who who;
	struct ev_ends ends;
	__u64 owner_turn;
};

#define LAT_BATCH 1024

static int tell_latency(struct source_live *s, const struct lat_key *k, const struct lat_value *v,
			__u64 now)
{
	struct ev_latency ev = {
		.hdr = { .type = EV_LATENCY, .len = sizeof(ev), .hook = HOOK_LATENCY, .mono_ns = now },
		.who = v->who,
		.ends = v->ends,
		.count = v->count,
		.sum_ns = v->sum,
		.min_ns = v->min,
		.max_ns = v->max,
		.part = k->part & LAT_PART_MASK,
		.has = k->part >> LAT_HAS_SHIFT,
		.owner_turn = v->owner_turn,
	};

	s->src.records[HOOK_LATENCY]++;
	return s->src.on_event(s->src.ctx, &ev.hdr);
}

/* Empties a map that no program writes to any more. */
static int drain_latency(struct source_live *s, int fd)
{
	struct lat_key *keys = calloc(LAT_BATCH, sizeof(*keys));
	struct lat_value *values = calloc(LAT_BATCH, sizeof(*values));
	__u64 now = clock_mono_ns();
	__u32 pos, n;
	void *in = NULL;
	int err = keys && values ? 0 : -ENOMEM;

	s->waits = 0;
	while (!err) {
		n = LAT_BATCH;
		if (bpf_map_lookup_and_delete_batch(fd, in, &pos, keys, values, &n, NULL)) {
			err = -errno;
			if (err != -ENOENT) /* the end, perhaps with a last batch */
				break;
		}
		s->waits += n;
		for (__u32 i = 0; i < n; i++) {
			int ret = tell_latency(s, &keys[i], &values[i], now);

			if (ret < 0)
				err = ret;
		}
		in = &pos;
	}
	free(keys);
	free(values);
	return err == -ENOENT ? 0 : err;
}

/* The programs turn to the other map, and the one they have left becomes records. */
static int live_snapshot(struct source *src)
{
	struct source_live *s = (struct source_live *)src;
	__u32 turn;

	if (!(s->report->need & NEED_LATENCY))
		return 0;
	turn = s->skel->bss->lat_turn;
	__atomic_store_n(&s->skel->bss->lat_turn, turn + 1, __ATOMIC_SEQ_CST);
	/* Programs that run now still use the old one; they take microseconds. */
	usleep(LAT_SETTLE_US);
	return drain_latency(s, bpf_map__fd(turn & 1 ? s->skel->maps.lat1 : s->skel->maps.lat0));
}

static int on_open_life(void *ctx, const void *data, size_t n)
{
	return on_record(ctx, (void *)data, n);
}

/*
 * What a kprobe was left out of before it came to its program: another kprobe was
 * being handled on that CPU (kprobe_ftrace_handler(), reenter_kprobe()).  Told since
 * 6.7 (3acf8ace6823); this machine's headers may be older, so its place is given here:
 * struct bpf_link_info, perf_event.kprobe.missed.
 */
static __u64 probe_misses(int link_fd)
{
	enum { LINK_PERF_EVENT = 7, PERF_EVENT_KPROBE = 3, PERF_EVENT_KRETPROBE = 4 };
	struct {
		__u32 type, id, prog_id, pad;
		__u32 event, pad2;
		__u64 func_name;
		__u32 name_len, offset;
		__u64 addr;
		__u64 missed;
		__u64 rest[8];
	} info = {};
	__u32 len = sizeof(info);

	/* Without a link of its own (before 5.15) the descriptor is the probe's event: an error. */
	if (bpf_obj_get_info_by_fd(link_fd, &info, &len))
		return 0;
	return info.type == LINK_PERF_EVENT && (info.event == PERF_EVENT_KPROBE || info.event == PERF_EVENT_KRETPROBE) ?
		       info.missed :
		       0;
}

/*
 * The kernel does not run a program on a CPU where it is running already, and
 * counts what it leaves out (5.12, 9ed9e9ba2337: recursion_misses; of kprobes 6.7,
 * f915fcb38553); nested.bpf.h has when that is.
 */
static __u64 read_misses(const struct source_live *s, __u32 hook)
{
	__u64 misses = 0;

	/* A view that has no use for the hook's records loses none. */
	if ((hook == HOOK_STATE && !(s->report->need & NEED_STATES)) ||
	    (hook == HOOK_LIFE && !(s->report->need & NEED_LIFE)))
		return 0;
	for (size_t i = 0; i < s->report->nprogs; i++) {
		const struct prog_report *r = &s->report->progs[i];
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);
		struct bpf_program *prog;

		if (r->status != PROG_ATTACHED || r->hook->records != (int)hook || r->prog->nested)
			continue;
		prog = bpf_object__find_program_by_name(s->skel->obj, r->prog->prog);
		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			misses += info.recursion_misses;
		if (r->prog->kind == ATTACH_KPROBE || r->prog->kind == ATTACH_KRETPROBE)
			misses += probe_misses(r->link_fd);
	}
	return misses;
}

/* The sum over all CPUs of one hook's counters: what found the ring full, and what was left out. */
static int read_lost(const struct source_live *s, __u32 hook, __u64 *full, __u64 *left_out)
{
	int ncpu = libbpf_num_possible_cpus(), err = 0;
	__u64 misses = s->stopped ? 0 : read_misses(s, hook), nested = 0, unseen = 0;
	struct hook_stats *v;

	if (ncpu < 0)
		return ncpu;
	v = calloc(ncpu, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.stats), &hook, v))
		err = -errno;
	/* Read before the counters: what was left out is never counted after what made up for it. */
	*full = 0;
	for (int i = 0; i < ncpu; i++) {
		*full += v[i].lost;
		nested += v[i].nested;
		unseen += v[i].unseen;
	}
	*left_out = (misses > nested ? misses - nested : 0) + unseen;
	free(v);
	return err;
}

static int live_account(struct source *s)
{
	struct source_live *l = (struct source_live *)s;

	for (__u32 hook = 0; hook < HOOK_MAX; hook++) {
		struct ev_lost ev = {
			.hdr = { .type = EV_LOST, .len = sizeof(ev), .hook = hook,
				 .mono_ns = clock_mono_ns() },
		};
		__u64 full, left_out, lost;
		int err = read_lost(l, hook, &full, &left_out);

		if (err)
			return err;
		/* It only grows: what was told once is not taken back. */
		if (left_out < l->left_out[hook])
			left_out = l->left_out[hook];
		lost = full + left_out;
		if (lost <= s->lost[hook])
			continue;
		ev.count = lost - s->lost[hook];
		l->left_out_now = left_out - l->left_out[hook];
		l->left_out[hook] = left_out;
		s->lost[hook] = lost;
		err = s->on_event(s->ctx, &ev.hdr);
		if (err)
			return err;
	}
	return 0;
}

static void live_stop(struct source *s)
{
	struct source_live *l = (struct source_live *)s;

	/* What is still open ends with us.  Its records come from the iterator itself. */
	if (l->report->need & NEED_LIFE)
		seed__open_lives(l->skel, on_open_life, l);
	seed__open_rest(l->skel);
	/* While a first program is gone already, and its second one not, these figures say nothing. */
	live_account(s);
	l->stopped = true;
	l->skel->bss->phase = PHASE_ATTACH;
	tcplens_bpf__detach(live_of(s)->skel);
}

/* A program that does not see it yet, and whose record we do not see yet, wakes nobody. */
void source_live__asleep(struct source_live *s, bool asleep)
{
	__atomic_store_n(&s->skel->bss->reader_asleep, asleep, __ATOMIC_SEQ_CST);
}

size_t source_live__waits_max(const struct source_live *s)
{
	return bpf_map__max_entries(s->skel->maps.lat0);
}

static const struct source_ops live_ops = {
	.fd = live_fd,
	.drain = live_drain,
	.snapshot = live_snapshot,
	.account = live_account,
	.stop = live_stop,
};

static int add_ring(struct source_live *s, const struct bpf_map *map)
{
	struct epoll_event in = { .events = EPOLLIN };
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	/* The map's own size: libbpf rounds it up. */
	if (bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &len))
		return -errno;
	if (epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, bpf_map__fd(map), &in))
		return -errno;
	return rings__add(&s->rings, bpf_map__fd(map), info.max_entries);
}

int source_live__init(struct source_live *s, struct tcplens_bpf *skel,
		      const struct attach_report *report,
		      int (*on_event)(void *ctx, const struct ev_hdr *ev), void *ctx)
{
	int err;

	*s = (struct source_live){
		.src = { .ops = &live_ops, .on_event = on_event, .ctx = ctx },
		.skel = skel,
		.report = report,
	};
	s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->poll_fd < 0)
		return -errno;
	err = rings__open(&s->rings, on_record, s);
	if (!err)
		err = add_ring(s, skel->maps.events);
	if (!err && skel->rodata->cfg.ring_back)
		err = add_ring(s, skel->maps.events_back);
	return err;
}

void source_live__free(struct source_live *s)
{
	explain__free(s->explain);
	s->explain = NULL;
	rings__close(&s->rings);
	if (s->poll_fd > 0)
		close(s->poll_fd);
	s->poll_fd = 0;
}
