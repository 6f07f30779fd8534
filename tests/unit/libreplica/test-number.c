/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text of numbers and times, both ways: the edges in tables, the rest by round trips over seeded random
 * values. */

#include "replica-number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OK REPLICA_READ_OK
#define SYNTAX REPLICA_READ_SYNTAX
#define RANGE REPLICA_READ_RANGE
#define PRECISION REPLICA_READ_PRECISION

/* Reads from a block of exactly the text's size, so that the sanitizer sees a read past it. */
#define READ(result, function, text, ...)                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    gsize read_length = strlen (text);                                                                       \
    g_autofree char *read_copy = g_memdup2 (text, read_length);                                              \
    result = function (read_copy, read_length, __VA_ARGS__);                                                 \
  }                                                                                                          \
  G_STMT_END

static void
assert_text (const char *buffer, gsize length, const char *expected)
{
  g_assert_cmpmem (buffer, length, expected, strlen (expected));
}

static ReplicaInt128
int128_from_text (const char *text)
{
  unsigned __int128 magnitude = 0;
  const char *p = text + (*text == '-');

  for (; *p != '\0'; p++)
    magnitude = magnitude * 10 + (unsigned __int128) (*p - '0');
  return (ReplicaInt128) (*text == '-' ? -magnitude : magnitude);
}

static void
test_write_integers (void)
{
  static const char *const texts[] = {
    "0",
    "1",
    "-1",
    "9",
    "10",
    "99",
    "100",
    "12345678",
    "123456789",
    "9999999999999999",
    "10000000000000000",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "100000000000000000000000000000000000000",
    "170141183460469231731687303715884105727",
    "-170141183460469231731687303715884105728",
  };
  char buffer[REPLICA_TEXT_MAX];

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      ReplicaInt128 value = int128_from_text (texts[i]);

      assert_text (buffer, replica_write_int128 (buffer, value), texts[i]);
      assert_text (buffer, replica_write_decimal (buffer, value, 0), texts[i]);
      if (value == (gint64) value)
        assert_text (buffer, replica_write_int64 (buffer, (gint64) value), texts[i]);
    }
}

static void
test_write_decimals (void)
{
  static const struct
  {
    const char *unscaled;
    guint scale;
    const char *text;
  } cases[] = {
    { "0", 4, "0.0000" },
    { "1", 4, "0.0001" },
    { "-1", 4, "-0.0001" },
    { "11000", 4, "1.1000" },
    { "-11000", 4, "-1.1000" },
    { "9223372036854775807", 2, "92233720368547758.07" },
    { "-9223372036854775808", 18, "-9.223372036854775808" },
    { "5", 18, "0.000000000000000005" },
    { "170141183460469231731687303715884105727", 4, "17014118346046923173168730371588410.5727" },
    { "-170141183460469231731687303715884105728", 18, "-170141183460469231731.687303715884105728" },
    { "100000000000000000000000", 5, "1000000000000000000.00000" },
  };
  char buffer[REPLICA_TEXT_MAX];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_text (buffer, replica_write_decimal (buffer, int128_from_text (cases[i].unscaled), cases[i].scale),
                 cases[i].text);
}

