/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deltas between tables that change at random give the bytes of the full form; damaged ones, and those against another base, are refused.
 * How large they are. */

#include "random-table.h"
#include "replica-delta-compare.h"
#include "replica-delta-private.h"

#include <string.h>

static void
assert_same_bytes (ReplicaSnapshot *a, ReplicaSnapshot *b)
{
  g_assert_true (g_bytes_equal (replica_snapshot_get_bytes (a), replica_snapshot_get_bytes (b)));
}

/* Whether there is a delta; then it is right. */
static gboolean
check_pair (ReplicaSnapshot *base, ReplicaSnapshot *result)
{
  g_autoptr (GBytes) delta = replica_delta_make (base, result);
  g_autoptr (GBytes) unaligned = NULL, part = NULL;
  g_autoptr (ReplicaSnapshot) made = NULL, again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *shifted = NULL;
  gsize size;

  if (delta == NULL)
    return FALSE;
  size = g_bytes_get_size (delta);
  g_assert_cmpuint (size, <=, g_bytes_get_size (replica_snapshot_get_bytes (result)) * 3 / 4);
  made = replica_delta_apply (base, delta, &error);
  g_assert_no_error (error);
  assert_same_bytes (made, result);

  shifted = g_malloc (size + 1);
  memcpy (shifted + 1, g_bytes_get_data (delta, NULL), size);
  unaligned = g_bytes_new_static (shifted + 1, size);
  again = replica_delta_apply (base, unaligned, &error);
  g_assert_no_error (error);
  assert_same_bytes (again, result);
  return TRUE;
}

/* Against one comparison a value. Lengths on both sides of a word's end, differences in each byte of a value. */
static void
test_compare (void)
{
  static const guint widths[] = { 1, 4, 8 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  guint64 a[200], b[200], bits[4], plain_bits[4], expected[4];

  for (guint n = 0; n < 600; n++)
    {
      guint n_values = n % 200, width = widths[n / 200], n_words = (n_values + 63) / 64, share = (guint) g_rand_int_range (rand, 1, 40);
      gsize n_expected = 0;

      for (guint i = 0; i < 200; i++)
        a[i] = (guint64) g_rand_int (rand) << 32 | g_rand_int (rand);
      memcpy (b, a, sizeof b);
      for (guint i = 0; i < 200 * width; i++)
        if (g_rand_int_range (rand, 0, (gint32) share) == 0)
          ((guint8 *) b)[i] ^= (guint8) (1u << g_rand_int_range (rand, 0, 8));
      memset (bits, 0xff, sizeof bits);
      memset (plain_bits, 0xff, sizeof plain_bits);
      memset (expected, 0, sizeof expected);
      for (guint i = 0; i < n_values; i++)
        if (memcmp ((char *) a + i * width, (char *) b + i * width, width) != 0)
          {
            expected[i / 64] |= G_GUINT64_CONSTANT (1) << i % 64;
            n_expected = i / 64 + 1;
          }
      g_assert_cmpuint (replica_delta_compare (a, b, n_values, width, bits), ==, n_expected);
      g_assert_cmpmem (bits, n_words * 8, expected, n_words * 8);
      g_assert_cmpuint (replica_delta_compare_plain (a, b, n_values, width, plain_bits), ==, n_expected);
      g_assert_cmpmem (plain_bits, n_words * 8, expected, n_words * 8);
      g_assert_cmpuint (replica_delta_compare (a, a, n_values, width, bits), ==, 0);
    }
}

/* What a reader applied, it can make deltas of without hashing it again. */
static void
test_hash_is_kept (void)
{
  g_autoptr (RandomTable) table = random_table_new (4, 100, 6);
  g_autoptr (ReplicaSnapshot) base = random_table_get_snapshot (table), result = NULL, made = NULL;
  g_autoptr (GBytes) delta = NULL;
  g_autoptr (GError) error = NULL;

  random_table_change (table, 0.05);
  result = random_table_get_snapshot (table);
  delta = replica_delta_make (base, result);
  g_assert_nonnull (delta);
  made = replica_delta_apply (base, delta, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (made->hash, ==, replica_delta_hash (replica_snapshot_get_bytes (result)));
  g_assert_cmpuint (replica_snapshot_get_hash (made), ==, replica_snapshot_get_hash (result));
}

static void
test_random (void)
{
  guint n_deltas = 0, n_full = 0;

  for (guint32 seed = 1; seed <= 60; seed++)
    {
      g_autoptr (RandomTable) table = random_table_new (seed, seed % 7 * seed * 3, seed % 9);
      g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) replica_snapshot_unref);

      for (guint i = 0; i < 6; i++)
        {
          g_ptr_array_add (all, random_table_get_snapshot (table));
          for (guint k = 0; k < all->len; k++) /* also backwards, which nobody asks for, and from itself */
            {
              *(check_pair (all->pdata[k], all->pdata[i]) ? &n_deltas : &n_full) += 1;
              *(check_pair (all->pdata[i], all->pdata[k]) ? &n_deltas : &n_full) += 1;
            }
          random_table_change (table, 0.02 * (seed % 6));
        }
    }
  g_test_message ("%u deltas, %u in full", n_deltas, n_full);
  g_assert_cmpuint (n_deltas, >, 500);
  g_assert_cmpuint (n_full, >, 50);
}

