/* SPDX-License-Identifier: BSD-2-Clause */
/* Files instead of the kernel and of the screen: an argp child that all views share. */
#ifndef TCPLENS_OPTS_FILE_H
#define TCPLENS_OPTS_FILE_H

#include <argp.h>
#include <stdbool.h>

#include <linux/types.h>

struct writer_ops;

/* The child's input; zeroed before.  Whatever is wrong ends the process: one sentence, status 2. */
struct opts_file {
	const char *read;  /* -r; NULL: live */
	const char *write; /* -w; NULL: prints */
	bool print;	   /* prints although it writes */
	const struct writer_ops *format; /* of `write` */
	bool unnamed;	   /* neither the name nor --format tells it */
	__u64 size;	   /* -C: bytes; 0: no limit */
	__u64 seconds;	   /* -G; 0: no limit */
	__u64 files;	   /* -W; 0: no limit */
	__u32 snap;	   /* payload bytes to keep per packet */
	bool snap_set;	   /* packets are wanted, if only their headers */
};

extern const struct argp opts_file_argp;

#endif
