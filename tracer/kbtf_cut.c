// SPDX-License-Identifier: BSD-2-Clause
#include "kbtf_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct buf {
	char *data;
	size_t len, size;
	int err;
};

struct cut {
	const struct kbtf *k;
	__u32 *number; /* of a type in the kernel: what it has in the new file; 0: not in it */
	__u32 *queue;  /* types of the new file, in the order of their numbers there */
	__u32 n;
	__u32 done; /* of the queue */
	unsigned char *shown; /* of a type in the kernel: it is somewhere a member without a name */
	int late; /* … which came to light when it was in the file without its members */
	struct buf types, strs;
};

static void *buf_add(struct buf *b, const void *data, size_t len)
{
	if (b->len + len > b->size) {
		size_t size = (b->len + len) * 2 + 65536;
		char *grown = realloc(b->data, size);

		if (!grown) {
			b->err = -ENOMEM;
			return NULL;
		}
		b->data = grown;
		b->size = size;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return b->data + b->len - len;
}

static __u32 add_name(struct cut *c, __u32 off)
{
	const char *s = kbtf_str(c->k, off);
	__u32 at = c->strs.len;

	if (!*s)
		return 0;
	buf_add(&c->strs, s, strlen(s) + 1);
	return at;
}

/* The new number of a type, which is put into the file, if it is not there yet. */
static __u32 number_of(struct cut *c, __u32 id)
{
	if (!id || id >= c->k->ntypes)
		return 0;
	if (!c->number[id]) {
		c->number[id] = ++c->n;
		c->queue[c->n] = id;
	}
	return c->number[id];
}

/*
 * Nobody asked for it by name, so nobody reads its members, unless they are read
 * as those of a type that has it as a member without a name (-fms-extensions).
 */
static int is_opaque(const struct cut *c, __u32 id, const struct btf_type *t)
{
	return t->name_off && !c->shown[id] && kbtf_wanted(c->k, kbtf_str(c->k, t->name_off)) < 0;
}

/* The type of a member without a name, behind what qualifies it, has its members. */
static void show(struct cut *c, __u32 id)
{
	const struct btf_type *t = kbtf_type(c->k, id);

	/* Damaged files go round in circles. */
	for (int depth = 0; t && depth < 32; depth++) {
		switch (kbtf_kind(t)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			id = t->type;
			t = kbtf_type(c->k, id);
			continue;
		default:
			if (!c->shown[id] && c->number[id] && c->number[id] <= c->done)
				c->late = 1;
			c->shown[id] = 1;
			return;
		}
	}
}

static void add_members(struct cut *c, __u32 id, const struct btf_type *t)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	struct btf_type copy = *t;

	copy.name_off = add_name(c, t->name_off);
	if (is_opaque(c, id, t)) {
		copy.info &= ~0xffffU; /* vlen */
		buf_add(&c->types, &copy, sizeof(copy));
		return;
	}
	buf_add(&c->types, &copy, sizeof(copy));
	for (__u32 i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		struct btf_member to = m[i];

		to.name_off = add_name(c, m[i].name_off);
		if (!to.name_off)
			show(c, m[i].type);
		to.type = number_of(c, m[i].type);
		buf_add(&c->types, &to, sizeof(to));
	}
}

static void add_enumerators(struct cut *c, const struct btf_type *t)
{
	size_t each = kbtf_kind(t) == BTF_KIND_ENUM ? sizeof(struct btf_enum) :
						      sizeof(struct btf_enum64);
	struct btf_type copy = *t;

	copy.name_off = add_name(c, t->name_off);
	buf_add(&c->types, &copy, sizeof(copy));
	for (__u32 i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		const char *from = (const char *)(t + 1) + i * each;
		/* Both kinds begin with the name. */
		__u32 name = add_name(c, *(const __u32 *)from);
		char *to = buf_add(&c->types, from, each);

		if (to)
			memcpy(to, &name, sizeof(name));
	}
}

static void add_type(struct cut *c, __u32 id)
{
	const struct btf_type *t = kbtf_type(c->k, id);
	struct btf_array a;
	struct btf_type copy = *t;

	switch (kbtf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		add_members(c, id, t);
		return;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		add_enumerators(c, t);
		return;
	case BTF_KIND_ARRAY:
		memcpy(&a, t + 1, sizeof(a));
		a.type = number_of(c, a.type);
		a.index_type = number_of(c, a.index_type);
		copy.name_off = 0;
		buf_add(&c->types, &copy, sizeof(copy));
		buf_add(&c->types, &a, sizeof(a));
		return;
	case BTF_KIND_INT:
		copy.name_off = add_name(c, t->name_off);
		buf_add(&c->types, &copy, sizeof(copy));
		buf_add(&c->types, t + 1, sizeof(__u32));
		return;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		copy.type = number_of(c, t->type);
		break;
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
		break;
	default:
		/* A pointer, to void here; or a function, which is no member and only pointed to. */
		copy = (struct btf_type){ .info = BTF_KIND_PTR << 24 };
		break;
	}
	copy.name_off = add_name(c, copy.name_off);
	buf_add(&c->types, &copy, sizeof(copy));
}

static int write_file(struct cut *c, void **data, size_t *size)
{
	struct btf_header h = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(h),
		.type_len = c->types.len,
		.str_off = c->types.len,
		.str_len = c->strs.len,
	};
	struct buf b = {};

	buf_add(&b, &h, sizeof(h));
	buf_add(&b, c->types.data, c->types.len);
	buf_add(&b, c->strs.data, c->strs.len);
	if (c->types.err || c->strs.err || b.err) {
		free(b.data);
		return -ENOMEM;
	}
	*data = b.data;
	*size = b.len;
	return 0;
}

static int is_type(__u32 kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM ||
	       kind == BTF_KIND_ENUM64 || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_INT;
}

/* All that was asked for, and what that contains. */
static void add_all(struct cut *c)
{
	const struct kbtf *k = c->k;

	buf_add(&c->strs, "", 1);
	for (__u32 i = 0; i < k->nfound; i++)
		if (is_type(k->found[i].kind))
			number_of(c, k->found[i].id);
	for (c->done = 1; c->done <= c->n; c->done++)
		add_type(c, c->queue[c->done]);
}

/* Once more, knowing which types are shown. */
static void start_again(struct cut *c)
{
	memset(c->number, 0, c->k->ntypes * sizeof(*c->number));
	c->n = c->types.len = c->strs.len = c->late = 0;
}

int kbtf__cut(const struct kbtf *k, void **data, size_t *size)
{
	struct cut c = {
		.k = k,
		/* Only the pages that are written to cost anything. */
		.number = calloc(k->ntypes, sizeof(__u32)),
		.queue = calloc(k->ntypes + 1, sizeof(__u32)),
		.shown = calloc(k->ntypes, 1),
	};
	int err = -ENOMEM;

	if (!c.number || !c.queue || !c.shown)
		goto out;
	add_all(&c);
	while (c.late) {
		start_again(&c);
		add_all(&c);
	}
	err = write_file(&c, data, size);
out:
	free(c.number);
	free(c.queue);
	free(c.shown);
	free(c.types.data);
	free(c.strs.data);
	return err;
}
