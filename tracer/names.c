// SPDX-License-Identifier: BSD-2-Clause
#include "names.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "event.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const states[] = {
	[ST_ESTABLISHED] = "ESTABLISHED",
	[ST_SYN_SENT] = "SYN-SENT",
	[ST_SYN_RECV] = "SYN-RECEIVED",
	[ST_FIN_WAIT1] = "FIN-WAIT-1",
	[ST_FIN_WAIT2] = "FIN-WAIT-2",
	[ST_TIME_WAIT] = "TIME-WAIT",
	[ST_CLOSE] = "CLOSED",
	[ST_CLOSE_WAIT] = "CLOSE-WAIT",
	[ST_LAST_ACK] = "LAST-ACK",
	[ST_LISTEN] = "LISTEN",
	[ST_CLOSING] = "CLOSING",
	/* A request that waits for the final ACK: RFC 9293 has one name for both. */
	[ST_NEW_SYN_RECV] = "SYN-RECEIVED",
};

_Static_assert(COUNT(states) == ST_MAX, "a state without a name");

const char *state_name(unsigned int state)
{
	return state < COUNT(states) ? states[state] : NULL;
}

/* What else they are called: the kernel's names and ss's, without `-` and `_`. */
static const struct {
	const char *name;
	enum tcp_state state;
} state_aliases[] = {
	{ "ESTAB", ST_ESTABLISHED }, { "SYNRECV", ST_SYN_RECV },  { "SYNRCVD", ST_SYN_RECV },
	{ "CLOSE", ST_CLOSE },	     { "UNCONN", ST_CLOSE },	  { "LISTENING", ST_LISTEN },
	{ "NEWSYNRECV", ST_NEW_SYN_RECV },
};

/* Upper case, without `-` and `_`, so that all spellings meet. */
static int squeeze(const char *s, char *out, size_t len)
{
	size_t n = 0;

	for (; *s; s++) {
		if (*s == '-' || *s == '_')
			continue;
		if (n + 1 >= len)
			return -EINVAL;
		out[n++] = toupper((unsigned char)*s);
	}
	out[n] = '\0';
	return n ? 0 : -EINVAL;
}

int state_parse(const char *name)
{
	char want[24], have[24];

	if (!strncasecmp(name, "TCP_", 4))
		name += 4;
	if (squeeze(name, want, sizeof(want)))
		return -EINVAL;
	for (size_t i = ST_ESTABLISHED; i < COUNT(states); i++)
		if (!squeeze(states[i], have, sizeof(have)) && !strcmp(want, have))
			return i;
	for (size_t i = 0; i < COUNT(state_aliases); i++)
		if (!strcmp(want, state_aliases[i].name))
			return state_aliases[i].state;
	return -EINVAL;
}

const char *const flag_names[FLAG_NAMES] = { "FIN", "SYN", "RST", "PSH", "ACK",
					     "URG", "ECE", "CWR", "AE" };

int flag_parse(const char *name)
{
	for (int i = 0; i < FLAG_NAMES; i++)
		if (!strcasecmp(name, flag_names[i]))
			return 1 << i;
	return -EINVAL;
}

static const char *const hows[] = {
	[HOW_UNKNOWN] = "unknown",   [HOW_CONNECT] = "connect", [HOW_ACCEPT] = "accept",
	[HOW_LISTENER] = "listener", [HOW_IO] = "io",		[HOW_SEED] = "seed",
	[HOW_KERNEL] = "kernel",
};

_Static_assert(COUNT(hows) == HOW_MAX, "a way of knowing without a name");

const char *how_name(unsigned int how)
{
	return how < COUNT(hows) ? hows[how] : NULL;
}

static const char *const hooks[] = {
	[HOOK_SEG_OUT] = "segment-out",
	[HOOK_SEG_IN] = "segment-in",
	[HOOK_STATE] = "state",
	[HOOK_CONN] = "conn",
	[HOOK_LIFE] = "life",
	[HOOK_LATENCY] = "latency",
	[HOOK_ATTEMPT] = "attempt",
	[HOOK_LOSS] = "loss",
};

_Static_assert(COUNT(hooks) == HOOK_MAX, "a hook without a name");

const char *hook_name(unsigned int hook)
{
	return hook < COUNT(hooks) ? hooks[hook] : NULL;
}

static const char *const events[] = {
	[EV_SEGMENT] = "segment",
	[EV_STATE] = "state",
	[EV_LOST] = "lost",
	[EV_LIFE] = "life",
	[EV_LATENCY] = "latency",
	[EV_PCTL] = "latency", /* many of them */
	[EV_CONNECT] = "connect",
	[EV_ACCEPT] = "accept",
	[EV_RETRANSMIT] = "retransmit",
	[EV_DROP] = "drop",
	[EV_RESET] = "reset",
	[EV_STALL] = "stall",
	[EV_SUM] = "sum",
};

