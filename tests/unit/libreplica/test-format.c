/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "replica-format.h"

#include <string.h>

#include "test-snapshot-fixture.h"

#define SECOND G_TIME_SPAN_SECOND

static ReplicaColumn
column_of (ReplicaType type, guint scale, gboolean is_key, const void *data, guint n)
{
  return (ReplicaColumn){
    .name = "c",
    .type = type,
    .scale = (guint8) scale,
    .width = type == REPLICA_TYPE_BOOL ? 1 : 8,
    .is_key = is_key,
    .n_rows = n,
    .data = data,
  };
}

static void
assert_cell (const ReplicaColumn *column, guint row, gint64 snapshot_us, const char *expected)
{
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  ReplicaFormat format;
  const char *text;
  gsize length;

  replica_format_init (&format, column);
  replica_format_observe (&format, column, snapshot_us);
  text = replica_format_cell (&format, column, row, buffer, &length);
  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (length, ==, strlen (expected));
}

static void
test_integers (void)
{
  static const struct
  {
    gint64 value;
    guint scale;
    gboolean is_key;
    const char *expected;
  } rows[] = {
    { 0, 0, FALSE, "0" },
    { 999, 0, FALSE, "999" },
    { 1000, 0, FALSE, "1,000" },
    { -1000, 0, FALSE, "-1,000" },
    { -999, 0, FALSE, "-999" },
    { 1234567, 0, FALSE, "1,234,567" },
    { 12345, 0, TRUE, "12345" },
    { G_MAXINT64, 0, FALSE, "9,223,372,036,854,775,807" },
    { G_MININT64, 0, FALSE, "-9,223,372,036,854,775,808" },
    { 11000, 4, FALSE, "1.1000" },
    { 12345678901, 4, FALSE, "1,234,567.8901" },
    { -5, 4, FALSE, "-0.0005" },
    { 123456, 4, TRUE, "12.3456" },
    { G_MAXINT64, 18, FALSE, "9.223372036854775807" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      ReplicaColumn column = column_of (rows[i].scale > 0 ? REPLICA_TYPE_DECIMAL : REPLICA_TYPE_INT64,
                                        rows[i].scale, rows[i].is_key, &rows[i].value, 1);

      assert_cell (&column, 0, 0, rows[i].expected);
    }
}

static void
test_wide_decimal (void)
{
  ReplicaInt128 value = (ReplicaInt128) G_MAXINT64 * 1000;
  ReplicaColumn column = column_of (REPLICA_TYPE_DECIMAL, 2, FALSE, &value, 1);

  column.width = 16;
  assert_cell (&column, 0, 0, "92,233,720,368,547,758,070.00");
}

static void
test_doubles (void)
{
  /* The second value of each pair is only there to set the magnitude, and the digits. */
  static const struct
  {
    double values[2];
    const char *expected;
  } rows[] = {
    { { 0, 0 }, "0" },
    { { 27.4, 0 }, "27.4" },
    { { 0.1 + 0.2, 7 }, "0.3" },
    { { 7, 0.25 }, "7.00" },
    { { 1.5, 545.6812 }, "1.5000" },
    { { 1e15, 0 }, "1.00000e+15" },
    { { 12345.678901, 0 }, "12,345.68" },
    { { 1.5, 12345.678901 }, "1.50" },
    { { 123.4567890, 0 }, "123.46" },
    { { 12.3456789, 0 }, "12.346" },
    { { 1.23456789, 0 }, "1.235" },
    { { 0.123456, 0 }, "0.1235" },
    { { 0.0123456, 0 }, "0.01235" },
    { { -0.00001, 100 }, "0.00" },
    { { -1234.5, 0 }, "-1,234.5" },
    { { 1e300, 0 }, "1.00000e+300" },
    { { 1e-9, 0 }, "0.000000001000" },
    { { 1.5e-10, 0 }, "1.50000e-10" },
    { { 5e-324, 0 }, "4.94066e-324" },
    { { 123456789012345, 0 }, "123,456,789,012,345" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      ReplicaColumn column = column_of (REPLICA_TYPE_DOUBLE, 0, FALSE, rows[i].values, 2);

      assert_cell (&column, 0, 0, rows[i].expected);
    }
}

/* A column that has shown large numbers keeps their decimals. */
static void
test_magnitude_stays (void)
{
  double large = 5000, small = 0.123456;
  ReplicaColumn first = column_of (REPLICA_TYPE_DOUBLE, 0, FALSE, &large, 1);
  ReplicaColumn second = column_of (REPLICA_TYPE_DOUBLE, 0, FALSE, &small, 1);
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  ReplicaFormat format;
  gsize length;

  replica_format_init (&format, &second);
  g_assert_true (replica_format_observe (&format, &second, 0));
  g_assert_cmpstr (replica_format_cell (&format, &second, 0, buffer, &length), ==, "0.1235");
  g_assert_true (replica_format_observe (&format, &first, 0));
  g_assert_false (replica_format_observe (&format, &second, 0));
  g_assert_cmpstr (replica_format_cell (&format, &second, 0, buffer, &length), ==, "0.12");
}

static void
test_timestamps (void)
{
  static const struct
  {
    gint64 time_us, snapshot_us;
    const char *expected;
  } rows[] = {
    { 0, 0, "00:00:00" },
    { 86399 * SECOND + 999999, 0, "23:59:59.999" },
    { 86400 * SECOND, 0, "1970-01-02 00:00:00" },
    { -1, 0, "1969-12-31 23:59:59.999" },
    { -1, -5, "23:59:59.999" },
    { 951782400 * SECOND, 0, "2000-02-29 00:00:00" },
    { 4107542400 * SECOND, 0, "2100-03-01 00:00:00" },
    { -62135596800 * SECOND, 0, "0001-01-01 00:00:00" },
    { 253402300799 * SECOND, 0, "9999-12-31 23:59:59" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      ReplicaColumn column = column_of (REPLICA_TYPE_TIMESTAMP, 0, FALSE, &rows[i].time_us, 1);

      assert_cell (&column, 0, rows[i].snapshot_us, rows[i].expected);
    }
}

static void
test_others (void)
{
  static const guint8 bools[] = { 1, 0 };
  static const gint64 number = 0;
  static const guint8 none = 0;
  ReplicaColumn column = column_of (REPLICA_TYPE_BOOL, 0, FALSE, bools, 2);
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, "text*:string", "<b>not markup</b>\nЁЯ");
  g_autofree char *key = replica_format_dup_key (snapshot, 1);

  assert_cell (&column, 0, 0, "yes");
  assert_cell (&column, 1, 0, "no");
  column = column_of (REPLICA_TYPE_INT64, 0, FALSE, &number, 1);
  column.validity = &none;
  assert_cell (&column, 0, 0, "");
  assert_cell (replica_snapshot_get_column (snapshot, 0), 0, 0, "<b>not markup</b>");
  g_assert_cmpstr (key, ==, "ЁЯ");
}

static void
test_ages (void)
{
  static const struct
  {
    gint64 age_us;
    const char *expected;
  } ages[] = {
    { -1, "–" },
    { 0, "0.0 s" },
    { 340000, "0.3 s" },
    { 9999999, "9.9 s" },
    { 10 * SECOND, "10 s" },
    { 59 * SECOND, "59 s" },
    { 200 * SECOND, "3 min 20 s" },
    { 7500 * SECOND, "2 h 05 min" },
  };
  static const struct
  {
    gint64 rtt_us;
    const char *expected;
  } rtts[] = {
    { -1, "–" },        { 0, "0.0 ms" },    { 849, "0.8 ms" },
    { 9999, "9.9 ms" }, { 10000, "10 ms" }, { 2500000, "2500 ms" },
  };
  char buffer[64];

  for (guint i = 0; i < G_N_ELEMENTS (ages); i++)
    g_assert_cmpstr (replica_format_age (ages[i].age_us, buffer), ==, ages[i].expected);
  for (guint i = 0; i < G_N_ELEMENTS (rtts); i++)
    g_assert_cmpstr (replica_format_rtt (rtts[i].rtt_us, buffer), ==, rtts[i].expected);
  g_assert_cmpstr (replica_format_count (G_MAXUINT64, buffer), ==, "18,446,744,073,709,551,615");
  g_assert_cmpstr (replica_format_count (0, buffer), ==, "0");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/format/integers", test_integers);
  g_test_add_func ("/format/wide-decimal", test_wide_decimal);
  g_test_add_func ("/format/doubles", test_doubles);
  g_test_add_func ("/format/magnitude-stays", test_magnitude_stays);
  g_test_add_func ("/format/timestamps", test_timestamps);
  g_test_add_func ("/format/others", test_others);
  g_test_add_func ("/format/ages", test_ages);
  return g_test_run ();
}
