// SPDX-License-Identifier: BSD-2-Clause
/* pcapng files, read block by block as the draft (ietf-opsawg-pcapng) says they are. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "opts_file.h"
#include "packets.h"
#include "pcapng.h"
#include "writer.h"

#define PATH_OUT "x.pcapng"
#define BLOCKS_MAX 64
#define OPTS_MAX 24

struct opt {
	__u16 code, n;
	const __u8 *p;
};

struct block {
	__u32 type;
	const __u8 *p; /* of its body */
	__u32 n;
	struct opt opts[OPTS_MAX];
	size_t nopts;
};

struct file {
	char *bytes;
	struct block blocks[BLOCKS_MAX];
	size_t n;
};

static __u32 u32_at(const __u8 *p)
{
	__u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static __u64 u64_at(const __u8 *p)
{
	__u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Times come high half first. */
static __u64 time_at(const __u8 *p)
{
	return (__u64)u32_at(p) << 32 | u32_at(p + 4);
}

/* Up to the end of the block: each padded by zeros to 4 bytes, the last one opt_endofopt. */
static void read_options(struct block *b, __u32 at)
{
	for (;;) {
		struct opt o;

		assert_true(at + 4 <= b->n);
		memcpy(&o.code, b->p + at, 2);
		memcpy(&o.n, b->p + at + 2, 2);
		o.p = b->p + at + 4;
		at += 4 + ((o.n + 3) & ~3U);
		assert_true(at <= b->n);
		for (__u32 i = o.n; i % 4; i++)
			assert_int_equal(o.p[i], 0);
		if (o.code == OPT_END) {
			assert_int_equal(o.n, 0);
			assert_int_equal(at, b->n);
			return;
		}
		assert_true(b->nopts < OPTS_MAX);
		b->opts[b->nopts++] = o;
	}
}

static __u32 fixed_part(const struct block *b)
{
	switch (b->type) {
	case PCAPNG_SHB:
		return 16;
	case PCAPNG_IDB:
		return 8;
	case PCAPNG_ISB:
		return 12;
	case PCAPNG_DARWIN_PROCESS:
		return 4;
	case PCAPNG_EPB:
		return 20 + ((u32_at(b->p + 12) + 3) & ~3U);
	}
	fail_msg("block type %x", b->type);
	return 0;
}

static struct file read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	struct file f = { .bytes = malloc(1 << 20) };
	const __u8 *p = (const __u8 *)f.bytes;
	size_t n;

	assert_non_null(in);
	n = fread(f.bytes, 1, 1 << 20, in);
	fclose(in);
	unlink(path);
	for (size_t at = 0; at < n;) {
		struct block *b = &f.blocks[f.n++];
		__u32 len = u32_at(p + at + 4);

		assert_true(f.n <= BLOCKS_MAX && len % 4 == 0 && len >= 12 && at + len <= n);
		assert_int_equal(u32_at(p + at + len - 4), len);
		*b = (struct block){ .type = u32_at(p + at), .p = p + at + 8, .n = len - 12 };
		read_options(b, fixed_part(b));
		at += len;
	}
	return f;
}

/* The nth block of the type; NULL: there are fewer. */
static const struct block *nth(const struct file *f, __u32 type, size_t n)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->blocks[i].type == type && !n--)
			return &f->blocks[i];
	return NULL;
}

static size_t count(const struct file *f, __u32 type)
{
	size_t n = 0;

	while (nth(f, type, n))
		n++;
	return n;
}

static const struct opt *opt_of(const struct block *b, __u16 code)
{
	for (size_t i = 0; i < b->nopts; i++)
		if (b->opts[i].code == code)
			return &b->opts[i];
	return NULL;
}

static bool has_text(const struct block *b, __u16 code, const char *text)
{
	for (size_t i = 0; i < b->nopts; i++)
		if (b->opts[i].code == code && b->opts[i].n == strlen(text) &&
		    !memcmp(b->opts[i].p, text, b->opts[i].n))
			return true;
	return false;
}

static bool has_comment(const struct block *b, const char *text)
{
	return has_text(b, OPT_COMMENT, text);
}

/* A comment that begins so. */
static bool has_key(const struct block *b, const char *key)
{
	for (size_t i = 0; i < b->nopts; i++)
		if (b->opts[i].code == OPT_COMMENT && b->opts[i].n > strlen(key) &&
		    !memcmp(b->opts[i].p, key, strlen(key)))
			return true;
	return false;
}

