/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Being scheduled also when every CPU is busy: records are lost when the reader
 * does not run, not when the ring is small.  SCHED_FIFO 1, or where that is
 * refused a better place among the sessions that share the CPUs.
 */
#ifndef TCPLENS_PRIORITY_H
#define TCPLENS_PRIORITY_H

/* SCHED_FIFO 1 for the calling thread, which its children don't inherit.  0 or a negative errno. */
int priority_real_time(void);

/*
 * The best nice value for our session (sched(7), autogroup): all its processes get it, not only
 * we.  So it is taken back by priority_group_restore(), and at the signals that end a process by
 * default, but for SIGKILL and the real-time ones.  *was: the value before.  0, or a negative
 * errno: then nothing has changed; -EALREADY: it is the best one, by another's doing, till that ends.
 */
int priority_group_raise(int *was);

/*
 * In any case, and before anybody is waited for.  Does nothing if nothing was raised.  0, or a
 * negative errno: then it is still raised.
 */
int priority_group_restore(void);

#define PRIORITY_GROUP_NICE (-20)

#endif
