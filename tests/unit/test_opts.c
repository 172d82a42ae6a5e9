// SPDX-License-Identifier: BSD-2-Clause
/* Command lines: what they set, and the one sentence when they can't be. */
#include "unit.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd_fields.h"
#include "json.h"
#include "opts_filter.h"
#include "opts_output.h"

#define ARGS_MAX 16

struct both {
	struct opts_filter filter;
	struct opts_output output;
};

static error_t parse_both(int key, char *arg, struct argp_state *state)
{
	struct both *b = state->input;
	char err[512];

	(void)arg;
	if (key == ARGP_KEY_END && opts_filter__check_pids(&b->filter, err, sizeof(err)))
		argp_failure(state, 2, 0, "%s", err);
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = &b->filter;
	state->child_inputs[1] = &b->output;
	return 0;
}

/* "-p 1 --json" split at blanks, parsed as a command would; exits on errors like one. */
static void parse_line(const char *line, struct both *b)
{
	static const struct argp_child children[] = {
		{ &opts_filter_argp, 0, NULL, 0 },
		{ &opts_output_argp, 0, NULL, 0 },
		{ 0 },
	};
	const struct argp argp = { .parser = parse_both, .children = children };
	static char copy[512];
	char *argv[ARGS_MAX + 2] = { "tcplens trace" };
	int argc = 1;
	char *save;

	memset(b, 0, sizeof(*b));
	b->output.events = FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_LOST);
	b->output.usual = FIELDS_TRACE;
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w && argc <= ARGS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	assert_int_equal(argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, b), 0);
}

/* In a child, since a bad line ends the process: its exit status, and what it said on `fd`. */
static int run_child(void (*fn)(const char *), const char *arg, int fd, char *said, size_t len)
{
	int status, p[2];
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(p[1], fd);
		close(p[0]);
		close(p[1]);
		argp_err_exit_status = 2;
		fn(arg);
		fflush(NULL);
		_exit(0);
	}
	close(p[1]);
	while (n + 1 < len && (got = read(p[0], said + n, len - n - 1)) > 0)
		n += got;
	said[n] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void just_parse(const char *line)
{
	struct both b;

	parse_line(line, &b);
	opts_filter__free(&b.filter);
}

static const struct {
	const char *line, *says;
} bad_lines[] = {
	{ "-p 4194303", "--pid: there is no process 4194303" },
	{ "-p !4194303", "--pid: there is no process 4194303" },
	{ "-p x", "--pid: 'x' is no process id" },
	{ "-4 -6", "-4 and -6 exclude each other" },
	{ "-t -T", "-t and -T exclude each other" },
	{ "-n --resolve", "-n and --resolve exclude each other" },
	{ "--json --resolve", "--resolve is for text only" },
	{ "--json -t", "-t is for text only" },
	{ "--color sometimes", "--color can be auto, always or never, not 'sometimes'" },
	{ "--fields pid,nosuch", "--fields: unknown field 'nosuch'" },
	{ "--fields old", "--fields: field 'old' is part of state records only" },
	{ "--fields pid --fields tid", "--fields can be given once" },
	{ "--remote 10.0.0.0/99", "--remote: '10.0.0.0/99'" },
	{ "-P 80,!80", "--port: every entry is excluded again" },
	{ "-4 --remote fd00::1", "ask for different IP versions" },
	{ "-u nosuchuser.", "--user: there is no user 'nosuchuser.'" },
	{ "--flags XYZ", "--flags: 'XYZ' is no TCP flag" },
	{ "--state XYZ", "--state: 'XYZ' is no TCP state" },
	{ "--dir up", "--dir: 'up' is no direction" },
};

