// SPDX-License-Identifier: BSD-2-Clause
/* From the words of the options to the ranges: parsing, @FILE, negation, merging, refusals. */
#include "unit.h"

#include <limits.h>
#include <mntent.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter.h"
#include "names.h"

/* What a filter became. */
struct made {
	struct filter_builder b;
	struct filter f;
	struct frange *r;
	__u32 n;
	char err[512];
};

static void made__init(struct made *m)
{
	memset(m, 0, sizeof(*m));
	filter_builder__init(&m->b);
}

static void made__free(struct made *m)
{
	filter_builder__free(&m->b);
	free(m->r);
}

static int add(struct made *m, enum fset set, const char *list)
{
	return filter_builder__add(&m->b, set, list, m->err, sizeof(m->err));
}

static int finish(struct made *m)
{
	free(m->r);
	return filter_builder__finish(&m->b, &m->f, &m->r, &m->n, m->err, sizeof(m->err));
}

/* "1-5 7" from a slice of numbers, with the high half as "h:" where it is not 0. */
static const char *show(const struct made *m, struct fslice s)
{
	static char out[2][2048];
	static int turn;
	char *text = out[turn ^= 1], *p = text;

	*p = '\0';
	for (__u32 i = s.off; i < s.off + s.n; i++) {
		const struct frange *r = &m->r[i];

		assert_true(i < m->n);
		p += sprintf(p, "%s%llx:%llx", i > s.off ? " " : "", r->lo.h, r->lo.l);
		if (r->hi.h != r->lo.h || r->hi.l != r->lo.l)
			p += sprintf(p, "-%llx:%llx", r->hi.h, r->hi.l);
	}
	return text;
}

struct list_case {
	enum fset set;
	const char *list, *allow, *deny;
};

