/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TCPLENS_CMD_VIEW_H
#define TCPLENS_CMD_VIEW_H

#include "view.h"

/* `tcplens VIEW …`: options in, session out.  Returns the exit status. */
int cmd_view(const struct view *v, int argc, char **argv);

#endif
