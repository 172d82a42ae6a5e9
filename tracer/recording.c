// SPDX-License-Identifier: BSD-2-Clause
#include "recording.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decode.h"
#include "errmsg.h"

#define BUF_SIZE (256u << 10) /* holds the longest record, and fits a cache */
#define RECORD_LEN_MAX 65528 /* what a __u16 can say, in 8s */
#define RECORD_MAX 65536

/* `first`: what the first 8 bytes count as. */
static __u32 sum_from(__u64 first, const char *p, size_t n)
{
	__u64 a = n + first, b = a, w;

	for (size_t i = 8; i < n; i += 8) {
		memcpy(&w, p + i, 8);
		a += w;
		b += a;
	}
	return ((a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ULL) >> 40;
}

static __u64 first_word(const void *p)
{
	__u64 w;

	memcpy(&w, p, sizeof(w));
	return w;
}

__u32 rec_sum(const void *p, size_t n)
{
	return n ? sum_from(first_word(p), p, n) : sum_from(0, p, 0);
}

/*
 * As if the check itself were 0.  It is not written for that: to read 8 bytes of which
 * some were written just now, and on their own, is to wait for these.
 */
static __u32 record_sum(const void *record, size_t n)
{
	static const struct ev_hdr check = { .pad = { 0xff, 0xff, 0xff } };

	return sum_from(first_word(record) & ~first_word(&check), record, n);
}

static void put_check(struct ev_hdr *ev, __u32 sum)
{
	ev->pad[0] = sum;
	ev->pad[1] = sum >> 8;
	ev->pad[2] = sum >> 16;
}

static __u32 get_check(const struct ev_hdr *ev)
{
	return ev->pad[0] | ev->pad[1] << 8 | ev->pad[2] << 16;
}

void rec_seal(void *record, size_t n)
{
	put_check(record, record_sum(record, n));
}

/* Signals come by a descriptor: a read() that waits would not see them. */
static int wait_for(const struct rec_reader *r)
{
	struct pollfd pfd[] = {
		{ .fd = r->fd, .events = POLLIN },
		{ .fd = r->stop_fd, .events = POLLIN },
	};

	if (r->stop_fd < 0)
		return 0;
	if (poll(pfd, 2, -1) < 0 && errno != EINTR)
		return -errno;
	return pfd[1].revents ? -ECANCELED : 0;
}

/* Makes at least n bytes available, if the file has them: how many there are. */
static ssize_t fill(struct rec_reader *r, size_t n)
{
	if (r->end - r->at >= n || r->eof)
		return r->end - r->at;
	memmove(r->buf, r->buf + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = 0;
	while (r->end < n && !r->eof) {
		ssize_t got = wait_for(r);

		if (got < 0)
			return got;
		got = read(r->fd, r->buf + r->end, BUF_SIZE - r->end);

		if (got > 0)
			r->end += got;
		else if (!got)
			r->eof = true;
		else if (errno != EINTR)
			return -errno;
	}
	return r->end;
}

static void skip(struct rec_reader *r, size_t n)
{
	r->at += n;
	r->offset += n;
}

static int cannot_read(int ret, char *err, size_t errlen)
{
	return errmsg(err, errlen, ret, "the recording can't be read: %s", strerror(-ret));
}

static int damaged(const struct rec_reader *r, const char *what, char *err, size_t errlen)
{
	return errmsg(err, errlen, -EBADMSG,
		      "the recording is damaged at offset %" PRIu64 " (%s); everything before it was read",
		      (uint64_t)r->offset, what);
}

static int cut_off(const struct rec_reader *r, char *err, size_t errlen)
{
	return errmsg(err, errlen, -ENODATA,
		      "the recording has no end mark: it is cut off at offset %" PRIu64
		      ", or its recorder was killed; everything before it was read",
		      (uint64_t)r->offset + (r->end - r->at));
}

/* The parts that every version has. */
static int check_start(const struct rec_header *h, size_t n, char *err, size_t errlen)
{
	if (n >= 4 && !memcmp(h->magic, "\n\r\r\n", 4))
		return errmsg(err, errlen, -EINVAL,
			      "this is no recording but a pcapng file, which Wireshark and tcpdump read; -r reads what -w FILE.tcpl has written");
	if (n < sizeof(h->magic) || memcmp(h->magic, REC_MAGIC, sizeof(h->magic)))
		return errmsg(err, errlen, -EINVAL, n ? "this is no recording of tcplens (made with -w)" :
							"the recording is empty");
	if (n < sizeof(*h))
		return errmsg(err, errlen, -ENODATA, "the recording is cut off at offset %zu, in its header", n);
	if (h->order == __builtin_bswap32(REC_ORDER))
		return errmsg(err, errlen, -EINVAL,
			      "the recording comes from a machine of the other byte order: read it on one of that kind");
	if (h->order != REC_ORDER)
		return errmsg(err, errlen, -EBADMSG, "the recording is damaged at offset 8 (byte order)");
	if (h->version > REC_VERSION)
		return errmsg(err, errlen, -EPROTONOSUPPORT,
			      "the recording is of version %u, this tcplens reads up to %d: use a newer one",
			      h->version, REC_VERSION);
	if (h->start_mono_ns > REC_MONO_MAX || h->mono_to_real > REC_REAL_MAX || h->mono_to_real < -REC_REAL_MAX)
		return errmsg(err, errlen, -EBADMSG, "the recording is damaged at offset 24 (times)");
	if (!h->version || h->fixed < sizeof(*h) || h->len > REC_HEADER_MAX || h->len % 8 ||
	    h->fixed % 8 || h->fixed + h->ntypes * 2u > h->len)
		return errmsg(err, errlen, -EBADMSG, "the recording is damaged at offset 12 (header)");
	return 0;
}

static int read_header(struct rec_reader *r, char *err, size_t errlen)
{
	ssize_t n = fill(r, sizeof(r->hdr));
	struct rec_header h = {};
	int ret;

	if (n < 0)
		return cannot_read(n, err, errlen);
	memcpy(&h, r->buf + r->at, (size_t)n < sizeof(h) ? (size_t)n : sizeof(h));
	ret = check_start(&h, n, err, errlen);
	if (ret)
		return ret;
	n = fill(r, h.len);
	if (n < 0)
		return cannot_read(n, err, errlen);
	if ((size_t)n < h.len)
		return errmsg(err, errlen, -ENODATA, "the recording is cut off at offset %zd, in its header", n);
	r->head = malloc(h.len + 1);
	if (!r->head)
		return cannot_read(-ENOMEM, err, errlen);
	memcpy(r->head, r->buf + r->at, h.len);
	r->head[h.len] = '\0';
	memset(r->head + offsetof(struct rec_header, check), 0, sizeof(h.check));
	if (rec_sum(r->head, h.len) != h.check)
		return errmsg(err, errlen, -EBADMSG, "the recording is damaged: its header, up to offset %u, is not as it was written",
			      h.len);
	r->hdr = h;
	r->last_ns = h.start_mono_ns;
	skip(r, h.len);
	return 0;
}

bool rec_reader__buffered(const struct rec_reader *r)
{
	const struct ev_hdr *in = (const struct ev_hdr *)(r->buf + r->at);

	return r->end - r->at >= sizeof(*in) && r->end - r->at >= in->len;
}

int rec_reader__open(struct rec_reader *r, int fd, int stop_fd, char *err, size_t errlen)
{
	*r = (struct rec_reader){ .fd = fd, .stop_fd = stop_fd };
	r->buf = aligned_alloc(64, BUF_SIZE);
	r->wide = aligned_alloc(64, RECORD_MAX);
	r->slots = calloc(1, sizeof(*r->slots));
	if (!r->buf || !r->wide || !r->slots)
		return cannot_read(-ENOMEM, err, errlen);
	return read_header(r, err, errlen);
}

/* The size that records of a type had when the file was written; 0: not said. */
static size_t recorded_size(const struct rec_reader *r, unsigned int type)
{
	__u16 size;

	if (type >= r->hdr.ntypes)
		return 0;
	memcpy(&size, r->head + r->hdr.fixed + type * sizeof(size), sizeof(size));
	return size;
}

/*
 * A record of an older version as today's: the fields that came later, between
 * its own and the packet that may follow, are 0, which means unknown.
 */
static const struct ev_hdr *widen(struct rec_reader *r, const struct ev_hdr *in, size_t then, size_t gap)
{
	struct ev_hdr *out = r->wide;
	char *p = r->wide;

	if (in->len + gap > RECORD_LEN_MAX || then < sizeof(*in) || gap % 8)
		return NULL;
	memcpy(p, in, then);
	memset(p + then, 0, gap);
	memcpy(p + then + gap, (const char *)in + then, in->len - then);
	out->len = in->len + gap;
	if (out->type == EV_SEGMENT && ((struct ev_segment *)out)->raw)
		((struct ev_segment *)out)->raw += gap / 8;
	return out;
}

/* 1 and *ev; 0: of a type for a newer reader; or a negative errno. */
static int understand(struct rec_reader *r, const struct ev_hdr *in, const struct ev_hdr **ev)
{
	size_t today = ev_size(in->type), then = recorded_size(r, in->type), len = in->len;
	int err;

	if (len < then)
		return -EINVAL;
	if (today > then && then) {
		in = widen(r, in, then, today - then);
		len = in ? in->len : 0;
	}
	if (!in)
		return -EINVAL;
	err = decode(in, len, ev);
	return err == -ENOMSG ? 0 : err ? err : 1;
}

static int on_clock(struct rec_reader *r, const struct ev_hdr *in, const struct ev_hdr **ev, char *err,
		    size_t errlen)
{
	const struct rec_clock *c = (const struct rec_clock *)in;

	if (in->len < sizeof(*c))
		return damaged(r, "a clock record's length", err, errlen);
	if (c->mono_to_real > REC_REAL_MAX || c->mono_to_real < -REC_REAL_MAX)
		return damaged(r, "a clock record's time", err, errlen);
	*ev = in;
	return 1;
}

static int on_end(struct rec_reader *r, const struct ev_hdr *in, char *err, size_t errlen)
{
	const struct rec_end *e = (const struct rec_end *)in;
	ssize_t n;

	if (in->len < sizeof(*e))
		return damaged(r, "the end mark's length", err, errlen);
	if (e->records != REC_UNKNOWN && e->records != r->records)
		return damaged(r, "records are missing", err, errlen);
	r->ended_early = e->early;
	r->done = true;
	skip(r, in->len);
	n = fill(r, 1);
	if (n < 0)
		return cannot_read(n, err, errlen);
	return n ? damaged(r, "something follows the end mark", err, errlen) : 0;
}

/* A whole record at r->at that is as it was written: 1, or a negative errno. */
static int get_record(struct rec_reader *r, const struct ev_hdr **out, char *err, size_t errlen)
{
	ssize_t n = fill(r, sizeof(struct ev_hdr));
	const struct ev_hdr *in;
	struct ev_hdr clean;

	if (n < 0)
		return cannot_read(n, err, errlen);
	if ((size_t)n < sizeof(*in))
		return cut_off(r, err, errlen);
	memcpy(&clean, r->buf + r->at, sizeof(clean));
	if (clean.len < sizeof(*in) || clean.len % 8)
		return damaged(r, "a record's length", err, errlen);
	n = fill(r, clean.len);
	if (n < 0)
		return cannot_read(n, err, errlen);
	if ((size_t)n < clean.len)
		return cut_off(r, err, errlen);
	in = (const struct ev_hdr *)(r->buf + r->at);
	if (record_sum(in, in->len) != get_check(in))
		return damaged(r, "a record is not as it was written", err, errlen);
	put_check((struct ev_hdr *)in, 0);
	*out = in;
	return 1;
}

int rec_reader__next(struct rec_reader *r, const struct ev_hdr **ev, char *err, size_t errlen)
{
	const struct ev_hdr *in = NULL;
	size_t len;
	int ret;

	while (!r->done) {
		ret = get_record(r, &in, err, errlen);
		if (ret < 0)
			return ret;
		len = in->len;
		if (in->type == REC_CHANGE)
			in = rec_change_get(r->slots, (const struct rec_change *)in);
		if (!in)
			return damaged(r, "a change makes no sense", err, errlen);
		if (in->mono_ns > REC_MONO_MAX)
			return damaged(r, "a record's time", err, errlen);
		if (in->mono_ns > r->last_ns)
			r->last_ns = in->mono_ns;
		if (in->type == REC_END)
			return on_end(r, in, err, errlen);
		if (in->type == REC_CLOCK)
			ret = on_clock(r, in, ev, err, errlen);
		else if (in->type == REC_TICK)
			*ev = in, ret = 1;
		else
			ret = understand(r, in, ev);
		if (ret < 0)
			return ret == -EINVAL ? damaged(r, "a record makes no sense", err, errlen) : ret;
		r->records++;
		skip(r, len);
		if (ret)
			return 1;
		r->unknown++;
	}
	return 0;
}

const char *rec_reader__text(const struct rec_reader *r, const char *key, char *buf, size_t len)
{
	const char *p = r->head + ((r->hdr.fixed + r->hdr.ntypes * 2u + 7) & ~7u);
	size_t n = strlen(key);

	while (p < r->head + r->hdr.len && *p) {
		size_t line = strcspn(p, "\n");

		if (line > n && !strncmp(p, key, n) && p[n] == '=') {
			snprintf(buf, len, "%.*s", (int)(line - n - 1), p + n + 1);
			return buf;
		}
		p += line + (p[line] == '\n');
	}
	return NULL;
}

void rec_reader__free(struct rec_reader *r)
{
	free(r->buf);
	free(r->wide);
	free(r->slots);
	free(r->head);
	r->buf = r->head = r->wide = NULL;
	r->slots = NULL;
}
