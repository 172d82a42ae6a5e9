// SPDX-License-Identifier: BSD-2-Clause
#include "load_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define LICENSE "Dual BSD/GPL" /* as in maps.bpf.c: libbpf does not tell */
#define THREADS_MAX 16

static struct load_job *job_new(struct load_jobs *j)
{
	if (j->n == j->cap) {
		size_t cap = j->cap ? j->cap * 2 : 32;
		struct load_job *v = realloc(j->v, cap * sizeof(*v));

		if (!v)
			return NULL;
		j->v = v;
		j->cap = cap;
	}
	return &j->v[j->n++];
}

/* What libbpf is left with. */
static int make_empty(struct bpf_program *prog, struct bpf_prog_load_opts *opts)
{
	struct bpf_insn nop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	opts->expected_attach_type = 0;
	opts->attach_btf_id = 0;
	opts->prog_btf_fd = 0;
	opts->func_info_cnt = 0;
	opts->line_info_cnt = 0;
	return bpf_program__set_insns(prog, nop, sizeof(nop) / sizeof(nop[0]));
}

int load_jobs__add(struct load_jobs *j, struct bpf_program *prog, enum bpf_prog_type type,
		   struct bpf_insn *insns, size_t n, struct bpf_prog_load_opts *opts)
{
	struct load_job *job = job_new(j);

	if (!job) {
		free(insns);
		return -ENOMEM;
	}
	*job = (struct load_job){
		.prog = prog,
		.type = type,
		.insns = insns,
		.n = n,
		/* Field by field: a newer libbpf's struct has more of them. */
		.opts = {
			.sz = sizeof(job->opts),
			.expected_attach_type = opts->expected_attach_type,
			.prog_btf_fd = opts->prog_btf_fd,
			.prog_flags = opts->prog_flags,
			.kern_version = opts->kern_version,
			.attach_btf_id = opts->attach_btf_id,
			.func_info = opts->func_info,
			.func_info_cnt = opts->func_info_cnt,
			.func_info_rec_size = opts->func_info_rec_size,
		},
		.fd = -ECANCELED,
	};
	return make_empty(prog, opts);
}

/* What takes longest first: nothing is left to wait for at the end. */
static int by_size(const void *a, const void *b)
{
	const struct load_job *x = a, *y = b;

	return x->n < y->n ? 1 : x->n > y->n ? -1 : 0;
}

/* Functions begin elsewhere now, and some are not there any more. */
static void move_funcs(struct load_job *job, const __u32 *place)
{
	const struct bpf_func_info *old = job->opts.func_info;
	__u32 n = 0;

	for (__u32 i = 0; i < job->opts.func_info_cnt; i++) {
		if (place[old[i].insn_off] == PRUNED)
			continue;
		job->funcs[n] = old[i];
		job->funcs[n++].insn_off = place[old[i].insn_off];
	}
	job->opts.func_info = job->funcs;
	job->opts.func_info_cnt = n;
}

/* Without memory it stays as it is. */
static void prune_job(struct load_job *job, const struct prune_data *ro)
{
	__u32 *place = malloc((job->n + 1) * sizeof(*place));

	job->funcs = calloc(job->opts.func_info_cnt + 1, sizeof(*job->funcs));
	if (place && job->funcs &&
	    (!job->opts.func_info_cnt || job->opts.func_info_rec_size == sizeof(*job->funcs))) {
		job->n = prune(job->insns, job->n, ro, place);
		move_funcs(job, place);
	}
	free(place);
}

static void *work(void *arg)
{
	struct load_jobs *j = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED)) < j->n) {
		struct load_job *job = &j->v[i];

		prune_job(job, &j->ro);
		job->fd = bpf_prog_load(job->type, bpf_program__name(job->prog), LICENSE, job->insns,
					job->n, &job->opts);
		/* The rest is of no use without. */
		if (job->fd < 0)
			__atomic_store_n(&j->next, j->n, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* CPUs that this process may use. */
static size_t cpus(void)
{
	cpu_set_t set;

	/* More than the set has room for: enough. */
	return sched_getaffinity(0, sizeof(set), &set) ? THREADS_MAX : CPU_COUNT(&set);
}

/* Without threads, as far as none can be had, this one does it all. */
static void work_by_threads(struct load_jobs *j)
{
	size_t want = cpus(), n = 0;
	pthread_t thread[THREADS_MAX];

	if (want > THREADS_MAX)
		want = THREADS_MAX;
	if (want > j->n)
		want = j->n;
	while (n + 1 < want && !pthread_create(&thread[n], NULL, work, j))
		n++;
	work(j);
	while (n)
		pthread_join(thread[--n], NULL);
}

/* Under the number that libbpf knows. */
static int put(struct load_job *job)
{
	int err = job->fd < 0 ? job->fd : 0;

	if (!err && dup3(job->fd, bpf_program__fd(job->prog), O_CLOEXEC) < 0)
		err = -errno;
	if (job->fd >= 0)
		close(job->fd);
	return err;
}

int load_jobs__run(struct load_jobs *j, const struct prune_data *ro)
{
	int err = 0;

	j->ro = *ro;
	if (j->n)
		qsort(j->v, j->n, sizeof(*j->v), by_size);
	j->next = 0;
	work_by_threads(j);
	for (size_t i = 0; i < j->n; i++) {
		int ret = put(&j->v[i]);

		/* Of one that was not begun any more the reason is another's. */
		if (ret && (!err || err == -ECANCELED))
			err = ret;
	}
	load_jobs__clear(j);
	return err;
}

void load_jobs__clear(struct load_jobs *j)
{
	for (size_t i = 0; i < j->n; i++) {
		free(j->v[i].insns);
		free(j->v[i].funcs);
	}
	free(j->v);
	*j = (struct load_jobs){};
}
