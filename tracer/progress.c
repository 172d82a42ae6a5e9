// SPDX-License-Identifier: BSD-2-Clause
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "opts_file.h"
#include "writer.h"

static const char *size_text(__u64 bytes, char *buf, size_t len)
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB" };
	double n = bytes;
	size_t unit = 0;

	while (n >= 999.5 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		n /= 1000;
		unit++;
	}
	snprintf(buf, len, unit && n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return buf;
}

void progress__init(struct progress *p, bool quiet)
{
	p->on = !quiet && isatty(STDERR_FILENO);
}

void progress__show(struct progress *p, const struct writer *w, __u64 lost)
{
	char size[32];

	if (!p->on || !w)
		return;
	fprintf(stderr, "\r\033[Ktcplens: %llu records, %llu lost, %s; Ctrl-C ends it",
		(unsigned long long)w->records, (unsigned long long)lost,
		size_text(writer__bytes(w), size, sizeof(size)));
	p->shown = true;
}

void progress__clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

void progress_written(const struct writer *w, char *buf, size_t len)
{
	char size[32];

	*buf = '\0';
	if (!w || !w->path)
		return;
	size_text(writer__bytes(w), size, sizeof(size));
	if (!strcmp(w->o->write, "-"))
		snprintf(buf, len, "; %s written", size);
	else if (w->files == 1)
		snprintf(buf, len, "; %s in %s", size, w->path);
	else
		snprintf(buf, len, "; %s in %llu files, the last one %s", size, (unsigned long long)w->files,
			 w->path);
}