static void test_bad_lines(void **state)
{
	char said[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(bad_lines); i++) {
		int status = run_child(just_parse, bad_lines[i].line, STDERR_FILENO, said,
				       sizeof(said));

		if (status != 2 || !strstr(said, bad_lines[i].says))
			fail_msg("%s: status %d, says: %s", bad_lines[i].line, status, said);
		/* One sentence, with the name of the program, not the whole usage. */
		assert_memory_equal(said, "tcplens trace: ", 15);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
}

static void parse_pid_of_thread(const char *line)
{
	(void)line;
	just_parse("-p 1");
}

static void test_pid(void **state)
{
	char line[64], said[1024];
	struct both b;

	(void)state;
	snprintf(line, sizeof(line), "-p %d,%d -p !1", getpid(), getppid());
	parse_line(line, &b);
	assert_int_equal(b.filter.nranges, getpid() == getppid() + 1 ? 2 : 3);
	assert_int_equal(b.filter.filter.used, 1);
	opts_filter__free(&b.filter);
	opts_filter__free(NULL);
	assert_int_equal(run_child(parse_pid_of_thread, "", STDERR_FILENO, said, sizeof(said)), 0);
}

/* The columns as one string. */
static const char *columns(const struct opts_output *o)
{
	static char out[1024];
	char *p = out;

	*p = '\0';
	for (size_t i = 0; i < o->nfields; i++)
		p += sprintf(p, "%s%s", i ? "," : "", o->fields[i]->name);
	return out;
}

#define SOCKET_COLUMNS "owner,state,srtt_us,min_rtt_us,cwnd,ssthresh,unacked,retrans"

static void test_columns(void **state)
{
	static const struct {
		const char *line, *columns;
	} cases[] = {
		{ "", FIELDS_TRACE },
		{ "-e", FIELDS_TRACE ",smac,dmac" },
		{ "-v", FIELDS_TRACE "," SOCKET_COLUMNS },
		{ "-v -e", FIELDS_TRACE ",smac,dmac," SOCKET_COLUMNS },
		{ "--fields pid,len", "pid,len" },
		{ "--fields +ttl,pid,dscp", FIELDS_TRACE ",ttl,dscp" },
		{ "--fields pid,smac -e", "pid,smac,dmac" },
		{ "--json", "" },
		{ "--json -e", "" },
		{ "--json --fields pid,len", "pid,len" },
		{ "--json --fields pid -e", "pid,smac,dmac" },
	};
	struct both b;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		parse_line(cases[i].line, &b);
		assert_string_equal(columns(&b.output), cases[i].columns);
		opts_filter__free(&b.filter);
	}
	/* JSON has everything; more can only be the composites. */
	parse_line("--json --fields +local", &b);
	assert_memory_equal(columns(&b.output), "event,time,mono_ns,pid", 22);
	assert_string_equal(b.output.fields[b.output.nfields - 1]->name, "local");
	opts_filter__free(&b.filter);
}

static void test_switches(void **state)
{
	struct both b;
	struct sink_cfg cfg;

	(void)state;
	parse_line("-S -T -q -n --color always", &b);
	assert_true(b.output.absolute && b.output.quiet && b.output.numeric);
	assert_int_equal(b.output.time_format, TIME_RFC3339);
	opts_output__sink_cfg(&b.output, -1, &cfg);
	assert_ptr_equal(cfg.ops, &sink_text_ops);
	assert_true(cfg.color && cfg.fctx.absolute);
	assert_int_equal(cfg.fctx.time_format, TIME_RFC3339);
	assert_int_equal(cfg.tty, -1);
	assert_int_equal(cfg.nfields, 11);
	parse_line("--json --color always", &b);
	opts_output__sink_cfg(&b.output, -1, &cfg);
	assert_ptr_equal(cfg.ops, &sink_json_ops);
	assert_false(cfg.color);
	assert_int_equal(cfg.nfields, 0);
}

