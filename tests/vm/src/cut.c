// SPDX-License-Identifier: BSD-2-Clause
/*
 * cut BTF OBJECT OUT: of a kernel's type information what tcplens hands to libbpf when it loads
 * the object there, by tcplens's own code.  Without privileges, for tests/vm/btf.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "kbtf.h"
#include "loader.h"

static int cut(struct kbtf *k, struct bpf_object *obj, const char *path)
{
	int fd, err = loader__want(k, obj);

	if (!err)
		err = kbtf__scan(k);
	if (err)
		return err;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	err = loader__types_write(k, fd);
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct kbtf *k = NULL;
	int err;

	if (argc != 4) {
		fprintf(stderr, "usage: cut BTF OBJECT OUT\n");
		return 2;
	}
	err = kbtf__open(argv[1], &k);
	if (!err)
		err = loader__begin(k);
	if (!err) {
		obj = bpf_object__open_file(argv[2], NULL);
		err = obj ? cut(k, obj, argv[3]) : -errno;
		bpf_object__close(obj);
	}
	kbtf__free(k);
	if (err)
		fprintf(stderr, "cut: %s: %s\n", argv[1], strerror(-err));
	return err != 0;
}
