/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole lines of text.  Two lines of one connection and direction differ in a few
 * columns (time, flags, numbers), and as long as nothing is wider than its column
 * these are always at the same place.  So a line that was made cell by cell is
 * remembered with these columns blank, and the next one is a copy of it with their
 * values put in.  Whatever does not fit this is made cell by cell again.
 */
#ifndef TCPLENS_SINK_LINE_H
#define TCPLENS_SINK_LINE_H

#include "sink_memo.h"

/* After the columns are chosen: which of them change, and where they are. */
void line_plan_make(struct sink *s);

/* Appends the line (without its end) from the one remembered; false: make it cell by cell. */
bool line_put(struct sink *s, const struct memo *m, const struct ev_hdr *ev);

/*
 * Remembers the line that was appended since `begin`, made cell by cell, in which each
 * column begins at its place and none reaches into the next, `cols` columns wide.
 */
void line_keep(const struct sink *s, struct memo *m, size_t begin, size_t cols);

#endif
