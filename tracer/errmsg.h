/* SPDX-License-Identifier: BSD-2-Clause */
/* One sentence for the user, written into the caller's buffer. */
#ifndef TCPLENS_ERRMSG_H
#define TCPLENS_ERRMSG_H

#include <stddef.h>

/* Formats into `err` and returns `code`, so that a parser can `return errmsg(…)`. */
int errmsg(char *err, size_t errlen, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Up to 40 bytes of what somebody wrote, terminal-safe; lives until the next
 * call but three.
 */
const char *errmsg_quote(const char *s, size_t len);

#endif
