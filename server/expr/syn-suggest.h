/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The nearest of some names, for "did you mean". Feed the candidates one by one; the best is kept by reference. */

G_BEGIN_DECLS

typedef struct {
  const char *wanted;
  const char *best; /* NULL while none is near enough */
  guint best_distance;
} SynSuggest;

void syn_suggest_init (SynSuggest *self, const char *wanted);
void syn_suggest_add (SynSuggest *self, const char *candidate);
/* `; did you mean "last"?`, or the empty string. */
char *syn_suggest_dup_text (const SynSuggest *self);

G_END_DECLS
