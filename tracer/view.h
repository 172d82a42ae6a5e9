/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A view answers one question: which records it is made of, what must be traced
 * for them, and what it shows.  It is a pure consumer: it does not know where
 * its records come from (live, a recording), nor how its own are printed.
 *
 *	options -> plan -> open -> event… tick… -> finish -> free
 *
 * A view without ops shows the records as they come.
 */
#ifndef TCPLENS_VIEW_H
#define TCPLENS_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

struct argp;

/* Where a view's output goes.  All return 0, or a negative errno that ends the run. */
struct view_out {
	/* A record of its own, or one handed on: a line, or a JSON object. */
	int (*event)(void *ctx, const struct ev_hdr *ev);
	/* Free text, lines ended (a histogram); dropped where the output is not text. */
	int (*text)(void *ctx, const char *text, size_t n);
	/* A line with the time of what follows, likewise. */
	int (*at)(void *ctx, __u64 mono_ns);
	void *ctx;
};

/* What a run of the view needs; filled from struct view, changed by its options. */
struct view_plan {
	__u32 events;	     /* FIELD_IN() of the records it is given */
	__u32 prints;	     /* FIELD_IN() of what it prints */
	__u32 writes;	     /* FIELD_IN() of what -w wants besides */
	unsigned int need;   /* NEED_* */
	const char *columns; /* as for --fields */
	bool payload;	     /* it shows the packets' payload */
	const char *wide;    /* with --wide, or on a terminal that has room; NULL: the same */
	__u64 tick_ns;	     /* call tick() this often; 0: never */
	__u64 outlier_ns;    /* config.outlier_ns: single waits above it become records; 0: none */
};

/* All but event() may be NULL.  What is not void returns 0 or a negative errno that ends the run. */
struct view_ops {
	/* *state is the view's own; *out lives as long as it does. */
	int (*open)(void **state, const void *opts, const struct view_out *out);
	/* A record of plan.events, checked by decode(); never EV_LOST. */
	int (*event)(void *state, const struct ev_hdr *ev);
	/* The time of the last record or, live, of the clock: CLOCK_MONOTONIC, ns. */
	int (*tick)(void *state, __u64 mono_ns);
	/* No more records come. */
	int (*finish)(void *state, __u64 mono_ns);
	void (*free)(void *state);
};

struct view {
	const char *name;    /* of the command */
	const char *doc;     /* argp: what it does, options, what follows them */
	__u32 events;	     /* FIELD_IN() of the records it is given */
	__u32 prints;	     /* FIELD_IN() of what it prints; 0: the same */
	unsigned int need;   /* NEED_* */
	const char *columns; /* as for --fields */
	bool any;	     /* -r: content with whatever is there */
	bool files_only;     /* -w has to be given */
	const char *wide;    /* with --wide, or on a terminal that has room; NULL: the same */
	/* Options of its own; NULL: none.  Their argp input is opts_size zeroed bytes. */
	const struct argp *argp;
	size_t opts_size;
	/* Options change the plan; a negative errno with one sentence in err: they contradict. */
	int (*plan)(const void *opts, struct view_plan *plan, char *err, size_t errlen);
	const struct view_ops *ops; /* NULL: shows its records as they come */
};

extern const struct view view_trace;
extern const struct view view_states;
extern const struct view view_life;
extern const struct view view_latency;
extern const struct view view_record;
extern const struct view view_connect;
extern const struct view view_loss;

#endif
