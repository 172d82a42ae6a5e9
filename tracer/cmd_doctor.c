// SPDX-License-Identifier: BSD-2-Clause
#include "cmd_doctor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <argp.h>

#include "attach.h"
#include "outbuf.h"
#include "privs.h"
#include "skel.h"

#define NEED_ALL \
	(NEED_SEGMENTS | NEED_STATES | NEED_TRACKS | NEED_CONNECT | NEED_LOSS | NEED_CHILDREN)
/* Packets take other programs for what is sent, and more of the same ones: they are tried apart. */
#define NEED_RECORD (NEED_ALL | NEED_PACKETS)
#define SNAP 256 /* payload is asked for, as that may be refused */

struct attempt {
	bool works;
	struct attach_report rep;
	char blind[BLIND_MAX];
};

/* What was found: for every backend whether it works, and its programs. */
struct diagnosis {
	struct utsname uts;
	struct attempt views[BACKEND_MAX];
	struct attempt packets[BACKEND_MAX];
	enum backend chosen; /* BACKEND_MAX: none */
};

/* Really attaches, and takes everything away again.  `told`: what it is asked for the blind spots of. */
static void try_need(struct attempt *a, enum backend b, unsigned int need, unsigned int told)
{
	const struct filter none = {};
	const struct attach_opts o = {
		.backend = b,
		.need = need,
		.filter = &none,
		.ring_size = (__u32)sysconf(_SC_PAGESIZE),
		.conns_max = 1024,
		.tree_pid = 1,
		.snap = SNAP,
	};
	struct tcplens_bpf *skel = NULL;
	char err[300];

	a->works = !attach__open(&o, &skel, &a->rep, err, sizeof(err));
	if (!a->works)
		return;
	attach_blind(&a->rep, told, a->blind, sizeof(a->blind));
	tcplens_bpf__destroy(skel);
}

static void try_backend(struct diagnosis *d, enum backend b)
{
	try_need(&d->views[b], b, NEED_ALL, NEED_ALL);
	if (!d->views[b].works)
		return;
	if (d->chosen == BACKEND_MAX)
		d->chosen = b;
	try_need(&d->packets[b], b, NEED_RECORD, NEED_PACKETS);
}

/* Is the hook there for packets alone? */
static bool is_for_packets(const struct prog_report *r)
{
	return !hook_used(r->hook, NEED_ALL);
}

static const char *status_text(const struct prog_report *r)
{
	switch (r->status) {
	case PROG_ATTACHED:
		return "attached";
	case PROG_MISSING:
		return "not in this kernel";
	case PROG_REFUSED:
		return strerror(-r->err);
	default:
		return "not needed";
	}
}

static void text_progs(const struct attach_report *rep, bool packets)
{
	const struct hook *last = NULL;

	for (size_t i = 0; i < rep->nprogs; i++) {
		const struct prog_report *r = &rep->progs[i];

		if (packets && !is_for_packets(r))
			continue;
		if (r->hook != last)
			printf("  %-12s %s\n", r->hook->name, r->hook->what);
		last = r->hook;
		printf("    %-10s %-28s %s\n", attach_kind_name(r->prog->kind), r->prog->target,
		       status_text(r));
	}
}

static void text_packets(const struct attempt *a, enum backend b)
{
	if (!a->works) {
		printf("  packets (record, --snap) do not work: %s\n", a->rep.why_not[b]);
		return;
	}
	text_progs(&a->rep, true);
	printf("  payload is read %s\n", a->rep.dynptr ? "wherever it lies" :
							   "only where it lies with the headers");
	printf("  of packets (record, --snap) not seen: %s\n",
	       *a->blind ? a->blind : "nothing known");
}

static void text_backend(const struct diagnosis *d, enum backend b)
{
	const struct attempt *a = &d->views[b];

	if (!a->works) {
		printf("\n%-11s no: %s\n", backend_name(b), a->rep.why_not[b]);
		return;
	}
	printf("\n%-11s works%s; fields are read by %s\n", backend_name(b),
	       b == d->chosen ? ", and is chosen" : "",
	       a->rep.direct ? "direct loads" : "bpf_probe_read_kernel");
	text_progs(&a->rep, false);
	printf("  not seen: %s\n", *a->blind ? a->blind : "nothing known");
	text_packets(&d->packets[b], b);
}

