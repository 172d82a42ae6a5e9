// SPDX-License-Identifier: BSD-2-Clause
/*
 * What one round trip over loopback costs, as the least of several turns: one
 * thread sends a byte each way.  Or a connection that is made, accepted and
 * closed by both.  In a machine that counts instructions (tests/vm/insns) the
 * time stamp counter is that count.
 *
 *	roundtrip [-c] [TURNS [TRIPS]]		-c: connections
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t counter(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t t;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(t));
	return t;
#endif
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int reads(int fd)
{
	char c;

	return read(fd, &c, 1) == 1;
}

static int listener(struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	*sa = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (l < 0 || bind(l, (void *)sa, len) || listen(l, 1) || getsockname(l, (void *)sa, &len))
		die("listen");
	return l;
}

static void pair(int l, struct sockaddr_in *sa, int *a, int *b)
{
	int one = 1;

	*a = socket(AF_INET, SOCK_STREAM, 0);
	if (*a < 0 || connect(*a, (void *)sa, sizeof(*sa)))
		die("connect");
	*b = accept(l, 0, 0);
	if (*b < 0)
		die("accept");
	setsockopt(*a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(*b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void trip(int a, int b)
{
	if (write(a, "x", 1) != 1 || !reads(b) || write(b, "x", 1) != 1 || !reads(a))
		die("round trip");
}

static void connection(int l, struct sockaddr_in *sa)
{
	int a, b;

	pair(l, sa, &a, &b);
	close(b);
	close(a);
}

int main(int argc, char **argv)
{
	int connections = argc > 1 && !strcmp(argv[1], "-c"), a, b, i, k, l;
	int turns = argc > 1 + connections ? atoi(argv[1 + connections]) : 9;
	int trips = argc > 2 + connections ? atoi(argv[2 + connections]) : 100;
	uint64_t least = UINT64_MAX;
	struct sockaddr_in sa;

	if (turns < 1 || trips < 1) {
		fprintf(stderr, "usage: roundtrip [-c] [TURNS [TRIPS]]\n");
		return 2;
	}
	l = listener(&sa);
	pair(l, &sa, &a, &b);
	if (!connections)
		close(l);
	for (i = 0; i < turns; i++) {
		uint64_t t = counter();

		for (k = 0; k < trips; k++) {
			if (connections)
				connection(l, &sa);
			else
				trip(a, b);
		}
		t = counter() - t;
		if (t < least)
			least = t;
	}
	printf("%llu\n", (unsigned long long)(least / trips));
	return 0;
}
