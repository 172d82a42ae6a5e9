/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TCPLENS_CMD_DOCTOR_H
#define TCPLENS_CMD_DOCTOR_H

/* `tcplens doctor`: tries everything on this kernel and tells.  0 if tracing works, else 1. */
int cmd_doctor(int argc, char **argv);

#endif
