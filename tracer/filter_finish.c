// SPDX-License-Identifier: BSD-2-Clause
/* From what was collected to what the programs search: sorted, merged, checked. */
#include <errno.h>
#include <stdlib.h>

#include "errmsg.h"
#include "filter.h"
#include "filter_parse.h"
#include "names.h"

/* Only the keys of match.h are needed here. */
#define FRANGE_AT(i) ((void)(i), (const struct frange *)NULL)
#include "match.h"

static int cmp_ranges(const void *a, const void *b)
{
	const struct frange *x = a, *y = b;

	if (fkey_less(&x->lo, &y->lo))
		return -1;
	return fkey_less(&y->lo, &x->lo);
}

/* Does `b` begin inside `a`, or right behind it? */
static bool touches(const struct frange *a, const struct frange *b)
{
	struct fkey next = { a->hi.h + (a->hi.l == ~0ULL), a->hi.l + 1 };

	if (!next.h && !next.l) /* `a` ends at the largest key */
		return true;
	return !fkey_less(&next, &b->lo);
}

/* The binary search needs them sorted and apart. */
static void vec_merge(struct range_vec *v)
{
	size_t n = 0;

	if (!v->n)
		return;
	qsort(v->v, v->n, sizeof(*v->v), cmp_ranges);
	for (size_t i = 1; i < v->n; i++) {
		if (!touches(&v->v[n], &v->v[i]))
			v->v[++n] = v->v[i];
		else if (fkey_less(&v->v[n].hi, &v->v[i].hi))
			v->v[n].hi = v->v[i].hi;
	}
	v->n = n + 1;
}

/* Is there anything in `allow` that `deny` leaves over? Both are merged. */
static bool leaves_some(const struct range_vec *allow, const struct range_vec *deny)
{
	size_t d = 0;

	for (size_t i = 0; i < allow->n; i++) {
		const struct frange *a = &allow->v[i];

		while (d < deny->n && fkey_less(&deny->v[d].hi, &a->lo))
			d++;
		if (d == deny->n || fkey_less(&a->lo, &deny->v[d].lo) ||
		    fkey_less(&deny->v[d].hi, &a->hi))
			return true;
	}
	return false;
}

/* Which IP versions (1: IPv4, 2: IPv6) a list of networks lets pass. */
static __u8 versions(const struct range_vec *v)
{
	__u8 ips = v->n ? 0 : 3;

	for (size_t i = 0; i < v->n; i++) {
		if (!fkey_less(&v->v[i].hi, &V4_LO) && !fkey_less(&V4_HI, &v->v[i].lo))
			ips |= 1;
		if (fkey_less(&v->v[i].lo, &V4_LO) || fkey_less(&V4_HI, &v->v[i].hi))
			ips |= 2;
	}
	return ips;
}

static int check(const struct filter_builder *b, char *err, size_t errlen)
{
	__u8 ips = b->ips ? b->ips : 3;

	for (int i = 0; i < FS_MAX; i++)
		if (b->allow[i].n && !leaves_some(&b->allow[i], &b->deny[i]))
			return errmsg(err, errlen, -EINVAL,
				      "%s: every entry is excluded again by !, so nothing could pass",
				      fset_option(i));
	if (!(ips & versions(&b->allow[FS_LADDR]) & versions(&b->allow[FS_RADDR])))
		return errmsg(err, errlen, -EINVAL,
			      "-4, -6, --local and --remote ask for different IP versions, so nothing could pass");
	return 0;
}

/* Bit sets: positives (none: all) without negatives. 0 stands for all in struct filter. */
static int bits_finish(__u16 yes, __u16 no, __u16 all, const char *option, __u16 *out, char *err,
		       size_t errlen)
{
	*out = (yes ? yes : all) & ~no;
	if (!*out)
		return errmsg(err, errlen, -EINVAL,
			      "%s: every entry is excluded again by !, so nothing could pass", option);
	if (!yes && !no)
		*out = 0;
	return 0;
}

static void slice_fill(struct fslice *s, const struct range_vec *v, struct frange *to, __u32 *off)
{
	s->off = *off;
	s->n = v->n;
	for (size_t i = 0; i < v->n; i++)
		to[(*off)++] = v->v[i];
}

static int lay_out(struct filter_builder *b, struct filter *out, struct frange **ranges, __u32 *n,
		   char *err, size_t errlen)
{
	size_t total = 0;

	for (int i = 0; i < FS_MAX; i++)
		total += b->allow[i].n + b->deny[i].n;
	if (total > FRANGES_MAX)
		return errmsg(err, errlen, -E2BIG, "the filters have %zu entries, more than %d", total,
			      FRANGES_MAX);
	*n = 0;
	*ranges = total ? calloc(total, sizeof(**ranges)) : NULL;
	if (total && !*ranges)
		return errmsg(err, errlen, -ENOMEM, "out of memory");
	for (int i = 0; i < FS_MAX; i++) {
		slice_fill(&out->set[i].allow, &b->allow[i], *ranges, n);
		slice_fill(&out->set[i].deny, &b->deny[i], *ranges, n);
	}
	return 0;
}

int filter_builder__finish(struct filter_builder *b, struct filter *out, struct frange **ranges,
			   __u32 *nranges, char *err, size_t errlen)
{
	__u16 dirs;
	int ret;

	*out = (struct filter){ .nflags = b->nflags, .ips = b->ips, .tree = b->tree };
	*ranges = NULL;
	*nranges = 0;
	for (int i = 0; i < FS_MAX; i++) {
		vec_merge(&b->allow[i]);
		vec_merge(&b->deny[i]);
	}
	ret = check(b, err, errlen);
	if (!ret)
		ret = bits_finish(b->dirs, b->no_dirs, 1 << DIR_OUT | 1 << DIR_IN, "--dir", &dirs, err,
				  errlen);
	/* Bit 0 is a segment without a socket: not in any state, so no exclusion is about it. */
	if (!ret)
		ret = bits_finish(b->states, b->no_states, (1 << ST_MAX) - 1, "--state", &out->states,
				  err, errlen);
	if (!ret)
		ret = lay_out(b, out, ranges, nranges, err, errlen);
	if (ret)
		return ret;
	for (int i = 0; i < b->nflags; i++)
		out->flags[i] = b->flags[i];
	out->dirs = dirs;
	out->used = *nranges || b->ips || b->tree;
	return 0;
}
