/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "projection-fixture.h"

#include <string.h>

#include "replica-number.h"

TestColumn *
test_column_new (ReplicaType type, guint scale, guint width)
{
  TestColumn *self = g_new0 (TestColumn, 1);
  guint32 zero = 0;

  self->data = g_byte_array_new ();
  self->validity = g_byte_array_new ();
  self->dict_bytes = g_byte_array_new ();
  self->dict_offsets = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->codes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_array_append_val (self->dict_offsets, zero);
  /* A column's pointers are never NULL. */
  g_byte_array_set_size (self->data, 16);
  g_byte_array_set_size (self->data, 0);
  g_byte_array_set_size (self->dict_bytes, 1);
  g_byte_array_set_size (self->dict_bytes, 0);
  self->column.name = "c";
  self->column.type = type;
  self->column.scale = (guint8) scale;
  self->column.width = type == REPLICA_TYPE_BOOL      ? 1
                       : type == REPLICA_TYPE_STRING  ? 4
                       : type == REPLICA_TYPE_DECIMAL ? (guint8) width
                                                      : 8;
  return self;
}

void
test_column_free (TestColumn *self)
{
  g_byte_array_unref (self->data);
  g_byte_array_unref (self->validity);
  g_byte_array_unref (self->dict_bytes);
  g_array_unref (self->dict_offsets);
  g_hash_table_unref (self->codes);
  g_free (self);
}

static guint32
string_code (TestColumn *self, const char *text)
{
  guint32 code, end;
  gpointer found;

  if (g_hash_table_lookup_extended (self->codes, text, NULL, &found))
    return GPOINTER_TO_UINT (found);
  code = self->column.n_dict++;
  g_byte_array_append (self->dict_bytes, (const guint8 *) text, (guint) strlen (text) + 1);
  end = self->dict_bytes->len;
  g_array_append_val (self->dict_offsets, end);
  g_hash_table_insert (self->codes, g_strdup (text), GUINT_TO_POINTER (code));
  return code;
}

void
test_column_add (TestColumn *self, const char *value)
{
  guint row = self->column.n_rows++;
  gboolean null = strcmp (value, "-") == 0;
  ReplicaInt128 wide = 0;
  gint64 number = 0;
  guint8 truth = 0;
  guint32 code = 0;
  gsize length = strlen (value);
  gconstpointer bytes = &number;

  if (row % 8 == 0)
    g_byte_array_append (self->validity, (const guint8 *) "", 1);
  if (!null)
    self->validity->data[row / 8] |= (guint8) (1u << (row % 8));
  switch (self->column.type)
    {
    case REPLICA_TYPE_BOOL:
      truth = !null && strcmp (value, "true") == 0;
      bytes = &truth;
      break;
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
      if (!null)
        g_assert_cmpint (replica_read_int64 (value, length, &number), ==, REPLICA_READ_OK);
      break;
    case REPLICA_TYPE_DOUBLE:
      {
        double real = null ? 0 : g_ascii_strtod (value, NULL);

        memcpy (&number, &real, sizeof real);
      }
      break;
    case REPLICA_TYPE_DECIMAL:
      if (!null)
        g_assert_cmpint (replica_read_decimal128 (value, length, self->column.scale, &wide), ==, REPLICA_READ_OK);
      number = (gint64) wide;
      if (self->column.width == 16)
        bytes = &wide;
      break;
    case REPLICA_TYPE_STRING:
      if (!null)
        code = string_code (self, strcmp (value, "''") == 0 ? "" : value);
      bytes = &code;
      break;
    }
  g_byte_array_append (self->data, bytes, self->column.width);
  self->column.data = self->data->data;
  self->column.validity = self->validity->data;
  self->column.dict_bytes = (const char *) self->dict_bytes->data;
  self->column.dict_offsets = (const guint32 *) (gpointer) self->dict_offsets->data;
}

TestColumn *
test_column_parse (ReplicaType type, guint scale, guint width, const char *values)
{
  TestColumn *self = test_column_new (type, scale, width);
  g_auto (GStrv) words = g_strsplit (values, " ", -1);

  self->column.data = self->data->data;
  self->column.dict_bytes = (const char *) self->dict_bytes->data;
  self->column.dict_offsets = (const guint32 *) (gpointer) self->dict_offsets->data;
  for (guint i = 0; words[i] != NULL; i++)
    if (*words[i] != '\0')
      test_column_add (self, words[i]);
  return self;
}

char *
test_column_to_string (const ReplicaColumn *column)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  for (guint row = 0; row < column->n_rows; row++)
    {
      g_string_append (text, row > 0 ? " " : "");
      if (replica_column_is_null (column, row))
        g_string_append_c (text, '-');
      else
        g_string_append (text, replica_column_format (column, row, buffer, &length));
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
