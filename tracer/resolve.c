// SPDX-License-Identifier: BSD-2-Clause
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "idle_cpu.h"
#include "resolve_system.h"

/* Addresses remembered; two that fall on the same place push each other out. */
#define SLOTS 4096
/* Addresses that wait for the thread; while it is full, further ones print as numbers. */
#define QUEUE 256

enum slot_state { SLOT_EMPTY = 0, SLOT_QUEUED, SLOT_NAMED, SLOT_NAMELESS };

struct slot {
	__u8 addr[16];
	__u8 ip;
	__u8 state;
	char *name;
};

struct resolver {
	pthread_mutex_t lock;
	pthread_cond_t asked;	 /* for the thread: something is queued, or quit */
	pthread_cond_t answered; /* for the reader */
	resolve_fn fn;
	bool busy; /* the thread is looking something up */
	bool quit;
	struct slot slots[SLOTS];
	unsigned int queue[QUEUE];
	unsigned int head, queued;
	char **ports; /* by number; NULL: not read yet */
};

static void release(struct resolver *r)
{
	for (size_t i = 0; i < SLOTS; i++)
		free(r->slots[i].name);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->asked);
	pthread_cond_destroy(&r->answered);
	free(r);
}

/* Names that look like an address would lie. */
static bool name_ok(const char *name)
{
	__u8 addr[16];

	return *name && inet_pton(AF_INET, name, addr) != 1 && inet_pton(AF_INET6, name, addr) != 1;
}

/* Looks the first of the queue up; called and returns with the lock held. */
static void work_one(struct resolver *r)
{
	struct slot *s = &r->slots[r->queue[r->head]];
	char name[RESOLVE_NAME_MAX] = "";
	__u8 addr[16], ip = s->ip;
	int err;

	memcpy(addr, s->addr, sizeof(addr));
	r->busy = true;
	pthread_mutex_unlock(&r->lock);
	err = r->fn(addr, ip, name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	pthread_mutex_lock(&r->lock);
	r->busy = false;
	r->head = (r->head + 1) % QUEUE;
	r->queued--;
	s->name = !err && name_ok(name) ? strdup(name) : NULL;
	s->state = s->name ? SLOT_NAMED : SLOT_NAMELESS;
	pthread_cond_broadcast(&r->answered);
}

/* Ends by itself, and frees all, after the look-up during which the owner left. */
static void *work(void *arg)
{
	struct resolver *r = arg;

	idle_cpu__anywhere();
	pthread_mutex_lock(&r->lock);
	while (!r->quit) {
		if (r->queued)
			work_one(r);
		else
			pthread_cond_wait(&r->asked, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	release(r);
	return NULL;
}

/* Detached, and deaf to signals: those are for the thread that prints. */
static int start_thread(struct resolver *r)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int err;

	sigfillset(&all);
	err = pthread_attr_init(&attr);
	if (err)
		return err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, &attr, work, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

struct resolver *resolver__new(resolve_fn fn)
{
	struct resolver *r = calloc(1, sizeof(*r));
	pthread_condattr_t mono;
	int err;

	if (!r)
		return NULL;
	r->fn = fn ? fn : resolve_addr_system;
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->asked, NULL);
	pthread_cond_init(&r->answered, &mono);
	pthread_condattr_destroy(&mono);
	err = start_thread(r);
	if (err) {
		release(r);
		errno = err;
		return NULL;
	}
	return r;
}

void resolver__free(struct resolver *r)
{
	if (!r)
		return;
	resolve_ports_free(r->ports);
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	pthread_cond_signal(&r->asked);
	pthread_mutex_unlock(&r->lock);
}

static unsigned int slot_of(const __u8 addr[16])
{
	__u32 h = 2166136261u; /* FNV-1a */

	for (int i = 0; i < 16; i++)
		h = (h ^ addr[i]) * 16777619u;
	return (h ^ h >> 16) % SLOTS;
}

static void wait_answer(struct resolver *r, const struct slot *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RESOLVE_WAIT_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (s->state == SLOT_QUEUED)
		if (pthread_cond_timedwait(&r->answered, &r->lock, &until))
			return;
}

/* Queues an address that is not in its slot. */
static void ask(struct resolver *r, struct slot *s, const __u8 addr[16], unsigned int ip)
{
	bool overdue = r->busy || r->queued;

	if (s->state == SLOT_QUEUED || r->queued == QUEUE)
		return;
	free(s->name);
	*s = (struct slot){ .ip = ip, .state = SLOT_QUEUED };
	memcpy(s->addr, addr, sizeof(s->addr));
	r->queue[(r->head + r->queued++) % QUEUE] = s - r->slots;
	pthread_cond_signal(&r->asked);
	if (!overdue)
		wait_answer(r, s);
}

const char *resolver_addr(struct resolver *r, const __u8 addr[16], unsigned int ip, char *name)
{
	struct slot *s = &r->slots[slot_of(addr)];
	const char *found = NULL;

	pthread_mutex_lock(&r->lock);
	if (s->state == SLOT_EMPTY || memcmp(s->addr, addr, 16))
		ask(r, s, addr, ip);
	if (s->state == SLOT_NAMED && !memcmp(s->addr, addr, 16)) {
		snprintf(name, RESOLVE_NAME_MAX, "%s", s->name);
		found = name;
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

const char *resolver_port(struct resolver *r, __u16 port)
{
	if (!r->ports)
		r->ports = resolve_ports_read("/etc/services");
	return r->ports ? r->ports[port] : NULL;
}
