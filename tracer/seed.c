// SPDX-License-Identifier: BSD-2-Clause
#include "seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "event.h"
#include "skel.h"

/* What the programs of an iterator wrote goes to `sink`, whole structs of `size` bytes at a time. */
struct iter_out {
	int (*sink)(void *ctx, const void *data, size_t n);
	void *ctx;
	size_t size;
};

/* Hands over the whole structs at the beginning of buf; returns the bytes that are left. */
static ssize_t iter_hand(const struct iter_out *o, char *buf, size_t n)
{
	size_t at = 0;

	if (!o)
		return 0;
	for (; n - at >= o->size; at += o->size) {
		int err = o->sink(o->ctx, buf + at, o->size);

		if (err < 0)
			return err;
	}
	memmove(buf, buf + at, n - at);
	return n - at;
}

/* Lets an iterator run to its end; without `out` it prints nothing, its effect is in the maps. */
static int iter_run(struct bpf_program *prog, const struct iter_out *out)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	char buf[32 << 10] __attribute__((aligned(8)));
	size_t left = 0;
	ssize_t n;
	int fd, err = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	do {
		n = read(fd, buf + left, sizeof(buf) - left);
		if (n > 0) {
			ssize_t rest = iter_hand(out, buf, left + n);

			err = rest < 0 ? rest : 0;
			left = rest < 0 ? 0 : rest;
		}
	} while (!err && (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN))));
	if (!err && n < 0)
		err = -errno;
	close(fd);
out:
	bpf_link__destroy(link);
	return err;
}

/* The namespaces visited so far, by inode. */
struct inode_set {
	ino_t *v;
	size_t n, cap;
};

/* 1: was new, 0: seen before, -ENOMEM. */
static int inode_set_add(struct inode_set *s, ino_t ino)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == ino)
			return 0;
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		ino_t *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = ino;
	return 1;
}

/* The number behind `name` in the line; 1, as if there were some, if it is not there. */
static unsigned int count_in(const char *line, const char *name)
{
	const char *at = strstr(line, name);
	unsigned int n;

	return at && sscanf(at + strlen(name), "%u", &n) == 1 ? n : 1;
}

/*
 * Has this thread's namespace any TCP socket?  The iterator looks through the table of all
 * namespaces for those of one, which takes milliseconds.  Not counted here are requests,
 * which need a listener.  (Without IPv6 the second file is not there.)
 */
static bool has_sockets(void)
{
	FILE *v4 = fopen("/proc/thread-self/net/sockstat", "re");
	FILE *v6 = fopen("/proc/thread-self/net/sockstat6", "re");
	unsigned int n = !v4 || (!v6 && errno != ENOENT);
	char line[256];

	while (v4 && !n && fgets(line, sizeof(line), v4))
		if (!strncmp(line, "TCP:", 4))
			n = count_in(line, "inuse ") + count_in(line, "tw ");
	while (v6 && !n && fgets(line, sizeof(line), v6))
		if (!strncmp(line, "TCP6:", 5))
			n = count_in(line, "inuse ");
	if (v4)
		fclose(v4);
	if (v6)
		fclose(v6);
	return n;
}

/* iter/tcp shows the namespace of whoever opens it. */
static int iter_in_netns(struct bpf_program *prog, const char *path, const struct iter_out *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return 0; /* the process has ended */
	if (!setns(fd, CLONE_NEWNET))
		err = has_sockets() ? iter_run(prog, out) : 0;
	else
		err = errno == EINVAL ? 0 : -errno; /* a name left over without its namespace */
	close(fd);
	return err;
}

/* One pass over a directory whose entries lead to namespaces: `format` makes a path of a name. */
struct netns_dir {
	const char *dir;
	const char *format;
	bool numbers; /* only entries that are numbers */
};

static const struct netns_dir netns_dirs[] = {
	{ "/proc", "/proc/%s/ns/net", true },
	/* Those of `ip netns` live on without a process, and so do their connections. */
	{ "/run/netns", "/run/netns/%s", false },
};

static int iter_netns_dir(struct bpf_program *prog, const struct netns_dir *nd, struct inode_set *seen,
			  const struct iter_out *out)
{
	DIR *dir = opendir(nd->dir);
	struct dirent *de;
	int err = 0;

	if (!dir)
		return nd->numbers ? -errno : 0;
	while (!err && (de = readdir(dir))) {
		char path[300];
		struct stat st;

		if (de->d_name[0] == '.' || (nd->numbers && (de->d_name[0] < '1' || de->d_name[0] > '9')))
			continue;
		snprintf(path, sizeof(path), nd->format, de->d_name);
		if (stat(path, &st))
			continue;
		err = inode_set_add(seen, st.st_ino);
		if (err > 0)
			err = iter_in_netns(prog, path, out);
	}
	closedir(dir);
	return err;
}

static int iter_all_netns(struct bpf_program *prog, const struct iter_out *out)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), err = 0;
	struct inode_set seen = {};

	if (home < 0)
		return -errno;
	for (size_t i = 0; !err && i < sizeof(netns_dirs) / sizeof(netns_dirs[0]); i++)
		err = iter_netns_dir(prog, &netns_dirs[i], &seen, out);
	if (setns(home, CLONE_NEWNET) && !err)
		err = -errno;
	free(seen.v);
	close(home);
	return err;
}

int seed__run(struct tcplens_bpf *skel)
{
	int err = 0;

	if (bpf_program__autoload(skel->progs.seed_tasks))
		err = iter_run(skel->progs.seed_tasks, NULL);
	if (!err)
		err = iter_run(skel->progs.seed_files, NULL);
	if (!err)
		err = iter_all_netns(skel->progs.seed_socks, NULL);
	if (!err && skel->rodata->cfg.emit_attempts)
		err = iter_all_netns(skel->progs.attempt_seed, NULL);
	return err;
}

int seed__open_lives(struct tcplens_bpf *skel, int (*on_life)(void *ctx, const void *data, size_t n),
		     void *ctx)
{
	const struct iter_out out = { on_life, ctx, sizeof(struct ev_life) };

	return iter_all_netns(skel->progs.life_open, &out);
}

int seed__open_rest(struct tcplens_bpf *skel)
{
	int err = 0;

	if (skel->rodata->cfg.emit_attempts)
		err = iter_all_netns(skel->progs.attempt_open, NULL);
	if (!err && skel->rodata->cfg.emit_trouble)
		err = iter_all_netns(skel->progs.loss_open, NULL);
	return err;
}