/* auto: a terminal, no NO_COLOR (or an empty one), a terminal that can. */
static void test_color(void **state)
{
	static const struct {
		const char *line, *no_color, *term;
		bool tty, color;
	} cases[] = {
		{ "", NULL, "xterm", true, true },	 { "", NULL, "xterm", false, false },
		{ "", "1", "xterm", true, false },	 { "", "", "xterm", true, true },
		{ "", NULL, "dumb", true, false },	 { "", NULL, NULL, true, false },
		{ "--color never", NULL, "xterm", true, false },
		{ "--color always", "1", "dumb", false, true },
		{ "--color auto", NULL, "xterm", true, true },
		{ "--json", NULL, "xterm", true, false },
	};
	int tty = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	struct sink_cfg cfg;
	struct both b;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (cases[i].tty && (tty < 0 || !isatty(tty)))
			continue;
		if (cases[i].no_color)
			setenv("NO_COLOR", cases[i].no_color, 1);
		else
			unsetenv("NO_COLOR");
		if (cases[i].term)
			setenv("TERM", cases[i].term, 1);
		else
			unsetenv("TERM");
		parse_line(cases[i].line, &b);
		opts_output__sink_cfg(&b.output, cases[i].tty ? tty : -1, &cfg);
		assert_int_equal(cfg.color, cases[i].color);
		assert_int_equal(cfg.tty, cases[i].tty && !b.output.json ? tty : -1);
	}
	if (tty >= 0)
		close(tty);
}

static void run_fields(const char *arg)
{
	char *argv[] = { "tcplens fields", (char *)arg, NULL };
	int status = cmd_fields(arg ? 2 : 1, argv);

	fflush(NULL);
	_exit(status);
}

static void test_cmd_fields(void **state)
{
	static char said[1 << 16];
	size_t lines = 0;
	char *save;

	(void)state;
	assert_int_equal(run_child(run_fields, NULL, STDOUT_FILENO, said, sizeof(said)), 0);
	for (size_t i = 0; i < nfields; i++) {
		char want[64];

		snprintf(want, sizeof(want), "\n%s ", fields[i].name);
		assert_non_null(strstr(said, want));
	}
	assert_int_equal(run_child(run_fields, "--json", STDOUT_FILENO, said, sizeof(said)), 0);
	for (char *l = strtok_r(said, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		assert_true(json_ok(l, strlen(l)));
		assert_string_equal(json_keys(l), "name,header,type,default,events,help");
		lines++;
	}
	assert_int_equal(lines, nfields);
	assert_int_equal(run_child(run_fields, "stray", STDERR_FILENO, said, sizeof(said)), 2);
	assert_non_null(strstr(said, "unexpected 'stray'"));
}

static void full_output(const char *arg)
{
	int full = open("/dev/full", O_WRONLY);

	(void)arg;
	dup2(full, STDOUT_FILENO);
	run_fields(NULL);
}

static void test_cmd_fields_full(void **state)
{
	char said[256];

	(void)state;
	if (access("/dev/full", W_OK)) {
		print_message("no /dev/full here: a full disk is not tested\n");
		skip();
	}
	assert_int_equal(run_child(full_output, NULL, STDERR_FILENO, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "No space left"));
}

static void show_help(const char *arg)
{
	just_parse(arg);
}

/* Every option is explained, and the text is not wider than a terminal. */
static void test_help(void **state)
{
	static const char *const options[] = {
		"--pid",   "--comm",   "--user",  "--cgroup", "--netns",  "-4",	     "-6",
		"--port",  "--lport",  "--rport", "--local",  "--remote", "--state", "--dir",
		"--flags", "--fields", "--json",  "-t",	      "-T",	  "-S",	     "-e",
		"-v",	   "-n",       "-q",	  "--color",  "--resolve",
	};
	static char said[1 << 16];
	char *save;

	(void)state;
	assert_int_equal(run_child(show_help, "--help", STDOUT_FILENO, said, sizeof(said)), 0);
	for (size_t i = 0; i < COUNT(options); i++)
		if (!strstr(said, options[i]))
			fail_msg("--help says nothing of %s", options[i]);
	for (char *l = strtok_r(said, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		assert_true(strlen(l) <= 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_lines),	cmocka_unit_test(test_pid),
		cmocka_unit_test(test_columns),		cmocka_unit_test(test_switches),
		cmocka_unit_test(test_color),		cmocka_unit_test(test_cmd_fields),
		cmocka_unit_test(test_cmd_fields_full), cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("opts", tests, NULL, NULL);
}
