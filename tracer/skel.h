/* SPDX-License-Identifier: BSD-2-Clause */
/* The generated skeleton, with the type of its configuration. */
#ifndef TCPLENS_SKEL_H
#define TCPLENS_SKEL_H

#include "config.h"
#include "tcplens.skel.h"

#endif
