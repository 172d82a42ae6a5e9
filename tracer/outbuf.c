// SPDX-License-Identifier: BSD-2-Clause
#include "outbuf.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

void outbuf__free(struct outbuf *b)
{
	if (!b)
		return;
	free(b->p);
	*b = (struct outbuf){};
}

bool outbuf_grow(struct outbuf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 4096;
	char *p;

	if (b->err)
		return false;
	if (more > (size_t)-1 / 4 - b->len)
		goto nomem;
	while (cap - b->len < more)
		cap *= 2;
	p = realloc(b->p, cap);
	if (!p)
		goto nomem;
	b->p = p;
	b->cap = cap;
	return true;
nomem:
	/*
	 * No room from now on, not even for what would still fit: half a line
	 * would look like a whole one.
	 */
	b->err = -ENOMEM;
	b->cap = b->len;
	return false;
}

void outbuf_fill(struct outbuf *b, char c, size_t n)
{
	if (!n || !outbuf_room(b, n))
		return;
	memset(b->p + b->len, c, n);
	b->len += n;
}

static const char digit_pairs[] = "00010203040506070809"
				  "10111213141516171819"
				  "20212223242526272829"
				  "30313233343536373839"
				  "40414243444546474849"
				  "50515253545556575859"
				  "60616263646566676869"
				  "70717273747576777879"
				  "80818283848586878889"
				  "90919293949596979899";

char *outbuf_put_digits(char *end, __u64 n)
{
	while (n >= 100) {
		end -= 2;
		memcpy(end, &digit_pairs[n % 100 * 2], 2);
		n /= 100;
	}
	if (n >= 10) {
		end -= 2;
		memcpy(end, &digit_pairs[n * 2], 2);
	} else {
		*--end = '0' + n;
	}
	return end;
}

unsigned int outbuf_digits(__u64 n)
{
	static const __u64 pow10[] = {
		1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
		1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
		10000000000000000000u,
	};
	unsigned int bits = 64 - __builtin_clzll(n | 1);
	unsigned int log = bits * 1233 >> 12; /* * log10(2): exact, or one too many */

	return log + (log < OUTBUF_DIGITS_MAX && (n | 1) >= pow10[log]);
}

void outbuf_u64(struct outbuf *b, __u64 n)
{
	unsigned int digits = outbuf_digits(n);

	if (!outbuf_room(b, digits))
		return;
	outbuf_put_digits(b->p + b->len + digits, n);
	b->len += digits;
}

void outbuf_i64(struct outbuf *b, __s64 n)
{
	if (n < 0)
		outbuf_chr(b, '-');
	outbuf_u64(b, n < 0 ? -(__u64)n : (__u64)n);
}

char *outbuf_put_dec(char *p, __u64 n, unsigned int digits)
{
	char *end = p + digits;

	for (; digits >= 2; digits -= 2) {
		memcpy(p + digits - 2, &digit_pairs[n % 100 * 2], 2);
		n /= 100;
	}
	if (digits)
		*p = '0' + n % 10;
	return end;
}

void outbuf_dec(struct outbuf *b, __u64 n, unsigned int digits)
{
	if (digits > OUTBUF_DIGITS_MAX)
		digits = OUTBUF_DIGITS_MAX;
	if (!outbuf_room(b, digits))
		return;
	outbuf_put_dec(b->p + b->len, n, digits);
	b->len += digits;
}

static const char hex_digits[] = "0123456789abcdef";

void outbuf_hex(struct outbuf *b, __u64 n, unsigned int digits)
{
	char text[16], *end = text + sizeof(text), *p = end;

	do {
		*--p = hex_digits[n & 15];
		n >>= 4;
	} while (p > text && (digits ? end - p < (int)digits : n != 0));
	outbuf_mem(b, p, end - p);
}

static char *put_byte(char *p, __u8 n)
{
	if (n >= 100) {
		*p++ = '0' + n / 100;
		n %= 100;
		memcpy(p, &digit_pairs[n * 2], 2);
		return p + 2;
	}
	if (n >= 10) {
		memcpy(p, &digit_pairs[n * 2], 2);
		return p + 2;
	}
	*p = '0' + n;
	return p + 1;
}

static char *put_ip4(char *p, const __u8 *a)
{
	for (int i = 0; i < 4; i++) {
		p = put_byte(p, a[i]);
		*p++ = '.';
	}
	return p - 1;
}

/* Finds the longest run of two zero words or more, the first of equals (RFC 5952, 4.2). */
static int longest_zeros(const __u16 w[8], int *len)
{
	int best = -1;

	*len = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && !w[i + n])
			n++;
		if (n > *len) {
			best = i;
			*len = n;
		}
		i += n;
	}
	return best;
}

static char *put_word(char *p, __u16 w)
{
	int shift = 12;

	while (shift && !(w >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = hex_digits[w >> shift & 15];
	return p;
}

static char *put_ip6(char *p, const __u8 *a)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	int zeros, nzeros, i;
	__u16 w[8];

	if (!memcmp(a, mapped, sizeof(mapped))) {
		memcpy(p, "::ffff:", 7);
		return put_ip4(p + 7, a + 12);
	}
	for (i = 0; i < 8; i++)
		w[i] = a[2 * i] << 8 | a[2 * i + 1];
	zeros = longest_zeros(w, &nzeros);
	for (i = 0; i < 8;) {
		if (i == zeros) {
			*p++ = ':';
			i += nzeros;
			if (i == 8)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = put_word(p, w[i++]);
	}
	return p;
}

void outbuf_ip(struct outbuf *b, const __u8 addr[16], unsigned int ip)
{
	char *p;

	if (!outbuf_room(b, 48))
		return;
	p = b->p + b->len;
	p = ip == 4 ? put_ip4(p, addr + 12) : put_ip6(p, addr);
	b->len = p - b->p;
}

void outbuf_mac(struct outbuf *b, const __u8 mac[6])
{
	char *p;

	if (!outbuf_room(b, 18))
		return;
	p = b->p + b->len;
	for (int i = 0; i < 6; i++) {
		*p++ = hex_digits[mac[i] >> 4];
		*p++ = hex_digits[mac[i] & 15];
		*p++ = ':';
	}
	b->len += 17;
}

/* The descriptor is non-blocking (inherited so): waits until it takes more. */
static int wait_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

int outbuf_flush(struct outbuf *b, int fd)
{
	size_t done = 0;
	int err = 0;

	while (!err && done < b->len) {
		ssize_t n = write(fd, b->p + done, b->len - done);

		if (n >= 0)
			done += n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			err = wait_writable(fd);
		else if (errno != EINTR)
			err = -errno;
	}
	b->len = 0;
	return err ? err : b->err;
}
