// SPDX-License-Identifier: BSD-2-Clause
#include "clock.h"

#include <time.h>

static __s64 read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

__u64 clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

/* The two clocks can't be read at once: of several tries the least disturbed counts. */
__s64 clock_mono_to_real(void)
{
	__s64 best = 0, best_gap = -1;

	for (int i = 0; i < 5; i++) {
		__s64 before = read_ns(CLOCK_MONOTONIC);
		__s64 real = read_ns(CLOCK_REALTIME);
		__s64 gap = read_ns(CLOCK_MONOTONIC) - before;

		if (best_gap < 0 || gap < best_gap) {
			best_gap = gap;
			best = real - (before + gap / 2);
		}
	}
	return best;
}
