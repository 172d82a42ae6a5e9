// SPDX-License-Identifier: BSD-2-Clause
/*
 * TCP traffic of known shape.
 *
 *   traffic server -p PORT -s SHAPE [options]
 *   traffic client -a ADDR -p PORT -s SHAPE [options]
 *   traffic dial   -a ADDR -p PORT -l LPORT	simultaneous open: both ends connect
 *
 * Each says what it did on stdout, one line `WHAT [NUMBER] MONOTONIC_NS` an
 * event ("ready PORT", "held", "closed", "done CONNECTIONS"); some shapes wait
 * for a line on stdin.  Every run ends by itself: alarm() ends what hangs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

#define REQUEST 100
#define REPLY 200
#define CHUNK 16384

static struct options {
	const char *addr;
	int port;
	int lport;   /* client: bind to it */
	int conns;   /* connections, one after the other */
	int jobs;    /* that many processes do so at once */
	long bytes;  /* of a bulk transfer; rounds of a ping-pong */
	int rcvbuf;
	int backlog;
	int tos;
	int mapped;  /* client: IPv4 through an IPv6 socket */
	int limit;   /* seconds */
	int deferred; /* TCP_DEFER_ACCEPT */
	int fastopen;
	int waits; /* for a line on stdin before it starts */
	int alone; /* server: no process for each of many jobs' connections */
} opt = { .conns = 1, .jobs = 1, .bytes = 100000, .backlog = 128, .limit = 100 };

union addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(const char *what, long n)
{
	struct timespec t;
	char line[100];
	int len;

	clock_gettime(CLOCK_MONOTONIC, &t);
	len = n < 0 ? snprintf(line, sizeof(line), "%s", what) :
		      snprintf(line, sizeof(line), "%s %ld", what, n);
	len += snprintf(line + len, sizeof(line) - len, " %lld%09ld\n", (long long)t.tv_sec,
			t.tv_nsec);
	if (write(1, line, len) != len)
		exit(1);
}

static void await_line(void)
{
	char c;

	while (read(0, &c, 1) == 1)
		if (c == '\n')
			return;
	fprintf(stderr, "traffic: stdin ended\n");
	exit(1);
}

static void put(int fd, long n)
{
	static const char buf[CHUNK];

	while (n > 0) {
		ssize_t k = send(fd, buf, n < CHUNK ? n : CHUNK, MSG_NOSIGNAL);

		if (k < 0)
			die("send");
		n -= k;
	}
}

/* Reads n bytes; fewer than that before the end is an error. */
static void get(int fd, long n)
{
	char buf[CHUNK];

	while (n > 0) {
		ssize_t k = recv(fd, buf, n < CHUNK ? n : CHUNK, 0);

		if (k < 0)
			die("recv");
		if (!k) {
			fprintf(stderr, "traffic: the peer closed %ld bytes early\n", n);
			exit(1);
		}
		n -= k;
	}
}

/* Reads to the end of the stream, or to a reset where `reset` is set. */
static void get_eof(int fd, int reset)
{
	char buf[CHUNK];
	ssize_t k;

	do {
		k = recv(fd, buf, sizeof(buf), 0);
	} while (k > 0);
	if (k < 0 && !(reset && errno == ECONNRESET))
		die("recv");
}

static void finish_by_reset(int fd)
{
	struct linger l = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)))
		die("SO_LINGER");
	close(fd);
}

/* Each shape: what the client does with its connection, what the server does.  Both close. */

static void short_client(int fd)
{
	put(fd, REQUEST);
	get(fd, REPLY);
	close(fd);
}

static void short_server(int fd)
{
	get(fd, REQUEST);
	put(fd, REPLY);
	get_eof(fd, 0);
	close(fd);
}

static void srvclose_client(int fd)
{
	put(fd, REQUEST);
	get(fd, REPLY);
	get_eof(fd, 0);
	close(fd);
}

static void srvclose_server(int fd)
{
	get(fd, REQUEST);
	put(fd, REPLY);
	shutdown(fd, SHUT_WR);
	get_eof(fd, 0);
	close(fd);
}

static void silent_client(int fd)
{
	close(fd);
}

static void silent_server(int fd)
{
	get_eof(fd, 0);
	close(fd);
}

static void pingpong(int fd, int first)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (first)
		put(fd, 1);
	for (long i = 1; i < opt.bytes; i++) {
		get(fd, 1);
		put(fd, 1);
	}
	get(fd, 1);
	if (!first)
		put(fd, 1);
}

static void pingpong_client(int fd)
{
	pingpong(fd, 1);
	close(fd);
}

