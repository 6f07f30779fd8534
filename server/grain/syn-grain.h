/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "synoptic-grain.h"
#include "syn-lane.h"
#include "syn-message.h"

/* All of a grain that the server's own rooms see: what synoptic-grain.h promises, and lanes and kept messages beside it. */

G_BEGIN_DECLS

/* As it was registered; lives as long as the silo. */
const char *syn_grain_get_type_name (SynGrain *self);

G_END_DECLS
