// SPDX-License-Identifier: BSD-2-Clause
/* --resolve: printing must not wait for name servers, and must not believe names. */
#include "unit.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "fields.h"
#include "resolve.h"
#include "resolve_system.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t open;
	bool shut;
	int calls;
} gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0 };

static void gate_set(bool shut)
{
	pthread_mutex_lock(&gate.lock);
	gate.shut = shut;
	pthread_cond_broadcast(&gate.open);
	pthread_mutex_unlock(&gate.lock);
}

/* A name server that answers when the gate is open. */
static int fake(const __u8 addr[16], unsigned int ip, char *name, size_t len)
{
	pthread_mutex_lock(&gate.lock);
	gate.calls++;
	while (gate.shut)
		pthread_cond_wait(&gate.open, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	if (addr[15] == 99)
		return -ENOENT;
	if (addr[15] == 66)
		snprintf(name, len, "\033[2Jevil");
	else if (addr[15] == 67)
		snprintf(name, len, "10.9.8.7");
	else if (addr[15] == 68)
		snprintf(name, len, "fd00::1");
	else
		snprintf(name, len, "host%u-%u.example", ip, addr[15]);
	return 0;
}

static const char *ask(struct resolver *r, const char *text)
{
	static char name[RESOLVE_NAME_MAX];
	__u8 addr[16];

	addr_set(addr, text);
	return resolver_addr(r, addr, strchr(text, ':') ? 6 : 4, name);
}

/* On a busy machine an answer may come too late for the first who asks. */
static void expect_name(struct resolver *r, const char *text, const char *want)
{
	for (int i = 0; i < 1000 && !ask(r, text); i++)
		usleep(10000);
	assert_string_equal(ask(r, text), want);
}

static void test_names(void **state)
{
	struct resolver *r = resolver__new(fake);

	(void)state;
	assert_non_null(r);
	gate.calls = 0;
	expect_name(r, "10.0.0.1", "host4-1.example");
	expect_name(r, "10.0.0.1", "host4-1.example");
	expect_name(r, "fd00::2", "host6-2.example");
	assert_null(ask(r, "10.0.0.99"));
	assert_null(ask(r, "10.0.0.99"));
	assert_int_equal(gate.calls, 3); /* remembered, that there is none, too */
	/* A name that looks like an address would be believed to be one. */
	assert_null(ask(r, "10.0.0.67"));
	assert_null(ask(r, "10.0.0.68"));
	resolver__free(r);
	resolver__free(NULL);
}

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* The server hangs: one address is waited for, all further ones print at once. */
static void test_never_blocks(void **state)
{
	struct resolver *r = resolver__new(fake);
	__u64 begin = now_ms();
	char text[32];

	(void)state;
	gate_set(true);
	assert_null(ask(r, "10.0.1.1"));
	assert_true(now_ms() - begin >= RESOLVE_WAIT_MS - 1);
	for (int i = 0; i < 5000; i++) { /* more than the queue holds */
		snprintf(text, sizeof(text), "10.1.%d.%d", i / 250, i % 250);
		assert_null(ask(r, text));
	}
	assert_true(now_ms() - begin < 30 * RESOLVE_WAIT_MS);
	/* It comes back: so do the names. */
	gate_set(false);
	while (!ask(r, "10.0.1.1"))
		assert_true(now_ms() - begin < 60000);
	assert_string_equal(ask(r, "10.0.1.1"), "host4-1.example");
	resolver__free(r);
}

/* The owner leaves while a look-up hangs: nobody waits, nothing is freed too early. */
static void test_free_while_busy(void **state)
{
	struct resolver *r = resolver__new(fake);
	__u64 begin = now_ms();

	(void)state;
	gate_set(true);
	assert_null(ask(r, "10.0.2.1"));
	resolver__free(r);
	assert_true(now_ms() - begin < 30 * RESOLVE_WAIT_MS);
	gate_set(false);
}

static const char *end_text(struct resolver *r, const char *name)
{
	struct fctx c = { .resolver = r };
	struct ev_segment s = a_segment();
	static char out[512];
	struct outbuf b = {};
	struct fvalue v;

	addr_set(s.ends.laddr, name);
	s.ends.ip = strchr(name, ':') ? 6 : 4;
	s.ends.lport = 64999; /* nobody's */
	assert_int_equal(field_get(field_find("local", 5), &s.hdr, &c, &v), 1);
	field_text(&b, field_find("local", 5), &v, &c);
	snprintf(out, sizeof(out), "%.*s", (int)b.len, b.p);
	outbuf__free(&b);
	return out;
}

static void expect_end(struct resolver *r, const char *name, const char *want)
{
	for (int i = 0; i < 1000 && strcmp(end_text(r, name), want); i++)
		usleep(10000);
	assert_string_equal(end_text(r, name), want);
}

static void test_in_columns(void **state)
{
	struct resolver *r = resolver__new(fake);

	(void)state;
	expect_end(r, "10.0.0.1", "host4-1.example:64999");
	expect_end(r, "fd00::3", "host6-3.example:64999");
	assert_string_equal(end_text(r, "10.0.0.99"), "10.0.0.99:64999");
	assert_string_equal(end_text(r, "fd00::63"), "[fd00::63]:64999");
	expect_end(r, "10.0.0.66", "\\x1b[2Jevil:64999");
	resolver__free(r);
}

static void test_services(void **state)
{
	char path[] = "/tmp/tcplens-unit-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	char **ports;

	(void)state;
	assert_non_null(f);
	fputs("# services\nhttp\t80/tcp\twww\t# the web\nhttp 80/udp\nntp 123/udp\n"
	      "second 80/tcp\nbad 99999/tcp\nworse x/tcp\nzero 0/tcp\nalone\n\nlast 65535/tcp", f);
	fclose(f);
	ports = resolve_ports_read(path);
	assert_non_null(ports);
	assert_string_equal(ports[80], "http");
	assert_null(ports[123]);
	assert_null(ports[0]);
	assert_string_equal(ports[65535], "last");
	resolve_ports_free(ports);
	resolve_ports_free(NULL);
	unlink(path);
	ports = resolve_ports_read("/no/such/file");
	assert_non_null(ports);
	assert_null(ports[80]);
	resolve_ports_free(ports);
}

static void test_users(void **state)
{
	__u32 uid = 7;

	(void)state;
	assert_int_equal(resolve_user("root", &uid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(resolve_user("no-such-user-here", &uid), -ENOENT);
	assert_int_equal(resolve_user("", &uid), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_never_blocks),
		cmocka_unit_test(test_free_while_busy), cmocka_unit_test(test_in_columns),
		cmocka_unit_test(test_services),   cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
