// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include "ebpf.h"
#include "expr.h"
#include "expr_pcap.h"
#include "expr_split.h"
#include "expr_table.h"
#include "packets.h"

struct row {
	const char *text;
	__u32 payload;
};

#define ROW(text, payload) { text, payload },
static const struct row table[] = { EXPR_TABLE(ROW) };

static void compile(struct expr *e, const char *text)
{
	char *words[] = { (char *)text };
	char err[512] = "";

	if (expr__compile(e, words, 1, err, sizeof(err)))
		fail_msg("%s: %s", text, err);
}

/* libpcap's own verdict on the whole packet. */
static bool verdict(const struct expr *e, const struct ev_raw *r)
{
	const struct expr_prog *p = r->link == RAW_LINK_ETHERNET ? &e->eth : &e->ip;

	return expr_pcap_filter(p, r->data, r->orig_len, r->orig_len);
}

/*
 * Each expression on each packet: with no more of it than the expression is
 * said to need, user space and the translated program decide as libpcap does
 * on all of it.
 */
static void test_table(void **state)
{
	(void)state;
	assert_true(COUNT(table) >= 60);
	for (size_t i = 0; i < COUNT(table); i++) {
		size_t yes = 0, no = 0;
		struct expr_code code;
		struct expr e;

		compile(&e, table[i].text);
		if (e.payload != table[i].payload)
			fail_msg("%s: looks at %u bytes of payload", table[i].text, e.payload);
		assert_int_equal(expr_translate(&e, &code), 0);
		for (size_t k = 0; k < npackets; k++) {
			struct ev_raw *r = packet_make(&packets[k]), *cut = packet_cut(r, e.payload);
			bool want = verdict(&e, r);
			int kernel = ebpf_run(code.insns, code.n, cut->data, cut->cap_len, cut->orig_len,
					      cut->link);

			if (expr_matches(&e, cut) != want)
				fail_msg("%s: packet %zu: user space says %d", table[i].text, k, !want);
			if (!!kernel != want)
				fail_msg("%s: packet %zu: the program says %d", table[i].text, k, kernel);
			want ? yes++ : no++;
		}
		if (!yes || !no)
			fail_msg("%s: %zu packets pass, %zu do not: this shows nothing", table[i].text, yes, no);
		expr_code__free(&code);
		expr__free(&e);
	}
}

/* A packet that ends anywhere: no load reaches beyond, and the verdicts agree. */
static void test_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct expr_code code;
		struct expr e;

		compile(&e, table[i].text);
		assert_int_equal(expr_translate(&e, &code), 0);
		for (size_t k = 0; k < npackets; k++) {
			struct ev_raw *r = packet_make(&packets[k]);

			for (__u32 n = 0; n < r->orig_len && n < 150; n++) {
				const struct expr_prog *p = r->link == RAW_LINK_ETHERNET ? &e.eth : &e.ip;
				bool want = n && expr_pcap_filter(p, r->data, r->orig_len, n);

				if (!!ebpf_run(code.insns, code.n, r->data, n, r->orig_len, r->link) != want)
					fail_msg("%s: packet %zu, %u bytes: not %d", table[i].text, k, n, want);
			}
		}
		expr_code__free(&code);
		expr__free(&e);
	}
}

static void test_words(void **state)
{
	char *words[] = { "host", "10.0.0.1", "and", "port 80" };
	char err[512];
	struct expr e;

	(void)state;
	assert_int_equal(expr__compile(&e, words, COUNT(words), err, sizeof(err)), 0);
	assert_string_equal(e.text, "host 10.0.0.1 and port 80");
	expr__free(&e);
}

static void test_errors(void **state)
{
	static const char *const bad[] = { "tcp port", "port 99999", "host 10.0.0.1 and", "tcp[", "ip and ip6",
					   "udp and tcp port 80", "\x01", "inbound" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char *words[] = { (char *)bad[i] };
		char err[512] = "";
		struct expr e;

		assert_int_equal(expr__compile(&e, words, 1, err, sizeof(err)), -EINVAL);
		assert_non_null(strstr(err, "can't be used: "));
		expr__free(&e);
	}
}

/* Ethernet can't be asked of a packet that has none: it does not match. */
static void test_no_ethernet(void **state)
{
	struct expr e;

	(void)state;
	compile(&e, "ether host 02:00:00:00:00:01");
	for (size_t k = 0; k < npackets; k++) {
		struct ev_raw *r = packet_make(&packets[k]);

		assert_int_equal(expr_matches(&e, r), !packets[k].bare);
	}
	expr__free(&e);
}

