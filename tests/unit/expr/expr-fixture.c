/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables for the tests of expressions. */
#include "expr-fixture.h"

#include "replica-number.h"

#include <string.h>

static void
column_free (gpointer data)
{
  ReplicaColumn *column = data;

  g_free ((char *) column->name);
  g_free ((void *) column->data);
  g_free ((void *) column->validity);
  g_free ((void *) column->dict_offsets);
  g_free ((void *) column->dict_bytes);
  g_free (column);
}

ExprTable *
expr_table_new (guint n_rows)
{
  ExprTable *self = g_new0 (ExprTable, 1);

  self->schema = syn_schema_new ();
  self->columns = g_ptr_array_new_with_free_func (column_free);
  self->n_rows = n_rows;
  return self;
}

void
expr_table_free (ExprTable *self)
{
  syn_schema_free (self->schema);
  g_ptr_array_unref (self->columns);
  g_free (self);
}

static void
set_cell (ReplicaColumn *column, guint row, const char *cell, GPtrArray *dict)
{
  gsize length = strlen (cell);
  void *data = (void *) column->data;
  gint64 value = 0;

  switch (column->type)
    {
    case REPLICA_TYPE_BOOL:
      ((guint8 *) data)[row] = strcmp (cell, "true") == 0;
      g_assert_true (strcmp (cell, "true") == 0 || strcmp (cell, "false") == 0);
      break;
    case REPLICA_TYPE_DOUBLE:
      g_assert_cmpint (replica_read_double (cell, length, &((double *) data)[row]), ==, REPLICA_READ_OK);
      break;
    case REPLICA_TYPE_DECIMAL:
      if (column->width == 16)
        {
          ReplicaInt128 wide;

          g_assert_cmpint (replica_read_decimal128 (cell, length, column->scale, &wide), ==, REPLICA_READ_OK);
          syn_store128 (data, row, wide);
          break;
        }
      g_assert_cmpint (replica_read_decimal (cell, length, column->scale, &value), ==, REPLICA_READ_OK);
      ((gint64 *) data)[row] = value;
      break;
    case REPLICA_TYPE_STRING:
      for (guint k = 0; k <= dict->len; k++)
        {
          if (k == dict->len)
            g_ptr_array_add (dict, g_strdup (cell));
          if (strcmp (g_ptr_array_index (dict, k), cell) == 0)
            {
              ((guint32 *) data)[row] = k;
              break;
            }
        }
      break;
    case REPLICA_TYPE_TIMESTAMP:
      g_assert_cmpint (replica_read_timestamp (cell, length, &((gint64 *) data)[row]), ==, REPLICA_READ_OK);
      break;
    default:
      g_assert_cmpint (replica_read_int64 (cell, length, &((gint64 *) data)[row]), ==, REPLICA_READ_OK);
    }
}

static void
set_dict (ReplicaColumn *column, GPtrArray *dict)
{
  guint32 *offsets = g_new0 (guint32, dict->len + 1);
  GString *bytes = g_string_new (NULL);

  for (guint k = 0; k < dict->len; k++)
    {
      const char *entry = g_ptr_array_index (dict, k);

      g_string_append_len (bytes, entry, (gssize) strlen (entry) + 1);
      offsets[k + 1] = (guint32) bytes->len;
    }
  column->n_dict = dict->len;
  column->dict_offsets = offsets;
  /* Exactly its size, so that the sanitizer sees a read past the end. */
  column->dict_bytes = g_memdup2 (bytes->str, bytes->len);
  g_string_free (bytes, TRUE);
}

void
expr_table_add (ExprTable *self, const char *name, const char *type, gboolean wide, const char *const *cells)
{
  ReplicaColumn *column = g_new0 (ReplicaColumn, 1);
  g_autoptr (GPtrArray) dict = g_ptr_array_new_with_free_func (g_free);
  guint8 *validity = g_new0 (guint8, (self->n_rows + 7) / 8);
  gboolean nulls = FALSE;
  guint scale;

  g_assert_true (syn_type_parse (type, &column->type, &scale, NULL));
  column->name = g_strdup (name);
  column->scale = (guint8) scale;
  column->n_rows = self->n_rows;
  column->width = column->type == REPLICA_TYPE_BOOL ? 1 : column->type == REPLICA_TYPE_STRING ? 4 : wide ? 16 : 8;
  column->data = g_malloc0 ((gsize) self->n_rows * column->width);
  for (guint row = 0; row < self->n_rows; row++)
    if (cells[row] == NULL)
      nulls = TRUE;
    else
      {
        validity[row / 8] |= (guint8) (1u << (row % 8));
        set_cell (column, row, cells[row], dict);
      }
  if (column->type == REPLICA_TYPE_STRING)
    set_dict (column, dict);
  if (nulls)
    column->validity = validity;
  else
    g_free (validity);
  syn_schema_add (self->schema, name, column->type, scale, FALSE);
  g_ptr_array_add (self->columns, column);
}

