// SPDX-License-Identifier: BSD-2-Clause
#include "pace.h"

#define SECOND 1000000000ULL

void pace__init(struct pace *p, size_t front, size_t size)
{
	__u64 most = size / 2 * SECOND / PACE_RATE;

	if (most > PACE_MAX_NS)
		most = PACE_MAX_NS;
	if (most < PACE_MIN_NS)
		most = PACE_MIN_NS;
	*p = (struct pace){ .front = front, .most_ns = most, .ns = most };
}

void pace__init_table(struct pace *p, size_t entries, __u64 most_ns)
{
	*p = (struct pace){ .front = entries, .most_ns = most_ns, .ns = PACE_MAX_NS };
}

void pace__drained(struct pace *p, size_t fill, __u64 gathered_ns)
{
	__u64 ns = p->most_ns;

	/* What gathers in ns, (fill / gathered_ns) * ns, is to be front / 2. */
	if (fill && (double)fill * ns > (double)gathered_ns * (p->front / 2))
		ns = (double)gathered_ns * (p->front / 2) / fill;
	if (ns < PACE_MIN_NS)
		ns = PACE_MIN_NS;
	p->quiet_ns = fill ? 0 : p->quiet_ns + gathered_ns;
	p->ns = ns;
}

void pace__woken(struct pace *p)
{
	p->ns = PACE_MIN_NS;
}

bool pace__quiet(const struct pace *p)
{
	return p->quiet_ns >= PACE_AWAKE_NS;
}
