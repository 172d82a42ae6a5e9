// SPDX-License-Identifier: BSD-2-Clause
#include "cost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "attach.h"
#include "clock.h"
#include "names.h"
#include "skel.h"
#include "sysctl.h"

/* Of RUSAGE_SELF: all threads, or RUSAGE_THREAD: this one. */
static __u64 cpu_ns(int who)
{
	struct rusage r;

	if (getrusage(who, &r))
		return 0;
	return (__u64)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000 +
	       (__u64)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000;
}

/* Asking for it takes CAP_SYS_ADMIN (bpf_enable_stats() in kernel/bpf/syscall.c), which nothing else here does. */
int cost__begin(struct cost *c)
{
	int err;

	c->begin_ns = clock_mono_ns();
	c->begin_cpu_ns = cpu_ns(RUSAGE_SELF);
	c->begin_thread_ns = cpu_ns(RUSAGE_THREAD);
	c->fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	err = c->fd < 0 ? -errno : 0;
	/* Where the sysctl is on it does so for everybody, all the time. */
	c->counted = !err || sysctl_kernel_on("bpf_stats_enabled");
	return c->counted ? 0 : err;
}

/* How often it ran, and for how long: false if nobody counted. */
static bool read_runs(const struct cost *c, struct tcplens_bpf *skel, const struct prog_report *r,
		      struct bpf_prog_info *info)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(skel->obj, r->prog->prog);
	__u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return c->counted && !bpf_obj_get_info_by_fd(bpf_program__fd(prog), info, &len);
}

static void tell_prog_json(const struct prog_report *r, const struct bpf_prog_info *info, bool known)
{
	fprintf(stderr, "{\"hook\":\"%s\",\"kind\":\"%s\",\"target\":\"%s\"", r->hook->name,
		attach_kind_name(r->prog->kind), r->prog->target);
	if (known)
		fprintf(stderr, ",\"runs\":%" PRIu64 ",\"run_ns\":%" PRIu64, (uint64_t)info->run_cnt,
			(uint64_t)info->run_time_ns);
	fputc('}', stderr);
}

static void tell_prog(const struct prog_report *r, const struct bpf_prog_info *info, bool known)
{
	fprintf(stderr, "tcplens:   %-12s %-10s %-28s ", r->hook->name, attach_kind_name(r->prog->kind),
		r->prog->target);
	if (known)
		fprintf(stderr, "%12" PRIu64 " %8.0f\n", (uint64_t)info->run_cnt,
			info->run_cnt ? (double)info->run_time_ns / info->run_cnt : 0.0);
	else
		fprintf(stderr, "%12s %8s\n", "-", "-");
}

static void tell_progs(const struct cost *c, struct tcplens_bpf *skel, const struct attach_report *rep, bool json)
{
	struct bpf_prog_info info;
	bool first = true, known;

	for (size_t i = 0; i < rep->nprogs; i++) {
		const struct prog_report *r = &rep->progs[i];

		if (r->status != PROG_ATTACHED)
			continue;
		known = read_runs(c, skel, r, &info);
		if (!first && json)
			fputc(',', stderr);
		first = false;
		if (json)
			tell_prog_json(r, &info, known);
		else
			tell_prog(r, &info, known);
	}
}

static void tell_records(const struct cost_records *rec, bool json)
{
	bool first = true;

	for (__u32 hook = 0; hook < HOOK_MAX; hook++) {
		__u64 n = rec->made[hook], lost = rec->lost[hook];

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

static void tell_json(const struct cost *c, struct tcplens_bpf *skel, const struct attach_report *rep,
		      const struct cost_records *rec, double wall, double cpu, double drain)
{
	fprintf(stderr,
		"{\"stats\":true,\"seconds\":%.3f,\"cpu_seconds\":%.6f,\"drain_cpu_seconds\":%.6f,\"printed\":%" PRIu64
		",\"programs\":[", wall, cpu, drain, (uint64_t)rec->printed);
	tell_progs(c, skel, rep, true);
	fputs("],\"hooks\":[", stderr);
	tell_records(rec, true);
	fputs("]}\n", stderr);
}

void cost__tell(const struct cost *c, struct tcplens_bpf *skel, const struct attach_report *rep,
		const struct cost_records *rec, bool json)
{
	double wall = (clock_mono_ns() - c->begin_ns) / 1e9;
	double cpu = (cpu_ns(RUSAGE_SELF) - c->begin_cpu_ns) / 1e9;
	double drain = (cpu_ns(RUSAGE_THREAD) - c->begin_thread_ns) / 1e9;

	if (json) {
		tell_json(c, skel, rep, rec, wall, cpu, drain);
		return;
	}
	fprintf(stderr, "tcplens:   %-52s %12s %8s\n", "HOOK", "RUNS", "NS/RUN");
	tell_progs(c, skel, rep, false);
	fprintf(stderr, "tcplens:   %-52s %12s %8s\n", "RECORDS OF", "RECORDS", "LOST");
	tell_records(rec, false);
	fprintf(stderr,
		"tcplens:   CPU in %.3f s: draining %.3f s, writing %.3f s, together %.2f %%, %.3f us per record printed\n",
		wall, drain, cpu > drain ? cpu - drain : 0.0, wall > 0 ? 100 * cpu / wall : 0.0,
		rec->printed ? 1e6 * cpu / rec->printed : 0.0);
}

void cost__end(struct cost *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
