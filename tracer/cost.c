// SPDX-License-Identifier: BSD-2-Clause
#include "cost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "attach.h"
#include "clock.h"
#include "names.h"
#include "skel.h"
#include "source.h"

static __u64 cpu_ns(void)
{
	struct rusage r;

	if (getrusage(RUSAGE_SELF, &r))
		return 0;
	return (__u64)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000 +
	       (__u64)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000;
}

int cost__begin(struct cost *c)
{
	c->begin_ns = clock_mono_ns();
	c->begin_cpu_ns = cpu_ns();
	c->fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return c->fd < 0 ? -errno : 0;
}

static void tell_prog(struct tcplens_bpf *skel, const struct prog_report *r, bool json, bool first)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(skel->obj, r->prog->prog);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return;
	if (json)
		fprintf(stderr,
			"%s{\"hook\":\"%s\",\"kind\":\"%s\",\"target\":\"%s\",\"runs\":%" PRIu64
			",\"run_ns\":%" PRIu64 "}",
			first ? "" : ",", r->hook->name, attach_kind_name(r->prog->kind),
			r->prog->target, (uint64_t)info.run_cnt, (uint64_t)info.run_time_ns);
	else
		fprintf(stderr, "tcplens:   %-12s %-10s %-28s %12" PRIu64 " %8.0f\n",
			r->hook->name, attach_kind_name(r->prog->kind), r->prog->target,
			(uint64_t)info.run_cnt,
			info.run_cnt ? (double)info.run_time_ns / info.run_cnt : 0.0);
}

static void tell_progs(struct tcplens_bpf *skel, const struct attach_report *rep, bool json)
{
	bool first = true;

	for (size_t i = 0; i < rep->nprogs; i++) {
		if (rep->progs[i].status != PROG_ATTACHED)
			continue;
		tell_prog(skel, &rep->progs[i], json, first);
		first = false;
	}
}

static void tell_records(const struct source *src, bool json)
{
	bool first = true;

	for (__u32 hook = 0; hook < HOOK_MAX; hook++) {
		__u64 n = src->records[hook], lost = src->lost[hook];

		if (!n && !lost)
			continue;
		if (json)
			fprintf(stderr, "%s{\"records_of\":\"%s\",\"records\":%" PRIu64 ",\"lost\":%" PRIu64 "}",
				first ? "" : ",", hook_name(hook), (uint64_t)n, (uint64_t)lost);
		else
			fprintf(stderr, "tcplens:   %-52s %12" PRIu64 " %8" PRIu64 "\n", hook_name(hook),
				(uint64_t)n, (uint64_t)lost);
		first = false;
	}
}

void cost__tell(const struct cost *c, struct tcplens_bpf *skel, const struct attach_report *rep,
		const struct source *src, __u64 printed, bool json)
{
	double wall = (clock_mono_ns() - c->begin_ns) / 1e9;
	double cpu = (cpu_ns() - c->begin_cpu_ns) / 1e9;

	if (json) {
		fprintf(stderr,
			"{\"stats\":true,\"seconds\":%.3f,\"cpu_seconds\":%.6f,\"printed\":%" PRIu64
			",\"programs\":[", wall, cpu, (uint64_t)printed);
		tell_progs(skel, rep, true);
		fputs("],\"hooks\":[", stderr);
		tell_records(src, true);
		fputs("]}\n", stderr);
		return;
	}
	fprintf(stderr, "tcplens:   %-52s %12s %8s\n", "HOOK", "RUNS", "NS/RUN");
	tell_progs(skel, rep, false);
	fprintf(stderr, "tcplens:   %-52s %12s %8s\n", "RECORDS OF", "RECORDS", "LOST");
	tell_records(src, false);
	fprintf(stderr, "tcplens:   reading and printing: %.3f s of CPU in %.3f s (%.2f %%), %.3f us per record printed\n",
		cpu, wall, wall > 0 ? 100 * cpu / wall : 0.0, printed ? 1e6 * cpu / printed : 0.0);
}

void cost__end(struct cost *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
