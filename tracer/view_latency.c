// SPDX-License-Identifier: BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "errmsg.h"
#include "fields.h"
#include "hooks.h"
#include "names.h"
#include "outbuf.h"
#include "view.h"
#include "waits.h"

#define SECOND 1000000000ULL
/* The kernel's table is walked each time, which takes a millisecond and more. */
#define INTERVAL_MIN (SECOND / 100)

struct opts {
	const char *by;
	const char *interval;
	const char *outliers;
	bool no_histogram;
	enum ev_group group;  /* by */
	__u64 interval_ns;    /* 0: once, at the end */
	__u64 tick_ns;	      /* of the session */
	__u64 outlier_ns;     /* 0: sums */
};

/* What is the same for all waits of a group; the rest of who and ends is zero. */
struct group {
	struct group *next; /* in its slot */
	struct ev_who who;
	struct ev_ends ends;
	size_t order; /* of appearance */
	__u32 owner_turn; /* of the record that `who` is from */
	struct waits part[PART_MAX];
};

#define SLOTS 4096

struct latency {
	const struct opts *o;
	const struct view_out *out;
	struct group *slot[SLOTS];
	size_t ngroups;
	__u64 print_ns; /* when the interval ends; 0: not begun */
	struct outbuf text;
};

/* Reduces the record's identity to the group's. */
static void identify(const struct latency *s, const struct ev_latency *l, struct ev_who *who,
		     struct ev_ends *ends)
{
	bool passive = l->has & LATENCY_PASSIVE;

	memset(who, 0, sizeof(*who));
	memset(ends, 0, sizeof(*ends));
	switch (s->o->group) {
	case GROUP_PROCESS:
		who->pid = l->who.pid;
		who->uid = l->who.uid;
		memcpy(who->comm, l->who.comm, sizeof(who->comm));
		break;
	case GROUP_REMOTE:
		ends->ip = l->ends.ip;
		memcpy(ends->raddr, l->ends.raddr, sizeof(ends->raddr));
		break;
	case GROUP_PORT:
		/* The service's: of connections older than the tracer, most likely the lower one. */
		if (!(l->has & LATENCY_HAS_DIR))
			passive = l->ends.lport < l->ends.rport;
		ends->lport = passive ? l->ends.lport : 0;
		ends->rport = passive ? 0 : l->ends.rport;
		break;
	default:
		*who = l->who;
		*ends = l->ends;
	}
}

/* One connection may change its owner, and stays the same. */
static bool same(const struct latency *s, const struct group *g, const struct ev_who *who,
		 const struct ev_ends *ends)
{
	if (s->o->group == GROUP_CONN && who->conn)
		return g->who.conn == who->conn;
	if (s->o->group == GROUP_PROCESS)
		return g->who.pid == who->pid;
	return !memcmp(&g->ends, ends, sizeof(*ends)) && g->who.netns == who->netns;
}

static size_t slot_of(const struct latency *s, const struct ev_who *who, const struct ev_ends *ends)
{
	const unsigned char *p = (const unsigned char *)ends;
	__u64 h = 0xcbf29ce484222325ULL;

	if (s->o->group == GROUP_CONN && who->conn)
		return (who->conn ^ who->conn >> 12) % SLOTS;
	if (s->o->group == GROUP_PROCESS)
		return who->pid % SLOTS;
	for (size_t i = 0; i < sizeof(*ends); i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h % SLOTS;
}

/*
 * The newest owner is right: a listener's connection was accepted, a process has
 * changed its name.  Records of one connection come in no order.
 */
static bool is_older(const struct latency *s, const struct group *g, const struct ev_latency *l)
{
	return s->o->group == GROUP_CONN && (__s32)(l->owner_turn - g->owner_turn) < 0;
}

static struct group *group_get(struct latency *s, const struct ev_latency *l)
{
	struct ev_ends ends;
	struct ev_who who;
	struct group **slot, *g;

	identify(s, l, &who, &ends);
	slot = &s->slot[slot_of(s, &who, &ends)];
	for (g = *slot; g && !same(s, g, &who, &ends); g = g->next)
		;
	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g)
			return NULL;
		g->next = *slot;
		g->order = s->ngroups++;
		*slot = g;
	}
	if (!is_older(s, g, l)) {
		g->who = who;
		g->ends = ends;
		g->owner_turn = l->owner_turn;
	}
	return g;
}

