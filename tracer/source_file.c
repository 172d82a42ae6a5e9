// SPDX-License-Identifier: BSD-2-Clause
#include "source_file.h"

#include <errno.h>

#include "decode.h"
#include "fields.h"
#include "filter.h"

/* Records handed over by one drain(), so that who asked can look at signals. */
#define BATCH 4096

static int file_fd(const struct source *src)
{
	(void)src;
	return -1;
}

static int hand_over(struct source_file *s, const struct ev_hdr *ev)
{
	struct source *src = &s->src;

	if (ev->type == REC_CLOCK) {
		if (s->on_clock)
			s->on_clock(src->ctx, ev->mono_ns, ((const struct rec_clock *)ev)->mono_to_real);
		return 0;
	}
	if (ev->type == REC_TICK) {
		if (s->on_tick)
			s->on_tick(src->ctx, ev->mono_ns);
		return 0;
	}
	if (ev->type == EV_LOST)
		src->lost[ev->hook] += ev_lost_of(ev)->count;
	else if (!(FIELD_IN(ev->type) & s->events) || !filter_match_event(s->filter, s->ranges, ev))
		return 0;
	return src->on_event(src->ctx, ev);
}

/* Goes on while it need not wait, so that what a pipe brings is shown at once. */
static int file_drain(struct source *src)
{
	struct source_file *s = (struct source_file *)src;
	const struct ev_hdr *ev;
	int n = 0, ret;

	do {
		ret = rec_reader__next(&s->r, &ev, s->err, sizeof(s->err));
		if (ret <= 0)
			return ret < 0 ? ret : n;
		n++;
		ret = hand_over(s, ev);
		if (ret < 0)
			return ret;
	} while (n < BATCH && rec_reader__buffered(&s->r));
	return n;
}

static const struct source_ops file_ops = {
	.fd = file_fd,
	.drain = file_drain,
};

int source_file__open(struct source_file *s, int fd, int stop_fd)
{
	*s = (struct source_file){ .src = { .ops = &file_ops } };
	return rec_reader__open(&s->r, fd, stop_fd, s->err, sizeof(s->err));
}

void source_file__free(struct source_file *s)
{
	rec_reader__free(&s->r);
}
