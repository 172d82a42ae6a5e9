/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to resolve*.c: what the system knows. */
#ifndef TCPLENS_RESOLVE_SYSTEM_H
#define TCPLENS_RESOLVE_SYSTEM_H

#include <stddef.h>

#include <linux/types.h>

int resolve_addr_system(const __u8 addr[16], unsigned int ip, char *name, size_t len);

/* 65536 names of TCP ports, most NULL, from a file like services(5); NULL: out of memory. */
char **resolve_ports_read(const char *path);
void resolve_ports_free(char **ports);

#endif