static int latency_event(void *state, const struct ev_hdr *ev)
{
	const struct ev_latency *l = ev_latency_of(ev);
	struct latency *s = state;
	struct group *g;

	if (s->o->outlier_ns) {
		if (!(l->has & LATENCY_SINGLE) || l->max_ns <= s->o->outlier_ns)
			return 0;
		return s->out->event(s->out->ctx, ev);
	}
	g = group_get(s, l);
	if (!g)
		return -ENOMEM;
	return waits_add(&g->part[l->part], l->count, l->sum_ns, l->min_ns, l->max_ns);
}

static void title(struct outbuf *b, const struct latency *s, const struct group *g)
{
	char text[80];

	switch (s->o->group) {
	case GROUP_REMOTE:
		outbuf_ip(b, g->ends.raddr, g->ends.ip);
		return;
	case GROUP_PORT:
		snprintf(text, sizeof(text), "%s port %u", g->ends.lport ? "local" : "remote",
			 g->ends.lport ? g->ends.lport : g->ends.rport);
		break;
	default:
		if (!g->who.pid) {
			outbuf_str(b, "unknown");
			break;
		}
		outbuf_esc_text(b, g->who.comm, strnlen(g->who.comm, sizeof(g->who.comm)));
		snprintf(text, sizeof(text), "(%u)", g->who.pid);
		outbuf_str(b, text);
		if (s->o->group != GROUP_CONN)
			return;
		outbuf_str(b, g->ends.ip == 6 ? " [" : " ");
		outbuf_ip(b, g->ends.raddr, g->ends.ip);
		snprintf(text, sizeof(text), "%s:%u", g->ends.ip == 6 ? "]" : "", g->ends.rport);
	}
	outbuf_str(b, text);
}

static int draw(struct latency *s, const struct group *g, enum ev_part part)
{
	struct outbuf *b = &s->text;
	int err;

	outbuf_str(b, "  ");
	outbuf_str(b, part_name(part));
	outbuf_str(b, " of ");
	title(b, s, g);
	outbuf_chr(b, '\n');
	waits_draw(b, &g->part[part]);
	err = outbuf_error(b);
	if (!err)
		err = s->out->text(s->out->ctx, b->p, b->len);
	outbuf_reset(b);
	return err;
}

static int print_part(struct latency *s, const struct group *g, enum ev_part part, __u64 now)
{
	const struct waits *w = &g->part[part];
	struct ev_pctl p = {
		.hdr = { .type = EV_PCTL, .len = sizeof(p), .hook = HOOK_LATENCY, .mono_ns = now },
		.who = g->who,
		.ends = g->ends,
		.count = w->count,
		.min_ns = w->min_ns,
		.mean_ns = w->count ? w->sum_ns / w->count : 0,
		.p50_ns = waits_percentile(w, 50),
		.p90_ns = waits_percentile(w, 90),
		.p99_ns = waits_percentile(w, 99),
		.max_ns = w->max_ns,
		.part = part,
		.group = s->o->group,
	};

	return w->count ? s->out->event(s->out->ctx, &p.hdr) : 0;
}

/* The lines of its parts, and below them the drawings. */
static int print_group(struct latency *s, const struct group *g, __u64 now)
{
	int err = 0;

	for (int i = 0; i < PART_MAX && !err; i++)
		err = print_part(s, g, i, now);
	for (int i = 0; i < PART_MAX && !err && !s->o->no_histogram; i++)
		if (g->part[i].count)
			err = draw(s, g, i);
	return err;
}

