// SPDX-License-Identifier: BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <stdlib.h>

#include "decode.h"
#include "errmsg.h"
#include "fields.h"
#include "hooks.h"
#include "outbuf.h"
#include "view.h"

/* How payload is shown below its segment's line. */
struct opts {
	bool text; /* -A */
	bool hex;  /* -x */
};

struct trace {
	const struct opts *o;
	const struct view_out *out;
	struct outbuf text;
};

#define HEX_LINE 16

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Payload (of which --snap N tells how much is taken):", 5 },
	{ "ascii", 'A', NULL, 0, "Payload as text, below its segment's line", 0 },
	{ "hex", 'x', NULL, 0, "Payload in hexadecimal and as text", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	(void)arg;
	switch (key) {
	case 'A':
		o->text = true;
		return 0;
	case 'x':
		o->hex = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { .options = options, .parser = parse };

static int plan(const void *opts, struct view_plan *p, char *err, size_t errlen)
{
	const struct opts *o = opts;

	if (o->text && o->hex)
		return errmsg(err, errlen, -EINVAL, "-A and -x exclude each other: -x shows text as well");
	if (o->text || o->hex) {
		p->payload = true;
		p->need |= NEED_PACKETS;
	}
	return 0;
}

static int trace_open(void **state, const void *opts, const struct view_out *out)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->o = opts;
	t->out = out;
	*state = t;
	return 0;
}

static char printable(__u8 c)
{
	return c >= ' ' && c < 0x7f ? c : '.';
}

/* As tcpdump -X: offset, pairs of bytes, text. */
static void put_hex(struct outbuf *b, const __u8 *p, size_t n)
{
	for (size_t at = 0; at < n; at += HEX_LINE) {
		size_t len = n - at < HEX_LINE ? n - at : HEX_LINE;

		outbuf_str(b, "\t0x");
		outbuf_hex(b, at, 4);
		outbuf_str(b, ": ");
		for (size_t i = 0; i < HEX_LINE; i++) {
			if (i % 2 == 0)
				outbuf_chr(b, ' ');
			if (i < len)
				outbuf_hex(b, p[at + i], 2);
			else
				outbuf_str(b, "  ");
		}
		outbuf_str(b, "  ");
		for (size_t i = 0; i < len; i++)
			outbuf_chr(b, printable(p[at + i]));
		outbuf_chr(b, '\n');
	}
}

static void put_text(struct outbuf *b, const __u8 *p, size_t n)
{
	outbuf_chr(b, '\t');
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')
			continue;
		if (p[i] == '\n' && i + 1 < n)
			outbuf_str(b, "\n\t");
		else if (p[i] != '\n')
			outbuf_chr(b, printable(p[i]));
	}
	outbuf_chr(b, '\n');
}

static int put_payload(struct trace *t, const struct ev_raw *r)
{
	const __u8 *p = r->data + r->payload_off;
	size_t n = r->cap_len - r->payload_off;

	outbuf_reset(&t->text);
	if (t->o->hex)
		put_hex(&t->text, p, n);
	else
		put_text(&t->text, p, n);
	if (outbuf_error(&t->text))
		return -ENOMEM;
	return t->out->text(t->out->ctx, t->text.p, t->text.len);
}

static int trace_event(void *state, const struct ev_hdr *ev)
{
	struct trace *t = state;
	int err = t->out->event(t->out->ctx, ev);
	const struct ev_raw *r;

	if (err || !(t->o->text || t->o->hex))
		return err;
	r = ev_raw_of(ev_segment_of(ev));
	return r && r->cap_len > r->payload_off ? put_payload(t, r) : 0;
}

static void trace_free(void *state)
{
	struct trace *t = state;

	if (t)
		outbuf__free(&t->text);
	free(t);
}

static const struct view_ops ops = {
	.open = trace_open,
	.event = trace_event,
	.free = trace_free,
};

const struct view view_trace = {
	.name = "trace",
	.doc = "One line per TCP segment that processes send and receive: whose it is, and what is in its header."
	       "\vSequence and acknowledgment numbers count from the connection's first ones (-S: absolute). "
	       "A value that is unknown is '-'. A line covers one skb, which may be several segments on the wire "
	       "(field `segs`).\n\n"
	       "  tcplens trace -p 1234                all segments of a process\n"
	       "  tcplens trace -P 443 --flags RST     resets on a port\n"
	       "  tcplens trace -p 1234 'tcp[13] & 2 != 0 and net 10.0.0.0/8'   as tcpdump filters\n"
	       "  tcplens trace -A --snap 200 -P 80    what is said\n"
	       "  tcplens trace -- curl http://host/   start a command, trace it and its children",
	.events = FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_LOST),
	.need = NEED_SEGMENTS,
	.columns = FIELDS_TRACE,
	.argp = &argp,
	.opts_size = sizeof(struct opts),
	.plan = plan,
	.ops = &ops,
};
