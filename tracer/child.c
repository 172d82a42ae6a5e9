// SPDX-License-Identifier: BSD-2-Clause
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void child_main(int gate, char **argv) __attribute__((noreturn));

static void child_main(int gate, char **argv)
{
	sigset_t none;
	char go;
	int err;

	/* Should we die before opening the gate, it must not wait for ever: read() returns 0 then. */
	if (read(gate, &go, 1) != 1)
		_exit(125);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	err = errno;
	fprintf(stderr, "tcplens: %s: %s\n", argv[0], strerror(err));
	_exit(err == ENOENT ? 127 : 126);
}

int child__start(struct child *c, char **argv)
{
	int p[2], err;

	c->gate = -1;
	if (pipe2(p, O_CLOEXEC))
		return -errno;
	c->pid = fork();
	if (c->pid < 0) {
		err = -errno;
		c->pid = 0;
		close(p[0]);
		close(p[1]);
		return err;
	}
	if (!c->pid) {
		close(p[1]);
		child_main(p[0], argv);
	}
	close(p[0]);
	c->gate = p[1];
	return 0;
}

void child__release(struct child *c)
{
	if (!c->pid || c->gate < 0)
		return;
	/* Fails only if the child is gone, which child__reap() will tell. */
	if (write(c->gate, "g", 1) != 1)
		errno = 0;
	close(c->gate);
	c->gate = -1;
}

int child__reap(struct child *c)
{
	if (!c->pid)
		return 0;
	if (!c->ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->ended = 1;
	return c->ended;
}

int child__exit_status(const struct child *c)
{
	if (!c->ended)
		return 0;
	return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}

void child__stop(struct child *c)
{
	if (!c->pid)
		return;
	if (c->gate >= 0)
		close(c->gate);
	c->gate = -1;
	if (!c->ended) {
		kill(c->pid, SIGTERM);
		if (waitpid(c->pid, &c->status, 0) == c->pid)
			c->ended = 1;
	}
	c->pid = 0;
}
