// SPDX-License-Identifier: BSD-2-Clause
#include "opts_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "errmsg.h"

enum { KEY_JSON = 0x3000, KEY_FIELDS, KEY_RESOLVE, KEY_COLOR, KEY_WIDE };

#define MAC_FIELDS "smac,dmac"
#define SOCKET_FIELDS "owner,state,srtt_us,min_rtt_us,cwnd,ssthresh,unacked,retrans"

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Output:", 20 },
	{ "json", KEY_JSON, NULL, 0, "One JSON object per line", 0 },
	{ "fields", KEY_FIELDS, "LIST", 0,
	  "These fields, in this order (+LIST: after the usual ones); `tcplens fields` lists them", 0 },
	{ "elapsed", 't', NULL, 0, "Time as seconds since the start", 0 },
	{ "utc", 'T', NULL, 0, "Time as RFC 3339: UTC, with date and nanoseconds", 0 },
	{ "absolute", 'S', NULL, 0, "Sequence numbers as on the wire, not from the connection's first",
	  0 },
	{ "ethernet", 'e', NULL, 0, "MAC addresses, too", 0 },
	{ "verbose", 'v', NULL, 0, "The socket's state, round-trip time, windows, retransmits, too", 0 },
	{ "numeric", 'n', NULL, 0, "Addresses and ports as numbers (the default)", 0 },
	{ "resolve", KEY_RESOLVE, NULL, 0,
	  "Names for addresses (asks name servers) and ports, where known in time", 0 },
	{ "color", KEY_COLOR, "WHEN", 0,
	  "auto (the default: on a terminal, unless NO_COLOR is set), always, never", 0 },
	{ "wide", KEY_WIDE, NULL, 0,
	  "All usual columns, where the terminal has no room for them (needless for trace and states)", 0 },
	{ "quiet", 'q', NULL, 0, "Nothing on standard error but failures and losses", 0 },
	{ 0 },
};

static int set_time(struct opts_output *o, enum time_format format, char *err, size_t errlen)
{
	if (o->time_set && o->time_format != format)
		return errmsg(err, errlen, -EINVAL, "-t and -T exclude each other");
	o->time_set = true;
	o->time_format = format;
	return 0;
}

static int set_color(struct opts_output *o, const char *arg, char *err, size_t errlen)
{
	static const char *const modes[] = {
		[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"
	};

	for (int i = COLOR_AUTO; i <= COLOR_NEVER; i++) {
		if (!strcmp(arg, modes[i])) {
			o->color = i;
			return 0;
		}
	}
	return errmsg(err, errlen, -EINVAL, "--color can be auto, always or never, not '%s'",
		      errmsg_quote(arg, strlen(arg)));
}

static int set_fields(struct opts_output *o, const char *arg, char *err, size_t errlen)
{
	if (o->list)
		return errmsg(err, errlen, -EINVAL, "--fields can be given once: put all names in one list");
	o->list = arg;
	return 0;
}

/* What JSON has no use for would be ignored in silence. */
static int check(const struct opts_output *o, char *err, size_t errlen)
{
	if (o->numeric && o->resolve)
		return errmsg(err, errlen, -EINVAL, "-n and --resolve exclude each other");
	if (o->json && o->resolve)
		return errmsg(err, errlen, -EINVAL,
			      "--resolve is for text only: addresses and ports in JSON are always numbers");
	if (o->json && o->time_set && o->time_format == TIME_SINCE)
		return errmsg(err, errlen, -EINVAL,
			      "-t is for text only: JSON always has `time` and `mono_ns`");
	return 0;
}

static int append(struct opts_output *o, const char *list, char *err, size_t errlen)
{
	int ret = fields_parse(list, o->events, o->fields, &o->nfields, err, errlen);
	char why[256];

	if (ret) {
		snprintf(why, sizeof(why), "%s", err);
		errmsg(err, errlen, ret, "--fields: %s", why);
	}
	return ret;
}

/* An option's columns, as far as this command's records have them. */
static int append_extra(struct opts_output *o, const char *option, const char *list, char *err,
			size_t errlen)
{
	bool known = false;

	for (const char *s = list; *s; s += strspn(s, ",")) {
		size_t len = strcspn(s, ",");
		const struct field *f = field_find(s, len);

		s += len;
		if (!f || !(f->events & o->events))
			continue;
		known = true;
		if (append(o, f->name, err, errlen))
			return -EINVAL;
	}
	if (!known)
		return errmsg(err, errlen, -EINVAL, "%s: these records have no such fields", option);
	return 0;
}

/* What a JSON object has if nothing is said. */
static void append_all(struct opts_output *o)
{
	for (size_t i = 0; i < nfields; i++)
		if (!field_is_short(&fields[i]) && (fields[i].events & o->events))
			o->fields[o->nfields++] = &fields[i];
}

/* What a line of these columns takes, as the text sink sets them. */
static unsigned int width_of(const struct opts_output *o, const char *list)
{
	const struct field *f[FIELDS_MAX];
	struct fctx ctx = { .time_format = o->time_format, .absolute = o->absolute };
	unsigned int width = 0;
	size_t n = 0;
	char err[256];

	if (fields_parse(list, o->events, f, &n, err, sizeof(err)))
		return 0;
	for (size_t i = 0; i < n; i++)
		width += field_width(f[i], &ctx) + 1;
	return width;
}

/* The usual columns: all of them if asked for, or if the terminal is wide enough. */
static const char *usual_columns(struct opts_output *o)
{
	struct winsize ws;

	if (!o->usual_wide || o->wide)
		return o->usual_wide ? o->usual_wide : o->usual;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col >= width_of(o, o->usual_wide))
		return o->usual_wide;
	o->short_time = true;
	return o->usual;
}

