// SPDX-License-Identifier: BSD-2-Clause
/*
 * A process that does with TCP sockets what its arguments say, one after the
 * other, and tells on stdout who did what when:
 *
 *   who NAME PID TID		at the start, and after fork, thread, name=, exec
 *   ready PORT			it listens
 *   OP BEGIN_NS END_NS		before and after the calls, CLOCK_MONOTONIC
 *   at LABEL			it waits for a line on stdin
 *
 * Arguments, [=VALUE] where one is taken:
 *   name=NAME			PR_SET_NAME
 *   listen=PORT		0: any.  reuse=PORT: with SO_REUSEPORT
 *   accept			from the listener; unlisten closes that
 *   socket=PORT		bound to it (SO_REUSEADDR), 0: any; connect=[ADDR] without it makes its own
 *   to=PORT			where the next connect goes
 *   connect=ADDR  connect-late=ADDR (non-blocking)  connect-fail=ADDR  fastopen=ADDR
 *   write=N read=N eof		N bytes, or up to the end
 *   sendfile=N splice=N	to and from the socket
 *   shutdown close reset
 *   uaccept uread=N uwrite=N uconnect=ADDR	by io_uring; aread, awrite, aaccept: by its workers
 *   uid=N			setuid()
 *   wait=LABEL post=N take=N	a line on stdin; pipe number N, shared by all that it forks
 *   fork … end			a child does what is between, with all descriptors
 *   thread … end		a thread, with its own name
 *   send take-fd		the connection, over a Unix socket that all share
 *   exec			itself, with the rest of the arguments
 *   reap			waits for all children
 *   pause
 *
 * alarm() ends what hangs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "actor.h"
#include "uring.h"

#define PIPES 8
#define LIMIT_S 100

static int pipes[PIPES][2];
static int unix_pair[2];
static int to_port;

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* One write() a line, so that lines of several processes do not mix. */
static void say(const char *line)
{
	char buf[200];
	int len = snprintf(buf, sizeof(buf), "%s\n", line);

	if (write(1, buf, len) != len)
		exit(1);
}

/* In the numbers of the outermost namespace: those of the /proc that is mounted. */
static void say_who(void)
{
	char name[17] = "", pid[80], tid[80], line[250];
	ssize_t n = readlink("/proc/self", pid, sizeof(pid) - 1);
	ssize_t k = readlink("/proc/thread-self", tid, sizeof(tid) - 1);

	prctl(PR_GET_NAME, name);
	if (n < 0 || k < 0)
		die("/proc/self");
	pid[n] = tid[k] = '\0';
	snprintf(line, sizeof(line), "who %s %s %s", name, pid, strrchr(tid, '/') + 1);
	say(line);
}

static void await_line(const char *label)
{
	char line[100], c;

	snprintf(line, sizeof(line), "at %s", label);
	say(line);
	while (read(0, &c, 1) == 1)
		if (c == '\n')
			return;
	die("stdin ended");
}

static void addr_of(struct sockaddr_in6 *a, const char *host, int port)
{
	char mapped[100];

	memset(a, 0, sizeof(*a));
	a->sin6_family = AF_INET6;
	a->sin6_port = htons(port);
	snprintf(mapped, sizeof(mapped), "::ffff:%s", host);
	if (inet_pton(AF_INET6, strchr(host, ':') ? host : mapped, &a->sin6_addr) != 1)
		die(host);
}

/* 10.0.0.1: an IPv4 socket.  mapped:10.0.0.1: IPv4 through an IPv6 socket.  Else IPv6. */
static socklen_t dest(struct sockaddr_storage *s, const char *host)
{
	struct sockaddr_in *in = (struct sockaddr_in *)s;

	if (!strncmp(host, "mapped:", 7) || strchr(host, ':')) {
		addr_of((struct sockaddr_in6 *)s, strncmp(host, "mapped:", 7) ? host : host + 7, to_port);
		return sizeof(struct sockaddr_in6);
	}
	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(to_port) };
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		die(host);
	return sizeof(*in);
}

