/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the builder makes is what the checker accepts and what went in, whatever the types, nulls and
 * dictionaries. */

#include "replica-wire.h"
#include "test-snapshot-fixture.h"

#include <math.h>
#include <string.h>

static ReplicaSnapshot *
finish_and_check (ReplicaSnapshotBuilder *builder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) made = replica_snapshot_builder_finish (builder, &error);
  ReplicaSnapshot *snapshot;

  g_assert_no_error (error);
  snapshot = replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (made), &error);
  g_assert_no_error (error);
  return snapshot;
}

static ReplicaSnapshot *
build_one (TestColumn *column, const guint32 *rows, guint n_rows)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, n_rows);

  if (rows != NULL)
    replica_snapshot_builder_add_gathered (builder, test_column_get (column), rows);
  else
    replica_snapshot_builder_add (builder, test_column_get (column));
  return finish_and_check (builder);
}

/* ---- round trips over random columns ---- */

static void
add_random_value (GRand *rand, TestColumn *column, guint n_strings)
{
  guint64 bits[2] = { (guint64) g_rand_int (rand) << 32 | g_rand_int (rand),
                      (guint64) g_rand_int (rand) << 32 | g_rand_int (rand) };
  double number;
  guint8 bit = bits[0] & 1;

  switch (column->column.type)
    {
    case REPLICA_TYPE_BOOL:
      test_column_add_value (column, &bit);
      break;
    case REPLICA_TYPE_DOUBLE:
      memcpy (&number, &bits[0], 8); /* also NaN and infinity */
      test_column_add_value (column, &number);
      break;
    case REPLICA_TYPE_STRING:
      {
        g_autofree char *text =
            g_strdup_printf ("%.*s%u", (int) (bits[0] % 12), "é€😀xyz", (guint) (bits[1] % n_strings));
        g_autofree char *valid = g_utf8_make_valid (text, -1);

        test_column_add_string (column, valid, strlen (valid));
        break;
      }
    default:
      test_column_add_value (column, bits);
      break;
    }
}

static void
assert_same_cell (const ReplicaColumn *a, guint row_a, const ReplicaColumn *b, guint row_b)
{
  gboolean is_null = replica_column_is_null (a, row_a);

  if (a->type == REPLICA_TYPE_DOUBLE && !is_null)
    is_null = !isfinite (((const double *) a->data)[row_a]);
  g_assert_cmpint (replica_column_is_null (b, row_b), ==, is_null);
  if (is_null)
    return;
  g_assert_cmpint (replica_column_compare (a, row_a, b, row_b), ==, 0);
  if (a->width == b->width && a->type != REPLICA_TYPE_STRING) /* bit for bit: -0 is not 0 */
    g_assert_cmpmem ((const char *) a->data + (gsize) row_a * a->width, a->width,
                     (const char *) b->data + (gsize) row_b * b->width, b->width);
}

