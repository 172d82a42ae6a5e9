// SPDX-License-Identifier: BSD-2-Clause
#ifdef WITH_PCAP
#include "expr_pcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#define SNAPLEN 262144

/* The same instruction, to both libraries: so one may be used for the other. */
struct sock_filter {
	__u16 code;
	__u8 jt, jf;
	__u32 k;
};

struct expr_prog {
	struct sock_filter *insns;
	size_t n;
};

_Static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn), "cBPF");

/* Offsets from here on stand for what the kernel knows of a packet, in live captures. */
#define SPECIAL_OFFSETS 0xfffff000U

static bool is_special(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_LD && BPF_MODE(i->code) == BPF_ABS && i->k >= SPECIAL_OFFSETS;
}

/* 0, or -EINVAL: `inbound` and `outbound`. */
static int check(const struct bpf_program *prog, char *why, size_t len)
{
	for (unsigned int n = 0; n < prog->bf_len; n++) {
		if (is_special(&prog->bf_insns[n])) {
			snprintf(why, len, "a direction is asked for by --dir in, or --dir out");
			return -EINVAL;
		}
	}
	return 0;
}

int expr_pcap_compile(const char *text, bool ethernet, struct expr_prog *p, char *why, size_t len)
{
	pcap_t *pcap = pcap_open_dead(ethernet ? DLT_EN10MB : DLT_RAW, SNAPLEN);
	struct bpf_program prog = {};
	int err = 0;

	if (!pcap)
		return -ENOMEM;
	if (pcap_compile(pcap, &prog, text, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(why, len, "%s", pcap_geterr(pcap));
		err = -EINVAL;
		goto out;
	}
	err = check(&prog, why, len);
	if (err)
		goto free;
	p->n = prog.bf_len;
	p->insns = malloc(p->n * sizeof(*p->insns));
	if (p->insns)
		memcpy(p->insns, prog.bf_insns, p->n * sizeof(*p->insns));
	else
		err = -ENOMEM;
free:
	pcap_freecode(&prog);
out:
	pcap_close(pcap);
	return err;
}

bool expr_pcap_filter(const struct expr_prog *p, const void *data, __u32 wire_len, __u32 n)
{
	return bpf_filter((const struct bpf_insn *)p->insns, data, wire_len, n) != 0;
}
#endif
