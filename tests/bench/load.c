// SPDX-License-Identifier: BSD-2-Clause
/*
 * The traffic of scripts/bench: bounded in time, both ends in one namespace.
 *
 *	load pp    [-n CONNS] [-d DEPTH]  1-byte ping-pong, a client and a server thread per
 *	                         connection; DEPTH segments at a time before the answer's are waited for
 *	load churn [-n WORKERS]  connect, a byte there and back, the server closes first
 *	load bulk  [-n CONNS]    as many bytes as fit, one direction
 *	load hold  -n CONNS      open connections that do nothing, until standard input ends
 *
 *	-t SECONDS  -c CPU (clients)  -S CPU (server)  -P PORT
 *
 * Prints one line of key=value.  `ops` are bytes that went there and back,
 * connections, or kilobytes; p50_us and p99_us are of a round trip (of DEPTH bytes).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOPBACK 0x7f000001u
#define ADDRS 250	    /* 127.0.0.1 …: more than one address's worth of ports */
#define HOLD_PER_ADDR 20000
#define BULK_BYTES (128 << 10)
#define THREADS_MAX 1024
#define DEPTH_MAX 256
#define BUCKETS 100000 /* of 0.1 us */

enum mode { MODE_PP, MODE_CHURN, MODE_BULK, MODE_HOLD };

static enum mode mode;
static int nconn = 1, depth = 1, client_cpu = -1, server_cpu = -1, port = 7777;
static double seconds = 1;
static atomic_bool stop;
static int listener;
static int holders; /* processes at each end */

struct client {
	pthread_t thread;
	int id;
	unsigned long ops, errors;
	unsigned int *hist;
};

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void spawn(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, fn, arg))
		die("pthread_create");
	pthread_attr_destroy(&attr);
}

/* ---- server */

/* A segment for each byte: with TCP_NODELAY, each write is one. */
static bool write_each(int fd)
{
	for (int i = 0; i < depth; i++)
		if (write(fd, "x", 1) != 1)
			return false;
	return true;
}

static bool read_all(int fd)
{
	char buf[DEPTH_MAX];

	return recv(fd, buf, depth, MSG_WAITALL) == depth;
}

static void *serve_pp(void *arg)
{
	int fd = (long)arg;

	no_delay(fd);
	while (read_all(fd) && write_each(fd))
		;
	close(fd);
	return NULL;
}

static void *serve_bulk(void *arg)
{
	int fd = (long)arg;
	char *buf = malloc(BULK_BYTES);

	while (buf && read(fd, buf, BULK_BYTES) > 0)
		;
	free(buf);
	close(fd);
	return NULL;
}

static void *serve_churn(void *arg)
{
	char c;

	(void)arg;
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (read(fd, &c, 1) == 1 && write(fd, &c, 1) != 1)
			errno = 0;
		close(fd);
	}
	return NULL;
}

static void server(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(server_cpu);
	for (int i = 1; i < holders; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			break;
		}
	}
	if (mode == MODE_CHURN) {
		for (int i = 1; i < nconn; i++)
			spawn(serve_churn, NULL);
		serve_churn(NULL);
	}
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno == EMFILE)
			pause(); /* full: another server process takes the rest */
		if (fd >= 0 && mode != MODE_HOLD)
			spawn(mode == MODE_BULK ? serve_bulk : serve_pp, (void *)(long)fd);
	}
}

/* ---- clients */

static int dial(unsigned int k)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(LOOPBACK + k % ADDRS);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void took(struct client *c, double begin, unsigned int ops)
{
	double t = (now() - begin) * 1e7;

	c->hist[t < BUCKETS - 1 ? (int)t : BUCKETS - 1]++;
	c->ops += ops;
}

static void run_pp(struct client *c)
{
	int fd = dial(c->id);

	if (fd < 0)
		die("connect");
	no_delay(fd);
	while (!stop) {
		double t = now();

		if (!write_each(fd) || !read_all(fd)) {
			c->errors++;
			break;
		}
		took(c, t, depth);
	}
	close(fd);
}

static void run_bulk(struct client *c)
{
	int fd = dial(c->id);
	char *buf = calloc(1, BULK_BYTES);
	unsigned long bytes = 0;

	if (fd < 0 || !buf)
		die("connect");
	while (!stop) {
		ssize_t n = write(fd, buf, BULK_BYTES);

		if (n < 0)
			break;
		bytes += n;
	}
	c->ops = bytes >> 10;
	close(fd);
	free(buf);
}

static void run_churn(struct client *c)
{
	unsigned int k = c->id * 13;

	while (!stop) {
		double t = now();
		int fd = dial(k += 7);
		char b = 'x';

		if (fd < 0) {
			c->errors++;
			continue;
		}
		if (write(fd, &b, 1) != 1 || read(fd, &b, 1) != 1)
			c->errors++;
		else
			took(c, t, 1);
		while (read(fd, &b, 1) > 0)
			;
		close(fd);
	}
}