/* The columns: --fields or the usual ones, then those of -e and -v. No choice in JSON means all. */
static int choose(struct opts_output *o, char *err, size_t errlen)
{
	bool more = o->list && *o->list == '+';
	int ret = 0;

	o->nfields = 0;
	if (o->json && !o->list)
		return 0;
	if (o->json && more)
		append_all(o);
	else if (!o->list || more)
		ret = append(o, usual_columns(o), err, errlen);
	if (!ret && o->list)
		ret = append(o, o->list + more, err, errlen);
	if (!ret && o->macs)
		ret = append_extra(o, "-e", MAC_FIELDS, err, errlen);
	if (!ret && o->verbose)
		ret = append_extra(o, "-v", SOCKET_FIELDS, err, errlen);
	return ret;
}

/* 0, a negative errno with a sentence, or ARGP_ERR_UNKNOWN. */
static int set(struct opts_output *o, int key, const char *arg, char *err, size_t errlen)
{
	int ret;

	switch (key) {
	case KEY_JSON:
		o->json = true;
		return 0;
	case KEY_FIELDS:
		return set_fields(o, arg, err, errlen);
	case 't':
		return set_time(o, TIME_SINCE, err, errlen);
	case 'T':
		return set_time(o, TIME_RFC3339, err, errlen);
	case 'S':
		o->absolute = true;
		return 0;
	case 'e':
		o->macs = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'n':
		o->numeric = true;
		return 0;
	case KEY_RESOLVE:
		o->resolve = true;
		return 0;
	case KEY_COLOR:
		return set_color(o, arg, err, errlen);
	case KEY_WIDE:
		o->wide = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case ARGP_KEY_END:
		ret = check(o, err, errlen);
		return ret ? ret : choose(o, err, errlen);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char err[512];
	int ret;

	if (key == ARGP_KEY_INIT)
		return 0;
	ret = set(state->input, key, arg, err, sizeof(err));
	if (ret >= 0)
		return ret;
	argp_failure(state, 2, 0, "%s", err);
	return EINVAL;
}

const struct argp opts_output_argp = { .options = options, .parser = parse };

/* https://no-color.org; a dumb terminal would show the escapes. */
static bool want_color(const struct opts_output *o, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (o->json || o->color == COLOR_NEVER)
		return false;
	if (o->color == COLOR_ALWAYS)
		return true;
	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb");
}

void opts_output__sink_cfg(const struct opts_output *o, int fd, struct sink_cfg *cfg)
{
	*cfg = (struct sink_cfg){
		.ops = o->json ? &sink_json_ops : &sink_text_ops,
		.nfields = o->nfields,
		.color = want_color(o, fd),
		.tty = !o->json && isatty(fd) ? fd : -1,
		.fctx = {
			.time_format = o->time_format,
			.absolute = o->absolute || o->json,
			.short_time = o->short_time && !o->json,
		},
	};
	memcpy(cfg->fields, o->fields, o->nfields * sizeof(o->fields[0]));
}
