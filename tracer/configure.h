/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs of a run are told before they are loaded, and how large its maps are. */
#ifndef TCPLENS_CONFIGURE_H
#define TCPLENS_CONFIGURE_H

#include "attach.h"

struct kbtf;

/* What an attempt relies on that this kernel may lack. */
struct way {
	bool direct; /* config.direct */
	bool dynptr; /* config.dynptr */
	bool expr;   /* config.expr: its program is accepted */
	bool atomics; /* config.atomics: by open_skel() */
	bool keep;   /* config.keep_func and keep_tp, where needed */
};

/* For an opened skeleton that is not loaded yet. */
void configure(struct tcplens_bpf *skel, const struct kbtf *btf, const struct attach_opts *o,
	       enum backend b, struct way w);

#endif
