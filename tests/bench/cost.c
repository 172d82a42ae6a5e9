// SPDX-License-Identifier: BSD-2-Clause
/*
 * The user side's cost of a record, for scripts/bench: run under callgrind,
 * which counts the instructions of rings__drain(), so that a regression is seen
 * without a quiet machine.
 *
 *	cost read|text|json|tcpl [RECORDS]
 *
 * Fills a ring as the kernel does with segments of 16 connections, in both
 * directions, and drains it: read only, printed to /dev/null as text or JSON, or
 * recorded there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decode.h"
#include "opts_file.h"
#include "ring.h"
#include "sink.h"
#include "writer.h"

#define SIZE (32u << 20)
#define CONNS 16

static struct sink sink;
static struct writer *writer;
static int null;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct ev_segment segment(unsigned int i)
{
	unsigned int conn = i / 2 % CONNS;
	struct ev_segment s = {
		.hdr = { .type = EV_SEGMENT, .len = sizeof(s), .hook = i & 1, .mono_ns = 5000000000000ULL + i * 1700ULL },
		.who = { .conn = conn + 1, .cgroup_id = 1234, .pid = 4200 + conn, .tid = 4300 + conn,
			 .netns = 4026531840u, .comm = "server", .how = HOW_ACCEPT },
		.ends = { .laddr = { [10] = 0xff, 0xff, 10, 0, 0, 1 }, .raddr = { [10] = 0xff, 0xff, 192, 168, 100, 200 },
			  .lport = 443, .rport = 40000 + conn, .ip = 4 },
		.seq = 1000000000u + i, .ack = 2000000000u + i, .len = i % 1449, .win = 65536,
		.seq_base = 1000000000u, .ack_base = 2000000000u, .tsval = 123456789u + i, .tsecr = 987654321u + i,
		.srtt_us = 120, .min_rtt_us = 80, .cwnd = 10, .ssthresh = 0x7fffffff,
		.flags = TF_ACK | (i % 3 ? TF_PSH : 0), .segs = 1, .dir = i & 1, .state = 1, .ttl = 64,
		.has = SEG_HAS_SOCK | SEG_HAS_IP | SEG_HAS_TS | SEG_HAS_WIN | SEG_HAS_ISN | SEG_HAS_IACK,
	};

	return s;
}

static int on_record(void *ctx, void *data, size_t n)
{
	const struct ev_hdr *ev;

	(void)ctx;
	if (decode(data, n, &ev))
		die("decode");
	if (writer)
		return writer__event(writer, ev);
	if (!sink.ops)
		return 0;
	if (sink__event(&sink, ev) < 0)
		die("sink");
	return sink__pending(&sink) >= 256 << 10 ? sink__flush(&sink, null) : 0;
}

/* As bpf_ringbuf_reserve() and _commit() leave it. */
static int fill(unsigned int records)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int fd = memfd_create("ring", 0);
	unsigned long at = 0;
	char *p;

	if (fd < 0 || ftruncate(fd, 2 * page + SIZE))
		die("memfd");
	p = mmap(NULL, 2 * page + SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap");
	for (unsigned int i = 0; i < records && at + 200 <= SIZE; i++) {
		struct ev_segment s = segment(i);
		__u32 len = sizeof(s);

		memcpy(p + 2 * page + at, &len, sizeof(len));
		memcpy(p + 2 * page + at + 8, &s, sizeof(s));
		at += 8 + sizeof(s);
	}
	*(unsigned long *)(p + page) = at;
	munmap(p, 2 * page + SIZE);
	return fd;
}

static void open_sink(const struct sink_ops *ops)
{
	struct sink_cfg cfg = { .ops = ops, .tty = -1 };
	char err[256];

	if (ops == &sink_text_ops && fields_parse(FIELDS_TRACE, FIELD_IN(EV_SEGMENT), cfg.fields, &cfg.nfields, err, sizeof(err)))
		die(err);
	sink__init(&sink, &cfg);
	if (sink__begin(&sink) < 0)
		die("sink");
}

static void open_writer(void)
{
	static const struct opts_file o = { .write = "/dev/null", .format = &writer_tcpl_ops };
	static const struct writer_info info = { .start_mono_ns = 1 };
	char err[256];

	if (writer__open(&writer, &o, &info, err, sizeof(err)))
		die(err);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	struct rings r;
	int fd = fill(argc > 2 ? atoi(argv[2]) : 10000);

	null = open("/dev/null", O_WRONLY);
	if (!strcmp(how, "text"))
		open_sink(&sink_text_ops);
	else if (!strcmp(how, "json"))
		open_sink(&sink_json_ops);
	else if (!strcmp(how, "tcpl"))
		open_writer();
	else if (strcmp(how, "read"))
		return fprintf(stderr, "usage: cost read|text|json|tcpl [RECORDS]\n"), 2;
	if (rings__open(&r, on_record, NULL) || rings__add(&r, fd, SIZE))
		die("rings__open");
	printf("records=%d\n", rings__drain(&r));
	return 0;
}
