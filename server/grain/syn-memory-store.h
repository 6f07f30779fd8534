/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-store.h"

/* A store that keeps nothing beyond the process. */

G_BEGIN_DECLS

SynStore *syn_memory_store_new (void);

G_END_DECLS