static void pingpong_server(int fd)
{
	pingpong(fd, 0);
	get_eof(fd, 0);
	close(fd);
}

static void up_client(int fd)
{
	put(fd, opt.bytes);
	shutdown(fd, SHUT_WR);
	get_eof(fd, 0);
	close(fd);
}

static void up_server(int fd)
{
	get_eof(fd, 0);
	close(fd);
}

static void down_client(int fd)
{
	get_eof(fd, 0);
	close(fd);
}

static void down_server(int fd)
{
	put(fd, opt.bytes);
	shutdown(fd, SHUT_WR);
	get_eof(fd, 0);
	close(fd);
}

/* Sends while it receives, each as the socket allows. */
static void both(int fd)
{
	static char buf[CHUNK];
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	long left = opt.bytes;

	for (;;) {
		ssize_t k;

		if (poll(&p, 1, -1) < 0)
			die("poll");
		if (p.revents & POLLOUT && left) {
			k = send(fd, buf, left < CHUNK ? left : CHUNK, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (k < 0 && errno != EAGAIN)
				die("send");
			left -= k > 0 ? k : 0;
			if (!left) {
				shutdown(fd, SHUT_WR);
				p.events = POLLIN;
			}
		}
		if (p.revents & ~POLLOUT) {
			k = recv(fd, buf, CHUNK, MSG_DONTWAIT);
			if (k < 0 && errno != EAGAIN)
				die("recv");
			if (!k && !left)
				break;
			if (!k)
				p.events = POLLOUT;
		}
	}
	close(fd);
}

static void reset_client(int fd)
{
	put(fd, REQUEST);
	get(fd, REPLY);
	finish_by_reset(fd);
}

static void reset_server(int fd)
{
	get(fd, REQUEST);
	put(fd, REPLY);
	get_eof(fd, 1);
	close(fd);
}

static void srvreset_client(int fd)
{
	put(fd, REQUEST);
	get_eof(fd, 1);
	close(fd);
}

static void srvreset_server(int fd)
{
	get(fd, REQUEST);
	finish_by_reset(fd);
}

/* Closed with data unread: the kernel resets. */
static void unread_client(int fd)
{
	char c;

	put(fd, REQUEST);
	if (recv(fd, &c, 1, MSG_PEEK) != 1)
		die("recv");
	close(fd);
}

static void unread_server(int fd)
{
	get(fd, REQUEST);
	put(fd, REPLY);
	get_eof(fd, 1);
	close(fd);
}

static void half_client(int fd)
{
	put(fd, REQUEST);
	shutdown(fd, SHUT_WR);
	get_eof(fd, 0);
	close(fd);
}

static void half_server(int fd)
{
	get_eof(fd, 0);
	put(fd, opt.bytes);
	close(fd);
}

/* The last thing before close() is told from outside. */
static void hold(int fd, int first)
{
	if (first)
		put(fd, REQUEST);
	get(fd, REQUEST);
	if (!first)
		put(fd, REQUEST);
	say("held", -1);
	await_line();
	close(fd);
	say("closed", -1);
}

static void hold_client(int fd)
{
	hold(fd, 1);
}

static void hold_server(int fd)
{
	hold(fd, 0);
}

/* The server does not read before it is told: with -r its window closes. */
static void stall_server(int fd)
{
	say("held", -1);
	await_line();
	get_eof(fd, 0);
	close(fd);
}

static void urgent_client(int fd)
{
	put(fd, REQUEST);
	if (send(fd, "!", 1, MSG_OOB) != 1)
		die("send");
	put(fd, REQUEST);
	get_eof(fd, 0);
	close(fd);
}

static void urgent_server(int fd)
{
	get(fd, 2 * REQUEST); /* the urgent byte is not in line */
	close(fd);
}

static void keepalive_client(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)))
		die("SO_KEEPALIVE");
	hold(fd, 1);
}

static void keepalive_server(int fd)
{
	get(fd, REQUEST);
	put(fd, REQUEST);
	get_eof(fd, 0);
	close(fd);
}

static const struct shape {
	const char *name;
	void (*client)(int fd);
	void (*server)(int fd);
} shapes[] = {
	{ "short", short_client, short_server },
	{ "srvclose", srvclose_client, srvclose_server },
	{ "silent", silent_client, silent_server },
	{ "pingpong", pingpong_client, pingpong_server },
	{ "up", up_client, up_server },
	{ "down", down_client, down_server },
	{ "both", both, both },
	{ "reset", reset_client, reset_server },
	{ "srvreset", srvreset_client, srvreset_server },
	{ "unread", unread_client, unread_server },
	{ "half", half_client, half_server },
	{ "hold", hold_client, hold_server },
	{ "stall", up_client, stall_server },
	{ "urgent", urgent_client, urgent_server },
	{ "keepalive", keepalive_client, keepalive_server },
};

