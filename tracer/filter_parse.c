// SPDX-License-Identifier: BSD-2-Clause
/* Single entries: what the user writes for a process, a user, a name, a port, a network. */
#include "filter_parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "errmsg.h"
#include "resolve.h"

/* Only the keys of match.h are needed here. */
#define FRANGE_AT(i) ((void)(i), (const struct frange *)NULL)
#include "match.h"

#define QUOTE(s) errmsg_quote(s, strlen(s))

int parse_num(const char *s, size_t len, __u64 max, __u64 *n)
{
	*n = 0;
	if (!len)
		return -EINVAL;
	for (; len; s++, len--) {
		if (*s < '0' || *s > '9' || *n > (~0ULL - 9) / 10)
			return -EINVAL;
		*n = *n * 10 + (*s - '0');
	}
	return *n > max ? -EINVAL : 0;
}

/* "N" or "LO-HI". */
static int parse_span(const char *s, __u64 max, __u64 *lo, __u64 *hi)
{
	size_t len = strcspn(s, "-");

	if (parse_num(s, len, max, lo))
		return -EINVAL;
	*hi = *lo;
	if (!s[len])
		return 0;
	return parse_num(s + len + 1, strlen(s + len + 1), max, hi);
}

int parse_pid(const char *s, struct entry *e, char *err, size_t errlen)
{
	__u64 pid;

	if (parse_num(s, strlen(s), PID_LIMIT, &pid) || !pid)
		return errmsg(err, errlen, -EINVAL,
			      "'%s' is no process id: give numbers from 1 to %d", QUOTE(s),
			      PID_LIMIT);
	entry_nums(e, pid, pid);
	return 0;
}

int parse_port(const char *s, struct entry *e, char *err, size_t errlen)
{
	__u64 lo, hi;

	if (parse_span(s, 65535, &lo, &hi) || !lo)
		return errmsg(err, errlen, -EINVAL,
			      "'%s' is no port: give numbers from 1 to 65535, or ranges such as 8000-8100",
			      QUOTE(s));
	if (lo > hi)
		return errmsg(err, errlen, -EINVAL, "the range '%s' is upside down: write %llu-%llu",
			      QUOTE(s), hi, lo);
	entry_nums(e, lo, hi);
	return 0;
}

/* (uid_t)-1 means "nobody in particular" to system calls. */
#define UID_LIMIT 0xfffffffeU

/* Numbers are ids, as for chown(1); names may have digits and dashes ("www-data"). */
int parse_uid(const char *s, struct entry *e, char *err, size_t errlen)
{
	__u64 lo, hi;
	__u32 uid;

	if (!s[strspn(s, "0123456789-")]) {
		if (parse_span(s, UID_LIMIT, &lo, &hi) || lo > hi)
			return errmsg(err, errlen, -EINVAL,
				      "'%s' is no user id: give numbers, ranges such as 1000-1999, or names",
				      QUOTE(s));
		entry_nums(e, lo, hi);
		return 0;
	}
	if (resolve_user(s, &uid))
		return errmsg(err, errlen, -ENOENT, "there is no user '%s' on this machine: give a name or an id",
			      QUOTE(s));
	entry_nums(e, uid, uid);
	return 0;
}

