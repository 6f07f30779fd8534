/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text as an expression: what parses has a canonical text that parses to itself; what compiles runs, keeps the promises of
 * its columns, and says the same from its canonical text. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "syn-error.h"
#include "syn-expr.h"
#include "syn-limits.h"

#define N_ROWS 3

static const gint64 int64s[N_ROWS] = { 1, G_MININT64, 0 };
static const gint64 decimals[N_ROWS] = { 15000, G_MAXINT64, 0 };
static const double doubles[N_ROWS] = { 0.5, -1e308, 0 };
static const guint8 bools[N_ROWS] = { 1, 0, 0 };
static const gint64 times[N_ROWS] = { 0, 1398920400000000, 0 };
static const guint32 codes[N_ROWS] = { 1, 0, 0 };
static const guint32 offsets[] = { 0, 1, 4 };
static const char bytes[] = "\0A\xc3\xa9";
static const guint8 two_of_three[] = { 0x03 };

#define COLUMN(Name, Type, Scale, Width, Data) \
  { \
    .name = Name, .type = Type, .scale = Scale, .width = Width, .n_rows = N_ROWS, .data = Data, .validity = two_of_three \
  }

static const ReplicaColumn table[] = {
  COLUMN ("n", REPLICA_TYPE_INT64, 0, 8, int64s),    COLUMN ("last", REPLICA_TYPE_DECIMAL, 4, 8, decimals),
  COLUMN ("d", REPLICA_TYPE_DOUBLE, 0, 8, doubles),  COLUMN ("b", REPLICA_TYPE_BOOL, 0, 1, bools),
  COLUMN ("time", REPLICA_TYPE_TIMESTAMP, 0, 8, times),
};

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const ReplicaColumn *
run (const char *text, SynFrame *frame, guint *n_true)
{
  static SynSchema *schema;
  static ReplicaColumn symbol = COLUMN ("symbol", REPLICA_TYPE_STRING, 0, 4, codes);
  const ReplicaColumn *columns[G_N_ELEMENTS (table) + 1];
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse (text, &error);
  g_autoptr (SynProgram) program = NULL;
  const ReplicaColumn *result;
  guint32 rows[N_ROWS];

  symbol.dict_offsets = offsets;
  symbol.dict_bytes = bytes;
  symbol.n_dict = 2;
  if (schema == NULL)
    {
      schema = syn_schema_new ();
      for (guint i = 0; i < G_N_ELEMENTS (table); i++)
        syn_schema_add (schema, table[i].name, table[i].type, table[i].scale, FALSE);
      syn_schema_add (schema, "symbol", REPLICA_TYPE_STRING, 0, FALSE);
    }
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    columns[i] = &table[i];
  columns[G_N_ELEMENTS (table)] = &symbol;
  g_assert_no_error (error);
  program = syn_program_compile (expr, schema, &error);
  if (program == NULL)
    {
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_true (g_str_has_prefix (error->message, "column "));
      return NULL;
    }
  result = syn_program_run (program, frame, columns, N_ROWS);
  for (guint row = 0; row < N_ROWS; row++)
    {
      const char *value = (const char *) result->data + (gsize) row * result->width;

      if (!replica_column_is_null (result, row) && result->type == REPLICA_TYPE_STRING)
        g_assert_cmpuint (*(const guint32 *) value, <, result->n_dict);
      for (guint i = 0; replica_column_is_null (result, row) && i < result->width; i++)
        g_assert_cmpint (value[i], ==, 0);
    }
  if (result->type == REPLICA_TYPE_BOOL)
    *n_true = syn_program_filter (program, frame, columns, N_ROWS, rows);
  return result;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size), *canonical = NULL, *twice = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse (text, &error), again = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) list = syn_expr_parse_list (text, &names, NULL);

  g_assert_cmpint (list != NULL, ==, names != NULL);
  if (expr == NULL)
    {
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  canonical = syn_expr_to_string (expr);
  g_assert_cmpuint (strlen (canonical), <=, SYN_MAX_EXPR_BYTES);
  again = syn_expr_parse (canonical, &error);
  g_assert_no_error (error);
  twice = syn_expr_to_string (again);
  g_assert_cmpstr (canonical, ==, twice);
  {
    g_autoptr (SynFrame) frame = syn_frame_new (), other = syn_frame_new ();
    guint n = 0, m = 0;
    const ReplicaColumn *a = run (text, frame, &n), *b = run (canonical, other, &m);

    g_assert_cmpint (a != NULL, ==, b != NULL);
    if (a == NULL)
      return 0;
    g_assert_cmpint (a->type, ==, b->type);
    g_assert_cmpuint (n, ==, m);
    for (guint row = 0; row < N_ROWS; row++)
      g_assert_cmpint (replica_column_compare (a, row, b, row), ==, 0);
  }
  return 0;
}
