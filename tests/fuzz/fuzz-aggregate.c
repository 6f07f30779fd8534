/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as the saved state of an aggregate (the first byte says of which): refused, or as good as any: it can be shown, updated, merged,
 * moved, compacted, and saved to what loads again and shows the same. */

#include "syn-aggregate.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char *const calls[] = {
  "first(b)", "last(i)", "min(x)", "max(m)", "last(s)", "first(s, i)", "last(m, t)", "sum(i)", "sum(m)", "sum(x)", "count()", "mean(i)", "mean(x)",
  "stddev(x)", "vwap(m, i)", "vwap(x, i)", "rate('1s', t)", "rate(i, '1s')", "ewma(x, '1s', t)", "distinct(s)", "distinct(i)",
};

static SynAggregate *
new_aggregate (const char *call)
{
  g_autoptr (SynSchema) schema = syn_schema_new ();
  g_autoptr (SynExpr) expr = syn_expr_parse (call, NULL);
  g_auto (SynAggregateSpec) spec;

  syn_schema_add (schema, "b", REPLICA_TYPE_BOOL, 0, FALSE);
  syn_schema_add (schema, "i", REPLICA_TYPE_INT64, 0, FALSE);
  syn_schema_add (schema, "x", REPLICA_TYPE_DOUBLE, 0, FALSE);
  syn_schema_add (schema, "m", REPLICA_TYPE_DECIMAL, 2, FALSE);
  syn_schema_add (schema, "s", REPLICA_TYPE_STRING, 0, FALSE);
  syn_schema_add (schema, "t", REPLICA_TYPE_TIMESTAMP, 0, FALSE);
  g_assert_true (syn_aggregate_spec_init (&spec, expr, schema, NULL));
  return syn_aggregate_new (&spec, 1 << 16);
}

static void
update (SynAggregate *aggregate, const char *call)
{
  static const gint64 numbers[] = { 3, -7, G_MAXINT64 };
  static const double reals[] = { 0.5, -1e300, 1e300 };
  static const guint8 bools[] = { 0, 1, 1 };
  static const guint32 codes[] = { 0, 1, 0 }, offsets[] = { 0, 1, 5 };
  const guint32 events[] = { 0, 1, 2 }, rows[] = { 0, 1, 0 };
  const ReplicaColumn *arguments[2] = { NULL, NULL };
  ReplicaColumn columns[2];
  const char *argument = strchr (call, '(') + 1;
  guint n = 0;

  /* The names of fields are single letters. */
  for (; *argument != ')'; argument++)
    if (*argument == '\'')
      argument = strchr (argument + 1, '\'');
    else if (strchr ("bixmst", *argument) != NULL)
      {
        columns[n] = (ReplicaColumn) { .width = 8, .n_rows = 3, .data = numbers };
        columns[n].type = *argument == 'b' ? REPLICA_TYPE_BOOL : *argument == 'i' ? REPLICA_TYPE_INT64 : *argument == 'x' ? REPLICA_TYPE_DOUBLE
                        : *argument == 'm' ? REPLICA_TYPE_DECIMAL : *argument == 's' ? REPLICA_TYPE_STRING : REPLICA_TYPE_TIMESTAMP;
        if (*argument == 'x')
          columns[n].data = reals;
        if (*argument == 'm')
          columns[n].scale = 2;
        if (*argument == 'b')
          {
            columns[n].data = bools;
            columns[n].width = 1;
          }
        if (*argument == 's')
          {
            columns[n].data = codes;
            columns[n].width = 4;
            columns[n].n_dict = 2;
            columns[n].dict_offsets = offsets;
            columns[n].dict_bytes = "\0abc";
          }
        arguments[n] = &columns[n];
        n++;
      }
  syn_aggregate_update (aggregate, arguments, numbers, events, rows, 3);
}

static char *
show (SynAggregate *aggregate, guint n_rows)
{
  GString *text = g_string_new (NULL);
  ReplicaColumn column = { 0 };
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  syn_aggregate_lend (aggregate, n_rows, &column);
  for (guint row = 0; row < n_rows; row++)
    {
      g_string_append_c (text, '\n');
      if (!replica_column_is_null (&column, row))
        g_string_append (text, replica_column_format (&column, row, buffer, &length));
    }
  return g_string_free (text, FALSE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *call = calls[size > 0 ? data[0] % G_N_ELEMENTS (calls) : 0];
  g_autoptr (SynAggregate) loaded = new_aggregate (call), again = new_aggregate (call), merged = new_aggregate (call);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL, *after = NULL;
  g_autofree guint32 *rows = NULL;
  guint n_rows, n_again;

  if (size == 0)
    return 0;
  if (!syn_aggregate_load (loaded, data + 1, size - 1, &n_rows, &error))
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  before = show (loaded, n_rows);
  syn_aggregate_save (loaded, n_rows, bytes, &error);
  g_assert_no_error (error);
  syn_aggregate_load (again, bytes->data, bytes->len, &n_again, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_again, ==, n_rows);
  after = show (again, n_rows);
  g_assert_cmpstr (before, ==, after);

  rows = g_new (guint32, n_rows + 2);
  for (guint i = 0; i < n_rows; i++)
    rows[i] = i / 2;
  syn_aggregate_reserve (merged, n_rows + 2);
  syn_aggregate_merge (merged, loaded, NULL, rows, n_rows);
  update (merged, call);
  update (loaded, call);
  syn_aggregate_reserve (loaded, n_rows + 2);
  if (n_rows > 0)
    syn_aggregate_remove (loaded, 0, n_rows - 1);
  syn_aggregate_compact (loaded, n_rows, TRUE);
  g_free (show (loaded, n_rows));
  g_free (show (merged, n_rows));
  return 0;
}
