// SPDX-License-Identifier: BSD-2-Clause
/* The kernel's type information: a small file that is made here, whole and damaged. */
#include "unit.h"

#include <linux/btf.h>
#include <unistd.h>

#include "kbtf.h"

#define INFO(kind, vlen) ((kind) << 24 | (vlen))

enum { INT = 1, PTR, INNER, OUTER, NAMELESS, PROTO, FUNC, TP_PTR, TP, COLOUR, ARRAY, OUTER2, LATE, BAG, BAG_T, ROUND };

static const char strs[] = "\0int\0inner\0outer\0x\0y\0func\0btf_trace_tp\0colour\0RED\0a\0p\0late\0bag\0bag_t\0in";

static __u32 str(const char *s)
{
	for (size_t at = 1; at < sizeof(strs); at += strlen(strs + at) + 1)
		if (!strcmp(strs + at, s))
			return at;
	fail_msg("%s is not in strs", s);
	return 0;
}

struct file {
	unsigned char data[2048];
	size_t len;
};

static void put(struct file *f, const __u32 *words, size_t n)
{
	memcpy(f->data + f->len, words, n * sizeof(*words));
	f->len += n * sizeof(*words);
}

#define PUT(f, ...)                                                                            \
	put(f, (const __u32[]){ __VA_ARGS__ }, sizeof((const __u32[]){ __VA_ARGS__ }) / 4)

static void make(struct file *f)
{
	struct btf_header h = { .magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(h) };

	f->len = sizeof(h);
	PUT(f, str("int"), INFO(BTF_KIND_INT, 0), 4, 32);
	PUT(f, 0, INFO(BTF_KIND_PTR, 0), OUTER);
	PUT(f, str("inner"), INFO(BTF_KIND_STRUCT, 1), 4, str("x"), INT, 0);
	/* struct outer { struct inner x; struct { int y; }; struct outer *p; int a[7]; } */
	PUT(f, str("outer"), INFO(BTF_KIND_STRUCT, 4), 48, str("x"), INNER, 0, 0, NAMELESS, 32,
	    str("p"), PTR, 64, str("a"), ARRAY, 128);
	PUT(f, 0, INFO(BTF_KIND_STRUCT, 1), 4, str("y"), INT, 0);
	PUT(f, 0, INFO(BTF_KIND_FUNC_PROTO, 3), INT, 0, PTR, 0, PTR, 0, INT);
	PUT(f, str("func"), INFO(BTF_KIND_FUNC, 0), PROTO);
	PUT(f, 0, INFO(BTF_KIND_PTR, 0), PROTO);
	PUT(f, str("btf_trace_tp"), INFO(BTF_KIND_TYPEDEF, 0), TP_PTR);
	PUT(f, str("colour"), INFO(BTF_KIND_ENUM, 1), 4, str("RED"), 5);
	PUT(f, 0, INFO(BTF_KIND_ARRAY, 0), 0, INT, INT, 7);
	PUT(f, str("outer"), INFO(BTF_KIND_STRUCT, 0), 1);
	/* struct late { struct bag x; struct { bag_t; }; }, typedef struct bag bag_t (-fms-extensions) */
	PUT(f, str("late"), INFO(BTF_KIND_STRUCT, 2), 8, str("x"), BAG, 0, 0, ROUND, 32);
	PUT(f, str("bag"), INFO(BTF_KIND_STRUCT, 1), 4, str("in"), INT, 0);
	PUT(f, str("bag_t"), INFO(BTF_KIND_TYPEDEF, 0), BAG);
	PUT(f, 0, INFO(BTF_KIND_STRUCT, 1), 4, 0, BAG_T, 0);
	h.type_len = h.str_off = f->len - sizeof(h);
	h.str_len = sizeof(strs);
	memcpy(f->data, &h, sizeof(h));
	memcpy(f->data + f->len, strs, sizeof(strs));
	f->len += sizeof(strs);
}

static int load(const struct file *f, size_t len, struct kbtf **k)
{
	char path[] = "/tmp/tcplens-unit-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->data, len), (ssize_t)len);
	close(fd);
	err = kbtf__open(path, k);
	unlink(path);
	return err;
}

static struct kbtf *load_whole(void)
{
	struct kbtf *k = NULL;
	struct file f;

	make(&f);
	assert_int_equal(load(&f, f.len, &k), 0);
	return k;
}

static void test_finds(void **state)
{
	struct kbtf *k = load_whole();

	(void)state;
	assert_int_equal(kbtf__want(k, "outer___old"), 0);
	assert_int_equal(kbtf__want(k, "func"), 0);
	assert_int_equal(kbtf__want(k, "nothing"), 0);
	assert_int_equal(kbtf__want_tracepoint(k, "tp"), 0);
	assert_int_equal(kbtf__scan(k), 0);
	assert_int_equal(kbtf__id(k, "outer", BTF_KIND_STRUCT), OUTER);
	assert_int_equal(kbtf__id(k, "outer", BTF_KIND_FUNC), 0);
	assert_int_equal(kbtf__id(k, "nothing", BTF_KIND_STRUCT), 0);
	/* It is there, but was not asked for. */
	assert_int_equal(kbtf__id(k, "colour", BTF_KIND_ENUM), 0);
	assert_int_equal(kbtf__func_nargs(k, "func"), 3);
	assert_int_equal(kbtf__func_nargs(k, "nothing"), -ENOENT);
	assert_int_equal(kbtf__tracepoint(k, "tp"), TP);
	assert_int_equal(kbtf__tracepoint_nargs(k, "tp"), 2);
	assert_int_equal(kbtf__tracepoint_nargs(k, "other"), 0);
	kbtf__free(k);
}

