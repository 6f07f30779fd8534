/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Filters over one table, as a query evaluates them, against the loop that one would write by hand for each: over the same columns,
 * with the same answer (checked), knowing what the query language has to find out. The symbols are all different, as in a
 * projection keyed by them, so nothing is won from a small dictionary. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "syn-expr.h"

static int n_rows = 5000, n_rounds = 201;

static const GOptionEntry entries[] = {
  { "rows", 0, 0, G_OPTION_ARG_INT, &n_rows, "Rows of the table", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { NULL }
};

typedef struct {
  SynSchema *schema;
  ReplicaColumn columns[4];
  const ReplicaColumn *pointers[4];
} Table;

/* The columns, for the loops by hand. */
static gint64 *last, *size, *times;
static guint32 *codes, *offsets;
static GString *bytes;
static guint8 *validity; /* of last: each 64th row is null */

static void
add_column (Table *table, guint index, const char *name, ReplicaType type, guint scale, guint8 width, const void *data)
{
  table->columns[index] = (ReplicaColumn){ .name = name, .type = type, .scale = (guint8) scale, .width = width, .n_rows = (guint) n_rows, .data = data };
  table->pointers[index] = &table->columns[index];
  syn_schema_add (table->schema, name, type, scale, FALSE);
}

static void
make_table (Table *table)
{
  GRand *rand = g_rand_new_with_seed (1);

  table->schema = syn_schema_new ();
  last = g_new (gint64, n_rows);
  size = g_new (gint64, n_rows);
  times = g_new (gint64, n_rows);
  codes = g_new (guint32, n_rows);
  offsets = g_new0 (guint32, n_rows + 1);
  validity = g_malloc0 ((gsize) n_rows / 8 + 1);
  bytes = g_string_new (NULL);
  for (int i = 0; i < n_rows; i++)
    {
      last[i] = i % 64 == 0 ? 0 : g_rand_int_range (rand, 0, 2000000);
      validity[i / 8] |= (guint8) ((i % 64 != 0) << (i % 8));
      size[i] = g_rand_int_range (rand, 1, 100000);
      times[i] = G_GINT64_CONSTANT (1398920400000000) + (gint64) g_rand_int_range (rand, 0, 86400) * 1000003;
      codes[i] = (guint32) i;
      g_string_append_printf (bytes, "%c%c%d.%c", g_rand_int_range (rand, 'A', 'Z' + 1), g_rand_int_range (rand, 'A', 'Z' + 1), i, "NLTQ"[i % 4]);
      g_string_append_c (bytes, '\0');
      offsets[i + 1] = (guint32) bytes->len;
    }
  add_column (table, 0, "symbol", REPLICA_TYPE_STRING, 0, 4, codes);
  table->columns[0].dict_offsets = offsets;
  table->columns[0].dict_bytes = bytes->str;
  table->columns[0].n_dict = (guint) n_rows;
  add_column (table, 1, "last", REPLICA_TYPE_DECIMAL, 4, 8, last);
  table->columns[1].validity = validity;
  add_column (table, 2, "size", REPLICA_TYPE_INT64, 0, 8, size);
  add_column (table, 3, "time", REPLICA_TYPE_TIMESTAMP, 0, 8, times);
  g_rand_free (rand);
}

/* ---- by hand ---- */

#define SYMBOL(i) (bytes->str + offsets[codes[i]])
#define LENGTH(i) (offsets[codes[i] + 1] - offsets[codes[i]] - 1)
#define VALID(i) (validity[(i) / 8] >> ((i) % 8) & 1)
#define LOOP(name, CONDITION)                                                                                                    \
  static guint name (guint32 *rows)                                                                                              \
  {                                                                                                                              \
    guint n = 0;                                                                                                                 \
    for (guint i = 0; i < (guint) n_rows; i++)                                                                                   \
      {                                                                                                                          \
        rows[n] = i;                                                                                                             \
        n += (CONDITION);                                                                                                        \
      }                                                                                                                          \
    return n;                                                                                                                    \
  }

/* ^[A-M]+[0-9]+\.[NT]$ */
static gboolean
match_symbol (const char *s, const char *end)
{
  const char *from = s;

  while (s < end && *s >= 'A' && *s <= 'M')
    s++;
  if (s == from)
    return FALSE;
  from = s;
  while (s < end && *s >= '0' && *s <= '9')
    s++;
  return s > from && end - s == 2 && s[0] == '.' && (s[1] == 'N' || s[1] == 'T');
}

LOOP (by_hand_number, VALID (i) & (last[i] > 1000000))
LOOP (by_hand_and_glob, (VALID (i) & (last[i] > 1000000)) && *SYMBOL (i) == 'A')
LOOP (by_hand_contains, memmem (SYMBOL (i), LENGTH (i), "77", 2) != NULL)
LOOP (by_hand_regex, match_symbol (SYMBOL (i), SYMBOL (i) + LENGTH (i)))
LOOP (by_hand_hour, times[i] / G_GINT64_CONSTANT (3600000000) % 24 == 14)
LOOP (by_hand_exact, VALID (i) & ((__int128) last[i] * size[i] > (__int128) 5000000 * 10000))
LOOP (by_hand_in, (LENGTH (i) == 5 && memcmp (SYMBOL (i), "AB1.L", 5) == 0) || (LENGTH (i) == 5 && memcmp (SYMBOL (i), "ZZ9.L", 5) == 0))
LOOP (by_hand_part, LENGTH (i) > 2 && SYMBOL (i)[LENGTH (i) - 1] == 'N' && SYMBOL (i)[LENGTH (i) - 2] == '.')
LOOP (by_hand_none, 0)

static const struct {
  const char *text;
  guint (*by_hand) (guint32 *rows);
} filters[] = {
  { "last > 100", by_hand_number },
  { "last > 100 and symbol ~ \"A*\"", by_hand_and_glob },
  { "contains(symbol, \"77\")", by_hand_contains },
  { "matches(symbol, \"^[A-M]+[0-9]+\\\\.[NT]$\")", by_hand_regex },
  { "matches(symbol, \"^([A-Z0-9]+)+([A-Z0-9]+)+$\")", by_hand_none },
  { "hour(time) == 14", by_hand_hour },
  { "last * size > 5000000", by_hand_exact },
  { "symbol in (\"AB1.L\", \"ZZ9.L\")", by_hand_in },
  { "split_part(symbol, \".\", 2) == \"N\"", by_hand_part },
};

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynFrame) frame = syn_frame_new ();
  g_autofree guint32 *rows = NULL, *expected = NULL;
  Table table = { 0 };

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1 || n_rows < 1 || n_rounds < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: expr [OPTION]");
      return 2;
    }
  make_table (&table);
  rows = g_new (guint32, n_rows);
  expected = g_new (guint32, n_rows);
  for (guint k = 0; k < G_N_ELEMENTS (filters); k++)
    {
      g_autoptr (BenchSeries) ours = bench_series_new ("synoptic"), bare = bench_series_new ("by hand");
      g_autoptr (SynExpr) expr = syn_expr_parse (filters[k].text, &error);
      g_autoptr (SynProgram) program = expr != NULL ? syn_program_compile (expr, table.schema, &error) : NULL;

      if (program == NULL)
        g_error ("%s: %s", filters[k].text, error->message);
      for (int round = 0; round < n_rounds + 1; round++)
        {
          double start = bench_own_cpu_us (), after_bare, after_ours;
          guint n_expected = filters[k].by_hand (expected), n;

          after_bare = bench_own_cpu_us ();
          n = syn_program_filter (program, frame, table.pointers, (guint) n_rows, rows);
          after_ours = bench_own_cpu_us ();
          if (n != n_expected || memcmp (rows, expected, n * sizeof *rows) != 0)
            g_error ("%s: %u rows, by hand %u", filters[k].text, n, n_expected);
          if (round == 0)
            continue; /* warms up */
          bench_series_add (bare, (after_bare - start) * 1e3 / n_rows);
          bench_series_add (ours, (after_ours - after_bare) * 1e3 / n_rows);
        }
      bench_report (filters[k].text, ours, bare, "ns/row");
    }
  return 0;
}
