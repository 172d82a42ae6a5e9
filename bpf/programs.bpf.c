// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The programs that run often.
 *
 * They read directly what can be read so (read.bpf.h).  The rest, which runs far less
 * often, reads the portable way.
 */
#define DIRECT_READS 1
#include "conn_make.bpf.h"
#include "segment_out.bpf.h"
#include "segment_in.bpf.h"
#include "state.bpf.h"
#include "io.bpf.h"
#include "flow.bpf.h"
#include "loss_stall.bpf.h"
#include "seed.bpf.h"
