// SPDX-License-Identifier: BSD-2-Clause
#include "cmd_fields.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "fields.h"
#include "names.h"

enum { KEY_JSON = 0x4000 };

static const struct argp_option options[] = {
	{ "json", KEY_JSON, NULL, 0, "One JSON object per line", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	switch (key) {
	case KEY_JSON:
		*json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_failure(state, 2, 0, "unexpected '%s': this command has options only", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What a script has to expect as a JSON value. */
static const char *type_name(enum fkind kind)
{
	switch (kind) {
	case FK_UINT:
	case FK_PORT:
	case FK_SIZE:
	case FK_USEC:
		return "integer";
	case FK_BIGID:
		return "integer or string";
	case FK_BOOL:
		return "boolean";
	case FK_TENTHS:
		return "number";
	case FK_FLAGS:
		return "array";
	case FK_SHARES:
		return "object";
	default:
		return "string";
	}
}

/* "segment,state", each name between `quote`s. */
static void put_events(struct outbuf *b, __u32 events, const char *quote)
{
	const char *sep = "";

	for (unsigned int type = EV_NONE + 1; type < EV_TYPE_MAX; type++) {
		if (!(events & FIELD_IN(type)))
			continue;
		/* Single waits and many of them have one name. */
		if (type == EV_PCTL && (events & FIELD_IN(EV_LATENCY)))
			continue;
		outbuf_str(b, sep);
		outbuf_str(b, quote);
		outbuf_str(b, event_name(type));
		outbuf_str(b, quote);
		sep = ",";
	}
}

static void put_string(struct outbuf *b, const char *key, const char *value)
{
	outbuf_str(b, key);
	outbuf_json_str(b, value, strlen(value));
}

static void put_json(struct outbuf *b, const struct field *f)
{
	put_string(b, "{\"name\":", f->name);
	put_string(b, ",\"header\":", f->header);
	put_string(b, ",\"type\":", type_name(f->kind));
	outbuf_str(b, ",\"default\":");
	outbuf_str(b, field_is_short(f) ? "false" : "true");
	outbuf_str(b, ",\"events\":[");
	put_events(b, f->events, "\"");
	put_string(b, "],\"help\":", f->help);
	outbuf_str(b, "}\n");
}

static void pad_to(struct outbuf *b, size_t begin, size_t width)
{
	size_t n = b->len - begin;

	outbuf_fill(b, ' ', n < width ? width - n : 1);
}

static void put_row(struct outbuf *b, const char *name, const char *header, const struct field *f,
		    const char *help)
{
	size_t begin = b->len;

	outbuf_str(b, name);
	pad_to(b, begin, 12);
	outbuf_str(b, header);
	pad_to(b, begin, 23);
	if (f)
		put_events(b, f->events, "");
	else
		outbuf_str(b, "IN");
	pad_to(b, begin, 43);
	outbuf_str(b, help);
	if (f && field_is_short(f))
		outbuf_str(b, " (JSON: only if asked for)");
	outbuf_chr(b, '\n');
}

static int print(bool json)
{
	struct outbuf b = {};
	int err;

	if (!json)
		put_row(&b, "FIELD", "COLUMN", NULL, "MEANING");
	for (size_t i = 0; i < nfields; i++) {
		if (json)
			put_json(&b, &fields[i]);
		else
			put_row(&b, fields[i].name, fields[i].header, &fields[i], fields[i].help);
	}
	err = outbuf_flush(&b, STDOUT_FILENO);
	outbuf__free(&b);
	return err;
}

int cmd_fields(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "The fields of records: for --fields, and the keys of --json."
		       "\vA field that is unknown for a record is '-' in text and absent in JSON. "
		       "Ids above 2^53 are strings in JSON.",
	};
	bool json = false;
	int err;

	argp_parse(&argp, argc, argv, 0, NULL, &json);
	err = print(json);
	if (err)
		fprintf(stderr, "tcplens: the output can't be written: %s\n", strerror(-err));
	return err ? 1 : 0;
}
