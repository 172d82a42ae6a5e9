// SPDX-License-Identifier: BSD-2-Clause
#include "attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "expr.h"
#include "expr_elf.h"
#include "skel.h"
#include "store.h"

#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe/type"
#define KFUNC_DIRECT "bpf_rdonly_cast"
#define KFUNC_DYNPTR "bpf_dynptr_from_skb"

/* What an attempt relies on that this kernel may lack. */
struct way {
	bool direct; /* config.direct */
	bool dynptr; /* config.dynptr */
	bool expr;   /* config.expr: its program is accepted */
	bool atomics; /* config.atomics: by open_skel() */
};

/* libbpf's own words are for who asks for them: LIBBPF_DEBUG=1. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	const char *debug = getenv("LIBBPF_DEBUG");

	if (!debug || (level == LIBBPF_DEBUG && strcmp(debug, "2")))
		return 0;
	return vfprintf(stderr, fmt, ap);
}

static const struct btf_type *find_func(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);

	return id > 0 ? btf__type_by_id(btf, id) : NULL;
}

/* Arguments of a kernel function, or -ENOENT. */
static int func_nargs(const struct btf *btf, const char *name)
{
	const struct btf_type *t = find_func(btf, name);

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	return t ? btf_vlen(t) : -ENOENT;
}

static bool have_tracepoint(const struct btf *btf, const char *name)
{
	char type[80];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

/* Could the program be attached, as far as the kernel's type information tells? */
static bool target_exists(const struct btf *btf, const struct hook_prog *p)
{
	int nargs;

	if (p->needs_enum && btf__find_by_name_kind(btf, p->needs_enum, BTF_KIND_ENUM) <= 0)
		return false;
	switch (p->kind) {
	case ATTACH_TP:
		return have_tracepoint(btf, p->target);
	case ATTACH_FENTRY:
	case ATTACH_FEXIT:
		nargs = func_nargs(btf, p->target);
		return nargs >= 0 && (!p->nargs || nargs == p->nargs);
	default:
		/* A static function may be missing from BTF and still be in kallsyms: try it. */
		return true;
	}
}

/*
 * Is this backend offered at all?  The cheapest attempt that tells: an empty
 * program.  0, or a negative errno with the reason.
 */
static int backend_try(const struct btf *btf, enum backend b, char *why, size_t len)
{
	const struct bpf_insn nop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int id, fd;

	if (b == BACKEND_TRACEPOINT)
		return 0;
	if (b == BACKEND_KPROBE) {
		if (!access(KPROBE_PMU, R_OK))
			return 0;
		snprintf(why, len, "this kernel has no kprobes (CONFIG_KPROBES)");
		return -EOPNOTSUPP;
	}
	id = btf__find_by_name_kind(btf, "tcp_rcv_established", BTF_KIND_FUNC);
	if (id < 0) {
		snprintf(why, len, "tcp_rcv_established is not in this kernel's BTF");
		return -ENOENT;
	}
	opts.attach_btf_id = id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "tcplens_try", "GPL", nop, 2, &opts);
	if (fd < 0) {
		fd = -errno;
		snprintf(why, len, "this kernel refuses programs on functions (%s)", strerror(-fd));
		return fd;
	}
	close(fd);
	return 0;
}

static struct prog_report *report_add(struct attach_report *rep, const struct hook *h,
				      const struct hook_prog *p)
{
	struct prog_report *r;

	if (rep->nprogs == ATTACH_PROGS_MAX)
		return NULL;
	r = &rep->progs[rep->nprogs++];
	*r = (struct prog_report){ .hook = h, .prog = p };
	return r;
}

static const struct prog_report *report_find(const struct attach_report *rep, const char *prog)
{
	for (size_t i = 0; i < rep->nprogs; i++)
		if (!strcmp(rep->progs[i].prog->prog, prog))
			return &rep->progs[i];
	return NULL;
}

/* Is the program, listed by another hook too, chosen already? */
static bool is_chosen(const struct attach_report *rep, const char *prog)
{
	const struct prog_report *r = report_find(rep, prog);

	return r && r->status == PROG_ATTACHED;
}

/*
 * Marks what is to be loaded for the hooks of the run.  PROG_ATTACHED means
 * "chosen" until attach_all() has had its say.
 */
