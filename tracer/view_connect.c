// SPDX-License-Identifier: BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "fields.h"
#include "hooks.h"
#include "sums.h"
#include "view.h"

struct connect_opts {
	bool count;
	bool failed;
};

enum { KEY_SUM = 0x4100, KEY_FAILED };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Attempts:", 5 },
	{ "count", KEY_SUM, NULL, 0, "Count per process and destination, and print at the end", 0 },
	{ "failed", KEY_FAILED, NULL, 0, "Only what failed, or is still pending at the end", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct connect_opts *o = state->input;

	(void)arg;
	switch (key) {
	case KEY_SUM:
		o->count = true;
		return 0;
	case KEY_FAILED:
		o->failed = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp connect_argp = { .options = options, .parser = parse };

struct state {
	struct connect_opts o;
	const struct view_out *out;
	struct sums sums;
};

static int plan(const void *opts, struct view_plan *p, char *err, size_t errlen)
{
	const struct connect_opts *o = opts;

	(void)err;
	(void)errlen;
	if (o->count) {
		p->prints = FIELD_IN(EV_SUM) | FIELD_IN(EV_LOST);
		p->columns = FIELDS_CONNECT_SUM;
		p->wide = NULL;
	}
	return 0;
}

static int connect_open(void **state, const void *opts, const struct view_out *out)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->o = *(const struct connect_opts *)opts;
	s->out = out;
	*state = s;
	return 0;
}

/* Who goes where: the port of an outgoing one, our own of an incoming one. */
static int add(struct state *s, const struct ev_attempt *a)
{
	bool in = a->hdr.type == EV_ACCEPT;
	struct ev_sum key = {
		.who = { .pid = a->who.pid, .uid = a->who.uid, .how = a->who.how },
		.ends = { .ip = a->ends.ip },
		.of = a->hdr.type,
		.dir = in ? DIR_IN : DIR_OUT,
		.has = TROUBLE_HAS_DIR,
	};
	struct ev_sum *sum;

	memcpy(key.who.comm, a->who.comm, sizeof(key.who.comm));
	memcpy(key.ends.raddr, a->ends.raddr, sizeof(key.ends.raddr));
	if (in)
		key.ends.lport = a->ends.lport;
	else
		key.ends.rport = a->ends.rport;
	sum = sums_of(&s->sums, &key);
	if (!sum)
		return -ENOMEM;
	sum->count++;
	if (a->result != RESULT_OK && a->result != RESULT_PENDING)
		sum->failed++;
	if (a->result == RESULT_OK && a->has & ATT_HAS_LATENCY)
		sums_time(sum, a->latency_ns);
	return 0;
}

static int connect_event(void *state, const struct ev_hdr *ev)
{
	struct state *s = state;
	const struct ev_attempt *a = ev_attempt_of(ev);

	if (s->o.failed && a->result == RESULT_OK)
		return 0;
	return s->o.count ? add(s, a) : s->out->event(s->out->ctx, ev);
}

static int connect_finish(void *state, __u64 mono_ns)
{
	struct state *s = state;

	return sums_print(&s->sums, s->out, mono_ns);
}

static void connect_free(void *state)
{
	struct state *s = state;

	if (s)
		sums_free(&s->sums);
	free(s);
}

static const struct view_ops ops = {
	.open = connect_open,
	.event = connect_event,
	.finish = connect_finish,
	.free = connect_free,
};

const struct view view_connect = {
	.name = "connect",
	.doc = "One line per attempt to connect, out and in: whose it is, how it ended, and how long that took."
	       "\vThe time counts from connect(), incoming from the first SYN-ACK, to the result; incoming that "
	       "includes the wait in the accept queue (`queue_us`). Results: ok, refused, timeout, unreachable, "
	       "reset, blocked (by policy of this machine), no-port, aborted (closed by the process before an answer "
	       "came), error; incoming also unaccepted (the listener was closed) and overflow (its accept queue was "
	       "full). What has no result when tracing ends is told then, as pending: no answer yet, or not accepted "
	       "yet.\n\n"
	       "  tcplens connect --failed           what fails, and whose\n"
	       "  tcplens connect --dir in -P 443    who accepts, how long clients wait\n"
	       "  tcplens connect --count -d 60      who connects where",
	.events = FIELD_IN(EV_CONNECT) | FIELD_IN(EV_ACCEPT) | FIELD_IN(EV_LOST),
	.need = NEED_CONNECT,
	.columns = FIELDS_CONNECT,
	.wide = FIELDS_CONNECT_WIDE,
	.argp = &connect_argp,
	.opts_size = sizeof(struct connect_opts),
	.plan = plan,
	.ops = &ops,
};