static void
test_read_decimals (void)
{
  static const struct
  {
    const char *text;
    guint scale;
    ReplicaReadResult result;
    const char *unscaled;     /* of 128 bits */
    ReplicaReadResult narrow; /* the result with 64 */
  } cases[] = {
    { "0", 0, OK, "0", OK },
    { "-0", 4, OK, "0", OK },
    { "-0.0e99999999999999999999999", 4, OK, "0", OK },
    { "0e5", 18, OK, "0", OK },
    { "1.1", 4, OK, "11000", OK },
    { "-1.1", 4, OK, "-11000", OK },
    { "1e2", 0, OK, "100", OK },
    { "1E+2", 1, OK, "1000", OK },
    { "1.50", 1, OK, "15", OK },
    { "150e-2", 1, OK, "15", OK },
    { "1.50000000000000000000000000000000000000000000000000", 1, OK, "15", OK },
    { "1500000000000000000000000000000000000000000000e-45", 1, OK, "15", OK },
    { "0.00000000000000000000000000000000000000000000015e46", 1, OK, "15", OK },
    { "1.51", 1, PRECISION, NULL, PRECISION },
    { "0.5", 0, PRECISION, NULL, PRECISION },
    { "1e-1", 0, PRECISION, NULL, PRECISION },
    { "1e-99999999999999999999", 18, PRECISION, NULL, PRECISION },
    { "0.12345678901234567890123456789012345678901234567890", 4, PRECISION, NULL, PRECISION },
    { "9223372036854775807", 0, OK, "9223372036854775807", OK },
    { "9223372036854775808", 0, OK, "9223372036854775808", RANGE },
    { "-9223372036854775808", 0, OK, "-9223372036854775808", OK },
    { "-9223372036854775809", 0, OK, "-9223372036854775809", RANGE },
    { "922337203685477.5807", 4, OK, "9223372036854775807", OK },
    { "922337203685477.5808", 4, OK, "9223372036854775808", RANGE },
    { "-922337203685477.5808", 4, OK, "-9223372036854775808", OK },
    { "999999999999999999", 18, OK, "999999999999999999000000000000000000", RANGE },
    { "9.223372036854775807", 18, OK, "9223372036854775807", OK },
    { "170141183460469231731687303715884105727", 0, OK, "170141183460469231731687303715884105727", RANGE },
    { "170141183460469231731687303715884105728", 0, RANGE, NULL, RANGE },
    { "-170141183460469231731687303715884105728", 0, OK, "-170141183460469231731687303715884105728", RANGE },
    { "-170141183460469231731687303715884105729", 0, RANGE, NULL, RANGE },
    { "17014118346046923173168730371588410.5727", 4, OK, "170141183460469231731687303715884105727", RANGE },
    { "17014118346046923173168730371588410.5728", 4, RANGE, NULL, RANGE },
    { "340282366920938463463374607431768211456", 0, RANGE, NULL, RANGE },
    { "999999999999999999999999999999999999999999999999", 0, RANGE, NULL, RANGE },
    { "1e38", 0, OK, "100000000000000000000000000000000000000", RANGE },
    { "1e39", 0, RANGE, NULL, RANGE },
    { "1e99999999999999999999", 0, RANGE, NULL, RANGE },
    { "", 0, SYNTAX, NULL, SYNTAX },
    { "-", 0, SYNTAX, NULL, SYNTAX },
    { "+1", 0, SYNTAX, NULL, SYNTAX },
    { "01", 0, SYNTAX, NULL, SYNTAX },
    { "-01", 0, SYNTAX, NULL, SYNTAX },
    { "00", 0, SYNTAX, NULL, SYNTAX },
    { ".5", 1, SYNTAX, NULL, SYNTAX },
    { "1.", 1, SYNTAX, NULL, SYNTAX },
    { "1.e1", 1, SYNTAX, NULL, SYNTAX },
    { "1e", 0, SYNTAX, NULL, SYNTAX },
    { "1e+", 0, SYNTAX, NULL, SYNTAX },
    { "1e1.5", 0, SYNTAX, NULL, SYNTAX },
    { "1 ", 0, SYNTAX, NULL, SYNTAX },
    { " 1", 0, SYNTAX, NULL, SYNTAX },
    { "1,5", 1, SYNTAX, NULL, SYNTAX },
    { "0x10", 0, SYNTAX, NULL, SYNTAX },
    { "1_000", 0, SYNTAX, NULL, SYNTAX },
    { "NaN", 0, SYNTAX, NULL, SYNTAX },
    { "Infinity", 0, SYNTAX, NULL, SYNTAX },
    { "--1", 0, SYNTAX, NULL, SYNTAX },
    { "1-", 0, SYNTAX, NULL, SYNTAX },
    { "1.5.5", 4, SYNTAX, NULL, SYNTAX },
    { "\xd9\xa1", 0, SYNTAX, NULL, SYNTAX }, /* ARABIC-INDIC DIGIT ONE */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ReplicaReadResult result;
      ReplicaInt128 wide = 99;
      gint64 narrow = 99;

      g_test_message ("“%s” at scale %u", cases[i].text, cases[i].scale);
      READ (result, replica_read_decimal128, cases[i].text, cases[i].scale, &wide);
      g_assert_cmpint (result, ==, cases[i].result);
      g_assert_true (wide == (result == OK ? int128_from_text (cases[i].unscaled) : 99));
      READ (result, replica_read_decimal, cases[i].text, cases[i].scale, &narrow);
      g_assert_cmpint (result, ==, cases[i].narrow);
      g_assert_true (narrow == (result == OK ? int128_from_text (cases[i].unscaled) : 99));
      if (cases[i].scale == 0)
        {
          narrow = 99;
          READ (result, replica_read_int64, cases[i].text, &narrow);
          g_assert_cmpint (result, ==, cases[i].narrow);
          g_assert_true (narrow == (result == OK ? int128_from_text (cases[i].unscaled) : 99));
        }
    }
}

