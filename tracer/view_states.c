// SPDX-License-Identifier: BSD-2-Clause
#include "fields.h"
#include "hooks.h"
#include "view.h"

const struct view view_states = {
	.name = "states",
	.doc = "One line per state change of a TCP socket, with the time it spent in the old state."
	       "\vStates have the names of RFC 9293. The time is unknown ('-') where the old state began before "
	       "tracing. A passive socket exists, and is SYN-RECEIVED, from the moment the final ACK arrives; "
	       "TIME-WAIT is no socket state in Linux: the socket goes to CLOSED when it begins.\n\n"
	       "  tcplens states --comm nginx          state changes of a program\n"
	       "  tcplens states --state CLOSE-WAIT    who does not close its sockets",
	.events = FIELD_IN(EV_STATE) | FIELD_IN(EV_LOST),
	.need = NEED_STATES,
	.columns = FIELDS_STATES,
};
