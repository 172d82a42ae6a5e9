// SPDX-License-Identifier: BSD-2-Clause
/*
 * Does this kernel keep a process out of tracing programs' sight?
 *
 *   hidden PID SECONDS
 *
 * Some hardened or virtualised kernels run no tracing program while a process
 * of theirs is on the CPU, and count no miss: then what is received or sent in
 * an interrupt of that process is seen by no tracer of this kind.  This counts
 * sched_switch events of the process by such a program, and by /proc, until
 * both or the time have said enough.  Prints "hidden", "seen" or "unknown".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH 5 /* switches that should have been seen */

#define INSN(c, d, s, o, i) { .code = c, .dst_reg = d, .src_reg = s, .off = o, .imm = i }

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static void die(const char *what)
{
	fprintf(stderr, "hidden: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* One counter. */
static int new_map(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY,
			     .key_size = 4,
			     .value_size = 8,
			     .max_entries = 1 };
	int fd = bpf(BPF_MAP_CREATE, &a);

	if (fd < 0)
		die("map");
	return fd;
}

/* if (bpf_get_current_pid_tgid() >> 32 == pid) map[0]++; */
static int new_prog(int map, int pid)
{
	const struct bpf_insn prog[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 9, pid),
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr a = { .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
			     .insns = (uintptr_t)prog,
			     .insn_cnt = sizeof(prog) / sizeof(prog[0]),
			     .license = (uintptr_t)"GPL" };
	int fd = bpf(BPF_PROG_LOAD, &a);

	if (fd < 0)
		die("program");
	return fd;
}

static uint64_t read_map(int map)
{
	uint32_t key = 0;
	uint64_t value = 0;
	union bpf_attr a = { .map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&value };

	if (bpf(BPF_MAP_LOOKUP_ELEM, &a))
		die("look-up");
	return value;
}

/* Context switches of all threads of the process. */
static unsigned long switches(int pid)
{
	char path[64], line[256];
	unsigned long sum = 0, n;
	glob_t g;

	snprintf(path, sizeof(path), "/proc/%d/task/*/status", pid);
	if (glob(path, 0, NULL, &g))
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FILE *f = fopen(g.gl_pathv[i], "r");

		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1 ||
			    sscanf(line, "nonvoluntary_ctxt_switches: %lu", &n) == 1)
				sum += n;
		if (f)
			fclose(f);
	}
	globfree(&g);
	return sum;
}

int main(int argc, char **argv)
{
	struct timespec nap = { .tv_nsec = 50000000 };
	int pid = argc > 1 ? atoi(argv[1]) : 0, map = new_map();
	union bpf_attr a = { .raw_tracepoint = { .name = (uintptr_t)"sched_switch" } };
	time_t end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 3);
	unsigned long before;

	if (pid <= 0)
		return 2;
	a.raw_tracepoint.prog_fd = new_prog(map, pid);
	if (bpf(BPF_RAW_TRACEPOINT_OPEN, &a) < 0)
		die("sched_switch");
	before = switches(pid);
	while (!read_map(map) && switches(pid) < before + ENOUGH && time(NULL) < end)
		nanosleep(&nap, NULL);
	puts(read_map(map) ? "seen" : switches(pid) >= before + ENOUGH ? "hidden" : "unknown");
	return 0;
}
