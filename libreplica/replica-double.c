/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Doubles as text: the shortest decimal that reads back as the same double, and of those the nearest to it.
 * Any thread; the table of powers is made once, by whoever comes first.
 *
 * The method is Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles", 2020): scale the
 * double and the ends of its rounding interval by one power of ten, with 128 bits of it, rounding to odd, and
 * look which of at most four candidates lies inside. Rejected: printf with 15, 16 and 17 digits and reading
 * each back (20 to 40 times slower, and most computed columns need all 17); Ryu (a larger table and more code
 * for the same speed); Grisu (not always shortest). */

#include "replica-number.h"

#include <math.h>
#include <string.h>

/* The powers of ten that doubles need: g[k] = ceil (10^k × 2^(127 - floor (log2 (10^k)))), that is, the
 * leading 128 bits. */
#define POWER_MIN (-292)
#define POWER_MAX 324
/* 2^1280 / 10^292 keeps far more than 128 bits, and so does 10^324. */
#define N_LIMBS 41

typedef unsigned __int128 Uint128;

static Uint128 powers[POWER_MAX - POWER_MIN + 1];

/* The leading 128 bits of a big number (little-endian limbs), plus one if anything was cut off, or always if
 * @up. */
static Uint128
leading_bits (const guint32 *limbs, gboolean up)
{
  guint top = N_LIMBS - 1;
  guint shift;
  Uint128 bits = 0;
  guint32 next;
  gboolean cut = up;

  while (limbs[top] == 0)
    top--;
  shift = (guint) __builtin_clz (limbs[top]);
  for (guint i = 0; i < 4; i++)
    bits = bits << 32 | (top >= i ? limbs[top - i] : 0);
  next = top >= 4 ? limbs[top - 4] : 0;
  if (shift > 0)
    bits = bits << shift | next >> (32 - shift);
  if ((guint32) (next << shift) != 0)
    cut = TRUE;
  for (guint i = 5; i <= top; i++)
    if (limbs[top - i] != 0)
      cut = TRUE;
  return bits + cut;
}

static void
make_powers (void)
{
  guint32 limbs[N_LIMBS] = { 1 };

  for (int k = 0; k <= POWER_MAX; k++)
    {
      guint64 carry = 0;

      powers[k - POWER_MIN] = leading_bits (limbs, FALSE);
      for (guint i = 0; i < N_LIMBS; i++)
        {
          carry += (guint64) limbs[i] * 10;
          limbs[i] = (guint32) carry;
          carry >>= 32;
        }
    }
  /* floor (floor (x / 10) / 10) is floor (x / 100): dividing again and again stays exact but for what is cut
   * off, and a negative power of ten always has something cut off. */
  memset (limbs, 0, sizeof limbs);
  limbs[N_LIMBS - 1] = 1;
  for (int k = -1; k >= POWER_MIN; k--)
    {
      guint64 rest = 0;

      for (guint i = N_LIMBS; i-- > 0;)
        {
          rest = rest << 32 | limbs[i];
          limbs[i] = (guint32) (rest / 10);
          rest %= 10;
        }
      powers[k - POWER_MIN] = leading_bits (limbs, TRUE);
    }
}

static inline Uint128
power_of_10 (int k)
{
  static gsize made;

  if (g_once_init_enter (&made))
    {
      make_powers ();
      g_once_init_leave (&made, 1);
    }
  return powers[k - POWER_MIN];
}

/* The upper 64 of the 192 bits of g × c, the lowest of them set if any bit below was: enough to compare
 * rightly. */
static inline guint64
multiply_round_to_odd (Uint128 g, guint64 c)
{
  Uint128 low = (Uint128) (guint64) g * c;
  Uint128 high = (Uint128) (guint64) (g >> 64) * c + (guint64) (low >> 64);

  return (guint64) (high >> 64) | ((guint64) high > 1);
}

/* @value > 0: the digits and the exponent of the shortest decimal. */
static guint64
shortest (double value, int *exponent10)
{
  guint64 bits, fraction, c, lower, upper, left, middle, right, s;
  int biased, q, k, h;
  gboolean odd, closer;
  Uint128 g;

  memcpy (&bits, &value, sizeof bits);
  fraction = bits & ((1ull << 52) - 1);
  biased = (int) (bits >> 52);
  /* value = c × 2^q */
  c = biased != 0 ? fraction | 1ull << 52 : fraction;
  q = (biased != 0 ? biased : 1) - 1075;
  /* Below a power of two the doubles are twice as close. */
  closer = fraction == 0 && biased > 1;
  odd = c & 1;

  /* k = floor (log10 (2^q)), or of ¾ 2^q; h so that everything below fits 64 bits. */
  k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
  h = q + ((-k * 1741647) >> 19) + 1;
  g = power_of_10 (-k);
  left = multiply_round_to_odd (g, (4 * c - 2 + closer) << h);
  middle = multiply_round_to_odd (g, (4 * c) << h);
  right = multiply_round_to_odd (g, (4 * c + 2) << h);
  /* The ends belong to the interval when reading rounds a tie to even towards us. */
  lower = left + odd;
  upper = right - odd;

  s = middle / 4;
  if (s >= 10)
    {
      guint64 tens = s / 10;
      gboolean below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;

      if (below != above)
        {
          *exponent10 = k + 1;
          return tens + above;
        }
    }
  *exponent10 = k;
  {
    gboolean below = lower <= 4 * s, above = 4 * s + 4 <= upper;

    if (below != above)
      return s + above;
  }
  return s + (middle > 4 * s + 2 || (middle == 4 * s + 2 && (s & 1)));
}

/* Everything is written where it stays: a copy of digits just written would wait for the stores. */
gsize
replica_write_double (char *buffer, double value)
{
  guint64 decimal;
  int exponent, point;
  gsize n, length = 0;

  g_assert (isfinite (value));
  if (signbit (value))
    {
      buffer[length++] = '-';
      value = -value;
    }
  if (value < 9007199254740992.0 && value == (double) (gint64) value)
    return length + replica_write_int64 (buffer + length, (gint64) value);

  decimal = shortest (value, &exponent);
  while (decimal % 10 == 0)
    {
      decimal /= 10;
      exponent++;
    }
  if (exponent < 0 && exponent >= -REPLICA_DECIMAL_SCALE_MAX && value >= 1e-6)
    return length + replica_write_decimal (buffer + length, decimal, (guint) -exponent);

  buffer += length;
  n = replica_write_int64 (buffer + 1, (gint64) decimal);
  point = (int) n + exponent; /* digits before the point */
  if (exponent >= 0 && point <= 21)
    {
      n = replica_write_int64 (buffer, (gint64) decimal);
      memset (buffer + n, '0', (gsize) exponent);
      return length + n + (gsize) exponent;
    }
  if (point <= 0 && point > -6)
    {
      memcpy (buffer, "0.00000", 7);
      return length + 2 + (gsize) -point + replica_write_int64 (buffer + 2 - point, (gint64) decimal);
    }
  buffer[0] = buffer[1];
  buffer[1] = '.';
  n = n > 1 ? n + 1 : 1;
  buffer[n++] = 'e';
  return length + n + replica_write_int64 (buffer + n, point - 1);
}
