/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TCPLENS_CMD_FIELDS_H
#define TCPLENS_CMD_FIELDS_H

/* `tcplens fields`: lists the registry.  argv[0] is what argp calls the program. */
int cmd_fields(int argc, char **argv);

#endif
