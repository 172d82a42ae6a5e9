/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets held back for a moment, so that what a later record tells about one
 * (its state change, its loss) becomes a comment on that very packet.
 */
#ifndef TCPLENS_PCAPNG_HOLD_H
#define TCPLENS_PCAPNG_HOLD_H

#include "event.h"
#include "outbuf.h"

#define HOLD_PACKETS 128
#define HOLD_NOTES 64

struct held {
	struct ev_segment *ev;
	size_t cap;
	struct outbuf notes; /* comments, each ended by a NUL */
};

/* A comment for a packet that is still to come. */
struct note {
	__u64 conn; /* 0: told by its ends */
	__u32 netns;
	struct ev_ends ends;
	__u16 flags; /* TF_* that the packet has */
	__u8 dir;    /* of the packet */
	char text[96];
};

struct hold {
	struct held ring[HOLD_PACKETS];
	unsigned int first, n;
	size_t bytes; /* of the records in `ring` */
	struct note notes[HOLD_NOTES];
	unsigned int nnotes;
	int (*emit)(void *ctx, const struct ev_segment *s, const struct outbuf *notes);
	void *ctx;
};

/* Takes a copy; the oldest packet goes to emit() where there is no room.  0 or a negative errno. */
int hold_packet(struct hold *h, const struct ev_segment *s);

/* A record of another type becomes a comment; which ones do not is no error. */
void hold_event(struct hold *h, const struct ev_hdr *ev);

/* Packets older than that go to emit(); comments that still wait for their packet stay. */
int hold_flush(struct hold *h, __u64 before_ns);

void hold__free(struct hold *h);

#endif
