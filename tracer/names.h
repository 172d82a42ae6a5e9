/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of the enumerations in event.h, in both directions. */
#ifndef TCPLENS_NAMES_H
#define TCPLENS_NAMES_H

#include <linux/types.h>

/* The kernel's TCP_* numbers (include/net/tcp_states.h), which are its ABI. */
enum tcp_state {
	ST_NONE = 0, /* no socket */
	ST_ESTABLISHED = 1,
	ST_SYN_SENT,
	ST_SYN_RECV,
	ST_FIN_WAIT1,
	ST_FIN_WAIT2,
	ST_TIME_WAIT,
	ST_CLOSE,
	ST_CLOSE_WAIT,
	ST_LAST_ACK,
	ST_LISTEN,
	ST_CLOSING,
	ST_NEW_SYN_RECV,
	ST_MAX,
};

/* RFC 9293's name of a kernel state number; NULL: out of range, or no socket. */
const char *state_name(unsigned int state);

/*
 * A state's number from its name: RFC 9293's (FIN-WAIT-1), the kernel's
 * (FIN_WAIT1, TCP_CLOSE), ss's (estab, syn-recv); case does not matter.
 * -EINVAL: no such state.
 */
int state_parse(const char *name);

/* Names of TF_* flags, by bit number; 9 of them, least significant first. */
#define FLAG_NAMES 9
extern const char *const flag_names[FLAG_NAMES];

/* One flag's bit (TF_*) from its name; -EINVAL. */
int flag_parse(const char *name);

/* enum ev_how: connect, accept, …; NULL: out of range. */
const char *how_name(unsigned int how);

/* enum ev_hook: segment-out, segment-in, state, conn, …; NULL: out of range. */
const char *hook_name(unsigned int hook);

/* enum ev_type: segment, state, lost, …; NULL: out of range. */
const char *event_name(unsigned int type);

/* enum ev_part: handshake, accept-queue, …; NULL: out of range. */
const char *part_name(unsigned int part);

/* enum ev_limit: handshake, loss, …, app; NULL: out of range. */
const char *limit_name(unsigned int limit);

/* enum ev_end: open, fin, rst, …; NULL: out of range. */
const char *end_name(unsigned int end);

/* enum ev_by: local, remote; NULL: neither. */
const char *by_name(unsigned int by);
/* Both in one word: "fin-rcvd". */
const char *end_by_name(unsigned int end, unsigned int by);

/* enum ev_group: conn, process, remote, port; NULL: out of range. */
const char *group_name(unsigned int group);

/* -EINVAL: no such group. */
int group_parse(const char *name);
/* enum ev_result: ok, refused, …; NULL: out of range. */
const char *result_name(unsigned int result);

/* enum ev_kind: fast, rto, …; NULL: out of range. */
const char *kind_name(unsigned int kind);

/* An errno's name, ECONNREFUSED; NULL: none known. */
const char *errno_name(unsigned int err);

/* enum ev_dir: out, in. */
const char *dir_name(unsigned int dir);

#endif
