// SPDX-License-Identifier: BSD-2-Clause
/* Files: their names, when one ends and the next begins, and what a full disk leaves. */
#include "unit.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "opts_file.h"
#include "recording.h"
#include "writer.h"

#define SEC 1000000000ULL

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	strcpy(dir, "/tmp/tcplens-unit-XXXXXX");
	return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return chdir("/") || system(cmd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The directory's files as "a b c", which are removed. */
static const char *take_files(void)
{
	static char list[1024];
	char *names[64];
	struct dirent *e;
	size_t n = 0;
	DIR *d = opendir(".");

	while ((e = readdir(d)))
		if (*e->d_name != '.' && n < COUNT(names))
			names[n++] = strdup(e->d_name);
	closedir(d);
	qsort(names, n, sizeof(*names), by_name);
	*list = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(strcat(list, i ? " " : ""), names[i]);
		unlink(names[i]);
		free(names[i]);
	}
	return list;
}

static error_t parse_file(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static void parse_line(const char *line, struct opts_file *o)
{
	static const struct argp_child children[] = { { &opts_file_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = { .parser = parse_file, .children = children };
	static char copy[256];
	char *argv[16] = { "tcplens record" }, *save;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	*o = (struct opts_file){};
	assert_int_equal(argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, o), 0);
}

static struct writer *open_writer(const struct opts_file *o)
{
	/* 2025-11-24T08:41:10Z */
	const struct writer_info info = { .start_mono_ns = T_MONO, .mono_to_real = T_OFFSET };
	struct writer *w;
	char err[256] = "";

	if (writer__open(&w, o, &info, err, sizeof(err)))
		fail_msg("%s", err);
	return w;
}

/* Unlike the one before in all but its kind and connection, so that 192 bytes are written of 192. */
static struct ev_segment nth_segment(unsigned int i, __u64 mono_ns)
{
	struct ev_segment seg = a_segment();

	/* The last byte of each word: none of these is looked at by decode(). */
	for (size_t at = 3 * 8 + 7; at < sizeof(seg); at += 8)
		((__u8 *)&seg)[at] = 1 + i % 255;
	seg.hdr.mono_ns = mono_ns;
	return seg;
}

/* One record every `step`, until `n` are written or no more is wanted: how many were. */
static int write_some(const struct opts_file *o, int n, __u64 step)
{
	struct ev_segment seg = {};
	struct writer *w = open_writer(o);
	int i, err = 0;

	for (i = 0; i < n && !err; i++) {
		seg = nth_segment(i, T_MONO + i * step);
		err = writer__event(w, &seg.hdr);
	}
	assert_true(!err || err == -ECANCELED);
	assert_int_equal(writer__close(w, seg.hdr.mono_ns), 0);
	writer__free(w);
	return err ? i - 1 : i;
}

/* tcpdump's names. */
static void test_names(void **state)
{
	static const struct {
		const char *opts;
		int n; /* records: one per second, 192 bytes each */
		int written;
		const char *files;
	} rows[] = {
		{ "-w x.tcpl", 20, 20, "x.tcpl" },
		/* A header of some 100 bytes and five records are more than 1024. */
		{ "-w x -C 1k", 11, 11, "x x1 x2" },
		{ "-w x -C 1k -W 2", 11, 11, "x0 x1" },
		{ "-w x -C 1k -W 10", 11, 11, "x0 x1 x2" },
		{ "-w x -C 1k -W 11", 11, 11, "x00 x01 x02" },
		{ "-w x -C 1k -W 1", 11, 11, "x" },
		{ "-w x -C 1", 20, 20, "x" },
		{ "-w %H%M%S -G 5", 11, 11, "084110 084115 084120" },
		{ "-w x%%-%S -G 7", 8, 8, "x%-10 x%-17" },
		{ "-w x -G 5", 11, 11, "x" },
		{ "-w %S -G 5 -W 2", 20, 10, "10 15" },
		{ "-w %S -G 10 -C 1k", 11, 11, "10 101 20" },
		{ "-w %S -G 10 -C 1k -W 3", 11, 11, "100 101 200" },
		{ "-w 100%", 2, 2, "100%" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct opts_file o;
		int written;

		parse_line(rows[i].opts, &o);
		written = write_some(&o, rows[i].n, SEC);
		if (written != rows[i].written)
			fail_msg("%s: %d written", rows[i].opts, written);
		assert_string_equal(take_files(), rows[i].files);
	}
}

/* Times without records have no files, unless somebody looks at the clock. */
static void test_idle(void **state)
{
	struct opts_file o;
	struct writer *w;

	(void)state;
	parse_line("-w %M%S -G 5", &o);
	assert_int_equal(write_some(&o, 2, 61 * SEC), 2);
	assert_string_equal(take_files(), "4110 4210");
	w = open_writer(&o);
	assert_int_equal(writer__flush(w, T_MONO + 4 * SEC), 0);
	assert_int_equal(writer__flush(w, T_MONO + 6 * SEC), 0);
	assert_int_equal(writer__close(w, T_MONO + 6 * SEC), 0);
	writer__free(w);
	assert_string_equal(take_files(), "4110 4115");
}

/* How many records a file has, or a negative errno. */
static int read_file(const char *path, struct rec_reader *r)
{
	FILE *f = fopen(path, "r");
	const struct ev_hdr *ev;
	char err[256];
	int ret, n = 0;

	assert_non_null(f);
	ret = rec_reader__open(r, fileno(f), -1, err, sizeof(err));
	while (!ret && (ret = rec_reader__next(r, &ev, err, sizeof(err))) == 1) {
		ret = 0;
		n++;
	}
	if (ret)
		fail_msg("%s: %s", path, err);
	rec_reader__free(r);
	fclose(f);
	return n;
}

/* Every file of a series is whole by itself. */
static void test_series(void **state)
{
	struct opts_file o;
	struct rec_reader r;

	(void)state;
	parse_line("-w x -C 1k", &o);
	write_some(&o, 11, SEC);
	assert_int_equal(read_file("x", &r), 5);
	assert_int_equal(r.hdr.start_mono_ns, T_MONO);
	assert_int_equal(read_file("x1", &r), 5);
	assert_int_equal(read_file("x2", &r), 1);
	assert_int_equal(r.last_ns, T_MONO + 10 * SEC);
	take_files();
}

static void test_mode(void **state)
{
	struct opts_file o;
	struct stat st;
	mode_t old = umask(027);

	(void)state;
	parse_line("-w x", &o);
	write_some(&o, 1, SEC);
	umask(old);
	assert_int_equal(stat("x", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	take_files();
}

struct full {
	rlim_t limit;
	int flush_every; /* records */
	bool async;
	size_t waits; /* async: as writer__async() */
};

/* Writes until it can't: how many records it says that are in the file. */
static int write_until_full(const struct full *f)
{
	struct rlimit rl = { f->limit, f->limit };
	__u64 lost = 0, records;
	struct opts_file o;
	struct writer *w;
	int err = 0, sent;

	signal(SIGXFSZ, SIG_IGN);
	parse_line("-w x", &o);
	w = open_writer(&o);
	if ((f->async && writer__async(w, f->waits, false)) || setrlimit(RLIMIT_FSIZE, &rl))
		_exit(2);
	for (sent = 0; sent < 20000 && !err; sent++) {
		struct ev_segment seg = nth_segment(sent / 2, T_MONO + sent);

		seg.hdr.hook = sent & 1 ? HOOK_SEG_IN : HOOK_SEG_OUT;
		output_reopen(&w->output);
		if (writer__leaves_out(w, &seg.hdr))
			usleep(1000); /* for the thread to be scheduled */
		else
			err = writer__event(w, &seg.hdr);
		if (!err && !(sent % f->flush_every))
			err = writer__flush(w, T_MONO);
		if (!err && w->async)
			err = output_error(&w->output);
	}
	err = writer__close(w, T_MONO) ?: err; /* it may be known only now */
	records = w->records - w->unwritten;
	for (int hook = 0; hook < HOOK_MAX; hook++)
		lost += w->output.lost[hook];
	if (records + lost != (__u64)sent || err != -EFBIG)
		_exit(3);
	writer__free(w);
	return records;
}

/* A limit on the file's size stands for the disk's: what is in the file then can be read, the rest is counted. */
static void disk_full(const struct full *f)
{
	int status, n, said = -1, ends[2];
	struct rec_reader r;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		said = write_until_full(f);
		_exit(write(ends[1], &said, sizeof(said)) != sizeof(said));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], &said, sizeof(said)), sizeof(said));
	close(ends[0]);
	close(ends[1]);
	n = read_file("x", &r);
	assert_true(r.ended_early);
	assert_int_equal(n, said);
	/* All but what the header, the end mark and the end of the buffer take. */
	if (n < (int)(f->limit - 240) / 192 - 2 || n > (int)f->limit / 192)
		fail_msg("%d records in %d bytes", n, (int)f->limit);
}

static void test_disk_full(void **state)
{
	(void)state;
	for (rlim_t limit = 1000; limit < 5000; limit += 97)
		disk_full(&(struct full){ .limit = limit, .flush_every = limit % 2 ? 1 : 7 });
	take_files();
}

/* A thread writes: it may know of it much later; and with little room to wait in. */
static void test_disk_full_async(void **state)
{
	(void)state;
	for (rlim_t limit = 1000; limit < 5000; limit += 97)
		disk_full(&(struct full){ .limit = limit, .flush_every = limit % 2 ? 1 : 7, .async = true,
					  .waits = limit % 3 ? 1 << 20 : 1000 });
	disk_full(&(struct full){ .limit = 1 << 20, .flush_every = 100000, .async = true, .waits = 4 << 20 });
	take_files();
}

/* For the thread a file's records are left to gather, but not for long. */
static void test_gathers(void **state)
{
	const __u64 ms = SEC / 1000;
	struct ev_segment seg = a_segment();
	struct rec_reader r;
	struct opts_file o;
	struct writer *w;

	(void)state;
	parse_line("-w x", &o);
	w = open_writer(&o);
	assert_int_equal(writer__async(w, 1 << 20, false), 0);
	for (__u64 at = 0; at <= 130; at += 10) {
		seg.hdr.mono_ns = T_MONO + at * ms;
		assert_int_equal(writer__event(w, &seg.hdr), 0);
		assert_int_equal(writer__flush(w, seg.hdr.mono_ns), 0);
		assert_int_equal(w->out.len == 0, at % 100 == 0);
	}
	assert_int_equal(writer__close(w, seg.hdr.mono_ns), 0);
	writer__free(w);
	assert_int_equal(read_file("x", &r), 14);
	take_files();
}

static const struct {
	const char *line, *says;
} bad_lines[] = {
	{ "-C 5", "-w FILE" },
	{ "--print", "-w FILE" },
	{ "--format tcpl", "-w FILE" },
	{ "-w x.pcap", "name it .pcapng" },
	{ "-w x.PCAP", "name it .pcapng" },
	{ "-w x -W 5", "-W counts the files that -C or -G begin" },
	{ "-w - -C 5", "standard output can't be rotated" },
	{ "-w - -G 5", "standard output can't be rotated" },
	{ "-w - --print", "both want standard output" },
	{ "-w x -w y", "-w can be given once" },
	{ "-r x -r y", "-r can be given once" },
	{ "-w x -C 0", "-C needs a size" },
	{ "-w x -C 5x", "-C needs a size" },
	{ "-w x -C 5kk", "-C needs a size" },
	{ "-w x -C -5", "-C needs a size" },
	{ "-w x -G 0", "-G needs a number of seconds" },
	{ "-w x -G 1.5", "-G needs a number of seconds" },
	{ "-w x -C 1 -W 0", "-W needs a number of files" },
	{ "-w x --format elf", "--format: unknown format 'elf': use " },
	{ "-w x --snap 70000", "--snap needs a number of bytes" },
	{ "-w x --snap x", "--snap needs a number of bytes" },
};

static void test_bad_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_lines); i++) {
		char said[512] = "";
		struct opts_file o;
		int status, p[2];
		ssize_t got;
		pid_t pid;

		assert_int_equal(pipe(p), 0);
		fflush(NULL);
		pid = fork();
		if (!pid) {
			dup2(p[1], STDERR_FILENO);
			argp_err_exit_status = 2;
			parse_line(bad_lines[i].line, &o);
			_exit(0);
		}
		close(p[1]);
		for (size_t n = 0; (got = read(p[0], said + n, sizeof(said) - 1 - n)) > 0;)
			n += got;
		close(p[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 2 || !strstr(said, bad_lines[i].says))
			fail_msg("%s: status %x, says %s", bad_lines[i].line, status, said);
	}
}

