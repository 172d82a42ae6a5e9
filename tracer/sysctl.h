/* SPDX-License-Identifier: BSD-2-Clause */
/* Switches of the kernel. */
#ifndef TCPLENS_SYSCTL_H
#define TCPLENS_SYSCTL_H

#include <stdbool.h>

/* Is it 1?  `name`: below /proc/sys/kernel.  A kernel without it, or a file that can't be read: no. */
bool sysctl_kernel_on(const char *name);

#endif
