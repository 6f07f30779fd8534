/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Compressed forms: they come back as they were, damage and bombs are refused, and what does not pay is not compressed. */

#include <string.h>
#include <zstd.h>

#include "random-table.h"
#include "replica-delta.h"
#include "replica-zstd.h"

static GBytes *
wrap (guint32 plain_bytes, gconstpointer frame, gsize frame_bytes)
{
  ReplicaWireZstd head = { .magic = REPLICA_WIRE_ZSTD_MAGIC, .version = REPLICA_WIRE_ZSTD_VERSION, .plain_bytes = plain_bytes };
  g_autoptr (GByteArray) body = g_byte_array_new ();

  g_byte_array_append (body, (const guint8 *) &head, sizeof head);
  g_byte_array_append (body, frame, (guint) frame_bytes);
  return g_byte_array_free_to_bytes (g_steal_pointer (&body));
}

static void
test_round_trip (void)
{
  guint n_compressed = 0;

  for (guint32 seed = 1; seed <= 40; seed++)
    {
      g_autoptr (RandomTable) table = random_table_new (seed, seed * 20, 1 + seed % 8);
      g_autoptr (ReplicaSnapshot) snapshot = random_table_get_snapshot (table);
      GBytes *plain = replica_snapshot_get_bytes (snapshot);
      g_autoptr (GBytes) body = replica_zstd_compress (plain), back = NULL;
      g_autoptr (GError) error = NULL;

      if (body == NULL)
        continue;
      n_compressed++;
      g_assert_cmpuint (g_bytes_get_size (body), <=, g_bytes_get_size (plain) * 7 / 8);
      g_assert_cmpmem ((const char *) g_bytes_get_data (body, NULL) + 8, 16, (const char *) g_bytes_get_data (plain, NULL) + 8, 16);
      back = replica_zstd_decompress (body, &error);
      g_assert_no_error (error);
      g_assert_true (g_bytes_equal (back, plain));
    }
  g_assert_cmpuint (n_compressed, >, 10);
}

static void
test_does_not_pay (void)
{
  g_autoptr (ReplicaSnapshot) tiny = test_snapshot_new (1, "k*:string n:int64", "a|1\nb|2");
  g_autofree guint32 *noise = g_new (guint32, 4096), *zeros = g_new0 (guint32, 1u << 20);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (GBytes) random = NULL, empty = g_bytes_new_static (zeros, 4u << 20);
  const ReplicaForm *form = replica_snapshot_get_full (tiny);
  GBytes *zstd = NULL;
  gboolean is_new;

  for (guint i = 0; i < 4096; i++)
    noise[i] = g_rand_int (rand);
  random = g_bytes_new_static (noise, 16384);
  g_assert_null (replica_zstd_compress (replica_snapshot_get_bytes (tiny)));
  g_assert_null (replica_zstd_compress (random));
  g_assert_null (replica_zstd_compress (empty)); /* which would be refused as a bomb */
  /* That is found out once. */
  g_assert_false (replica_form_peek_zstd (form, &zstd));
  g_assert_null (replica_form_get_zstd (form, &is_new));
  g_assert_true (is_new);
  g_assert_true (replica_form_peek_zstd (form, &zstd));
  g_assert_null (zstd);
  g_assert_null (replica_form_get_zstd (form, &is_new));
  g_assert_false (is_new);
}

static void
test_damage (void)
{
  g_autoptr (RandomTable) table = random_table_new (5, 100, 6);
  g_autoptr (ReplicaSnapshot) snapshot = random_table_get_snapshot (table);
  GBytes *plain = replica_snapshot_get_bytes (snapshot), *body = replica_form_get_zstd (replica_snapshot_get_full (snapshot), NULL);
  g_autoptr (GError) error = NULL;
  const char *data;
  gsize size;

  g_assert_nonnull (body);
  data = g_bytes_get_data (body, &size);
  for (gsize length = 0; length < size; length += length < 64 ? 1 : 31)
    {
      g_autoptr (GBytes) cut = g_bytes_new (data, length);

      g_assert_null (replica_zstd_decompress (cut, &error));
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
      g_clear_error (&error);
    }
  for (gsize bit = 0; bit < size * 8; bit += bit < 512 ? 1 : 37)
    {
      char *copy = g_memdup2 (data, size);
      g_autoptr (GBytes) damaged = g_bytes_new_take (copy, size), made = NULL;

      copy[bit / 8] ^= (char) (1 << bit % 8);
      made = replica_zstd_decompress (damaged, NULL);
      if (made != NULL) /* other text, or another number: that is the snapshot's to check */
        g_assert_cmpuint (g_bytes_get_size (made), ==, g_bytes_get_size (plain));
    }
}

static void
assert_refused (guint32 plain_bytes, gconstpointer frame, gsize frame_bytes, const char *why)
{
  g_autoptr (GBytes) body = wrap (plain_bytes, frame, frame_bytes);
  g_autoptr (GError) error = NULL;

  g_assert_null (replica_zstd_decompress (body, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, why));
}

static void
test_bombs (void)
{
  g_autofree char *zeros = g_malloc0 (64u << 20), *frame = g_malloc (1u << 20), *two = NULL;
  gsize n = ZSTD_compress (frame, 1u << 20, zeros, 64u << 20, 1), small;

  /* A small frame of much: the honest size is refused for its ratio, a smaller one because the frame has another. */
  g_assert_cmpuint (n * REPLICA_ZSTD_MAX_RATIO, <, 64u << 20);
  assert_refused (64u << 20, frame, n, "limit");
  assert_refused (1u << 20, frame, n, "frame");
  assert_refused (REPLICA_SNAPSHOT_MAX_BYTES + 1, frame, n, "limit");
  assert_refused (63, frame, n, "fewer");
  /* Two frames, or one with something behind. */
  small = ZSTD_compress (frame, 1u << 20, zeros, 1024, 1);
  two = g_malloc (2 * small);
  memcpy (two, frame, small);
  memcpy (two + small, frame, small);
  assert_refused (2048, two, 2 * small, "frame");
  assert_refused (1024, two, small + 1, "frame");
  assert_refused (1024, "not a frame of zstd", 19, "frame");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/zstd/round-trip", test_round_trip);
  g_test_add_func ("/zstd/does-not-pay", test_does_not_pay);
  g_test_add_func ("/zstd/damage", test_damage);
  g_test_add_func ("/zstd/bombs", test_bombs);
  return g_test_run ();
}