static const struct list_case good_lists[] = {
	{ FS_PID, "1", "0:1", "" },
	{ FS_PID, "4194304,17", "0:11 0:400000", "" },
	{ FS_PID, "3,1,2", "0:1-0:3", "" },
	{ FS_PID, "!5", "", "0:5" },
	{ FS_PID, " 1 , ! 2 ", "0:1", "0:2" },
	{ FS_UID, "0", "0:0", "" },
	{ FS_UID, "root", "0:0", "" },
	{ FS_UID, "1000-1999,!1500", "0:3e8-0:7cf", "0:5dc" },
	{ FS_UID, "4294967294", "0:fffffffe", "" },
	{ FS_PORT, "80,443,8000-8100", "0:50 0:1bb 0:1f40-0:1fa4", "" },
	{ FS_PORT, "1-65535", "0:1-0:ffff", "" },
	{ FS_PORT, "80,79,81,100-200,150-250,120", "0:4f-0:51 0:64-0:fa", "" },
	{ FS_LPORT, "!22,!23", "", "0:16-0:17" },
	{ FS_RPORT, "80-80", "0:50", "" },
	{ FS_COMM, "curl", "6375726c00000000:0", "" },
	{ FS_COMM, "fifteen_letters", "6669667465656e5f:6c65747465727300", "" },
	{ FS_COMM, "fifteen_letters_and_more", "6669667465656e5f:6c65747465727300", "" },
	{ FS_COMM, "fifteen_letters_and_more*", "6669667465656e5f:6c65747465727300", "" },
	{ FS_COMM, "nginx*", "6e67696e78000000:0-6e67696e78ffffff:ffffffffffffffff", "" },
	{ FS_COMM, "*", "0:0-ffffffffffffffff:ffffffffffffffff", "" },
	{ FS_COMM, "a*,b*", "6100000000000000:0-62ffffffffffffff:ffffffffffffffff", "" },
	{ FS_COMM, "Web Content", "57656220436f6e74:656e740000000000", "" },
	{ FS_COMM, "\\x1b[2J", "1b5b324a00000000:0", "" },
	{ FS_COMM, "a\\\\b", "615c620000000000:0", "" },
	{ FS_COMM, "\\x2a,\\x40x", "2a00000000000000:0 4078000000000000:0", "" },
	{ FS_COMM, "!sshd", "", "7373686400000000:0" },
	{ FS_LADDR, "10.0.0.1", "0:ffff0a000001", "" },
	{ FS_LADDR, "10.0.0.1/32", "0:ffff0a000001", "" },
	{ FS_LADDR, "10.0.0.0/8", "0:ffff0a000000-0:ffff0affffff", "" },
	{ FS_LADDR, "0.0.0.0/0", "0:ffff00000000-0:ffffffffffff", "" },
	{ FS_LADDR, "10.0.0.0/9,10.128.0.0/9", "0:ffff0a000000-0:ffff0affffff", "" },
	{ FS_LADDR, "10.0.0.0/8,10.1.0.0/16,10.2.3.4", "0:ffff0a000000-0:ffff0affffff", "" },
	{ FS_RADDR, "::1", "0:1", "" },
	{ FS_RADDR, "2001:db8::/32", "20010db800000000:0-20010db8ffffffff:ffffffffffffffff", "" },
	{ FS_RADDR, "fd00::/8", "fd00000000000000:0-fdffffffffffffff:ffffffffffffffff", "" },
	{ FS_RADDR, "2001:db8::/65", "20010db800000000:0-20010db800000000:7fffffffffffffff", "" },
	{ FS_RADDR, "2001:db8::7/128", "20010db800000000:7", "" },
	/* v4-mapped is IPv4, however written; IPv6 networks leave it out. */
	{ FS_RADDR, "::ffff:10.0.0.1", "0:ffff0a000001", "" },
	{ FS_RADDR, "::ffff:10.0.0.0/104", "0:ffff0a000000-0:ffff0affffff", "" },
	{ FS_RADDR, "::ffff:0:0/96", "0:ffff00000000-0:ffffffffffff", "" },
	{ FS_RADDR, "::/0", "0:0-0:fffeffffffff 0:1000000000000-ffffffffffffffff:ffffffffffffffff", "" },
	{ FS_RADDR, "::/80", "0:0-0:fffeffffffff", "" },
	{ FS_RADDR, "::fffe:0:0/95", "0:fffe00000000-0:fffeffffffff", "" },
	{ FS_RADDR, "0.0.0.0/0,::/0", "0:0-ffffffffffffffff:ffffffffffffffff", "" },
	{ FS_RADDR, "10.0.0.0/8,!10.0.0.0/9", "0:ffff0a000000-0:ffff0affffff",
	  "0:ffff0a000000-0:ffff0a7fffff" },
	{ FS_NETNS, "4026531840", "0:f0000000", "" },
	{ FS_NETNS, "net:[4026531841]", "0:f0000001", "" },
};

static void test_good_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_lists); i++) {
		const struct list_case *c = &good_lists[i];
		struct made m;

		made__init(&m);
		if (add(&m, c->set, c->list) || finish(&m))
			fail_msg("%s: %s", c->list, m.err);
		assert_string_equal(show(&m, m.f.set[c->set].allow), c->allow);
		assert_string_equal(show(&m, m.f.set[c->set].deny), c->deny);
		assert_int_equal(m.f.used, 1);
		for (int s = 0; s < FS_MAX; s++)
			if (s != (int)c->set)
				assert_int_equal(m.f.set[s].allow.n + m.f.set[s].deny.n, 0);
		made__free(&m);
	}
}

