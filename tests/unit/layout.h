/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout of recordings of version 2, as it is written today: what stays as
 * it is as long as REC_VERSION does.  The records are those of version 1, which
 * had them as they are (no rec_change).  A change that the test complains of
 *  - added something at the end of a struct, or to an enumeration: add it here,
 *    and make a recording that has it (tests/live/test_fixtures.py);
 *  - changed what was there: keep it, or make it REC_VERSION 3 with code in
 *    recording.c that converts the earlier ones, and this list for what it converts.
 */
#ifndef TCPLENS_LAYOUT_H
#define TCPLENS_LAYOUT_H

/* Bytes of a struct. */
#define LAYOUT_SIZES(SIZE) \
	SIZE(ev_hdr, 16) SIZE(ev_who, 56) SIZE(ev_ends, 40) SIZE(ev_segment, 192) SIZE(ev_raw, 40) \
	SIZE(ev_state, 128) SIZE(ev_life, 248) SIZE(ev_latency, 152) SIZE(ev_attempt, 176) \
	SIZE(ev_trouble, 248) SIZE(ev_lost, 24) SIZE(rec_header, 56) SIZE(rec_clock, 24) SIZE(rec_end, 32) \
	SIZE(rec_change, 16)

/* A member: offset and bytes. */
#define LAYOUT_FIELDS(FIELD) \
	FIELD(ev_hdr, type, 0, 2) FIELD(ev_hdr, len, 2, 2) FIELD(ev_hdr, hook, 4, 1) \
	FIELD(ev_hdr, mono_ns, 8, 8) FIELD(ev_who, conn, 0, 8) FIELD(ev_who, cgroup_id, 8, 8) \
	FIELD(ev_who, pid, 16, 4) FIELD(ev_who, tid, 20, 4) FIELD(ev_who, uid, 24, 4) \
	FIELD(ev_who, netns, 28, 4) FIELD(ev_who, comm, 32, 16) FIELD(ev_who, how, 48, 1) \
	FIELD(ev_ends, laddr, 0, 16) FIELD(ev_ends, raddr, 16, 16) FIELD(ev_ends, lport, 32, 2) \
	FIELD(ev_ends, rport, 34, 2) FIELD(ev_ends, ip, 36, 1) FIELD(ev_segment, hdr, 0, 16) \
	FIELD(ev_segment, who, 16, 56) FIELD(ev_segment, ends, 72, 40) FIELD(ev_segment, seq, 112, 4) \
	FIELD(ev_segment, ack, 116, 4) FIELD(ev_segment, len, 120, 4) FIELD(ev_segment, win, 124, 4) \
	FIELD(ev_segment, seq_base, 128, 4) FIELD(ev_segment, ack_base, 132, 4) \
	FIELD(ev_segment, tsval, 136, 4) FIELD(ev_segment, tsecr, 140, 4) \
	FIELD(ev_segment, srtt_us, 144, 4) FIELD(ev_segment, min_rtt_us, 148, 4) \
	FIELD(ev_segment, cwnd, 152, 4) FIELD(ev_segment, ssthresh, 156, 4) \
	FIELD(ev_segment, unacked, 160, 4) FIELD(ev_segment, retrans, 164, 4) \
	FIELD(ev_segment, flags, 168, 2) FIELD(ev_segment, segs, 170, 2) FIELD(ev_segment, dir, 172, 1) \
	FIELD(ev_segment, state, 173, 1) FIELD(ev_segment, has, 174, 1) FIELD(ev_segment, ttl, 175, 1) \
	FIELD(ev_segment, tos, 176, 1) FIELD(ev_segment, smac, 177, 6) FIELD(ev_segment, dmac, 183, 6) \
	FIELD(ev_segment, raw, 189, 1) FIELD(ev_raw, orig_len, 0, 4) FIELD(ev_raw, cap_len, 4, 4) \
	FIELD(ev_raw, ifindex, 8, 4) FIELD(ev_raw, link, 12, 2) FIELD(ev_raw, ip_off, 14, 1) \
	FIELD(ev_raw, flags, 15, 1) FIELD(ev_raw, tcp_off, 16, 2) FIELD(ev_raw, payload_off, 18, 2) \
	FIELD(ev_raw, ifname, 24, 16) FIELD(ev_state, hdr, 0, 16) FIELD(ev_state, who, 16, 56) \
	FIELD(ev_state, ends, 72, 40) FIELD(ev_state, in_old_ns, 112, 8) FIELD(ev_state, old, 120, 1) \
	FIELD(ev_state, new, 121, 1) FIELD(ev_state, has, 122, 1) FIELD(ev_life, hdr, 0, 16) \
	FIELD(ev_life, who, 16, 56) FIELD(ev_life, ends, 72, 40) FIELD(ev_life, dur_ns, 112, 8) \
	FIELD(ev_life, connect_ns, 120, 8) FIELD(ev_life, tx_bytes, 128, 8) \
	FIELD(ev_life, rx_bytes, 136, 8) FIELD(ev_life, retrans_bytes, 144, 8) \
	FIELD(ev_life, limit_ns, 152, 48) FIELD(ev_life, rtt_sum_us, 200, 8) \
	FIELD(ev_life, rtt_count, 208, 4) FIELD(ev_life, srtt_us, 212, 4) \
	FIELD(ev_life, min_rtt_us, 216, 4) FIELD(ev_life, segs_out, 220, 4) \
	FIELD(ev_life, segs_in, 224, 4) FIELD(ev_life, data_segs_out, 228, 4) \
	FIELD(ev_life, data_segs_in, 232, 4) FIELD(ev_life, retrans, 236, 4) FIELD(ev_life, err, 240, 4) \
	FIELD(ev_life, end, 244, 1) FIELD(ev_life, by, 245, 1) FIELD(ev_life, state, 246, 1) \
	FIELD(ev_life, has, 247, 1) FIELD(ev_latency, hdr, 0, 16) FIELD(ev_latency, who, 16, 56) \
	FIELD(ev_latency, ends, 72, 40) FIELD(ev_latency, count, 112, 8) FIELD(ev_latency, sum_ns, 120, 8) \
	FIELD(ev_latency, min_ns, 128, 8) FIELD(ev_latency, max_ns, 136, 8) \
	FIELD(ev_latency, part, 144, 1) FIELD(ev_latency, has, 145, 1) FIELD(ev_attempt, hdr, 0, 16) \
	FIELD(ev_attempt, who, 16, 56) FIELD(ev_attempt, ends, 72, 40) \
	FIELD(ev_attempt, latency_ns, 112, 8) FIELD(ev_attempt, syn_ns, 120, 8) \
	FIELD(ev_attempt, queue_ns, 128, 8) FIELD(ev_attempt, err, 136, 4) \
	FIELD(ev_attempt, retrans, 140, 4) FIELD(ev_attempt, lpid, 144, 4) \
	FIELD(ev_attempt, lcomm, 148, 16) FIELD(ev_attempt, result, 164, 1) FIELD(ev_attempt, has, 165, 1) \
	FIELD(ev_trouble, hdr, 0, 16) FIELD(ev_trouble, who, 16, 56) FIELD(ev_trouble, ends, 72, 40) \
	FIELD(ev_trouble, span_ns, 112, 8) FIELD(ev_trouble, location, 120, 8) \
	FIELD(ev_trouble, seq, 128, 4) FIELD(ev_trouble, seq_base, 132, 4) FIELD(ev_trouble, len, 136, 4) \
	FIELD(ev_trouble, cwnd, 140, 4) FIELD(ev_trouble, cwnd_before, 144, 4) \
	FIELD(ev_trouble, attempt, 148, 4) FIELD(ev_trouble, err, 152, 4) \
	FIELD(ev_trouble, reason, 156, 4) FIELD(ev_trouble, flags, 160, 2) FIELD(ev_trouble, segs, 162, 2) \
	FIELD(ev_trouble, dir, 164, 1) FIELD(ev_trouble, state, 165, 1) FIELD(ev_trouble, kind, 166, 1) \
	FIELD(ev_trouble, has, 167, 1) FIELD(ev_trouble, reason_name, 168, 40) \
	FIELD(ev_trouble, symbol, 208, 40) FIELD(ev_lost, hdr, 0, 16) FIELD(ev_lost, count, 16, 8) \
	FIELD(rec_header, magic, 0, 8) FIELD(rec_header, order, 8, 4) FIELD(rec_header, version, 12, 2) \
	FIELD(rec_header, fixed, 14, 2) FIELD(rec_header, len, 16, 4) FIELD(rec_header, check, 20, 4) \
	FIELD(rec_header, start_mono_ns, 24, 8) FIELD(rec_header, mono_to_real, 32, 8) \
	FIELD(rec_header, events, 40, 8) FIELD(rec_header, ntypes, 48, 2) FIELD(rec_clock, hdr, 0, 16) \
	FIELD(rec_clock, mono_to_real, 16, 8) FIELD(rec_end, hdr, 0, 16) FIELD(rec_end, records, 16, 8) \
	FIELD(rec_end, early, 24, 4) FIELD(rec_change, type, 0, 2) FIELD(rec_change, len, 2, 2) \
	FIELD(rec_change, slot, 4, 1) FIELD(rec_change, check, 5, 3) FIELD(rec_change, changed, 8, 8)