static void test_options(void **state)
{
	struct opts_file o;

	(void)state;
	parse_line("-w x -C 3 -W 4 --snap 0", &o);
	assert_int_equal(o.size, 3000000);
	assert_int_equal(o.files, 4);
	assert_true(o.snap_set);
	parse_line("-w x -C 3k", &o);
	assert_int_equal(o.size, 3 << 10);
	assert_false(o.snap_set);
	parse_line("-w x -C 3M", &o);
	assert_int_equal(o.size, 3 << 20);
	parse_line("-w x -C 3G", &o);
	assert_int_equal(o.size, 3ULL << 30);
	parse_line("-w x.tcpl -r y", &o);
	assert_ptr_equal(o.format, &writer_tcpl_ops);
	assert_false(o.unnamed);
	parse_line("-w x.Pcapng", &o);
	assert_ptr_equal(o.format, &writer_pcapng_ops);
	assert_false(o.unnamed);
	parse_line("-w x.pcapng.gz", &o);
	assert_ptr_equal(o.format, &writer_tcpl_ops);
	assert_true(o.unnamed);
	parse_line("-w - --format tcpl", &o);
	assert_ptr_equal(o.format, &writer_tcpl_ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	  cmocka_unit_test(test_idle),
		cmocka_unit_test(test_series),	  cmocka_unit_test(test_mode),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_disk_full_async), cmocka_unit_test(test_gathers),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
