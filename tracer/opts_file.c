// SPDX-License-Identifier: BSD-2-Clause
#include "opts_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "errmsg.h"
#include "writer.h"

#define SNAP_MAX 65535

enum { KEY_FORMAT = 0x4000, KEY_PRINT, KEY_SNAP };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Files:", 25 },
	{ "read", 'r', "FILE", 0, "Take the records from a recording, not from the kernel (-: standard input)", 0 },
	{ "write", 'w', "FILE", 0,
	  "Write the records instead of printing: FILE.pcapng for Wireshark, any other name for -r (-: standard output)",
	  0 },
	{ "format", KEY_FORMAT, "NAME", 0, "pcapng or tcpl, whatever the file's name", 0 },
	{ "print", KEY_PRINT, NULL, 0, "Print, too, what -w writes", 0 },
	{ "file-size", 'C', "SIZE", 0,
	  "A new file after SIZE million bytes (k, M, G: of 1024): FILE, FILE1, FILE2, ...", 0 },
	{ "file-time", 'G', "SECONDS", 0, "A new file every SECONDS; FILE is a strftime format", 0 },
	{ "file-count", 'W', "COUNT", 0,
	  "With -C: write over the oldest of COUNT files; with -G: end after COUNT files", 0 },
	{ "snap", KEY_SNAP, "N", 0, "Keep the packets, too, with their first N payload bytes (pcapng's default: 0, headers only)", 0 },
	{ 0 },
};

/* A number with what follows it in *end; false: there is none. */
static bool number(const char *s, char **end, __u64 max, __u64 *n)
{
	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*n = strtoull(s, end, 10);
	return !errno && *n && *n <= max;
}

/* As tcpdump's -C: millions of bytes, with a suffix the units of 1024. */
static int set_size(struct opts_file *o, const char *arg)
{
	__u64 unit = 1000000, n;
	char *end;

	if (!number(arg, &end, 1ULL << 32, &n))
		return -EINVAL;
	if (*end) {
		switch (*end++ | 0x20) {
		case 'k':
			unit = 1 << 10;
			break;
		case 'm':
			unit = 1 << 20;
			break;
		case 'g':
			unit = 1 << 30;
			break;
		default:
			return -EINVAL;
		}
	}
	o->size = n * unit;
	return *end ? -EINVAL : 0;
}

static int set_number(const char *arg, __u64 max, __u64 *n)
{
	char *end;

	return number(arg, &end, max, n) && !*end ? 0 : -EINVAL;
}

static int set_snap(struct opts_file *o, const char *arg)
{
	__u64 n;
	int err = set_number(arg, SNAP_MAX, &n);

	if (!strcmp(arg, "0"))
		n = err = 0;
	if (!err) {
		o->snap = n;
		o->snap_set = true;
	}
	return err;
}

static int set_once(const char **to, const char *arg, const char *option, char *err, size_t errlen)
{
	if (*to)
		return errmsg(err, errlen, -EINVAL, "%s can be given once", option);
	if (!*arg)
		return errmsg(err, errlen, -EINVAL, "%s needs the name of a file", option);
	*to = arg;
	return 0;
}

static int check(struct opts_file *o, char *err, size_t errlen)
{
	if (!o->write && (o->size || o->seconds || o->files || o->format || o->print))
		return errmsg(err, errlen, -EINVAL,
			      "-C, -G, -W, --format and --print are about the file that -w FILE writes");
	if (!o->write)
		return 0;
	if (o->files && !o->size && !o->seconds)
		return errmsg(err, errlen, -EINVAL, "-W counts the files that -C or -G begin: give one of them");
	if (!strcmp(o->write, "-") && (o->size || o->seconds))
		return errmsg(err, errlen, -EINVAL, "standard output can't be rotated: give -w a file's name");
	if (!strcmp(o->write, "-") && o->print)
		return errmsg(err, errlen, -EINVAL, "--print and -w - both want standard output");
	if (!o->format && writer_ends_with(o->write, ".pcap"))
		return errmsg(err, errlen, -EINVAL,
			      "the packets' processes do not fit into a .pcap file: name it .pcapng (tcpdump reads that), or say --format");
	if (!o->format)
		o->format = writer_format_of(o->write);
	o->unnamed = !o->format;
	if (o->unnamed)
		o->format = &writer_tcpl_ops;
	return 0;
}

/* 0, a negative errno with a sentence, or ARGP_ERR_UNKNOWN. */
static int set(struct opts_file *o, int key, const char *arg, char *err, size_t errlen)
{
	switch (key) {
	case 'r':
		return set_once(&o->read, arg, "-r", err, errlen);
	case 'w':
		return set_once(&o->write, arg, "-w", err, errlen);
	case KEY_FORMAT:
		o->format = writer_format(arg);
		return o->format ? 0 : errmsg(err, errlen, -EINVAL, "--format: unknown format '%s': use %s",
					      errmsg_quote(arg, strlen(arg)), WRITER_FORMATS);
	case KEY_PRINT:
		o->print = true;
		return 0;
	case 'C':
		return set_size(o, arg) ? errmsg(err, errlen, -EINVAL,
						 "-C needs a size such as 10 (million bytes), 500k or 1G, not '%s'",
						 errmsg_quote(arg, strlen(arg))) : 0;
	case 'G':
		return set_number(arg, 1ULL << 32, &o->seconds) ?
			       errmsg(err, errlen, -EINVAL, "-G needs a number of seconds, 1 or more, not '%s'",
				      errmsg_quote(arg, strlen(arg))) : 0;
	case 'W':
		return set_number(arg, 1 << 30, &o->files) ?
			       errmsg(err, errlen, -EINVAL, "-W needs a number of files, 1 or more, not '%s'",
				      errmsg_quote(arg, strlen(arg))) : 0;
	case KEY_SNAP:
		return set_snap(o, arg) ?
			       errmsg(err, errlen, -EINVAL, "--snap needs a number of bytes, at most %d, not '%s'",
				      SNAP_MAX, errmsg_quote(arg, strlen(arg))) : 0;
	case ARGP_KEY_END:
		return check(o, err, errlen);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char err[512];
	int ret;

	if (key == ARGP_KEY_INIT)
		return 0;
	ret = set(state->input, key, arg, err, sizeof(err));
	if (ret >= 0)
		return ret;
	argp_failure(state, 2, 0, "%s", err);
	return EINVAL;
}

const struct argp opts_file_argp = { .options = options, .parser = parse };
