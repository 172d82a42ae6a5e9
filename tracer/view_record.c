// SPDX-License-Identifier: BSD-2-Clause
/* `tcplens record`: consumes nothing itself, and asks for what all views are made of. */
#include "fields.h"
#include "hooks.h"
#include "view.h"

static const struct view *const views[] = {
	&view_trace,
	&view_states,
	&view_life,
	&view_latency,
	&view_connect,
	&view_loss,
};

/* What the kernel sums up is fetched this often. */
#define SNAPSHOT_NS 1000000000ULL

static int plan(const void *opts, struct view_plan *p, char *err, size_t errlen)
{
	(void)opts;
	(void)err;
	(void)errlen;
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		p->events |= views[i]->events;
		p->need |= views[i]->need;
	}
	p->prints = p->events;
	p->tick_ns = SNAPSHOT_NS;
	return 0;
}

const struct view view_record = {
	.name = "record",
	.doc = "Writes the records that all commands need to a file, for -r FILE later."
	       "\vFILE.pcapng is for Wireshark, any other name for -r. "
	       "-C, -G and -W rotate files as tcpdump does.\n\n"
	       "  tcplens record -w today.tcpl               until Ctrl-C\n"
	       "  tcplens trace -r today.tcpl -P 443         ask it later\n"
	       "  tcplens record -w %H.tcpl -G 3600 -W 24    a file per hour, for a day\n"
	       "  tcplens record -w - | wireshark -k -i -    live into Wireshark",
	.events = FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_LOST),
	.need = NEED_SEGMENTS | NEED_PACKETS,
	.columns = FIELDS_TRACE,
	.plan = plan,
	.any = true,
	.files_only = true,
};