static void clear(struct latency *s)
{
	for (size_t i = 0; i < SLOTS; i++) {
		while (s->slot[i]) {
			struct group *g = s->slot[i];

			s->slot[i] = g->next;
			for (int p = 0; p < PART_MAX; p++)
				waits__free(&g->part[p]);
			free(g);
		}
	}
	s->ngroups = 0;
}

static int by_order(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;

	return x->order < y->order ? -1 : x->order > y->order;
}

static int print_all(struct latency *s, __u64 now)
{
	struct group **all = calloc(s->ngroups ? s->ngroups : 1, sizeof(*all));
	size_t n = 0;
	int err = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < SLOTS; i++)
		for (struct group *g = s->slot[i]; g; g = g->next)
			all[n++] = g;
	qsort(all, n, sizeof(*all), by_order);
	if (n && s->o->interval_ns)
		err = s->out->at(s->out->ctx, now);
	for (size_t i = 0; i < n && !err; i++)
		err = print_group(s, all[i], now);
	free(all);
	clear(s);
	return err;
}

static int latency_tick(void *state, __u64 now)
{
	struct latency *s = state;

	if (!s->o->interval_ns || s->o->outlier_ns)
		return 0;
	/* The first tick comes one tick after the start. */
	if (!s->print_ns)
		s->print_ns = now - s->o->tick_ns + s->o->interval_ns;
	if (now + s->o->tick_ns / 2 < s->print_ns)
		return 0;
	while (s->print_ns <= now + s->o->tick_ns / 2)
		s->print_ns += s->o->interval_ns;
	return print_all(s, now);
}

static int latency_finish(void *state, __u64 now)
{
	struct latency *s = state;

	return s->o->outlier_ns ? 0 : print_all(s, now);
}

static void latency_free(void *state)
{
	struct latency *s = state;

	if (!s)
		return;
	clear(s);
	outbuf__free(&s->text);
	free(s);
}

static int latency_open(void **state, const void *opts, const struct view_out *out)
{
	struct latency *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->o = opts;
	s->out = out;
	*state = s;
	return 0;
}

/* A number in `unit` ns, not negative; -EINVAL. */
static int parse_time(const char *arg, double unit, __u64 *ns)
{
	char *end;
	double v = strtod(arg, &end);

	if (end == arg || *end || !(v >= 0) || v * unit > 1e18)
		return -EINVAL;
	*ns = v * unit;
	return 0;
}

#define COLUMNS_CONN "comm,remote,part,count,p50_us,p99_us,max_us"
#define COLUMNS_TAIL ",part,count,p50_us,p90_us,p99_us,max_us"
#define WIDE_TAIL ",part,count,min_us,mean_us,p50_us,p90_us,p99_us,max_us"
#define WIDE_CONN "pid,comm,local,remote" WIDE_TAIL

/* 80 characters wide, and with --wide. */
static const struct {
	const char *usual, *wide;
} columns[] = {
	[GROUP_CONN] = { COLUMNS_CONN, WIDE_CONN },
	[GROUP_PROCESS] = { "pid,comm" COLUMNS_TAIL, "pid,comm" WIDE_TAIL },
	[GROUP_REMOTE] = { "raddr" COLUMNS_TAIL, "raddr" WIDE_TAIL },
	[GROUP_PORT] = { "lport,rport" COLUMNS_TAIL, "lport,rport" WIDE_TAIL },
};

