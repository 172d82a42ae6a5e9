// SPDX-License-Identifier: BSD-2-Clause
#include "extcap.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd_view.h"
#include "errmsg.h"
#include "event.h"
#include "expr.h"
#include "version.h"
#include "view.h"

#define INTERFACE "tcplens"

enum { OPT_INTERFACES = 1, OPT_INTERFACE, OPT_DLTS, OPT_CONFIG, OPT_CAPTURE, OPT_FIFO, OPT_CAPTURE_FILTER,
       OPT_VERSION, OPT_PASSED };

/* Options of the dialog; what is not said otherwise is a text. */
static const struct {
	const char *name; /* of the option, Wireshark's and `record`'s */
	const char *display;
	const char *more;
} passed[] = {
	{ "pid", "Processes (PIDs)", "{tooltip=Sockets of these processes: 1234,5678 or !1234}" },
	{ "comm", "Process names", "{tooltip=Processes of these names: curl,nginx*}" },
	{ "user", "Users", "{tooltip=Processes of these users: names or ids}" },
	{ "port", "Ports", "{tooltip=Ports of either end: 80,443,8000-8100}" },
	{ "netns", "Network namespaces", "{tooltip=Of a process, a path, or a name of `ip netns`}" },
	{ "filter", "Filter expression", "{tooltip=As for tcpdump: net 10.0.0.0/8 and not port 22}" },
	{ "snap", "Payload bytes", "{type=integer}{range=0,65000}{default=0}{tooltip=The first bytes of each payload to keep}" },
	{ "backend", "Backend", "{type=selector}{tooltip=How to hook into the kernel}" },
};

#define NPASSED (sizeof(passed) / sizeof(passed[0]))
#define FILTER (NPASSED - 3) /* no option there, but an expression */
#define SELECTOR (NPASSED - 1)

static const char *const backends[] = { "auto", "fentry", "kprobe", "tracepoint" };

struct call {
	int what; /* OPT_INTERFACES, OPT_DLTS, OPT_CONFIG, OPT_CAPTURE; 0: nothing */
	const char *interface, *fifo, *filter;
	const char *values[NPASSED];
};

bool extcap_asked(int argc, char **argv)
{
	return argc > 1 && (!strncmp(argv[1], "--extcap-", 9) || !strcmp(argv[1], "--capture"));
}

static int parse(struct call *c, int argc, char **argv)
{
	struct option options[OPT_PASSED + NPASSED] = {
		{ "extcap-interfaces", no_argument, NULL, OPT_INTERFACES },
		{ "extcap-interface", required_argument, NULL, OPT_INTERFACE },
		{ "extcap-dlts", no_argument, NULL, OPT_DLTS },
		{ "extcap-config", no_argument, NULL, OPT_CONFIG },
		{ "capture", no_argument, NULL, OPT_CAPTURE },
		{ "fifo", required_argument, NULL, OPT_FIFO },
		{ "extcap-capture-filter", required_argument, NULL, OPT_CAPTURE_FILTER },
		{ "extcap-version", optional_argument, NULL, OPT_VERSION },
	};
	int opt;

	for (size_t i = 0; i < NPASSED; i++)
		options[OPT_PASSED - 1 + i] =
			(struct option){ passed[i].name, required_argument, NULL, OPT_PASSED + i };
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case OPT_INTERFACES:
		case OPT_DLTS:
		case OPT_CONFIG:
		case OPT_CAPTURE:
			c->what = opt;
			break;
		case OPT_INTERFACE:
			c->interface = optarg;
			break;
		case OPT_FIFO:
			c->fifo = optarg;
			break;
		case OPT_CAPTURE_FILTER:
			c->filter = optarg;
			break;
		case OPT_VERSION:
			break;
		default:
			if (opt < OPT_PASSED || opt >= (int)(OPT_PASSED + NPASSED))
				return 2; /* getopt has told */
			if (*optarg)
				c->values[opt - OPT_PASSED] = optarg;
		}
	}
	return 0;
}

static int tell_interfaces(void)
{
	printf("extcap {version=" TCPLENS_VERSION "}\n"
	       "interface {value=" INTERFACE "}{display=TCP segments of this machine, with their processes}\n");
	return 0;
}

static int tell_dlts(void)
{
	printf("dlt {number=1}{name=EN10MB}{display=Ethernet}\n");
	return 0;
}

static int tell_config(void)
{
	for (size_t i = 0; i < NPASSED; i++)
		printf("arg {number=%zu}{call=--%s}{display=%s}%s%s\n", i, passed[i].name, passed[i].display,
		       strstr(passed[i].more, "{type=") ? "" : "{type=string}", passed[i].more);
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		printf("value {arg=%zu}{value=%s}{display=%s}%s\n", (size_t)SELECTOR, backends[i], backends[i],
		       i ? "" : "{default=true}");
	return 0;
}

/* Wireshark asks so whether what is typed is a filter: any output says that it is none. */
static int check_filter(const char *filter)
{
	char *words[] = { (char *)filter };
	struct expr e;
	char err[512];

	if (expr__compile(&e, words, 1, err, sizeof(err)))
		printf("%s\n", err);
	expr__free(&e);
	return 0;
}

/* Words of one expression: what was typed where Wireshark has capture filters counts as well. */
static int add_filter(char **argv, int argc, const char *filter, bool more)
{
	if (!filter || !*filter)
		return argc;
	if (more)
		argv[argc++] = "and";
	argv[argc++] = "(";
	argv[argc++] = (char *)filter;
	argv[argc++] = ")";
	return argc;
}

static int capture(const struct call *c)
{
	char *argv[6 + 2 * NPASSED + 8] = { "tcplens record", "-q", "--format", "pcapng", "-w", (char *)c->fifo };
	char options[NPASSED][32];
	int argc = 6;

	if (!c->fifo) {
		fprintf(stderr, "tcplens: --fifo is missing: where Wireshark reads\n");
		return 2;
	}
	for (size_t i = 0; i < NPASSED; i++) {
		if (!c->values[i] || i == FILTER)
			continue;
		snprintf(options[i], sizeof(options[i]), "--%s", passed[i].name);
		argv[argc++] = options[i];
		argv[argc++] = (char *)c->values[i];
	}
	argc = add_filter(argv, argc, c->values[FILTER], false);
	argc = add_filter(argv, argc, c->filter, c->values[FILTER] != NULL);
	return cmd_view(&view_record, argc, argv);
}

int extcap_run(int argc, char **argv)
{
	struct call c = {};
	int err = parse(&c, argc, argv);

	if (err)
		return err;
	if (c.what == OPT_INTERFACES)
		return tell_interfaces();
	if (!c.interface || strcmp(c.interface, INTERFACE)) {
		fprintf(stderr, "tcplens: there is one interface, --extcap-interface " INTERFACE "\n");
		return 2;
	}
	if (c.what == OPT_DLTS)
		return tell_dlts();
	if (c.what == OPT_CONFIG)
		return tell_config();
	if (c.what == OPT_CAPTURE)
		return capture(&c);
	if (c.filter)
		return check_filter(c.filter);
	fprintf(stderr, "tcplens: --extcap-dlts, --extcap-config or --capture is missing\n");
	return 2;
}
