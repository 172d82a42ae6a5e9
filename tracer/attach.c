// SPDX-License-Identifier: BSD-2-Clause
#include "attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/btf.h>

#include "configure.h"
#include "expr.h"
#include "expr_elf.h"
#include "kbtf.h"
#include "loader.h"
#include "skel.h"
#include "store.h"

#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe/type"
#define KERNEL_BTF "/sys/kernel/btf/vmlinux"
#define TRY_FUNCTION "tcp_rcv_established"
#define KFUNC_DIRECT "bpf_rdonly_cast"
#define KFUNC_DYNPTR "bpf_dynptr_from_skb"
#define KFUNC_KEEP "bpf_local_irq_save" /* 6.14; the last of those that keep.bpf.h calls */

/* libbpf's own words are for who asks for them: LIBBPF_DEBUG=1. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	const char *debug = getenv("LIBBPF_DEBUG");

	if (!debug || (level == LIBBPF_DEBUG && strcmp(debug, "2")))
		return 0;
	return vfprintf(stderr, fmt, ap);
}

/* Could the program be attached, as far as the kernel's type information tells? */
static bool target_exists(const struct kbtf *btf, const struct hook_prog *p)
{
	int nargs;

	if (p->needs_enum && !kbtf__id(btf, p->needs_enum, BTF_KIND_ENUM))
		return false;
	if (p->needs_func && kbtf__func_nargs(btf, p->needs_func) < p->needs_args)
		return false;
	switch (p->kind) {
	case ATTACH_TP:
		return kbtf__tracepoint(btf, p->target) != 0;
	case ATTACH_FENTRY:
	case ATTACH_FEXIT:
		nargs = kbtf__func_nargs(btf, p->target);
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
static int backend_try(const struct kbtf *btf, enum backend b, char *why, size_t len)
{
	const struct bpf_insn nop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int fd;

	if (b == BACKEND_TRACEPOINT)
		return 0;
	if (b == BACKEND_KPROBE) {
		if (!access(KPROBE_PMU, R_OK))
			return 0;
		snprintf(why, len, "this kernel has no kprobes (CONFIG_KPROBES)");
		return -EOPNOTSUPP;
	}
	opts.attach_btf_id = kbtf__id(btf, TRY_FUNCTION, BTF_KIND_FUNC);
	if (!opts.attach_btf_id) {
		snprintf(why, len, TRY_FUNCTION " is not in this kernel's BTF");
		return -ENOENT;
	}
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
static int choose(struct tcplens_bpf *skel, const struct kbtf *btf, const struct attach_opts *o,
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
	r->link_fd = bpf_link__fd(link);
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
				 attach_kind_name(r->prog->kind), r->prog->target,
				 err == -E2BIG ? "it has as many programs as it takes: end other tracers" : /* BPF_MAX_TRAMP_LINKS */
						 strerror(-err));
			return err;
		}
	}
	skel->bss->phase = PHASE_LEARN;
	return 0;
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

/* All of an attempt to attach, whichever backend it comes to. */
struct attach {
	const struct attach_opts *o;
	struct attach_report *rep;
	struct kbtf *btf;
	int types_fd; /* what libbpf reads of it, at types_path */
	char types_path[32];
	struct tcplens_bpf *opened; /* not loaded yet; NULL: used up */
	bool atomics;		    /* struct way */
};

/* Pages of the program's own file: whoever reads them again gets them from there. */
static void forget_pages(const void *from, size_t size)
{
	uintptr_t page = sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)from + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)from + size) & ~(page - 1);

	if (end > begin)
		madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/*
 * What tcplens_bpf__open() does, with the user's expression in the object file,
 * and without what this kernel's instruction set lacks.  NULL with errno.
 */
static struct tcplens_bpf *open_skel(struct attach *a)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = a->types_path);
	struct tcplens_bpf *skel = calloc(1, sizeof(*skel));
	const struct expr_code *code = a->o->expr;
	void *with_expr = NULL;
	const void *own = NULL, *elf;
	size_t own_size = 0;
	int err, changed = 0;

	if (!skel)
		return NULL;
	err = tcplens_bpf__create_skeleton(skel);
	if (!err) {
		own = skel->skeleton->data;
		own_size = skel->skeleton->data_sz;
	}
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
	a->atomics = !changed;
	skel->skeleton->data = (void *)elf;
	err = bpf_object__open_skeleton(skel->skeleton, &opts);
	/* The object file is read, and not needed any more: 2 MB of it were in memory. */
	forget_pages(own, own_size);
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
static int open_with(struct attach *a, enum backend b, struct way w, struct tcplens_bpf **out)
{
	char *why = a->rep->why_not[b];
	size_t len = sizeof(a->rep->why_not[b]);
	struct tcplens_bpf *skel = a->opened ? a->opened : open_skel(a);
	int err;

	a->opened = NULL;
	if (!skel) {
		err = -errno;
		snprintf(why, len, "the programs can't be opened (%s)", strerror(-err));
		return err;
	}
	w.atomics = a->atomics;
	configure(skel, a->btf, a->o, b, w);
	err = choose(skel, a->btf, a->o, b, a->rep);
	if (err) {
		const struct prog_report *r = &a->rep->progs[a->rep->nprogs - 1];

		snprintf(why, len, "this kernel has no %s %s", attach_kind_name(r->prog->kind),
			 r->prog->target);
		goto out;
	}
	err = loader__load(skel);
	if (err) {
		snprintf(why, len, "the kernel refuses the programs (%s)", strerror(-err));
		goto out;
	}
	err = fill_maps(skel, a->o);
	if (err) {
		snprintf(why, len, "the maps can't be filled (%s)", strerror(-err));
		goto out;
	}
	err = attach_all(skel, a->rep, why, len);
	if (err)
		goto out;
	why[0] = '\0';
	a->rep->chosen = b;
	a->rep->direct = w.direct;
	a->rep->dynptr = w.dynptr;
	a->rep->expr = w.expr;
	*out = skel;
	return 0;
out:
	tcplens_bpf__destroy(skel);
	return err;
}