/* ---- what is written */

static struct writer *open_writer(const struct opts_file *o)
{
	static const struct writer_info info = {
		.start_mono_ns = T_MONO,
		.mono_to_real = T_OFFSET,
		.host = "here",
		.kernel = "6.1.0",
		.machine = "x86_64",
		.backend = "fentry",
		.command = "tcplens record",
	};
	struct writer *w;
	char err[256] = "";

	if (writer__open(&w, o, &info, err, sizeof(err)))
		fail_msg("%s", err);
	return w;
}

static struct opts_file into(const char *path)
{
	return (struct opts_file){ .write = path, .format = &writer_pcapng_ops };
}

static void end(struct writer *w)
{
	assert_int_equal(writer__close(w, T_MONO + 1000000), 0);
	writer__free(w);
}

/* A segment with its packet, the next one of the same buffer. */
static struct ev_segment *with_packet(const struct ev_segment *s, const struct packet_desc *d, __u32 snap)
{
	static __u64 room[1024];
	const struct ev_raw *r = packet_cut(packet_make(d), snap);
	struct ev_segment *out = (struct ev_segment *)room;
	struct ev_raw *raw = (struct ev_raw *)(out + 1);

	*out = *s;
	memcpy(raw, r, sizeof(*r) + r->cap_len);
	raw->ifindex = 2;
	strcpy(raw->ifname, "eth0");
	out->raw = sizeof(*out) / 8;
	out->hdr.len = sizeof(*out) + ((sizeof(*r) + r->cap_len + 7) & ~7U);
	return out;
}

static void put(struct writer *w, struct ev_segment *s)
{
	assert_int_equal(writer__event(w, &s->hdr), 0);
}

static struct ev_trouble a_trouble(enum ev_type type)
{
	const struct ev_segment s = a_segment();

	return (struct ev_trouble){
		.hdr = { .type = type, .len = sizeof(struct ev_trouble), .hook = HOOK_LOSS, .mono_ns = T_MONO },
		.who = s.who,
		.ends = s.ends,
		.seq = s.seq,
		.has = TROUBLE_HAS_SEQ | TROUBLE_HAS_DIR,
		.flags = s.flags,
		.dir = s.dir,
	};
}

/* ---- tests */

