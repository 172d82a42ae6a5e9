/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the writer's bytes get into the file, and what becomes of a file that takes no more:
 * it is cut behind its last whole record and ended, and what is not in it is counted.
 * Of writer.c only.
 */
#ifndef TCPLENS_WRITER_PUSH_H
#define TCPLENS_WRITER_PUSH_H

#include "writer.h"

/* Hands w->out over: to the file, or to the thread that writes.  0 or a negative errno. */
int writer_push(struct writer *w);

/*
 * Waits until the thread has written what was handed over; at the `last` time as output_drain()
 * does.  0 or a negative errno; w->failed is set if something was not written.
 */
int writer_settle(struct writer *w, bool last);

/* Ends the thread, for good.  What is not written is counted (w->output.lost, w->unwritten). */
void writer_end(struct writer *w, __u64 mono_ns);

#endif
