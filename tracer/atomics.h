/* SPDX-License-Identifier: BSD-2-Clause */
/* Atomic operations that return a value, in programs for kernels that have none. */
#ifndef TCPLENS_ATOMICS_H
#define TCPLENS_ATOMICS_H

#include <stdbool.h>
#include <stddef.h>

bool atomics__allowed(void);

/* Takes them out of an object file in memory.  0 or a negative errno. */
int atomics__drop(void *elf, size_t size);

#endif