static const struct shape *shape_find(const char *name)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (!strcmp(shapes[i].name, name))
			return &shapes[i];
	fprintf(stderr, "traffic: no shape '%s'\n", name);
	exit(2);
}

/* opt.addr and `port` as a socket address. */
static socklen_t resolve(union addr *a, const char *text, int port)
{
	char mapped[80];

	memset(a, 0, sizeof(*a));
	if (opt.mapped && !strchr(text, ':')) {
		snprintf(mapped, sizeof(mapped), "::ffff:%s", text);
		text = mapped;
	}
	if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		return sizeof(a->in);
	}
	if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(port);
		return sizeof(a->in6);
	}
	fprintf(stderr, "traffic: bad address '%s'\n", text);
	exit(2);
}

static int open_socket(int family)
{
	int one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (opt.rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &opt.rcvbuf, sizeof(opt.rcvbuf));
	if (opt.tos) {
		setsockopt(fd, IPPROTO_IP, IP_TOS, &opt.tos, sizeof(opt.tos));
		if (family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &opt.tos, sizeof(opt.tos));
	}
	return fd;
}

static int bound_socket(const union addr *to)
{
	union addr me = { .sa.sa_family = to->sa.sa_family };
	int fd = open_socket(to->sa.sa_family);

	if (!opt.lport)
		return fd;
	me.in.sin_port = htons(opt.lport); /* at the same place in sin6 */
	if (bind(fd, &me.sa, to->sa.sa_family == AF_INET ? sizeof(me.in) : sizeof(me.in6)))
		die("bind");
	return fd;
}

/* The connection before, from the same port, may still wait for the ACK of its FIN. */
static int connect_again(int fd, const union addr *to, socklen_t len)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int tries = 0; tries < 20000; tries++) {
		if (!connect(fd, &to->sa, len))
			return 0;
		if (!opt.lport || errno != EADDRNOTAVAIL)
			return -1;
		nanosleep(&ms, NULL);
	}
	return -1;
}

static void client_job(const struct shape *s)
{
	for (int i = 0; i < opt.conns; i++) {
		union addr to;
		socklen_t len = resolve(&to, opt.addr, opt.port);
		int one = 1, fd = bound_socket(&to);

		if (opt.fastopen &&
		    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)))
			die("TCP_FASTOPEN_CONNECT");
		if (connect_again(fd, &to, len))
			die("connect");
		s->client(fd);
	}
}

static void reap(int jobs)
{
	int status, bad = 0;

	while (jobs-- > 0) {
		if (wait(&status) < 0)
			die("wait");
		bad |= status;
	}
	if (bad)
		exit(1);
}

static void client(const struct shape *s)
{
	if (opt.jobs == 1) {
		client_job(s);
	} else {
		for (int i = 0; i < opt.jobs; i++)
			if (!fork()) {
				alarm(opt.limit);
				client_job(s);
				exit(0);
			}
		reap(opt.jobs);
	}
	say("done", (long)opt.conns * opt.jobs);
}

static void serve(const struct shape *s, int lfd)
{
	int total = opt.conns * opt.jobs;

	for (int i = 0; i < total; i++) {
		int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			die("accept");
		if (opt.jobs == 1 || opt.alone) {
			s->server(fd);
		} else if (!fork()) {
			alarm(opt.limit);
			close(lfd);
			s->server(fd);
			exit(0);
		} else {
			close(fd);
		}
	}
	if (opt.jobs > 1 && !opt.alone)
		reap(total);
	say("done", total);
}

/* Listens on all IPv4 and IPv6 addresses, unless it was given one. */
static void server(const struct shape *s)
{
	union addr me;
	socklen_t len = resolve(&me, opt.addr ? opt.addr : "::", opt.port);
	int secs = 5, off = 0, queue = 16, fd;

	if (!opt.addr && access("/proc/net/if_inet6", F_OK))
		len = resolve(&me, "0.0.0.0", opt.port);
	fd = open_socket(me.sa.sa_family);
	if (me.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (opt.deferred && setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &secs, sizeof(secs)))
		die("TCP_DEFER_ACCEPT");
	if (opt.fastopen && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)))
		die("TCP_FASTOPEN");
	if (bind(fd, &me.sa, len) || listen(fd, opt.backlog) || getsockname(fd, &me.sa, &len))
		die("listen");
	say("ready", ntohs(me.in.sin_port));
	serve(s, fd);
	close(fd);
}