static guint64
random_bits (GRand *rand)
{
  return (guint64) g_rand_int (rand) << 32 | g_rand_int (rand);
}

static void
test_decimals_round_trip (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  char buffer[REPLICA_TEXT_MAX];

  for (guint i = 0; i < 100000; i++)
    {
      guint scale = (guint) g_rand_int_range (rand, 0, REPLICA_DECIMAL_SCALE_MAX + 1);
      /* of every length */
      ReplicaInt128 value =
          (ReplicaInt128) ((unsigned __int128) random_bits (rand) << 64 | random_bits (rand))
          >> g_rand_int_range (rand, 0, 128);
      gsize length = replica_write_decimal (buffer, value, scale);
      ReplicaInt128 read;
      gint64 narrow;

      g_assert_cmpint (replica_read_decimal128 (buffer, length, scale, &read), ==, OK);
      g_assert_true (read == value);
      g_assert_cmpint (replica_read_decimal (buffer, length, scale, &narrow), ==,
                       value == (gint64) value ? OK : RANGE);
      if (value == (gint64) value)
        g_assert_cmpint (narrow, ==, (gint64) value);
    }
}

static void
test_write_doubles (void)
{
  static const struct
  {
    double value;
    const char *text;
  } cases[] = {
    { 0.0, "0" },
    { -0.0, "-0" },
    { 1.0, "1" },
    { -1.5, "-1.5" },
    { 0.1, "0.1" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 1.0 / 3, "0.3333333333333333" },
    { 100, "100" },
    { 123456.789, "123456.789" },
    { 1e15, "1000000000000000" },
    { 9007199254740991.0, "9007199254740991" },
    { 9007199254740992.0, "9007199254740992" },
    { 1e20, "100000000000000000000" },
    { 1e21, "1e21" },
    { 1e22, "1e22" },
    { 1e23, "1e23" },
    { 1.5e300, "1.5e300" },
    { 0.001, "0.001" },
    { 0.000001, "0.000001" },
    { 0.00000123, "0.00000123" },
    { 1e-7, "1e-7" },
    { 1.25e-7, "1.25e-7" },
    { 5e-324, "5e-324" },
    { 2.2250738585072011e-308, "2.225073858507201e-308" },
    { 2.2250738585072014e-308, "2.2250738585072014e-308" },
    { 1.7976931348623157e308, "1.7976931348623157e308" },
    { -1.7976931348623157e308, "-1.7976931348623157e308" },
    { 4.35, "4.35" },
    { 9.5367431640625e-07, "9.5367431640625e-7" },
  };
  char buffer[REPLICA_TEXT_MAX];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_text (buffer, replica_write_double (buffer, cases[i].value), cases[i].text);
}

static void
assert_shortest (double value)
{
  char buffer[REPLICA_TEXT_MAX], printed[64];
  gsize length = replica_write_double (buffer, value);
  guint n_digits = 0, n_zeros = 0, n_shortest = 1;
  double read;

  g_assert_cmpuint (length, <=, 26);
  buffer[length] = '\0';
  g_assert_cmpint (replica_read_double (buffer, length, &read), ==, OK);
  g_assert_true (memcmp (&read, &value, sizeof value) == 0);
  read = g_ascii_strtod (buffer, NULL);
  g_assert_true (memcmp (&read, &value, sizeof value) == 0);

  for (const char *p = buffer; *p != '\0' && *p != 'e'; p++)
    if (*p >= '1' && *p <= '9')
      {
        n_digits += n_zeros + 1;
        n_zeros = 0;
      }
    else if (*p == '0' && n_digits > 0)
      {
        n_zeros++;
      }
  for (; n_shortest < 17; n_shortest++)
    {
      char format[8];

      g_snprintf (format, sizeof format, "%%.%ue", n_shortest - 1);
      if (g_ascii_strtod (g_ascii_formatd (printed, sizeof printed, format, value), NULL) == value)
        break;
    }
  g_assert_cmpuint (n_digits, <=, n_shortest);
}

