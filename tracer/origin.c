// SPDX-License-Identifier: BSD-2-Clause
#include "origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "recording.h"

void origin_boot_id(char *buf, size_t len)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || !fgets(buf, len, f))
		*buf = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	if (f)
		fclose(f);
}

static __u64 number(const struct rec_reader *r, const char *key)
{
	char buf[24];

	return rec_reader__text(r, key, buf, sizeof(buf)) ? strtoull(buf, NULL, 10) : 0;
}

static void point(struct origin *o, struct writer_info *info)
{
	*info = (struct writer_info){
		.host = o->host,
		.kernel = o->kernel,
		.machine = o->machine,
		.boot = o->boot,
		.backend = o->backend,
		.blind = o->blind,
		.command = o->command,
	};
}

void origin__here(struct origin *o, const char *backend, const char *command, struct writer_info *info)
{
	struct utsname u;
	struct stat st;

	if (!uname(&u)) {
		snprintf(o->host, sizeof(o->host), "%s", u.nodename);
		snprintf(o->kernel, sizeof(o->kernel), "%s", u.release);
		snprintf(o->machine, sizeof(o->machine), "%s", u.machine);
	}
	origin_boot_id(o->boot, sizeof(o->boot));
	snprintf(o->backend, sizeof(o->backend), "%s", backend);
	snprintf(o->command, sizeof(o->command), "%s", command);
	point(o, info);
	if (!stat("/proc/self/ns/net", &st))
		info->netns = st.st_ino;
}

void origin__file(struct origin *o, const struct rec_reader *r, struct writer_info *info)
{
	rec_reader__text(r, "host", o->host, sizeof(o->host));
	rec_reader__text(r, "kernel", o->kernel, sizeof(o->kernel));
	rec_reader__text(r, "machine", o->machine, sizeof(o->machine));
	rec_reader__text(r, "boot", o->boot, sizeof(o->boot));
	rec_reader__text(r, "backend", o->backend, sizeof(o->backend));
	rec_reader__text(r, "blind", o->blind, sizeof(o->blind));
	rec_reader__text(r, "command", o->command, sizeof(o->command));
	point(o, info);
	info->netns = number(r, "netns");
	info->tick_ns = number(r, "tick_ns");
	info->outlier_ns = number(r, "outlier_ns");
	info->start_mono_ns = r->hdr.start_mono_ns;
	info->mono_to_real = r->hdr.mono_to_real;
	info->events = r->hdr.events;
}
