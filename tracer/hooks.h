/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of hooks: which programs serve each, per backend. */
#ifndef TCPLENS_HOOKS_H
#define TCPLENS_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

enum backend {
	BACKEND_FENTRY = 0,
	BACKEND_KPROBE,
	BACKEND_TRACEPOINT,
	BACKEND_MAX,
	BACKEND_AUTO = BACKEND_MAX,
};

/* How a program is attached. */
enum attach_kind { ATTACH_FENTRY, ATTACH_FEXIT, ATTACH_KPROBE, ATTACH_KRETPROBE, ATTACH_TP };

/* What a run wants; a hook is used when its need is among them. */
#define NEED_SEGMENTS 0x1
#define NEED_STATES 0x2
#define NEED_CHILDREN 0x4 /* -- COMMAND */
#define NEED_LIFE 0x10
#define NEED_LATENCY 0x20
#define NEED_TRACKS (NEED_LIFE | NEED_LATENCY) /* the map `tracks` */
#define NEED_CONNECT 0x40
#define NEED_LOSS 0x80
#define NEED_DEVICE 0x100 /* sent segments with all of their headers: met at the device */
#define NEED_RAW 0x200	  /* segments carry their packet: struct ev_raw */
#define NEED_PACKETS (NEED_DEVICE | NEED_RAW)
#define NEED_ANY (NEED_SEGMENTS | NEED_STATES | NEED_TRACKS | NEED_CONNECT | NEED_LOSS)

struct hook_prog {
	const char *prog;   /* name in the skeleton */
	const char *target; /* kernel function or tracepoint */
	enum attach_kind kind;
	/*
	 * What is not seen when this program can't be used.  NULL: it must be
	 * there, and the backend is not usable without.
	 */
	const char *without;
	const char *instead_of; /* not needed when this earlier program of the hook is used */
	const char *needs_enum; /* usable only where the kernel's BTF has this enumeration; NULL: anywhere */
	/* … and where it has this function, with so many arguments at least; NULL: anywhere */
	const char *needs_func;
	int needs_args;
	bool nested; /* stands in for a program that is left out: its own omissions are no loss */
	int nargs;		/* usable only if the function has this many arguments; 0: any */
};

/* Room for all that a backend may not see, on any kernel, as one text. */
#define BLIND_MAX 4096

#define HOOK_PROGS_MAX 11

struct hook {
	const char *name;
	const char *what; /* for doctor */
	unsigned int need;
	unsigned int unless; /* not used when one of these needs is among them */
	int records; /* enum ev_hook of the records its programs store; -1: none */
	struct hook_prog progs[BACKEND_MAX][HOOK_PROGS_MAX]; /* up to the first without a name */
	const char *blind[BACKEND_MAX]; /* what this backend never sees here */
};

extern const struct hook hooks[];
extern const size_t hooks_n;

static inline bool hook_used(const struct hook *h, unsigned int need)
{
	return (h->need & need) && !(h->unless & need);
}

const char *backend_name(enum backend b);

/* 0 and *b set, or -EINVAL. */
int backend_parse(const char *name, enum backend *b);

const char *attach_kind_name(enum attach_kind k);

#endif