static void
test_round_trip (void)
{
  static const struct
  {
    ReplicaType type;
    guint scale;
    guint width;
  } kinds[] = {
    { REPLICA_TYPE_BOOL, 0, 1 },      { REPLICA_TYPE_INT64, 0, 8 },    { REPLICA_TYPE_DOUBLE, 0, 8 },
    { REPLICA_TYPE_DECIMAL, 4, 8 },   { REPLICA_TYPE_DECIMAL, 9, 16 }, { REPLICA_TYPE_STRING, 0, 4 },
    { REPLICA_TYPE_TIMESTAMP, 0, 8 },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);

  for (guint round = 0; round < 120; round++)
    {
      guint n_columns = (guint) g_rand_int_range (rand, 1, 12),
            n_source = (guint) g_rand_int_range (rand, 0, 70);
      gboolean gathered = n_source > 0 && g_rand_boolean (rand);
      guint n_rows = gathered ? (guint) g_rand_int_range (rand, 0, 90) : n_source;
      g_autofree guint32 *rows = g_new0 (guint32, 90);
      g_autofree char *path = g_strdup_printf ("p%.*s", (int) (round % 9), "/quotes é");
      g_autofree char *valid_path = g_utf8_make_valid (path, -1);
      ReplicaToken token = { g_rand_int (rand), g_rand_int (rand) };
      ReplicaSnapshotBuilder *builder =
          replica_snapshot_builder_new (valid_path, token, -(gint64) round, n_rows);
      g_autoptr (GPtrArray) columns = g_ptr_array_new_with_free_func ((GDestroyNotify) test_column_free);
      g_autoptr (ReplicaSnapshot) snapshot = NULL;
      guint64 sequence;

      for (guint i = 0; i < n_rows && gathered; i++)
        rows[i] = (guint32) g_rand_int_range (rand, 0, (gint32) n_source);
      for (guint c = 0; c < n_columns; c++)
        {
          guint kind = (guint) g_rand_int_range (rand, 0, G_N_ELEMENTS (kinds));
          int null_percent = g_rand_int_range (rand, 0, 4) * 40 - 20; /* none, some, most, all */
          guint n_strings = 1u << g_rand_int_range (rand, 0, 10);
          g_autofree char *name = g_strdup_printf ("c%u%s", c, c % 3 == 1 ? "é" : "");
          TestColumn *column =
              test_column_new (name, kinds[kind].type, kinds[kind].scale, kinds[kind].width, c % 2 == 0);

          g_ptr_array_add (columns, column);
          /* What no row uses, so that dictionaries get compacted. */
          for (guint i = 0; i < n_strings && kinds[kind].type == REPLICA_TYPE_STRING && round % 2 == 0; i++)
            {
              g_autofree char *unused = g_strdup_printf ("unused%u", i);
              test_column_add_string (column, unused, strlen (unused));
            }
          g_byte_array_set_size (column->data, 0);
          g_byte_array_set_size (column->validity, 0);
          column->column.n_rows = 0;
          for (guint i = 0; i < n_source; i++)
            if (g_rand_int_range (rand, 0, 100) < null_percent)
              test_column_add_null (column);
            else
              add_random_value (rand, column, n_strings);
          if (gathered)
            replica_snapshot_builder_add_gathered (builder, test_column_get (column), rows);
          else
            replica_snapshot_builder_add (builder, test_column_get (column));
        }
      replica_snapshot_builder_add_frontier (builder, "trades", 4711 + round);
      replica_snapshot_builder_add_frontier (builder, "quötes", G_MAXUINT64);

      snapshot = finish_and_check (builder);
      g_assert_cmpstr (replica_snapshot_get_path (snapshot), ==, valid_path);
      g_assert_true (replica_token_equal (replica_snapshot_get_token (snapshot), token));
      g_assert_cmpint (replica_snapshot_get_time_us (snapshot), ==, -(gint64) round);
      g_assert_cmpuint (replica_snapshot_get_n_frontier (snapshot), ==, 2);
      g_assert_cmpstr (replica_snapshot_get_frontier (snapshot, 0, &sequence), ==, "trades");
      g_assert_cmpuint (sequence, ==, 4711 + round);
      g_assert_cmpstr (replica_snapshot_get_frontier (snapshot, 1, &sequence), ==, "quötes");
      g_assert_cmpuint (sequence, ==, G_MAXUINT64);
      g_assert_cmpuint (replica_snapshot_get_n_rows (snapshot), ==, n_rows);
      g_assert_cmpuint (replica_snapshot_get_n_columns (snapshot), ==, n_columns);
      for (guint c = 0; c < n_columns; c++)
        {
          const ReplicaColumn *a = test_column_get (g_ptr_array_index (columns, c)),
                              *b = replica_snapshot_get_column (snapshot, c);

          g_assert_cmpstr (a->name, ==, b->name);
          g_assert_cmpint (a->type, ==, b->type);
          g_assert_cmpint (a->scale, ==, b->scale);
          g_assert_cmpint (a->is_key, ==, b->is_key);
          for (guint i = 0; i < n_rows; i++)
            assert_same_cell (a, gathered ? rows[i] : i, b, i);
        }
      if (round % 10 == 0)
        test_snapshot_walk (snapshot);
    }
}

