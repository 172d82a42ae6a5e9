// SPDX-License-Identifier: BSD-2-Clause
/* Files for Wireshark, with the process of each packet: docs/wireshark.md. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "fields.h"
#include "frame.h"
#include "hooks.h"
#include "names.h"
#include "pcapng.h"
#include "pcapng_hold.h"
#include "pcapng_ids.h"
#include "version.h"
#include "writer.h"

#define LINKTYPE_ETHERNET 1
/* libpcap refuses files whose interfaces differ in it; Wireshark takes no longer packets. */
#define SNAPLEN 262144
#define ISB_SIZE 160 /* at most */
#define IFS_COUNTED 256
#define HOLD_NS 20000000ULL

struct pcapng {
	struct writer *w;
	struct hold hold;
	/* Of the current file. */
	struct ids ifs;	  /* a: netns, b: ifindex */
	struct ids procs; /* a: pid */
	__u64 received[IFS_COUNTED];
	__u64 begin_ns, last_ns;
	__u64 lost;	    /* records that no packet could be made of */
	__u64 lost_before;  /* … since the last packet */
	__u8 frame[FRAME_MAX];
};

static __u64 real_ns(const struct writer *w, __u64 mono_ns)
{
	return mono_ns + (__u64)w->mono_to_real;
}

static int emit(void *ctx, const struct ev_segment *s, const struct outbuf *notes);

static int png_open(struct writer *w)
{
	struct pcapng *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->w = w;
	g->hold.emit = emit;
	g->hold.ctx = g;
	w->priv = g;
	return 0;
}

static void png_free(struct writer *w)
{
	struct pcapng *g = w->priv;

	if (!g)
		return;
	hold__free(&g->hold);
	ids__free(&g->ifs);
	ids__free(&g->procs);
	free(g);
}

static void comment(struct outbuf *b, const char *key, const char *value)
{
	char text[1024];

	if (value && *value) {
		snprintf(text, sizeof(text), "%s=%s", key, value);
		pcapng_opt_str(b, OPT_COMMENT, text);
	}
}

static void put_interface(struct writer *w, const struct id_key *key)
{
	struct outbuf *b = &w->out;
	struct pcapng_block k = pcapng_begin(b, PCAPNG_IDB);
	static const __u8 ns = 9;
	char text[64];

	pcapng_u16(b, LINKTYPE_ETHERNET);
	pcapng_u16(b, 0);
	pcapng_u32(b, SNAPLEN);
	if (*key->name)
		pcapng_opt(b, OPT_IF_NAME, key->name, strnlen(key->name, sizeof(key->name)));
	else if (snprintf(text, sizeof(text), "if%u", key->b) > 0)
		pcapng_opt_str(b, OPT_IF_NAME, text);
	snprintf(text, sizeof(text), "index %u in network namespace %u", key->b, key->a);
	if (key->a)
		pcapng_opt_str(b, OPT_IF_DESCRIPTION, text);
	pcapng_opt(b, OPT_IF_TSRESOL, &ns, sizeof(ns));
	pcapng_end(b, &k);
}

/*
 * libpcap refuses a file that describes no interface, and there may never be
 * a packet.  Each namespace has this one (net/core/dev.c: LOOPBACK_IFINDEX).
 */
static int put_loopback(struct writer *w)
{
	const struct id_key lo = { .a = w->info.netns, .b = 1, .name = "lo" };
	struct pcapng *g = w->priv;
	int fresh, n = ids_of(&g->ifs, &lo, &fresh);

	if (n < 0)
		return n;
	put_interface(w, &lo);
	return outbuf_error(&w->out);
}

static int png_begin(struct writer *w)
{
	static const __u16 version[] = { 1, 0 };
	struct pcapng *g = w->priv;
	struct outbuf *b = &w->out;
	struct pcapng_block k;

	ids_reset(&g->ifs);
	ids_reset(&g->procs);
	memset(g->received, 0, sizeof(g->received));
	g->lost = g->lost_before = g->begin_ns = g->last_ns = 0;
	k = pcapng_begin(b, PCAPNG_SHB);
	pcapng_u32(b, PCAPNG_BYTE_ORDER);
	outbuf_mem(b, version, sizeof(version));
	pcapng_u32(b, ~0U); /* the section's length is unknown */
	pcapng_u32(b, ~0U);
	pcapng_opt_str(b, OPT_SHB_HARDWARE, w->info.machine);
	pcapng_opt_str(b, OPT_SHB_OS, w->info.kernel);
	pcapng_opt_str(b, OPT_SHB_USERAPPL, "tcplens " TCPLENS_VERSION);
	comment(b, "host", w->info.host);
	comment(b, "backend", w->info.backend);
	comment(b, "blind", w->info.blind);
	comment(b, "command", w->info.command);
	pcapng_end(b, &k);
	return put_loopback(w);
}

