/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot-builder.h"

/* Columns and snapshots for tests, from text or value by value. */

G_BEGIN_DECLS

typedef struct {
  ReplicaColumn column; /* what it points to is kept up to date */
  char *name;
  GByteArray *data;
  GByteArray *validity;
  GArray *dict_offsets;
  GString *dict_bytes;
  GHashTable *codes; /* (nullable): string → code + 1; NULL: strings with a NUL inside came in, no interning */
  gboolean any_null;
} TestColumn;

TestColumn *test_column_new (const char *name, ReplicaType type, guint scale, guint width, gboolean is_key);
void test_column_free (TestColumn *self);
void test_column_add_null (TestColumn *self);
void test_column_add_value (TestColumn *self, const void *value); /* as wide as the column */
void test_column_add_string (TestColumn *self, const char *text, gsize length);
void test_column_add_text (TestColumn *self, const char *text); /* as replica_column_format() writes it; "~": null */
const ReplicaColumn *test_column_get (TestColumn *self);

/* @columns: `symbol*:string last:decimal(4) n:int64 …` (a star: key); @rows: a line each, cells between `|`, `~` null. */
ReplicaSnapshot *test_snapshot_new (guint64 serial, const char *columns, const char *rows);

/* Asks a snapshot everything that there is to ask, so that a sanitizer sees every byte being read; checks what holds of all. */
void test_snapshot_walk (ReplicaSnapshot *snapshot);

/* (transfer full): the cells as text, as @rows above, to compare */
char *test_snapshot_to_text (ReplicaSnapshot *snapshot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestColumn, test_column_free)

G_END_DECLS