/* ---- the rules of the layout, one by one ---- */

static void
test_narrowing (void)
{
  static const struct
  {
    const char *text; /* a second row beside a small one */
    guint width;
  } cases[] = {
    { "~", 8 },
    { "92233720368547758.07", 8 },
    { "92233720368547758.08", 16 },
    { "-92233720368547758.08", 8 },
    { "-92233720368547758.09", 16 },
    { "1701411834604692317316873037158841057.27", 16 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TestColumn) column = test_column_new ("d", REPLICA_TYPE_DECIMAL, 2, 16, FALSE);
      g_autoptr (ReplicaSnapshot) snapshot = NULL;
      char buffer[REPLICA_TEXT_MAX];
      const ReplicaColumn *result;

      test_column_add_text (column, "-1.50");
      test_column_add_text (column, cases[i].text);
      snapshot = build_one (column, NULL, 2);
      result = replica_snapshot_get_column (snapshot, 0);
      g_assert_cmpuint (result->width, ==, cases[i].width);
      g_assert_cmpstr (replica_column_format (result, 0, buffer, NULL), ==, "-1.50");
      g_assert_cmpstr (replica_column_format (result, 1, buffer, NULL), ==, i == 0 ? "" : cases[i].text);
    }
}

/* A null's data may be anything when it comes in, also what would not fit, or is no number. */
static void
test_null_data (void)
{
  static const ReplicaInt128 wide[] = { 5, (ReplicaInt128) 1 << 100, 7 };
  static const double doubles[] = { 0.5, NAN, 1.5 };
  static const guint8 bools[] = { 1, 77, 5 };
  static const guint8 validity[] = { 0xf5 }; /* rows 0 and 2, and bits that are no rows */
  ReplicaColumn columns[] = {
    { .name = "w",
      .type = REPLICA_TYPE_DECIMAL,
      .scale = 2,
      .width = 16,
      .n_rows = 3,
      .data = wide,
      .validity = validity },
    { .name = "d",
      .type = REPLICA_TYPE_DOUBLE,
      .width = 8,
      .n_rows = 3,
      .data = doubles,
      .validity = validity },
    { .name = "b", .type = REPLICA_TYPE_BOOL, .width = 1, .n_rows = 3, .data = bools, .validity = validity },
  };
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 3);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    replica_snapshot_builder_add (builder, &columns[i]);
  snapshot = finish_and_check (builder); /* the checker refuses null data that is not zero */
  text = test_snapshot_to_text (snapshot);
  g_assert_cmpstr (text, ==, "0.05|0.5|true\n~|~|~\n0.07|1.5|true");
  g_assert_cmpuint (replica_snapshot_get_column (snapshot, 0)->width, ==, 8);
}

static void
test_validity (void)
{
  static const gint64 values[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
  static const double doubles[] = { 1, INFINITY, -INFINITY, NAN, 5, 6, 7, 8, 9 };
  static const guint8 all[] = { 0xff, 0x01 };
  static const guint32 rows[] = { 0, 4 };
  ReplicaColumn integers = {
    .name = "i", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 9, .data = values, .validity = all
  };
  ReplicaColumn numbers = {
    .name = "n", .type = REPLICA_TYPE_DOUBLE, .width = 8, .n_rows = 9, .data = doubles
  };
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 9);
  g_autoptr (ReplicaSnapshot) snapshot = NULL, some = NULL;
  g_autofree char *text = NULL;

  replica_snapshot_builder_add (builder, &integers);
  replica_snapshot_builder_add (builder, &numbers);
  snapshot = finish_and_check (builder);
  g_assert_null (replica_snapshot_get_column (snapshot, 0)->validity); /* a map without nulls is left out */
  g_assert_nonnull (replica_snapshot_get_column (snapshot, 1)->validity);
  text = test_snapshot_to_text (snapshot);
  g_assert_cmpstr (text, ==, "1|1\n2|~\n3|~\n4|~\n5|5\n6|6\n7|7\n8|8\n9|9");

  builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 2);
  replica_snapshot_builder_add_gathered (builder, &numbers, rows);
  some = finish_and_check (builder);
  g_assert_null (replica_snapshot_get_column (some, 0)->validity); /* none among those gathered */
}

