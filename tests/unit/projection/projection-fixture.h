/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-batch.h"
#include "replica-snapshot.h"

/* Columns, batches and snapshots as text, for the tests of this room. Values are separated by spaces; "-" is null; times
 * are microseconds; "''" is the empty string. */

G_BEGIN_DECLS

typedef struct {
  ReplicaColumn column; /* first, so that a pointer to this is one to the column */
  GByteArray *data;
  GByteArray *validity;
  GByteArray *dict_bytes;
  GArray *dict_offsets;
  GHashTable *codes;
} TestColumn;

/* @width: of decimals, 8 or 16; otherwise ignored. */
TestColumn *test_column_new (ReplicaType type, guint scale, guint width);
void test_column_free (TestColumn *self);
void test_column_add (TestColumn *self, const char *value); /* "-": null */
TestColumn *test_column_parse (ReplicaType type, guint scale, guint width, const char *values);
/* The values of a column, separated by spaces. */
char *test_column_to_string (const ReplicaColumn *column);

/* One event a line. Sequences go on from @first_sequence. */
SynEventBatch *test_batch (const SynSourceSpec *source, guint64 first_sequence, const char *text);
SynCatalog *test_catalog (const char *json); /* aborts on an error */
char *test_csv (ReplicaSnapshot *snapshot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestColumn, test_column_free)

G_END_DECLS
