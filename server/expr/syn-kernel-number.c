/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arithmetic and rounding. Loops compute all rows and note whether any result did not fit; only then a second
 * pass makes those rows null, so that the usual case has no branch a row. Pure functions over arrays; any
 * thread. */
#include "syn-program-private.h"

#include <math.h>
#include <string.h>

void
syn_register_drop_infinite (SynRegister *self, double *data, guint n_rows)
{
  guint8 *validity = syn_register_ensure_validity (self, n_rows);

  for (guint i = 0; i < n_rows; i++)
    if (!isfinite (data[i]))
      {
        data[i] = 0;
        syn_set_null (validity, i);
      }
}

void
syn_kernel_to_double (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  double *data = syn_register_data (out, (gsize)n_rows * sizeof (double));
  double divisor = (double)step->factors[0];

  syn_register_set_validity (out, column, NULL, n_rows);
  if (column->width == 16)
    for (guint i = 0; i < n_rows; i++)
      data[i] = (double)syn_load128 (column->data, i) / divisor;
  else if (divisor == 1)
    for (guint i = 0; i < n_rows; i++)
      data[i] = (double)((const gint64 *)column->data)[i];
  else
    for (guint i = 0; i < n_rows; i++)
      data[i] = (double)((const gint64 *)column->data)[i] / divisor;
}

/* To 16 bytes, at a larger scale or the same. */
void
syn_kernel_widen (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  void *data = syn_register_data (out, (gsize)n_rows * sizeof (ReplicaInt128));
  gint64 factor = step->factors[0];
  gboolean overflowed = FALSE;

  syn_register_set_validity (out, column, NULL, n_rows);
  if (column->width == 8)
    {
      const gint64 *values = column->data;

      for (guint i = 0; i < n_rows; i++)
        syn_store128 (data, i, (ReplicaInt128)values[i] * factor);
      return;
    }
  for (guint i = 0; i < n_rows; i++)
    {
      ReplicaInt128 value;

      overflowed |= __builtin_mul_overflow (syn_load128 (column->data, i), (ReplicaInt128)factor, &value);
      syn_store128 (data, i, value);
    }
  if (overflowed)
    {
      guint8 *validity = syn_register_ensure_validity (out, n_rows);

      for (guint i = 0; i < n_rows; i++)
        {
          ReplicaInt128 value;

          if (__builtin_mul_overflow (syn_load128 (column->data, i), (ReplicaInt128)factor, &value))
            syn_set_null (validity, i);
        }
    }
}

#define INT64_ROWS(builtin)                                                                                  \
  for (guint i = 0; i < n_rows; i++)                                                                         \
    overflowed |= builtin (x[i], y[i], &data[i]);                                                            \
  if (overflowed)                                                                                            \
    {                                                                                                        \
      guint8 *validity = syn_register_ensure_validity (out, n_rows);                                         \
      for (guint i = 0; i < n_rows; i++)                                                                     \
        if (builtin (x[i], y[i], &data[i]))                                                                  \
          syn_set_null (validity, i);                                                                            \
    }

/* The remainder has the sign of what is divided, as in C and SQL; by -1 it is 0, which the machine's division of the smallest
 * number traps on. */
static inline gboolean
remainder_fails (gint64 a, gint64 b, gint64 *result)
{
  *result = b == 0 || b == -1 ? 0 : a % b;
  return b == 0;
}

void
syn_kernel_int64 (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  gint64 *data = syn_register_data (out, (gsize)n_rows * sizeof (gint64));
  const gint64 *x = args[0]->data, *y = args[1]->data;
  gboolean overflowed = FALSE;

  syn_register_set_validity (out, args[0], args[1], n_rows);
  switch (step->op)
    {
    case SYN_OP_ADD:
      INT64_ROWS (__builtin_add_overflow);
      break;
    case SYN_OP_SUB:
      INT64_ROWS (__builtin_sub_overflow);
      break;
    case SYN_OP_MOD:
      INT64_ROWS (remainder_fails);
      break;
    default:
      INT64_ROWS (__builtin_mul_overflow);
      break;
    }
}

