// SPDX-License-Identifier: BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "fields.h"
#include "hooks.h"
#include "sums.h"
#include "trouble.h"
#include "view.h"

struct loss_opts {
	bool count;
};

enum { KEY_SUM = 0x4200 };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Losses:", 5 },
	{ "count", KEY_SUM, NULL, 0, "Count per connection and reason, and print at the end", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct loss_opts *o = state->input;

	(void)arg;
	if (key != KEY_SUM)
		return ARGP_ERR_UNKNOWN;
	o->count = true;
	return 0;
}

static const struct argp loss_argp = { .options = options, .parser = parse };

struct state {
	struct loss_opts o;
	const struct view_out *out;
	struct sums sums;
};

static int plan(const void *opts, struct view_plan *p, char *err, size_t errlen)
{
	const struct loss_opts *o = opts;

	(void)err;
	(void)errlen;
	if (o->count) {
		p->prints = FIELD_IN(EV_SUM) | FIELD_IN(EV_LOST);
		p->columns = FIELDS_LOSS_SUM;
		p->wide = NULL;
	}
	return 0;
}

static int loss_open(void **state, const void *opts, const struct view_out *out)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->o = *(const struct loss_opts *)opts;
	s->out = out;
	*state = s;
	return 0;
}

static int add(struct state *s, const struct ev_trouble *t)
{
	struct ev_sum key = {
		.who = t->who,
		.ends = t->ends,
		.of = t->hdr.type,
		.dir = t->dir,
		.has = TROUBLE_HAS_DIR,
	};
	struct ev_sum *sum;

	/* What may change while the connection goes on. */
	key.who.tid = 0;
	memset(key.who.pad, 0, sizeof(key.who.pad));
	snprintf(key.reason, sizeof(key.reason), "%s", trouble_reason(t));
	sum = sums_of(&s->sums, &key);
	if (!sum)
		return -ENOMEM;
	/* A retransmit may be several segments: on the wire, and in the kernel's counters. */
	sum->count += t->hdr.type == EV_RETRANSMIT && t->segs ? t->segs : 1;
	if (t->hdr.type == EV_STALL)
		sums_time(sum, t->span_ns);
	return 0;
}

static int loss_event(void *state, const struct ev_hdr *ev)
{
	const struct ev_trouble *t = ev_trouble_of(ev);
	struct state *s = state;

	/* Older recordings have the beginning of a stall, too, of which nothing is known yet. */
	if (ev->type == EV_STALL && !(t->has & TROUBLE_STALL_ENDED) && !t->span_ns)
		return 0;
	return s->o.count ? add(s, t) : s->out->event(s->out->ctx, ev);
}

static int loss_finish(void *state, __u64 mono_ns)
{
	struct state *s = state;

	return sums_print(&s->sums, s->out, mono_ns);
}

static void loss_free(void *state)
{
	struct state *s = state;

	if (s)
		sums_free(&s->sums);
	free(s);
}

static const struct view_ops ops = {
	.open = loss_open,
	.event = loss_event,
	.finish = loss_finish,
	.free = loss_free,
};

const struct view view_loss = {
	.name = "loss",
	.doc = "One line per retransmit, dropped TCP packet, reset, and closed window: whose it is, and why."
	       "\vRetransmits: fast, rto (the timer), tlp (tail loss probe), syn, syn-ack. Drops and resets have the "
	       "kernel's reason, where it gives one; `trouble` cuts it where the column ends, `reason` (--wide, --json) "
	       "has all of it. What is freed like a drop but has served (a FIN that TIME-WAIT takes, an ACK behind a "
	       "FIN), or was for another host, is not told. A window that was closed is told when it opens again, or at the end "
	       "of tracing, with how long that took (`stall_us`): peer-window (the peer does not read, we cannot "
	       "send), own-window (we do not read).\n\n"
	       "  tcplens loss -p 1234           what goes wrong for a process\n"
	       "  tcplens loss --wide -P 443     with sequence numbers, windows, places\n"
	       "  tcplens loss --count -d 60     how much of what, in a minute",
	.events = FIELD_IN(EV_RETRANSMIT) | FIELD_IN(EV_DROP) | FIELD_IN(EV_RESET) | FIELD_IN(EV_STALL) |
		  FIELD_IN(EV_LOST),
	.need = NEED_LOSS,
	.columns = FIELDS_LOSS,
	.wide = FIELDS_LOSS_WIDE,
	.argp = &loss_argp,
	.opts_size = sizeof(struct loss_opts),
	.plan = plan,
	.ops = &ops,
};
