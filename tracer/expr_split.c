// SPDX-License-Identifier: BSD-2-Clause
/*
 * `a or b or c …` is the programs of (a or b), c … one behind the other, what
 * does not match in one going on to the next; `and` likewise.  As little as
 * possible is understood of the expressions: parentheses, `and`, `or`, `not`,
 * and where a term begins.  Where that is not enough, libpcap compiles all.
 */
#ifdef WITH_PCAP
#include "expr_split.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "expr_pcap.h"

/* More terms than this are compiled in parts. */
#define TERMS_MAX 24
#define LEVELS_MAX 32

struct span {
	const char *p, *end;
};

struct part {
	struct span text;
	size_t terms;
};

enum op { OP_NONE, OP_OR, OP_AND };

/* An expression that is `n` parts, joined by `op`. */
struct parsed {
	struct part *parts;
	size_t n, cap;
	enum op op;
	size_t terms; /* in all of it, at any depth */
	bool negated;
	struct span in; /* what is negated, or in parentheses */
	bool enclosed;	/* … all but those */
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (c && strchr(".:/_-\\", c));
}

/* The next word, or sign; empty at the end. */
static struct span next(struct span *rest)
{
	struct span t;

	while (rest->p < rest->end && isspace((unsigned char)*rest->p))
		rest->p++;
	t.p = t.end = rest->p;
	while (t.end < rest->end && is_word(*t.end))
		t.end++;
	if (t.end == t.p && t.end < rest->end) {
		bool twice = strchr("&|", *t.p) && t.p + 1 < rest->end && t.p[1] == *t.p;

		t.end += 1 + twice;
	}
	rest->p = t.end;
	return t;
}

static bool is(struct span t, const char *word)
{
	return strlen(word) == (size_t)(t.end - t.p) && !strncmp(t.p, word, t.end - t.p);
}

static bool is_any(struct span t, const char *const words[])
{
	for (; *words; words++)
		if (is(t, *words))
			return true;
	return false;
}

static enum op op_of(struct span t)
{
	return is(t, "or") || is(t, "||") ? OP_OR : is(t, "and") || is(t, "&&") ? OP_AND : OP_NONE;
}

/*
 * Does a term begin here that needs nothing of those before it?  What has no
 * keyword takes theirs: `port 80 or 443`; and `src or dst port 80` is one.
 */
static bool begins_term(struct span before, struct span rest)
{
	static const char *const keywords[] = { "ip",  "ip6",  "tcp",	    "src",   "dst", "host",
						"net", "port", "portrange", "ether", NULL };
	static const char *const half[] = { "", "src", "dst", NULL };
	struct span t = next(&rest);

	while (is(t, "(") || is(t, "!") || is(t, "not"))
		t = next(&rest);
	return is_any(t, keywords) && !is_any(before, half);
}

static struct part *new_part(struct parsed *e, const char *p)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 64;
		struct part *v = realloc(e->parts, cap * sizeof(*v));

		if (!v)
			return NULL;
		e->parts = v;
		e->cap = cap;
	}
	e->parts[e->n] = (struct part){ .text = { p, p }, .terms = 1 };
	return &e->parts[e->n++];
}

/* Both operators bind alike, from left to right: all until here is the first part of what follows. */
static void join_parts(struct parsed *e)
{
	e->parts[0] = (struct part){ .text = { e->parts[0].text.p, e->parts[e->n - 1].text.end },
				     .terms = e->terms };
	e->n = 1;
}

/* An operator that is in no parentheses. -ENOMEM, or 0. */
static int parse_op(struct parsed *e, enum op op, struct span before, struct span rest)
{
	if (e->op && e->op != op)
		join_parts(e);
	e->op = op;
	return !begins_term(before, rest) ? 0 : new_part(e, rest.p) ? 1 : -ENOMEM;
}

/* 0 or -ENOMEM; the caller frees e->parts. */
static int parse(struct span text, struct parsed *e)
{
	struct span rest = text, t = next(&rest), before = { text.p, text.p };
	int depth = 0, pairs = 0, err = new_part(e, text.p) ? 0 : -ENOMEM;

	e->negated = is(t, "!") || is(t, "not");
	e->enclosed = is(t, "(");
	e->in = (struct span){ rest.p, text.end };
	for (e->terms = 1; err >= 0 && t.p < t.end; before = t, t = next(&rest)) {
		enum op op = op_of(t);

		depth += is(t, "(") - is(t, ")");
		if (is(t, ")") && !depth) {
			pairs++;
			if (e->enclosed)
				e->in.end = t.p;
		}
		err = op && !depth ? parse_op(e, op, before, rest) : 0;
		e->terms += op != OP_NONE;
		if (op && !err)
			e->parts[e->n - 1].terms++;
		e->parts[e->n - 1].text.end = rest.p;
	}
	e->negated &= !e->op;
	e->enclosed &= pairs == 1 && !depth && !e->op && is(before, ")");
	return err < 0 ? err : 0;
}

