// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the traced world may have chosen (a process calls itself "\033[2J"),
 * made harmless for terminals and valid for JSON.
 */
#include "outbuf.h"

static bool is_cont(__u8 c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * The code point of the UTF-8 sequence at `s` and its length; 0: not valid
 * (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
 */
static int utf8_next(const __u8 *s, size_t n, __u32 *cp)
{
	static const __u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
						      s[0] < 0xf5 ? 4 : 0;

	if (!len || (size_t)len > n)
		return 0;
	*cp = len == 1 ? s[0] : s[0] & (0x7f >> len);
	for (int i = 1; i < len; i++) {
		if (!is_cont(s[i]))
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
		return 0;
	return len;
}

struct cp_range {
	__u32 first, last;
};

static bool in_ranges(const struct cp_range *r, size_t n, __u32 cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= r[i].first && cp <= r[i].last)
			return true;
	return false;
}

#define IN_RANGES(r, cp) in_ranges(r, sizeof(r) / sizeof((r)[0]), cp)

/*
 * What moves, reorders or hides text: controls (C1 too: U+009B is another
 * CSI), bidirectional and other format characters, blanks that look like
 * nothing, line separators, private use and noncharacters.
 */
static bool cp_unsafe(__u32 cp)
{
	static const struct cp_range unsafe[] = {
		{ 0x00, 0x1f },	      { 0x7f, 0xa0 },	    { 0xad, 0xad },
		{ 0x34f, 0x34f },     { 0x61c, 0x61c },	    { 0x115f, 0x1160 },
		{ 0x1680, 0x1680 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
		{ 0x2000, 0x200f },   { 0x2028, 0x202f },   { 0x205f, 0x206f },
		{ 0x2800, 0x2800 },   { 0x3000, 0x3000 },   { 0x3164, 0x3164 },
		{ 0xe000, 0xf8ff },   { 0xfdd0, 0xfdef },   { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },   { 0xfff0, 0xffff },
		{ 0x1d173, 0x1d17a }, { 0xe0000, 0x10ffff },
	};

	return IN_RANGES(unsafe, cp);
}

/* Columns on a terminal: enough of UAX #11 to keep a table straight. */
static size_t cp_width(__u32 cp)
{
	static const struct cp_range none[] = {
		{ 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd }, { 0x610, 0x61a },
		{ 0x64b, 0x65f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff },
		{ 0xfe20, 0xfe2f },
	};
	static const struct cp_range wide[] = {
		{ 0x1100, 0x115e },   { 0x2e80, 0xa4cf },   { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff01, 0xff60 },
		{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff },
		{ 0x1f900, 0x1faff }, { 0x20000, 0x3fffd },
	};

	if (cp < 0x300)
		return 1;
	if (IN_RANGES(none, cp))
		return 0;
	return IN_RANGES(wide, cp) ? 2 : 1;
}

static size_t esc_bytes(struct outbuf *b, const __u8 *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		outbuf_mem(b, "\\x", 2);
		outbuf_hex(b, s[i], 2);
	}
	return 4 * n;
}

/* How many bytes from here need no look at all. */
static size_t plain_run(const __u8 *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '\\' && s[i] != '"')
		i++;
	return i;
}

/* One character that is not plain; returns its bytes, adds its columns. */
static size_t esc_text_char(struct outbuf *b, const __u8 *s, size_t n, size_t *cols)
{
	__u32 cp = 0;
	int len = utf8_next(s, n, &cp);

	if (!len || cp_unsafe(cp)) {
		len = len ? len : 1;
		*cols += esc_bytes(b, s, len);
	} else if (cp == '\\') {
		outbuf_mem(b, "\\\\", 2);
		*cols += 2;
	} else {
		outbuf_mem(b, s, len);
		*cols += cp_width(cp);
	}
	return len;
}

size_t outbuf_esc_text(struct outbuf *b, const void *p, size_t n)
{
	const __u8 *s = p;
	size_t cols = 0;

	for (size_t i = 0; i < n;) {
		size_t run = plain_run(s + i, n - i);

		outbuf_mem(b, s + i, run);
		i += run;
		cols += run;
		if (i < n)
			i += esc_text_char(b, s + i, n - i, &cols);
	}
	return cols;
}

static void json_unit(struct outbuf *b, __u32 unit)
{
	outbuf_mem(b, "\\u", 2);
	outbuf_hex(b, unit, 4);
}

/* A code point that may not, or should not, stand as it is. */
static void json_cp(struct outbuf *b, __u32 cp)
{
	if (cp == '"' || cp == '\\') {
		outbuf_chr(b, '\\');
		outbuf_chr(b, cp);
	} else if (cp < 0x10000) {
		json_unit(b, cp);
	} else {
		json_unit(b, 0xd800 + ((cp - 0x10000) >> 10));
		json_unit(b, 0xdc00 + ((cp - 0x10000) & 0x3ff));
	}
}

static size_t esc_json_char(struct outbuf *b, const __u8 *s, size_t n)
{
	__u32 cp = 0;
	int len = utf8_next(s, n, &cp);

	if (!len) {
		outbuf_mem(b, "\\\\x", 3);
		outbuf_hex(b, s[0], 2);
		return 1;
	}
	if (cp == '"' || cp == '\\' || cp_unsafe(cp))
		json_cp(b, cp);
	else
		outbuf_mem(b, s, len);
	return len;
}

void outbuf_esc_json(struct outbuf *b, const void *p, size_t n)
{
	const __u8 *s = p;

	for (size_t i = 0; i < n;) {
		size_t run = plain_run(s + i, n - i);

		outbuf_mem(b, s + i, run);
		i += run;
		if (i < n)
			i += esc_json_char(b, s + i, n - i);
	}
}

void outbuf_json_str(struct outbuf *b, const void *p, size_t n)
{
	outbuf_chr(b, '"');
	outbuf_esc_json(b, p, n);
	outbuf_chr(b, '"');
}
