/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where events become output.  A sink knows fields, not views or hooks: it
 * formats into its buffer, and sink__flush() writes that at once.
 *
 *	sink__init(&s, &cfg);		sink__begin(&s);
 *	sink__event(&s, ev);  …		sink__flush(&s, STDOUT_FILENO);  …
 *	sink__free(&s);
 */
#ifndef TCPLENS_SINK_H
#define TCPLENS_SINK_H

#include "fields.h"
#include "outbuf.h"

struct sink;

struct sink_ops {
	const char *name;
	int (*begin)(struct sink *s);
	int (*event)(struct sink *s, const struct ev_hdr *ev);
	int (*text)(struct sink *s, const char *text, size_t n); /* NULL: no place for free text */
};

extern const struct sink_ops sink_text_ops;
extern const struct sink_ops sink_json_ops;

struct sink_cfg {
	const struct sink_ops *ops;
	/* In this order; none: all of the event's (JSON only). */
	const struct field *fields[FIELDS_MAX];
	size_t nfields;
	bool color;
	bool wide_addr; /* text: only IPv6 is to be expected */
	int tty;	/* text: a terminal's descriptor: repeat the header each screenful; or -1 */
	struct fctx fctx;
};

#define SINK_KEY_MAX 24 /* copied as a whole */

/* A column of text, or a key of JSON as it is written: ,"name": */
struct sink_col {
	const struct field *field;
	unsigned int width;
	bool right;
	__u8 run; /* this one and the following that are field.of_conn; 0: too few, or not the first */
	bool number;
	__u64 fits; /* numbers below it are not wider than the column */
	__u8 keylen;
	char key[SINK_KEY_MAX];
};

struct sink_cols {
	struct sink_col col[FIELDS_MAX];
	size_t n;
};

#define LINE_MOVING 16

/* Text: the columns that change from line to line of a connection, and where they begin (sink_line.h). */
struct line_plan {
	bool usable;
	unsigned int n;
	struct line_moving {
		__u16 col, at;
	} moving[LINE_MOVING];
};

struct sink_memo;

struct sink {
	const struct sink_ops *ops;
	struct outbuf out;
	struct fctx fctx; /* the owner may refresh fctx.mono_to_real while running */
	struct sink_cols chosen;
	struct sink_cols *of_type[EV_TYPE_MAX]; /* JSON: what a type has of them; made when needed */
	struct sink_memo *memo; /* sink_memo.h; NULL: not used */
	struct line_plan plan;
	bool color;
	int tty;
	unsigned int lines; /* until the header is due again */
};

/* Sets sink_col.run. */
void sink_cols_runs(struct sink_cols *cols);

void sink__init(struct sink *s, const struct sink_cfg *cfg);

static inline int sink__begin(struct sink *s)
{
	return s->ops->begin(s);
}

/*
 * Appends one event (of decode()).  `lost` events make a JSON object whatever
 * fields were selected, and no text: they are for stderr there.
 * Returns 1 if something was appended, 0 if not, or -ENOMEM.
 */
static inline int sink__event(struct sink *s, const struct ev_hdr *ev)
{
	return s->ops->event(s, ev);
}

/* Appends lines of free text where the output is text: 0, or -ENOMEM. */
static inline int sink__text(struct sink *s, const char *text, size_t n)
{
	return s->ops->text ? s->ops->text(s, text, n) : 0;
}

/* … a line of this time (CLOCK_MONOTONIC), as the options want it. */
int sink__at(struct sink *s, __u64 mono_ns);

/* Bytes that wait for sink__flush(). */
static inline size_t sink__pending(const struct sink *s)
{
	return s->out.len;
}

/* As outbuf_flush(): 0, -EPIPE (the reader is gone: end quietly), -ENOSPC, … */
int sink__flush(struct sink *s, int fd);

void sink__free(struct sink *s);

#endif
