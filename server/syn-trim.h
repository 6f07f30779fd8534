/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"

/* Gives memory that a crowd has left behind back to the system. Front lane. */

G_BEGIN_DECLS

typedef struct _SynTrim SynTrim;

SynTrim *syn_trim_new (SynSilo *silo); /* a silo that has started */
void syn_trim_free (SynTrim *self);    /* before the silo ends */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynTrim, syn_trim_free)

G_END_DECLS
