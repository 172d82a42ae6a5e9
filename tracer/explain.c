// SPDX-License-Identifier: BSD-2-Clause
#include "explain.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

/* Reasons of other subsystems are theirs (net/core/dropreason-core.h): type, and module if it is one. */
static const struct {
	const char *type, *module;
} drop_enums[] = {
	{ "skb_drop_reason", NULL },
	{ "mac80211_drop_reason", "mac80211" },
	{ "ovs_drop_reason", "openvswitch" },
	{ "qdisc_drop_reason", NULL },
};

#define NENUMS (sizeof(drop_enums) / sizeof(drop_enums[0]))

struct symbol {
	__u64 addr;
	char *name;
};

/* By value; of equal ones the first that was found counts. */
struct reasons {
	struct reason {
		__u32 value, order;
		const char *name;
	} *v;
	size_t n;
};

struct explain {
	bool types_tried, symbols_tried;
	struct btf *kernel; /* what the names lie in */
	struct btf *module[NENUMS];
	struct reasons drops, resets;
	struct symbol *sym;
	size_t nsym;
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

/* Adds the enumerators of the type, if there is such a type. */
static void add_reasons(struct reasons *r, const struct btf *btf, const char *type)
{
	int id = btf ? btf__find_by_name_kind(btf, type, BTF_KIND_ENUM) : 0;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	const struct btf_enum *e = t ? btf_enum(t) : NULL;
	struct reason *v = e ? realloc(r->v, (r->n + btf_vlen(t)) * sizeof(*v)) : NULL;

	if (!v)
		return;
	r->v = v;
	for (int i = 0; i < btf_vlen(t); i++, r->n++)
		v[r->n] = (struct reason){ e[i].val, r->n, btf__name_by_offset(btf, e[i].name_off) };
}

static void load_types(struct explain *x)
{
	if (x->types_tried)
		return;
	x->types_tried = true;
	x->kernel = btf__load_vmlinux_btf();
	if (!x->kernel)
		return;
	for (size_t i = 0; i < NENUMS; i++) {
		if (drop_enums[i].module)
			x->module[i] = btf__load_module_btf(drop_enums[i].module, x->kernel);
		add_reasons(&x->drops, x->kernel, drop_enums[i].type);
		add_reasons(&x->drops, x->module[i], drop_enums[i].type);
	}
	add_reasons(&x->resets, x->kernel, "sk_rst_reason");
	if (x->drops.n)
		qsort(x->drops.v, x->drops.n, sizeof(*x->drops.v), by_value);
	if (x->resets.n)
		qsort(x->resets.v, x->resets.n, sizeof(*x->resets.v), by_value);
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

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int add_symbol(struct explain *x, size_t *cap, __u64 addr, const char *name)
{
	if (x->nsym == *cap) {
		size_t n = *cap ? *cap * 2 : 65536;
		struct symbol *s = realloc(x->sym, n * sizeof(*s));

		if (!s)
			return -1;
		x->sym = s;
		*cap = n;
	}
	x->sym[x->nsym].addr = addr;
	x->sym[x->nsym].name = strdup(name);
	if (!x->sym[x->nsym].name)
		return -1;
	x->nsym++;
	return 0;
}

/* Functions only.  kptr_restrict hides the addresses: then all are 0, and nothing is kept. */
static void load_symbols(struct explain *x)
{
	char line[512], name[256], type;
	size_t cap = 0;
	uint64_t addr;
	FILE *f;

	if (x->symbols_tried)
		return;
	x->symbols_tried = true;
	f = fopen("/proc/kallsyms", "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %c %255s", &addr, &type, name) != 3 || !addr)
			continue;
		if (!strchr("tTwW", type))
			continue;
		if (add_symbol(x, &cap, addr, name))
			break;
	}
	fclose(f);
	if (x->nsym)
		qsort(x->sym, x->nsym, sizeof(*x->sym), by_addr);
}

/* The function that the address lies in. */
static const struct symbol *symbol_at(const struct explain *x, __u64 addr)
{
	size_t lo = 0, hi = x->nsym;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->sym[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr - x->sym[lo - 1].addr < 1 << 20 ? &x->sym[lo - 1] : NULL;
}

void explain__fill(struct explain *x, struct ev_trouble *t)
{
	const char *name = NULL;
	const struct symbol *s;

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
	load_symbols(x);
	s = symbol_at(x, t->location);
	if (s)
		snprintf(t->symbol, sizeof(t->symbol), "%.30s+%#llx", s->name,
			 (unsigned long long)(t->location - s->addr));
}

bool explain__is_copy(const struct ev_trouble *t)
{
	static const char *const rcv[] = { "packet_rcv+", "packet_rcv_spkt+", "tpacket_rcv+", "raw_rcv+", "rawv6_rcv+" };

	for (size_t i = 0; i < sizeof(rcv) / sizeof(rcv[0]); i++)
		if (!strncmp(t->symbol, rcv[i], strlen(rcv[i])))
			return true;
	return false;
}

void explain__free(struct explain *x)
{
	if (!x)
		return;
	free(x->drops.v);
	free(x->resets.v);
	for (size_t i = 0; i < NENUMS; i++)
		btf__free(x->module[i]);
	btf__free(x->kernel);
	for (size_t i = 0; i < x->nsym; i++)
		free(x->sym[i].name);
	free(x->sym);
	free(x);
}
