// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The programs that run often.
 *
 * One object, because only one may refer to a kernel function: libbpf's linker
 * before 1.3 fails on a second one ("failed to resolve size of underlying
 * type").  The rest, which runs far less often, reads the portable way.
 */
#define DIRECT_READS 1
#include "conn_make.bpf.h"
#include "segment_out.bpf.h"
#include "segment_in.bpf.h"
#include "state.bpf.h"
#include "io.bpf.h"
#include "flow.bpf.h"
#include "seed.bpf.h"
