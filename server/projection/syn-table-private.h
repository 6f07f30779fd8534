/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-progress.h"
#include "syn-rows-copy.h"
#include "syn-table.h"

/* The inside of a table, for what it does (syn-table.c) and how it is kept (syn-table-image.c). */

G_BEGIN_DECLS

struct _SynTable {
  const SynProjectionSpec *spec;
  SynRows rows;
  SynProgress *progress; /* (owned): of each input */
  SynWindowClock clock;
  gint64 oldest_start;   /* windows: no row's start is before this */
};

/* Windows: where rows from @n_rows on begin, which were not there before. */
void syn_table_note_starts (SynTable *self, guint n_rows);

G_END_DECLS