static void
test_doubles_round_trip (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);

  for (guint i = 0; i < 20000; i++)
    {
      guint64 bits = random_bits (rand);
      double value;

      switch (i % 4)
        {
        case 0: /* any bits */
          memcpy (&value, &bits, sizeof value);
          break;
        case 1: /* few decimals, as prices */
          value = (double) (gint64) (bits >> 34) / 10000.0;
          break;
        case 2: /* quotients, as averages */
          value = (double) (bits >> 40) / (double) (1 + (bits & 0xfff));
          break;
        default: /* powers of two and their neighbours */
          value = nextafter (ldexp (1.0, (int) (bits % 2098) - 1074), bits & 4096 ? INFINITY : 0);
          break;
        }
      if (isfinite (value) && value != 0)
        assert_shortest (value);
    }
}

static void
test_read_doubles (void)
{
  static const struct
  {
    const char *text;
    ReplicaReadResult result;
    double value;
  } cases[] = {
    { "0", OK, 0.0 },
    { "1", OK, 1 },
    { "-1.5e3", OK, -1500 },
    { "1E400", RANGE, 0 },
    { "-1e309", RANGE, 0 },
    { "1.7976931348623158e308", OK, 1.7976931348623157e308 },
    { "1.7976931348623159e308", RANGE, 0 },
    { "1e-400", OK, 0 },
    { "0e99999999999", OK, 0 },
    { "2.4703282292062328e-324", OK, 5e-324 },
    { "9007199254740993", OK, 9007199254740992.0 }, /* a tie: to even */
    { "9007199254740993.00000000000000000000000000000000000000000000001", OK, 9007199254740994.0 },
    { "123456789012345678901234567890", OK, 123456789012345678901234567890.0 },
    { "0.1e1", OK, 1 },
    { "1e22", OK, 1e22 },
    { "1e23", OK, 1e23 },
    { "7.2057594037927933e16", OK, 72057594037927933.0 },
    { "", SYNTAX, 0 },
    { "01", SYNTAX, 0 },
    { "+1", SYNTAX, 0 },
    { ".5", SYNTAX, 0 },
    { "1.", SYNTAX, 0 },
    { "NaN", SYNTAX, 0 },
    { "nan", SYNTAX, 0 },
    { "Infinity", SYNTAX, 0 },
    { "-inf", SYNTAX, 0 },
    { "0x1p3", SYNTAX, 0 },
    { "1e5x", SYNTAX, 0 },
    { "1,5", SYNTAX, 0 },
    { " 1", SYNTAX, 0 },
  };
  g_autoptr (GString) zeros = g_string_new ("0.");
  ReplicaReadResult result;
  double value;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      value = 99;
      g_test_message ("“%s”", cases[i].text);
      READ (result, replica_read_double, cases[i].text, &value);
      g_assert_cmpint (result, ==, cases[i].result);
      g_assert_true (value == (result == OK ? cases[i].value : 99));
    }
  READ (result, replica_read_double, "-0.0", &value);
  g_assert_true (result == OK && value == 0 && signbit (value));
  READ (result, replica_read_double, "-0", &value);
  g_assert_true (result == OK && value == 0 && signbit (value));
  /* longer than any buffer of ours */
  for (guint i = 0; i < 5000; i++)
    g_string_append_c (zeros, '0');
  g_string_append (zeros, "25e5001");
  READ (result, replica_read_double, zeros->str, &value);
  g_assert_true (result == OK && value == 2.5);
}

