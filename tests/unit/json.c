// SPDX-License-Identifier: BSD-2-Clause
#include "json.h"

#include <string.h>

#define KEYS_MAX 128

/* What is read, and the top-level members found on the way. */
struct reader {
	const char *p, *end;
	int depth;
	int n;
	struct {
		const char *key, *value;
		size_t keylen, len;
	} member[KEYS_MAX];
};

static bool value(struct reader *r);

static bool take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool take_word(struct reader *r, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n))
		return false;
	r->p += n;
	return true;
}

/* One UTF-8 sequence, by the table of RFC 3629: written apart from the code under test. */
static bool utf8(struct reader *r)
{
	static const struct {
		unsigned char lo, hi, lo2, hi2, more;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 0 }, { 0xe0, 0xe0, 0xa0, 0xbf, 1 },
		{ 0xe1, 0xec, 0x80, 0xbf, 1 }, { 0xed, 0xed, 0x80, 0x9f, 1 },
		{ 0xee, 0xef, 0x80, 0xbf, 1 }, { 0xf0, 0xf0, 0x90, 0xbf, 2 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 2 }, { 0xf4, 0xf4, 0x80, 0x8f, 2 },
	};
	const unsigned char *s = (const unsigned char *)r->p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (s[0] < rows[i].lo || s[0] > rows[i].hi)
			continue;
		if (r->end - r->p < rows[i].more + 2 || s[1] < rows[i].lo2 || s[1] > rows[i].hi2)
			return false;
		for (int k = 0; k < rows[i].more; k++)
			if (s[2 + k] < 0x80 || s[2 + k] > 0xbf)
				return false;
		r->p += rows[i].more + 2;
		return true;
	}
	return false;
}

/* Four hexadecimal digits; -1: not that. */
static long hex4(struct reader *r)
{
	long n = 0;

	if (r->end - r->p < 4)
		return -1;
	for (int i = 0; i < 4; i++, r->p++) {
		const char *digits = "0123456789abcdefABCDEF", *d = strchr(digits, *r->p);
		long v = d && *r->p ? d - digits : -1;

		if (v < 0)
			return -1;
		n = n << 4 | (v > 15 ? v - 6 : v);
	}
	return n;
}

static void put_utf8(long cp, char **out)
{
	if (cp < 0x80) {
		*(*out)++ = cp;
		return;
	}
	if (cp >= 0x10000) {
		*(*out)++ = 0xf0 | cp >> 18;
		*(*out)++ = 0x80 | (cp >> 12 & 0x3f);
	} else if (cp >= 0x800) {
		*(*out)++ = 0xe0 | cp >> 12;
	}
	*(*out)++ = cp >= 0x800 ? 0x80 | (cp >> 6 & 0x3f) : 0xc0 | cp >> 6;
	*(*out)++ = 0x80 | (cp & 0x3f);
}