_Static_assert(COUNT(events) == EV_TYPE_MAX, "an event without a name");

const char *event_name(unsigned int type)
{
	return type < COUNT(events) ? events[type] : NULL;
}

const char *dir_name(unsigned int dir)
{
	return dir == DIR_OUT ? "out" : dir == DIR_IN ? "in" : NULL;
}

static const char *const parts[] = {
	[PART_HANDSHAKE] = "handshake",	 [PART_ACCEPTQ] = "accept-queue",
	[PART_SENDQ] = "send-queue",	 [PART_NETWORK] = "network",
	[PART_RECVQ] = "receive-queue", [PART_PEER] = "peer-think",
	[PART_OWN] = "own-think",
};

_Static_assert(COUNT(parts) == PART_MAX, "a part without a name");

const char *part_name(unsigned int part)
{
	return part < COUNT(parts) ? parts[part] : NULL;
}

static const char *const limits[] = {
	[LIMIT_HANDSHAKE] = "handshake", [LIMIT_LOSS] = "loss", [LIMIT_RWND] = "rwnd",
	[LIMIT_SNDBUF] = "sndbuf",	 [LIMIT_PATH] = "path", [LIMIT_READER] = "reader",
	[LIMIT_APP] = "app",
};

_Static_assert(COUNT(limits) == LIMIT_MAX, "a limit without a name");

const char *limit_name(unsigned int limit)
{
	return limit < COUNT(limits) ? limits[limit] : NULL;
}

static const char *const ends[] = {
	[END_OPEN] = "open", [END_FIN] = "fin",	    [END_RST] = "rst",	   [END_TIMEOUT] = "timeout",
	[END_EXIT] = "exit", [END_CLOSE] = "close", [END_ERROR] = "error",
};

_Static_assert(COUNT(ends) == END_MAX, "an end without a name");

const char *end_name(unsigned int end)
{
	return end < COUNT(ends) ? ends[end] : NULL;
}

const char *by_name(unsigned int by)
{
	return by == BY_LOCAL ? "local" : by == BY_REMOTE ? "remote" : NULL;
}

const char *end_by_name(unsigned int end, unsigned int by)
{
	if (end == END_FIN && by)
		return by == BY_LOCAL ? "fin-sent" : "fin-rcvd";
	if (end == END_RST && by)
		return by == BY_LOCAL ? "rst-sent" : "rst-rcvd";
	return end_name(end);
}

static const char *const groups[] = {
	[GROUP_CONN] = "conn", [GROUP_PROCESS] = "process", [GROUP_REMOTE] = "remote",
	[GROUP_PORT] = "port",
};

_Static_assert(COUNT(groups) == GROUP_MAX, "a group without a name");

const char *group_name(unsigned int group)
{
	return group < COUNT(groups) ? groups[group] : NULL;
}

int group_parse(const char *name)
{
	for (size_t i = 0; i < COUNT(groups); i++)
		if (!strcmp(name, groups[i]))
			return i;
	return -EINVAL;
}

static const char *const results[] = {
	[RESULT_OK] = "ok",
	[RESULT_REFUSED] = "refused",
	[RESULT_TIMEOUT] = "timeout",
	[RESULT_UNREACHABLE] = "unreachable",
	[RESULT_RESET] = "reset",
	[RESULT_BLOCKED] = "blocked",
	[RESULT_NO_PORT] = "no-port",
	[RESULT_ABORTED] = "aborted",
	[RESULT_ERROR] = "error",
	[RESULT_UNACCEPTED] = "unaccepted",
	[RESULT_OVERFLOW] = "overflow",
	[RESULT_PENDING] = "pending",
};

_Static_assert(COUNT(results) == RESULT_MAX, "a result without a name");

const char *result_name(unsigned int result)
{
	return result < COUNT(results) ? results[result] : NULL;
}

static const char *const kinds[] = {
	[KIND_OTHER] = "other", [KIND_FAST] = "fast", [KIND_RTO] = "rto",
	[KIND_TLP] = "tlp",	[KIND_SYN] = "syn",   [KIND_SYNACK] = "syn-ack",
};

_Static_assert(COUNT(kinds) == KIND_MAX, "a kind without a name");

const char *kind_name(unsigned int kind)
{
	return kind < COUNT(kinds) ? kinds[kind] : NULL;
}

/* The C library's own table; Linux has no more than 133. */
const char *errno_name(unsigned int err)
{
	const char *name = err && err < 4096 ? strerrorname_np(err) : NULL;

	return name && *name == 'E' ? name : NULL;
}