static int choose(struct tcplens_bpf *skel, const struct btf *btf, const struct attach_opts *o,
		  enum backend b, struct attach_report *rep)
{
	rep->nprogs = 0;
	for (size_t i = 0; i < hooks_n; i++) {
		const struct hook *h = &hooks[i];

		if (!hook_used(h, o->need))
			continue;
		for (const struct hook_prog *p = h->progs[b];
		     p < h->progs[b] + HOOK_PROGS_MAX && p->prog; p++) {
			struct prog_report *r;

			if (is_chosen(rep, p->prog))
				continue;
			r = report_add(rep, h, p);
			if (!r)
				return -E2BIG;
			if (p->instead_of && is_chosen(rep, p->instead_of))
				continue;
			if (!target_exists(btf, p)) {
				r->status = PROG_MISSING;
				if (!p->without)
					return -ENOENT;
				continue;
			}
			r->status = PROG_ATTACHED;
			bpf_program__set_autoload(
				bpf_object__find_program_by_name(skel->obj, p->prog), true);
		}
	}
	return 0;
}

static int attach_one(struct tcplens_bpf *skel, struct prog_report *r)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(skel->obj, r->prog->prog);
	const struct bpf_prog_skeleton *ps = NULL;
	struct bpf_link *link;

	for (int i = 0; i < skel->skeleton->prog_cnt; i++)
		if (!strcmp(skel->skeleton->progs[i].name, r->prog->prog))
			ps = &skel->skeleton->progs[i];
	link = bpf_program__attach(prog);
	if (!link)
		return -errno;
	/* The skeleton owns it from here, and destroys it with the rest. */
	*ps->link = link;
	return 0;
}

/* A refused program that others can do without is noted; any other ends the attempt. */
static int attach_all(struct tcplens_bpf *skel, struct attach_report *rep, char *why, size_t len)
{
	for (size_t i = 0; i < rep->nprogs; i++) {
		struct prog_report *r = &rep->progs[i];
		int err;

		if (r->status != PROG_ATTACHED)
			continue;
		err = attach_one(skel, r);
		if (!err)
			continue;
		r->status = PROG_REFUSED;
		r->err = err;
		if (!r->prog->without) {
			snprintf(why, len, "%s on %s can't be attached (%s)",
				 attach_kind_name(r->prog->kind), r->prog->target, strerror(-err));
			return err;
		}
	}
	return 0;
}

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

/* Arguments that a tracepoint hands to its programs; 0: there is no such tracepoint. */
static int tracepoint_nargs(const struct btf *btf, const char *name)
{
	const struct btf_type *t;
	char type[80];
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* a pointer … */
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* … to a function, whose first argument is the probe's */
	return t && btf_vlen(t) ? (int)btf_vlen(t) - 1 : 0;
}

/* Attempts to connect, and what goes wrong. */
static void configure_why(struct tcplens_bpf *skel, const struct btf *btf, struct config *cfg,
			  const struct attach_opts *o, enum backend b)
{
	cfg->emit_attempts = !!(o->need & NEED_CONNECT);
	cfg->emit_trouble = !!(o->need & NEED_LOSS);
	cfg->accept_by_exit = b == BACKEND_TRACEPOINT;
	cfg->drop_reason = tracepoint_nargs(btf, "kfree_skb") > 2;
	cfg->drop_sk = tracepoint_nargs(btf, "kfree_skb") > 3;
	cfg->reset_reason = tracepoint_nargs(btf, "tcp_send_reset") > 2;
	cfg->retrans_err = tracepoint_nargs(btf, "tcp_retransmit_skb") > 2;
	bpf_program__set_autoload(skel->progs.attempt_seed, cfg->emit_attempts);
	bpf_map__set_max_entries(skel->maps.attempts, cfg->emit_attempts ? o->conns_max : 1);
	if (!cfg->emit_trouble) {
		bpf_map__set_max_entries(skel->maps.rtx, 1);
		bpf_map__set_max_entries(skel->maps.stalls, 1);
	}
	if (!cfg->emit_attempts) {
		bpf_map__set_max_entries(skel->maps.lsocks, 1);
		bpf_map__set_max_entries(skel->maps.refused, 1);
	}
}

