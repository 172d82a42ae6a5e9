// SPDX-License-Identifier: BSD-2-Clause
/*
 * A bad link: forwards Ethernet frames between two devices and, by a seeded
 * random number generator, drops, reorders, doubles or CE-marks the TCP
 * segments among them.  For kernels without netem, and where a test must hold
 * frames back: SIGSTOP keeps all of them in the socket, SIGCONT lets them go.
 *
 *   relay DEV1 DEV2 [-s SEED] [-l LOSS] [-r REORDER] [-d DOUBLE] [-c CE] [-D MS]
 *
 * in per mille; -D: every frame is MS milliseconds late.  Says "ready"; at SIGTERM says what it did and ends.
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
#include <time.h>
#include <unistd.h>

#define FRAME 65600
#define HOLD_MS 10 /* the longest that a reordered frame waits for another to overtake it */

static struct chances {
	unsigned int loss, reorder, twice, ce;
} chance;

static struct counts {
	unsigned long forwarded, dropped, reordered, doubled, marked;
} count;

/* Frames that are under way, in the order in which they are due. */
#define WAY_FRAMES 4096

struct late {
	uint64_t due_ns;
	int len;
	unsigned char *frame;
};

struct line {
	struct late at[WAY_FRAMES];
	unsigned int first, n;
};

/* One direction: frames read from `in` leave through `out`. */
struct way {
	int in, out;
	uint64_t rng;
	unsigned char *held;
	int held_len; /* 0: none */
	int overtakes; /* so many frames still go first */
	struct line *line; /* with -D */
};

static uint64_t delay_ns;
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

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void transmit(struct way *w, const unsigned char *f, int len)
{
	if (send(w->out, f, len, 0) != len && errno != ENOBUFS && errno != ENETDOWN)
		die("send");
	count.forwarded++;
}

/* What no more fits is lost, as in a router. */
static void forward(struct way *w, const unsigned char *f, int len)
{
	struct line *l = w->line;
	struct late *t;

	if (!l) {
		transmit(w, f, len);
		return;
	}
	if (l->n == WAY_FRAMES) {
		count.dropped++;
		return;
	}
	t = &l->at[(l->first + l->n++) % WAY_FRAMES];
	t->due_ns = now_ns() + delay_ns;
	t->len = len;
	t->frame = malloc(len);
	if (!t->frame)
		die("malloc");
	memcpy(t->frame, f, len);
}

/* Sends what is due; the time until the next is, or 0: none waits. */
static uint64_t deliver(struct way *w)
{
	struct line *l = w->line;
	uint64_t now = now_ns();

	while (l && l->n) {
		struct late *t = &l->at[l->first];

		if (t->due_ns > now)
			return t->due_ns - now;
		transmit(w, t->frame, t->len);
		free(t->frame);
		l->first = (l->first + 1) % WAY_FRAMES;
		l->n--;
	}
	return 0;
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
		uint64_t d0 = deliver(&w[0]), d1 = deliver(&w[1]);
		uint64_t wait = w[0].held_len || w[1].held_len ? HOLD_MS * 1000000ULL : 1000000000;
		struct timespec ts;
		int n;

		wait = d0 && d0 < wait ? d0 : wait;
		wait = d1 && d1 < wait ? d1 : wait;
		ts = (struct timespec){ .tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000 };
		n = ppoll(p, 2, &ts, NULL);

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

	while ((c = getopt(argc, argv, "s:l:r:d:c:D:")) >= 0) {
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'l': chance.loss = atoi(optarg); break;
		case 'r': chance.reorder = atoi(optarg); break;
		case 'd': chance.twice = atoi(optarg); break;
		case 'c': chance.ce = atoi(optarg); break;
		case 'D': delay_ns = strtoull(optarg, NULL, 0) * 1000000; break;
		default: return 2;
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: relay DEV1 DEV2 [-s SEED] [-l LOSS] [-r REORDER] [-d DOUBLE] [-c CE] [-D MS]\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		w[i].in = open_dev(argv[optind + i]);
		w[i].rng = (seed + i) * 0x9e3779b97f4a7c15ULL | 1;
		w[i].held = malloc(FRAME);
		if (delay_ns)
			w[i].line = calloc(1, sizeof(*w[i].line));
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
