// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What goes wrong: retransmits, drops, resets (closed windows: programs.bpf.c); each with its connection. */
#include "loss_retransmit.bpf.h"
#include "loss_drop.bpf.h"
#include "loss_reset.bpf.h"