static inline gboolean
combine (SynOp op, ReplicaInt128 a, gint64 fa, ReplicaInt128 b, gint64 fb, ReplicaInt128 *result)
{
  if (op == SYN_OP_MUL)
    return __builtin_mul_overflow (a, b, result);
  if (__builtin_mul_overflow (a, (ReplicaInt128)fa, &a) || __builtin_mul_overflow (b, (ReplicaInt128)fb, &b))
    return TRUE;
  if (op == SYN_OP_MOD)
    {
      *result = b == 0 || b == -1 ? 0 : a % b;
      return b == 0;
    }
  return op == SYN_OP_ADD ? __builtin_add_overflow (a, b, result) : __builtin_sub_overflow (a, b, result);
}

void
syn_kernel_decimal (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  void *data = syn_register_data (out, (gsize)n_rows * sizeof (ReplicaInt128));
  const ReplicaColumn *a = args[0], *b = args[1];
  gint64 fa = step->factors[0], fb = step->factors[1];
  gboolean overflowed = FALSE;

  syn_register_set_validity (out, a, b, n_rows);
  if (a->width == 8 && b->width == 8 && step->op != SYN_OP_MOD)
    {
      /* 63 bits times 10^18, twice, are less than 127 bits: nothing to check. */
      const gint64 *x = a->data, *y = b->data;

      if (step->op == SYN_OP_MUL)
        for (guint i = 0; i < n_rows; i++)
          syn_store128 (data, i, (ReplicaInt128)x[i] * y[i]);
      else if (step->op == SYN_OP_ADD)
        for (guint i = 0; i < n_rows; i++)
          syn_store128 (data, i, (ReplicaInt128)x[i] * fa + (ReplicaInt128)y[i] * fb);
      else
        for (guint i = 0; i < n_rows; i++)
          syn_store128 (data, i, (ReplicaInt128)x[i] * fa - (ReplicaInt128)y[i] * fb);
      return;
    }
  for (guint i = 0; i < n_rows; i++)
    {
      ReplicaInt128 value = 0;

      overflowed |= combine (step->op, replica_column_get_int128 (a, i), fa, replica_column_get_int128 (b, i),
                             fb, &value);
      syn_store128 (data, i, value);
    }
  if (overflowed)
    {
      guint8 *validity = syn_register_ensure_validity (out, n_rows);

      for (guint i = 0; i < n_rows; i++)
        {
          ReplicaInt128 value;

          if (combine (step->op, replica_column_get_int128 (a, i), fa, replica_column_get_int128 (b, i), fb,
                       &value))
            syn_set_null (validity, i);
        }
    }
}

#define DOUBLE_ROWS(operator)                                                                                \
  for (guint i = 0; i < n_rows; i++)                                                                         \
    {                                                                                                        \
      data[i] = x[i] operator y[i];                                                                          \
      infinite |= !isfinite (data[i]);                                                                       \
    }

void
syn_kernel_double (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  double *data = syn_register_data (out, (gsize)n_rows * sizeof (double));
  const double *x = args[0]->data, *y = args[1]->data;
  gboolean infinite = FALSE;

  syn_register_set_validity (out, args[0], args[1], n_rows);
  switch (step->op)
    {
    case SYN_OP_ADD:
      DOUBLE_ROWS (+);
      break;
    case SYN_OP_SUB:
      DOUBLE_ROWS (-);
      break;
    case SYN_OP_MUL:
      DOUBLE_ROWS (*);
      break;
    case SYN_OP_MOD:
      for (guint i = 0; i < n_rows; i++)
        {
          data[i] = y[i] != 0 ? fmod (x[i], y[i]) : (double)INFINITY;
          infinite |= !isfinite (data[i]);
        }
      break;
    default:
      /* Division by zero is what makes a result infinite; IEEE 754 defines it, C leaves it to IEEE 754. */
      for (guint i = 0; i < n_rows; i++)
        {
          data[i] = y[i] != 0 ? x[i] / y[i] : (double)INFINITY;
          infinite |= !isfinite (data[i]);
        }
      break;
    }
  if (infinite)
    syn_register_drop_infinite (out, data, n_rows);
}

