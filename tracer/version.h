/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TCPLENS_VERSION
#define TCPLENS_VERSION "0.1"
#endif
