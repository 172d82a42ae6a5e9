// SPDX-License-Identifier: BSD-2-Clause
#include "decode.h"

#include <errno.h>
#include <stdint.h>

#include "names.h"

static bool who_ok(const struct ev_who *w)
{
	return w->how < HOW_MAX;
}

static bool ends_ok(const struct ev_ends *e)
{
	return e->ip == 4 || e->ip == 6;
}

/* The packet lies in the record, and its headers in the packet. */
static bool raw_ok(const struct ev_segment *s)
{
	size_t at = s->raw * 8;
	const struct ev_raw *r;

	if (!s->raw)
		return true;
	if (at < sizeof(*s) || at + sizeof(*r) > s->hdr.len)
		return false;
	r = ev_raw_of(s);
	return r->cap_len <= s->hdr.len - at - sizeof(*r) && r->cap_len <= r->orig_len &&
	       (r->link == RAW_LINK_ETHERNET || r->link == RAW_LINK_IP) &&
	       r->ip_off <= r->tcp_off && r->tcp_off <= r->payload_off;
}

static bool segment_ok(const struct ev_segment *s)
{
	return raw_ok(s) && who_ok(&s->who) && ends_ok(&s->ends) && s->dir <= DIR_IN && s->state < ST_MAX &&
	       s->flags <= 0x1ff && s->segs;
}

static bool state_ok(const struct ev_state *s)
{
	return who_ok(&s->who) && ends_ok(&s->ends) && state_name(s->old) && state_name(s->new);
}

static bool life_ok(const struct ev_life *l)
{
	return who_ok(&l->who) && ends_ok(&l->ends) && l->end < END_MAX && l->by < BY_MAX &&
	       state_name(l->state);
}

/* A count without waits would be divided by. */
static bool latency_ok(const struct ev_latency *l)
{
	return who_ok(&l->who) && ends_ok(&l->ends) && l->count && l->part < PART_MAX &&
	       l->min_ns <= l->max_ns;
}

static bool attempt_ok(const struct ev_attempt *a)
{
	return who_ok(&a->who) && ends_ok(&a->ends) && a->result < RESULT_MAX;
}

/* The two texts are the live source's; in a recording they are anybody's. */
static bool trouble_ok(const struct ev_trouble *t)
{
	return who_ok(&t->who) && ends_ok(&t->ends) && t->dir <= DIR_IN && t->state < ST_MAX &&
	       t->kind < KIND_MAX && t->flags <= 0x1ff && !t->reason_name[sizeof(t->reason_name) - 1] &&
	       !t->symbol[sizeof(t->symbol) - 1];
}

size_t ev_size(unsigned int type)
{
	switch (type) {
	case EV_SEGMENT:
		return sizeof(struct ev_segment);
	case EV_STATE:
		return sizeof(struct ev_state);
	case EV_LIFE:
		return sizeof(struct ev_life);
	case EV_LATENCY:
		return sizeof(struct ev_latency);
	case EV_CONNECT:
	case EV_ACCEPT:
		return sizeof(struct ev_attempt);
	case EV_RETRANSMIT:
	case EV_DROP:
	case EV_RESET:
	case EV_STALL:
		return sizeof(struct ev_trouble);
	case EV_LOST:
		return sizeof(struct ev_lost);
	default:
		return 0;
	}
}

/* Whether the record holds the type's struct, and what is in it makes sense. */
static int check_body(const struct ev_hdr *ev)
{
	size_t size = ev_size(ev->type);

	if (!size)
		return -ENOMSG;
	if (ev->len < size)
		return -EINVAL;
	switch (ev->type) {
	case EV_SEGMENT:
		return segment_ok(ev_segment_of(ev)) ? 0 : -EINVAL;
	case EV_STATE:
		return state_ok(ev_state_of(ev)) ? 0 : -EINVAL;
	case EV_LIFE:
		return life_ok(ev_life_of(ev)) ? 0 : -EINVAL;
	case EV_LATENCY:
		return latency_ok(ev_latency_of(ev)) ? 0 : -EINVAL;
	case EV_CONNECT:
	case EV_ACCEPT:
		return attempt_ok(ev_attempt_of(ev)) ? 0 : -EINVAL;
	case EV_RETRANSMIT:
	case EV_DROP:
	case EV_RESET:
	case EV_STALL:
		return trouble_ok(ev_trouble_of(ev)) ? 0 : -EINVAL;
	default:
		return 0;
	}
}

int decode(const void *data, size_t size, const struct ev_hdr **out)
{
	const struct ev_hdr *ev = data;
	int err;

	*out = NULL;
	if ((uintptr_t)data % 8 || size < sizeof(*ev))
		return -EINVAL;
	if (ev->len < sizeof(*ev) || ev->len % 8 || ev->len > size)
		return -EINVAL;
	if (ev->type == EV_NONE)
		return -EINVAL;
	/* Unknown hooks of unknown types are for a reader that knows them. */
	if (ev->type < EV_TYPE_MAX && ev->hook >= HOOK_MAX)
		return -EINVAL;
	err = check_body(ev);
	if (err != -EINVAL)
		*out = ev;
	return err;
}