void
syn_kernel_negate (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  gboolean keep_positive = step->flag, overflowed = FALSE;

  syn_register_set_validity (out, column, NULL, n_rows);
  if (step->type == REPLICA_TYPE_DOUBLE)
    {
      const double *x = column->data;
      double *data = syn_register_data (out, (gsize)n_rows * sizeof (double));

      if (keep_positive)
        for (guint i = 0; i < n_rows; i++)
          data[i] = fabs (x[i]);
      else
        for (guint i = 0; i < n_rows; i++)
          data[i] = -x[i];
      return;
    }
  if (step->type == REPLICA_TYPE_INT64)
    {
      const gint64 *x = column->data;
      gint64 *data = syn_register_data (out, (gsize)n_rows * sizeof (gint64));

      for (guint i = 0; i < n_rows; i++)
        {
          overflowed |= x[i] == G_MININT64;
          data[i] = keep_positive && x[i] >= 0 ? x[i] : (gint64)(0 - (guint64)x[i]);
        }
      if (overflowed)
        {
          guint8 *validity = syn_register_ensure_validity (out, n_rows);

          for (guint i = 0; i < n_rows; i++)
            if (x[i] == G_MININT64)
              syn_set_null (validity, i);
        }
      return;
    }
  {
    const ReplicaInt128 smallest = (ReplicaInt128)((unsigned __int128)1 << 127);
    void *data = syn_register_data (out, (gsize)n_rows * sizeof (ReplicaInt128));

    for (guint i = 0; i < n_rows; i++)
      {
        ReplicaInt128 value = replica_column_get_int128 (column, i);

        overflowed |= value == smallest;
        syn_store128 (data, i,
                      keep_positive && value >= 0 ? value : (ReplicaInt128)(0 - (unsigned __int128)value));
      }
    if (overflowed)
      {
        guint8 *validity = syn_register_ensure_validity (out, n_rows);

        for (guint i = 0; i < n_rows; i++)
          if (replica_column_get_int128 (column, i) == smallest)
            syn_set_null (validity, i);
      }
  }
}

/* Ties away from zero, as a ledger rounds. */
#define ROUND_ROWS(Type, LOAD, STORE)                                                                        \
  for (guint i = 0; i < n_rows; i++)                                                                         \
    {                                                                                                        \
      Type value = LOAD, quotient = value / (Type)factor, rest = value % (Type)factor;                       \
      if (mode == SYN_ROUND_NEAREST)                                                                         \
        {                                                                                                    \
          if (rest >= 0 ? rest >= (Type)factor - rest : -rest >= (Type)factor + rest)                        \
            quotient += rest >= 0 ? 1 : -1;                                                                  \
        }                                                                                                    \
      else if (mode == SYN_ROUND_FLOOR && rest < 0)                                                          \
        quotient--;                                                                                          \
      else if (mode == SYN_ROUND_CEIL && rest > 0)                                                           \
        quotient++;                                                                                          \
      STORE;                                                                                                 \
    }

void
syn_kernel_round_decimal (const SynStep *step,
                          const ReplicaColumn *const *args,
                          SynRegister *out,
                          guint n_rows)
{
  const ReplicaColumn *column = args[0];
  SynRoundMode mode = (SynRoundMode)step->constant;
  gint64 factor = step->factors[0];

  syn_register_set_validity (out, column, NULL, n_rows);
  if (column->width == 8)
    {
      const gint64 *x = column->data;
      gint64 *data = syn_register_data (out, (gsize)n_rows * sizeof (gint64));

      out->column.width = 8;
      ROUND_ROWS (gint64, x[i], data[i] = quotient)
    }
  else
    {
      void *data = syn_register_data (out, (gsize)n_rows * sizeof (ReplicaInt128));

      ROUND_ROWS (ReplicaInt128, syn_load128 (column->data, i), syn_store128 (data, i, quotient))
    }
}

void
syn_kernel_round_double (const SynStep *step,
                         const ReplicaColumn *const *args,
                         SynRegister *out,
                         guint n_rows)
{
  const double *x = args[0]->data;
  double *data = syn_register_data (out, (gsize)n_rows * sizeof (double));
  double factor = (double)step->factors[0];
  SynRoundMode mode = (SynRoundMode)step->constant;

  syn_register_set_validity (out, args[0], NULL, n_rows);
  for (guint i = 0; i < n_rows; i++)
    {
      double scaled = x[i] * factor;

      /* Plus zero, so that what is rounded away does not leave a minus sign behind. From 2^52 on a double has
       * no digits after the point that could be rounded off. */
      if (!(fabs (scaled) < 0x1p52))
        data[i] = x[i];
      else
        data[i] = (mode == SYN_ROUND_NEAREST ? round (scaled)
                   : mode == SYN_ROUND_FLOOR ? floor (scaled)
                                             : ceil (scaled))
                      / factor
                  + 0.0;
    }
}
