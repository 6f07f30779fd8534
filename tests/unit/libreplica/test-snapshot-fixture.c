/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test-snapshot-fixture.h"
#include "replica-diff.h"
#include "replica-index.h"
#include "replica-number.h"

#include <math.h>
#include <string.h>

TestColumn *
test_column_new (const char *name, ReplicaType type, guint scale, guint width, gboolean is_key)
{
  TestColumn *self = g_new0 (TestColumn, 1);
  guint32 zero = 0;

  self->name = g_strdup (name);
  self->column =
      (ReplicaColumn){ .type = type, .scale = (guint8) scale, .width = (guint8) width, .is_key = is_key };
  self->data = g_byte_array_new ();
  self->validity = g_byte_array_new ();
  self->dict_offsets = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_append_val (self->dict_offsets, zero);
  self->dict_bytes = g_string_new (NULL);
  self->codes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
test_column_free (TestColumn *self)
{
  g_free (self->name);
  g_byte_array_unref (self->data);
  g_byte_array_unref (self->validity);
  g_array_unref (self->dict_offsets);
  g_string_free (self->dict_bytes, TRUE);
  g_hash_table_unref (self->codes);
  g_free (self);
}

static void
add (TestColumn *self, const void *value, gboolean valid)
{
  guint row = self->column.n_rows++;

  if (row % 8 == 0)
    g_byte_array_append (self->validity, (const guint8 *) "", 1);
  if (valid)
    self->validity->data[row / 8] |= (guint8) (1u << row % 8);
  else
    self->any_null = TRUE;
  g_byte_array_append (self->data, value, self->column.width);
}

void
test_column_add_null (TestColumn *self)
{
  add (self, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", FALSE);
}

void
test_column_add_value (TestColumn *self, const void *value)
{
  add (self, value, TRUE);
}

void
test_column_add_string (TestColumn *self, const char *text, gsize length)
{
  guint32 code = GPOINTER_TO_UINT (strlen (text) == length ? g_hash_table_lookup (self->codes, text) : NULL),
          end;

  if (code == 0)
    {
      g_string_append_len (self->dict_bytes, text, (gssize) length);
      g_string_append_c (self->dict_bytes, '\0');
      end = (guint32) self->dict_bytes->len;
      g_array_append_val (self->dict_offsets, end);
      code = self->dict_offsets->len - 1;
      if (strlen (text) == length)
        g_hash_table_insert (self->codes, g_strdup (text), GUINT_TO_POINTER (code));
    }
  code--;
  add (self, &code, TRUE);
}

void
test_column_add_text (TestColumn *self, const char *text)
{
  gsize length = strlen (text);
  ReplicaInt128 wide = 0;
  gint64 integer = 0;
  double number = 0;
  guint8 bit = strcmp (text, "true") == 0;

  if (strcmp (text, "~") == 0)
    {
      test_column_add_null (self);
      return;
    }
  switch (self->column.type)
    {
    case REPLICA_TYPE_BOOL:
      test_column_add_value (self, &bit);
      break;
    case REPLICA_TYPE_INT64:
      g_assert_cmpint (replica_read_int64 (text, length, &integer), ==, REPLICA_READ_OK);
      test_column_add_value (self, &integer);
      break;
    case REPLICA_TYPE_DOUBLE:
      g_assert_cmpint (replica_read_double (text, length, &number), ==, REPLICA_READ_OK);
      test_column_add_value (self, &number);
      break;
    case REPLICA_TYPE_DECIMAL:
      g_assert_cmpint (replica_read_decimal128 (text, length, self->column.scale, &wide), ==,
                       REPLICA_READ_OK);
      test_column_add_value (self, &wide); /* little-endian: the first 8 bytes are the narrow value */
      break;
    case REPLICA_TYPE_TIMESTAMP:
      g_assert_cmpint (replica_read_timestamp (text, length, &integer), ==, REPLICA_READ_OK);
      test_column_add_value (self, &integer);
      break;
    case REPLICA_TYPE_STRING:
    default:
      test_column_add_string (self, text, length);
      break;
    }
}

const ReplicaColumn *
test_column_get (TestColumn *self)
{
  ReplicaColumn *column = &self->column;

  column->name = self->name;
  column->data = self->data->data != NULL ? self->data->data : (const guint8 *) "";
  column->validity = self->any_null ? self->validity->data : NULL;
  if (column->type == REPLICA_TYPE_STRING)
    {
      column->dict_offsets = (const guint32 *) (gpointer) self->dict_offsets->data;
      column->dict_bytes = self->dict_bytes->str;
      column->n_dict = self->dict_offsets->len - 1;
    }
  return column;
}

static TestColumn *
parse_column (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 2);
  gboolean is_key = g_str_has_suffix (parts[0], "*");

  if (is_key)
    parts[0][strlen (parts[0]) - 1] = '\0';
  if (g_str_equal (parts[1], "bool"))
    return test_column_new (parts[0], REPLICA_TYPE_BOOL, 0, 1, is_key);
  if (g_str_equal (parts[1], "int64"))
    return test_column_new (parts[0], REPLICA_TYPE_INT64, 0, 8, is_key);
  if (g_str_equal (parts[1], "double"))
    return test_column_new (parts[0], REPLICA_TYPE_DOUBLE, 0, 8, is_key);
  if (g_str_equal (parts[1], "string"))
    return test_column_new (parts[0], REPLICA_TYPE_STRING, 0, 4, is_key);
  if (g_str_equal (parts[1], "timestamp"))
    return test_column_new (parts[0], REPLICA_TYPE_TIMESTAMP, 0, 8, is_key);
  g_assert_true (g_str_has_prefix (parts[1], "decimal("));
  return test_column_new (parts[0], REPLICA_TYPE_DECIMAL, (guint) g_ascii_strtoull (parts[1] + 8, NULL, 10),
                          16, is_key);
}

ReplicaSnapshot *
test_snapshot_new (guint64 serial, const char *columns, const char *rows)
{
  g_auto (GStrv) names = g_strsplit (columns, " ", -1);
  g_auto (GStrv) lines = g_strsplit (rows, "\n", -1);
  guint n_columns = g_strv_length (names), n_rows = *rows != '\0' ? g_strv_length (lines) : 0;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) test_column_free);
  g_autoptr (GError) error = NULL;
  ReplicaSnapshotBuilder *builder;
  ReplicaSnapshot *snapshot;

  for (guint i = 0; i < n_columns; i++)
    g_ptr_array_add (all, parse_column (names[i]));
  for (guint row = 0; row < n_rows; row++)
    {
      g_auto (GStrv) cells = g_strsplit (lines[row], "|", -1);

      if (*lines[row] == '\0') /* splitting nothing gives nothing, and not one empty cell */
        {
          g_assert_cmpuint (n_columns, ==, 1);
          test_column_add_text (g_ptr_array_index (all, 0), "");
          continue;
        }
      g_assert_cmpuint (g_strv_length (cells), ==, n_columns);
      for (guint i = 0; i < n_columns; i++)
        test_column_add_text (g_ptr_array_index (all, i), cells[i]);
    }
  builder = replica_snapshot_builder_new ("test/table", (ReplicaToken){ 7, serial },
                                          G_GINT64_CONSTANT (1398920400000000), n_rows);
  for (guint i = 0; i < n_columns; i++)
    replica_snapshot_builder_add (builder, test_column_get (g_ptr_array_index (all, i)));
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  return snapshot;
}