/* The sentence has to name the option, and what was wrong in it. */
static const struct {
	enum fset set;
	const char *list, *says;
} bad_lists[] = {
	{ FS_PID, "", "--pid: an entry is missing" },
	{ FS_PID, "1,,2", "an entry is missing" },
	{ FS_PID, "1,", "an entry is missing" },
	{ FS_PID, "!", "an entry is missing" },
	{ FS_PID, "0", "--pid: '0' is no process id" },
	{ FS_PID, "-1", "'-1'" },
	{ FS_PID, "12x", "'12x'" },
	{ FS_PID, "1-5", "'1-5'" },
	{ FS_PID, "4194305", "'4194305'" },
	{ FS_PID, "99999999999999999999999", "'99999999999999999999999'" },
	{ FS_PID, "18446744073709551617", "'18446744073709551617'" },
	{ FS_PID, "\033[2J", "'\\x1b[2J'" },
	{ FS_UID, "no-such-user-here", "no user 'no-such-user-here'" },
	{ FS_UID, "4294967295", "'4294967295'" },
	{ FS_UID, "5-1", "'5-1'" },
	{ FS_PORT, "0", "--port: '0' is no port" },
	{ FS_PORT, "65536", "'65536'" },
	{ FS_PORT, "http", "'http'" },
	{ FS_PORT, "80-", "'80-'" },
	{ FS_PORT, "-80", "'-80'" },
	{ FS_PORT, "80-90-100", "'80-90-100'" },
	{ FS_PORT, "0-10", "'0-10'" },
	{ FS_LPORT, "90-80", "--lport: the range '90-80' is upside down: write 80-90" },
	{ FS_RPORT, "0x50", "--rport: '0x50'" },
	{ FS_COMM, "a*b", "only stand at the end" },
	{ FS_COMM, "**", "only stand at the end" },
	{ FS_COMM, "\\q", "a backslash begins" },
	{ FS_COMM, "\\x1", "a backslash begins" },
	{ FS_COMM, "\\x00", "a backslash begins" },
	{ FS_COMM, "\\", "a backslash begins" },
	{ FS_LADDR, "10.0.0.256", "--local: '10.0.0.256' is no address" },
	{ FS_LADDR, "10", "'10' is no address" },
	{ FS_LADDR, "10.0.0.0/33", "from 0 to 32" },
	{ FS_LADDR, "10.0.0.0/", "from 0 to 32" },
	{ FS_LADDR, "10.0.0.0/8/8", "from 0 to 32" },
	{ FS_LADDR, "10.0.0.0/-1", "from 0 to 32" },
	{ FS_LADDR, "fd00::/129", "from 0 to 128" },
	{ FS_RADDR, "/8", "--remote: '/8' is no address" },
	{ FS_RADDR, "fe80::1%eth0", "is no address" },
	{ FS_RADDR, "localhost", "'localhost' is no address" },
	{ FS_RADDR, "10.0.0.5/24", "write 10.0.0.0/24 for the network, or 10.0.0.5 for the host" },
	{ FS_RADDR, "2001:db8::5/32",
	  "write 2001:db8::/32 for the network, or 2001:db8::5 for the host" },
	{ FS_RADDR, "1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4", "..." },
	{ FS_NETNS, "no-such-netns", "/run/netns/no-such-netns" },
	{ FS_NETNS, "/etc/passwd", "is no network namespace" },
	{ FS_NETNS, "/proc/self/ns/mnt", "is no network namespace" },
	{ FS_NETNS, "4194304", "/proc/4194304/ns/net" },
	{ FS_NETNS, "net:[12", "net:[12" },
	{ FS_NETNS, "net:[]", "net:[]" },
	{ FS_CGROUP, "/etc", "is no cgroup v2" },
	{ FS_CGROUP, "no/such/cgroup", "'no/such/cgroup'" },
	{ FS_PID, "@", "name of a file is missing" },
	{ FS_PID, "@/no/such/file", "can't read the file '/no/such/file': No such file" },
	{ FS_PID, "@/tmp", "can't read the file '/tmp': Is a directory" },
	{ FS_PID, "@/dev/zero", "line 1: too long, or not text" },
};

static void test_bad_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_lists); i++) {
		struct made m;

		made__init(&m);
		if (add(&m, bad_lists[i].set, bad_lists[i].list) >= 0)
			fail_msg("accepted: %s", bad_lists[i].list);
		if (!strstr(m.err, bad_lists[i].says))
			fail_msg("%s: says \"%s\", not \"%s\"", bad_lists[i].list, m.err,
				 bad_lists[i].says);
		assert_null(strchr(m.err, '\n'));
		assert_null(strchr(m.err, '\033'));
		made__free(&m);
	}
}

