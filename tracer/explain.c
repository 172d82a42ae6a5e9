// SPDX-License-Identifier: BSD-2-Clause
#include "explain.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "kbtf.h"

/* Reasons of other subsystems are theirs (net/core/dropreason-core.h): type, and module if it is one. */
static const struct {
	const char *type, *module;
} drop_enums[] = {
	{ "skb_drop_reason", NULL },
	{ "mac80211_drop_reason", "mac80211" },
	{ "ovs_drop_reason", "openvswitch" },
	{ "qdisc_drop_reason", NULL },
};

#define RESETS "sk_rst_reason"
#define NENUMS (sizeof(drop_enums) / sizeof(drop_enums[0]))

/* What was looked for, and found.  There are some hundred places that drop packets. */
#define PLACES_MAX 512

struct place {
	__u64 addr;
	char symbol[40]; /* as in struct ev_trouble; empty: not known */
};

/* By value; of equal ones the first that was found counts. */
struct reasons {
	struct reason {
		__u32 value, order;
		char *name; /* owned */
	} *v;
	size_t n;
};

struct explain {
	bool types_tried;
	bool hidden; /* kallsyms has no addresses for us (kptr_restrict) */
	struct reasons drops, resets;
	struct place *place;
	size_t nplaces;
};

struct explain *explain__new(void)
{
	return calloc(1, sizeof(struct explain));
}

static int by_value(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void add_reason(void *ctx, __u32 value, const char *name)
{
	struct reasons *r = ctx;
	struct reason *v = realloc(r->v, (r->n + 1) * sizeof(*v));
	char *copy = strdup(name);

	if (v)
		r->v = v;
	if (v && copy)
		v[r->n] = (struct reason){ value, r->n, copy }, r->n++;
	else
		free(copy);
}

/* A module's types go on where the kernel's end, so libbpf is needed, and reads both. */
static void add_module_reasons(struct reasons *r, const char *module, const char *type)
{
	char path[64];
	struct btf *kernel, *btf;
	const struct btf_type *t;
	int id;

	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module);
	if (access(path, R_OK))
		return;
	kernel = btf__load_vmlinux_btf();
	btf = kernel ? btf__load_module_btf(module, kernel) : NULL;
	id = btf ? btf__find_by_name_kind(btf, type, BTF_KIND_ENUM) : 0;
	t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	for (int i = 0; t && i < btf_vlen(t); i++)
		add_reason(r, btf_enum(t)[i].val, btf__name_by_offset(btf, btf_enum(t)[i].name_off));
	btf__free(btf);
	btf__free(kernel);
}

static void add_kernel_reasons(struct explain *x)
{
	struct kbtf *k;

	if (kbtf__open("/sys/kernel/btf/vmlinux", &k))
		return;
	for (size_t i = 0; i < NENUMS; i++)
		kbtf__want(k, drop_enums[i].type);
	kbtf__want(k, RESETS);
	if (!kbtf__scan(k)) {
		for (size_t i = 0; i < NENUMS; i++)
			kbtf__values(k, drop_enums[i].type, add_reason, &x->drops);
		kbtf__values(k, RESETS, add_reason, &x->resets);
	}
	kbtf__free(k);
}

static void sort(struct reasons *r)
{
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), by_value);
}

/* The names are copied: all the kernel's types are several megabytes, and there are some hundred reasons. */
static void load_types(struct explain *x)
{
	if (x->types_tried)
		return;
	x->types_tried = true;
	add_kernel_reasons(x);
	for (size_t i = 0; i < NENUMS; i++)
		if (drop_enums[i].module)
			add_module_reasons(&x->drops, drop_enums[i].module, drop_enums[i].type);
	sort(&x->drops);
	sort(&x->resets);
}

/* NULL: the kernel's types do not have this value. */
static const char *reason_name(const struct reasons *r, __u32 value)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].value < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->v[lo].value == value ? r->v[lo].name : NULL;
}

/* Behind what all of them begin with. */
static const char *without_prefix(const char *name)
{
	static const char *const prefix[] = { "SKB_DROP_REASON_", "SK_RST_REASON_", "SKB_" };

	for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++)
		if (!strncmp(name, prefix[i], strlen(prefix[i])))
			return name + strlen(prefix[i]);
	return name;
}

/* The function that begins last before an address. */
struct nearest {
	__u64 addr;  /* that is looked for */
	__u64 begin; /* 0: none seen yet */
	char name[32];
	bool sure; /* none that is nearer can follow */
	bool any;  /* a line had an address */
};