static void test_one_packet(void **state)
{
	struct opts_file o = into(PATH_OUT);
	struct writer *w = open_writer(&o);
	struct ev_segment seg = a_segment();
	const struct packet_desc *d = &packets[3];
	struct file f;
	const struct block *b;

	(void)state;
	put(w, with_packet(&seg, d, 0));
	assert_int_equal(w->records, 1);
	end(w);
	f = read_file(PATH_OUT);
	assert_int_equal(f.n, 7);

	b = &f.blocks[0];
	assert_int_equal(b->type, PCAPNG_SHB);
	assert_int_equal(u32_at(b->p), 0x1A2B3C4D);
	assert_int_equal(u32_at(b->p + 4), 1); /* version 1.0 */
	assert_int_equal(u64_at(b->p + 8), ~0ULL);
	assert_true(has_text(b, OPT_SHB_HARDWARE, "x86_64") && has_text(b, OPT_SHB_OS, "6.1.0"));
	assert_true(has_comment(b, "host=here") && has_comment(b, "backend=fentry") &&
		    has_comment(b, "command=tcplens record"));
	assert_false(has_key(b, "blind="));

	b = nth(&f, PCAPNG_IDB, 0);
	assert_true(has_text(b, OPT_IF_NAME, "lo"));
	b = nth(&f, PCAPNG_IDB, 1);
	assert_int_equal(u32_at(b->p), 1); /* LINKTYPE_ETHERNET, reserved */
	assert_true(has_text(b, OPT_IF_NAME, "eth0"));
	assert_true(has_text(b, OPT_IF_DESCRIPTION, "index 2 in network namespace 4026531840"));
	assert_true(has_text(b, OPT_IF_TSRESOL, "\x09"));

	b = nth(&f, PCAPNG_DARWIN_PROCESS, 0);
	assert_int_equal(u32_at(b->p), 4211);
	assert_true(has_text(b, OPT_DPEB_NAME, "curl"));

	b = nth(&f, PCAPNG_EPB, 0);
	assert_int_equal(u32_at(b->p), 1); /* interface */
	assert_int_equal(time_at(b->p + 4), T_REAL);
	assert_int_equal(u32_at(b->p + 12), 14 + 20 + 32);
	assert_int_equal(u32_at(b->p + 16), 14 + 20 + 32 + strlen(d->payload));
	assert_memory_equal(b->p + 20, packet_make(d)->data, 14 + 20 + 32);
	for (size_t i = 0; i < 5; i++) {
		static const char *const says[] = { "pid=4211", "tid=4212", "comm=curl", "uid=1000", "conn=77" };

		assert_true(has_comment(b, says[i]));
	}
	assert_true(has_comment(b, "owner=connect"));
	assert_false(has_key(b, "segs="));
	assert_int_equal(u32_at(opt_of(b, OPT_EPB_FLAGS)->p), 2);
	assert_int_equal(u32_at(opt_of(b, OPT_EPB_PID_TID)->p), 4211);
	assert_int_equal(u32_at(opt_of(b, OPT_EPB_PID_TID)->p + 4), 4212);
	assert_int_equal(u32_at(opt_of(b, OPT_EPB_DARWIN_PROCESS)->p), 0);
	assert_null(opt_of(b, OPT_EPB_DROPCOUNT));

	b = nth(&f, PCAPNG_ISB, 1);
	assert_int_equal(time_at(opt_of(b, OPT_ISB_STARTTIME)->p), T_REAL);
	assert_int_equal(time_at(opt_of(b, OPT_ISB_ENDTIME)->p), T_REAL + 1000000);
	assert_int_equal(u64_at(opt_of(b, OPT_ISB_IFRECV)->p), 1);
	assert_int_equal(u64_at(opt_of(b, OPT_ISB_IFDROP)->p), 0);
	b = nth(&f, PCAPNG_ISB, 0);
	assert_int_equal(u64_at(opt_of(b, OPT_ISB_IFRECV)->p), 0);
	free(f.bytes);
}

/* Options and packets of all lengths modulo 4. */
static void test_padding(void **state)
{
	(void)state;
	for (__u32 n = 0; n < 8; n++) {
		struct opts_file o = into(PATH_OUT);
		struct writer *w = open_writer(&o);
		struct ev_segment seg = a_segment();
		struct file f;

		memset(seg.who.comm, 0, sizeof(seg.who.comm));
		memset(seg.who.comm, 'c', n);
		put(w, with_packet(&seg, &packets[5], n));
		end(w);
		f = read_file(PATH_OUT);
		assert_int_equal(u32_at(nth(&f, PCAPNG_EPB, 0)->p + 12), 66 + n);
		assert_int_equal(opt_of(nth(&f, PCAPNG_DARWIN_PROCESS, 0), OPT_DPEB_NAME)->n, n);
		free(f.bytes);
	}
}

/* One block for each device, where it appears first; one for each process. */
static void test_interfaces(void **state)
{
	static const struct {
		__u32 netns, ifindex, pid;
		__u32 interface, process; /* that it must become */
	} rows[] = {
		{ 1, 2, 10, 1, 0 }, { 1, 2, 11, 1, 1 }, { 1, 3, 10, 2, 0 },
		{ 2, 2, 0, 3, 0 },  { 1, 2, 10, 1, 0 }, { 2, 2, 12, 3, 2 },
	};
	struct opts_file o = into(PATH_OUT);
	struct writer *w = open_writer(&o);
	struct file f;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ev_segment seg = a_segment(), *s;

		seg.who.netns = rows[i].netns;
		seg.who.pid = rows[i].pid;
		if (!rows[i].pid)
			seg.who.how = HOW_UNKNOWN;
		s = with_packet(&seg, &packets[0], 0);
		((struct ev_raw *)(s + 1))->ifindex = rows[i].ifindex;
		put(w, s);
	}
	end(w);
	f = read_file(PATH_OUT);
	assert_int_equal(count(&f, PCAPNG_IDB), 4); /* and lo */
	assert_int_equal(count(&f, PCAPNG_DARWIN_PROCESS), 3);
	assert_int_equal(count(&f, PCAPNG_ISB), 4);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct block *b = nth(&f, PCAPNG_EPB, i);

		assert_int_equal(u32_at(b->p), rows[i].interface);
		if (rows[i].pid) {
			assert_int_equal(u32_at(opt_of(b, OPT_EPB_DARWIN_PROCESS)->p), rows[i].process);
			continue;
		}
		/* An owner that is not known is absent, not 0. */
		assert_null(opt_of(b, OPT_EPB_DARWIN_PROCESS));
		assert_null(opt_of(b, OPT_EPB_PID_TID));
		assert_false(has_key(b, "pid=") || has_key(b, "comm=") || has_key(b, "uid="));
		assert_true(has_comment(b, "owner=unknown"));
	}
	free(f.bytes);
}

