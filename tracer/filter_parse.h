/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to filter*.c: the parsers of single entries, and of lists of them. */
#ifndef TCPLENS_FILTER_PARSE_H
#define TCPLENS_FILTER_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* Linux never gives out more (PID_MAX_LIMIT). */
#define PID_LIMIT (1 << 22)

/* ::ffff:0:0/96, where IPv4 lives. */
#define V4_LO ((struct fkey){ 0, 0x0000ffff00000000ULL })
#define V4_HI ((struct fkey){ 0, 0x0000ffffffffffffULL })

/* What one entry of a list stands for. */
struct entry {
	struct frange r[2];
	int n;
};

/* All return 0 or a negative errno, with what is wrong in `err`. */
int parse_pid(const char *s, struct entry *e, char *err, size_t errlen);
int parse_uid(const char *s, struct entry *e, char *err, size_t errlen);
int parse_comm(const char *s, struct entry *e, char *err, size_t errlen);
int parse_cgroup(const char *s, struct entry *e, char *err, size_t errlen);
int parse_netns(const char *s, struct entry *e, char *err, size_t errlen);
int parse_port(const char *s, struct entry *e, char *err, size_t errlen);
int parse_cidr(const char *s, struct entry *e, char *err, size_t errlen);

/* Digits only, at most `max`; 0 or -EINVAL. */
int parse_num(const char *s, size_t len, __u64 max, __u64 *n);

static inline void entry_range(struct entry *e, struct fkey lo, struct fkey hi)
{
	e->r[e->n++] = (struct frange){ lo, hi };
}

static inline void entry_nums(struct entry *e, __u64 lo, __u64 hi)
{
	entry_range(e, (struct fkey){ 0, lo }, (struct fkey){ 0, hi });
}

typedef int (*list_fn)(void *ctx, const char *s, bool negated, char *err, size_t errlen);

/*
 * Calls `fn` for every entry of a comma-separated list, and for every line of
 * the @FILEs in it.  Messages get `option` (and file and line) in front.
 */
int list_each(const char *option, const char *list, list_fn fn, void *ctx, char *err,
	      size_t errlen);

#endif
