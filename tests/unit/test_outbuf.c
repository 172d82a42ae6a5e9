// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "json.h"
#include "outbuf.h"

/* What is in the buffer, as a string; empties it. */
static const char *text(struct outbuf *b)
{
	outbuf_chr(b, '\0');
	assert_int_equal(outbuf_error(b), 0);
	b->len = 0;
	return b->p;
}

static void test_numbers(void **state)
{
	static const __u64 numbers[] = { 0, 1, 9, 10, 99, 100, 101, 999, 1000, 12345,
					 99999, 100000, 4294967295ULL, 4294967296ULL,
					 9999999999999999999ULL, 10000000000000000000ULL, ~0ULL };
	struct outbuf b = {};
	char want[64];
	__u64 seed = 1;

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		__u64 n = i < COUNT(numbers) ? numbers[i] : random_u64(&seed) >> (i % 64);

		outbuf_u64(&b, n);
		snprintf(want, sizeof(want), "%" PRIu64, (uint64_t)n);
		assert_string_equal(text(&b), want);
		outbuf_i64(&b, (__s64)n);
		snprintf(want, sizeof(want), "%" PRId64, (int64_t)n);
		assert_string_equal(text(&b), want);
		outbuf_hex(&b, n, 0);
		snprintf(want, sizeof(want), "%" PRIx64, (uint64_t)n);
		assert_string_equal(text(&b), want);
		outbuf_dec(&b, n % 1000000, 6);
		snprintf(want, sizeof(want), "%06" PRIu64, (uint64_t)(n % 1000000));
		assert_string_equal(text(&b), want);
	}
	outbuf_dec(&b, ~0ULL, 20);
	assert_string_equal(text(&b), "18446744073709551615");
	outbuf_dec(&b, 7, 99);
	assert_string_equal(text(&b), "00000000000000000007");
	outbuf_hex(&b, 0xab, 4);
	assert_string_equal(text(&b), "00ab");
	outbuf__free(&b);
}

static void check_ip6(struct outbuf *b, const __u8 *a)
{
	static const __u8 low[12];
	char want[INET6_ADDRSTRLEN];

	/* ::1.2.3.4 is obsolete (RFC 4291, 2.5.5.1): inet_ntop() still writes it, RFC 5952 not. */
	if (!memcmp(a, low, 12) && (a[12] || a[13]))
		return;
	inet_ntop(AF_INET6, a, want, sizeof(want));
	outbuf_ip(b, a, 6);
	assert_string_equal(text(b), want);
}