/* Each file of a series describes what it refers to. */
static void test_rotated(void **state)
{
	struct opts_file o = into(PATH_OUT);
	struct writer *w;

	(void)state;
	o.size = 1000;
	w = open_writer(&o);
	for (int i = 0; i < 12; i++) {
		struct ev_segment seg = a_segment();

		seg.who.pid = 100 + i % 2;
		put(w, with_packet(&seg, &packets[0], 0));
	}
	end(w);
	for (int i = 0, packets_seen = 0; packets_seen < 12; i++) {
		char path[64];
		struct file f;

		snprintf(path, sizeof(path), i ? PATH_OUT "%d" : PATH_OUT, i);
		f = read_file(path);
		assert_int_equal(f.blocks[0].type, PCAPNG_SHB);
		assert_int_equal(count(&f, PCAPNG_IDB), 2);
		assert_int_equal(f.blocks[f.n - 1].type, PCAPNG_ISB);
		assert_true(count(&f, PCAPNG_EPB));
		for (size_t k = 0; k < count(&f, PCAPNG_EPB); k++, packets_seen++) {
			const struct block *b = nth(&f, PCAPNG_EPB, k);
			__u32 index = u32_at(opt_of(b, OPT_EPB_DARWIN_PROCESS)->p);
			const struct block *proc = nth(&f, PCAPNG_DARWIN_PROCESS, index);

			assert_non_null(proc);
			assert_true(proc < b);
			assert_int_equal(u32_at(proc->p), 100 + packets_seen % 2);
		}
		free(f.bytes);
	}
}

/* Lost records count as the interface's drops, and on the packet behind them. */
static void test_drops(void **state)
{
	struct opts_file o = into(PATH_OUT);
	struct writer *w = open_writer(&o);
	struct ev_segment seg = a_segment();
	struct ev_lost lost = a_loss();
	struct file f;

	(void)state;
	put(w, with_packet(&seg, &packets[0], 0));
	assert_int_equal(writer__flush(w, T_MONO + 1000000000), 0);
	assert_int_equal(writer__event(w, &lost.hdr), 0);
	lost.hdr.hook = HOOK_STATE; /* no packet */
	assert_int_equal(writer__event(w, &lost.hdr), 0);
	put(w, with_packet(&seg, &packets[0], 0));
	put(w, with_packet(&seg, &packets[0], 0));
	end(w);
	f = read_file(PATH_OUT);
	assert_null(opt_of(nth(&f, PCAPNG_EPB, 0), OPT_EPB_DROPCOUNT));
	assert_int_equal(u64_at(opt_of(nth(&f, PCAPNG_EPB, 1), OPT_EPB_DROPCOUNT)->p), 12345);
	assert_null(opt_of(nth(&f, PCAPNG_EPB, 2), OPT_EPB_DROPCOUNT));
	assert_int_equal(u64_at(opt_of(nth(&f, PCAPNG_ISB, 0), OPT_ISB_IFDROP)->p), 12345);
	assert_int_equal(u64_at(opt_of(nth(&f, PCAPNG_ISB, 0), OPT_ISB_IFRECV)->p), 0);
	assert_int_equal(u64_at(opt_of(nth(&f, PCAPNG_ISB, 1), OPT_ISB_IFRECV)->p), 3);
	free(f.bytes);
}