static void *client(void *arg)
{
	struct client *c = arg;

	if (mode == MODE_PP)
		run_pp(c);
	else if (mode == MODE_BULK)
		run_bulk(c);
	else
		run_churn(c);
	return NULL;
}

/* One process's share; says so through `done`, and waits to be killed. */
static void hold_some(int first, int n, int done)
{
	char ok = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = first; i < first + n; i++)
		if (dial(i / HOLD_PER_ADDR) < 0)
			die("connect");
	if (write(done, &ok, 1) != 1)
		die("write");
	for (;;)
		pause();
}

/* Until standard input ends.  A process may have so many descriptors only: there are several. */
static void hold(void)
{
	int done[2], share = (nconn + holders - 1) / holders;
	double begin = now();
	char c;

	if (pipe2(done, O_CLOEXEC))
		die("pipe2");
	for (int i = 0; i < nconn; i += share) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			hold_some(i, nconn - i < share ? nconn - i : share, done[1]);
	}
	close(done[1]);
	for (int i = 0; i < nconn; i += share)
		if (read(done[0], &c, 1) != 1)
			die("connect");
	printf("held=%d seconds=%.2f\n", nconn, now() - begin);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

/* ---- result */

static double percentile(const struct client *c, unsigned long n, double p)
{
	unsigned long seen = 0;

	for (int b = 0; b < BUCKETS; b++) {
		for (int i = 0; i < nconn; i++)
			seen += c[i].hist[b];
		if (seen && seen >= n * p)
			return b * 0.1;
	}
	return 0;
}

static double cpu_of(const struct rusage *r)
{
	return r->ru_utime.tv_sec + r->ru_stime.tv_sec +
	       (r->ru_utime.tv_usec + r->ru_stime.tv_usec) * 1e-6;
}

static void measure(pid_t server_pid)
{
	struct client *c = calloc(nconn, sizeof(*c));
	unsigned long ops = 0, errors = 0;
	struct rusage mine, theirs;
	struct timespec ts = { .tv_sec = seconds, .tv_nsec = (seconds - (long)seconds) * 1e9 };
	double begin, took_s;

	if (!c)
		die("calloc");
	begin = now();
	for (int i = 0; i < nconn; i++) {
		c[i].id = i;
		c[i].hist = calloc(BUCKETS, sizeof(*c[i].hist));
		if (!c[i].hist || pthread_create(&c[i].thread, NULL, client, &c[i]))
			die("pthread_create");
	}
	nanosleep(&ts, NULL);
	stop = true;
	for (int i = 0; i < nconn; i++) {
		pthread_join(c[i].thread, NULL);
		ops += c[i].ops;
		errors += c[i].errors;
	}
	took_s = now() - begin;
	kill(server_pid, SIGKILL);
	wait4(server_pid, NULL, 0, &theirs);
	getrusage(RUSAGE_SELF, &mine);
	printf("rate=%.1f ops=%lu errors=%lu p50_us=%.1f p99_us=%.1f cpu_us_per_op=%.3f\n",
	       ops / took_s, ops, errors, percentile(c, ops / depth, 0.5), percentile(c, ops / depth, 0.99),
	       (cpu_of(&mine) + cpu_of(&theirs)) * 1e6 / (ops ? ops : 1));
}

static int parse_mode(const char *s)
{
	static const char *const names[] = { "pp", "churn", "bulk", "hold" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(s, names[i]))
			return i;
	return -1;
}

static void parse(int argc, char **argv)
{
	int m = argc > 1 ? parse_mode(argv[1]) : -1, opt;

	if (m < 0) {
		fprintf(stderr, "usage: load pp|churn|bulk|hold [-n N] [-d DEPTH] [-t SECONDS] [-c CPU] [-S CPU] [-P PORT]\n");
		exit(2);
	}
	mode = m;
	optind = 2;
	while ((opt = getopt(argc, argv, "n:d:t:c:S:P:")) > 0) {
		if (opt == 'n')
			nconn = atoi(optarg);
		else if (opt == 'd')
			depth = atoi(optarg);
		else if (opt == 't')
			seconds = atof(optarg);
		else if (opt == 'c')
			client_cpu = atoi(optarg);
		else if (opt == 'S')
			server_cpu = atoi(optarg);
		else if (opt == 'P')
			port = atoi(optarg);
		else
			exit(2);
	}
	if (depth < 1 || depth > DEPTH_MAX || nconn < 1 || (mode != MODE_HOLD && nconn > THREADS_MAX))
		exit(2);
}

static void listen_here(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 4096))
		die("listen");
}

int main(int argc, char **argv)
{
	struct rlimit files;
	pid_t pid;

	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (mode == MODE_HOLD) {
		getrlimit(RLIMIT_NOFILE, &files);
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		holders = nconn / (int)(files.rlim_max < 1 << 20 ? files.rlim_max - 32 : 1 << 20) + 1;
	}
	listen_here();
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		server();
		_exit(0);
	}
	close(listener);
	pin(client_cpu);
	if (mode == MODE_HOLD) {
		hold();
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	} else {
		measure(pid);
	}
	return 0;
}
