/* SPDX-License-Identifier: BSD-2-Clause */
/* How many connections to have room for (store.h), if the user does not say. */
#ifndef TCPLENS_STORE_SIZE_H
#define TCPLENS_STORE_SIZE_H

#include <linux/types.h>

/* By the sockets that there are now. */
__u32 store_size_default(void);

__u32 store_size_for(__u64 sockets);

/*
 * The number behind each of `names` (to NULL) at the begin of a line, with one more word between them or
 * none, together; 0: the file can't be read.
 */
__u64 store_size_count(const char *path, const char *const names[]);

#endif