/* What other records tell stands on the packet that it is about, and on no other. */
static void test_comments(void **state)
{
	struct opts_file o = into(PATH_OUT);
	struct writer *w = open_writer(&o);
	struct ev_segment seg = a_segment();
	struct ev_trouble t = a_trouble(EV_RETRANSMIT);
	struct ev_state st = a_state();
	struct file f;

	(void)state;
	st.old = 7, st.new = 2; /* CLOSED, SYN-SENT: told before the SYN */
	assert_int_equal(writer__event(w, &st.hdr), 0);
	seg.flags |= TF_SYN;
	put(w, with_packet(&seg, &packets[3], 0)); /* 0 */
	seg.flags &= ~TF_SYN;
	put(w, with_packet(&seg, &packets[3], 0)); /* 1: again */
	t.kind = KIND_RTO;
	assert_int_equal(writer__event(w, &t.hdr), 0);
	t.who.conn = 78; /* another's */
	assert_int_equal(writer__event(w, &t.hdr), 0);
	t.who.conn = 77, t.err = ENOBUFS; /* none was sent */
	assert_int_equal(writer__event(w, &t.hdr), 0);
	seg.dir = DIR_IN, seg.seq = 9, seg.win = 0;
	put(w, with_packet(&seg, &packets[3], 0)); /* 2 */
	t = a_trouble(EV_DROP);
	t.dir = DIR_IN, t.seq = 9;
	strcpy(t.reason_name, "TCP_OLD_DATA");
	assert_int_equal(writer__event(w, &t.hdr), 0);
	t.seq = 10; /* never seen */
	assert_int_equal(writer__event(w, &t.hdr), 0);
	t = a_trouble(EV_STALL);
	t.has = TROUBLE_HAS_DIR;
	assert_int_equal(writer__event(w, &t.hdr), 0);
	t = a_trouble(EV_RESET); /* told before it is sent, by a socket that is not known */
	t.has = 0, t.flags = 0, t.who.conn = 0;
	strcpy(t.reason_name, "NO_SOCKET");
	assert_int_equal(writer__event(w, &t.hdr), 0);
	seg.dir = DIR_OUT, seg.seq = 10;
	put(w, with_packet(&seg, &packets[3], 0)); /* 3: no reset */
	seg.flags = TF_RST;
	put(w, with_packet(&seg, &packets[3], 0)); /* 4 */
	put(w, with_packet(&seg, &packets[3], 0)); /* 5 */
	assert_int_equal(w->records, 6);
	end(w);
	f = read_file(PATH_OUT);
	for (size_t i = 0; i < 6; i++) {
		const struct block *b = nth(&f, PCAPNG_EPB, i);

		assert_int_equal(has_comment(b, "state=CLOSED->SYN-SENT"), i == 0);
		assert_int_equal(has_comment(b, "retransmit=rto"), i == 1);
		assert_int_equal(has_key(b, "retransmit="), i == 1);
		assert_int_equal(has_comment(b, "drop=TCP_OLD_DATA"), i == 2);
		assert_int_equal(has_comment(b, "stall=peer-window"), i == 2);
		assert_int_equal(has_comment(b, "reset=NO_SOCKET"), i == 4);
	}
	free(f.bytes);
}

static void put_state(struct writer *w, __u8 old, __u8 new)
{
	struct ev_state st = a_state();

	st.old = old, st.new = new;
	assert_int_equal(writer__event(w, &st.hdr), 0);
}

/* Where a filter left out the packet that made a change, or was sent for it, no other is said to be it. */
static void test_states_of_filtered(void **state)
{
	struct opts_file o = into(PATH_OUT);
	struct writer *w = open_writer(&o);
	struct ev_segment seg = a_segment();
	struct file f;

	(void)state;
	seg.flags = TF_SYN | TF_ACK, seg.dir = DIR_IN;
	put(w, with_packet(&seg, &packets[3], 0)); /* 0 */
	put_state(w, 2, 1);			   /* SYN-SENT -> ESTABLISHED: this one */
	put_state(w, 1, 4);			   /* FIN-WAIT-1: for a FIN to come */
	put_state(w, 4, 5);			   /* FIN-WAIT-2, by an ACK that was left out */
	put_state(w, 5, 7);			   /* CLOSED, by a FIN that was */
	seg.flags = TF_ACK, seg.dir = DIR_OUT;
	put(w, with_packet(&seg, &packets[3], 0)); /* 1 */
	seg.flags = TF_FIN | TF_ACK;
	put(w, with_packet(&seg, &packets[3], 0)); /* 2 */
	end(w);
	f = read_file(PATH_OUT);
	for (size_t i = 0; i < 3; i++) {
		const struct block *b = nth(&f, PCAPNG_EPB, i);

		assert_int_equal(has_comment(b, "state=SYN-SENT->ESTABLISHED"), i == 0);
		assert_int_equal(has_comment(b, "state=ESTABLISHED->FIN-WAIT-1"), i == 2);
		assert_int_equal(has_comment(b, "state=FIN-WAIT-1->FIN-WAIT-2"), 0);
		assert_int_equal(has_comment(b, "state=FIN-WAIT-2->CLOSED"), 0);
	}
	free(f.bytes);
}

