/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a snapshot: refused, or every accessor is safe, its forms are what they should be, and built
 * again from its columns it says the same. */

#include "replica-diff.h"
#include "replica-index.h"
#include "replica-snapshot-builder.h"

#include <json-glib/json-glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_cells (ReplicaSnapshot *snapshot)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      g_assert_cmpint (replica_snapshot_find_column (snapshot, column->name), ==, (int) i);
      for (guint row = 0; row < column->n_rows; row++)
        {
          const char *text = replica_column_format (column, row, buffer, &length);

          g_assert_true (text[length] == '\0');
          g_assert_cmpint (replica_column_compare (column, row, column, row), ==, 0);
        }
    }
}

static void
check_forms (ReplicaSnapshot *snapshot)
{
  GBytes *json = replica_snapshot_get_json (snapshot);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *rows;

  g_assert_nonnull (replica_snapshot_get_csv (snapshot));
  g_assert_true (g_utf8_validate_len (g_bytes_get_data (json, NULL), g_bytes_get_size (json), NULL));
  json_parser_load_from_data (parser, g_bytes_get_data (json, NULL), (gssize) g_bytes_get_size (json),
                              &error);
  g_assert_no_error (error);
  rows = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "rows");
  g_assert_cmpuint (json_array_get_length (rows), ==, replica_snapshot_get_n_rows (snapshot));
}

static void
check_index (ReplicaSnapshot *snapshot)
{
  g_autoptr (ReplicaIndex) index = replica_index_new ();
  guint n_rows = 0;
  const guint32 *rows;

  replica_index_set_snapshot (index, snapshot);
  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      g_autofree char *sort =
          g_strconcat (i % 2 ? "-" : "", replica_snapshot_get_column (snapshot, i)->name, NULL);

      replica_index_set_sort (index, sort);
      rows = replica_index_get_rows (index, &n_rows);
      g_assert_cmpuint (n_rows, ==, replica_snapshot_get_n_rows (snapshot));
      for (guint k = 0; k < n_rows; k++)
        g_assert_cmpuint (rows[k], <, n_rows);
    }
  for (guint row = 0; row < MIN (replica_snapshot_get_n_rows (snapshot), 32); row++)
    {
      g_autofree char *key = replica_snapshot_dup_row_key (snapshot, row);
      g_assert_cmpint (replica_index_find_key (index, key), >=, 0);
    }
  replica_index_set_filter (index, "A é");
  replica_index_get_rows (index, &n_rows);
}

static void
check_rebuilt (ReplicaSnapshot *snapshot)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new (
      replica_snapshot_get_path (snapshot), replica_snapshot_get_token (snapshot),
      replica_snapshot_get_time_us (snapshot), replica_snapshot_get_n_rows (snapshot));
  g_autoptr (ReplicaSnapshot) made = NULL, again = NULL;
  g_autoptr (ReplicaDiff) diff = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    replica_snapshot_builder_add (builder, replica_snapshot_get_column (snapshot, i));
  for (guint i = 0; i < replica_snapshot_get_n_frontier (snapshot); i++)
    {
      guint64 sequence;
      const char *source = replica_snapshot_get_frontier (snapshot, i, &sequence);
      replica_snapshot_builder_add_frontier (builder, source, sequence);
    }
  made = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  again = replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (made), &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (replica_snapshot_get_json (snapshot), replica_snapshot_get_json (again)));
  g_assert_true (g_bytes_equal (replica_snapshot_get_csv (snapshot), replica_snapshot_get_csv (again)));
  diff = replica_diff_new (snapshot, again);
  g_assert_cmpuint (replica_diff_get_n_added (diff) + replica_diff_get_n_removed (diff)
                        + replica_diff_get_n_changed (diff),
                    ==, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = replica_snapshot_new_from_bytes (bytes, &error);

  g_assert_true ((snapshot == NULL) == (error != NULL));
  if (snapshot == NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  check_cells (snapshot);
  check_forms (snapshot);
  check_index (snapshot);
  check_rebuilt (snapshot);
  return 0;
}