/* Programs that libpcap would not make are refused, never translated into something else. */
static void test_foreign(void **state)
{
	static struct sock_filter bad[][2] = {
		{ { BPF_LD | BPF_MEM, 0, 0, 16 }, { BPF_RET | BPF_K, 0, 0, 1 } },
		{ { BPF_ST, 0, 0, 99 }, { BPF_RET | BPF_K, 0, 0, 1 } },
		{ { BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0 }, { BPF_RET | BPF_K, 0, 0, 1 } },
		{ { BPF_JMP | BPF_JA, 0, 0, 7 }, { BPF_RET | BPF_K, 0, 0, 1 } },
		{ { BPF_JMP | BPF_JEQ, 0, 200, 0 }, { BPF_RET | BPF_K, 0, 0, 1 } },
		{ { BPF_LD | BPF_IMM, 0, 0, 7 }, { BPF_LD | BPF_IMM, 0, 0, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct expr e = { .eth = { bad[i], 2 }, .ip = { bad[i], 2 } };
		struct expr_code code;

		assert_int_equal(expr_translate(&e, &code), -EINVAL);
		assert_null(code.insns);
		expr_reach(&e.eth, 14);
	}
}

#define FILL "@" /* stands for many terms, none of which passes; joined by what follows, `or` */

/* `shape`, its FILL replaced by `n` terms. */
static char *grow(const char *shape, const char *term, int n)
{
	char *text = calloc(1, strlen(shape) + (size_t)n * 64), *out = text;

	for (; *shape; shape++) {
		if (strncmp(shape, FILL, 1)) {
			*out++ = *shape;
			continue;
		}
		for (int i = 0; i < n; i++) {
			out += i ? sprintf(out, " or ") : 0;
			out += sprintf(out, term, i / 250, i % 250);
		}
	}
	return text;
}

/* Compiled in parts, a long expression is what it would be in one. */
static void test_split(void **state)
{
	static const char *const terms[] = { "host 10.8.%d.%d", "port 5%d%03d", "src or dst net 10.9.%d.%d/32",
					     "(tcp src port 5%d%03d)", "not ip[0] & %d != %d",
					     "port 5%d%03d && ip[8] = 99" };
	static const char *const shapes[] = {
		"@", "not (@)", "!(@)", "port 80 or @", "@ or port 80", "port 80 or 22 or @ or 443", "port 80 and (@ or ip6)",
		"(((@) or (port 80))) and not ip6", "@ or port 80 and host 10.0.0.1", "tcp and @ or port 80 and ip",
		"@ or src or dst port 80 and ip", "(@ or tcp[13] & (tcp-syn|tcp-ack) == 2) and (len < 100 or not (@))",
		"ip or @ or src port 80 or @", "not (port 80 or @) and not @ or ip6", "@ || ip6 && port 80",
		"@ or ether host 02:00:00:00:00:01", "@ or ip proto \\tcp", "tcp[20] = 2 or @", "@ or (ip and ip6) or port 80",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(shapes) * COUNT(terms) * 2; i++) {
		bool eth = i % 2;
		struct expr_prog whole = {}, parts = {};
		char *text = grow(shapes[i / 2 / COUNT(terms)], terms[i / 2 % COUNT(terms)], 30), why[256];
		int err = expr_pcap_compile(text, eth, &whole, why, sizeof(why));

		assert_int_equal(expr_split_compile(text, eth, &parts, why, sizeof(why)), err);
		for (size_t k = 0; k < npackets && !err; k++) {
			struct ev_raw *r = packet_make(&packets[k]);

			if ((r->link == RAW_LINK_ETHERNET) == eth &&
			    expr_pcap_filter(&parts, r->data, r->orig_len, r->orig_len) !=
				    expr_pcap_filter(&whole, r->data, r->orig_len, r->orig_len))
				fail_msg("%s: packet %zu", text, k);
		}
		free(whole.insns);
		free(parts.insns);
		free(text);
	}
}

/* What is wrong is wrong as a whole, and libpcap says why; what depends on terms before it stays with them. */
static void test_split_not(void **state)
{
	static const struct {
		const char *shape;
		int err;
	} rows[] = {
		{ "@ or", -EINVAL },	  { "or @", -EINVAL },	     { "(@", -EINVAL },	  { "@) or (@", -EINVAL },
		{ "() or @", -EINVAL },	  { "@ or port", -EINVAL },  { "not @ not", -EINVAL }, { "@ @", -EINVAL },
		{ "@ or inbound", -EINVAL }, { "vlan 5 or @", 0 },	     { "@ or (vlan)", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct expr_prog whole = {}, parts = {};
		char *text = grow(rows[i].shape, "tcp port 5%d%03d", 30), why[256] = "", split_why[256] = "";

		assert_int_equal(expr_pcap_compile(text, true, &whole, why, sizeof(why)), rows[i].err);
		assert_int_equal(expr_split_compile(text, true, &parts, split_why, sizeof(split_why)), rows[i].err);
		assert_string_equal(why, split_why);
		if (!rows[i].err) {
			assert_int_equal(parts.n, whole.n);
			assert_memory_equal(parts.insns, whole.insns, whole.n * sizeof(*whole.insns));
		}
		free(whole.insns);
		free(parts.insns);
		free(text);
	}
}

/* Long programs: what fits a jump is right. */
static void test_long(void **state)
{
	char *text = grow("port 80 and (host 10.9.0.1 or @ or host 10.0.0.1)", "host 10.8.%d.%d", 800);
	struct expr_code code;
	struct expr e;

	(void)state;
	compile(&e, text);
	assert_int_equal(expr_translate(&e, &code), 0);
	for (size_t k = 0; k < npackets; k++) {
		struct ev_raw *r = packet_make(&packets[k]);

		assert_int_equal(!!ebpf_run(code.insns, code.n, r->data, r->cap_len, r->orig_len, r->link),
				 verdict(&e, r));
	}
	expr_code__free(&code);
	expr__free(&e);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	cmocka_unit_test(test_short), cmocka_unit_test(test_words),
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_no_ethernet),
		cmocka_unit_test(test_foreign), cmocka_unit_test(test_long),
		cmocka_unit_test(test_split),	cmocka_unit_test(test_split_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
