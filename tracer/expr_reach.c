// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a classic BPF program may look at, whatever TCP packet it is given.
 *
 * Its jumps only go forward, so one pass over the instructions, in order, sees
 * all paths: for each, the largest values that the registers can have there and
 * which IP version is known to be in the packet.
 */
#include <stdlib.h>
#include <string.h>

#include "expr.h"

#define U32_MAX_ 0xffffffffULL
#define IP4_MIN 20
#define IP6_MIN 40
#define TCP_MIN 20

enum tag {
	TAG_NONE = 0,
	TAG_PROTO, /* the Ethernet type, or the version's nibble of an IP header */
	TAG_IHL,   /* 4 * (P[mac_len] & 15): the IPv4 header's length */
};

struct value {
	__u64 max;
	enum tag tag;
};

struct state {
	bool reached;
	struct value a, x, m[BPF_MEMWORDS];
	int version; /* 4, 6; 0: either */
};

struct reach {
	const struct expr_prog *p;
	struct state *at; /* before each instruction */
	__u32 mac_len;
	__u64 payload;
};

static struct value value(__u64 max, enum tag tag)
{
	return (struct value){ .max = max < U32_MAX_ ? max : U32_MAX_, .tag = tag };
}

static struct value join_value(struct value a, struct value b)
{
	return value(a.max > b.max ? a.max : b.max, a.tag == b.tag ? a.tag : TAG_NONE);
}

static void join(struct state *to, const struct state *from, int version)
{
	if (!to->reached) {
		*to = *from;
		to->version = version;
		return;
	}
	to->a = join_value(to->a, from->a);
	to->x = join_value(to->x, from->x);
	for (int i = 0; i < BPF_MEMWORDS; i++)
		to->m[i] = join_value(to->m[i], from->m[i]);
	if (to->version != version)
		to->version = 0;
}

/* `end`: behind the last byte of a load; in a packet of that version headers reach at least there. */
static void touch(struct reach *r, __u64 end, int version)
{
	__u64 hdr = r->mac_len + (version == 6 ? IP6_MIN : IP4_MIN) + TCP_MIN;
	__u64 safe = r->mac_len + IP4_MIN + TCP_MIN;

	if (end > hdr && end - safe > r->payload)
		r->payload = end - safe;
}

static __u32 load_size(__u16 code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static __u64 load_max(__u16 code)
{
	return BPF_SIZE(code) == BPF_W ? U32_MAX_ : BPF_SIZE(code) == BPF_H ? 0xffff : 0xff;
}

static struct value load_abs(struct reach *r, const struct sock_filter *i, int version)
{
	bool proto = r->mac_len ? i->k == r->mac_len - 2 && BPF_SIZE(i->code) == BPF_H :
				  i->k == 0 && BPF_SIZE(i->code) == BPF_B;

	touch(r, (__u64)i->k + load_size(i->code), version);
	return value(load_max(i->code), proto ? TAG_PROTO : TAG_NONE);
}

static struct value load_ind(struct reach *r, const struct sock_filter *i, const struct state *s)
{
	__u64 end = (__u64)i->k + load_size(i->code);

	/* Behind the IPv4 header, however long that is, the TCP header's first 20 bytes are there. */
	if (s->x.tag == TAG_IHL && s->version == 4) {
		if (end > r->mac_len + TCP_MIN)
			touch(r, end + s->x.max, 4);
	} else {
		touch(r, end + s->x.max, s->version);
	}
	return value(load_max(i->code), TAG_NONE);
}

static __u64 all_ones(__u64 max)
{
	__u64 ones = 0;

	while (ones < max)
		ones = ones << 1 | 1;
	return ones;
}

static struct value alu(const struct sock_filter *i, struct value a, struct value x)
{
	bool imm = BPF_SRC(i->code) == BPF_K;
	__u64 b = imm ? i->k : x.max;

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		return value(a.max + b, TAG_NONE);
	case BPF_MUL:
		return value(b && a.max > U32_MAX_ / b ? U32_MAX_ : a.max * b, TAG_NONE);
	case BPF_AND:
		/* The nibble of the IP version stays what it is. */
		return value(a.max < b ? a.max : b, imm && b == 0xf0 ? a.tag : TAG_NONE);
	case BPF_OR:
	case BPF_XOR:
		return value(all_ones(a.max > b ? a.max : b), TAG_NONE);
	case BPF_DIV:
		return value(imm && b ? a.max / b : a.max, TAG_NONE);
	case BPF_MOD:
		return value(b && b - 1 < a.max ? b - 1 : a.max, TAG_NONE);
	case BPF_LSH:
		return value(imm && b < 32 ? a.max << b : U32_MAX_, TAG_NONE);
	case BPF_RSH:
		return value(imm && b < 32 ? a.max >> b : a.max, TAG_NONE);
	default: /* SUB, NEG */
		return value(U32_MAX_, TAG_NONE);
	}
}

