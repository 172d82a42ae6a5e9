/* SPDX-License-Identifier: BSD-2-Clause */
/* tcplens as a capture interface of Wireshark (its extcap interface): docs/wireshark.md. */
#ifndef TCPLENS_EXTCAP_H
#define TCPLENS_EXTCAP_H

#include <stdbool.h>

/* Does Wireshark call? */
bool extcap_asked(int argc, char **argv);

/* Returns the exit status. */
int extcap_run(int argc, char **argv);

#endif
