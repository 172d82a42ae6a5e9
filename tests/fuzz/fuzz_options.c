// SPDX-License-Identifier: BSD-2-Clause
/* Lists of filter options: any text is refused in one sentence, or makes ordered ranges. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "filter.h"

static void check(const struct filter *f, const struct frange *r, __u32 n)
{
	for (int set = 0; set < FS_MAX; set++) {
		const struct fslice *s[] = { &f->set[set].allow, &f->set[set].deny };

		for (int i = 0; i < 2; i++)
			for (__u32 k = s[i]->off; k < s[i]->off + s[i]->n; k++)
				if (k >= n || r[k].lo.h > r[k].hi.h)
					abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum fset sets[] = { FS_PID, FS_COMM, FS_PORT, FS_LPORT, FS_RPORT, FS_LADDR, FS_RADDR };
	const struct field *fields_out[FIELDS_MAX];
	struct filter_builder b;
	struct frange *ranges = NULL;
	struct filter f = {};
	char text[512], err[512];
	__u32 nranges = 0;
	size_t n = 0;

	if (size < 2 || size >= sizeof(text))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (strchr(text, '@')) /* files */
		return 0;
	filter_builder__init(&b);
	if (data[0] < 200)
		filter_builder__add(&b, sets[data[0] % (sizeof(sets) / sizeof(sets[0]))], text, err, sizeof(err));
	else if (data[0] < 220)
		filter_builder__add_states(&b, text, err, sizeof(err));
	else if (data[0] < 240)
		filter_builder__add_flags(&b, text, err, sizeof(err));
	else
		fields_parse(text, ~0U, fields_out, &n, err, sizeof(err));
	if (!filter_builder__finish(&b, &f, &ranges, &nranges, err, sizeof(err)))
		check(&f, ranges, nranges);
	free(ranges);
	filter_builder__free(&b);
	return 0;
}
