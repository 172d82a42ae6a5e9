// SPDX-License-Identifier: BSD-2-Clause
/*
 * Recordings: whatever the bytes are, every record handed out is one that a
 * view, a sink and both writers can take.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decode.h"
#include "expr_stage.h"
#include "fields.h"
#include "frame.h"
#include "recording.h"
#include "sink.h"

static void show(struct sink *text, struct sink *json, const struct ev_hdr *ev)
{
	static struct expr_stage stage = { .snap = 4 };
	static __u8 frame[FRAME_MAX];
	const struct ev_hdr *out;

	sink__event(text, ev);
	sink__event(json, ev);
	out = expr_stage(&stage, ev);
	if (out->type == EV_SEGMENT && ev_raw_of(ev_segment_of(out)))
		frame_of(ev_raw_of(ev_segment_of(out)), true, frame);
	outbuf_reset(&text->out);
	outbuf_reset(&json->out);
}

/* Most of what a mutation makes would fail at the checks: they are made right again. */
static void seal(char *p, size_t size)
{
	struct rec_header *h = (struct rec_header *)p;
	size_t at;

	if (size < sizeof(*h) || h->len % 8 || h->len < sizeof(*h) || h->len > size)
		return;
	h->check = 0;
	h->check = rec_sum(p, h->len);
	for (at = h->len; size - at >= sizeof(struct ev_hdr);) {
		struct ev_hdr *ev = (struct ev_hdr *)(p + at);

		if (ev->len % 8 || ev->len < sizeof(*ev) || ev->len > size - at)
			return;
		rec_seal(ev, ev->len);
		at += ev->len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct sink_cfg cfg = { .ops = &sink_text_ops, .tty = -1 };
	struct sink text, json;
	struct rec_reader r = {};
	const struct ev_hdr *ev;
	char err[512], *copy = aligned_alloc(8, (size + 8) & ~7UL);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (size && data[size - 1] % 4)
		seal(copy, size);
	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, copy, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
		abort();
	fields_parse(FIELDS_TRACE, ~0U, cfg.fields, &cfg.nfields, err, sizeof(err));
	sink__init(&text, &cfg);
	cfg.ops = &sink_json_ops;
	cfg.nfields = 0;
	sink__init(&json, &cfg);
	if (!rec_reader__open(&r, fd, -1, err, sizeof(err)))
		while (rec_reader__next(&r, &ev, err, sizeof(err)) > 0)
			if (ev->type < EV_TYPE_MAX)
				show(&text, &json, ev);
	free(copy);
	rec_reader__free(&r);
	sink__free(&text);
	sink__free(&json);
	return 0;
}
