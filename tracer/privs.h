/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold before any program can be loaded. */
#ifndef TCPLENS_PRIVS_H
#define TCPLENS_PRIVS_H

#include <stddef.h>

/*
 * 0, or a negative errno with one sentence in err that says what to do:
 * capabilities, type information (BTF), lockdown.
 */
int privs_check(char *err, size_t errlen);

#endif
