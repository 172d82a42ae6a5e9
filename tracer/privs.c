// SPDX-License-Identifier: BSD-2-Clause
#include "privs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CAP_NET_ADMIN 12
#define CAP_SYS_ADMIN 21
#define CAP_PERFMON 38
#define CAP_BPF 39

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define LOCKDOWN_PATH "/sys/kernel/security/lockdown"

/* The effective capability set of this process; 0 if it can't be read. */
static uint64_t effective_caps(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t caps = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
			break;
	fclose(f);
	return caps;
}

static int has(uint64_t caps, int cap)
{
	return caps >> cap & 1;
}

static int lockdown_confidentiality(void)
{
	FILE *f = fopen(LOCKDOWN_PATH, "re");
	char line[128] = "";
	int on;

	if (!f)
		return 0;
	on = fgets(line, sizeof(line), f) && strstr(line, "[confidentiality]");
	fclose(f);
	return on;
}

int privs_check(char *err, size_t errlen)
{
	uint64_t caps = effective_caps();

	if (!has(caps, CAP_SYS_ADMIN) &&
	    !(has(caps, CAP_BPF) && has(caps, CAP_PERFMON) && has(caps, CAP_NET_ADMIN))) {
		snprintf(err, errlen,
			 "needs root, or the capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN: run it with sudo");
		return -EPERM;
	}
	if (access(BTF_PATH, R_OK)) {
		snprintf(err, errlen,
			 "this kernel does not offer its type information (" BTF_PATH
			 "): use a kernel built with CONFIG_DEBUG_INFO_BTF=y");
		return -ENOENT;
	}
	if (lockdown_confidentiality()) {
		snprintf(err, errlen,
			 "kernel lockdown is in confidentiality mode, which forbids reading kernel "
			 "memory: boot with lockdown=integrity or none");
		return -EPERM;
	}
	return 0;
}
