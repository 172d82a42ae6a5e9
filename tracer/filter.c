// SPDX-License-Identifier: BSD-2-Clause
#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "errmsg.h"
#include "filter_parse.h"
#include "names.h"

#define QUOTE(s) errmsg_quote(s, strlen(s))

void filter_builder__init(struct filter_builder *b)
{
	*b = (struct filter_builder){};
}

void filter_builder__free(struct filter_builder *b)
{
	if (!b)
		return;
	for (int i = 0; i < FS_MAX; i++) {
		free(b->allow[i].v);
		free(b->deny[i].v);
	}
	filter_builder__init(b);
}

static const struct {
	const char *option;
	int (*parse)(const char *s, struct entry *e, char *err, size_t errlen);
} sets[] = {
	[FS_PID] = { "--pid", parse_pid },
	[FS_UID] = { "--user", parse_uid },
	[FS_COMM] = { "--comm", parse_comm },
	[FS_CGROUP] = { "--cgroup", parse_cgroup },
	[FS_NETNS] = { "--netns", parse_netns },
	[FS_PORT] = { "--port", parse_port },
	[FS_LPORT] = { "--lport", parse_port },
	[FS_RPORT] = { "--rport", parse_port },
	[FS_LADDR] = { "--local", parse_cidr },
	[FS_RADDR] = { "--remote", parse_cidr },
};

_Static_assert(sizeof(sets) / sizeof(sets[0]) == FS_MAX, "a set without an option");

const char *fset_option(enum fset set)
{
	return sets[set].option;
}

static int vec_add(struct range_vec *v, const struct frange *r, char *err, size_t errlen)
{
	size_t cap = v->cap ? v->cap * 2 : 16;
	struct frange *p;

	if (v->n >= FRANGES_MAX)
		return errmsg(err, errlen, -E2BIG, "more than %d entries", FRANGES_MAX);
	if (v->n == v->cap) {
		p = realloc(v->v, cap * sizeof(*p));
		if (!p)
			return errmsg(err, errlen, -ENOMEM, "out of memory");
		v->v = p;
		v->cap = cap;
	}
	v->v[v->n++] = *r;
	return 0;
}

struct add_ctx {
	struct filter_builder *b;
	enum fset set;
};

static int add_entry(void *ctx, const char *s, bool negated, char *err, size_t errlen)
{
	struct add_ctx *a = ctx;
	struct range_vec *v = negated ? &a->b->deny[a->set] : &a->b->allow[a->set];
	struct entry e = {};
	int ret = sets[a->set].parse(s, &e, err, errlen);

	for (int i = 0; i < e.n && !ret; i++)
		ret = vec_add(v, &e.r[i], err, errlen);
	return ret;
}

int filter_builder__add(struct filter_builder *b, enum fset set, const char *list, char *err,
			size_t errlen)
{
	struct add_ctx a = { b, set };

	return list_each(sets[set].option, list, add_entry, &a, err, errlen);
}

static int add_state(void *ctx, const char *s, bool negated, char *err, size_t errlen)
{
	struct filter_builder *b = ctx;
	int state = state_parse(s);
	__u16 bits;

	if (state < 0)
		return errmsg(err, errlen, state,
			      "'%s' is no TCP state: give names such as ESTABLISHED, SYN-SENT, LISTEN",
			      QUOTE(s));
	bits = 1U << state;
	/* One name for both: a request, and the socket it has just become. */
	if (state == ST_SYN_RECV)
		bits |= 1U << ST_NEW_SYN_RECV;
	*(negated ? &b->no_states : &b->states) |= bits;
	return 0;
}

int filter_builder__add_states(struct filter_builder *b, const char *list, char *err, size_t errlen)
{
	return list_each("--state", list, add_state, b, err, errlen);
}

static int add_dir(void *ctx, const char *s, bool negated, char *err, size_t errlen)
{
	struct filter_builder *b = ctx;
	int dir = !strcmp(s, "in") ? DIR_IN : !strcmp(s, "out") ? DIR_OUT : -EINVAL;

	if (dir < 0)
		return errmsg(err, errlen, dir, "'%s' is no direction: give in (received) or out (sent)",
			      QUOTE(s));
	*(negated ? &b->no_dirs : &b->dirs) |= 1U << dir;
	return 0;
}

int filter_builder__add_dirs(struct filter_builder *b, const char *list, char *err, size_t errlen)
{
	return list_each("--dir", list, add_dir, b, err, errlen);
}

int filter_builder__add_ip(struct filter_builder *b, int ip, char *err, size_t errlen)
{
	__u8 bit = ip == 4 ? 1 : 2;

	if (b->ips & ~bit)
		return errmsg(err, errlen, -EINVAL,
			      "-4 and -6 exclude each other: leave both out to see all");
	b->ips |= bit;
	return 0;
}

static int add_flag(void *ctx, const char *s, bool negated, char *err, size_t errlen)
{
	struct fflags *f = ctx;
	int bit = flag_parse(s);

	if (bit < 0)
		return errmsg(err, errlen, bit,
			      "'%s' is no TCP flag: give FIN SYN RST PSH ACK URG ECE CWR AE", QUOTE(s));
	if ((f->mask & bit) && !(f->value & bit) != negated)
		return errmsg(err, errlen, -EINVAL, "%s can't be both set and not set", s);
	f->mask |= bit;
	if (!negated)
		f->value |= bit;
	return 0;
}

int filter_builder__add_flags(struct filter_builder *b, const char *spec, char *err, size_t errlen)
{
	struct fflags f = {};
	int ret = list_each("--flags", spec, add_flag, &f, err, errlen);

	if (ret)
		return ret;
	if (b->nflags >= FFLAGS_MAX)
		return errmsg(err, errlen, -E2BIG, "--flags can be given %d times at most", FFLAGS_MAX);
	b->flags[b->nflags++] = f;
	return 0;
}