/* What a number means. */
#define LAYOUT_VALUES(VALUE) \
	VALUE(EV_NONE, 0) VALUE(EV_SEGMENT, 1) VALUE(EV_STATE, 2) VALUE(EV_LOST, 3) VALUE(EV_CONNECT, 4) \
	VALUE(EV_ACCEPT, 5) VALUE(EV_RETRANSMIT, 6) VALUE(EV_DROP, 7) VALUE(EV_RESET, 8) \
	VALUE(EV_STALL, 9) VALUE(EV_LIFE, 10) VALUE(EV_LATENCY, 11) VALUE(HOOK_SEG_OUT, 0) \
	VALUE(HOOK_SEG_IN, 1) VALUE(HOOK_STATE, 2) VALUE(HOOK_CONN, 3) VALUE(HOOK_LIFE, 4) \
	VALUE(HOOK_LATENCY, 5) VALUE(HOOK_ATTEMPT, 6) VALUE(HOOK_LOSS, 7) VALUE(HOW_UNKNOWN, 0) \
	VALUE(HOW_CONNECT, 1) VALUE(HOW_ACCEPT, 2) VALUE(HOW_LISTENER, 3) VALUE(HOW_IO, 4) \
	VALUE(HOW_SEED, 5) VALUE(HOW_KERNEL, 6) VALUE(DIR_OUT, 0) VALUE(DIR_IN, 1) \
	VALUE(LIMIT_HANDSHAKE, 0) VALUE(LIMIT_LOSS, 1) VALUE(LIMIT_RWND, 2) VALUE(LIMIT_SNDBUF, 3) \
	VALUE(LIMIT_PATH, 4) VALUE(LIMIT_READER, 5) VALUE(LIMIT_APP, 6) VALUE(END_OPEN, 0) \
	VALUE(END_FIN, 1) VALUE(END_RST, 2) VALUE(END_TIMEOUT, 3) VALUE(END_EXIT, 4) VALUE(END_CLOSE, 5) \
	VALUE(END_ERROR, 6) VALUE(BY_NONE, 0) VALUE(BY_LOCAL, 1) VALUE(BY_REMOTE, 2) \
	VALUE(PART_HANDSHAKE, 0) VALUE(PART_ACCEPTQ, 1) VALUE(PART_SENDQ, 2) VALUE(PART_NETWORK, 3) \
	VALUE(PART_RECVQ, 4) VALUE(PART_PEER, 5) VALUE(PART_OWN, 6) VALUE(RESULT_OK, 0) \
	VALUE(RESULT_REFUSED, 1) VALUE(RESULT_TIMEOUT, 2) VALUE(RESULT_UNREACHABLE, 3) \
	VALUE(RESULT_RESET, 4) VALUE(RESULT_BLOCKED, 5) VALUE(RESULT_NO_PORT, 6) VALUE(RESULT_ABORTED, 7) \
	VALUE(RESULT_ERROR, 8) VALUE(RESULT_UNACCEPTED, 9) VALUE(RESULT_OVERFLOW, 10) \
	VALUE(RESULT_PENDING, 11) VALUE(KIND_OTHER, 0) \
	VALUE(KIND_FAST, 1) VALUE(KIND_RTO, 2) VALUE(KIND_TLP, 3) VALUE(KIND_SYN, 4) VALUE(KIND_SYNACK, 5) \
	VALUE(TF_FIN, 1) VALUE(TF_SYN, 2) VALUE(TF_RST, 4) VALUE(TF_PSH, 8) VALUE(TF_ACK, 16) \
	VALUE(TF_URG, 32) VALUE(TF_ECE, 64) VALUE(TF_CWR, 128) VALUE(TF_AE, 256) VALUE(SEG_HAS_SOCK, 1) \
	VALUE(SEG_HAS_IP, 2) VALUE(SEG_HAS_MAC, 4) VALUE(SEG_HAS_TS, 8) VALUE(SEG_HAS_WIN, 16) \
	VALUE(SEG_HAS_ISN, 32) VALUE(SEG_HAS_IACK, 64) VALUE(RAW_LINK_ETHERNET, 1) VALUE(RAW_LINK_IP, 101) \
	VALUE(RAW_CSUM_PARTIAL, 1) VALUE(STATE_HAS_IN_OLD, 1) VALUE(STATE_PARTIAL, 2) \
	VALUE(LIFE_PARTIAL, 1) VALUE(LIFE_HAS_CONNECT, 2) VALUE(LIFE_PASSIVE, 4) VALUE(LIFE_HAS_DIR, 8) \
	VALUE(LATENCY_SINGLE, 1) VALUE(LATENCY_PASSIVE, 2) VALUE(LATENCY_HAS_DIR, 4) VALUE(ATT_HAS_SYN, 1) \
	VALUE(ATT_HAS_QUEUE, 2) VALUE(ATT_QUEUE_MOST, 4) VALUE(ATT_HAS_LATENCY, 8) \
	VALUE(ATT_HAS_RETRANS, 16) VALUE(ATT_FASTOPEN, 32) VALUE(ATT_HAS_LISTENER, 64) \
	VALUE(TROUBLE_HAS_SEQ, 1) VALUE(TROUBLE_HAS_ISN, 2) VALUE(TROUBLE_HAS_CWND, 4) \
	VALUE(TROUBLE_HAS_REASON, 8) VALUE(TROUBLE_HAS_DIR, 16) VALUE(TROUBLE_STALL_ENDED, 32)

#endif
