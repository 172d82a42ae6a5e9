// SPDX-License-Identifier: BSD-2-Clause
#include "loader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "kbtf.h"
#include "ktypes.h"
#include "load_jobs.h"
#include "skel.h"

/* libbpf's handlers are of the whole process, too. */
static const struct kbtf *kernel;
static struct load_jobs jobs;

#define NAME_OF(name) #name,
static const char *const ktype_name[] = { KTYPES(NAME_OF) };
static const char *const kfunc_name[] = { KFUNCS(NAME_OF) };

struct fixups {
	__u32 ktype[KTYPE_END - KTYPE_FIRST];
	__u32 kfunc[KFUNC_END - KFUNC_FIRST];
};

static void find_fixups(struct fixups *f)
{
	for (size_t i = 0; i < sizeof(ktype_name) / sizeof(ktype_name[0]); i++)
		f->ktype[i] = kbtf__id(kernel, ktype_name[i], BTF_KIND_STRUCT);
	for (size_t i = 0; i < sizeof(kfunc_name) / sizeof(kfunc_name[0]); i++)
		f->kfunc[i] = kbtf__id(kernel, kfunc_name[i], BTF_KIND_FUNC);
}

/* A call of what the kernel lacks is behind cfg: dead, but the verifier looks at all calls. */
static void fix_call(struct bpf_insn *insn, __u32 id)
{
	if (!id) {
		*insn = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 };
		return;
	}
	insn->src_reg = BPF_PSEUDO_KFUNC_CALL;
	insn->imm = id;
}

static void fix_insn(struct bpf_insn *insn, const struct fixups *f)
{
	__u8 class = BPF_CLASS(insn->code);

	if (insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm >= KFUNC_FIRST &&
	    insn->imm < KFUNC_END)
		fix_call(insn, f->kfunc[insn->imm - KFUNC_FIRST]);
	else if ((class == BPF_ALU || class == BPF_ALU64) && BPF_OP(insn->code) == BPF_MOV &&
		 BPF_SRC(insn->code) == BPF_K && insn->imm >= KTYPE_FIRST && insn->imm < KTYPE_END)
		insn->imm = f->ktype[insn->imm - KTYPE_FIRST];
}

/* A copy of the program's instructions, with the kernel's numbers in them. */
static struct bpf_insn *fixed_insns(const struct bpf_program *prog, size_t n)
{
	struct bpf_insn *insns = malloc(n * sizeof(*insns));
	struct fixups f;

	if (!insns)
		return NULL;
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	find_fixups(&f);
	for (size_t i = 0; i < n; i++)
		fix_insn(&insns[i], &f);
	return insns;
}

/* The verifier's log, for who asks for it, comes with libbpf's own loading only. */
static bool is_log_wanted(void)
{
	return getenv("LIBBPF_DEBUG") != NULL;
}

static int prepare(struct bpf_program *prog, enum bpf_prog_type type, struct bpf_prog_load_opts *opts)
{
	size_t n = bpf_program__insn_cnt(prog);
	struct bpf_insn *insns = fixed_insns(prog, n);
	int err;

	if (!insns)
		return -ENOMEM;
	if (!is_log_wanted())
		return load_jobs__add(&jobs, prog, type, insns, n, opts);
	err = bpf_program__set_type(prog, type);
	if (!err)
		err = bpf_program__set_insns(prog, insns, n);
	free(insns);
	return err;
}

static const char *target_of(const struct bpf_program *prog)
{
	const char *slash = strchr(bpf_program__section_name(prog), '/');

	return slash ? slash + 1 : "";
}

static __u32 target_id(const struct bpf_program *prog)
{
	const char *target = target_of(prog);
	char name[80];

	switch (bpf_program__expected_attach_type(prog)) {
	case BPF_TRACE_RAW_TP:
		return kbtf__tracepoint(kernel, target);
	case BPF_TRACE_ITER:
		snprintf(name, sizeof(name), "bpf_iter_%s", target);
		return kbtf__id(kernel, name, BTF_KIND_FUNC);
	default:
		return kbtf__id(kernel, target, BTF_KIND_FUNC);
	}
}

static int prepare_tracing(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	(void)cookie;
	opts->attach_btf_id = target_id(prog);
	return opts->attach_btf_id ? prepare(prog, BPF_PROG_TYPE_TRACING, opts) : -ENOENT;
}

static int prepare_kprobe(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	(void)cookie;
	return prepare(prog, BPF_PROG_TYPE_KPROBE, opts);
}

