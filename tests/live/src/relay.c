// SPDX-License-Identifier: BSD-2-Clause
/*
 * A bad link: forwards Ethernet frames between two devices and, by a seeded
 * random number generator, drops, reorders, doubles or CE-marks the TCP
 * segments among them.  For kernels without netem, and where a test must hold
 * frames back: SIGSTOP keeps all of them in the socket, SIGCONT lets them go.
 *
 *   relay DEV1 DEV2 [-s SEED] [-l LOSS] [-r REORDER] [-d DOUBLE] [-c CE]
 *
 * in per mille.  Says "ready"; at SIGTERM says what it did and ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME 65600
#define HOLD_MS 10 /* the longest that a reordered frame waits for another to overtake it */

static struct chances {
	unsigned int loss, reorder, twice, ce;
} chance;

static struct counts {
	unsigned long forwarded, dropped, reordered, doubled, marked;
} count;

/* One direction: frames read from `in` leave through `out`. */
struct way {
	int in, out;
	uint64_t rng;
	unsigned char *held;
	int held_len; /* 0: none */
	int overtakes; /* so many frames still go first */
};

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* xorshift64*: the same seed, the same fate of the n-th frame of a direction. */
static unsigned int roll(struct way *w)
{
	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return (w->rng * 0x2545f4914f6cdd1dULL >> 33) % 1000;
}

static int open_dev(const char *name)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int size = 32 << 20, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	a.sll_ifindex = if_nametoindex(name);
	if (!a.sll_ifindex)
		die(name);
	/* Room for what comes while SIGSTOP holds us. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		die("SO_RCVBUFFORCE");
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind");
	return fd;
}

static void forward(struct way *w, const unsigned char *f, int len)
{
	if (send(w->out, f, len, 0) != len && errno != ENOBUFS && errno != ENETDOWN)
		die("send");
	count.forwarded++;
}

static void release(struct way *w)
{
	if (!w->held_len)
		return;
	forward(w, w->held, w->held_len);
	w->held_len = 0;
}

static int is_tcp(const unsigned char *f, int len)
{
	int proto = len > 54 ? f[12] << 8 | f[13] : 0;

	return (proto == ETH_P_IP && f[23] == IPPROTO_TCP) ||
	       (proto == ETH_P_IPV6 && f[20] == IPPROTO_TCP);
}

/* ECT becomes CE.  IPv4's header checksum follows (RFC 1624). */
static void mark_ce(unsigned char *f)
{
	uint32_t sum;
	uint16_t check, before, after;

	if (f[13] != 0) { /* 0x86dd: the traffic class lies across bytes 0 and 1, no checksum */
		if (f[15] & 0x30) {
			f[15] |= 0x30;
			count.marked++;
		}
		return;
	}
	if (!(f[15] & 3))
		return;
	before = f[14] << 8 | f[15];
	f[15] |= 3;
	after = f[14] << 8 | f[15];
	check = f[24] << 8 | f[25];
	sum = (uint16_t)~check + (uint16_t)~before + after;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	check = ~sum;
	f[24] = check >> 8;
	f[25] = check;
	count.marked++;
}

static void fate(struct way *w, unsigned char *f, int len)
{
	if (!is_tcp(f, len)) {
		forward(w, f, len);
		return;
	}
	if (roll(w) < chance.loss) {
		count.dropped++;
		return;
	}
	if (roll(w) < chance.ce)
		mark_ce(f);
	if (roll(w) < chance.reorder && !w->held_len) {
		memcpy(w->held, f, len);
		w->held_len = len;
		w->overtakes = 1 + roll(w) % 3;
		count.reordered++;
		return;
	}
	forward(w, f, len);
	if (roll(w) < chance.twice) {
		forward(w, f, len);
		count.doubled++;
	}
	if (w->held_len && --w->overtakes <= 0)
		release(w);
}

static void take(struct way *w)
{
	static unsigned char f[FRAME];
	struct sockaddr_ll from;
	socklen_t flen = sizeof(from);
	ssize_t n = recvfrom(w->in, f, sizeof(f), MSG_DONTWAIT, (struct sockaddr *)&from, &flen);

	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ENETDOWN)
			return;
		die("recv");
	}
	if (from.sll_pkttype != PACKET_OUTGOING) /* what we sent comes back as that */
		fate(w, f, n);
}

static void relay(struct way *w)
{
	struct pollfd p[2] = { { .fd = w[0].in, .events = POLLIN },
			       { .fd = w[1].in, .events = POLLIN } };

	while (!stop) {
		int n = poll(p, 2, w[0].held_len || w[1].held_len ? HOLD_MS : 1000);

		if (n < 0 && errno != EINTR)
			die("poll");
		for (int i = 0; i < 2; i++)
			if (n > 0 && p[i].revents)
				take(&w[i]);
			else if (n == 0)
				release(&w[i]);
	}
}

int main(int argc, char **argv)
{
	struct way w[2] = { 0 };
	uint64_t seed = 1;
	int c;

	while ((c = getopt(argc, argv, "s:l:r:d:c:")) >= 0) {
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'l': chance.loss = atoi(optarg); break;
		case 'r': chance.reorder = atoi(optarg); break;
		case 'd': chance.twice = atoi(optarg); break;
		case 'c': chance.ce = atoi(optarg); break;
		default: return 2;
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: relay DEV1 DEV2 [-s SEED] [-l LOSS] [-r REORDER] [-d DOUBLE] [-c CE]\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		w[i].in = open_dev(argv[optind + i]);
		w[i].rng = (seed + i) * 0x9e3779b97f4a7c15ULL | 1;
		w[i].held = malloc(FRAME);
	}
	w[0].out = w[1].in;
	w[1].out = w[0].in;
	signal(SIGTERM, on_term);
	puts("ready");
	fflush(stdout);
	relay(w);
	printf("forwarded %lu dropped %lu reordered %lu doubled %lu marked %lu\n", count.forwarded,
	       count.dropped, count.reordered, count.doubled, count.marked);
	return 0;
}