static void
test_compaction (void)
{
  static const struct
  {
    guint n_dict;
    guint n_used;
    guint n_result;
  } cases[] = {
    { 10, 10, 10 }, { 10, 5, 10 },  { 10, 4, 4 },
    { 11, 5, 5 },   { 1, 1, 1 },    { 1, 0, 1 }, /* all null: code 0 has to name something */
    { 0, 0, 1 },    { 4000, 3, 3 }, { 4000, 2000, 4000 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint n_rows = MAX (cases[i].n_used, 2);
      g_autoptr (GString) bytes = g_string_new ("skipped"); /* a dictionary may begin anywhere */
      g_autofree guint32 *offsets = g_new (guint32, cases[i].n_dict + 1);
      g_autofree guint32 *codes = g_new0 (guint32, n_rows);
      g_autofree guint8 *validity = g_malloc0 (n_rows / 8 + 1);
      ReplicaColumn column = { .name = "s",
                               .type = REPLICA_TYPE_STRING,
                               .width = 4,
                               .n_rows = n_rows,
                               .data = codes,
                               .validity = validity,
                               .dict_offsets = offsets,
                               .n_dict = cases[i].n_dict };
      ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, n_rows);
      g_autoptr (ReplicaSnapshot) snapshot = NULL;
      const ReplicaColumn *result;

      for (guint k = 0; k < cases[i].n_dict; k++)
        {
          offsets[k] = (guint32) bytes->len;
          g_string_append_printf (bytes, "string %u", k);
          g_string_append_c (bytes, '\0');
        }
      offsets[cases[i].n_dict] = (guint32) bytes->len;
      column.dict_bytes = bytes->str;
      for (guint row = 0; row < cases[i].n_used; row++)
        {
          codes[row] = cases[i].n_dict - 1 - row;
          validity[row / 8] |= (guint8) (1u << row % 8);
        }
      replica_snapshot_builder_add (builder, &column);
      snapshot = finish_and_check (builder);
      result = replica_snapshot_get_column (snapshot, 0);
      g_assert_cmpuint (result->n_dict, <=,
                        cases[i].n_result + (cases[i].n_used < n_rows)); /* one more may be for nulls */
      g_assert_cmpuint (result->n_dict, >=, cases[i].n_result);
      for (guint row = 0; row < n_rows; row++)
        {
          g_autofree char *expected = g_strdup_printf ("string %u", cases[i].n_dict - 1 - row);

          g_assert_cmpint (replica_column_is_null (result, row), ==, row >= cases[i].n_used);
          if (row < cases[i].n_used)
            g_assert_cmpstr (replica_column_get_string (result, row, NULL), ==, expected);
        }
    }
}

/* The caller's row numbers may go as soon as they have been given. */
static void
test_gathered_rows_are_copied (void)
{
  static const gint64 values[] = { 10, 11, 12, 13 };
  ReplicaColumn a = { .name = "a", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 4, .data = values };
  ReplicaColumn b = a, c = a;
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 2);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autofree char *text = NULL;
  guint32 rows[] = { 3, 1 };

  b.name = "b";
  c.name = "c";
  replica_snapshot_builder_add_gathered (builder, &a, rows);
  rows[0] = 0;
  replica_snapshot_builder_add_gathered (builder, &b, rows);
  replica_snapshot_builder_add_gathered (builder, &c, rows);
  rows[0] = G_MAXUINT32;
  snapshot = finish_and_check (builder);
  text = test_snapshot_to_text (snapshot);
  g_assert_cmpstr (text, ==, "13|10|10\n11|11|11");
}

