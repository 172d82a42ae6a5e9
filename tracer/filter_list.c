// SPDX-License-Identifier: BSD-2-Clause
/* Lists: `A,!B,@FILE`. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errmsg.h"
#include "filter_parse.h"

struct list {
	const char *option;
	list_fn fn;
	void *ctx;
	char *err;
	size_t errlen;
	size_t n; /* entries so far */
};

/* Without blanks at both ends; writes into the string. */
static char *trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

/* `!` in front, however often nested in a negated file. */
static char *strip_not(char *s, bool *negated)
{
	if (*s != '!')
		return s;
	*negated = !*negated;
	return trim(s + 1);
}

static int one(struct list *l, char *s, bool negated, const char *where)
{
	char why[256];
	int err;

	l->n++;
	if (!*s)
		return errmsg(l->err, l->errlen, -EINVAL, "%s%s: an entry is missing in the list",
			      l->option, where);
	err = l->fn(l->ctx, s, negated, why, sizeof(why));
	if (err)
		errmsg(l->err, l->errlen, err, "%s%s: %s", l->option, where, why);
	return err;
}

/* A line of a file, which is one entry even if it has commas. */
static int line(struct list *l, char *s, bool negated, const char *where)
{
	for (char *p = s; (p = strchr(p, '#')); p++) {
		if (p == s || isspace((unsigned char)p[-1])) {
			*p = '\0';
			break;
		}
	}
	s = trim(s);
	if (!*s)
		return 0;
	s = strip_not(s, &negated);
	return one(l, s, negated, where);
}

static int file_lines(struct list *l, FILE *f, const char *name, bool negated)
{
	char buf[4096], where[256];

	for (unsigned int n = 1; fgets(buf, sizeof(buf), f); n++) {
		size_t len = strlen(buf);
		int err;

		snprintf(where, sizeof(where), " @%s line %u", errmsg_quote(name, strlen(name)), n);
		if ((!len || buf[len - 1] != '\n') && !feof(f))
			return errmsg(l->err, l->errlen, -EINVAL, "%s%s: too long, or not text",
				      l->option, where);
		err = line(l, buf, negated, where);
		if (err)
			return err;
	}
	return 0;
}

static int file_error(struct list *l, const char *name, int code)
{
	return errmsg(l->err, l->errlen, -code, "%s: can't read the file '%s': %s", l->option,
		      errmsg_quote(name, strlen(name)), strerror(code));
}

static int file(struct list *l, const char *name, bool negated)
{
	size_t before = l->n;
	FILE *f;
	int err;

	if (!*name)
		return errmsg(l->err, l->errlen, -EINVAL, "%s: the name of a file is missing after @",
			      l->option);
	f = fopen(name, "re");
	if (!f)
		return file_error(l, name, errno);
	errno = 0;
	err = file_lines(l, f, name, negated);
	if (ferror(f))
		err = file_error(l, name, errno ? errno : EIO);
	fclose(f);
	/* No filter at all is the opposite of what a list of nobody means. */
	if (!err && l->n == before && !negated)
		return errmsg(l->err, l->errlen, -EINVAL, "%s: there are no entries in the file '%s'",
			      l->option, errmsg_quote(name, strlen(name)));
	return err;
}

int list_each(const char *option, const char *list, list_fn fn, void *ctx, char *err, size_t errlen)
{
	struct list l = { option, fn, ctx, err, errlen, 0 };
	char *copy = strdup(list), *rest = copy, *s;
	int ret = copy ? 0 : errmsg(err, errlen, -ENOMEM, "out of memory");

	while (!ret && (s = strsep(&rest, ","))) {
		bool negated = false;

		s = strip_not(trim(s), &negated);
		ret = *s == '@' ? file(&l, s + 1, negated) : one(&l, s, negated, "");
	}
	free(copy);
	return ret;
}
