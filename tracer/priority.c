// SPDX-License-Identifier: BSD-2-Clause
#include "priority.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "sysctl.h"

#define TRIES 50
#define TRY_MS 20

int priority_real_time(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p) ? -errno : 0;
}

/* What is to be taken back; for a signal handler, too. */
static volatile sig_atomic_t group_fd = -1;
static char group_was[8];
static size_t group_was_len;

/*
 * Without CAP_SYS_ADMIN the kernel allows one change in a tenth of a second, for
 * all sessions together (proc_sched_autogroup_set_nice() in kernel/sched/autogroup.c).
 */
static int write_nice(int fd, const char *text, size_t n)
{
	int tries = 0;

	while (write(fd, text, n) < 0) {
		if (errno != EAGAIN || ++tries == TRIES)
			return -errno;
		poll(NULL, 0, TRY_MS);
	}
	return 0;
}

int priority_group_restore(void)
{
	int fd = group_fd, err;

	if (fd < 0)
		return 0;
	/* A signal meanwhile does it once more, and does not come back. */
	err = write_nice(fd, group_was, group_was_len);
	group_fd = -1;
	close(fd);
	return err;
}

/* Ends the process as the signal would have, when the handler has returned. */
static void on_end(int sig)
{
	priority_group_restore();
	raise(sig);
}

/* Those that end a process, and that session_signals() leaves as they are. */
static void catch_ends(void)
{
	static const int ends[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2, SIGALRM,
				    SIGXCPU, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, SIGSTKFLT };
	struct sigaction sa = { .sa_handler = on_end, .sa_flags = SA_RESETHAND }, old;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(ends[i], &sa, NULL);
}

/* "/autogroup-NUMBER nice N" */
static int read_nice(int fd, int *nice)
{
	char text[64];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = 0;
	return sscanf(text, "/autogroup-%*u nice %d", nice) == 1 ? 0 : -ENOENT;
}

/* From here on, whatever ends us: taking back what was not raised yet changes nothing. */
static void remember(int fd, int nice)
{
	group_was_len = snprintf(group_was, sizeof(group_was), "%d", nice);
	group_fd = fd;
	catch_ends();
}

int priority_group_raise(int *was)
{
	char text[8];
	int n = snprintf(text, sizeof(text), "%d", PRIORITY_GROUP_NICE), err;
	int fd = -1;

	/* Switched off (or by noautogroup), the value can be set all the same, and is for nothing. */
	if (sysctl_kernel_on("sched_autogroup_enabled"))
		fd = open("/proc/self/autogroup", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -EOPNOTSUPP;
	err = read_nice(fd, was);
	if (!err && *was > PRIORITY_GROUP_NICE) {
		remember(fd, *was);
		err = write_nice(fd, text, n);
		if (!err)
			return 0;
		group_fd = -1;
	}
	close(fd);
	/* Somebody else has done it, and will take it back. */
	return err ? err : -EALREADY;
}
