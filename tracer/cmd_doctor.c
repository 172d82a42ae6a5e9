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

/* What was found: for every backend whether it works, and its programs. */
struct diagnosis {
	struct utsname uts;
	struct attach_report rep[BACKEND_MAX];
	bool works[BACKEND_MAX];
	enum backend chosen; /* BACKEND_MAX: none */
	char blind[BACKEND_MAX][BLIND_MAX];
};

/* Really attaches, and takes everything away again. */
static void try_backend(struct diagnosis *d, enum backend b)
{
	const struct filter none = {};
	const struct attach_opts o = {
		.backend = b,
		.need = NEED_ALL,
		.filter = &none,
		.ring_size = (__u32)sysconf(_SC_PAGESIZE),
		.conns_max = 1024,
		.tree_pid = 1,
	};
	struct tcplens_bpf *skel = NULL;
	char err[300];

	d->works[b] = !attach__open(&o, &skel, &d->rep[b], err, sizeof(err));
	if (!d->works[b])
		return;
	attach_blind(&d->rep[b], NEED_ALL, d->blind[b], sizeof(d->blind[b]));
	if (d->chosen == BACKEND_MAX)
		d->chosen = b;
	tcplens_bpf__destroy(skel);
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

static void text_backend(const struct diagnosis *d, enum backend b)
{
	const struct attach_report *rep = &d->rep[b];
	const struct hook *last = NULL;

	if (!d->works[b]) {
		printf("\n%-11s no: %s\n", backend_name(b), rep->why_not[b]);
		return;
	}
	printf("\n%-11s works%s; fields are read by %s\n", backend_name(b),
	       b == d->chosen ? ", and is chosen" : "",
	       rep->direct ? "direct loads" : "bpf_probe_read_kernel");
	for (size_t i = 0; i < rep->nprogs; i++) {
		const struct prog_report *r = &rep->progs[i];

		if (r->hook != last)
			printf("  %-12s %s\n", r->hook->name, r->hook->what);
		last = r->hook;
		printf("    %-10s %-28s %s\n", attach_kind_name(r->prog->kind), r->prog->target,
		       status_text(r));
	}
	printf("  not seen: %s\n", *d->blind[b] ? d->blind[b] : "nothing known");
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

static void json_progs(struct outbuf *b, const struct attach_report *rep)
{
	outbuf_str(b, ",\"programs\":[");
	for (size_t i = 0; i < rep->nprogs; i++) {
		const struct prog_report *r = &rep->progs[i];

		outbuf_str(b, i ? ",{" : "{");
		json_str(b, "hook", r->hook->name);
		outbuf_chr(b, ',');
		json_str(b, "kind", attach_kind_name(r->prog->kind));
		outbuf_chr(b, ',');
		json_str(b, "target", r->prog->target);
		outbuf_chr(b, ',');
		json_str(b, "status", status_text(r));
		outbuf_chr(b, '}');
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
		outbuf_str(&b, d->works[i] ? ",\"works\":true," : ",\"works\":false,");
		if (d->works[i]) {
			json_str(&b, "not_seen", d->blind[i]);
			json_progs(&b, &d->rep[i]);
		} else {
			json_str(&b, "why_not", d->rep[i].why_not[i]);
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
