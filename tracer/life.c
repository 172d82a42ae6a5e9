// SPDX-License-Identifier: BSD-2-Clause
#include "life.h"

/* Parts of the life that do not overlap, in ns. */
static void parts_of(const struct ev_life *l, __u64 part[LIMIT_MAX])
{
	__u64 left = l->dur_ns;

	for (int i = 0; i < LIMIT_APP; i++) {
		part[i] = l->limit_ns[i] < left ? l->limit_ns[i] : left;
		left -= part[i];
	}
	part[LIMIT_APP] = left;
}

/* Rounded down; the points that are missing to 100 go to those that lost most by it. */
enum ev_limit life_shares(const struct ev_life *l, __u8 shares[LIMIT_MAX])
{
	double dur = l->dur_ns ? l->dur_ns : 1, rest[LIMIT_MAX];
	enum ev_limit best = LIMIT_APP;
	__u64 part[LIMIT_MAX];
	int missing = 100;

	parts_of(l, part);
	if (!l->dur_ns)
		part[LIMIT_APP] = 1;
	for (int i = 0; i < LIMIT_MAX; i++) {
		double exact = part[i] * 100.0 / dur;

		shares[i] = exact;
		rest[i] = exact - shares[i];
		missing -= shares[i];
	}
	for (; missing > 0; missing--) {
		int most = 0;

		for (int i = 1; i < LIMIT_MAX; i++)
			if (rest[i] > rest[most])
				most = i;
		shares[most]++;
		rest[most] = -1;
	}
	for (int i = 0; i < LIMIT_MAX; i++)
		if (part[i] > part[best])
			best = i;
	return best;
}
