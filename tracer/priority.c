// SPDX-License-Identifier: BSD-2-Clause
#include "priority.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

int priority_raise(void)
{
	struct sched_param p = { .sched_priority = 1 };
	int fd, err = 0;

	if (!sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p))
		return 0;
	/* Without real time: the nice value of the whole session group (sched(7), autogroup). */
	fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "-20", 3) < 0)
		err = -errno;
	close(fd);
	return err;
}