static struct file cut(const char *const names[])
{
	struct kbtf *k = load_whole();
	struct file f = {};
	void *data;

	for (; *names; names++)
		assert_int_equal(kbtf__want(k, *names), 0);
	assert_int_equal(kbtf__scan(k), 0);
	assert_int_equal(kbtf__cut(k, &data, &f.len), 0);
	assert_true(f.len <= sizeof(f.data));
	memcpy(f.data, data, f.len);
	free(data);
	kbtf__free(k);
	return f;
}

/* What was cut out is a file of the same kind, so that the same code reads it. */
static void test_cut(void **state)
{
	struct file f = cut((const char *const[]){ "outer", "colour", NULL });
	const struct btf_type *t;
	const struct btf_member *m;
	struct kbtf *k;

	(void)state;
	assert_int_equal(load(&f, f.len, &k), 0);
	kbtf__want(k, "inner");
	kbtf__want(k, "outer");
	kbtf__want(k, "colour");
	kbtf__want(k, "func");
	assert_int_equal(kbtf__scan(k), 0);
	/* In the order found: outer, colour, the other outer; then what they contain. */
	assert_int_equal(kbtf__id(k, "outer", BTF_KIND_STRUCT), 1);
	assert_int_equal(kbtf__id(k, "colour", BTF_KIND_ENUM), 2);
	assert_int_equal(kbtf__id(k, "func", BTF_KIND_FUNC), 0);
	kbtf__free(k);

	t = (const struct btf_type *)(f.data + sizeof(struct btf_header));
	m = (const struct btf_member *)(t + 1);
	assert_int_equal(BTF_INFO_VLEN(t->info), 4);
	assert_int_equal(t->size, 48);
	assert_int_equal(m[2].offset, 64);
	/* inner was not asked for: its size is kept, its member is not. */
	assert_int_equal(m[0].type, 4);
	assert_int_equal(m[1].type, 5);
	t = (const struct btf_type *)(m + 4);
	t = (const struct btf_type *)((const char *)(t + 1) + sizeof(struct btf_enum)) + 1;
	assert_int_equal(BTF_INFO_KIND(t->info), BTF_KIND_STRUCT);
	assert_int_equal(t->size, 4);
	assert_int_equal(BTF_INFO_VLEN(t->info), 0);
	/* The nameless struct has its member: its fields are read as if they were outer's. */
	t++;
	assert_int_equal(BTF_INFO_VLEN(t->info), 1);
}

/*
 * A named struct without a name as a member: its fields are read as if they were the outer's.
 * Here that comes to light when it is in the file, as x, without them.
 */
static void test_cut_shown(void **state)
{
	struct file f = cut((const char *const[]){ "late", NULL });
	const struct btf_type *t = (const struct btf_type *)(f.data + sizeof(struct btf_header));
	const struct btf_member *m = (const struct btf_member *)(t + 1);

	(void)state;
	assert_int_equal(BTF_INFO_VLEN(t->info), 2);
	assert_int_equal(m[0].type, 2);
	assert_int_equal(m[1].type, 3);
	assert_int_equal(m[1].name_off, 0);
	/* In the order met: late, bag, the nameless one. */
	t = (const struct btf_type *)(m + 2);
	assert_int_equal(BTF_INFO_KIND(t->info), BTF_KIND_STRUCT);
	assert_int_equal(BTF_INFO_VLEN(t->info), 1);
}

static void test_damaged(void **state)
{
	struct file whole, f;
	struct kbtf *k;

	(void)state;
	make(&whole);
	for (size_t len = 0; len < whole.len; len++) {
		k = NULL;
		assert_int_equal(load(&whole, len, &k), -EINVAL);
	}
	/* Any byte of the types: an error, or something else is found, but nothing outside is read. */
	for (size_t at = 0; at < whole.len; at++) {
		void *data = NULL;
		size_t size;

		f = whole;
		f.data[at] ^= 0xff;
		k = NULL;
		if (load(&f, f.len, &k))
			continue;
		kbtf__want(k, "outer");
		kbtf__want(k, "late");
		kbtf__want(k, "func");
		kbtf__want_tracepoint(k, "tp");
		if (!kbtf__scan(k)) {
			kbtf__func_nargs(k, "func");
			kbtf__tracepoint_nargs(k, "tp");
			assert_int_equal(kbtf__cut(k, &data, &size), 0);
			free(data);
		}
		kbtf__free(k);
	}
	assert_int_equal(kbtf__open("/nonexistent", &k), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_shown),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