static void
test_other_columns (void)
{
  g_autoptr (ReplicaSnapshot) a = test_snapshot_new (1, "k*:string n:int64", "a|1\nb|2"),
                              b = test_snapshot_new (2, "k*:string n:double", "a|1\nb|2"),
                              c = test_snapshot_new (3, "k*:string", "a\nb"),
                              d = test_snapshot_new (4, "k*:string m:int64", "a|1\nb|2");

  g_assert_null (replica_delta_make (a, b));
  g_assert_null (replica_delta_make (a, c));
  g_assert_null (replica_delta_make (c, a));
  check_pair (a, d);
}

/* The table of the figure: 2,000 quotes, of which a tenth was traded. */
static ReplicaSnapshot *
quotes (guint64 serial, guint n_rows, const guint8 *traded)
{
  static const char *const names[] = { "symbol", "last", "volume", "notional", "vwap", "open", "change", "time" };
  static const ReplicaType types[] = { REPLICA_TYPE_STRING,  REPLICA_TYPE_DECIMAL, REPLICA_TYPE_INT64,  REPLICA_TYPE_DECIMAL,
                                       REPLICA_TYPE_DECIMAL, REPLICA_TYPE_DECIMAL, REPLICA_TYPE_DOUBLE, REPLICA_TYPE_TIMESTAMP };
  g_autoptr (GPtrArray) columns = g_ptr_array_new_with_free_func ((GDestroyNotify) test_column_free);
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("market/quotes", (ReplicaToken){ 7, serial }, 0, n_rows);
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *snapshot;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      TestColumn *column = test_column_new (names[i], types[i], types[i] == REPLICA_TYPE_DECIMAL ? 4 : 0,
                                            types[i] == REPLICA_TYPE_STRING ? 4 : 8, i == 0);

      g_ptr_array_add (columns, column);
      for (guint row = 0; row < n_rows; row++)
        {
          g_autofree char *symbol = g_strdup_printf ("SYM%04u", row);
          gint64 value = (gint64) row * 1000 + (gint64) i + (i != 5 ? traded[row] * 7 : 0);
          double real = (double) value / 3;

          if (i == 0)
            test_column_add_string (column, symbol, strlen (symbol));
          else
            test_column_add_value (column, types[i] == REPLICA_TYPE_DOUBLE ? (gconstpointer) &real : &value);
        }
      replica_snapshot_builder_add (builder, test_column_get (column));
    }
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  return snapshot;
}

