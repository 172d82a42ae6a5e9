/* SPDX-License-Identifier: BSD-2-Clause */
/* A small, strict JSON reader (RFC 8259) for the tests. */
#ifndef TCPLENS_UNIT_JSON_H
#define TCPLENS_UNIT_JSON_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Checks one whole object: grammar, valid UTF-8, paired surrogates, no control
 * characters, no key twice (at the top level).  The text is NUL-terminated.
 */
bool json_ok(const char *text, size_t len);

/*
 * The raw value of a top-level key (as written: strings with quotes), as a
 * string in a static buffer; NULL: no such key.
 */
const char *json_get(const char *text, const char *key);

/* Decodes a JSON string (quotes included); returns the bytes, or -1. */
long json_decode(const char *text, size_t len, char *out, size_t outlen);

/* The top-level keys, comma-separated, in a static buffer. */
const char *json_keys(const char *text);

#endif
