// SPDX-License-Identifier: BSD-2-Clause
/* Entries that are places in a file system: cgroups and network namespaces. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* CLONE_NEWNET */
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/nsfs.h>

#include "errmsg.h"
#include "filter_parse.h"

#define QUOTE(s) errmsg_quote(s, strlen(s))

/* Where cgroup v2 is mounted: /sys/fs/cgroup, or on hybrid systems below it. */
static int cgroup_mount(char *dir, size_t len)
{
	FILE *f = setmntent("/proc/mounts", "re");
	char buf[2 * PATH_MAX];
	struct mntent m;
	int err = -ENOENT;

	if (!f)
		return -errno;
	while (err && getmntent_r(f, &m, buf, sizeof(buf)))
		if (!strcmp(m.mnt_type, "cgroup2") && strlen(m.mnt_dir) < len) {
			strcpy(dir, m.mnt_dir);
			err = 0;
		}
	endmntent(f);
	return err;
}

/* The id of a cgroup is the inode number of its directory (kernfs, 64 bits). */
static int cgroup_id(const char *path, __u64 *id)
{
	struct statfs fs;
	struct stat st;

	if (statfs(path, &fs) || stat(path, &st))
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	*id = st.st_ino;
	return 0;
}

/* A path below the mount, as /proc/PID/cgroup and systemctl give it. */
static int cgroup_below(const char *s, __u64 *id, char *err, size_t errlen)
{
	char root[PATH_MAX], path[2 * PATH_MAX];
	int ret = cgroup_mount(root, sizeof(root));

	if (ret)
		return errmsg(err, errlen, ret, "cgroup v2 is not mounted here, so '%s' can't be found",
			      QUOTE(s));
	snprintf(path, sizeof(path), "%s/%s", root, s);
	ret = cgroup_id(path, id);
	if (ret)
		return errmsg(err, errlen, ret, "there is no cgroup '%s', nor is one below %s: %s",
			      QUOTE(s), root, strerror(-ret));
	return 0;
}

int parse_cgroup(const char *s, struct entry *e, char *err, size_t errlen)
{
	__u64 id = 0;
	int as_is = *s == '/' ? cgroup_id(s, &id) : -ENOENT;
	int ret = as_is ? cgroup_below(s, &id, err, errlen) : 0;

	if (ret && as_is == -ENOTDIR)
		return errmsg(err, errlen, as_is,
			      "'%s' is no cgroup v2: give a directory below the cgroup2 mount",
			      QUOTE(s));
	if (!ret)
		entry_nums(e, id, id);
	return ret;
}

/* The inode number of a network namespace's file; -EINVAL: it is something else. */
static int netns_inode(const char *path, __u64 *ino)
{
	/* Not to hang on a FIFO. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		err = -EINVAL;
	else if (fstat(fd, &st))
		err = -errno;
	else
		*ino = st.st_ino;
	close(fd);
	return err;
}

/* 4026531840, or net:[4026531840] as readlink prints it: the namespace itself. */
static int raw_netns(const char *s, __u64 *ino)
{
	size_t len = strlen(s);

	if (!strncmp(s, "net:[", 5) && s[len - 1] == ']')
		return parse_num(s + 5, len - 6, 0xffffffff, ino);
	if (parse_num(s, len, 0xffffffff, ino) || *ino <= PID_LIMIT)
		return -EINVAL;
	return 0;
}

/* A process, a name of `ip netns`, a path, or an inode number. */
int parse_netns(const char *s, struct entry *e, char *err, size_t errlen)
{
	char path[PATH_MAX + 16];
	__u64 ino = 0, pid;
	int ret;

	if (!raw_netns(s, &ino)) {
		entry_nums(e, ino, ino);
		return 0;
	}
	if (!parse_num(s, strlen(s), PID_LIMIT, &pid))
		snprintf(path, sizeof(path), "/proc/%llu/ns/net", pid);
	else
		snprintf(path, sizeof(path), "%s%s", strchr(s, '/') ? "" : "/run/netns/", s);
	ret = netns_inode(path, &ino);
	if (ret == -EINVAL || ret == -ENOTTY)
		return errmsg(err, errlen, ret, "'%s' is no network namespace", QUOTE(path));
	if (ret)
		return errmsg(err, errlen, ret,
			      "'%s': can't open the network namespace %s: %s; give a process id, a path or a name of `ip netns`",
			      QUOTE(s), QUOTE(path), strerror(-ret));
	entry_nums(e, ino, ino);
	return 0;
}