char *
test_snapshot_to_text (ReplicaSnapshot *snapshot)
{
  GString *text = g_string_new (NULL);

  for (guint row = 0; row < replica_snapshot_get_n_rows (snapshot); row++)
    {
      if (row > 0)
        g_string_append_c (text, '\n');
      for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
        {
          const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
          char buffer[REPLICA_TEXT_MAX];
          gsize length;
          const char *cell = replica_column_format (column, row, buffer, &length);

          if (i > 0)
            g_string_append_c (text, '|');
          if (replica_column_is_null (column, row))
            g_string_append_c (text, '~');
          else
            g_string_append_len (text, cell, (gssize) length);
        }
    }
  return g_string_free (text, FALSE);
}

void
test_snapshot_walk (ReplicaSnapshot *snapshot)
{
  guint n_rows = replica_snapshot_get_n_rows (snapshot);
  g_autoptr (ReplicaDiff) diff = replica_diff_new (snapshot, snapshot);
  g_autoptr (ReplicaIndex) index = replica_index_new ();
  g_autofree char *text = test_snapshot_to_text (snapshot);
  GBytes *json = replica_snapshot_get_json (snapshot), *csv = replica_snapshot_get_csv (snapshot);
  char token[REPLICA_TOKEN_TEXT_MAX];
  ReplicaToken parsed;
  guint n_shown;

  g_assert_true (g_utf8_validate (replica_snapshot_get_path (snapshot), -1, NULL));
  g_assert_true (
      replica_token_parse (replica_token_format (replica_snapshot_get_token (snapshot), token), &parsed));
  g_assert_true (replica_token_equal (parsed, replica_snapshot_get_token (snapshot)));
  g_assert_true (g_utf8_validate_len (g_bytes_get_data (json, NULL), g_bytes_get_size (json), NULL));
  g_assert_true (replica_snapshot_get_json (snapshot) == json);
  g_assert_cmpuint (g_bytes_get_size (csv), >, 0);
  g_assert_cmpuint (replica_diff_get_n_added (diff) + replica_diff_get_n_removed (diff)
                        + replica_diff_get_n_changed (diff),
                    ==, 0);
  for (guint i = 0; i < replica_snapshot_get_n_frontier (snapshot); i++)
    {
      guint64 sequence;
      g_assert_true (g_utf8_validate (replica_snapshot_get_frontier (snapshot, i, &sequence), -1, NULL));
    }
  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      g_autofree char *sort = g_strconcat ("-", column->name, NULL);

      g_assert_cmpint (replica_snapshot_find_column (snapshot, column->name), ==, (int) i);
      replica_index_set_sort (index, strchr (column->name, ',') == NULL ? sort : NULL);
      replica_index_set_snapshot (index, snapshot);
      replica_index_get_rows (index, &n_shown);
      g_assert_cmpuint (n_shown, ==, n_rows);
      for (guint row = 0; row < n_rows; row++)
        {
          g_assert_cmpint (replica_column_compare (column, row, column, row), ==, 0);
          if (column->type != REPLICA_TYPE_STRING && !replica_column_is_null (column, row))
            g_assert_true (isfinite (replica_column_get_double (column, row)));
        }
    }
  replica_index_set_filter (index, "a b");
  replica_index_get_rows (index, &n_shown);
  g_assert_cmpuint (n_shown, <=, n_rows);
  for (guint row = 0; row < MIN (n_rows, 64); row++)
    {
      g_autofree char *key = replica_snapshot_dup_row_key (snapshot, row);
      replica_index_find_key (index, key);
    }
}
