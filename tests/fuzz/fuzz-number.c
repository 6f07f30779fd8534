/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Readers of numbers and times over any bytes: what is read and written again reads the same, and readers
 * agree on what a number is. Then the bytes taken for values: what is written reads back. */

#include "replica-number.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_integers (const char *text, gsize length, guint scale)
{
  char buffer[REPLICA_TEXT_MAX];
  ReplicaReadResult narrow_result, wide_result;
  ReplicaInt128 wide = 0, again_wide;
  gint64 narrow = 0, again;
  double number;

  wide_result = replica_read_decimal128 (text, length, scale, &wide);
  narrow_result = replica_read_decimal (text, length, scale, &narrow);
  g_assert_true ((wide_result == REPLICA_READ_SYNTAX) == (narrow_result == REPLICA_READ_SYNTAX));
  g_assert_true ((wide_result == REPLICA_READ_SYNTAX)
                 == (replica_read_double (text, length, &number) == REPLICA_READ_SYNTAX));
  g_assert_true ((wide_result == REPLICA_READ_PRECISION) == (narrow_result == REPLICA_READ_PRECISION));
  if (narrow_result == REPLICA_READ_OK)
    {
      g_assert_true (wide_result == REPLICA_READ_OK && wide == narrow);
      g_assert_cmpint (
          replica_read_decimal (buffer, replica_write_decimal (buffer, narrow, scale), scale, &again), ==,
          REPLICA_READ_OK);
      g_assert_cmpint (again, ==, narrow);
    }
  if (wide_result == REPLICA_READ_OK)
    {
      g_assert_true ((narrow_result == REPLICA_READ_OK) == (wide == (gint64) wide));
      g_assert_cmpint (
          replica_read_decimal128 (buffer, replica_write_decimal (buffer, wide, scale), scale, &again_wide),
          ==, REPLICA_READ_OK);
      g_assert_true (again_wide == wide);
    }
  if (replica_read_int64 (text, length, &narrow) == REPLICA_READ_OK)
    {
      g_assert_cmpint (replica_read_int64 (buffer, replica_write_int64 (buffer, narrow), &again), ==,
                       REPLICA_READ_OK);
      g_assert_cmpint (again, ==, narrow);
    }
}

static void
check_double (double value)
{
  char buffer[REPLICA_TEXT_MAX];
  double again;

  g_assert_true (isfinite (value));
  g_assert_cmpint (replica_read_double (buffer, replica_write_double (buffer, value), &again), ==,
                   REPLICA_READ_OK);
  g_assert_true (memcmp (&again, &value, sizeof value) == 0);
}

static void
check_time (gint64 time_us, gboolean must_read)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length = replica_write_timestamp (buffer, time_us);
  gint64 again;

  g_assert_cmpuint (length, <=, 40);
  if (replica_read_timestamp (buffer, length, &again) == REPLICA_READ_OK)
    g_assert_cmpint (again, ==, time_us);
  else
    g_assert_false (must_read);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  guint64 bits[2];
  gint64 time_us;
  double number;

  if (size > 4096)
    return 0;
  check_integers (text, size, size > 0 ? data[size - 1] % (REPLICA_DECIMAL_SCALE_MAX + 1) : 0);
  check_integers (text, size, 4);
  if (replica_read_double (text, size, &number) == REPLICA_READ_OK)
    check_double (number);
  if (replica_read_timestamp (text, size, &time_us) == REPLICA_READ_OK)
    check_time (time_us, TRUE);

  if (size < sizeof bits)
    return 0;
  memcpy (bits, data, sizeof bits);
  memcpy (&number, bits, sizeof number);
  if (isfinite (number))
    check_double (number);
  check_time ((gint64) bits[0], FALSE);
  {
    char buffer[REPLICA_TEXT_MAX];
    ReplicaInt128 value = (ReplicaInt128) ((unsigned __int128) bits[0] << 64 | bits[1]), again;
    guint scale = bits[0] % (REPLICA_DECIMAL_SCALE_MAX + 1);

    g_assert_cmpint (
        replica_read_decimal128 (buffer, replica_write_decimal (buffer, value, scale), scale, &again), ==,
        REPLICA_READ_OK);
    g_assert_true (again == value);
  }
  return 0;
}
