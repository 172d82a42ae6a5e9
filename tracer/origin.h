/* SPDX-License-Identifier: BSD-2-Clause */
/* Where records come from, as files tell it (struct writer_info): this machine, or another file. */
#ifndef TCPLENS_ORIGIN_H
#define TCPLENS_ORIGIN_H

#include "hooks.h"
#include "writer.h"

struct rec_reader;

/* What the strings of a writer_info point into. */
struct origin {
	char host[128];
	char kernel[128];
	char machine[128];
	char boot[64];
	char backend[32];
	char blind[BLIND_MAX];
	char command[4096];
};

/* This machine, now; blind is set by the caller.  The times and events of *info are not set. */
void origin__here(struct origin *o, const char *backend, const char *command, struct writer_info *info);

/* What a recording's header says. */
void origin__file(struct origin *o, const struct rec_reader *r, struct writer_info *info);

/* This machine's boot id; "": unknown. */
void origin_boot_id(char *buf, size_t len);

#endif