/* The device's number in this file, described there; or a negative errno. */
static int interface_of(struct pcapng *g, const struct ev_segment *s, const struct ev_raw *r)
{
	struct id_key key = { .a = s->who.netns, .b = r->ifindex };
	int fresh, n;

	memcpy(key.name, r->ifname, sizeof(key.name));
	n = ids_of(&g->ifs, &key, &fresh);
	if (fresh)
		put_interface(g->w, &key);
	return n;
}

static int process_of(struct pcapng *g, const struct ev_who *who)
{
	struct outbuf *b = &g->w->out;
	struct id_key key = { .a = who->pid };
	struct pcapng_block k;
	int fresh, n;

	memcpy(key.name, who->comm, sizeof(key.name));
	n = ids_of(&g->procs, &key, &fresh);
	if (!fresh)
		return n;
	k = pcapng_begin(b, PCAPNG_DARWIN_PROCESS);
	pcapng_u32(b, who->pid);
	pcapng_opt(b, OPT_DPEB_NAME, who->comm, strnlen(who->comm, sizeof(who->comm)));
	pcapng_end(b, &k);
	return n;
}

static void comment_u64(struct outbuf *b, const char *key, __u64 v)
{
	char text[64];

	snprintf(text, sizeof(text), "%s=%llu", key, (unsigned long long)v);
	pcapng_opt_str(b, OPT_COMMENT, text);
}

/* What a process calls itself is escaped as on a terminal: comments are UTF-8. */
static void comment_comm(struct outbuf *b, const struct ev_who *who)
{
	struct outbuf text = {};

	outbuf_str(&text, "comm=");
	outbuf_esc_text(&text, who->comm, strnlen(who->comm, sizeof(who->comm)));
	if (!outbuf_error(&text))
		pcapng_opt(b, OPT_COMMENT, text.p, text.len);
	outbuf__free(&text);
}

/* One comment per key: an exact match of frame.comment finds it in every Wireshark. */
static void put_who(struct outbuf *b, const struct ev_segment *s)
{
	const struct ev_who *who = &s->who;

	if (who->pid) {
		comment_u64(b, "pid", who->pid);
		comment_u64(b, "tid", who->tid);
		comment_comm(b, who);
		comment_u64(b, "uid", who->uid);
	}
	comment(b, "owner", how_name(who->how));
	if (who->conn)
		comment_u64(b, "conn", who->conn);
	if (s->segs > 1)
		comment_u64(b, "segs", s->segs);
}

static void put_process(struct outbuf *b, const struct ev_who *who, int process)
{
	__u32 ids[2] = { who->pid, who->tid };

	if (!who->pid)
		return;
	pcapng_opt(b, OPT_EPB_PID_TID, ids, sizeof(ids));
	pcapng_opt_u32(b, OPT_EPB_DARWIN_PROCESS, process);
}

static void put_packet(struct pcapng *g, const struct ev_segment *s, int interface, int process,
		       const struct outbuf *notes)
{
	struct outbuf *b = &g->w->out;
	struct pcapng_block k = pcapng_begin(b, PCAPNG_EPB);
	struct frame f = frame_of(ev_raw_of(s), true, g->frame);

	pcapng_u32(b, interface);
	pcapng_time(b, real_ns(g->w, s->hdr.mono_ns));
	pcapng_u32(b, f.len);
	pcapng_u32(b, f.orig_len);
	outbuf_mem(b, f.p, f.len);
	pcapng_pad(b, &k);
	put_who(b, s);
	for (size_t i = 0; i < notes->len; i += strlen(notes->p + i) + 1)
		pcapng_opt_str(b, OPT_COMMENT, notes->p + i);
	pcapng_opt_u32(b, OPT_EPB_FLAGS, s->dir == DIR_IN ? EPB_INBOUND : EPB_OUTBOUND);
	if (g->lost_before)
		pcapng_opt_u64(b, OPT_EPB_DROPCOUNT, g->lost_before);
	put_process(b, &s->who, process);
	pcapng_end(b, &k);
}

