// SPDX-License-Identifier: BSD-2-Clause
/* The search of bpf/match.h against a naive one, and whole filters against events. */
#include "unit.h"

#include <arpa/inet.h>

#include "filter.h"

static const struct frange *searched;
#define FRANGE_AT(i) (&searched[i])
#include "match.h"

#define MANY 10000

static bool naive_has(const struct frange *r, size_t n, const struct fkey *k)
{
	for (size_t i = 0; i < n; i++)
		if (!fkey_less(k, &r[i].lo) && !fkey_less(&r[i].hi, k))
			return true;
	return false;
}

/* Random networks, of both versions, that overlap; the list as text, for the parser. */
static void random_networks(struct filter_builder *b, int n, __u64 *seed, struct frange *own)
{
	char text[INET6_ADDRSTRLEN + 8], err[256];

	for (int i = 0; i < n; i++) {
		bool six = random_u64(seed) & 1;
		unsigned int bits = six ? 97 + random_u64(seed) % 32 : 8 + random_u64(seed) % 25;
		__u8 a[16] = { 0x20, 1, 0xd, 0xb8 };
		unsigned __int128 key = 0;

		for (int k = 0; k < 4; k++)
			a[12 + k] = random_u64(seed) >> 32;
		for (unsigned int bit = six ? bits : 96 + bits; bit < 128; bit++)
			a[bit / 8] &= ~(0x80 >> bit % 8);
		if (!six)
			memcpy(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		inet_ntop(six ? AF_INET6 : AF_INET, six ? a : a + 12, text, INET6_ADDRSTRLEN);
		sprintf(text + strlen(text), "/%u", bits);
		if (filter_builder__add(b, FS_RADDR, text, err, sizeof(err)))
			fail_msg("%s: %s", text, err);
		/* The range again, by other arithmetic. */
		for (int k = 0; k < 16; k++)
			key = key << 8 | a[k];
		own[i].lo = (struct fkey){ key >> 64, key };
		key += ((unsigned __int128)1 << (128 - (six ? bits : 96 + bits))) - 1;
		own[i].hi = (struct fkey){ key >> 64, key };
	}
}

static struct fkey random_key(const struct frange *own, size_t n, __u64 *seed)
{
	const struct frange *r = &own[random_u64(seed) % n];
	struct fkey k = random_u64(seed) & 1 ? r->lo : r->hi;

	switch (random_u64(seed) % 4) {
	case 0: /* just outside, or inside a neighbour */
		k.l += random_u64(seed) & 1 ? 1 : -1;
		return k;
	case 1:
		return k;
	case 2:
		k.l ^= random_u64(seed) & 0xffff;
		return k;
	default:
		return (struct fkey){ 0, 0x0000ffff00000000ULL | (__u32)random_u64(seed) };
	}
}

static void test_against_naive(void **state)
{
	struct frange *own = calloc(MANY, sizeof(*own)), *ranges;
	struct filter_builder b;
	__u64 seed = 7;
	struct filter f;
	char err[256];
	int hits = 0;
	__u32 n;

	(void)state;
	filter_builder__init(&b);
	random_networks(&b, MANY, &seed, own);
	assert_int_equal(filter_builder__finish(&b, &f, &ranges, &n, err, sizeof(err)), 0);
	assert_true(n > 100 && n <= MANY);
	for (__u32 i = 1; i < n; i++) /* sorted, apart */
		assert_true(fkey_less(&ranges[i - 1].hi, &ranges[i].lo));
	searched = ranges;
	for (int i = 0; i < 20000; i++) {
		struct fkey k = random_key(own, MANY, &seed);
		bool has = slice_has(f.set[FS_RADDR].allow.off, f.set[FS_RADDR].allow.n, &k);

		assert_int_equal(has, naive_has(own, MANY, &k));
		hits += has;
	}
	assert_true(hits > 1000 && hits < 19000);
	free(own);
	free(ranges);
	filter_builder__free(&b);
}

/* As many ranges as there can be: the bound of the search has to hold. */
static void test_full_array(void **state)
{
	struct frange *r = calloc(FRANGES_MAX, sizeof(*r));
	struct fkey k;

	(void)state;
	for (__u64 i = 0; i < FRANGES_MAX; i++)
		r[i] = (struct frange){ { 0, 3 * i }, { 0, 3 * i + 1 } };
	searched = r;
	for (__u64 i = 0; i < 3ULL * FRANGES_MAX; i++) {
		k = fkey_num(i);
		assert_int_equal(slice_has(0, FRANGES_MAX, &k), i % 3 != 2);
	}
	k = fkey_num(3ULL * FRANGES_MAX);
	assert_int_equal(slice_has(0, FRANGES_MAX, &k), 0);
	assert_int_equal(slice_has(0, 0, &k), 0);
	free(r);
}

/* Filter options as on the command line: "p1,2 P80 R10.0.0.0/8 …", a letter and a list each. */
static void add_word(struct filter_builder *b, const char *word)
{
	static const char letters[] = "pucgnPLDlr"; /* in the order of enum fset */
	const char *at = strchr(letters, *word);
	char err[256] = "";
	int ret;

	if (at)
		ret = filter_builder__add(b, at - letters, word + 1, err, sizeof(err));
	else if (*word == '4' || *word == '6')
		ret = filter_builder__add_ip(b, *word - '0', err, sizeof(err));
	else if (*word == 's')
		ret = filter_builder__add_states(b, word + 1, err, sizeof(err));
	else if (*word == 'd')
		ret = filter_builder__add_dirs(b, word + 1, err, sizeof(err));
	else
		ret = filter_builder__add_flags(b, word + 1, err, sizeof(err));
	if (ret)
		fail_msg("%s: %s", word, err);
}

static bool passes(const char *words, const void *ev)
{
	char copy[256], *save, err[256];
	struct filter_builder b;
	struct frange *ranges;
	struct filter f;
	bool pass;
	__u32 n;

	filter_builder__init(&b);
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		add_word(&b, w);
	if (filter_builder__finish(&b, &f, &ranges, &n, err, sizeof(err)))
		fail_msg("%s: %s", words, err);
	pass = filter_match_event(&f, ranges, ev);
	free(ranges);
	filter_builder__free(&b);
	return pass;
}

static const struct {
	const char *words;
	bool pass;
} segment_cases[] = {
	/* curl (4211, uid 1000), 10.0.0.1:43210 > 10.0.0.2:443, PSH ACK, ESTABLISHED. */
	{ "", true },
	{ "p4211", true },
	{ "p1,4211,9999", true },
	{ "p1", false },
	{ "p4212", false }, /* its thread */
	{ "p!4211", false },
	{ "p!1", true },
	{ "p4211,!1", true },
	{ "u1000", true },
	{ "uroot", false },
	{ "u0-2000", true },
	{ "ccurl", true },
	{ "ccur*", true },
	{ "ccur", false },
	{ "ccurlx", false },
	{ "c!curl", false },
	{ "c!wget", true },
	{ "n4026531840", true },
	{ "n4026531841", false },
	{ "n!4026531840", false },
	{ "P443", true },
	{ "P43210", true },
	{ "P80", false },
	{ "P!443", false },
	{ "P!43210", false },
	{ "P!80", true },
	{ "P443,!43210", false },
	{ "P40000-50000", true },
	{ "L443", false },
	{ "L43210", true },
	{ "D443", true },
	{ "D43210", false },
	{ "l10.0.0.1", true },
	{ "l10.0.0.2", false },
	{ "r10.0.0.0/8", true },
	{ "r10.0.0.0/8,!10.0.0.2", false },
	{ "r!10.0.0.2", false },
	{ "r::/0", false },
	{ "r::ffff:10.0.0.2", true },
	{ "4", true },
	{ "6", false },
	{ "dout", true },
	{ "din", false },
	{ "d!in", true },
	{ "sESTABLISHED", true },
	{ "sLISTEN", false },
	{ "s!ESTABLISHED", false },
	{ "s!LISTEN", true },
	{ "fACK", true },
	{ "fSYN", false },
	{ "fPSH,ACK", true },
	{ "fPSH,!ACK", false },
	{ "fSYN fPSH", true }, /* either */
	{ "f!SYN", true },
	/* All have to match. */
	{ "p4211 ccurl u1000 P443 r10.0.0.2 4 dout sESTABLISHED fACK", true },
	{ "p4211 ccurl u1000 P443 r10.0.0.3 4 dout sESTABLISHED fACK", false },
};

static void test_segment(void **state)
{
	struct ev_segment s = a_segment();

	(void)state;
	for (size_t i = 0; i < COUNT(segment_cases); i++)
		if (passes(segment_cases[i].words, &s) != segment_cases[i].pass)
			fail_msg("'%s' has to be %d", segment_cases[i].words, segment_cases[i].pass);
}

/* Nobody's segment: no list of wanted ones has it, no list of unwanted ones either. */
static void test_no_owner(void **state)
{
	struct ev_segment s = a_segment();

	(void)state;
	s.who = (struct ev_who){ .netns = 4026531840 };
	s.state = 0;
	assert_true(passes("", &s));
	assert_false(passes("p1", &s));
	assert_true(passes("p!1", &s));
	assert_false(passes("u0", &s)); /* uid 0 here means nothing */
	assert_true(passes("u!0", &s));
	assert_false(passes("c*", &s));
	assert_true(passes("c!*", &s));
	assert_true(passes("n4026531840", &s));
	assert_false(passes("sESTABLISHED", &s));
	assert_true(passes("s!ESTABLISHED", &s));
}

static void test_state(void **state)
{
	struct ev_state s = a_state(); /* SYN-SENT > ESTABLISHED */

	(void)state;
	assert_true(passes("sSYN-SENT", &s));
	assert_true(passes("sESTABLISHED", &s));
	assert_false(passes("sLISTEN", &s));
	assert_true(passes("s!LISTEN", &s));
	assert_true(passes("s!SYN-SENT", &s)); /* the other side of it passes */
	assert_false(passes("s!SYN-SENT,!ESTABLISHED", &s));
	assert_true(passes("fRST din", &s)); /* nothing a change has */
	assert_false(passes("p1", &s));
	assert_true(passes("p4211 D443", &s));
}

static void test_ipv6(void **state)
{
	struct ev_segment s = a_segment();

	(void)state;
	s.ends.ip = 6;
	addr_set(s.ends.laddr, "2001:db8::1");
	addr_set(s.ends.raddr, "2001:db8:1::2");
	assert_true(passes("6 r2001:db8::/32", &s));
	assert_true(passes("r2001:db8:1::/48 l2001:db8::/48", &s));
	assert_false(passes("r2001:db8:2::/48", &s));
	assert_true(passes("r::/0", &s));
	assert_false(passes("r0.0.0.0/0", &s));
	assert_false(passes("4", &s));
	assert_false(passes("r::/0,!2001:db8:1::2", &s));
}

static void test_lost(void **state)
{
	struct ev_lost l = a_loss();

	(void)state;
	assert_true(passes("p1 fRST sLISTEN din 6", &l)); /* never hidden */
}

/* What `loss` and `connect` tell is asked of a recording as the programs ask it (trouble_new(), attempt_tell()). */
static void test_trouble(void **state)
{
	struct ev_segment s = a_segment();
	struct ev_trouble t = { .hdr.type = EV_RETRANSMIT, .who = s.who, .ends = s.ends, .dir = DIR_OUT,
				.state = s.state, .flags = s.flags };

	(void)state;
	assert_true(passes("p4211 sESTABLISHED dout fPSH", &t));
	assert_false(passes("sLISTEN", &t));
	assert_false(passes("din", &t));
	assert_false(passes("fSYN", &t));
	assert_false(passes("p1", &t));
	t.hdr.type = EV_RESET; /* no flags that could be asked for */
	assert_true(passes("sESTABLISHED dout", &t));
	assert_false(passes("fPSH", &t));
}

static void test_attempt(void **state)
{
	struct ev_segment s = a_segment();
	struct ev_attempt a = { .hdr.type = EV_CONNECT, .who = s.who, .ends = s.ends };

	(void)state;
	assert_true(passes("dout", &a));
	assert_false(passes("din", &a));
	a.hdr.type = EV_ACCEPT;
	assert_true(passes("din p4211", &a));
	assert_false(passes("dout", &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_naive), cmocka_unit_test(test_full_array),
		cmocka_unit_test(test_segment),	      cmocka_unit_test(test_no_owner),
		cmocka_unit_test(test_state),	      cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_lost),	      cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_attempt),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