/* What a comma for the decimal point would break. The locale is made for the test: hardly any machine that runs it has one. */
static void
test_locale (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("synoptic-locale-XXXXXX", &error);
  g_autofree char *path = g_build_filename (folder, "de_DE.UTF-8", NULL), *said = NULL;
  const char *const command[] = { "localedef", "--no-archive", "-i", "de_DE", "-f", "UTF-8", path, NULL };
  const char *const remove[] = { "rm", "-r", folder, NULL };
  char buffer[REPLICA_TEXT_MAX];
  double value = 0;
  int status = -1;

  g_assert_no_error (error);
  if (!g_spawn_sync (NULL, (char **) command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &said, &status, &error)
      || !g_spawn_check_wait_status (status, NULL))
    {
      g_autofree char *message = g_strdup_printf ("localedef makes no locale with a decimal comma: %s", error != NULL ? error->message : said);

      g_test_skip (g_strdelimit (message, "\n", ' '));
      g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
      return;
    }
  g_setenv ("LOCPATH", folder, TRUE);
  g_assert_nonnull (setlocale (LC_ALL, "de_DE.UTF-8"));
  g_assert_cmpstr (localeconv ()->decimal_point, ==, ",");
  g_assert_cmpint (replica_read_double ("0.30000000000000004", 19, &value), ==, OK);
  assert_text (buffer, replica_write_double (buffer, value), "0.30000000000000004");
  g_unsetenv ("LOCPATH");
  setlocale (LC_ALL, "C.UTF-8");
  g_assert_true (g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, &error));
}

static void
test_timestamps (void)
{
  static const struct
  {
    const char *text;
    gint64 time_us;
    const char *written; /* NULL: the same */
  } good[] = {
    { "1970-01-01T00:00:00Z", 0, NULL },
    { "2014-05-01T05:00:00Z", 1398920400000000, NULL },
    { "2014-05-01T05:00:00.123Z", 1398920400123000, NULL },
    { "2014-05-01T05:00:00.123456Z", 1398920400123456, NULL },
    { "2014-05-01T05:00:00.000001Z", 1398920400000001, NULL },
    { "2014-05-01t05:00:00z", 1398920400000000, "2014-05-01T05:00:00Z" },
    { "2014-05-01 05:00:00Z", 1398920400000000, "2014-05-01T05:00:00Z" },
    { "2014-05-01T05:00:00.1Z", 1398920400100000, "2014-05-01T05:00:00.100Z" },
    { "2014-05-01T05:00:00.1234567899999Z", 1398920400123456, "2014-05-01T05:00:00.123456Z" },
    { "2014-05-01T07:00:00+02:00", 1398920400000000, "2014-05-01T05:00:00Z" },
    { "2014-04-30T23:30:00-05:30", 1398920400000000, "2014-05-01T05:00:00Z" },
    { "2014-05-01T05:00:00.5-00:00", 1398920400500000, "2014-05-01T05:00:00.500Z" },
    { "1969-12-31T23:59:59.999999Z", -1, NULL },
    { "1969-12-31T23:59:59.9999999Z", -1, "1969-12-31T23:59:59.999999Z" },
    { "0001-01-01T00:00:00Z", -62135596800000000, NULL },
    { "9999-12-31T23:59:59.999999Z", 253402300799999999, NULL },
    { "2000-02-29T12:00:00Z", 951825600000000, NULL },
    { "2024-02-29T00:00:00Z", 1709164800000000, NULL },
    { "1900-03-01T00:00:00Z", -2203891200000000, NULL },
    { "1582-10-10T00:00:00Z", -12219724800000000, NULL }, /* proleptic: no gap */
  };
  static const struct
  {
    const char *text;
    ReplicaReadResult result;
  } bad[] = {
    { "", SYNTAX },
    { "2014-05-01", SYNTAX },
    { "2014-05-01T05:00:00", SYNTAX },
    { "2014-05-01T05:00Z", SYNTAX },
    { "2014-05-01T05:00:00.Z", SYNTAX },
    { "2014-05-01T05:00:00.123", SYNTAX },
    { "2014-05-01T05:00:00,5Z", SYNTAX },
    { "2014-05-01T05:00:00ZZ", SYNTAX },
    { "2014-05-01T05:00:00+0200", SYNTAX },
    { "2014-05-01T05:00:00+02:0", SYNTAX },
    { "2014-05-01T05:00:00+02:00Z", SYNTAX },
    { "2014-5-01T05:00:00Z", SYNTAX },
    { "-014-05-01T05:00:00Z", SYNTAX },
    { "2014-05-01_05:00:00Z", SYNTAX },
    { "2014-05-01T 5:00:00Z", SYNTAX },
    { "12014-05-01T05:00:00Z", SYNTAX },
    { "2014-05-01T05:00:60Z", RANGE }, /* a leap second */
    { "2014-05-01T05:60:00Z", RANGE },
    { "2014-05-01T24:00:00Z", RANGE },
    { "2014-05-00T05:00:00Z", RANGE },
    { "2014-05-32T05:00:00Z", RANGE },
    { "2014-04-31T05:00:00Z", RANGE },
    { "2014-00-01T05:00:00Z", RANGE },
    { "2014-13-01T05:00:00Z", RANGE },
    { "2014-02-29T00:00:00Z", RANGE },
    { "1900-02-29T00:00:00Z", RANGE },
    { "0000-01-01T00:00:00Z", RANGE },
    { "2014-05-01T05:00:00+24:00", RANGE },
    { "2014-05-01T05:00:00+01:60", RANGE },
    { "0001-01-01T00:00:00+00:01", RANGE },
    { "9999-12-31T23:59:59-00:01", RANGE },
  };
  char buffer[REPLICA_TEXT_MAX];
  ReplicaReadResult result;
  gint64 time_us;

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_test_message ("%s", good[i].text);
      READ (result, replica_read_timestamp, good[i].text, &time_us);
      g_assert_cmpint (result, ==, OK);
      g_assert_cmpint (time_us, ==, good[i].time_us);
      assert_text (buffer, replica_write_timestamp (buffer, time_us),
                   good[i].written != NULL ? good[i].written : good[i].text);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      time_us = 99;
      g_test_message ("%s", bad[i].text);
      READ (result, replica_read_timestamp, bad[i].text, &time_us);
      g_assert_cmpint (result, ==, bad[i].result);
      g_assert_cmpint (time_us, ==, 99);
    }
  /* What no RFC 3339 text says is still written, and told apart. */
  assert_text (buffer, replica_write_timestamp (buffer, G_MAXINT64), "+294247-01-10T04:00:54.775807Z");
  assert_text (buffer, replica_write_timestamp (buffer, G_MININT64), "-290308-12-21T19:59:05.224192Z");
  assert_text (buffer, replica_write_timestamp (buffer, -62135596800000001), "0000-12-31T23:59:59.999999Z");
}

