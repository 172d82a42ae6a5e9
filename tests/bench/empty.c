// SPDX-License-Identifier: BSD-2-Clause
/*
 * An empty program on each of the given hooks: what scripts/bench compares a
 * tracer with, since a hook costs something whatever hangs on it.
 *
 *	empty HOOK…	tracepoint:NAME, fentry:FUNCTION or fexit:FUNCTION
 *
 * Says "ready" on standard error; detaches at the end of standard input, and
 * prints one line "HOOK runs ns" per hook: 0 unless BPF statistics are on.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>

#define HOOKS_MAX 32

static int load_empty(const struct btf *btf, const char *kind, const char *name)
{
	const struct bpf_insn nop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	char type[128];
	int id;

	if (!strcmp(kind, "tracepoint")) {
		opts.expected_attach_type = BPF_TRACE_RAW_TP;
		snprintf(type, sizeof(type), "btf_trace_%s", name);
		id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	} else {
		bool entry = !strcmp(kind, "fentry");

		if (!entry && strcmp(kind, "fexit"))
			return -EOPNOTSUPP;
		opts.expected_attach_type = entry ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
		id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	}
	if (id < 0)
		return id;
	opts.attach_btf_id = id;
	id = bpf_prog_load(BPF_PROG_TYPE_TRACING, "bench_empty", "GPL", nop, 2, &opts);
	return id < 0 ? -errno : id;
}

/* The program's descriptor, attached; or a negative errno. */
static int attach(const struct btf *btf, const char *hook)
{
	const char *colon = strchr(hook, ':');
	char kind[16];
	int fd;

	if (!colon || (size_t)(colon - hook) >= sizeof(kind))
		return -EINVAL;
	memcpy(kind, hook, colon - hook);
	kind[colon - hook] = '\0';
	fd = load_empty(btf, kind, colon + 1);
	if (fd < 0)
		return fd;
	return bpf_raw_tracepoint_open(NULL, fd) < 0 ? -errno : fd;
}

int main(int argc, char **argv)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int fds[HOOKS_MAX];
	char c;

	if (!btf || argc < 2 || argc > HOOKS_MAX) {
		fprintf(stderr, "usage: empty HOOK…; needs the kernel's BTF\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		fds[i] = attach(btf, argv[i]);
		if (fds[i] < 0) {
			fprintf(stderr, "empty: %s: %s\n", argv[i], strerror(-fds[i]));
			return 1;
		}
	}
	fprintf(stderr, "ready\n");
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	for (int i = 1; i < argc; i++) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(fds[i], &info, &len))
			printf("%s %llu %llu\n", argv[i], info.run_cnt, info.run_time_ns);
	}
	btf__free(btf);
	return 0;
}