static void
test_empty (void)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("", REPLICA_TOKEN_NONE, 0, 0);
  g_autoptr (ReplicaSnapshot) nothing = finish_and_check (builder);
  g_autoptr (ReplicaSnapshot) no_rows = test_snapshot_new (1, "a:string b:double c:bool d:decimal(2)", "");

  g_assert_cmpuint (g_bytes_get_size (replica_snapshot_get_bytes (nothing)), ==,
                    sizeof (ReplicaWireSnapshot) + 8);
  g_assert_cmpuint (replica_snapshot_get_n_rows (no_rows), ==, 0);
  test_snapshot_walk (nothing);
  test_snapshot_walk (no_rows);
  /* A builder that is given up. */
  builder = replica_snapshot_builder_new ("p", REPLICA_TOKEN_NONE, 0, 0);
  replica_snapshot_builder_add_frontier (builder, "trades", 1);
  replica_snapshot_builder_free (builder);
}

static void
test_errors (void)
{
  static const gint64 value = 1;
  ReplicaColumn column = { .name = "a", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 1, .data = &value };
  g_autofree char *names = g_malloc0 (8 * (REPLICA_SNAPSHOT_MAX_COLUMNS + 1));
  g_autoptr (GError) error = NULL;
  ReplicaSnapshotBuilder *builder;

  for (guint n = REPLICA_SNAPSHOT_MAX_COLUMNS; n <= REPLICA_SNAPSHOT_MAX_COLUMNS + 1; n++)
    {
      ReplicaSnapshot *snapshot;

      builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 1);
      for (guint i = 0; i < n; i++)
        {
          g_snprintf (names + i * 8, 8, "c%u", i);
          column.name = names + i * 8;
          replica_snapshot_builder_add (builder, &column);
        }
      snapshot = replica_snapshot_builder_finish (builder, &error);
      if (n == REPLICA_SNAPSHOT_MAX_COLUMNS)
        {
          g_assert_no_error (error);
          replica_snapshot_unref (snapshot);
        }
    }
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);
  g_assert_cmpstr (error->message, ==, "p: 1025 columns, and the limit is 1024");
  g_clear_error (&error);

  builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 1);
  column.name = "twice";
  replica_snapshot_builder_add (builder, &column);
  replica_snapshot_builder_add (builder, &column);
  g_assert_null (replica_snapshot_builder_finish (builder, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "p: two columns have the same name, “twice”");
  g_clear_error (&error);

  builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 1);
  column.name = "\xff";
  replica_snapshot_builder_add (builder, &column);
  g_assert_null (replica_snapshot_builder_finish (builder, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_clear_error (&error);

  builder = replica_snapshot_builder_new ("\xff", (ReplicaToken){ 1, 1 }, 0, 0);
  g_assert_null (replica_snapshot_builder_finish (builder, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_clear_error (&error);

  builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 5);
  g_assert_null (replica_snapshot_builder_finish (builder, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_clear_error (&error);
}

/* 1,024 columns of the same 2 MiB are too large: refused before anything that large is allocated. */
static void
test_too_large (void)
{
  guint n_rows = 1u << 18;
  g_autofree gint64 *values = g_new0 (gint64, n_rows);
  g_autofree char *names = g_malloc0 (8 * REPLICA_SNAPSHOT_MAX_COLUMNS);
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("big", (ReplicaToken){ 1, 1 }, 0, n_rows);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < REPLICA_SNAPSHOT_MAX_COLUMNS; i++)
    {
      ReplicaColumn column = {
        .name = names + i * 8, .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = n_rows, .data = values
      };

      g_snprintf (names + i * 8, 8, "c%u", i);
      replica_snapshot_builder_add (builder, &column);
    }
  g_assert_null (replica_snapshot_builder_finish (builder, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);
  g_assert_nonnull (strstr (error->message, "and the limit is 1073741824"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/builder/round-trip", test_round_trip);
  g_test_add_func ("/builder/narrowing", test_narrowing);
  g_test_add_func ("/builder/null-data", test_null_data);
  g_test_add_func ("/builder/validity", test_validity);
  g_test_add_func ("/builder/compaction", test_compaction);
  g_test_add_func ("/builder/gathered-rows-are-copied", test_gathered_rows_are_copied);
  g_test_add_func ("/builder/empty", test_empty);
  g_test_add_func ("/builder/errors", test_errors);
  g_test_add_func ("/builder/too-large", test_too_large);
  return g_test_run ();
}
