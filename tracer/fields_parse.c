// SPDX-License-Identifier: BSD-2-Clause
/* Lists of fields, as --fields takes them. */
#include <errno.h>

#include "errmsg.h"
#include "fields.h"
#include "names.h"

const struct field *field_find(const char *name, size_t len)
{
	for (size_t i = 0; i < nfields; i++)
		if (strlen(fields[i].name) == len && !memcmp(fields[i].name, name, len))
			return &fields[i];
	return NULL;
}

static int bad_name(const char *s, size_t len, char *err, size_t errlen)
{
	if (!len)
		return errmsg(err, errlen, -EINVAL,
			      "a name is missing in the list of fields: `tcplens fields` lists them");
	return errmsg(err, errlen, -EINVAL, "unknown field '%s': `tcplens fields` lists them",
		      errmsg_quote(s, len));
}

static int not_here(const struct field *f, char *err, size_t errlen)
{
	unsigned int type = EV_NONE + 1;

	while (type + 1 < EV_TYPE_MAX && !(f->events & FIELD_IN(type)))
		type++;
	return errmsg(err, errlen, -EINVAL,
		      "field '%s' is part of %s records only: `tcplens fields` lists all", f->name,
		      event_name(type));
}

static int add_once(const struct field *f, const struct field **out, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (out[i] == f)
			return 0;
	if (*n >= FIELDS_MAX)
		return -E2BIG; /* can't be: there are fewer fields */
	out[(*n)++] = f;
	return 0;
}

int fields_parse(const char *list, __u32 events, const struct field **out, size_t *n, char *err,
		 size_t errlen)
{
	for (const char *s = list;; s++) {
		size_t len = strcspn(s, ",");
		const struct field *f = field_find(s, len);
		int ret;

		if (!f)
			return bad_name(s, len, err, errlen);
		if (!(f->events & events))
			return not_here(f, err, errlen);
		ret = add_once(f, out, n);
		if (ret)
			return ret;
		s += len;
		if (!*s)
			return 0;
	}
}
