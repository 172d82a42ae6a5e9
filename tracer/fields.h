/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one registry of fields: text columns, JSON keys, --fields, `tcplens
 * fields` and the documentation all come from this table.
 */
#ifndef TCPLENS_FIELDS_H
#define TCPLENS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "event.h"
#include "outbuf.h"

struct resolver;

enum time_format {
	TIME_LOCAL = 0, /* HH:MM:SS.uuuuuu of the local time zone */
	TIME_SINCE,	/* seconds since the start, with microseconds */
	TIME_RFC3339,	/* RFC 3339, UTC, nanoseconds */
};

/* A second that was turned into text already: most events share it with the one before. */
struct fsecond {
	__s64 sec;
	char text[24];
	size_t len; /* 0: nothing remembered */
};

/* Flags that were turned into text already, of the first five (FIN … ACK), by their bits. */
struct flagtext {
	__u8 len; /* 0: not yet */
	char text[35];
};

#define FLAGTEXT_MAX 32

/* What a field's value and text depend on besides the event. */
struct fctx {
	__s64 mono_to_real; /* add to CLOCK_MONOTONIC ns, get CLOCK_REALTIME ns */
	__u64 start_mono_ns;
	enum time_format time_format;
	bool short_time;	   /* TIME_LOCAL: milliseconds are enough */
	bool absolute;		   /* sequence numbers as on the wire */
	struct resolver *resolver; /* names for addresses and ports in text; NULL: numeric */
	struct fsecond local, utc; /* caches; zeroed is empty */
	struct flagtext flags_text[FLAGTEXT_MAX], flags_json[FLAGTEXT_MAX];
};

enum fkind {
	FK_UINT,  /* u */
	FK_ID,	  /* u; an opaque number: a string in JSON */
	FK_BIGID, /* u; a string in JSON only above 2^53 */
	FK_BOOL,  /* u */
	FK_NAME,  /* name: one of our own words */
	FK_BYTES, /* bytes: untrusted */
	FK_TIME,  /* ns: CLOCK_REALTIME */
	FK_ADDR,  /* end.addr, end.ip */
	FK_PORT,  /* u */
	FK_SERVICE, /* u: a port; short for others */
	FK_END,	  /* end: both together; short for others (field_is_short()) */
	FK_SHORT, /* name; short for others */
	FK_FLAGS, /* u: TF_* */
	FK_MAC,	  /* mac */
	FK_SIZE,  /* u: bytes; text: 1.5M */
	FK_USEC,  /* u: microseconds; text: 1.50ms */
	FK_TENTHS, /* u: times ten; 1.5 */
	FK_TROUBLE, /* ev: of a trouble or a sum; short for others */
	FK_SHARES, /* shares: percent by enum ev_limit */
};

struct fvalue {
	union {
		__u64 u;
		__s64 ns;
		const char *name;
		const __u8 *mac;
		const struct ev_hdr *ev;
		__u8 shares[LIMIT_MAX];
		struct {
			const char *p;
			size_t n;
		} bytes;
		struct {
			const __u8 *addr;
			__u16 port; /* 0: unknown */
			__u8 ip;
		} end;
	};
};

#define FIELD_IN(type) (1U << (type))

struct field {
	const char *name;   /* --fields, JSON key */
	const char *header; /* text column */
	int width;	    /* of the column, in characters */
	bool right;	    /* align right */
	enum fkind kind;
	const char *help;
	__u32 events; /* FIELD_IN(EV_…) it is part of */
	/* Of segments and state changes: depends on nothing but the type, ev_who, ev_ends and the direction. */
	bool of_conn;
	/* 1: *v is set; 0: unknown.  Only to be called for an event in `events`. */
	int (*get)(const struct ev_hdr *ev, const struct fctx *ctx, struct fvalue *v);
};

extern const struct field fields[];
extern const size_t nfields;
#define FIELDS_MAX 128

/* The usual columns of `trace` and of `states`. */
#define FIELDS_TRACE "time,pid,comm,dir,local,remote,flags,seq,ack,len,win"
#define FIELDS_STATES "time,pid,comm,local,remote,old,new,in_old_us"

/* Of `life`, with --wide, and of `latency`: single waits, or by what is grouped. */
#define FIELDS_LIFE "pid,comm,remote,tx,rx,dur_us,end,limit"
#define FIELDS_LIFE_WIDE                                                                       \
	"time,pid,comm,dir,local,remote,tx,rx,dur_us,connect_us,min_rtt_us,avg_rtt_us,retrans," \
	"retrans_pct,end,verdict"
#define FIELDS_OUTLIERS "time,pid,comm,remote,part,wait_us"
#define FIELDS_OUTLIERS_WIDE "time,pid,comm,local,remote,part,wait_us"
/* Of `connect` and `loss`: 80 characters, and with --wide. */
#define FIELDS_CONNECT "time,pid,comm,dir,remote,result,latency_us"
#define FIELDS_CONNECT_WIDE \
	"time,pid,comm,dir,local,remote,result,errno,latency_us,syn_us,queue_us,retrans,listener"
#define FIELDS_CONNECT_SUM "count,failed,pid,comm,dir,raddr,port,mean_us,max_us"
#define FIELDS_LOSS "time,pid,comm,remote,trouble"
#define FIELDS_LOSS_WIDE \
	"time,pid,comm,event,dir,local,remote,reason,state,flags,seq,len,attempt,cwnd_before,cwnd,stall_us,location"
#define FIELDS_LOSS_SUM "count,pid,comm,remote,trouble"

/* Says for people what others say too: in JSON only if asked for by name. */
static inline bool field_is_short(const struct field *f)
{
	return f->kind == FK_END || f->kind == FK_SHORT || f->kind == FK_TROUBLE || f->kind == FK_SERVICE;
}

/* NULL: no such field. */
const struct field *field_find(const char *name, size_t len);

/*
 * Parses "time,pid,comm" into `out` (room for FIELDS_MAX) and *n, after what
 * is there already; a field that is in the list stays where it is.  Every
 * field has to be in one of `events` (FIELD_IN()).
 * -EINVAL: *err says in one sentence what is wrong.
 */
int fields_parse(const char *list, __u32 events, const struct field **out, size_t *n, char *err,
		 size_t errlen);

/* 1: `*v` is set, 0: this event has no such value. */
static inline int field_get(const struct field *f, const struct ev_hdr *ev, const struct fctx *ctx,
			    struct fvalue *v)
{
	return f->events & FIELD_IN(ev->type) ? f->get(ev, ctx, v) : 0;
}

/* Appends a value as text (terminal-safe); returns the columns it takes. */
size_t field_text(struct outbuf *b, const struct field *f, const struct fvalue *v,
		  struct fctx *ctx);

/* Appends a value as JSON, without the key. */
void field_json(struct outbuf *b, const struct field *f, const struct fvalue *v, struct fctx *ctx);

/* Appends a CLOCK_REALTIME time in the format. */
void field_time(struct outbuf *b, struct fctx *ctx, enum time_format format, __s64 ns);

/*
 * The same as text of ctx->time_format, where that is quick: in the second that field_time()
 * wrote last.  How many characters it has, 0: field_time() has to; and writing them to `p`, of a
 * time that has some.
 */
unsigned int field_time_len(const struct fctx *ctx, __s64 ns);
void field_time_again(char *p, const struct fctx *ctx, __s64 ns);

/* A column's width and alignment, which the context has a say in. */
unsigned int field_width(const struct field *f, const struct fctx *ctx);
bool field_right(const struct field *f, const struct fctx *ctx);

#endif