static void configure(struct tcplens_bpf *skel, const struct btf *btf, const struct attach_opts *o,
		      enum backend b, struct way w)
{
	struct config *cfg = (struct config *)&skel->rodata->cfg;

	cfg->filter = *o->filter;
	cfg->direct = w.direct;
	cfg->in_by_tuple = b == BACKEND_TRACEPOINT;
	cfg->expr = w.expr;
	cfg->out_all = (b == BACKEND_TRACEPOINT || (o->need & NEED_DEVICE)) &&
		       (o->need & NEED_SEGMENTS);
	cfg->accept_by_cred = b == BACKEND_TRACEPOINT;
	cfg->emit_segments = !!(o->need & NEED_SEGMENTS);
	cfg->emit_states = !!(o->need & NEED_STATES);
	cfg->outlier_ns = o->outlier_ns;
	configure_raw(skel, cfg, o, w);
	configure_tracks(skel, cfg, o);
	configure_why(skel, btf, cfg, o, b);
	bpf_program__set_autoload(skel->progs.seed_files, true);
	bpf_program__set_autoload(skel->progs.seed_socks, true);
	bpf_program__set_autoload(skel->progs.seed_tasks, cfg->accept_by_cred);
	bpf_map__set_max_entries(skel->maps.events, o->ring_size);
	bpf_map__set_max_entries(skel->maps.ranges, o->nranges ? o->nranges : 1);
	store__configure(skel, o->conns_max, w.atomics);
	if (!cfg->accept_by_cred)
		bpf_map__set_max_entries(skel->maps.creds, 1);
	if (!(o->need & NEED_CHILDREN))
		bpf_map__set_max_entries(skel->maps.tree, 1);
}

/* What the programs look up from their first run on. */
static int fill_maps(struct tcplens_bpf *skel, const struct attach_opts *o)
{
	__u8 one = 1;
	int err;

	for (__u32 i = 0; i < o->nranges; i++) {
		err = bpf_map_update_elem(bpf_map__fd(skel->maps.ranges), &i, &o->ranges[i], 0);
		if (err)
			return -errno;
	}
	if (o->need & NEED_CHILDREN) {
		err = bpf_map_update_elem(bpf_map__fd(skel->maps.tree), &o->tree_pid, &one, 0);
		if (err)
			return -errno;
	}
	return store__fill(skel);
}

/*
 * What tcplens_bpf__open() does, with the user's expression in the object file,
 * and without what this kernel's instruction set lacks.
 */
static struct tcplens_bpf *open_skel(struct way *w, const struct expr_code *code)
{
	struct tcplens_bpf *skel = calloc(1, sizeof(*skel));
	void *with_expr = NULL;
	const void *elf;
	int err, changed = 0;

	if (!skel)
		return NULL;
	err = tcplens_bpf__create_skeleton(skel);
	if (!err && code)
		err = expr_elf_patch(skel->skeleton->data, skel->skeleton->data_sz, code->insns,
				     code->n * sizeof(*code->insns), &with_expr,
				     &skel->skeleton->data_sz);
	if (err)
		goto fail;
	elf = with_expr ? with_expr : skel->skeleton->data;
	changed = store__prepare(&elf, skel->skeleton->data_sz);
	err = changed < 0 ? changed : 0;
	if (err)
		goto fail;
	w->atomics = !changed;
	skel->skeleton->data = (void *)elf;
	err = bpf_object__open_skeleton(skel->skeleton, NULL);
	/* The object file is read, and not needed any more. */
	if (changed)
		free((void *)elf);
	free(with_expr);
	if (!err)
		return skel;
	with_expr = NULL;
fail:
	free(with_expr);
	tcplens_bpf__destroy(skel);
	errno = -err;
	return NULL;
}

/* One attempt with one backend.  On failure nothing stays behind. */
static int open_with(const struct attach_opts *o, const struct btf *btf, enum backend b,
		     struct way w, struct tcplens_bpf **out, struct attach_report *rep)
{
	char *why = rep->why_not[b];
	size_t len = sizeof(rep->why_not[b]);
	struct tcplens_bpf *skel = open_skel(&w, w.expr ? o->expr : NULL);
	int err;