static void print_text(const struct diagnosis *d)
{
	printf("kernel      %s %s\n", d->uts.release, d->uts.machine);
	if (d->chosen == BACKEND_MAX)
		printf("tracing     does not work on this kernel\n");
	else
		printf("tracing     works, with the %s backend\n", backend_name(d->chosen));
	for (enum backend b = 0; b < BACKEND_MAX; b++)
		text_backend(d, b);
}

static void json_str(struct outbuf *b, const char *key, const char *value)
{
	outbuf_json_str(b, key, strlen(key));
	outbuf_chr(b, ':');
	outbuf_json_str(b, value, strlen(value));
}

static void json_bool(struct outbuf *b, const char *key, bool value)
{
	outbuf_json_str(b, key, strlen(key));
	outbuf_str(b, value ? ":true" : ":false");
}

static void json_prog(struct outbuf *b, const struct prog_report *r)
{
	outbuf_chr(b, '{');
	json_str(b, "hook", r->hook->name);
	outbuf_chr(b, ',');
	json_str(b, "program", r->prog->prog);
	outbuf_chr(b, ',');
	json_str(b, "kind", attach_kind_name(r->prog->kind));
	outbuf_chr(b, ',');
	json_str(b, "target", r->prog->target);
	outbuf_chr(b, ',');
	json_str(b, "status", status_text(r));
	outbuf_chr(b, '}');
}

/* Whether it works, and what comes of it, or why not. */
static void json_attempt(struct outbuf *b, const struct attempt *a, enum backend backend,
			 bool packets)
{
	const char *comma = "";

	json_bool(b, "works", a->works);
	outbuf_chr(b, ',');
	if (!a->works) {
		json_str(b, "why_not", a->rep.why_not[backend]);
		return;
	}
	json_bool(b, "direct", a->rep.direct);
	outbuf_chr(b, ',');
	if (packets) {
		json_bool(b, "payload_anywhere", a->rep.dynptr);
		outbuf_chr(b, ',');
	}
	json_str(b, "not_seen", a->blind);
	outbuf_str(b, ",\"programs\":[");
	for (size_t i = 0; i < a->rep.nprogs; i++) {
		if (packets && !is_for_packets(&a->rep.progs[i]))
			continue;
		outbuf_str(b, comma);
		json_prog(b, &a->rep.progs[i]);
		comma = ",";
	}
	outbuf_chr(b, ']');
}

static int print_json(const struct diagnosis *d)
{
	struct outbuf b = {};
	int err;

	outbuf_chr(&b, '{');
	json_str(&b, "kernel", d->uts.release);
	outbuf_chr(&b, ',');
	json_str(&b, "machine", d->uts.machine);
	if (d->chosen != BACKEND_MAX) {
		outbuf_chr(&b, ',');
		json_str(&b, "chosen", backend_name(d->chosen));
	}
	outbuf_str(&b, ",\"backends\":[");
	for (enum backend i = 0; i < BACKEND_MAX; i++) {
		outbuf_str(&b, i ? ",{" : "{");
		json_str(&b, "name", backend_name(i));
		outbuf_chr(&b, ',');
		json_attempt(&b, &d->views[i], i, false);
		if (d->views[i].works) {
			outbuf_str(&b, ",\"packets\":{");
			json_attempt(&b, &d->packets[i], i, true);
			outbuf_chr(&b, '}');
		}
		outbuf_chr(&b, '}');
	}
	outbuf_str(&b, "]}\n");
	err = outbuf_error(&b);
	if (!err)
		err = outbuf_flush(&b, STDOUT_FILENO);
	outbuf__free(&b);
	return err;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'j':
		*(bool *)state->input = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_failure(state, 2, 0, "unexpected '%s': doctor takes no arguments", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_doctor(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "json", 'j', NULL, 0, "One JSON object instead of text", 0 },
		{ 0 },
	};
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Tries every hook on this kernel, and tells which backend is chosen, why not another "
		       "one, and what it does not see.",
	};
	struct diagnosis d = { .chosen = BACKEND_MAX };
	char err[300];
	bool json = false;
	int ret = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &json);
	if (privs_check(err, sizeof(err))) {
		fprintf(stderr, "tcplens: %s\n", err);
		return 1;
	}
	uname(&d.uts);
	for (enum backend b = 0; b < BACKEND_MAX; b++)
		try_backend(&d, b);
	if (json)
		ret = print_json(&d);
	else
		print_text(&d);
	if (fflush(stdout) || ret) {
		fprintf(stderr, "tcplens: the output can't be written: %s\n", strerror(ret ? -ret : errno));
		return 1;
	}
	return d.chosen == BACKEND_MAX;
}
