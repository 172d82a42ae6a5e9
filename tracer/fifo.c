// SPDX-License-Identifier: BSD-2-Clause
#include "fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS 10

static bool asked_to_end(void)
{
	sigset_t set;

	return !sigpending(&set) && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) || sigismember(&set, SIGHUP));
}

static int give_up(int fd)
{
	if (fd >= 0)
		close(fd);
	errno = EINTR;
	return -1;
}

/* Without a reader there is nothing to open: ENXIO. */
static int open_to_write(const char *path, int flags, mode_t mode)
{
	int fd;

	while ((fd = open(path, flags | O_NONBLOCK, mode)) < 0 && errno == ENXIO) {
		if (asked_to_end())
			return give_up(fd);
		poll(NULL, 0, LOOK_MS);
	}
	return fd;
}

/* Until a first writer has come poll() has nothing to tell, no end either (pipe_poll() in fs/pipe.c). */
static int open_to_read(const char *path, int flags)
{
	struct pollfd pfd = { .fd = open(path, flags | O_NONBLOCK), .events = POLLIN };

	while (pfd.fd >= 0 && poll(&pfd, 1, LOOK_MS) <= 0)
		if (asked_to_end())
			return give_up(pfd.fd);
	return pfd.fd;
}

int fifo_open(const char *path, int flags, mode_t mode)
{
	struct stat st;
	int fd;

	if (stat(path, &st) || !S_ISFIFO(st.st_mode))
		return open(path, flags, mode);
	fd = (flags & O_ACCMODE) == O_RDONLY ? open_to_read(path, flags) : open_to_write(path, flags, mode);
	if (fd >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK))
		return give_up(fd);
	return fd;
}