ExprTable *
expr_table_new_trades (void)
{
  ExprTable *self = expr_table_new (4);

  expr_table_add (self, "symbol", "string", FALSE, (const char *[]){ "AAPL", "MSFT", "Änd", NULL });
  expr_table_add (self, "last", "decimal(4)", FALSE, (const char *[]){ "101.5000", "99.9999", "-3.2500", NULL });
  expr_table_add (self, "open", "decimal(2)", TRUE, (const char *[]){ "100.00", "100.00", "0.00", "7.00" });
  expr_table_add (self, "size", "int64", FALSE, (const char *[]){ "10", "-7", "9223372036854775807", NULL });
  expr_table_add (self, "ratio", "double", FALSE, (const char *[]){ "0.5", "-1.5", "1e300", NULL });
  expr_table_add (self, "active", "bool", FALSE, (const char *[]){ "true", "false", "true", NULL });
  expr_table_add (self, "time", "timestamp", FALSE,
                  (const char *[]){ "2014-05-01T05:00:00Z", "2014-05-01T05:00:00.250Z", "1969-12-31T23:59:59Z", NULL });
  expr_table_add (self, "n", "int64", FALSE, (const char *[]){ "1", "2", "3", "4" });
  expr_table_add (self, "note", "string", FALSE, (const char *[]){ NULL, NULL, NULL, NULL });
  expr_table_add (self, "spread in %", "double", FALSE, (const char *[]){ "1.0", "2.0", "3.0", "4.0" });
  return self;
}

char *
expr_format_column (const ReplicaColumn *column)
{
  GString *text = g_string_new (NULL);

  for (guint row = 0; row < column->n_rows; row++)
    {
      char buffer[REPLICA_TEXT_MAX];
      gsize length;

      if (row > 0)
        g_string_append_c (text, '|');
      if (replica_column_is_null (column, row))
        {
          g_string_append (text, "NULL");
          continue;
        }
      g_string_append (text, replica_column_format (column, row, buffer, &length));
    }
  return g_string_free (text, FALSE);
}

/* What ReplicaColumn promises, checked for every result of every test. */
static void
check_column (const ReplicaColumn *column)
{
  for (guint row = 0; row < column->n_rows; row++)
    {
      const char *value = (const char *) column->data + (gsize) row * column->width;

      if (column->type == REPLICA_TYPE_BOOL)
        g_assert_cmpuint (*(const guint8 *) value, <=, 1);
      if (!replica_column_is_null (column, row))
        {
          if (column->type == REPLICA_TYPE_STRING)
            g_assert_cmpuint (*(const guint32 *) value, <, column->n_dict);
          continue;
        }
      for (guint i = 0; i < column->width; i++)
        g_assert_cmpint (value[i], ==, 0);
    }
}

char *
expr_table_evaluate (ExprTable *self, const char *text, char **type, GError **error)
{
  g_autoptr (SynExpr) expr = syn_expr_parse (text, error);
  g_autoptr (SynProgram) program = expr != NULL ? syn_program_compile (expr, self->schema, error) : NULL;
  g_autoptr (SynFrame) frame = syn_frame_new ();
  const ReplicaColumn *result;
  SynColumnSpec spec = { 0 };
  guint scale;

  if (program == NULL)
    return NULL;
  result = syn_program_run (program, frame, (const ReplicaColumn *const *) self->columns->pdata, self->n_rows);
  spec.type = syn_program_get_type_of (program, &scale);
  spec.scale = (guint8) scale;
  g_assert_cmpint (result->type, ==, spec.type);
  g_assert_cmpint (result->scale, ==, spec.scale);
  g_assert_cmpuint (result->n_rows, ==, self->n_rows);
  check_column (result);
  if (type != NULL)
    *type = syn_column_spec_type_to_string (&spec);
  return expr_format_column (result);
}