	if (!skel) {
		err = -errno;
		snprintf(why, len, "the programs can't be opened (%s)", strerror(-err));
		return err;
	}
	configure(skel, btf, o, b, w);
	err = choose(skel, btf, o, b, rep);
	if (err) {
		const struct prog_report *r = &rep->progs[rep->nprogs - 1];

		snprintf(why, len, "this kernel has no %s %s", attach_kind_name(r->prog->kind),
			 r->prog->target);
		goto out;
	}
	err = tcplens_bpf__load(skel);
	if (err) {
		snprintf(why, len, "the kernel refuses the programs (%s)", strerror(-err));
		goto out;
	}
	err = fill_maps(skel, o);
	if (err) {
		snprintf(why, len, "the maps can't be filled (%s)", strerror(-err));
		goto out;
	}
	err = attach_all(skel, rep, why, len);
	if (err)
		goto out;
	why[0] = '\0';
	rep->chosen = b;
	rep->direct = w.direct;
	rep->dynptr = w.dynptr;
	rep->expr = w.expr;
	*out = skel;
	return 0;
out:
	tcplens_bpf__destroy(skel);
	return err;
}

static int open_backend(const struct attach_opts *o, const struct btf *btf, enum backend b,
			struct tcplens_bpf **skel, struct attach_report *rep)
{
	int err = backend_try(btf, b, rep->why_not[b], sizeof(rep->why_not[b]));
	struct way w;

	if (err)
		return err;
	w.direct = find_func(btf, KFUNC_DIRECT) != NULL;
	/* 6.4 has it, tracing programs may call it from 6.12 on: try. */
	w.dynptr = w.direct && (o->need & NEED_RAW) && o->snap && find_func(btf, KFUNC_DYNPTR);
	w.expr = o->expr != NULL;
	err = open_with(o, btf, b, w, skel, rep);
	if (err && w.dynptr) {
		w.dynptr = false;
		err = open_with(o, btf, b, w, skel, rep);
	}
	if (err && w.direct) {
		w.direct = false;
		err = open_with(o, btf, b, w, skel, rep);
	}
	return err;
}

int attach__open(const struct attach_opts *o, struct tcplens_bpf **skel, struct attach_report *rep,
		 char *err, size_t errlen)
{
	enum backend first = o->backend, last = o->backend;
	struct btf *btf;
	int ret = -ENOENT;

	memset(rep, 0, sizeof(*rep));
	rep->need = o->need;
	rep->chosen = BACKEND_MAX;
	libbpf_set_print(print_libbpf);
	btf = btf__load_vmlinux_btf();
	if (!btf) {
		ret = -errno;
		snprintf(err, errlen, "this kernel's type information (BTF) can't be read: %s",
			 strerror(-ret));
		return ret;
	}
	if (o->backend == BACKEND_AUTO) {
		first = BACKEND_FENTRY;
		last = BACKEND_TRACEPOINT;
	}
	for (enum backend b = first; b <= last; b++) {
		ret = open_backend(o, btf, b, skel, rep);
		if (!ret)
			break;
	}
	btf__free(btf);
	if (ret)
		snprintf(err, errlen, "%s%s%s: %s",
			 o->backend == BACKEND_AUTO ? "no backend works, not even " : "backend ",
			 backend_name(last),
			 o->backend == BACKEND_AUTO ? "" : " does not work here",
			 rep->why_not[last]);
	return ret;
}

static void blind_add(char *buf, size_t len, const char *text)
{
	size_t used = strlen(buf);

	if (!text || !*text || used + 1 >= len)
		return;
	snprintf(buf + used, len - used, "%s%s", used ? "; " : "", text);
}

void attach_blind(const struct attach_report *rep, unsigned int need, char *buf, size_t len)
{
	buf[0] = '\0';
	for (size_t i = 0; i < hooks_n; i++)
		if (hook_used(&hooks[i], need))
			blind_add(buf, len, hooks[i].blind[rep->chosen]);
	for (size_t i = 0; i < rep->nprogs; i++)
		if (rep->progs[i].status == PROG_MISSING || rep->progs[i].status == PROG_REFUSED)
			blind_add(buf, len, rep->progs[i].prog->without);
}