static void
test_size (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autofree guint8 *traded = g_new0 (guint8, 2000);
  g_autoptr (ReplicaSnapshot) base = quotes (1, 2000, traded), result = NULL, unchanged = quotes (2, 2000, traded);
  g_autoptr (GBytes) delta = NULL, none = NULL;
  gsize full_bytes = g_bytes_get_size (replica_snapshot_get_bytes (base));

  for (guint i = 0; i < 200; i++)
    traded[g_rand_int_range (rand, 0, 2000)]++;
  result = quotes (3, 2000, traded);
  g_assert_true (check_pair (base, result));
  delta = replica_delta_make (base, result);
  g_test_message ("%zu bytes of %zu", g_bytes_get_size (delta), full_bytes);
  g_assert_cmpuint (g_bytes_get_size (delta) * 100, <=, full_bytes * 12);

  /* Only the token is another: one part, two words. */
  none = replica_delta_make (base, unchanged);
  g_assert_cmpuint (g_bytes_get_size (none), <=, 64 + 32 + 8 + 8);
}

static void
test_damage (void)
{
  g_autoptr (RandomTable) table = random_table_new (3, 100, 6);
  g_autoptr (ReplicaSnapshot) base = random_table_get_snapshot (table), result = NULL, other = NULL;
  g_autoptr (GBytes) delta = NULL;
  g_autoptr (GError) error = NULL;
  const char *data;
  gsize size;
  guint n_refused = 0;

  random_table_change_cells (table, 0.1);
  result = random_table_get_snapshot (table);
  delta = replica_delta_make (base, result);
  g_assert_nonnull (delta);
  data = g_bytes_get_data (delta, &size);
  for (gsize length = 0; length < size; length++)
    {
      g_autoptr (GBytes) cut = g_bytes_new (data, length);

      g_assert_null (replica_delta_apply (base, cut, &error));
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
      g_assert_true (g_str_has_prefix (error->message, "delta: "));
      g_clear_error (&error);
    }
  for (gsize bit = 0; bit < size * 8; bit++)
    {
      char *copy = g_memdup2 (data, size);
      g_autoptr (GBytes) damaged = g_bytes_new_take (copy, size);
      g_autoptr (ReplicaSnapshot) made = NULL;

      copy[bit / 8] ^= (char) (1 << bit % 8);
      made = replica_delta_apply (base, damaged, NULL);
      if (made != NULL)
        assert_same_bytes (made, result); /* padding */
      else
        n_refused++;
    }
  g_assert_cmpuint (n_refused, >, size * 7);

  other = random_table_get_snapshot (table);
  g_assert_null (replica_delta_apply (other, delta, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
}

/* By hand: what the rules forbid, each with the right hash, so that nothing but the rule refuses it. */
static void
try_part (ReplicaSnapshot *base, const ReplicaWireDeltaPart *parts, guint n_parts, gboolean is_good)
{
  gsize base_bytes, size = sizeof (ReplicaWireDelta) + 2 * sizeof *parts + 64;
  const char *data = g_bytes_get_data (replica_snapshot_get_bytes (base), &base_bytes);
  g_autofree guint64 *delta = g_malloc0 (size);
  ReplicaWireDelta *head = (ReplicaWireDelta *) delta;
  ReplicaToken token = replica_snapshot_get_token (base);
  g_autoptr (GBytes) bytes = g_bytes_new_static (delta, size);
  g_autoptr (ReplicaSnapshot) made = NULL;
  g_autoptr (GError) error = NULL;

  *head = (ReplicaWireDelta){ .magic = REPLICA_WIRE_DELTA_MAGIC,
                              .version = REPLICA_WIRE_DELTA_VERSION,
                              .epoch = token.epoch,
                              .serial = token.serial,
                              .base_epoch = token.epoch,
                              .base_serial = token.serial,
                              .hash = XXH64 (data, base_bytes, 0),
                              .size_bytes = (guint32) size,
                              .base_bytes = (guint32) base_bytes,
                              .result_bytes = (guint32) base_bytes,
                              .n_parts = n_parts };
  memcpy (head + 1, parts, n_parts * sizeof *parts);
  ((char *) delta)[128 + 16] = 1; /* a list of 0, 1, and a bitmap of bit 0, as values 1 */
  memcpy ((char *) delta + 128 + 32, data, 32);
  made = replica_delta_apply (base, bytes, &error);
  if (is_good)
    {
      g_assert_no_error (error);
      assert_same_bytes (made, base);
      return;
    }
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
}

static void
test_rules (void)
{
  g_autoptr (ReplicaSnapshot) base = test_snapshot_new (1, "k*:string n:int64", "a|1\nb|2\nc|3\nd|4");
  guint32 size = (guint32) g_bytes_get_size (replica_snapshot_get_bytes (base));
  const ReplicaWireDeltaPart whole = { .length = size, .base_bytes = size };
  ReplicaWireDeltaPart p[2];

#define TRY(is_good, n, ...)                                                                                                         \
  G_STMT_START                                                                                                                       \
  {                                                                                                                                  \
    p[0] = whole;                                                                                                                    \
    p[1] = (ReplicaWireDeltaPart){ 0 };                                                                                              \
    __VA_ARGS__;                                                                                                                     \
    try_part (base, p, n, is_good);                                                                                                  \
  }                                                                                                                                  \
  G_STMT_END

  TRY (TRUE, 1, );
  TRY (FALSE, 0, );
  TRY (FALSE, 2, ); /* a part of no length */
  TRY (TRUE, 2, p[0].length = p[0].base_bytes = 64; p[1].length = p[1].base_bytes = size - 64; p[1].base_offset = 64);
  TRY (FALSE, 2, p[0].length = p[0].base_bytes = 64; p[1].length = p[1].base_bytes = size - 64; p[1].base_offset = 56);
  TRY (FALSE, 1, p[0].length += 8);
  TRY (FALSE, 1, p[0].length -= 8; p[0].base_bytes -= 8);
  TRY (FALSE, 1, p[0].reserved = 1);
  TRY (FALSE, 1, p[0].base_offset = 8);
  TRY (FALSE, 1, p[0].base_offset = G_MAXUINT32 - 7);
  TRY (FALSE, 1, p[0].base_bytes = size + 8);
  TRY (FALSE, 1, p[0].tail_offset = 64);
  TRY (FALSE, 1, p[0].width = 8);
  TRY (FALSE, 1, p[0].values_offset = 160);
  /* The words of the head in place of themselves. */
  TRY (TRUE, 1, p[0].n_changes = 1; p[0].width = 8; p[0].positions = 1; p[0].positions_offset = 128; p[0].values_offset = 160);
  TRY (TRUE, 1, p[0].n_changes = 1; p[0].width = 8; p[0].positions = 2; p[0].positions_offset = 144; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 2; p[0].width = 8; p[0].positions = 1; p[0].positions_offset = 128; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 2; p[0].width = 8; p[0].positions = 2; p[0].positions_offset = 144; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 1; p[0].width = 2; p[0].positions = 1; p[0].positions_offset = 128; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 1; p[0].width = 8; p[0].positions = 3; p[0].positions_offset = 128; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 1; p[0].width = 8; p[0].positions = 1; p[0].positions_offset = 132; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 1; p[0].width = 8; p[0].positions = 1; p[0].positions_offset = 192; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 1; p[0].width = 8; p[0].positions = 2; p[0].positions_offset = 4096; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].n_changes = 1; p[0].width = 8; p[0].positions = 1; p[0].positions_offset = 128; p[0].values_offset = 192);
  TRY (FALSE, 1, p[0].n_changes = G_MAXUINT32; p[0].width = 8; p[0].positions = 1; p[0].positions_offset = 128; p[0].values_offset = 160);
  TRY (FALSE, 1, p[0].base_bytes -= 32; p[0].tail_offset = 168); /* past its end */
  TRY (FALSE, 1, p[0].base_bytes -= 32; p[0].tail_offset = 160); /* which are other bytes: the hash */
#undef TRY
}

/* No more than base and delta have, and that is known before anything is allocated. */
static void
test_no_bomb (void)
{
  g_autoptr (ReplicaSnapshot) base = test_snapshot_new (1, "k*:string n:int64", "a|1\nb|2");
  g_autoptr (ReplicaSnapshot) result = test_snapshot_new (2, "k*:string n:int64", "a|1\nb|2");
  g_autoptr (GBytes) delta = replica_delta_make (base, result), bomb = NULL;
  g_autofree ReplicaWireDelta *head = g_memdup2 (g_bytes_get_data (delta, NULL), g_bytes_get_size (delta));
  g_autoptr (GError) error = NULL;

  head->result_bytes = REPLICA_SNAPSHOT_MAX_BYTES;
  bomb = g_bytes_new_static (head, g_bytes_get_size (delta));
  g_assert_null (replica_delta_apply (base, bomb, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, "more than base and delta"));
}

static void
test_forms (void)
{
  g_autoptr (RandomTable) table = random_table_new (11, 300, 5);
  g_autoptr (ReplicaSnapshot) base = random_table_get_snapshot (table), result = NULL, other = NULL;
  const ReplicaForm *delta;
  gboolean is_new;

  random_table_change_cells (table, 0.05);
  result = random_table_get_snapshot (table);
  g_assert_true (replica_snapshot_get_full (result)->bytes == replica_snapshot_get_bytes (result));
  g_assert_cmpint (replica_snapshot_get_full (result)->form, ==, REPLICA_WIRE_FORM_FULL);
  delta = replica_snapshot_get_delta (result, base, &is_new);
  g_assert_true (is_new);
  g_assert_cmpint (delta->form, ==, REPLICA_WIRE_FORM_DELTA);
  g_assert_true (replica_snapshot_get_delta (result, base, &is_new) == delta);
  g_assert_false (is_new);

  other = test_snapshot_new (9, "k*:string", "a");
  g_assert_null (replica_snapshot_get_delta (result, other, &is_new));
  g_assert_false (is_new);
  g_assert_null (replica_snapshot_get_delta (result, other, &is_new));
}

typedef struct
{
  ReplicaSnapshot *result;
  ReplicaSnapshot *bases[8];
} Shared;

static gpointer
ask_for_all (gpointer data)
{
  Shared *shared = data;

  for (guint i = 0; i < 200; i++)
    {
      ReplicaSnapshot *base = shared->bases[i % G_N_ELEMENTS (shared->bases)];
      const ReplicaForm *form = replica_snapshot_get_delta (shared->result, base, NULL);
      g_autoptr (ReplicaSnapshot) made = replica_delta_apply (base, form->bytes, NULL);

      assert_same_bytes (made, shared->result);
    }
  return NULL;
}

/* Lanes ask at the same time. */
static void
test_threads (void)
{
  g_autoptr (RandomTable) table = random_table_new (12, 50, 4);
  Shared shared;
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (shared.bases); i++)
    {
      shared.bases[i] = random_table_get_snapshot (table);
      random_table_change_cells (table, 0.02);
    }
  shared.result = random_table_get_snapshot (table);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("lane", ask_for_all, &shared);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < G_N_ELEMENTS (shared.bases); i++)
    replica_snapshot_unref (shared.bases[i]);
  replica_snapshot_unref (shared.result);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/delta/compare", test_compare);
  g_test_add_func ("/delta/hash-is-kept", test_hash_is_kept);
  g_test_add_func ("/delta/random", test_random);
  g_test_add_func ("/delta/other-columns", test_other_columns);
  g_test_add_func ("/delta/size", test_size);
  g_test_add_func ("/delta/damage", test_damage);
  g_test_add_func ("/delta/rules", test_rules);
  g_test_add_func ("/delta/no-bomb", test_no_bomb);
  g_test_add_func ("/delta/forms", test_forms);
  g_test_add_func ("/delta/threads", test_threads);
  return g_test_run ();
}
