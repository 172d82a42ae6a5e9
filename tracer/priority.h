/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TCPLENS_PRIORITY_H
#define TCPLENS_PRIORITY_H

/*
 * Asks to be scheduled also when every CPU is busy: SCHED_FIFO 1, or a better
 * place among the session groups.  Records are lost when the reader does not
 * run, not when the ring is small.  Children do not inherit it.
 * Returns 0, or a negative errno: then nothing has changed.
 */
int priority_raise(void);

#endif
