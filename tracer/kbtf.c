// SPDX-License-Identifier: BSD-2-Clause
#include "kbtf_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

size_t kbtf_essential(const char *name, size_t len)
{
	for (size_t i = 1; i + 4 < len; i++)
		if (!memcmp(name + i, "___", 3) && name[i + 3] != '_' && name[i - 1] != '_')
			return i;
	return len;
}

/* Of the first three characters: nearly all names are told apart from those wanted by these. */
static __u32 beginning(const char *s)
{
	__u32 b = (unsigned char)s[0];

	if (s[0] && s[1])
		b += (unsigned char)s[1] * 31U + (unsigned char)s[2] * 1009U;
	return b % KBTF_BEGINNINGS;
}

static __u32 hash_name(const char *name, size_t *len)
{
	const char *p = name;
	__u32 h = 2166136261U;

	for (; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619U;
	*len = p - name;
	return h;
}

size_t kbtf_type_size(const struct btf_type *t)
{
	__u32 vlen = BTF_INFO_VLEN(t->info);

	switch (kbtf_kind(t)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return sizeof(*t);
	case BTF_KIND_INT:
		return sizeof(*t) + sizeof(__u32);
	case BTF_KIND_ARRAY:
		return sizeof(*t) + sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return sizeof(*t) + vlen * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return sizeof(*t) + vlen * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return sizeof(*t) + vlen * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return sizeof(*t) + vlen * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(*t) + sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return sizeof(*t) + vlen * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(*t) + sizeof(struct btf_decl_tag);
	default:
		return 0;
	}
}

/* Huge pages: thousands of page faults are a good part of what reading costs. */
static int read_all(struct kbtf *k, int fd)
{
	size_t done = 0;

	k->map = mmap(NULL, k->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (k->map == MAP_FAILED)
		return -errno;
	madvise(k->map, k->size, MADV_HUGEPAGE);
	while (done < k->size) {
		ssize_t n = read(fd, (char *)k->map + done, k->size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EINVAL;
		done += n;
	}
	return 0;
}

static int map_file(struct kbtf *k, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		err = -errno;
	} else if (st.st_size < (off_t)sizeof(struct btf_header) || st.st_size > 1 << 30) {
		err = -EINVAL;
	} else {
		k->size = st.st_size;
		k->map = mmap(NULL, k->size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (k->map == MAP_FAILED)
			err = read_all(k, fd);
	}
	close(fd);
	return err;
}

static int parse_header(struct kbtf *k)
{
	const struct btf_header *h = k->map;
	size_t room;

	if (h->magic != BTF_MAGIC || h->hdr_len < sizeof(*h) || h->hdr_len > k->size)
		return -EINVAL;
	room = k->size - h->hdr_len;
	if (h->type_off > room || h->type_len > room - h->type_off || h->str_off > room ||
	    h->str_len > room - h->str_off || !h->str_len || h->type_off % 4)
		return -EINVAL;
	k->types = (unsigned char *)k->map + h->hdr_len + h->type_off;
	k->types_end = k->types + h->type_len;
	k->strs = (char *)k->map + h->hdr_len + h->str_off;
	k->strs_len = h->str_len;
	return k->strs[k->strs_len - 1] ? -EINVAL : 0;
}

int kbtf__open(const char *path, struct kbtf **out)
{
	struct kbtf *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	k->map = MAP_FAILED;
	err = map_file(k, path);
	if (!err)
		err = parse_header(k);
	if (err) {
		kbtf__free(k);
		return err;
	}
	*out = k;
	return 0;
}

void kbtf__free(struct kbtf *k)
{
	if (!k)
		return;
	if (k->map != MAP_FAILED)
		munmap(k->map, k->size);
	for (__u32 i = 0; i < k->nwants; i++)
		free(k->wants[i].name);
	free(k->wants);
	free(k->table);
	free(k->found);
	free(k->index);
	free(k);
}

static __u32 *table_slot(const struct kbtf *k, const char *name, size_t len, __u32 hash)
{
	for (__u32 i = hash;; i++) {
		__u32 *slot = &k->table[i & k->mask];
		const struct kwant *w = &k->wants[*slot - 1];

		if (!*slot || (w->hash == hash && w->len == len && !memcmp(w->name, name, len)))
			return slot;
	}
}

/* Twice the room, a quarter of it used at most. */
static int table_grow(struct kbtf *k)
{
	__u32 size = k->table ? (k->mask + 1) * 2 : 1024;
	struct kwant *wants = realloc(k->wants, size / 4 * sizeof(*wants));
	__u32 *table;

	if (!wants)
		return -ENOMEM;
	k->wants = wants;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	free(k->table);
	k->table = table;
	k->mask = size - 1;
	for (__u32 i = 0; i < k->nwants; i++)
		*table_slot(k, wants[i].name, wants[i].len, wants[i].hash) = i + 1;
	return 0;
}

int kbtf__want(struct kbtf *k, const char *name)
{
	size_t len = kbtf_essential(name, strlen(name));
	char *copy = strndup(name, len);
	__u32 hash, *slot;

	if (!copy)
		return -ENOMEM;
	if ((!k->table || k->nwants == (k->mask + 1) / 4) && table_grow(k)) {
		free(copy);
		return -ENOMEM;
	}
	hash = hash_name(copy, &len);
	k->beginnings[beginning(copy) / 64] |= 1ULL << beginning(copy) % 64;
	slot = table_slot(k, copy, len, hash);
	if (*slot || !len) {
		free(copy);
		return 0;
	}
	k->wants[k->nwants++] = (struct kwant){ .name = copy, .len = len, .hash = hash };
	*slot = k->nwants;
	return 0;
}

int kbtf_wanted(const struct kbtf *k, const char *name)
{
	__u32 hash, b = beginning(name);
	size_t len;

	if (!(k->beginnings[b / 64] >> b % 64 & 1))
		return -1;
	hash = hash_name(name, &len);
	return k->table ? (int)*table_slot(k, name, len, hash) - 1 : -1;
}

static int found_add(struct kbtf *k, __u32 want, const struct btf_type *t)
{
	struct kfound *f = k->found;

	if (k->nfound % 256 == 0) {
		f = realloc(f, (k->nfound + 256) * sizeof(*f));
		if (!f)
			return -ENOMEM;
		k->found = f;
	}
	f[k->nfound++] = (struct kfound){ .want = want, .id = k->ntypes, .kind = kbtf_kind(t) };
	return 0;
}

/* Types that are of use here: without variables, and what describes other types only. */
#define KINDS                                                                                  \
	(1U << BTF_KIND_STRUCT | 1U << BTF_KIND_UNION | 1U << BTF_KIND_ENUM |                  \
	 1U << BTF_KIND_ENUM64 | 1U << BTF_KIND_TYPEDEF | 1U << BTF_KIND_FUNC |                \
	 1U << BTF_KIND_INT)

int kbtf__scan(struct kbtf *k)
{
	/* A type has 12 bytes at least. */
	size_t most = (k->types_end - k->types) / sizeof(struct btf_type) / KBTF_STRIDE + 2;
	const unsigned char *p = k->types;

	free(k->index);
	k->index = malloc(most * sizeof(*k->index));
	if (!k->index)
		return -ENOMEM;
	k->nfound = 0;
	k->ntypes = 1;
	while (p < k->types_end) {
		const struct btf_type *t = (const struct btf_type *)p;
		size_t left = k->types_end - p, size;
		int want;

		size = left < sizeof(*t) ? 0 : kbtf_type_size(t);
		if (!size || size > left)
			return -EINVAL;
		if (k->ntypes % KBTF_STRIDE == 1)
			k->index[k->ntypes / KBTF_STRIDE] = p - k->types;
		if (t->name_off && (KINDS >> kbtf_kind(t) & 1)) {
			want = kbtf_wanted(k, kbtf_str(k, t->name_off));
			if (want >= 0 && found_add(k, want, t))
				return -ENOMEM;
		}
		k->ntypes++;
		p += size;
	}
	return 0;
}

const struct btf_type *kbtf_type(const struct kbtf *k, __u32 id)
{
	const unsigned char *p;
	__u32 at;

	if (!id || id >= k->ntypes)
		return NULL;
	at = (id - 1) / KBTF_STRIDE;
	p = k->types + k->index[at];
	for (__u32 i = at * KBTF_STRIDE + 1; i < id; i++)
		p += kbtf_type_size((const struct btf_type *)p);
	return (const struct btf_type *)p;
}

__u32 kbtf__id(const struct kbtf *k, const char *name, unsigned int kind)
{
	int want = kbtf_wanted(k, name);

	for (__u32 i = 0; want >= 0 && i < k->nfound; i++)
		if (k->found[i].want == (__u32)want && k->found[i].kind == kind)
			return k->found[i].id;
	return 0;
}

void kbtf__values(const struct kbtf *k, const char *name, void (*on_value)(void *ctx, __u32 value, const char *name),
		  void *ctx)
{
	const struct btf_type *t = kbtf_type(k, kbtf__id(k, name, BTF_KIND_ENUM));
	const struct btf_enum *e = t ? (const struct btf_enum *)(t + 1) : NULL;

	for (__u32 i = 0; t && i < BTF_INFO_VLEN(t->info); i++)
		on_value(ctx, e[i].val, kbtf_str(k, e[i].name_off));
}

int kbtf__func_nargs(const struct kbtf *k, const char *name)
{
	const struct btf_type *t = kbtf_type(k, kbtf__id(k, name, BTF_KIND_FUNC));

	t = t ? kbtf_type(k, t->type) : NULL;
	return t && kbtf_kind(t) == BTF_KIND_FUNC_PROTO ? (int)BTF_INFO_VLEN(t->info) : -ENOENT;
}

static const char *tracepoint_type(char buf[80], const char *name)
{
	snprintf(buf, 80, "btf_trace_%s", name);
	return buf;
}

int kbtf__want_tracepoint(struct kbtf *k, const char *name)
{
	char type[80];

	return kbtf__want(k, tracepoint_type(type, name));
}

__u32 kbtf__tracepoint(const struct kbtf *k, const char *name)
{
	char type[80];

	return kbtf__id(k, tracepoint_type(type, name), BTF_KIND_TYPEDEF);
}

int kbtf__tracepoint_nargs(const struct kbtf *k, const char *name)
{
	const struct btf_type *t = kbtf_type(k, kbtf__tracepoint(k, name));

	t = t ? kbtf_type(k, t->type) : NULL; /* a pointer … */
	t = t ? kbtf_type(k, t->type) : NULL; /* … to a function, whose first argument is the probe's */
	if (!t || kbtf_kind(t) != BTF_KIND_FUNC_PROTO || !BTF_INFO_VLEN(t->info))
		return 0;
	return BTF_INFO_VLEN(t->info) - 1;
}
