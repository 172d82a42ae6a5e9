// SPDX-License-Identifier: BSD-2-Clause
#include "opts_filter.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errmsg.h"

enum {
	KEY_COMM = 0x2000,
	KEY_CGROUP,
	KEY_NETNS,
	KEY_LOCAL,
	KEY_REMOTE,
	KEY_STATE,
	KEY_DIR,
	KEY_FLAGS,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0,
	  "Filters (LISTs are A,B,...; !A excludes; @FILE stands for a file's lines; all given must match):",
	  10 },
	{ "pid", 'p', "LIST", 0, "Sockets of these processes", 0 },
	{ "comm", KEY_COMM, "LIST", 0, "Processes of these names (nginx*: what begins so)", 0 },
	{ "user", 'u', "LIST", 0, "Processes of these users: names or ids", 0 },
	{ "cgroup", KEY_CGROUP, "LIST", 0, "Processes in these cgroups (v2) or below: paths", 0 },
	{ "netns", KEY_NETNS, "LIST", 0,
	  "Network namespaces: of a process, a path, or a name of `ip netns`", 0 },
	{ NULL, '4', NULL, 0, "IPv4 only (v4-mapped addresses, too)", 0 },
	{ NULL, '6', NULL, 0, "IPv6 only", 0 },
	{ "port", 'P', "LIST", 0, "Ports of either end: 80,443,8000-8100", 0 },
	{ "lport", 'L', "LIST", 0, "Local ports", 0 },
	{ "rport", 'D', "LIST", 0, "Remote ports", 0 },
	{ "local", KEY_LOCAL, "LIST", 0, "Local addresses: 10.0.0.1,10.1.0.0/16,fd00::/8", 0 },
	{ "remote", KEY_REMOTE, "LIST", 0, "Remote addresses", 0 },
	{ "state", KEY_STATE, "LIST", 0, "Socket states: ESTABLISHED,SYN-SENT (either side of a change)",
	  0 },
	{ "dir", KEY_DIR, "in|out", 0, "Segments received, or sent", 0 },
	{ "flags", KEY_FLAGS, "LIST", 0,
	  "Segments with all of these flags: SYN,!ACK (!: not set; repeat the option for \"or\")", 0 },
	{ 0 },
};

/* A thread's id, where it is not a process': the process it is part of; else 0. */
static int process_of_thread(__u64 pid)
{
	char path[64], line[256];
	int tgid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%llu/status", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!tgid && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	fclose(f);
	return (__u64)tgid == pid ? 0 : tgid;
}

/* A mistyped process would be waited for in vain: nobody can connect as it. */
static int check_pid(__u64 pid, char *err, size_t errlen)
{
	int tgid;

	if (kill(pid, 0) && errno == ESRCH)
		return errmsg(err, errlen, -ESRCH, "--pid: there is no process %llu", pid);
	tgid = process_of_thread(pid);
	if (tgid)
		return errmsg(err, errlen, -ESRCH,
			      "--pid: %llu is a thread of process %d: use -p %d", pid, tgid, tgid);
	return 0;
}

/* Neighbours may have been merged to one entry. */
static int check_pids(const struct range_vec *v, char *err, size_t errlen)
{
	int ret = 0;

	for (size_t i = 0; i < v->n && !ret; i++)
		for (__u64 pid = v->v[i].lo.l; pid <= v->v[i].hi.l && !ret; pid++)
			ret = check_pid(pid, err, errlen);
	return ret;
}

int opts_filter__check_pids(const struct opts_filter *o, char *err, size_t errlen)
{
	int ret = check_pids(&o->builder.allow[FS_PID], err, errlen);

	return ret ? ret : check_pids(&o->builder.deny[FS_PID], err, errlen);
}

/* Which set an option's list goes to; FS_MAX: it is none of these. */
static enum fset set_of_key(int key)
{
	static const struct {
		int key;
		enum fset set;
	} keys[] = {
		{ 'p', FS_PID },	  { 'u', FS_UID },	  { KEY_COMM, FS_COMM },     { KEY_CGROUP, FS_CGROUP },
		{ KEY_NETNS, FS_NETNS },  { 'P', FS_PORT },	     { 'L', FS_LPORT },
		{ 'D', FS_RPORT },	  { KEY_LOCAL, FS_LADDR },   { KEY_REMOTE, FS_RADDR },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].key == key)
			return keys[i].set;
	return FS_MAX;
}

/* 0, a negative errno with a sentence, or ARGP_ERR_UNKNOWN. */
static int add(struct opts_filter *o, int key, const char *arg, char *err, size_t errlen)
{
	struct filter_builder *b = &o->builder;
	enum fset set = set_of_key(key);

	if (set != FS_MAX)
		return filter_builder__add(b, set, arg, err, errlen);
	switch (key) {
	case '4':
	case '6':
		return filter_builder__add_ip(b, key - '0', err, errlen);
	case KEY_STATE:
		return filter_builder__add_states(b, arg, err, errlen);
	case KEY_DIR:
		return filter_builder__add_dirs(b, arg, err, errlen);
	case KEY_FLAGS:
		return filter_builder__add_flags(b, arg, err, errlen);
	case ARGP_KEY_END:
		return filter_builder__finish(b, &o->filter, &o->ranges, &o->nranges, err, errlen);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct opts_filter *o = state->input;
	char err[512];
	int ret;

	if (key == ARGP_KEY_INIT) {
		filter_builder__init(&o->builder);
		return 0;
	}
	ret = add(o, key, arg, err, sizeof(err));
	if (ret >= 0)
		return ret;
	argp_failure(state, 2, 0, "%s", err);
	return EINVAL;
}

const struct argp opts_filter_argp = { .options = options, .parser = parse };

void opts_filter__free(struct opts_filter *o)
{
	if (!o)
		return;
	filter_builder__free(&o->builder);
	free(o->ranges);
	o->ranges = NULL;
	o->nranges = 0;
}