/* connect() that must fail with ECONNREFUSED. */
static void refused(void)
{
	for (int i = 0; i < opt.conns; i++) {
		union addr to;
		socklen_t len = resolve(&to, opt.addr, opt.port);
		int fd = bound_socket(&to);

		if (!connect(fd, &to.sa, len) || errno != ECONNREFUSED)
			die("connect was not refused");
		close(fd);
	}
	say("done", opt.conns);
}

/* Simultaneous open: both ends run this; the caller holds the SYNs back until both have connected. */
static void dial(void)
{
	union addr to;
	socklen_t len = resolve(&to, opt.addr, opt.port);
	int fd = bound_socket(&to);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, &to.sa, len) && errno != EINPROGRESS)
		die("connect");
	say("dialled", -1);
	if (poll(&p, 1, -1) < 0)
		die("poll");
	fcntl(fd, F_SETFL, 0);
	put(fd, REQUEST);
	get(fd, REQUEST);
	shutdown(fd, SHUT_WR);
	get_eof(fd, 0);
	close(fd);
	say("done", 1);
}

/* Connections that nobody accepts: `conns` non-blocking connects, held until told. */
static void pile(void)
{
	int *fds = calloc(opt.conns, sizeof(*fds));
	union addr to;
	socklen_t len = resolve(&to, opt.addr, opt.port);

	for (int i = 0; i < opt.conns; i++) {
		fds[i] = bound_socket(&to);
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
		if (connect(fds[i], &to.sa, len) && errno != EINPROGRESS)
			die("connect");
	}
	say("held", -1);
	await_line();
	for (int i = 0; i < opt.conns; i++)
		close(fds[i]);
	free(fds);
	say("done", opt.conns);
}

/* A server that listens and does not accept until told; then it ends. */
static void deaf_server(void)
{
	union addr me;
	socklen_t len = resolve(&me, opt.addr ? opt.addr : "0.0.0.0", opt.port);
	int fd = open_socket(me.sa.sa_family);

	if (bind(fd, &me.sa, len) || listen(fd, opt.backlog) || getsockname(fd, &me.sa, &len))
		die("listen");
	say("ready", ntohs(me.in.sin_port));
	await_line();
	close(fd);
	say("done", 0);
}

static const char *parse(int argc, char **argv)
{
	const char *shape = "short";
	int c;

	while ((c = getopt(argc, argv, "a:p:l:s:n:j:b:r:q:t:T:mdfwo")) >= 0) {
		switch (c) {
		case 'a': opt.addr = optarg; break;
		case 'p': opt.port = atoi(optarg); break;
		case 'l': opt.lport = atoi(optarg); break;
		case 's': shape = optarg; break;
		case 'n': opt.conns = atoi(optarg); break;
		case 'j': opt.jobs = atoi(optarg); break;
		case 'b': opt.bytes = atol(optarg); break;
		case 'r': opt.rcvbuf = atoi(optarg); break;
		case 'q': opt.backlog = atoi(optarg); break;
		case 't': opt.tos = atoi(optarg); break;
		case 'T': opt.limit = atoi(optarg); break;
		case 'm': opt.mapped = 1; break;
		case 'd': opt.deferred = 1; break;
		case 'f': opt.fastopen = 1; break;
		case 'w': opt.waits = 1; break;
		case 'o': opt.alone = 1; break;
		default: exit(2);
		}
	}
	return shape;
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	const char *shape = parse(argc - (argc > 1), argv + (argc > 1));

	alarm(opt.limit);
	if (opt.waits) {
		say("waiting", -1);
		await_line();
	}
	if (strcmp(role, "server") && !opt.addr)
		role = "";
	if (!strcmp(role, "server") && !strcmp(shape, "deaf"))
		deaf_server();
	else if (!strcmp(role, "server"))
		server(shape_find(shape));
	else if (!strcmp(role, "client") && !strcmp(shape, "refused"))
		refused();
	else if (!strcmp(role, "client") && !strcmp(shape, "pile"))
		pile();
	else if (!strcmp(role, "client"))
		client(shape_find(shape));
	else if (!strcmp(role, "dial"))
		dial();
	else {
		fprintf(stderr, "usage: traffic server|client|dial [-a ADDR] [-p PORT] [-s SHAPE] ...\n");
		return 2;
	}
	return 0;
}
