/* SPDX-License-Identifier: BSD-2-Clause */
/* An interpreter of the eBPF that expr_translate() makes, as strict as the verifier about memory. */
#ifndef TCPLENS_UNIT_EBPF_H
#define TCPLENS_UNIT_EBPF_H

#include <linux/bpf.h>
#include <stddef.h>

/* expr_match() on n bytes at `packet`.  Anything that is not right fails the test. */
int ebpf_run(const struct bpf_insn *insns, size_t ninsns, const void *packet, __u32 n,
	     __u32 wire_len, __u32 link);

#endif