static int new_socket(int family)
{
	int fd = socket(family, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		die("socket");
	return fd;
}

static void do_listen(struct actor *a, int port, int reuse)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	socklen_t len = sizeof(in);
	int one = 1, off = 0, fastopen = 16;
	char line[40];

	a->lfd = new_socket(AF_INET6);
	setsockopt(a->lfd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(a->lfd, IPPROTO_TCP, TCP_FASTOPEN, &fastopen, sizeof(fastopen));
	if (reuse && setsockopt(a->lfd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		die("SO_REUSEPORT");
	if (bind(a->lfd, (struct sockaddr *)&in, len) || listen(a->lfd, 64))
		die("listen");
	getsockname(a->lfd, (struct sockaddr *)&in, &len);
	snprintf(line, sizeof(line), "ready %d", ntohs(in.sin6_port));
	say(line);
}

static void do_bind(struct actor *a, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	a->fd = new_socket(AF_INET);
	if (bind(a->fd, (struct sockaddr *)&in, sizeof(in)))
		die("bind");
}

static void do_connect(struct actor *a, const char *host, int late)
{
	struct sockaddr_storage s = {};
	socklen_t len = dest(&s, host), n = sizeof(int);
	int err = 0;

	if (a->fd < 0)
		a->fd = new_socket(s.ss_family);
	if (late)
		fcntl(a->fd, F_SETFL, O_NONBLOCK);
	if (!connect(a->fd, (struct sockaddr *)&s, len))
		return;
	if (!late || errno != EINPROGRESS)
		die("connect");
	poll(&(struct pollfd){ .fd = a->fd, .events = POLLOUT }, 1, -1);
	fcntl(a->fd, F_SETFL, 0);
	getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &err, &n);
	errno = err;
	if (err)
		die("connect");
}

static void do_connect_fail(struct actor *a, const char *host)
{
	struct sockaddr_storage s = {};
	socklen_t len = dest(&s, host);

	a->fd = new_socket(s.ss_family);
	if (!connect(a->fd, (struct sockaddr *)&s, len)) {
		errno = 0;
		die("connect succeeded");
	}
}

static void do_fastopen(struct actor *a, const char *host)
{
	struct sockaddr_storage s = {};
	socklen_t len = dest(&s, host);

	a->fd = new_socket(s.ss_family);
	if (sendto(a->fd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&s, len) != 5)
		die("MSG_FASTOPEN");
}

static void do_write(int fd, long n)
{
	static const char buf[65536];

	while (n > 0) {
		ssize_t k = send(fd, buf, n < (long)sizeof(buf) ? n : (long)sizeof(buf), MSG_NOSIGNAL);

		if (k < 0)
			die("send");
		n -= k;
	}
}

static void do_read(int fd, long n)
{
	char buf[65536];

	while (n > 0) {
		ssize_t k = recv(fd, buf, n < (long)sizeof(buf) ? n : (long)sizeof(buf), 0);

		if (k <= 0)
			die(k ? "recv" : "the peer closed early");
		n -= k;
	}
}

static void do_eof(int fd)
{
	char buf[65536];
	ssize_t k;

	while ((k = recv(fd, buf, sizeof(buf), 0)) > 0)
		;
	if (k < 0 && errno != ECONNRESET)
		die("recv");
}

static void do_sendfile(int fd, long n)
{
	FILE *f = tmpfile();
	off_t off = 0;

	if (!f || ftruncate(fileno(f), n))
		die("tmpfile");
	while (n > 0) {
		ssize_t k = sendfile(fd, fileno(f), &off, n);

		if (k <= 0)
			die("sendfile");
		n -= k;
	}
	fclose(f);
}

static void do_splice(int fd, long n)
{
	char buf[65536];
	int p[2];

	if (pipe(p))
		die("pipe");
	while (n > 0) {
		ssize_t k = splice(fd, NULL, p[1], NULL, n, 0);

		if (k <= 0 || read(p[0], buf, k) != k)
			die("splice");
		n -= k;
	}
	close(p[0]);
	close(p[1]);
}

static void do_close(struct actor *a, int by_reset)
{
	struct linger l = { .l_onoff = 1 };

	if (by_reset && setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)))
		die("SO_LINGER");
	close(a->fd);
	a->fd = -1;
}

static void do_send_fd(int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {};
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(unix_pair[0], &m, 0) != 1)
		die("sendmsg");
}