/*
 * A line of kallsyms: "ffffffff81000000 T _stext", and of a module "\t[name]".  Functions only.
 * kptr_restrict hides the addresses: then all are 0.  Those of modules come last, and those
 * before in the order of their addresses (scripts/kallsyms.c).
 */
static void look_at(struct nearest *f, const char *line, const char *end)
{
	size_t n;
	char *p;
	__u64 addr = strtoull(line, &p, 16);

	f->any |= addr;
	if (!addr || addr < f->begin || end - p < 4 || !strchr("tTwW", p[1]))
		return;
	if (addr > f->addr) {
		f->sure = f->begin && end[-1] != ']';
		return;
	}
	p += 3;
	n = strcspn(p, "\t\n");
	if (n >= sizeof(f->name))
		n = sizeof(f->name) - 1;
	memcpy(f->name, p, n);
	f->name[n] = '\0';
	f->begin = addr;
}

/* Returns what of the n bytes is the beginning of a line that goes on. */
static size_t look_through(struct nearest *f, const char *buf, size_t n)
{
	const char *line = buf, *end;

	while (!f->sure && (end = memchr(line, '\n', buf + n - line))) {
		look_at(f, line, end);
		line = end + 1;
	}
	return buf + n - line;
}

/*
 * For one address: to make a list of all would take longer, while the ring fills up, and several
 * megabytes; and there are few that are asked for.
 */
static void find_symbol(struct explain *x, __u64 addr, char *out, size_t len)
{
	struct nearest f = { .addr = addr };
	char buf[8192 + 1];
	size_t rest = 0;
	ssize_t n = -1;
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (!f.sure && (n = read(fd, buf + rest, sizeof(buf) - 1 - rest)) > 0) {
		size_t have = rest + n;

		buf[have] = '\0';
		rest = look_through(&f, buf, have);
		memmove(buf, buf + have - rest, rest);
		if (rest == sizeof(buf) - 1) /* no line is so long */
			break;
	}
	close(fd);
	x->hidden = !n && !f.any;
	/* What was read in part only may have a nearer one behind. */
	if ((f.sure || !n) && f.begin && addr - f.begin < 1 << 20)
		snprintf(out, len, "%.30s+%#llx", f.name, (unsigned long long)(addr - f.begin));
}

/* NULL: there are more of them than there can be. */
static const struct place *place_of(struct explain *x, __u64 addr)
{
	struct place *p;

	for (size_t i = 0; i < x->nplaces; i++)
		if (x->place[i].addr == addr)
			return &x->place[i];
	if (x->nplaces == PLACES_MAX)
		return NULL;
	p = realloc(x->place, (x->nplaces + 1) * sizeof(*p));
	if (!p)
		return NULL;
	x->place = p;
	p += x->nplaces++;
	*p = (struct place){ .addr = addr };
	if (!x->hidden)
		find_symbol(x, addr, p->symbol, sizeof(p->symbol));
	return p;
}

void explain__fill(struct explain *x, struct ev_trouble *t)
{
	const char *name = NULL;
	const struct place *p;

	if (t->has & TROUBLE_HAS_REASON) {
		load_types(x);
		name = reason_name(t->hdr.type == EV_DROP ? &x->drops : &x->resets, t->reason);
		if (name)
			snprintf(t->reason_name, sizeof(t->reason_name), "%s", without_prefix(name));
		else
			snprintf(t->reason_name, sizeof(t->reason_name), "%u", t->reason);
	}
	if (!t->location)
		return;
	p = place_of(x, t->location);
	if (p && *p->symbol)
		memcpy(t->symbol, p->symbol, sizeof(t->symbol));
}

bool explain__is_copy(const struct ev_trouble *t)
{
	static const char *const rcv[] = { "packet_rcv+", "packet_rcv_spkt+", "tpacket_rcv+", "raw_rcv+", "rawv6_rcv+" };

	for (size_t i = 0; i < sizeof(rcv) / sizeof(rcv[0]); i++)
		if (!strncmp(t->symbol, rcv[i], strlen(rcv[i])))
			return true;
	return false;
}

static void free_reasons(struct reasons *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].name);
	free(r->v);
}

void explain__free(struct explain *x)
{
	if (!x)
		return;
	free_reasons(&x->drops);
	free_reasons(&x->resets);
	free(x->place);
	free(x);
}
