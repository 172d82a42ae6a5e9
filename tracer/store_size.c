// SPDX-License-Identifier: BSD-2-Clause
#include "store_size.h"

#include <stdio.h>
#include <string.h>

#define SIZE_MIN 32768u
#define SIZE_MAX_DEFAULT (1u << 22)

__u64 store_size_count(const char *path, const char *const names[])
{
	FILE *f = fopen(path, "re");
	unsigned long long value;
	char line[256], name[64];
	__u64 sum = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; names[i]; i++)
			if (sscanf(line, "%63s %*[a-z ]%llu", name, &value) == 2 ||
			    sscanf(line, "%63s %llu", name, &value) == 2)
				sum += strcmp(name, names[i]) ? 0 : value;
	fclose(f);
	return sum;
}

/*
 * All that is open has its place from the start (seed.h), so room is needed for what comes on top:
 * 32,768, more than one remote end can have (28,232 local ports, usually), and where there are many
 * already, a quarter of them.  A place takes 156 bytes, at once, whether it is ever used or not: so
 * not twice as many.  A place is free again when its connection closes, so it is not their rate that
 * counts.  That one found none is told (HOOK_CONN), but not how many records are missing for it.
 */
__u32 store_size_for(__u64 sockets)
{
	__u64 n = SIZE_MIN + sockets + sockets / 4;

	return n < SIZE_MAX_DEFAULT ? n : SIZE_MAX_DEFAULT;
}

/*
 * The kernel's caches are of all network namespaces, and for root only
 * (mm/slab_common.c: SLABINFO_RIGHTS); the other file is of ours, for everybody.
 */
__u32 store_size_default(void)
{
	static const char *const caches[] = { "TCP", "TCPv6", "MPTCP", "MPTCPv6", NULL };
	static const char *const all[] = { "sockets:", NULL };
	__u64 n = store_size_count("/proc/slabinfo", caches);

	return store_size_for(n ? n : store_size_count("/proc/net/sockstat", all));
}
