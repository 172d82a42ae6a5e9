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

/* Where in a word of this machine `bytes` bytes are that lie `off` bytes behind its first in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BITS_AT(off, bytes) ((off) * 8)
#else
#define BITS_AT(off, bytes) ((sizeof(word) - (off) - (bytes)) * 8)
#endif
#define FIELD(name, value)                                                                     \
	((word)(value) << BITS_AT(offsetof(struct rec_change, name),                           \
				  sizeof(((struct rec_change *)0)->name)))

/*
 * All of it as one word, since it is read as one for the check: what was written in pieces is
 * read only once it has left the CPU's store buffer, and with it all that stands before it there.
 */
static word first_word(size_t len, __u8 slot)
{
	return FIELD(type, REC_CHANGE) | FIELD(len, len) | FIELD(slot, slot);
}

size_t rec_change_put(struct rec_slots *s, const struct ev_hdr *ev, void *out)
{
	const word *now = (const word *)ev;
	word *was, *out_words = out, *to = out_words + sizeof(struct rec_change) / sizeof(word);
	__u8 slot = slot_of(now);
	__u64 changed = 0;
	size_t len;

	was = s->words[slot];
	for (unsigned int i = ev->len / 8; i--;)
		changed = changed * 2 + (now[i] != was[i]);
	for (__u64 left = changed; left; left &= left - 1) {
		unsigned int i = __builtin_ctzll(left);

		*to++ = was[i] = now[i];
	}
	len = (char *)to - (char *)out;
	out_words[0] = first_word(len, slot);
	out_words[1] = changed;
	return len;
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