static void step_ld(struct reach *r, const struct sock_filter *i, struct state *s)
{
	switch (BPF_MODE(i->code)) {
	case BPF_ABS:
		s->a = load_abs(r, i, s->version);
		break;
	case BPF_IND:
		s->a = load_ind(r, i, s);
		break;
	case BPF_IMM:
		s->a = value(i->k, TAG_NONE);
		break;
	case BPF_MEM:
		s->a = s->m[i->k % BPF_MEMWORDS];
		break;
	default:
		s->a = value(U32_MAX_, TAG_NONE);
	}
}

static void step_ldx(struct reach *r, const struct sock_filter *i, struct state *s)
{
	switch (BPF_MODE(i->code)) {
	case BPF_MSH:
		touch(r, (__u64)i->k + 1, s->version);
		s->x = value(60, i->k == r->mac_len ? TAG_IHL : TAG_NONE);
		break;
	case BPF_IMM:
		s->x = value(i->k, TAG_NONE);
		break;
	case BPF_MEM:
		s->x = s->m[i->k % BPF_MEMWORDS];
		break;
	default:
		s->x = value(U32_MAX_, TAG_NONE);
	}
}

/* The IP version that holds where A equals k. */
static int version_of(const struct reach *r, const struct state *s, const struct sock_filter *i)
{
	if (s->a.tag != TAG_PROTO || i->code != (BPF_JMP | BPF_JEQ | BPF_K))
		return s->version;
	if (r->mac_len)
		return i->k == 0x86dd ? 6 : i->k == 0x0800 ? 4 : s->version;
	return i->k == 0x60 ? 6 : i->k == 0x40 ? 4 : s->version;
}

static void step(struct reach *r, size_t n)
{
	const struct sock_filter *i = &r->p->insns[n];
	struct state s = r->at[n];

	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		step_ld(r, i, &s);
		break;
	case BPF_LDX:
		step_ldx(r, i, &s);
		break;
	case BPF_ST:
		s.m[i->k % BPF_MEMWORDS] = s.a;
		break;
	case BPF_STX:
		s.m[i->k % BPF_MEMWORDS] = s.x;
		break;
	case BPF_ALU:
		s.a = alu(i, s.a, s.x);
		break;
	case BPF_MISC:
		if (BPF_MISCOP(i->code) == BPF_TAX)
			s.x = s.a;
		else
			s.a = s.x;
		break;
	case BPF_JMP:
		if (BPF_OP(i->code) == BPF_JA) {
			if (i->k < r->p->n - n - 1)
				join(&r->at[n + 1 + i->k], &s, s.version);
			return;
		}
		if (n + 1 + i->jt < r->p->n)
			join(&r->at[n + 1 + i->jt], &s, version_of(r, &s, i));
		if (n + 1 + i->jf < r->p->n)
			join(&r->at[n + 1 + i->jf], &s, s.version);
		return;
	default: /* RET */
		return;
	}
	if (n + 1 < r->p->n)
		join(&r->at[n + 1], &s, s.version);
}

__u32 expr_reach(const struct expr_prog *p, __u32 mac_len)
{
	struct reach r = { .p = p, .mac_len = mac_len };

	r.at = calloc(p->n ? p->n : 1, sizeof(*r.at));
	if (!r.at)
		return RAW_SNAP_MAX; /* nothing is known */
	r.at[0].reached = true;
	for (size_t n = 0; n < p->n; n++)
		if (r.at[n].reached)
			step(&r, n);
	free(r.at);
	return r.payload < RAW_SNAP_MAX ? r.payload : RAW_SNAP_MAX;
}