static int attach_tracing(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	(void)cookie;
	*link = bpf_program__attach_trace(prog);
	return *link ? 0 : -errno;
}

static int attach_kprobe(const struct bpf_program *prog, long at_return, struct bpf_link **link)
{
	*link = bpf_program__attach_kprobe(prog, at_return, target_of(prog));
	return *link ? 0 : -errno;
}

/*
 * Of another type until they are loaded: libbpf reads the kernel's type
 * information when it meets a tracing program (prog_needs_vmlinux_btf()).
 */
#define TRACING(sec, attach)                                                                   \
	{                                                                                      \
		sec, BPF_PROG_TYPE_RAW_TRACEPOINT, attach, prepare_tracing, attach_tracing, 0   \
	}

static const struct handler {
	const char *section;
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type;
	libbpf_prog_prepare_load_fn_t prepare;
	libbpf_prog_attach_fn_t attach;
	long cookie;
} handlers[] = {
	TRACING("tp_btf+", BPF_TRACE_RAW_TP),
	TRACING("fentry+", BPF_TRACE_FENTRY),
	TRACING("fexit+", BPF_TRACE_FEXIT),
	TRACING("iter+", BPF_TRACE_ITER),
	{ "kprobe+", BPF_PROG_TYPE_KPROBE, 0, prepare_kprobe, attach_kprobe, 0 },
	{ "kretprobe+", BPF_PROG_TYPE_KPROBE, 0, prepare_kprobe, attach_kprobe, 1 },
};

static int register_handlers(void)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		const struct handler *h = &handlers[i];
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = h->cookie,
			    .prog_prepare_load_fn = h->prepare, .prog_attach_fn = h->attach);
		int id = libbpf_register_prog_handler(h->section, h->type, h->attach_type, &opts);

		if (id < 0)
			return id;
	}
	return 0;
}

static int want_all(struct kbtf *k, const char *const names[], size_t n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = kbtf__want(k, names[i]);
	return err;
}

int loader__begin(struct kbtf *k)
{
	static bool registered;
	int err;

	kernel = k;
	err = want_all(k, ktype_name, sizeof(ktype_name) / sizeof(ktype_name[0]));
	if (!err)
		err = want_all(k, kfunc_name, sizeof(kfunc_name) / sizeof(kfunc_name[0]));
	if (err || registered)
		return err;
	registered = true;
	return register_handlers();
}

/* Types of fields, of function arguments and of maps' values are there as well: more than needed. */
static int want_types(struct kbtf *k, const struct btf *btf)
{
	for (__u32 i = 1; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *name = btf__name_by_offset(btf, t->name_off);

		if (*name && (btf_is_composite(t) || btf_is_any_enum(t) || btf_is_typedef(t)) &&
		    kbtf__want(k, name))
			return -ENOMEM;
	}
	return 0;
}

int loader__want(struct kbtf *k, struct bpf_object *obj)
{
	struct bpf_program *prog;
	int err = want_types(k, bpf_object__btf(obj));

	bpf_object__for_each_program(prog, obj) {
		char name[80];

		switch (bpf_program__expected_attach_type(prog)) {
		case BPF_TRACE_RAW_TP:
			snprintf(name, sizeof(name), "btf_trace_%s", target_of(prog));
			break;
		case BPF_TRACE_ITER:
			snprintf(name, sizeof(name), "bpf_iter_%s", target_of(prog));
			break;
		default:
			snprintf(name, sizeof(name), "%s", target_of(prog));
			break;
		}
		if (!err)
			err = kbtf__want(k, name);
	}
	return err;
}

int loader__load(struct tcplens_bpf *skel)
{
	int err = tcplens_bpf__load(skel);
	const struct bpf_map *map = skel->maps.rodata;
	const struct prune_data ro = { bpf_map__fd(map), skel->rodata, bpf_map__value_size(map) };

	if (!err)
		err = load_jobs__run(&jobs, &ro);
	load_jobs__clear(&jobs);
	return err;
}

int loader__types_file(char path[32])
{
	int fd = memfd_create("tcplens-types", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

int loader__types_write(const struct kbtf *k, int fd)
{
	size_t size = 0, done = 0;
	void *data = NULL;
	int err = kbtf__cut(k, &data, &size);

	while (!err && done < size) {
		ssize_t n = write(fd, (char *)data + done, size - done);

		if (n < 0)
			err = -errno;
		else
			done += n;
	}
	free(data);
	return err;
}