/* Behind what is there; `last`: nothing follows that its verdict could be left to. */
static int append(struct expr_prog *p, const struct expr_prog *piece, enum op op, bool last)
{
	size_t n = p->n + piece->n;
	struct sock_filter *insns = realloc(p->insns, n * sizeof(*insns));

	if (!insns)
		return -ENOMEM;
	p->insns = insns;
	memcpy(insns + p->n, piece->insns, piece->n * sizeof(*insns));
	for (; p->n < n; p->n++) {
		struct sock_filter *i = &insns[p->n];

		if (!last && i->code == (BPF_RET | BPF_K) && !i->k == (op == OP_OR))
			*i = (struct sock_filter){ .code = BPF_JMP | BPF_JA, .k = n - p->n - 1 };
	}
	return 0;
}

/* What a part is compiled with, and how deep it is in others. */
struct job {
	bool ethernet;
	int level;
	char *why;
	size_t len;
};

static int compile(struct job *j, struct span text, struct expr_prog *p);

static int leaf(const struct job *j, struct span text, struct expr_prog *p)
{
	char *copy = strndup(text.p, text.end - text.p);
	int err = copy ? expr_pcap_compile(copy, j->ethernet, p, j->why, j->len) : -ENOMEM;

	free(copy);
	return err;
}

/* As many parts at once as have TERMS_MAX terms. */
static int compile_parts(struct job *j, const struct parsed *e, struct expr_prog *p)
{
	int err = 0;

	for (size_t i = 0, to; i < e->n && !err; i = to) {
		size_t terms = e->parts[i].terms;
		struct expr_prog piece = {};

		for (to = i + 1; to < e->n && terms + e->parts[to].terms <= TERMS_MAX; to++)
			terms += e->parts[to].terms;
		err = compile(j, (struct span){ e->parts[i].text.p, e->parts[to - 1].text.end },
			      &piece);
		if (!err)
			err = append(p, &piece, e->op, to == e->n);
		free(piece.insns);
	}
	return err;
}

static int compile_not(struct job *j, struct span text, struct expr_prog *p)
{
	int err = compile(j, text, p);

	for (size_t n = 0; !err && n < p->n; n++)
		if (p->insns[n].code == (BPF_RET | BPF_K))
			p->insns[n].k = !p->insns[n].k;
	return err;
}

static int compile(struct job *j, struct span text, struct expr_prog *p)
{
	struct parsed e = {};
	int err = parse(text, &e);

	j->level++;
	if (err)
		goto out;
	if (e.terms <= TERMS_MAX || j->level > LEVELS_MAX)
		err = leaf(j, text, p);
	else if (e.enclosed)
		err = compile(j, e.in, p);
	else if (e.negated)
		err = compile_not(j, e.in, p);
	else if (e.n > 1)
		err = compile_parts(j, &e, p);
	else
		err = leaf(j, text, p);
out:
	j->level--;
	free(e.parts);
	return err;
}

/* These say where in a packet the terms behind them look. */
static bool has_state(struct span rest)
{
	static const char *const words[] = { "vlan",   "mpls",	"pppoed", "pppoes",
					     "geneve", "vxlan", NULL };

	for (struct span t = next(&rest); t.p < t.end; t = next(&rest))
		if (is_any(t, words))
			return true;
	return false;
}

int expr_split_compile(const char *text, bool ethernet, struct expr_prog *p, char *why, size_t len)
{
	struct span all = { text, text + strlen(text) };
	struct job j = { .ethernet = ethernet, .why = why, .len = len };
	int err = has_state(all) ? -EINVAL : compile(&j, all, p);

	if (err != -EINVAL)
		return err;
	/* A part may be wrong by itself (`ip and ip6`), or seem so. */
	free(p->insns);
	*p = (struct expr_prog){};
	return expr_pcap_compile(text, ethernet, p, why, len);
}
#endif
