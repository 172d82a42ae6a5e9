// SPDX-License-Identifier: BSD-2-Clause
/* Each kind of value: as text, and as JSON. */
#include "fields.h"
#include "names.h"
#include "resolve.h"
#include "trouble.h"

#define NSEC 1000000000LL

/* Days since 1970-01-01 to year, month, day, proleptic Gregorian; years begin in March here. */
static void civil_of_days(__s64 days, int *year, int *month, int *day)
{
	__s64 z = days + 719468; /* since 0000-03-01 */
	__s64 era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned int doe = z - era * 146097; /* day of the 400 years */
	unsigned int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned int m = (5 * doy + 2) / 153; /* 0: March */

	*day = doy - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static void remember(struct fsecond *c, const struct outbuf *b, size_t begin, __s64 sec)
{
	size_t len = b->len - begin;

	if (b->err || len > sizeof(c->text))
		return;
	memcpy(c->text, b->p + begin, len);
	c->len = len;
	c->sec = sec;
}

static void put_hms(struct outbuf *b, unsigned int h, unsigned int m, unsigned int s)
{
	outbuf_dec(b, h, 2);
	outbuf_chr(b, ':');
	outbuf_dec(b, m, 2);
	outbuf_chr(b, ':');
	outbuf_dec(b, s, 2);
}

static void put_local(struct outbuf *b, struct fsecond *c, __s64 sec)
{
	size_t begin = b->len;
	time_t t = sec;
	struct tm tm = {};

	if (c->len && c->sec == sec) {
		outbuf_mem(b, c->text, c->len);
		return;
	}
	localtime_r(&t, &tm);
	put_hms(b, tm.tm_hour, tm.tm_min, tm.tm_sec);
	remember(c, b, begin, sec);
}

static void put_utc(struct outbuf *b, struct fsecond *c, __s64 sec)
{
	__s64 days = (sec >= 0 ? sec : sec - 86399) / 86400;
	unsigned int rest = sec - days * 86400;
	size_t begin = b->len;
	int year, month, day;

	if (c->len && c->sec == sec) {
		outbuf_mem(b, c->text, c->len);
		return;
	}
	civil_of_days(days, &year, &month, &day);
	outbuf_dec(b, year, 4);
	outbuf_chr(b, '-');
	outbuf_dec(b, month, 2);
	outbuf_chr(b, '-');
	outbuf_dec(b, day, 2);
	outbuf_chr(b, 'T');
	put_hms(b, rest / 3600, rest / 60 % 60, rest % 60);
	remember(c, b, begin, sec);
}

/* Events may be older than the start: a SYN that waited for its answer. */
static void put_since(struct outbuf *b, const struct fctx *ctx, __s64 ns)
{
	__u64 start = ctx->start_mono_ns + (__u64)ctx->mono_to_real;
	__s64 since = (__s64)((__u64)ns - start);
	__u64 abs = since < 0 ? -(__u64)since : (__u64)since;

	if (since < 0)
		outbuf_chr(b, '-');
	outbuf_u64(b, abs / NSEC);
	outbuf_chr(b, '.');
	outbuf_dec(b, abs % NSEC / 1000, 6);
}

void field_time(struct outbuf *b, struct fctx *ctx, enum time_format format, __s64 ns)
{
	__s64 sec = ns / NSEC, rest = ns % NSEC;

	if (rest < 0) {
		rest += NSEC;
		sec--;
	}
	switch (format) {
	case TIME_SINCE:
		put_since(b, ctx, ns);
		return;
	case TIME_RFC3339:
		put_utc(b, &ctx->utc, sec);
		outbuf_chr(b, '.');
		outbuf_dec(b, rest, 9);
		outbuf_chr(b, 'Z');
		return;
	case TIME_LOCAL:
		put_local(b, &ctx->local, sec);
		outbuf_chr(b, '.');
		if (ctx->short_time)
			outbuf_dec(b, rest / 1000000, 3);
		else
			outbuf_dec(b, rest / 1000, 6);
		return;
	}
}

/* Nanoseconds of the second that field_time() wrote last; NSEC or more: it is another one. */
static __u64 rest_of_second(const struct fsecond *c, __s64 ns)
{
	return c->len ? (__u64)ns - (__u64)c->sec * NSEC : NSEC;
}

static const struct fsecond *second_of(const struct fctx *ctx)
{
	return ctx->time_format == TIME_LOCAL ? &ctx->local : &ctx->utc;
}

static __u64 since_start(const struct fctx *ctx, __s64 ns)
{
	return (__u64)ns - ctx->start_mono_ns - (__u64)ctx->mono_to_real;
}

unsigned int field_time_len(const struct fctx *ctx, __s64 ns)
{
	const struct fsecond *c = second_of(ctx);

	if (ctx->time_format == TIME_SINCE) {
		__u64 since = since_start(ctx, ns);

		return (__s64)since < 0 ? 0 : outbuf_digits(since / NSEC) + 7;
	}
	if (rest_of_second(c, ns) >= NSEC)
		return 0;
	return c->len + (ctx->time_format != TIME_LOCAL ? 11 : ctx->short_time ? 4 : 7);
}

void field_time_again(char *p, const struct fctx *ctx, __s64 ns)
{
	const struct fsecond *c = second_of(ctx);
	__u64 rest, sec;

	if (ctx->time_format == TIME_SINCE) {
		sec = since_start(ctx, ns) / NSEC;
		rest = since_start(ctx, ns) % NSEC;
		p += outbuf_digits(sec);
		outbuf_put_digits(p, sec);
	} else {
		rest = rest_of_second(c, ns);
		memcpy(p, c->text, c->len);
		p += c->len;
	}
	*p++ = '.';
	if (ctx->time_format == TIME_RFC3339)
		*outbuf_put_dec(p, rest, 9) = 'Z';
	else if (ctx->time_format == TIME_LOCAL && ctx->short_time)
		outbuf_put_dec(p, rest / 1000000, 3);
	else
		outbuf_put_dec(p, rest / 1000, 6);
}

unsigned int field_width(const struct field *f, const struct fctx *ctx)
{
	if (f->kind == FK_TIME && ctx->time_format == TIME_RFC3339)
		return 30;
	if (f->kind == FK_TIME && (ctx->time_format == TIME_SINCE || ctx->short_time))
		return 12;
	/* Relative numbers are small as a rule, absolute ones are not. */
	if (ctx->absolute && (!strcmp(f->name, "seq") || !strcmp(f->name, "ack")))
		return 10;
	return f->width;
}

bool field_right(const struct field *f, const struct fctx *ctx)
{
	return f->right || (f->kind == FK_TIME && ctx->time_format == TIME_SINCE);
}

/* The number of characters appended since `begin`, of text that is plain ASCII. */
static size_t ascii_since(const struct outbuf *b, size_t begin)
{
	return b->len - begin;
}

/* A name instead of a number, if there is one; returns its columns, 0: none. */
static size_t put_addr_name(struct outbuf *b, const struct fvalue *v, struct fctx *ctx)
{
	char name[RESOLVE_NAME_MAX];

	if (!ctx->resolver || !resolver_addr(ctx->resolver, v->end.addr, v->end.ip, name))
		return 0;
	return outbuf_esc_text(b, name, strlen(name));
}

static size_t put_port(struct outbuf *b, __u16 port, struct fctx *ctx)
{
	const char *name = ctx->resolver ? resolver_port(ctx->resolver, port) : NULL;
	size_t begin = b->len;

	if (name)
		return outbuf_esc_text(b, name, strlen(name));
	outbuf_u64(b, port);
	return ascii_since(b, begin);
}

static size_t put_addr(struct outbuf *b, const struct fvalue *v, struct fctx *ctx)
{
	size_t begin = b->len, cols = put_addr_name(b, v, ctx);

	if (cols)
		return cols;
	outbuf_ip(b, v->end.addr, v->end.ip);
	return ascii_since(b, begin);
}

/* addr:port, or [addr]:port where the address has colons itself (RFC 5952, 6). */
static size_t put_end(struct outbuf *b, const struct fvalue *v, struct fctx *ctx)
{
	size_t begin = b->len, cols = put_addr_name(b, v, ctx);

	if (!cols) {
		if (v->end.ip == 6)
			outbuf_chr(b, '[');
		outbuf_ip(b, v->end.addr, v->end.ip);
		if (v->end.ip == 6)
			outbuf_chr(b, ']');
		cols = ascii_since(b, begin);
	}
	outbuf_chr(b, ':');
	if (v->end.port)
		return cols + 1 + put_port(b, v->end.port, ctx);
	outbuf_chr(b, '-');
	return cols + 2;
}

static void make_flags(struct outbuf *b, unsigned int flags, const char *quote)
{
	const char *sep = "";

	for (int i = 0; i < FLAG_NAMES; i++) {
		if (!(flags >> i & 1))
			continue;
		outbuf_str(b, sep);
		outbuf_str(b, quote);
		outbuf_str(b, flag_names[i]);
		outbuf_str(b, quote);
		sep = ",";
	}
}

static void put_flags(struct outbuf *b, unsigned int flags, const char *quote, struct flagtext *made)
{
	size_t begin = b->len, len;

	if (flags >= FLAGTEXT_MAX) {
		make_flags(b, flags, quote);
		return;
	}
	made += flags;
	if (made->len) {
		outbuf_mem(b, made->text, made->len);
		return;
	}
	make_flags(b, flags, quote);
	len = b->len - begin;
	if (b->err || len > sizeof(made->text))
		return;
	memcpy(made->text, b->p + begin, len);
	made->len = len;
}

/* What a process calls itself, so that it can't pass for "no name known". */
static size_t put_bytes(struct outbuf *b, const struct fvalue *v)
{
	if (!v->bytes.n) {
		outbuf_mem(b, "\"\"", 2);
		return 2;
	}
	if (v->bytes.n == 1 && *v->bytes.p == '-') {
		outbuf_mem(b, "\\x2d", 4);
		return 4;
	}
	return outbuf_esc_text(b, v->bytes.p, v->bytes.n);
}

static void put_scaled(struct outbuf *b, __u64 v, __u64 unit, const char *name)
{
	unsigned int digits = v < 10 * unit ? 2 : v < 100 * unit ? 1 : 0;

	outbuf_u64(b, v / unit);
	if (digits) {
		outbuf_chr(b, '.');
		outbuf_dec(b, v % unit * (digits == 2 ? 100 : 10) / unit, digits);
	}
	outbuf_str(b, name);
}

static void put_size(struct outbuf *b, __u64 v)
{
	static const char *const units[] = { "K", "M", "G", "T", "P", "E" };
	__u64 unit = 1024;
	size_t i = 0;

	if (v < 10000) {
		outbuf_u64(b, v);
		return;
	}
	while (i + 1 < sizeof(units) / sizeof(units[0]) && v / unit >= 1000) {
		unit *= 1024;
		i++;
	}
	put_scaled(b, v, unit, units[i]);
}

void put_usec(struct outbuf *b, __u64 v)
{
	if (v < 1000) {
		outbuf_u64(b, v);
		outbuf_str(b, "us");
	} else if (v < 1000000) {
		put_scaled(b, v, 1000, "ms");
	} else {
		put_scaled(b, v, 1000000, "s");
	}
}

/* The largest first in text: "path 88%, app 12%". */
static void put_shares(struct outbuf *b, const __u8 *shares)
{
	bool done[LIMIT_MAX] = {};
	const char *sep = "";

	for (int n = 0; n < LIMIT_MAX; n++) {
		int best = -1;

		for (int i = 0; i < LIMIT_MAX; i++)
			if (!done[i] && shares[i] && (best < 0 || shares[i] > shares[best]))
				best = i;
		if (best < 0)
			break;
		done[best] = true;
		outbuf_str(b, sep);
		outbuf_str(b, limit_name(best));
		outbuf_chr(b, ' ');
		outbuf_u64(b, shares[best]);
		outbuf_chr(b, '%');
		sep = ", ";
	}
}

static void json_shares(struct outbuf *b, const __u8 *shares)
{
	for (int i = 0; i < LIMIT_MAX; i++) {
		outbuf_str(b, i ? ",\"" : "{\"");
		outbuf_str(b, limit_name(i));
		outbuf_str(b, "\":");
		outbuf_u64(b, shares[i]);
	}
	outbuf_chr(b, '}');
}

static void put_tenths(struct outbuf *b, __u64 v)
{
	outbuf_u64(b, v / 10);
	outbuf_chr(b, '.');
	outbuf_dec(b, v % 10, 1);
}

size_t field_text(struct outbuf *b, const struct field *f, const struct fvalue *v,
		  struct fctx *ctx)
{
	size_t begin = b->len;

	switch (f->kind) {
	case FK_UINT:
	case FK_ID:
	case FK_BIGID:
		outbuf_u64(b, v->u);
		break;
	case FK_BOOL:
		outbuf_str(b, v->u ? "yes" : "no");
		break;
	case FK_NAME:
	case FK_SHORT:
		outbuf_str(b, v->name);
		break;
	case FK_BYTES:
		return put_bytes(b, v);
	case FK_TIME:
		field_time(b, ctx, ctx->time_format, v->ns);
		break;
	case FK_ADDR:
		return put_addr(b, v, ctx);
	case FK_PORT:
	case FK_SERVICE:
		return put_port(b, v->u, ctx);
	case FK_END:
		return put_end(b, v, ctx);
	case FK_FLAGS:
		if (v->u)
			put_flags(b, v->u, "", ctx->flags_text);
		else
			outbuf_str(b, "none");
		break;
	case FK_MAC:
		outbuf_mac(b, v->mac);
		break;
	case FK_SIZE:
		put_size(b, v->u);
		break;
	case FK_USEC:
		put_usec(b, v->u);
		break;
	case FK_TENTHS:
		put_tenths(b, v->u);
		break;
	case FK_TROUBLE:
		return trouble_text(b, v->ev, f->width);
	case FK_SHARES:
		put_shares(b, v->shares);
		break;
	}
	return ascii_since(b, begin);
}

/* Readers that keep numbers as doubles are exact up to here. */
#define EXACT_MAX (1ULL << 53)

static void json_plain(struct outbuf *b, const struct field *f, const struct fvalue *v,
		       struct fctx *ctx)
{
	outbuf_chr(b, '"');
	if (f->kind == FK_TIME)
		field_time(b, ctx, TIME_RFC3339, v->ns);
	else
		field_text(b, f, v, ctx);
	outbuf_chr(b, '"');
}

void field_json(struct outbuf *b, const struct field *f, const struct fvalue *v, struct fctx *ctx)
{
	switch (f->kind) {
	case FK_UINT:
	case FK_PORT:
	case FK_SERVICE:
	case FK_SIZE:
	case FK_USEC:
		outbuf_u64(b, v->u);
		return;
	case FK_TENTHS:
		put_tenths(b, v->u);
		return;
	case FK_SHARES:
		json_shares(b, v->shares);
		return;
	case FK_BOOL:
		outbuf_str(b, v->u ? "true" : "false");
		return;
	case FK_BIGID:
		if (v->u <= EXACT_MAX) {
			outbuf_u64(b, v->u);
			return;
		}
		break;
	case FK_FLAGS:
		outbuf_chr(b, '[');
		put_flags(b, v->u, "\"", ctx->flags_json);
		outbuf_chr(b, ']');
		return;
	case FK_BYTES:
		outbuf_json_str(b, v->bytes.p, v->bytes.n);
		return;
	default:
		break;
	}
	json_plain(b, f, v, ctx);
}
