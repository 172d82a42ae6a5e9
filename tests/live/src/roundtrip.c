// SPDX-License-Identifier: BSD-2-Clause
/*
 * What one round trip over loopback costs, as the least of several turns: one
 * thread sends a byte each way.  In a machine that counts instructions
 * (tests/vm/insns) the time stamp counter is that count.
 *
 *	roundtrip [TURNS [TRIPS]]
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

static void pair(int *a, int *b)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);

	if (l < 0 || bind(l, (void *)&sa, len) || listen(l, 1) || getsockname(l, (void *)&sa, &len))
		die("listen");
	*a = socket(AF_INET, SOCK_STREAM, 0);
	if (*a < 0 || connect(*a, (void *)&sa, len))
		die("connect");
	*b = accept(l, 0, 0);
	if (*b < 0)
		die("accept");
	close(l);
	setsockopt(*a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(*b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int main(int argc, char **argv)
{
	int turns = argc > 1 ? atoi(argv[1]) : 9, trips = argc > 2 ? atoi(argv[2]) : 100;
	uint64_t least = UINT64_MAX;
	int a, b, i, k;

	if (turns < 1 || trips < 1) {
		fprintf(stderr, "usage: roundtrip [TURNS [TRIPS]]\n");
		return 2;
	}
	pair(&a, &b);
	for (i = 0; i < turns; i++) {
		uint64_t t = counter();

		for (k = 0; k < trips; k++)
			if (write(a, "x", 1) != 1 || !reads(b) || write(b, "x", 1) != 1 || !reads(a))
				die("round trip");
		t = counter() - t;
		if (t < least)
			least = t;
	}
	printf("%llu\n", (unsigned long long)(least / trips));
	return 0;
}
