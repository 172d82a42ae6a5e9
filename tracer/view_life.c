// SPDX-License-Identifier: BSD-2-Clause
#include "fields.h"
#include "hooks.h"
#include "view.h"

const struct view view_life = {
	.name = "life",
	.doc = "One line per TCP connection, at its end, or, marked as open, at the tracer's: whose it was, what it "
	       "carried, how long it took, who ended it, and what limited it."
	       "\vDUR begins with connect() or the SYN's arrival and includes the handshake; of a connection older than "
	       "the tracer (`partial`) it is the time that was seen. TX and RX are payload, each byte once, from the "
	       "socket's own counters, right also for older connections. LIMIT is the largest share of the `verdict`: "
	       "app (nothing to send), sndbuf (the send buffer is too small), rwnd (the peer's receive window), path "
	       "(congestion window: data is on its way), reader (our process does not read), loss (recovery), "
	       "handshake; docs/life.md defines them.\n\n"
	       "  tcplens life -p 1234                 connections of a process\n"
	       "  tcplens life --fields +verdict       all shares",
	.events = FIELD_IN(EV_LIFE) | FIELD_IN(EV_LOST),
	.need = NEED_LIFE,
	.columns = FIELDS_LIFE,
	.wide = FIELDS_LIFE_WIDE,
};
