// SPDX-License-Identifier: BSD-2-Clause
#include "errmsg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "outbuf.h"

int errmsg(char *err, size_t errlen, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return code;
}

#define SHOWN 40

const char *errmsg_quote(const char *s, size_t len)
{
	static char texts[4][SHOWN * 4 + 4]; /* each byte may become \xNN, and "..." */
	static unsigned int turn;
	char *text = texts[turn++ % 4];
	struct outbuf b = {};

	outbuf_esc_text(&b, s, len < SHOWN ? len : SHOWN);
	if (len > SHOWN)
		outbuf_str(&b, "...");
	snprintf(text, sizeof(texts[0]), "%.*s", (int)b.len, b.p ? b.p : "");
	outbuf__free(&b);
	return text;
}
