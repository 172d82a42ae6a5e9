// SPDX-License-Identifier: BSD-2-Clause
#include "pcapng.h"

void pcapng_u16(struct outbuf *b, __u16 v)
{
	outbuf_mem(b, &v, sizeof(v));
}

void pcapng_u32(struct outbuf *b, __u32 v)
{
	outbuf_mem(b, &v, sizeof(v));
}

void pcapng_time(struct outbuf *b, __u64 ns)
{
	pcapng_u32(b, ns >> 32);
	pcapng_u32(b, ns);
}

struct pcapng_block pcapng_begin(struct outbuf *b, __u32 type)
{
	struct pcapng_block k = { .at = b->len };

	pcapng_u32(b, type);
	pcapng_u32(b, 0); /* the length: pcapng_end() */
	return k;
}

void pcapng_pad(struct outbuf *b, const struct pcapng_block *k)
{
	outbuf_fill(b, 0, -(b->len - k->at) & 3);
}

void pcapng_end(struct outbuf *b, const struct pcapng_block *k)
{
	__u32 len;

	pcapng_u32(b, OPT_END);
	len = b->len - k->at + sizeof(len);
	pcapng_u32(b, len);
	if (outbuf_error(b)) {
		b->len = k->at;
		return;
	}
	memcpy(b->p + k->at + 4, &len, sizeof(len));
}

void pcapng_opt(struct outbuf *b, __u16 code, const void *p, size_t n)
{
	if (n > 0xffff)
		n = 0xffff;
	pcapng_u16(b, code);
	pcapng_u16(b, n);
	outbuf_mem(b, p, n);
	outbuf_fill(b, 0, -n & 3);
}

void pcapng_opt_str(struct outbuf *b, __u16 code, const char *s)
{
	if (s)
		pcapng_opt(b, code, s, strlen(s));
}

void pcapng_opt_u32(struct outbuf *b, __u16 code, __u32 v)
{
	pcapng_opt(b, code, &v, sizeof(v));
}

void pcapng_opt_u64(struct outbuf *b, __u16 code, __u64 v)
{
	pcapng_opt(b, code, &v, sizeof(v));
}

void pcapng_opt_time(struct outbuf *b, __u16 code, __u64 ns)
{
	__u32 halves[2] = { ns >> 32, ns };

	pcapng_opt(b, code, halves, sizeof(halves));
}

size_t pcapng_whole(const void *p, size_t n)
{
	const char *at = p;
	size_t done = 0;
	__u32 len;

	while (n - done >= 12) {
		memcpy(&len, at + done + 4, sizeof(len));
		if (len < 12 || len % 4 || len > n - done)
			break;
		done += len;
	}
	return done;
}