/* After the backslash; surrogates have to come in pairs. */
static bool escape(struct reader *r, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *f = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;
	long cp, low;

	if (f) {
		r->p++;
		*(*out)++ = to[f - from];
		return true;
	}
	if (!take(r, 'u'))
		return false;
	cp = hex4(r);
	if (cp < 0 || (cp >= 0xdc00 && cp < 0xe000))
		return false;
	if (cp >= 0xd800 && cp < 0xdc00) {
		if (!take_word(r, "\\u"))
			return false;
		low = hex4(r);
		if (low < 0xdc00 || low >= 0xe000)
			return false;
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	put_utf8(cp, out);
	return true;
}

static bool string(struct reader *r, char *out, char **outend)
{
	if (!take(r, '"'))
		return false;
	while (r->p < r->end && *r->p != '"') {
		const char *p = r->p;

		if ((unsigned char)*p < 0x20)
			return false;
		if (*p == '\\') {
			r->p++;
			if (!escape(r, &out))
				return false;
			continue;
		}
		if ((unsigned char)*p < 0x80)
			r->p++;
		else if (!utf8(r))
			return false;
		memcpy(out, p, r->p - p);
		out += r->p - p;
	}
	*outend = out;
	return take(r, '"');
}

static bool digits(struct reader *r)
{
	const char *p = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > p;
}

static bool number(struct reader *r)
{
	take(r, '-');
	if (!take(r, '0') && !digits(r))
		return false;
	if (take(r, '.') && !digits(r))
		return false;
	if (!take(r, 'e') && !take(r, 'E'))
		return true;
	if (!take(r, '+'))
		take(r, '-');
	return digits(r);
}

static bool array(struct reader *r)
{
	if (!take(r, '['))
		return false;
	if (take(r, ']'))
		return true;
	do {
		if (!value(r))
			return false;
	} while (take(r, ','));
	return take(r, ']');
}

static bool known_key(const struct reader *r, const char *key, size_t len)
{
	for (int i = 0; i < r->n; i++)
		if (r->member[i].keylen == len && !memcmp(r->member[i].key, key, len))
			return true;
	return false;
}

static bool member(struct reader *r)
{
	char buf[4096], *bufend;
	const char *key = r->p, *val;
	size_t keylen;

	if (!string(r, buf, &bufend) || !take(r, ':'))
		return false;
	keylen = r->p - key - 3;
	val = r->p;
	if (!value(r))
		return false;
	if (r->depth > 1)
		return true;
	if (r->n == KEYS_MAX || known_key(r, key + 1, keylen))
		return false;
	r->member[r->n].key = key + 1;
	r->member[r->n].keylen = keylen;
	r->member[r->n].value = val;
	r->member[r->n++].len = r->p - val;
	return true;
}

static bool object(struct reader *r)
{
	bool ok;

	if (!take(r, '{'))
		return false;
	r->depth++;
	ok = take(r, '}');
	while (!ok) {
		if (!member(r))
			return false;
		ok = take(r, '}');
		if (!ok && !take(r, ','))
			return false;
	}
	r->depth--;
	return true;
}

static bool value(struct reader *r)
{
	char buf[4096], *bufend;

	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '{':
		return object(r);
	case '[':
		return array(r);
	case '"':
		return string(r, buf, &bufend);
	case 't':
		return take_word(r, "true");
	case 'f':
		return take_word(r, "false");
	case 'n':
		return take_word(r, "null");
	default:
		return number(r);
	}
}

static bool parse(struct reader *r, const char *text, size_t len)
{
	*r = (struct reader){ .p = text, .end = text + len };
	return len < 4096 && object(r) && r->p == r->end;
}

bool json_ok(const char *text, size_t len)
{
	struct reader r;

	return parse(&r, text, len);
}

const char *json_get(const char *text, const char *key)
{
	static char out[4096];
	struct reader r;

	if (!parse(&r, text, strcspn(text, "\n")))
		return NULL;
	for (int i = 0; i < r.n; i++) {
		if (strlen(key) != r.member[i].keylen ||
		    memcmp(key, r.member[i].key, r.member[i].keylen))
			continue;
		memcpy(out, r.member[i].value, r.member[i].len);
		out[r.member[i].len] = '\0';
		return out;
	}
	return NULL;
}

long json_decode(const char *text, size_t len, char *out, size_t outlen)
{
	struct reader r = { .p = text, .end = text + len };
	char *end;

	if (len > outlen || !string(&r, out, &end) || r.p != r.end)
		return -1;
	return end - out;
}

const char *json_keys(const char *text)
{
	static char out[4096];
	struct reader r;
	char *p = out;

	*out = '\0';
	if (!parse(&r, text, strcspn(text, "\n")))
		return "not JSON";
	for (int i = 0; i < r.n; i++) {
		if (i)
			*p++ = ',';
		memcpy(p, r.member[i].key, r.member[i].keylen);
		p += r.member[i].keylen;
	}
	*p = '\0';
	return out;
}
