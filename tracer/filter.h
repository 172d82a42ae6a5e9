/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the words of the filter options to config.h's struct filter and its
 * sorted ranges.  Pure but for what names need: users (passwd), cgroup and
 * namespace paths (stat), @FILE.
 *
 * A list is comma-separated; `!X` excludes X; `@FILE` stands for the lines of
 * a file (`!@FILE` excludes them all; empty lines and `#` comments skipped).
 * A set passes if it has no positive entry or one matches, and no negative
 * one matches.
 */
#ifndef TCPLENS_FILTER_H
#define TCPLENS_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "event.h"

struct range_vec {
	struct frange *v;
	size_t n, cap;
};

struct filter_builder {
	struct range_vec allow[FS_MAX];
	struct range_vec deny[FS_MAX];
	struct fflags flags[FFLAGS_MAX];
	__u8 nflags;
	__u8 dirs;	 /* positive, 1 << enum ev_dir */
	__u8 no_dirs;	 /* negative */
	__u8 ips;	 /* 1: IPv4, 2: IPv6 */
	__u8 tree;	 /* only -- COMMAND and its children */
	__u16 states;	 /* positive, 1 << state number */
	__u16 no_states; /* negative */
};

void filter_builder__init(struct filter_builder *b);
void filter_builder__free(struct filter_builder *b);

/*
 * All of these return 0, or a negative errno with one sentence in `err`
 * (-EINVAL: what the user wrote is wrong, -ENOENT …: what it names cannot be
 * read, -E2BIG: too many entries, -ENOMEM).
 */
int filter_builder__add(struct filter_builder *b, enum fset set, const char *list, char *err,
			size_t errlen);
/* One --flags specification: `SYN,!ACK`; several are or-ed. */
int filter_builder__add_flags(struct filter_builder *b, const char *spec, char *err, size_t errlen);
int filter_builder__add_states(struct filter_builder *b, const char *list, char *err,
			       size_t errlen);
int filter_builder__add_dirs(struct filter_builder *b, const char *list, char *err, size_t errlen);
/* 4 or 6. */
int filter_builder__add_ip(struct filter_builder *b, int ip, char *err, size_t errlen);

/*
 * Sorts, merges and checks.  *ranges is malloc'ed, NULL if there are none.
 * Sets out->used, and out->tree from the builder.  The builder may be added
 * to and finished again.
 */
int filter_builder__finish(struct filter_builder *b, struct filter *out, struct frange **ranges,
			   __u32 *nranges, char *err, size_t errlen);

/* The option a set comes from: "--pid", … */
const char *fset_option(enum fset set);

/*
 * The programs' decision, made in user space with the same match.h (for
 * recordings).  Two things are not in an event: `tree` is not looked at, and
 * a cgroup has to be the very one, not one below it.
 */
bool filter_match_event(const struct filter *f, const struct frange *ranges,
			const struct ev_hdr *ev);

#endif
