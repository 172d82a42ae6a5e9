// SPDX-License-Identifier: BSD-2-Clause
#include "unit.h"

#include <arpa/inet.h>

void addr_set(__u8 out[16], const char *text)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(out, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, out + 12) == 1 || inet_pton(AF_INET6, text, out) == 1)
		return;
	fprintf(stderr, "bad address in a test: %s\n", text);
	abort();
}

static struct ev_who a_process(void)
{
	return (struct ev_who){
		.conn = 77,
		.cgroup_id = 4242,
		.pid = 4211,
		.tid = 4212,
		.uid = 1000,
		.netns = 4026531840,
		.comm = "curl",
		.how = HOW_CONNECT,
	};
}

static struct ev_ends the_ends(void)
{
	struct ev_ends e = { .lport = 43210, .rport = 443, .ip = 4 };

	addr_set(e.laddr, "10.0.0.1");
	addr_set(e.raddr, "10.0.0.2");
	return e;
}

struct ev_segment a_segment(void)
{
	return (struct ev_segment){
		.hdr = { .type = EV_SEGMENT, .len = sizeof(struct ev_segment),
			 .hook = HOOK_SEG_OUT, .mono_ns = T_MONO },
		.who = a_process(),
		.ends = the_ends(),
		.seq = 1000001,
		.ack = 5000001,
		.len = 517,
		.win = 64256,
		.seq_base = 1000000,
		.ack_base = 5000000,
		.tsval = 111222333,
		.tsecr = 444555666,
		.srtt_us = 1250,
		.min_rtt_us = 900,
		.cwnd = 10,
		.ssthresh = 64,
		.unacked = 517,
		.retrans = 2,
		.flags = TF_PSH | TF_ACK,
		.segs = 1,
		.dir = DIR_OUT,
		.state = 1,
		.has = SEG_HAS_SOCK | SEG_HAS_IP | SEG_HAS_MAC | SEG_HAS_TS | SEG_HAS_WIN |
		       SEG_HAS_ISN | SEG_HAS_IACK,
		.ttl = 64,
		.tos = 46 << 2 | 2,
		.smac = { 2, 0, 0, 0, 0, 1 },
		.dmac = { 2, 0, 0, 0, 0xab, 0xcd },
	};
}

struct ev_state a_state(void)
{
	return (struct ev_state){
		.hdr = { .type = EV_STATE, .len = sizeof(struct ev_state), .hook = HOOK_STATE,
			 .mono_ns = T_MONO },
		.who = a_process(),
		.ends = the_ends(),
		.in_old_ns = 1234567,
		.old = 2,
		.new = 1,
		.has = STATE_HAS_IN_OLD,
	};
}

struct ev_lost a_loss(void)
{
	return (struct ev_lost){
		.hdr = { .type = EV_LOST, .len = sizeof(struct ev_lost), .hook = HOOK_SEG_IN,
			 .mono_ns = T_MONO },
		.count = 12345,
	};
}

struct ev_life a_life(void)
{
	return (struct ev_life){
		.hdr = { .type = EV_LIFE, .len = sizeof(struct ev_life), .hook = HOOK_LIFE,
			 .mono_ns = T_MONO },
		.who = a_process(),
		.ends = the_ends(),
		.dur_ns = 2000000000,
		.connect_ns = 20000000,
		.tx_bytes = 9999,
		.rx_bytes = 1500000,
		.retrans_bytes = 1,
		.limit_ns = { [LIMIT_HANDSHAKE] = 20000000, [LIMIT_RWND] = 1000000000,
			      [LIMIT_PATH] = 100000000 },
		.rtt_sum_us = 5000,
		.rtt_count = 5,
		.srtt_us = 1250,
		.min_rtt_us = 900,
		.segs_out = 20,
		.segs_in = 21,
		.data_segs_out = 10,
		.data_segs_in = 11,
		.retrans = 3,
		.end = END_FIN,
		.by = BY_LOCAL,
		.state = 5,
		.has = LIFE_HAS_CONNECT | LIFE_HAS_DIR,
	};
}

struct ev_attempt an_attempt(void)
{
	return (struct ev_attempt){
		.hdr = { .type = EV_CONNECT, .len = sizeof(struct ev_attempt), .hook = HOOK_ATTEMPT,
			 .mono_ns = T_MONO },
		.who = a_process(),
		.ends = the_ends(),
		.latency_ns = 20000000,
		.syn_ns = 20000000,
		.retrans = 1,
		.result = RESULT_OK,
		.has = ATT_HAS_LATENCY | ATT_HAS_SYN | ATT_HAS_RETRANS,
	};
}

struct ev_latency a_latency(void)
{
	return (struct ev_latency){
		.hdr = { .type = EV_LATENCY, .len = sizeof(struct ev_latency), .hook = HOOK_LATENCY,
			 .mono_ns = T_MONO },
		.who = a_process(),
		.ends = the_ends(),
		.count = 1,
		.sum_ns = 250000000,
		.min_ns = 250000000,
		.max_ns = 250000000,
		.part = PART_NETWORK,
		.has = LATENCY_SINGLE | LATENCY_HAS_DIR,
	};
}

/* splitmix64 */
__u64 random_u64(__u64 *seed)
{
	__u64 z = (*seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}
