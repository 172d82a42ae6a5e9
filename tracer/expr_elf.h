/* SPDX-License-Identifier: BSD-2-Clause */
/* The user's expression becomes part of the programs' object file before it is opened. */
#ifndef TCPLENS_EXPR_ELF_H
#define TCPLENS_EXPR_ELF_H

#include <stddef.h>

/*
 * A copy of the object file with the body of expr_match() replaced, to be freed by the
 * caller.  The function must be the last one of .text: then nothing else moves.
 * 0 or a negative errno.
 */
int expr_elf_patch(const void *obj, size_t size, const void *body, size_t body_size, void **out,
		   size_t *out_size);

#endif
