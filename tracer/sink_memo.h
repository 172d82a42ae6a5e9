/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a connection's records of one direction have in common (the owner, the
 * ends) is half of a line, and the dearer half.  Runs of such columns are
 * remembered as they were written, and copied for the next record of these.
 */
#ifndef TCPLENS_SINK_MEMO_H
#define TCPLENS_SINK_MEMO_H

#include "sink.h"

#define MEMO_RUNS 3 /* of a line; further ones are made anew each time */
#define MEMO_TEXT 400
#define MEMO_LINE 256

struct memo {
	__u16 type; /* 0: empty */
	__u16 end[MEMO_RUNS]; /* in text; 0: not made yet */
	__u16 cols[MEMO_RUNS]; /* on a terminal */
	__u8 dir; /* of segments */
	__u8 line_len; /* 0: not made; sink_line.h */
	struct ev_who who;
	struct ev_ends ends;
	char text[MEMO_TEXT];
	char line[MEMO_LINE];
};

EV_ASSERT(offsetof(struct memo, who) % 8 == 0 &&
	  offsetof(struct memo, ends) == offsetof(struct memo, who) + sizeof(struct ev_who), "memo");

/* NULL: records of this type have no such runs, or there is no memory for them. */
struct memo *sink_memo(struct sink *s, const struct ev_hdr *ev);

/* Appends run number `run` as it was remembered; false: make it, and remember it. */
static inline bool memo_put(const struct memo *m, unsigned int run, struct outbuf *b)
{
	unsigned int begin = run ? m->end[run - 1] : 0;

	if (!m->end[run])
		return false;
	outbuf_mem(b, m->text + begin, m->end[run] - begin);
	return true;
}

/* What was appended since `begin` is run number `run`; all before it are remembered already. */
void memo_keep(struct memo *m, unsigned int run, const struct outbuf *b, size_t begin, size_t cols);

#endif
