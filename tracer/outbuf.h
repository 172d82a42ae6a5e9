/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing buffer that a whole batch of output lines is formatted into, and
 * written from at once.  No stdio per field: formatting a line by hand takes
 * a fifth of what fprintf() and inet_ntop() take.
 *
 * Running out of memory is sticky: everything appended after it is dropped,
 * and outbuf_error() tells; so callers check once per line, not per field.
 */
#ifndef TCPLENS_OUTBUF_H
#define TCPLENS_OUTBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <linux/types.h>

struct outbuf {
	char *p;
	size_t len, cap;
	int err; /* 0 or -ENOMEM */
};

void outbuf__free(struct outbuf *b);

/* The slow path of outbuf_room(). */
bool outbuf_grow(struct outbuf *b, size_t more);

/* Makes room for `more` bytes; false: out of memory. */
static inline bool outbuf_room(struct outbuf *b, size_t more)
{
	return b->cap - b->len >= more || outbuf_grow(b, more);
}

static inline int outbuf_error(const struct outbuf *b)
{
	return b->err;
}

/* Forgets the contents and the error, keeps the memory. */
static inline void outbuf_reset(struct outbuf *b)
{
	b->len = 0;
	b->err = 0;
}

static inline void outbuf_mem(struct outbuf *b, const void *p, size_t n)
{
	if (!n || !outbuf_room(b, n))
		return;
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

static inline void outbuf_str(struct outbuf *b, const char *s)
{
	outbuf_mem(b, s, strlen(s));
}

static inline void outbuf_chr(struct outbuf *b, char c)
{
	if (outbuf_room(b, 1))
		b->p[b->len++] = c;
}

/* `n` times the character. */
void outbuf_fill(struct outbuf *b, char c, size_t n);

void outbuf_u64(struct outbuf *b, __u64 n);
void outbuf_i64(struct outbuf *b, __s64 n);

/*
 * For the hot paths, which have made room once for several pieces: bytes at `p`,
 * returning what is behind them.
 */

/* How many digits it has in decimal. */
unsigned int outbuf_digits(__u64 n);

#define OUTBUF_DIGITS_MAX 20

/* Writes the digits so that they end at `end`; returns where they begin. */
char *outbuf_put_digits(char *end, __u64 n);

/* As outbuf_dec(). */
char *outbuf_put_dec(char *p, __u64 n, unsigned int digits);

/* Decimal with leading zeros, exactly `digits` (at most 20) characters. */
void outbuf_dec(struct outbuf *b, __u64 n, unsigned int digits);

/* Lower-case hexadecimal, exactly `digits` characters; 0: as many as needed. */
void outbuf_hex(struct outbuf *b, __u64 n, unsigned int digits);

/*
 * An address of event.h: 16 bytes as on the wire.  `ip` 4 prints the last four
 * as a dotted quad, 6 prints RFC 5952 form.
 */
void outbuf_ip(struct outbuf *b, const __u8 addr[16], unsigned int ip);

/* 02:00:00:00:00:01 */
void outbuf_mac(struct outbuf *b, const __u8 mac[6]);

/*
 * Any bytes, safe on a terminal: printable UTF-8 as it is; every other byte
 * (controls, ESC, invalid UTF-8, C1 and bidirectional controls, characters
 * that are invisible) as \xNN, the backslash itself as two.  So the bytes can
 * be had back, and no two different strings look the same.
 * Returns the number of terminal columns.
 */
size_t outbuf_esc_text(struct outbuf *b, const void *p, size_t n);

/*
 * Any bytes as the inside of a JSON string (no quotes around it): valid UTF-8
 * is kept or \u-escaped without loss; a byte that is not part of valid UTF-8
 * becomes the four characters \xNN in the decoded string.
 */
void outbuf_esc_json(struct outbuf *b, const void *p, size_t n);

/* The same with the quotes. */
void outbuf_json_str(struct outbuf *b, const void *p, size_t n);

/*
 * Writes everything to `fd` and empties the buffer.  Goes on after short
 * writes and EINTR, waits where the descriptor is non-blocking.
 * Returns 0 or a negative errno (-EPIPE: the reader is gone; SIGPIPE has to be
 * ignored by the caller); the buffer is emptied in any case.
 */
int outbuf_flush(struct outbuf *b, int fd);

#endif