/* A process may call itself anything: comments stay UTF-8, and one line. */
static void test_names(void **state)
{
	struct opts_file o = into(PATH_OUT);
	struct writer *w = open_writer(&o);
	struct ev_segment seg = a_segment();
	struct file f;

	(void)state;
	memcpy(seg.who.comm, "a\n\x1b\xff\xc3\xa9 b", sizeof("a\n\x1b\xff\xc3\xa9 b"));
	put(w, with_packet(&seg, &packets[0], 0));
	end(w);
	f = read_file(PATH_OUT);
	for (size_t i = 0; i < nth(&f, PCAPNG_EPB, 0)->nopts; i++) {
		const struct opt *opt = &nth(&f, PCAPNG_EPB, 0)->opts[i];

		if (opt->code != OPT_COMMENT)
			continue;
		for (size_t k = 0; k < opt->n; k++)
			assert_true(opt->p[k] >= ' ' && opt->p[k] != 0xff);
	}
	assert_true(has_key(nth(&f, PCAPNG_EPB, 0), "comm=a"));
	free(f.bytes);
}

/* A section and an interface, and no packet: what libpcap takes. */
static void is_empty(const char *path)
{
	struct file f = read_file(path);

	assert_int_equal(count(&f, PCAPNG_SHB), 1);
	assert_int_equal(count(&f, PCAPNG_IDB), 1);
	assert_true(has_text(nth(&f, PCAPNG_IDB, 0), OPT_IF_NAME, "lo"));
	assert_int_equal(count(&f, PCAPNG_EPB), 0);
	free(f.bytes);
}

/* Whenever a kill comes: also before the first packet, and just after the next file was begun. */
static void test_empty(void **state)
{
	struct opts_file o = into(PATH_OUT);
	struct ev_segment seg = a_segment();
	struct writer *w = open_writer(&o);

	(void)state;
	is_empty(PATH_OUT);
	end(w);
	end(open_writer(&o));
	is_empty(PATH_OUT);
	o.size = 1;
	w = open_writer(&o);
	put(w, with_packet(&seg, &packets[0], 0));
	is_empty(PATH_OUT "1");
	end(w);
	unlink(PATH_OUT);
}

/* A limit on the file's size stands for the disk's. */
static void disk_full(rlim_t limit)
{
	struct rlimit rl = { limit, limit };
	struct opts_file o = into(PATH_OUT);
	struct ev_segment seg = a_segment();
	struct writer *w = open_writer(&o);
	int err = 0;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &rl))
		_exit(2);
	for (int i = 1; i < 100 && !err; i++) {
		err = writer__event(w, &with_packet(&seg, &packets[3], 10)->hdr);
		if (!err)
			err = writer__flush(w, T_MONO + 1000000000);
	}
	writer__close(w, T_MONO);
	writer__free(w);
	_exit(err == -EFBIG ? 0 : 1);
}

static void test_disk_full(void **state)
{
	(void)state;
	for (rlim_t limit = 1000; limit < 4000; limit += 97) {
		struct file f;
		int status;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (!pid)
			disk_full(limit);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		f = read_file(PATH_OUT);
		assert_int_equal(f.blocks[0].type, PCAPNG_SHB);
		free(f.bytes);
	}
}

static int make_dir(void **state)
{
	static char dir[] = "/tmp/tcplens-unit-XXXXXX";

	*state = mkdtemp(dir);
	return *state && !chdir(*state) ? 0 : -1;
}

static int drop_dir(void **state)
{
	return chdir("/") || rmdir(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_packet), cmocka_unit_test(test_padding),
		cmocka_unit_test(test_interfaces), cmocka_unit_test(test_rotated),
		cmocka_unit_test(test_drops),	   cmocka_unit_test(test_comments),
		cmocka_unit_test(test_states_of_filtered),
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_empty),
		cmocka_unit_test(test_disk_full),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