static void test_unused(void **state)
{
	struct made m;

	(void)state;
	made__init(&m);
	assert_int_equal(finish(&m), 0);
	assert_null(m.r);
	assert_int_equal(m.n, 0);
	assert_int_equal(m.f.used, 0);
	assert_int_equal(m.f.states, 0);
	assert_int_equal(m.f.dirs, 0);
	m.b.tree = 1;
	assert_int_equal(finish(&m), 0);
	assert_int_equal(m.f.used, 1);
	assert_int_equal(m.f.tree, 1);
	made__free(&m);
	filter_builder__free(NULL);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A fresh file name for each test, so that they can run side by side. */
static const char *temp_file(const char *text)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/tcplens-unit-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	write_file(path, text);
	return path;
}

static void test_files(void **state)
{
	char list[128];
	struct made m;
	const char *path = temp_file("# ports of the shop\n80\n\n  443  # https\n!444\r\n8000-8100\n81");

	(void)state;
	made__init(&m);
	snprintf(list, sizeof(list), "22,@%s,!23", path);
	if (add(&m, FS_PORT, list))
		fail_msg("%s", m.err);
	assert_int_equal(finish(&m), 0);
	assert_string_equal(show(&m, m.f.set[FS_PORT].allow), "0:16 0:50-0:51 0:1bb 0:1f40-0:1fa4");
	assert_string_equal(show(&m, m.f.set[FS_PORT].deny), "0:17 0:1bc");
	made__free(&m);
	/* Negated as a whole: what is negated in it is positive again. */
	made__init(&m);
	snprintf(list, sizeof(list), "!@%s", path);
	assert_int_equal(add(&m, FS_PORT, list), 0);
	assert_int_equal(finish(&m), 0);
	assert_string_equal(show(&m, m.f.set[FS_PORT].allow), "0:1bc");
	assert_string_equal(show(&m, m.f.set[FS_PORT].deny), "0:50-0:51 0:1bb 0:1f40-0:1fa4");
	made__free(&m);
	unlink(path);
}

static void test_file_errors(void **state)
{
	const char *path = temp_file("curl\nWeb Content\na,b\n#x\nbad*name\n");
	char list[128], want[160];
	struct made m;

	(void)state;
	made__init(&m);
	snprintf(list, sizeof(list), "@%s", path);
	assert_int_equal(add(&m, FS_COMM, list), -EINVAL);
	snprintf(want, sizeof(want), "--comm @%s line 5: ", path);
	assert_memory_equal(m.err, want, strlen(want));
	/* A line is one entry: commas and blanks in it are part of the name. */
	assert_int_equal(m.b.allow[FS_COMM].n, 3);
	made__free(&m);
	unlink(path);
}

/* An empty file is an empty list: nothing is filtered, and that is not what was meant. */
static void test_file_empty(void **state)
{
	const char *path = temp_file("# nobody yet\n\n");
	char list[128];
	struct made m;

	(void)state;
	made__init(&m);
	snprintf(list, sizeof(list), "@%s", path);
	assert_int_equal(add(&m, FS_PID, list), -EINVAL);
	assert_non_null(strstr(m.err, "no entries"));
	/* Excluding nobody is fine. */
	snprintf(list, sizeof(list), "!@%s", path);
	assert_int_equal(add(&m, FS_PID, list), 0);
	made__free(&m);
	unlink(path);
}

