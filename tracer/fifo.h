/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a FIFO waits for whoever opens its other end.  The signals that ask for the end are
 * blocked (session_signals()), so open(2) would not be interrupted by them.
 */
#ifndef TCPLENS_FIFO_H
#define TCPLENS_FIFO_H

#include <sys/types.h>

/*
 * As open(2), of whatever `path` is; flags: O_RDONLY or O_WRONLY, and others.  EINTR: SIGINT,
 * SIGTERM or SIGHUP has come while a FIFO had no other end.  It is still pending.
 */
int fifo_open(const char *path, int flags, mode_t mode);

#endif