static int emit(void *ctx, const struct ev_segment *s, const struct outbuf *notes)
{
	struct pcapng *g = ctx;
	int interface = interface_of(g, s, ev_raw_of(s)), process = -1;

	if (s->who.pid)
		process = process_of(g, &s->who);
	if (interface < 0 || (s->who.pid && process < 0))
		return -ENOMEM;
	put_packet(g, s, interface, process, notes);
	if (interface < IFS_COUNTED)
		g->received[interface]++;
	g->lost_before = 0;
	writer__appended(g->w, s->hdr.hook);
	return outbuf_error(&g->w->out);
}

static void keep_times(struct pcapng *g, __u64 mono_ns)
{
	if (!g->begin_ns)
		g->begin_ns = mono_ns;
	if (mono_ns > g->last_ns)
		g->last_ns = mono_ns;
}

static int png_event(struct writer *w, const struct ev_hdr *ev)
{
	struct pcapng *g = w->priv;

	keep_times(g, ev->mono_ns);
	if (ev->type == EV_LOST) {
		if (ev->hook == HOOK_SEG_IN || ev->hook == HOOK_SEG_OUT) {
			g->lost += ev_lost_of(ev)->count;
			g->lost_before += ev_lost_of(ev)->count;
		}
		return 0;
	}
	if (ev->type != EV_SEGMENT) {
		hold_event(&g->hold, ev);
		return 0;
	}
	return ev_raw_of(ev_segment_of(ev)) ? hold_packet(&g->hold, ev_segment_of(ev)) : 0;
}

/* What belongs to a packet follows it at once; but a drain may have ended in between. */
static int png_flush(struct writer *w, __u64 mono_ns, bool last)
{
	struct pcapng *g = w->priv;

	return hold_flush(&g->hold, last ? ~0ULL : mono_ns > HOLD_NS ? mono_ns - HOLD_NS : 0);
}

/* A packet's block takes about as much as its record. */
static size_t png_held(const struct writer *w)
{
	const struct pcapng *g = w->priv;

	return g->hold.bytes;
}

/* Nobody knows which device a lost record was of: the first one's account has all. */
static void put_statistics(struct pcapng *g, __u32 interface, __u64 mono_ns)
{
	struct outbuf *b = &g->w->out;
	struct pcapng_block k = pcapng_begin(b, PCAPNG_ISB);

	pcapng_u32(b, interface);
	pcapng_time(b, real_ns(g->w, mono_ns));
	if (!interface && g->ifs.n > 1 && g->lost)
		pcapng_opt_str(b, OPT_COMMENT, "drops are those of all interfaces");
	pcapng_opt_time(b, OPT_ISB_STARTTIME, real_ns(g->w, g->begin_ns));
	pcapng_opt_time(b, OPT_ISB_ENDTIME, real_ns(g->w, mono_ns));
	if (interface < IFS_COUNTED)
		pcapng_opt_u64(b, OPT_ISB_IFRECV, g->received[interface]);
	pcapng_opt_u64(b, OPT_ISB_IFDROP, interface ? 0 : g->lost);
	pcapng_end(b, &k);
}

static int png_end(struct writer *w, __u64 mono_ns)
{
	struct pcapng *g = w->priv;

	if (!g->begin_ns)
		g->begin_ns = mono_ns;
	for (__u32 i = 0; g->begin_ns && i < g->ifs.n && i < IFS_COUNTED; i++)
		put_statistics(g, i, mono_ns ? mono_ns : g->last_ns);
	return outbuf_error(&w->out);
}

static size_t png_end_size(const struct writer *w)
{
	const struct pcapng *g = w->priv;

	return (g->ifs.n < IFS_COUNTED ? g->ifs.n : IFS_COUNTED) * ISB_SIZE;
}

#define TROUBLE \
	(FIELD_IN(EV_RETRANSMIT) | FIELD_IN(EV_DROP) | FIELD_IN(EV_RESET) | FIELD_IN(EV_STALL))

const struct writer_ops writer_pcapng_ops = {
	.name = "pcapng",
	.suffix = ".pcapng",
	.need = NEED_PACKETS | NEED_SEGMENTS | NEED_STATES | NEED_LOSS,
	.events = FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_STATE) | TROUBLE | FIELD_IN(EV_LOST) | EVENTS_PACKETS,
	.counts = FIELD_IN(EV_SEGMENT),
	.open = png_open,
	.begin = png_begin,
	.event = png_event,
	.flush = png_flush,
	.held = png_held,
	.end = png_end,
	.whole = pcapng_whole,
	.end_size = png_end_size,
	.free = png_free,
};
