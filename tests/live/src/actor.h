/* SPDX-License-Identifier: BSD-2-Clause */
/* What one thread of the actor has at hand; actor.c tells what it is. */
#ifndef ACTOR_H
#define ACTOR_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SKIP 77 /* exit status: this kernel can't do it */

struct actor {
	int lfd; /* listening socket */
	int fd;	 /* connection */
};

static inline void die(const char *what)
{
	fprintf(stderr, "actor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void unable(const char *what)
{
	fprintf(stderr, "actor: %s: %s\n", what, strerror(errno));
	exit(SKIP);
}

#endif
