// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names from the system.  A static binary (TCPLENS_STATIC) has no name service
 * switch: it reads the files itself, so that it works on any machine.
 */
#include "resolve_system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolve.h"

#define PORTS 65536

/* "http  80/tcp  www  # comment" */
static void add_service(char **ports, char *line)
{
	char *save, *name, *number, *end;
	unsigned long port;

	line[strcspn(line, "#\n")] = '\0';
	name = strtok_r(line, " \t", &save);
	number = name ? strtok_r(NULL, " \t", &save) : NULL;
	if (!number)
		return;
	port = strtoul(number, &end, 10);
	if (end != number && !strcmp(end, "/tcp") && port && port < PORTS && !ports[port])
		ports[port] = strdup(name);
}

char **resolve_ports_read(const char *path)
{
	char **ports = calloc(PORTS, sizeof(*ports));
	FILE *f = fopen(path, "re");
	char line[512];

	while (ports && f && fgets(line, sizeof(line), f))
		add_service(ports, line);
	if (f)
		fclose(f);
	return ports;
}

void resolve_ports_free(char **ports)
{
	for (size_t i = 0; ports && i < PORTS; i++)
		free(ports[i]);
	free(ports);
}

#ifdef TCPLENS_STATIC

/* "10.0.0.1  name  alias  # comment" */
static int host_line(char *line, int family, const void *want, size_t wantlen, char *name,
		     size_t len)
{
	char *save, *text, *first;
	__u8 addr[16];

	line[strcspn(line, "#\n")] = '\0';
	text = strtok_r(line, " \t", &save);
	first = text ? strtok_r(NULL, " \t", &save) : NULL;
	if (!first || inet_pton(family, text, addr) != 1 || memcmp(addr, want, wantlen))
		return -ENOENT;
	snprintf(name, len, "%s", first);
	return 0;
}

int resolve_addr_system(const __u8 addr[16], unsigned int ip, char *name, size_t len)
{
	FILE *f = fopen("/etc/hosts", "re");
	char line[1024];
	int err = -ENOENT;

	while (f && err && fgets(line, sizeof(line), f))
		err = ip == 4 ? host_line(line, AF_INET, addr + 12, 4, name, len) :
				host_line(line, AF_INET6, addr, 16, name, len);
	if (f)
		fclose(f);
	return err;
}

int resolve_user(const char *name, __u32 *uid)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd pw, *found = NULL;
	char buf[4096];
	int err = -ENOENT;

	while (f && err && !fgetpwent_r(f, &pw, buf, sizeof(buf), &found))
		if (!strcmp(found->pw_name, name)) {
			*uid = found->pw_uid;
			err = 0;
		}
	if (f)
		fclose(f);
	return err;
}

#else

int resolve_addr_system(const __u8 addr[16], unsigned int ip, char *name, size_t len)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	int err;

	memcpy(&v4.sin_addr, addr + 12, 4);
	memcpy(&v6.sin6_addr, addr, 16);
	if (ip == 4)
		err = getnameinfo((struct sockaddr *)&v4, sizeof(v4), name, len, NULL, 0,
				  NI_NAMEREQD);
	else
		err = getnameinfo((struct sockaddr *)&v6, sizeof(v6), name, len, NULL, 0,
				  NI_NAMEREQD);
	return err ? -ENOENT : 0;
}

int resolve_user(const char *name, __u32 *uid)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	int err = getpwnam_r(name, &pw, buf, sizeof(buf), &found);

	if (err || !found)
		return -ENOENT;
	*uid = found->pw_uid;
	return 0;
}

#endif