static void test_addresses(void **state)
{
	static const char *const six[] = { "::", "::1", "1::", "fe80::1", "2001:db8::1:0:0:1",
					   "2001:db8:0:1:1:1:1:1", "2001:0:0:1:0:0:0:1",
					   "1:0:2:0:3:0:4:0", "::ffff:1.2.3.4", "0:1::",
					   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	struct outbuf b = {};
	char want[INET6_ADDRSTRLEN];
	__u64 seed = 2;
	__u8 a[16];

	(void)state;
	for (size_t i = 0; i < COUNT(six); i++) {
		inet_pton(AF_INET6, six[i], a);
		check_ip6(&b, a);
	}
	for (int i = 0; i < 20000; i++) {
		__u64 zero = random_u64(&seed);

		/* Mostly zeros: their runs are what is difficult. */
		for (int k = 0; k < 16; k++)
			a[k] = zero >> k & 1 ? random_u64(&seed) >> (i % 8) & 0xff : 0;
		check_ip6(&b, a);
		outbuf_ip(&b, a, 4);
		inet_ntop(AF_INET, a + 12, want, sizeof(want));
		assert_string_equal(text(&b), want);
	}
	outbuf_mac(&b, (const __u8 *)"\x02\x00\x5e\xff\x0a\x99");
	assert_string_equal(text(&b), "02:00:5e:ff:0a:99");
	outbuf__free(&b);
}

struct esc_case {
	const char *in;
	size_t n; /* 0: strlen */
	const char *text;
	size_t cols;
	const char *json; /* between the quotes */
};

static const struct esc_case esc_cases[] = {
	{ "nginx", 0, "nginx", 5, "nginx" },
	{ "", 0, "", 0, "" },
	{ "tmux: server", 0, "tmux: server", 12, "tmux: server" },
	{ "\033[2J", 0, "\\x1b[2J", 7, "\\u001b[2J" },
	{ "a\nb\tc\r", 0, "a\\x0ab\\x09c\\x0d", 15, "a\\u000ab\\u0009c\\u000d" },
	{ "a\\x1b", 0, "a\\\\x1b", 6, "a\\\\x1b" },
	{ "say \"hi\"", 0, "say \"hi\"", 8, "say \\\"hi\\\"" },
	{ "\x7f", 0, "\\x7f", 4, "\\u007f" },
	{ "a\0b", 3, "a\\x00b", 6, "a\\u0000b" },
	{ "caf\xc3\xa9", 0, "caf\xc3\xa9", 4, "caf\xc3\xa9" },
	{ "\xe6\x97\xa5\xe6\x9c\xac", 0, "\xe6\x97\xa5\xe6\x9c\xac", 4, "\xe6\x97\xa5\xe6\x9c\xac" },
	{ "\xf0\x9f\x98\x80", 0, "\xf0\x9f\x98\x80", 2, "\xf0\x9f\x98\x80" },
	{ "e\xcc\x81", 0, "e\xcc\x81", 1, "e\xcc\x81" },
	/* C1: U+009B is CSI to terminals that know 8-bit controls. */
	{ "\xc2\x9b" "2J", 0, "\\xc2\\x9b2J", 10, "\\u009b2J" },
	{ "\x9b" "2J", 0, "\\x9b2J", 6, "\\\\x9b2J" },
	/* Right-to-left override, zero-width space, byte order mark, tag. */
	{ "a\xe2\x80\xae" "b", 0, "a\\xe2\\x80\\xaeb", 14, "a\\u202eb" },
	{ "a\xe2\x80\x8b", 0, "a\\xe2\\x80\\x8b", 13, "a\\u200b" },
	{ "\xef\xbb\xbf", 0, "\\xef\\xbb\\xbf", 12, "\\ufeff" },
	{ "\xf3\xa0\x80\x81", 0, "\\xf3\\xa0\\x80\\x81", 16, "\\udb40\\udc01" },
	/* Not UTF-8: alone, cut off, overlong, surrogate, beyond U+10FFFF. */
	{ "\xff\xfe", 0, "\\xff\\xfe", 8, "\\\\xff\\\\xfe" },
	{ "\xc3", 0, "\\xc3", 4, "\\\\xc3" },
	{ "\xe6\x97", 0, "\\xe6\\x97", 8, "\\\\xe6\\\\x97" },
	{ "\xc0\xaf", 0, "\\xc0\\xaf", 8, "\\\\xc0\\\\xaf" },
	{ "\xe0\x80\xaf", 0, "\\xe0\\x80\\xaf", 12, "\\\\xe0\\\\x80\\\\xaf" },
	{ "\xed\xa0\x80", 0, "\\xed\\xa0\\x80", 12, "\\\\xed\\\\xa0\\\\x80" },
	{ "\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80", 16, "\\\\xf4\\\\x90\\\\x80\\\\x80" },
	{ "\x80", 0, "\\x80", 4, "\\\\x80" },
};

static void test_escape(void **state)
{
	struct outbuf b = {};

	(void)state;
	for (size_t i = 0; i < COUNT(esc_cases); i++) {
		const struct esc_case *c = &esc_cases[i];
		size_t n = c->n ? c->n : strlen(c->in);

		assert_int_equal(outbuf_esc_text(&b, c->in, n), c->cols);
		assert_string_equal(text(&b), c->text);
		outbuf_esc_json(&b, c->in, n);
		assert_string_equal(text(&b), c->json);
	}
	outbuf__free(&b);
}

/* Nothing a terminal acts on may be left, whatever the bytes. */
static void assert_harmless(const struct outbuf *b)
{
	for (size_t i = 0; i < b->len; i++)
		assert_true((unsigned char)b->p[i] >= 0x20 && b->p[i] != 0x7f);
}

static int unhex(const char *s)
{
	unsigned int n;

	assert_int_equal(sscanf(s, "%2x", &n), 1);
	return n;
}

/* Reads escaped text back: it has to be what was written. */
static void assert_reversible(const struct outbuf *b, const __u8 *in, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < b->len; k++) {
		int c = (unsigned char)b->p[i++];

		if (c == '\\' && b->p[i] == '\\') {
			i++;
		} else if (c == '\\') {
			assert_true(b->p[i] == 'x' && i + 2 < b->len);
			c = unhex(b->p + i + 1);
			i += 3;
		}
		assert_true(k < n);
		assert_int_equal(c, in[k]);
	}
	assert_int_equal(k, n);
}

static void check_any(struct outbuf *b, const __u8 *in, size_t n)
{
	char line[1024];
	int len;

	b->len = 0;
	outbuf_esc_text(b, in, n);
	assert_harmless(b);
	assert_reversible(b, in, n);
	b->len = 0;
	outbuf_json_str(b, in, n);
	assert_harmless(b);
	len = snprintf(line, sizeof(line), "{\"k\":%.*s}", (int)b->len, b->p);
	assert_true(json_ok(line, len));
	b->len = 0;
}