static void test_contradictions(void **state)
{
	static const struct {
		enum fset set;
		const char *list;
		bool ok;
	} cases[] = {
		{ FS_PID, "1,!1", false },
		{ FS_PID, "1,2,!1", true },
		{ FS_PID, "1,2,!2,!1", false },
		{ FS_PORT, "80-90,!1-65535", false },
		{ FS_PORT, "80-90,!80-85,!86-90", false },
		{ FS_PORT, "80-90,!80-84,!86-90", true },
		{ FS_PORT, "80-90,!81-95", true },
		{ FS_PORT, "80-90,100,!70-95", true },
		{ FS_PORT, "80-90,100,!70-100", false },
		{ FS_LADDR, "10.0.0.0/8,!10.0.0.0/9,!10.128.0.0/9", false },
		{ FS_LADDR, "10.1.2.3,!0.0.0.0/0", false },
		{ FS_LADDR, "fd00::1,!0.0.0.0/0", true },
		{ FS_COMM, "nginx,!ng*", false },
		{ FS_COMM, "ng*,!nginx", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct made m;
		int err;

		made__init(&m);
		assert_int_equal(add(&m, cases[i].set, cases[i].list), 0);
		err = finish(&m);
		if (!err != cases[i].ok)
			fail_msg("%s: %s", cases[i].list, err ? m.err : "accepted");
		if (err)
			assert_non_null(strstr(m.err, fset_option(cases[i].set)));
		made__free(&m);
	}
}

static void test_ip_versions(void **state)
{
	static const struct {
		int ip;
		const char *local, *remote;
		bool ok;
	} cases[] = {
		{ 4, "10.0.0.1", NULL, true },	 { 4, "fd00::1", NULL, false },
		{ 6, "10.0.0.1", NULL, false },	 { 6, "fd00::1,10.0.0.1", NULL, true },
		{ 0, "10.0.0.1", "fd00::1", false }, { 0, "10.0.0.1", "10.0.0.2", true },
		{ 4, "::/0", NULL, false },	 { 6, "::/0", NULL, true },
		{ 4, "!fd00::1", NULL, true },	 { 6, "::ffff:1.2.3.4", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct made m;

		made__init(&m);
		if (cases[i].ip)
			assert_int_equal(filter_builder__add_ip(&m.b, cases[i].ip, m.err,
								sizeof(m.err)), 0);
		assert_int_equal(add(&m, FS_LADDR, cases[i].local), 0);
		if (cases[i].remote)
			assert_int_equal(add(&m, FS_RADDR, cases[i].remote), 0);
		assert_int_equal(!finish(&m), cases[i].ok);
		made__free(&m);
	}
}

static void test_four_and_six(void **state)
{
	struct made m;

	(void)state;
	made__init(&m);
	assert_int_equal(filter_builder__add_ip(&m.b, 4, m.err, sizeof(m.err)), 0);
	assert_int_equal(filter_builder__add_ip(&m.b, 4, m.err, sizeof(m.err)), 0);
	assert_int_equal(filter_builder__add_ip(&m.b, 6, m.err, sizeof(m.err)), -EINVAL);
	assert_int_equal(finish(&m), 0);
	assert_int_equal(m.f.ips, 1);
	assert_int_equal(m.f.used, 1);
	made__free(&m);
}

static void test_flags(void **state)
{
	static const struct {
		const char *spec;
		int mask, value;
	} good[] = {
		{ "SYN", TF_SYN, TF_SYN },
		{ "syn,ack", TF_SYN | TF_ACK, TF_SYN | TF_ACK },
		{ "SYN,!ACK", TF_SYN | TF_ACK, TF_SYN },
		{ "!RST", TF_RST, 0 },
		{ "AE,CWR,ECE", TF_AE | TF_CWR | TF_ECE, TF_AE | TF_CWR | TF_ECE },
		{ "FIN,FIN", TF_FIN, TF_FIN },
		{ "!FIN,!FIN", TF_FIN, 0 },
	};
	struct made m;

	(void)state;
	made__init(&m);
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(filter_builder__add_flags(&m.b, good[i].spec, m.err, sizeof(m.err)),
				 0);
	assert_int_equal(finish(&m), 0);
	assert_int_equal(m.f.nflags, COUNT(good));
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(m.f.flags[i].mask, good[i].mask);
		assert_int_equal(m.f.flags[i].value, good[i].value);
	}
	assert_int_equal(m.f.used, 0); /* not about the connection */
	for (const char *const *bad = (const char *const[]){ "", "SYN,", "SYNACK", "SYN,!SYN",
							      "!SYN,SYN", "S", "0x2", NULL };
	     *bad; bad++) {
		assert_true(filter_builder__add_flags(&m.b, *bad, m.err, sizeof(m.err)) < 0);
		assert_memory_equal(m.err, "--flags", 7);
	}
	assert_int_equal(filter_builder__add_flags(&m.b, "SYN", m.err, sizeof(m.err)), 0);
	assert_int_equal(filter_builder__add_flags(&m.b, "SYN", m.err, sizeof(m.err)), -E2BIG);
	assert_non_null(strstr(m.err, "8 times"));
	made__free(&m);
}

static void test_states(void **state)
{
	const unsigned int all = (1 << ST_MAX) - 1;
	const struct {
		const char *list;
		unsigned int want;
	} good[] = {
		{ "ESTABLISHED", 1 << ST_ESTABLISHED },
		{ "syn-recv", 1 << ST_SYN_RECV | 1 << ST_NEW_SYN_RECV },
		{ "SYN-RECEIVED,LISTEN", 1 << ST_SYN_RECV | 1 << ST_NEW_SYN_RECV | 1 << ST_LISTEN },
		{ "close_wait,!LISTEN", 1 << ST_CLOSE_WAIT },
		/* Segments without a socket are in no state: not excluded. */
		{ "!ESTABLISHED", all & ~(1 << ST_ESTABLISHED) },
		{ "!SYN-RECEIVED", all & ~(1 << ST_SYN_RECV | 1 << ST_NEW_SYN_RECV) },
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		made__init(&m);
		assert_int_equal(filter_builder__add_states(&m.b, good[i].list, m.err,
							    sizeof(m.err)), 0);
		assert_int_equal(finish(&m), 0);
		assert_int_equal(m.f.states, good[i].want);
		made__free(&m);
	}
	made__init(&m);
	assert_int_equal(filter_builder__add_states(&m.b, "FOO", m.err, sizeof(m.err)), -EINVAL);
	assert_non_null(strstr(m.err, "--state: 'FOO'"));
	assert_int_equal(filter_builder__add_states(&m.b, "LISTEN,!LISTEN", m.err, sizeof(m.err)), 0);
	assert_int_equal(finish(&m), -EINVAL);
	assert_non_null(strstr(m.err, "--state"));
	made__free(&m);
}

static void test_dirs(void **state)
{
	static const struct {
		const char *list;
		int want;
	} good[] = {
		{ "in", 1 << DIR_IN }, { "out", 1 << DIR_OUT }, { "!in", 1 << DIR_OUT }, { "in,out", 3 },
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		made__init(&m);
		assert_int_equal(filter_builder__add_dirs(&m.b, good[i].list, m.err, sizeof(m.err)),
				 0);
		assert_int_equal(finish(&m), 0);
		assert_int_equal(m.f.dirs, good[i].want);
		made__free(&m);
	}
	made__init(&m);
	assert_int_equal(filter_builder__add_dirs(&m.b, "up", m.err, sizeof(m.err)), -EINVAL);
	assert_int_equal(filter_builder__add_dirs(&m.b, "!in,!out", m.err, sizeof(m.err)), 0);
	assert_int_equal(finish(&m), -EINVAL);
	made__free(&m);
}

static __u64 inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void test_netns(void **state)
{
	char list[256], want[64];
	struct made m;

	(void)state;
	snprintf(want, sizeof(want), "0:%llx", inode_of("/proc/self/ns/net"));
	for (int i = 0; i < 2; i++) {
		made__init(&m);
		if (i)
			snprintf(list, sizeof(list), "/proc/self/ns/net");
		else
			snprintf(list, sizeof(list), "%d,!/proc/%d/ns/net,4026531999", getpid(), getpid());
		if (add(&m, FS_NETNS, list))
			fail_msg("%s", m.err);
		assert_int_equal(finish(&m), 0);
		if (i)
			assert_string_equal(show(&m, m.f.set[FS_NETNS].allow), want);
		else
			assert_string_equal(show(&m, m.f.set[FS_NETNS].deny), want);
		made__free(&m);
	}
}

/* The cgroup2 mount of this machine, or NULL. */
static const char *cgroup_mount(void)
{
	FILE *f = setmntent("/proc/mounts", "r");
	static char dir[PATH_MAX];
	struct mntent *e;

	*dir = '\0';
	while (f && (e = getmntent(f)) && !*dir)
		if (!strcmp(e->mnt_type, "cgroup2"))
			snprintf(dir, sizeof(dir), "%s", e->mnt_dir);
	if (f)
		endmntent(f);
	return *dir ? dir : NULL;
}

static void test_cgroup(void **state)
{
	const char *root = cgroup_mount();
	const char *const spellings[] = { root, "/", "." };
	char want[64];
	struct made m;

	(void)state;
	if (!root) {
		print_message("no cgroup2 is mounted here: cgroup paths are not tested\n");
		skip();
	}
	snprintf(want, sizeof(want), "0:%llx", inode_of(root));
	for (size_t i = 0; i < COUNT(spellings); i++) {
		made__init(&m);
		if (add(&m, FS_CGROUP, spellings[i]))
			fail_msg("%s: %s", spellings[i], m.err);
		assert_int_equal(finish(&m), 0);
		assert_string_equal(show(&m, m.f.set[FS_CGROUP].allow), want);
		made__free(&m);
	}
}

/* Tens of thousands of entries, in any order. */
static void test_many(void **state)
{
	const char *path = temp_file("");
	FILE *f = fopen(path, "w");
	char list[128];
	struct made m;

	(void)state;
	for (unsigned int i = 0; i < 50000; i++) {
		unsigned int k = i * 7919 % 50000;

		fprintf(f, "10.%u.%u.%u\n", k >> 15 & 255, k >> 7 & 255, (k << 1) & 255);
	}
	fclose(f);
	made__init(&m);
	snprintf(list, sizeof(list), "@%s", path);
	if (add(&m, FS_RADDR, list))
		fail_msg("%s", m.err);
	assert_int_equal(finish(&m), 0);
	assert_int_equal(m.n, 50000); /* every second address: nothing to merge */
	for (__u32 i = 1; i < m.n; i++)
		assert_true(m.r[i - 1].hi.l < m.r[i].lo.l);
	made__free(&m);
	unlink(path);
}

static void test_too_many(void **state)
{
	struct frange r = {};
	struct made m;

	(void)state;
	made__init(&m);
	for (int s = 0; s < 2; s++) {
		struct range_vec *v = &m.b.allow[s ? FS_PID : FS_UID];

		v->v = calloc(FRANGES_MAX, sizeof(*v->v));
		v->cap = v->n = FRANGES_MAX;
		for (int i = 0; i < FRANGES_MAX; i++) {
			r.lo.l = r.hi.l = 2 * i + 1;
			v->v[i] = r;
		}
	}
	assert_int_equal(finish(&m), -E2BIG);
	assert_int_equal(add(&m, FS_PID, "7"), -E2BIG);
	assert_non_null(strstr(m.err, "262144"));
	made__free(&m);
}

/* Finishing does not use the builder up. */
static void test_finish_twice(void **state)
{
	struct made m;

	(void)state;
	made__init(&m);
	assert_int_equal(add(&m, FS_PORT, "80"), 0);
	assert_int_equal(finish(&m), 0);
	assert_int_equal(add(&m, FS_PORT, "79,443"), 0);
	assert_int_equal(finish(&m), 0);
	assert_string_equal(show(&m, m.f.set[FS_PORT].allow), "0:4f-0:50 0:1bb");
	made__free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_lists),    cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_unused),	      cmocka_unit_test(test_files),
		cmocka_unit_test(test_file_errors),   cmocka_unit_test(test_file_empty),
		cmocka_unit_test(test_contradictions), cmocka_unit_test(test_ip_versions),
		cmocka_unit_test(test_four_and_six),  cmocka_unit_test(test_flags),
		cmocka_unit_test(test_states),	      cmocka_unit_test(test_dirs),
		cmocka_unit_test(test_netns),	      cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_many),	      cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_finish_twice),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
