/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-http-headers.h"

/* A snapshot in the forms of HTTP. Any thread. */

G_BEGIN_DECLS

/* The body (transfer none, lives with @snapshot), made on first use; NULL: it would be too large. */
GBytes *syn_form_get_body (SynForm form, ReplicaSnapshot *snapshot);
/* What to say then. */
char *syn_form_too_large (SynForm form, ReplicaSnapshot *snapshot);

G_END_DECLS