static void test_escape_every_byte(void **state)
{
	struct outbuf b = {};
	__u64 seed = 3;
	__u8 in[16];

	(void)state;
	for (int i = 0; i < 256; i++) {
		for (int k = 0; k < 256; k++) {
			in[0] = i;
			in[1] = k;
			check_any(&b, in, 1 + (k > 0));
		}
	}
	for (int i = 0; i < 50000; i++) {
		size_t n = random_u64(&seed) % 17;

		for (size_t k = 0; k < n; k++)
			in[k] = random_u64(&seed) | (i & 1 ? 0x80 : 0);
		check_any(&b, in, n);
	}
	outbuf__free(&b);
}

/* JSON decodes to the very bytes where they are UTF-8, and to \xNN where not. */
static void test_json_round_trip(void **state)
{
	struct outbuf b = {};
	char out[256];
	long n;

	(void)state;
	for (size_t i = 0; i < COUNT(esc_cases); i++) {
		const struct esc_case *c = &esc_cases[i];
		size_t len = c->n ? c->n : strlen(c->in);
		bool raw = strstr(c->json, "\\\\x") && !strchr(c->in, '\\');

		outbuf_json_str(&b, c->in, len);
		n = json_decode(b.p, b.len, out, sizeof(out));
		assert_true(n >= 0);
		if (!raw) {
			assert_int_equal(n, len);
			assert_memory_equal(out, c->in, len);
		}
		b.len = 0;
	}
	outbuf_json_str(&b, "a\xff", 2);
	n = json_decode(b.p, b.len, out, sizeof(out));
	assert_int_equal(n, 5);
	assert_memory_equal(out, "a\\xff", 5);
	outbuf__free(&b);
}

static void test_out_of_memory(void **state)
{
	struct outbuf b = {};

	(void)state;
	outbuf_str(&b, "whole");
	assert_false(outbuf_room(&b, (size_t)-1 / 2));
	assert_int_equal(outbuf_error(&b), -ENOMEM);
	/* Sticky, and nothing is added that would make half a line. */
	outbuf_chr(&b, 'x');
	outbuf_u64(&b, 1);
	outbuf_ip(&b, (const __u8 *)"0123456789abcdef", 6);
	outbuf_fill(&b, ' ', 3);
	assert_int_equal(b.len, 5);
	outbuf_reset(&b);
	outbuf_str(&b, "again");
	assert_int_equal(outbuf_error(&b), 0);
	assert_string_equal(text(&b), "again");
	outbuf__free(&b);
	outbuf__free(NULL);
}

#define BIG (1 << 20)

struct slow_reader {
	int fd;
	size_t got;
	bool same;
};

static void *read_slowly(void *arg)
{
	struct slow_reader *r = arg;
	char buf[4096];
	ssize_t n;

	r->same = true;
	while ((n = read(r->fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			r->same &= buf[i] == (char)('a' + (r->got + i) % 26);
		r->got += n;
	}
	return NULL;
}

/* A pipe takes 64 KiB at once: short writes; or none, if it is non-blocking. */
static void check_flush(int flags)
{
	struct slow_reader r = {};
	struct outbuf b = {};
	pthread_t thread;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, flags), 0);
	for (int i = 0; i < BIG; i++)
		outbuf_chr(&b, 'a' + i % 26);
	r.fd = fd[0];
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &r), 0);
	assert_int_equal(outbuf_flush(&b, fd[1]), 0);
	assert_int_equal(b.len, 0);
	close(fd[1]);
	pthread_join(thread, NULL);
	assert_int_equal(r.got, BIG);
	assert_true(r.same);
	close(fd[0]);
	outbuf__free(&b);
}

static void test_flush(void **state)
{
	(void)state;
	check_flush(0);
	check_flush(O_NONBLOCK);
}

static void test_flush_errors(void **state)
{
	struct outbuf b = {};
	int fd[2], full;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	outbuf_str(&b, "line\n");
	assert_int_equal(outbuf_flush(&b, fd[1]), -EPIPE);
	assert_int_equal(b.len, 0);
	close(fd[1]);
	outbuf_str(&b, "line\n");
	assert_int_equal(outbuf_flush(&b, fd[1]), -EBADF);
	full = open("/dev/full", O_WRONLY);
	if (full >= 0) {
		outbuf_str(&b, "line\n");
		assert_int_equal(outbuf_flush(&b, full), -ENOSPC);
		close(full);
	}
	/* Nothing to write is nothing to fail at. */
	assert_int_equal(outbuf_flush(&b, -1), 0);
	outbuf__free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_every_byte),
		cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_flush_errors),
	};

	return cmocka_run_group_tests_name("outbuf", tests, NULL, NULL);
}
