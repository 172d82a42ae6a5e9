// SPDX-License-Identifier: BSD-2-Clause
#include "expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "errmsg.h"

void expr__free(struct expr *e)
{
	free(e->text);
	free(e->eth.insns);
	free(e->ip.insns);
	*e = (struct expr){};
}

#ifdef WITH_PCAP
#include "expr_pcap.h"
#include "expr_split.h"

static char *join(char *const *words, size_t n)
{
	size_t len = 1;
	char *text;

	for (size_t i = 0; i < n; i++)
		len += strlen(words[i]) + 1;
	text = calloc(1, len);
	for (size_t i = 0; text && i < n; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, words[i]);
	}
	return text;
}

/* Ethernet may be asked of packets that have none: they do not match. */
static int compile_ip(struct expr *e)
{
	static const struct sock_filter none = { .code = BPF_RET | BPF_K };
	char why[256];
	int err = expr_split_compile(e->text, false, &e->ip, why, sizeof(why));

	if (err != -EINVAL)
		return err;
	e->ip.insns = malloc(sizeof(none));
	if (!e->ip.insns)
		return -ENOMEM;
	*e->ip.insns = none;
	e->ip.n = 1;
	return 0;
}

int expr__compile(struct expr *e, char *const *words, size_t nwords, char *err, size_t errlen)
{
	__u32 eth, ip;
	char why[256];
	int ret;

	*e = (struct expr){ .text = join(words, nwords) };
	if (!e->text)
		return errmsg(err, errlen, -ENOMEM, "out of memory");
	ret = expr_split_compile(e->text, true, &e->eth, why, sizeof(why));
	if (ret)
		return errmsg(err, errlen, ret, "the expression '%s' can't be used: %s",
			      errmsg_quote(e->text, strlen(e->text)), why);
	ret = compile_ip(e);
	if (ret)
		return errmsg(err, errlen, ret, "out of memory");
	eth = expr_reach(&e->eth, 14);
	ip = expr_reach(&e->ip, 0);
	e->payload = eth > ip ? eth : ip;
	return 0;
}

bool expr_matches(const struct expr *e, const struct ev_raw *r)
{
	return expr_pcap_filter(r->link == RAW_LINK_ETHERNET ? &e->eth : &e->ip, r->data, r->orig_len,
				r->cap_len);
}

#else

int expr__compile(struct expr *e, char *const *words, size_t nwords, char *err, size_t errlen)
{
	(void)nwords;
	*e = (struct expr){};
	return errmsg(err, errlen, -EOPNOTSUPP,
		      "'%s': this tcplens was built without libpcap, which compiles expressions",
		      errmsg_quote(words[0], strlen(words[0])));
}

bool expr_matches(const struct expr *e, const struct ev_raw *r)
{
	(void)e;
	(void)r;
	return true;
}

#endif