/* Every day of the years that a text can name, against GLib's calendar. */
static void
test_calendar (void)
{
  GDate date;
  char buffer[REPLICA_TEXT_MAX], expected[32];

  g_date_clear (&date, 1);
  g_date_set_dmy (&date, 1, 1, 1);
  for (gint64 day = -719162; day < 2932897; day++)
    {
      gsize length = replica_write_timestamp (buffer, day * 86400000000);
      gint64 read;

      g_assert_cmpint (replica_read_timestamp (buffer, length, &read), ==, OK);
      g_assert_cmpint (read, ==, day * 86400000000);
      if (day % 7 == 0)
        {
          g_snprintf (expected, sizeof expected, "%04u-%02u-%02uT00:00:00Z", g_date_get_year (&date),
                      g_date_get_month (&date), g_date_get_day (&date));
          assert_text (buffer, length, expected);
          g_date_add_days (&date, 7);
        }
      else if (day == -719162)
        {
          g_date_add_days (&date, 7 - (guint) ((day % 7 + 7) % 7));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/number/write-integers", test_write_integers);
  g_test_add_func ("/number/write-decimals", test_write_decimals);
  g_test_add_func ("/number/read-decimals", test_read_decimals);
  g_test_add_func ("/number/decimals-round-trip", test_decimals_round_trip);
  g_test_add_func ("/number/write-doubles", test_write_doubles);
  g_test_add_func ("/number/doubles-round-trip", test_doubles_round_trip);
  g_test_add_func ("/number/read-doubles", test_read_doubles);
  g_test_add_func ("/number/locale", test_locale);
  g_test_add_func ("/number/timestamps", test_timestamps);
  g_test_add_func ("/number/calendar", test_calendar);
  return g_test_run ();
}