static int hex_value(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* One byte, perhaps written as in our own text output: \xNN or \\. -EINVAL: neither. */
static int unescape(const char **s)
{
	const char *p = *s;

	if (*p != '\\') {
		*s += 1;
		return (unsigned char)*p;
	}
	if (p[1] == '\\') {
		*s += 2;
		return '\\';
	}
	if (p[1] != 'x' || hex_value(p[2]) < 0 || hex_value(p[3]) < 0)
		return -EINVAL;
	*s += 4;
	return hex_value(p[2]) << 4 | hex_value(p[3]);
}

#define COMM_MAX 15 /* TASK_COMM_LEN without the NUL */

/*
 * A process name, or the beginning of one with `*`.  The kernel keeps the
 * first 15 bytes of a name, so what comes after them does not count here either.
 */
int parse_comm(const char *s, struct entry *e, char *err, size_t errlen)
{
	__u8 lo[16] = {}, hi[16];
	const char *p = s;
	size_t n = 0;

	while (*p && *p != '*') {
		int c = unescape(&p);

		if (c <= 0)
			return errmsg(err, errlen, -EINVAL,
				      "'%s': a backslash begins \\xNN (a byte other than 00) or \\\\",
				      QUOTE(s));
		if (n < COMM_MAX)
			lo[n++] = c;
	}
	if (*p && p[1])
		return errmsg(err, errlen, -EINVAL,
			      "'%s': * can only stand at the end (\\x2a for the character itself)",
			      QUOTE(s));
	memcpy(hi, lo, sizeof(hi));
	if (*p && n < COMM_MAX)
		memset(hi + n, 0xff, sizeof(hi) - n);
	entry_range(e, fkey_bytes(lo), fkey_bytes(hi));
	return 0;
}

/* The first `bits` of 128 set. */
static struct fkey mask_of(unsigned int bits)
{
	struct fkey m = { 0, 0 };

	if (bits)
		m.h = bits >= 64 ? ~0ULL : ~0ULL << (64 - bits);
	if (bits > 64)
		m.l = ~0ULL << (128 - bits);
	return m;
}

/* Reads the address in front of '/', as 16 bytes; returns 4, 6 or -EINVAL. */
static int parse_addr(const char *s, size_t len, __u8 out[16])
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN + 1];

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, len);
	text[len] = '\0';
	memcpy(out, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, out + 12) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 6 : -EINVAL;
}

static int host_bits(const char *s, const __u8 addr[16], int ip, struct fkey net, unsigned int bits,
		     char *err, size_t errlen)
{
	char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN];
	__u8 a[16];

	for (int i = 0; i < 16; i++)
		a[i] = (i < 8 ? net.h : net.l) >> (56 - i % 8 * 8);
	inet_ntop(ip == 4 ? AF_INET : AF_INET6, ip == 4 ? a + 12 : a, text, sizeof(text));
	inet_ntop(ip == 4 ? AF_INET : AF_INET6, ip == 4 ? addr + 12 : addr, host, sizeof(host));
	return errmsg(err, errlen, -EINVAL,
		      "'%s' has bits set after its prefix: write %s/%u for the network, or %s for the host",
		      QUOTE(s), text, bits, host);
}

/* IPv6 networks never mean IPv4, although ::/0 as a range of keys contains it. */
static void add_v6(struct entry *e, struct fkey lo, struct fkey hi)
{
	struct fkey before = { 0, V4_LO.l - 1 }, after = { 0, V4_HI.l + 1 };

	if (fkey_less(&V4_LO, &lo) || fkey_less(&hi, &V4_HI)) {
		entry_range(e, lo, hi);
		return;
	}
	if (!fkey_less(&before, &lo))
		entry_range(e, lo, before);
	if (!fkey_less(&hi, &after))
		entry_range(e, after, hi);
}

int parse_cidr(const char *s, struct entry *e, char *err, size_t errlen)
{
	size_t len = strcspn(s, "/");
	struct fkey key, mask, lo, hi;
	__u8 addr[16];
	__u64 bits;
	int ip;

	ip = parse_addr(s, len, addr);
	if (ip < 0)
		return errmsg(err, errlen, -EINVAL,
			      "'%s' is no address: give such as 10.0.0.1, 10.0.0.0/8, fd00::1, fd00::/8",
			      QUOTE(s));
	bits = ip == 4 ? 32 : 128;
	if (s[len] && parse_num(s + len + 1, strlen(s + len + 1), bits, &bits))
		return errmsg(err, errlen, -EINVAL, "'%s': the prefix length has to be from 0 to %d",
			      QUOTE(s), ip == 4 ? 32 : 128);
	key = fkey_bytes(addr);
	mask = mask_of(ip == 4 ? bits + 96 : bits);
	lo = (struct fkey){ key.h & mask.h, key.l & mask.l };
	hi = (struct fkey){ lo.h | ~mask.h, lo.l | ~mask.l };
	if (fkey_less(&lo, &key))
		return host_bits(s, addr, ip, lo, bits, err, errlen);
	if (ip == 6 && bits < 96)
		add_v6(e, lo, hi);
	else
		entry_range(e, lo, hi);
	return 0;
}
