// SPDX-License-Identifier: BSD-2-Clause
#include "waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bucket.h"
#include "outbuf.h"

#define BAR 44

/* Where the bucket is, or is to be. */
static size_t find(const struct waits *w, __u32 at)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (w->bucket[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct wait_bucket *bucket_get(struct waits *w, __u32 at)
{
	size_t i = find(w, at);

	if (i < w->n && w->bucket[i].at == at)
		return &w->bucket[i];
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 1; /* most connections are short */
		struct wait_bucket *b = realloc(w->bucket, cap * sizeof(*b));

		if (!b)
			return NULL;
		w->bucket = b;
		w->cap = cap;
	}
	memmove(&w->bucket[i + 1], &w->bucket[i], (w->n - i) * sizeof(*w->bucket));
	w->n++;
	w->bucket[i] = (struct wait_bucket){ .at = at };
	return &w->bucket[i];
}

int waits_add(struct waits *w, __u64 count, __u64 sum_ns, __u64 min_ns, __u64 max_ns)
{
	struct wait_bucket *b;

	if (!count)
		return 0;
	b = bucket_get(w, bucket_of(sum_ns / count));
	if (!b)
		return -ENOMEM;
	if (!b->count || min_ns < b->min_ns)
		b->min_ns = min_ns;
	if (max_ns > b->max_ns)
		b->max_ns = max_ns;
	b->count += count;
	b->sum_ns += sum_ns;
	if (!w->count || min_ns < w->min_ns)
		w->min_ns = min_ns;
	if (max_ns > w->max_ns)
		w->max_ns = max_ns;
	w->count += count;
	w->sum_ns += sum_ns;
	return 0;
}

/*
 * The wait below which the part `p` of a bucket's waits lies.  Between the least,
 * the largest and the mean two straight lines are the simplest that fit: exact if
 * the waits are spread evenly, and nearly so if most are at one end.
 */
static __u64 within(const struct wait_bucket *b, double p)
{
	double least = b->min_ns, width = b->max_ns - b->min_ns, mean, q;
	double lo = bucket_least(b->at), hi = bucket_least(b->at + 1);

	mean = width > 0 ? ((double)b->sum_ns / b->count - least) / width : 0;
	if (mean <= 0 || mean >= 1) /* all are the same, or it is damaged */
		return b->sum_ns / b->count;
	if (p < 1 - mean)
		q = p / (1 - mean) * mean;
	else
		q = mean + (p - (1 - mean)) / mean * (1 - mean);
	q = least + q * width;
	/* Recordings may have wider ones. */
	return q < lo ? lo : q > hi ? hi : q;
}

__u64 waits_percentile(const struct waits *w, unsigned int percent)
{
	__u64 rank = (w->count * percent + 99) / 100, seen = 0;

	if (percent >= 100)
		return w->max_ns;
	for (size_t i = 0; i < w->n; i++) {
		const struct wait_bucket *b = &w->bucket[i];
		__u64 v;

		seen += b->count;
		if (seen < rank)
			continue;
		v = within(b, (b->count - (seen - rank) - 0.5) / b->count);
		return v < w->min_ns ? w->min_ns : v > w->max_ns ? w->max_ns : v;
	}
	return 0;
}

/* A power of two of ns as its lower bound: "65.5us" would say more than is meant. */
static void put_bound(struct outbuf *b, unsigned int log2)
{
	static const char *const units[] = { "ns", "us", "ms", "s " };
	double v = (double)(1ULL << log2);
	char text[32];
	int unit = 0;

	while (unit < 3 && v >= 1000) {
		v /= 1000;
		unit++;
	}
	snprintf(text, sizeof(text), v < 10 ? "%6.1f%s" : "%6.0f%s", v, units[unit]);
	outbuf_str(b, text);
}

static void draw_line(struct outbuf *b, unsigned int log2, __u64 count, __u64 most)
{
	unsigned int len = most ? (count * BAR + most - 1) / most : 0;
	char text[64];

	outbuf_str(b, "    >= ");
	put_bound(b, log2);
	snprintf(text, sizeof(text), " %9llu |", (unsigned long long)count);
	outbuf_str(b, text);
	for (unsigned int i = 0; i < len; i++)
		outbuf_chr(b, '#');
	outbuf_chr(b, '\n');
}

void waits_draw(struct outbuf *b, const struct waits *w)
{
	__u64 count[64] = {}, most = 0;
	unsigned int first = 63, last = 0;

	for (size_t i = 0; i < w->n; i++) {
		unsigned int e = bucket_log2(w->bucket[i].sum_ns / w->bucket[i].count);

		count[e] += w->bucket[i].count;
		if (count[e] > most)
			most = count[e];
		first = e < first ? e : first;
		last = e > last ? e : last;
	}
	for (unsigned int e = first; w->n && e <= last; e++)
		draw_line(b, e, count[e], most);
}

void waits__free(struct waits *w)
{
	free(w->bucket);
	*w = (struct waits){};
}
