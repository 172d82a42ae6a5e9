// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Storage of what maps.bpf.h declares.
 *
 * Linked first: libbpf's linker does not move a map that an earlier object
 * only declared ("failed to find map for section").
 */
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct config cfg = {};
__u32 rename_gen = 0;
__u8 port_bits[PORTS] = {};
__u32 nat_seen = 0;
__u32 has_answered = 0;
__u32 conns_used = 0;
__u32 lat_turn = 0;
__u32 calls[CALLS] = {};
__u32 phase = 0;
__u32 reader_asleep = 0;

struct events_map events SEC(".maps");
struct events_map events_back SEC(".maps");
struct ranges_map ranges SEC(".maps");
struct stats_map stats SEC(".maps");
struct conns_map conns SEC(".maps");
struct index_map by_sock SEC(".maps");
struct index_map by_tuple SEC(".maps");
struct free_conns_map free_conns SEC(".maps");
struct claims_map claims SEC(".maps");
struct nat_map nat SEC(".maps");
struct nat_requests_map nat_requests SEC(".maps");
struct tracks_map tracks SEC(".maps");
struct marks_map marks SEC(".maps");
struct lat_map lat0 SEC(".maps");
struct lat_map lat1 SEC(".maps");
struct ghosts_map ghosts SEC(".maps");
struct parked_map parked SEC(".maps");
struct strays_map strays SEC(".maps");
struct listeners_map listeners SEC(".maps");
struct creds_map creds SEC(".maps");
struct tree_map tree SEC(".maps");
struct ids_map ids SEC(".maps");
struct twins_map twins SEC(".maps");
struct last_skb_map last_skb SEC(".maps");
struct answering_map answering SEC(".maps");
struct req_calls_map req_calls SEC(".maps");
struct scratch_map scratch SEC(".maps");
struct dev_names_map dev_names SEC(".maps");
struct raw_parked_map raw_parked SEC(".maps");
struct raw_scratch_map raw_scratch SEC(".maps");