static int open_backend(struct attach *a, enum backend b, struct tcplens_bpf **skel)
{
	int err = backend_try(a->btf, b, a->rep->why_not[b], sizeof(a->rep->why_not[b]));
	struct way w = {};

	if (err)
		return err;
	w.direct = kbtf__id(a->btf, KFUNC_DIRECT, BTF_KIND_FUNC);
	/* 6.4 has it, tracing programs may call it from 6.12 on: try. */
	w.dynptr = w.direct && (a->o->need & NEED_RAW) && a->o->snap &&
		   kbtf__id(a->btf, KFUNC_DYNPTR, BTF_KIND_FUNC);
	w.expr = a->o->expr != NULL;
	w.keep = kbtf__id(a->btf, KFUNC_KEEP, BTF_KIND_FUNC);
	err = open_with(a, b, w, skel);
	/* 6.14 has it, but calls no global function then. */
	if (err && w.keep) {
		w.keep = false;
		err = open_with(a, b, w, skel);
	}
	if (err && w.dynptr) {
		w.dynptr = false;
		err = open_with(a, b, w, skel);
	}
	if (err && w.direct) {
		w.direct = false;
		err = open_with(a, b, w, skel);
	}
	return err;
}

/* What decides whether the program can be used here. */
static int want_conditions(struct kbtf *btf, const struct hook_prog *p)
{
	int err = p->needs_enum ? kbtf__want(btf, p->needs_enum) : 0;

	return err || !p->needs_func ? err : kbtf__want(btf, p->needs_func);
}

/* Opens the programs, and finds what they refer to in the kernel's type information. */
static int learn_types(struct attach *a)
{
	int err = kbtf__open(KERNEL_BTF, &a->btf);

	if (!err)
		err = loader__begin(a->btf);
	if (!err)
		err = a->types_fd = loader__types_file(a->types_path);
	if (err < 0)
		return err;
	a->opened = open_skel(a);
	if (!a->opened)
		return -errno;
	err = kbtf__want(a->btf, TRY_FUNCTION);
	for (size_t i = 0; !err && i < hooks_n; i++)
		for (int b = 0; !err && b < BACKEND_MAX; b++)
			for (const struct hook_prog *p = hooks[i].progs[b];
			     !err && p < hooks[i].progs[b] + HOOK_PROGS_MAX && p->prog; p++)
				err = want_conditions(a->btf, p);
	if (!err)
		err = loader__want(a->btf, a->opened->obj);
	if (!err)
		err = kbtf__scan(a->btf);
	return err ? err : loader__types_write(a->btf, a->types_fd);
}

static int open_any(struct attach *a, struct tcplens_bpf **skel, char *err, size_t errlen)
{
	enum backend first = a->o->backend, last = a->o->backend;
	int ret = -ENOENT;

	if (a->o->backend == BACKEND_AUTO) {
		first = BACKEND_FENTRY;
		last = BACKEND_TRACEPOINT;
	}
	for (enum backend b = first; b <= last; b++) {
		ret = open_backend(a, b, skel);
		if (!ret)
			return 0;
	}
	snprintf(err, errlen, "%s%s%s: %s",
		 a->o->backend == BACKEND_AUTO ? "no backend works, not even " : "backend ",
		 backend_name(last), a->o->backend == BACKEND_AUTO ? "" : " does not work here",
		 a->rep->why_not[last]);
	return ret;
}

int attach__open(const struct attach_opts *o, struct tcplens_bpf **skel, struct attach_report *rep,
		 char *err, size_t errlen)
{
	struct attach a = { .o = o, .rep = rep, .types_fd = -1 };
	int ret;

	memset(rep, 0, sizeof(*rep));
	rep->need = o->need;
	rep->chosen = BACKEND_MAX;
	libbpf_set_print(print_libbpf);
	ret = learn_types(&a);
	if (ret)
		snprintf(err, errlen, "this kernel's type information (BTF) can't be read: %s",
			 strerror(-ret));
	else
		ret = open_any(&a, skel, err, errlen);
	if (a.opened)
		tcplens_bpf__destroy(a.opened);
	if (a.types_fd >= 0)
		close(a.types_fd);
	kbtf__free(a.btf);
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
	for (size_t i = 0; i < rep->nprogs; i++) {
		const struct prog_report *r = &rep->progs[i];

		if (hook_used(r->hook, need) &&
		    (r->status == PROG_MISSING || r->status == PROG_REFUSED))
			blind_add(buf, len, r->prog->without);
	}
}
