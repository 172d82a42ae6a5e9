// SPDX-License-Identifier: BSD-2-Clause
#include "rec_change.h"

#include <string.h>

#include "recording.h"

/* Records are looked at as such words, and as what they are. */
typedef __u64 __attribute__((may_alias)) word;

/* By what kind it is, hook included, and connection: the reader is told, so any slot would be right. */
static __u8 slot_of(const word *record)
{
	_Static_assert(offsetof(struct ev_segment, who.conn) == 16, "the third word");
	__u64 kind = record[0], conn = record[2];

	return ((kind * 0x9e3779b97f4a7c15ULL >> 32) ^ conn) * 0x9e3779b97f4a7c15ULL >> 56;
}

size_t rec_change_put(struct rec_slots *s, const struct ev_hdr *ev, void *out)
{
	struct rec_change c = { .type = REC_CHANGE };
	const word *now = (const word *)ev;
	word *was, *to = (word *)((char *)out + sizeof(c)), *begin = to;

	c.slot = slot_of(now);
	was = s->words[c.slot];
	for (unsigned int i = 0, n = ev->len / 8; i < n; i++) {
		__u64 w = now[i], differs = w != was[i];

		/* Without branches: which words change is hard to foretell. */
		*to = was[i] = w;
		to += differs;
		c.changed |= differs << i;
	}
	c.len = sizeof(c) + (to - begin) * sizeof(*to);
	memcpy(out, &c, sizeof(c));
	return c.len;
}

const struct ev_hdr *rec_change_get(struct rec_slots *s, const struct rec_change *c)
{
	const word *from = (const word *)(c + 1);
	word *words = s->words[c->slot];
	const struct ev_hdr *ev = (const struct ev_hdr *)words;
	size_t n = __builtin_popcountll(c->changed);

	if (c->len != sizeof(*c) + n * sizeof(*from))
		return NULL;
	for (__u64 left = c->changed; left; left &= left - 1)
		words[__builtin_ctzll(left)] = *from++;
	/* Records are not nested; what belongs to files is written as it is. */
	if (ev->type >= REC_CLOCK || !rec_change_fits(ev) || ev->len % 8)
		return NULL;
	return ev;
}