static int check(struct opts *o, char *err, size_t len)
{
	int group = o->by ? group_parse(o->by) : GROUP_CONN;

	if (group < 0)
		return errmsg(err, len, -EINVAL, "--by can be conn, process, remote or port, not '%s'",
			      errmsg_quote(o->by, strlen(o->by)));
	o->group = group;
	if (o->interval && (parse_time(o->interval, SECOND, &o->interval_ns) || o->interval_ns < INTERVAL_MIN))
		return errmsg(err, len, -EINVAL, "-i is a number of seconds, 0.01 at least, not '%s'",
			      errmsg_quote(o->interval, strlen(o->interval)));
	if (!o->outliers)
		return 0;
	if (o->by || o->interval)
		return errmsg(err, len, -EINVAL,
			      "--outliers prints single waits: it goes with neither --by nor -i");
	if (parse_time(o->outliers, 1e6, &o->outlier_ns))
		return errmsg(err, len, -EINVAL, "--outliers is a number of milliseconds, not '%s'",
			      errmsg_quote(o->outliers, strlen(o->outliers)));
	if (!o->outlier_ns)
		o->outlier_ns = 1; /* all of them */
	return 0;
}

/* The kernel's sums are fetched each second, so that its table does not fill up. */
static int plan(const void *opts, struct view_plan *p, char *err, size_t len)
{
	struct opts *o = (struct opts *)opts;
	int ret = check(o, err, len);

	if (ret)
		return ret;
	p->outlier_ns = o->outlier_ns;
	if (o->outlier_ns) {
		p->prints = FIELD_IN(EV_LATENCY) | FIELD_IN(EV_LOST);
		p->columns = FIELDS_OUTLIERS;
		p->wide = FIELDS_OUTLIERS_WIDE;
		return 0;
	}
	p->columns = columns[o->group].usual;
	p->wide = columns[o->group].wide;
	o->tick_ns = p->tick_ns = o->interval_ns && o->interval_ns < SECOND ? o->interval_ns : SECOND;
	return 0;
}

enum { KEY_BY = 0x5000, KEY_OUTLIERS, KEY_NO_HISTOGRAM };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case KEY_BY:
		o->by = arg;
		return 0;
	case 'i':
		o->interval = arg;
		return 0;
	case KEY_OUTLIERS:
		o->outliers = arg;
		return 0;
	case KEY_NO_HISTOGRAM:
		o->no_histogram = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Waits:", 5 },
	{ "by", KEY_BY, "WHAT", 0, "Sum up by conn (the default), process, remote or port", 0 },
	{ "interval", 'i', "SECONDS", 0, "Print, and begin anew, this often (0.01 at least); else once, at the end", 0 },
	{ "outliers", KEY_OUTLIERS, "MS", 0,
	  "A line for each single wait of more than MS milliseconds, and nothing else", 0 },
	{ "no-histogram", KEY_NO_HISTOGRAM, NULL, 0, "The percentiles only", 0 },
	{ 0 },
};

static const struct argp argp = { .options = options, .parser = parse };

static const struct view_ops ops = {
	.open = latency_open,
	.event = latency_event,
	.tick = latency_tick,
	.finish = latency_finish,
	.free = latency_free,
};

const struct view view_latency = {
	.name = "latency",
	.doc = "Where does the time go? Percentiles and histograms of how long connections wait in each part."
	       "\vhandshake: connect(), or the SYN's arrival, to established; accept-queue: established to accept(); "
	       "send-queue: send() to the first transmission; network: transmission to acknowledgment; receive-queue: "
	       "arrival of the first unread byte to its reading; peer-think: our last byte sent to the first byte of the "
	       "answer; own-think: the last byte read to our answer. docs/latency.md tells more.\n\n"
	       "  tcplens latency --by process -i 5    each process, every five seconds\n"
	       "  tcplens latency -P 5432 --outliers 100",
	.events = FIELD_IN(EV_LATENCY),
	.prints = FIELD_IN(EV_PCTL) | FIELD_IN(EV_LOST),
	.need = NEED_LATENCY,
	.columns = COLUMNS_CONN,
	.wide = WIDE_CONN,
	.argp = &argp,
	.opts_size = sizeof(struct opts),
	.plan = plan,
	.ops = &ops,
};
