/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Roots, powers and logarithms, as doubles; signs; and exact division. What has no result (a root or a logarithm below its
 * domain, a division by zero, a result that does not fit) is null. Pure functions over arrays; any thread. */
#include "syn-program-private.h"

#include "replica-number.h"

#include <math.h>

/* Domain errors are NaN, poles and overflows infinite: both are null in the end. */
#define MATH_ROWS(RESULT)                                                                                    \
  for (guint i = 0; i < n_rows; i++)                                                                         \
    {                                                                                                        \
      data[i] = (RESULT);                                                                                    \
      infinite |= !isfinite (data[i]);                                                                       \
    }                                                                                                        \
  break;

void
syn_kernel_math (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  double *data = syn_register_data (out, (gsize)n_rows * sizeof (double));
  const double *x = args[0]->data, *y = args[1] != NULL ? args[1]->data : NULL;
  gboolean infinite = FALSE;

  syn_register_set_validity (out, args[0], args[1], n_rows);
  switch ((SynMathFunc)step->digits)
    {
    case SYN_MATH_SQRT:
      MATH_ROWS (sqrt (x[i]))
    case SYN_MATH_LN:
      MATH_ROWS (log (x[i]))
    case SYN_MATH_LOG10:
      MATH_ROWS (log10 (x[i]))
    case SYN_MATH_EXP:
      MATH_ROWS (exp (x[i]))
    default:
      MATH_ROWS (pow (x[i], y[i]))
    }
  if (infinite)
    syn_register_drop_infinite (out, data, n_rows);
}

void
syn_kernel_sign (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  gint64 *data = syn_register_data (out, (gsize)n_rows * sizeof (gint64));

  syn_register_set_validity (out, column, NULL, n_rows);
  if (column->type == REPLICA_TYPE_DOUBLE)
    {
      const double *x = column->data;

      for (guint i = 0; i < n_rows; i++)
        data[i] = (x[i] > 0) - (x[i] < 0);
    }
  else
    for (guint i = 0; i < n_rows; i++)
      {
        ReplicaInt128 x = replica_column_get_int128 (column, i);

        data[i] = (x > 0) - (x < 0);
      }
}

typedef unsigned __int128 Uint128;

/* To the nearest, halves up: @rest of @divisor is left of @quotient. */
static inline Uint128
round_up (Uint128 quotient, Uint128 rest, Uint128 divisor)
{
  return quotient + (rest >= divisor - rest);
}

/* a × 10^exponent / b for magnitudes up to 2^127, b not 0; FALSE when it does not fit. */
static gboolean
divide (Uint128 a, Uint128 b, int exponent, Uint128 *result)
{
  const Uint128 largest = (Uint128)1 << 127;
  Uint128 quotient, rest;

  for (; exponent < 0; exponent++)
    if (__builtin_mul_overflow (b, (Uint128)10, &b))
      {
        /* Beyond 2^128: more than twice whatever is divided. */
        *result = 0;
        return TRUE;
      }
  quotient = a / b;
  rest = a % b;
  /* Digit by digit, as on paper: a × 10^exponent itself may need 250 bits. */
  for (; exponent > 0 && (quotient != 0 || rest != 0); exponent--)
    {
      Uint128 product = 0;
      guint digit = 0;

      if (rest <= G_MAXUINT64)
        {
          product = rest * 10;
          digit = (guint)(product / b);
          product %= b;
        }
      else
        /* Sums of two numbers below 2^127 fit. */
        for (guint i = 0; i < 10; i++)
          {
            product += rest;
            if (product >= b)
              {
                product -= b;
                digit++;
              }
          }
      rest = product;
      if (quotient > (largest - digit) / 10)
        return FALSE;
      quotient = quotient * 10 + digit;
    }
  *result = round_up (quotient, rest, b);
  return *result < largest;
}

static inline Uint128
magnitude (ReplicaInt128 value)
{
  return value < 0 ? 0 - (Uint128)value : (Uint128)value;
}

void
syn_kernel_divide (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *a = args[0], *b = args[1];
  void *data = syn_register_data (out, (gsize)n_rows * sizeof (ReplicaInt128));
  int exponent = (int)step->constant;
  gboolean narrow = a->width == 8 && b->width == 8 && exponent >= 0 && exponent <= REPLICA_DECIMAL_SCALE_MAX;
  Uint128 factor = narrow ? replica_powers_of_ten[exponent] : 1;
  guint8 *validity = NULL;

  syn_register_set_validity (out, a, b, n_rows);
  for (guint i = 0; i < n_rows; i++)
    {
      ReplicaInt128 x = replica_column_get_int128 (a, i), y = replica_column_get_int128 (b, i);
      Uint128 divisor = magnitude (y), result = 0;
      gboolean fits = y != 0;

      if (fits && narrow)
        {
          /* 63 bits times 10^18 fit. */
          Uint128 product = magnitude (x) * factor;

          result = round_up (product / divisor, product % divisor, divisor);
        }
      else if (fits)
        fits = divide (magnitude (x), divisor, exponent, &result);
      if (!fits)
        result = 0;
      syn_store128 (data, i, (x < 0) != (y < 0) ? -(ReplicaInt128)result : (ReplicaInt128)result);
      if (!fits)
        {
          if (validity == NULL)
            validity = syn_register_ensure_validity (out, n_rows);
          syn_set_null (validity, i);
        }
    }
}
