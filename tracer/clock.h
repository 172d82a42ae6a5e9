/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TCPLENS_CLOCK_H
#define TCPLENS_CLOCK_H

#include <linux/types.h>

/* CLOCK_MONOTONIC in nanoseconds: the clock of the records. */
__u64 clock_mono_ns(void);

/* What to add to CLOCK_MONOTONIC to get CLOCK_REALTIME, now; right to about a microsecond. */
__s64 clock_mono_to_real(void);

#endif
