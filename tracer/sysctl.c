// SPDX-License-Identifier: BSD-2-Clause
#include "sysctl.h"

#include <stdio.h>

bool sysctl_kernel_on(const char *name)
{
	char path[64];
	bool on;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	f = fopen(path, "re");
	on = f && fgetc(f) == '1';
	if (f)
		fclose(f);
	return on;
}