static int do_take_fd(void)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {};
	char x;
	struct iovec v = { &x, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };
	int fd = -1;

	if (recvmsg(unix_pair[1], &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

static void do_uring(struct actor *a, const char *op, const char *value)
{
	struct sockaddr_storage s = {};
	static char buf[65536];
	struct uring u;
	int async = *op == 'a';

	uring_open(&u);
	op++;
	if (!strcmp(op, "accept")) {
		a->fd = uring_do(&u, IORING_OP_ACCEPT, a->lfd, NULL, 0, 0, async);
	} else if (!strcmp(op, "connect")) {
		socklen_t len = dest(&s, value);

		a->fd = new_socket(s.ss_family);
		uring_do(&u, IORING_OP_CONNECT, a->fd, &s, 0, len, async);
	} else if (!strcmp(op, "read")) {
		for (long n = atol(value); n > 0;)
			n -= uring_do(&u, IORING_OP_RECV, a->fd, buf, n, 0, async);
	} else {
		uring_do(&u, IORING_OP_SEND, a->fd, buf, atol(value), 0, async);
	}
	close(u.fd);
}

static void run(struct actor *a, char **op);

static char **matching_end(char **op)
{
	int depth = 1;

	for (; *op; op++) {
		if (!strcmp(*op, "fork") || !strcmp(*op, "thread"))
			depth++;
		else if (!strcmp(*op, "end") && !--depth)
			return op;
	}
	errno = 0;
	die("end is missing");
	return NULL;
}

struct thread_args {
	struct actor *a;
	char **op;
};

static void *thread_main(void *arg)
{
	struct thread_args *t = arg;

	run(t->a, t->op);
	return NULL;
}

/* Runs what is up to `end` in a thread, to its end: the connection it gets is then ours. */
static void do_thread(struct actor *a, char **op)
{
	struct thread_args args = { a, op };
	pthread_t t;

	if (pthread_create(&t, NULL, thread_main, &args) || pthread_join(t, NULL))
		die("thread");
}

static void do_exec(struct actor *a, char **op)
{
	char *argv[100] = { "/proc/self/exe" }, fds[60];
	int n = 1;

	snprintf(fds, sizeof(fds), "fds=%d,%d,%d", a->lfd, a->fd, to_port);
	argv[n++] = fds;
	while (*op && n < 99)
		argv[n++] = *op++;
	execv(argv[0], argv);
	die("exec");
}

/* Everything that is about one socket and takes time: begin and end are told. */
static int socket_op(struct actor *a, const char *op, const char *v)
{
	long n = v ? atol(v) : 0;
	long long begin = now_ns();
	char line[100];

	if (!strcmp(op, "accept"))
		a->fd = accept(a->lfd, NULL, NULL);
	else if (!strcmp(op, "connect"))
		do_connect(a, v, 0);
	else if (!strcmp(op, "connect-late"))
		do_connect(a, v, 1);
	else if (!strcmp(op, "connect-fail"))
		do_connect_fail(a, v);
	else if (!strcmp(op, "fastopen"))
		do_fastopen(a, v);
	else if (!strcmp(op, "write"))
		do_write(a->fd, n);
	else if (!strcmp(op, "read"))
		do_read(a->fd, n);
	else if (!strcmp(op, "eof"))
		do_eof(a->fd);
	else if (!strcmp(op, "sendfile"))
		do_sendfile(a->fd, n);
	else if (!strcmp(op, "splice"))
		do_splice(a->fd, n);
	else if (!strcmp(op, "shutdown"))
		shutdown(a->fd, SHUT_WR);
	else if (!strcmp(op, "close") || !strcmp(op, "reset"))
		do_close(a, *op == 'r');
	else if (!strcmp(op, "unlisten"))
		close(a->lfd);
	else if ((*op == 'u' || *op == 'a') && strchr("arwc", op[1]))
		do_uring(a, op, v);
	else
		return 0;
	if (!strcmp(op, "accept") && a->fd < 0)
		die("accept");
	snprintf(line, sizeof(line), "%s %lld %lld", op, begin, now_ns());
	say(line);
	return 1;
}

/* 1: done. */
static int process_op(struct actor *a, const char *op, const char *v)
{
	long n = v ? atol(v) : 0;
	char c = 'x';

	if (!strcmp(op, "name")) {
		prctl(PR_SET_NAME, v);
		say_who();
	} else if (!strcmp(op, "listen") || !strcmp(op, "reuse")) {
		do_listen(a, n, *op == 'r');
	} else if (!strcmp(op, "socket")) {
		do_bind(a, n);
	} else if (!strcmp(op, "to")) {
		to_port = n;
	} else if (!strcmp(op, "uid")) {
		if (setuid(n))
			die("setuid");
	} else if (!strcmp(op, "wait")) {
		await_line(v);
	} else if (!strcmp(op, "post")) {
		if (write(pipes[n][1], &c, 1) != 1)
			die("post");
	} else if (!strcmp(op, "take")) {
		if (read(pipes[n][0], &c, 1) != 1)
			die("take");
	} else if (!strcmp(op, "send")) {
		do_send_fd(a->fd);
	} else if (!strcmp(op, "take-fd")) {
		a->fd = do_take_fd();
	} else if (!strcmp(op, "reap")) {
		int st;

		while (wait(&st) > 0)
			if (!WIFEXITED(st) || WEXITSTATUS(st))
				exit(WIFEXITED(st) ? WEXITSTATUS(st) : 1);
	} else if (!strcmp(op, "pause")) {
		say("at pause");
		pause();
	} else if (!strcmp(op, "fds")) {
		if (sscanf(v, "%d,%d,%d", &a->lfd, &a->fd, &to_port) != 3)
			die(v);
		say_who();
	} else {
		return 0;
	}
	return 1;
}

static void run(struct actor *a, char **args)
{
	for (char **p = args; *p && strcmp(*p, "end"); p++) {
		char op[40], *v = strchr(*p, '=');

		snprintf(op, sizeof(op), "%.*s", (int)(v ? v - *p : (long)strlen(*p)), *p);
		v = v ? v + 1 : NULL;
		if (!strcmp(op, "fork")) {
			if (!fork()) {
				alarm(LIMIT_S);
				say_who();
				run(a, p + 1);
				exit(0);
			}
			p = matching_end(p + 1);
		} else if (!strcmp(op, "thread")) {
			do_thread(a, p + 1);
			p = matching_end(p + 1);
		} else if (!strcmp(op, "exec")) {
			do_exec(a, p + 1);
		} else if (!process_op(a, op, v) && !socket_op(a, op, v)) {
			errno = EINVAL;
			die(op);
		}
	}
}

int main(int argc, char **argv)
{
	struct actor a = { -1, -1 };

	(void)argc;
	alarm(LIMIT_S);
	for (int i = 0; i < PIPES; i++)
		if (pipe2(pipes[i], O_CLOEXEC))
			die("pipe");
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, unix_pair))
		die("socketpair");
	run(&a, argv + 1);
	return 0;
}
