// SPDX-License-Identifier: BSD-2-Clause
#include "fields.h"
#include "hooks.h"
#include "view.h"

const struct view view_trace = {
	.name = "trace",
	.doc = "One line per TCP segment that processes send and receive: whose it is, and what is in its header."
	       "\vSequence and acknowledgment numbers count from the connection's first ones (-S: absolute). "
	       "A value that is unknown is '-'. A line covers one skb, which may be several segments on the wire "
	       "(field `segs`).\n\n"
	       "  tcplens trace -p 1234                all segments of a process\n"
	       "  tcplens trace -P 443 --flags RST     resets on a port\n"
	       "  tcplens trace -- curl http://host/   start a command, trace it and its children",
	.events = FIELD_IN(EV_SEGMENT) | FIELD_IN(EV_LOST),
	.need = NEED_SEGMENTS,
	.columns = FIELDS_TRACE,
};
