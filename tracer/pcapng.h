/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of pcapng (draft-ietf-opsawg-pcapng), appended to a buffer in the
 * machine's byte order, which the section header tells.
 *
 *	struct pcapng_block k = pcapng_begin(b, PCAPNG_IDB);
 *	outbuf_mem(b, fixed part);  pcapng_opt…(b, …);
 *	pcapng_end(b, &k);
 */
#ifndef TCPLENS_PCAPNG_H
#define TCPLENS_PCAPNG_H

#include "outbuf.h"

enum {
	PCAPNG_SHB = 0x0A0D0D0A,
	PCAPNG_IDB = 1,
	PCAPNG_ISB = 5,
	PCAPNG_EPB = 6,
	/* Apple's: which process (Wireshark 4.6 shows it; others ignore it). */
	PCAPNG_DARWIN_PROCESS = 0x80000001,
};

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	/* section header */
	OPT_SHB_HARDWARE = 2,
	OPT_SHB_OS = 3,
	OPT_SHB_USERAPPL = 4,
	/* interface description */
	OPT_IF_NAME = 2,
	OPT_IF_DESCRIPTION = 3,
	OPT_IF_TSRESOL = 9,
	OPT_IF_FILTER = 11,
	/* packet */
	OPT_EPB_FLAGS = 2,
	OPT_EPB_DROPCOUNT = 4,
	OPT_EPB_PID_TID = 8,
	OPT_EPB_DARWIN_PROCESS = 0x8001,
	/* interface statistics */
	OPT_ISB_STARTTIME = 2,
	OPT_ISB_ENDTIME = 3,
	OPT_ISB_IFRECV = 4,
	OPT_ISB_IFDROP = 5,
	/* Darwin process */
	OPT_DPEB_NAME = 2,
};

#define PCAPNG_BYTE_ORDER 0x1A2B3C4D
#define EPB_INBOUND 1
#define EPB_OUTBOUND 2

struct pcapng_block {
	size_t at; /* of the block in the buffer */
};

struct pcapng_block pcapng_begin(struct outbuf *b, __u32 type);

/* Fills in both lengths.  After an error of the buffer: takes the block back. */
void pcapng_end(struct outbuf *b, const struct pcapng_block *k);

void pcapng_u16(struct outbuf *b, __u16 v);
void pcapng_u32(struct outbuf *b, __u32 v);

/* Nanoseconds since 1970 as blocks have them: high half first. */
void pcapng_time(struct outbuf *b, __u64 ns);

/* Zeros up to the next multiple of 4, seen from the block. */
void pcapng_pad(struct outbuf *b, const struct pcapng_block *k);

/* Options; OPT_END comes with pcapng_end().  What is longer than 65535 bytes is cut. */
void pcapng_opt(struct outbuf *b, __u16 code, const void *p, size_t n);
void pcapng_opt_str(struct outbuf *b, __u16 code, const char *s); /* NULL: none */
void pcapng_opt_u32(struct outbuf *b, __u16 code, __u32 v);
void pcapng_opt_u64(struct outbuf *b, __u16 code, __u64 v);
void pcapng_opt_time(struct outbuf *b, __u16 code, __u64 ns);

/*
 * The whole blocks at the beginning of n bytes that begin with a block: how
 * many bytes they are.  For cutting a file behind its last whole block.
 */
size_t pcapng_whole(const void *p, size_t n);

#endif
