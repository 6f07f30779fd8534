/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Comparisons: a loop for each operator and representation, chosen once a column. Pure functions over arrays;
 * any thread. */
#include "replica-text.h"
#include "syn-program-private.h"

#include <string.h>

/* One loop an operator; A and B are expressions of the row i. */
#define COMPARE_ROWS(op, A, B)                                                                               \
  switch (op)                                                                                                \
    {                                                                                                        \
    case SYN_OP_EQ:                                                                                          \
      for (guint i = 0; i < n_rows; i++)                                                                     \
        data[i] = (A) == (B);                                                                                \
      break;                                                                                                 \
    case SYN_OP_NE:                                                                                          \
      for (guint i = 0; i < n_rows; i++)                                                                     \
        data[i] = (A) != (B);                                                                                \
      break;                                                                                                 \
    case SYN_OP_LT:                                                                                          \
      for (guint i = 0; i < n_rows; i++)                                                                     \
        data[i] = (A) < (B);                                                                                 \
      break;                                                                                                 \
    case SYN_OP_LE:                                                                                          \
      for (guint i = 0; i < n_rows; i++)                                                                     \
        data[i] = (A) <= (B);                                                                                \
      break;                                                                                                 \
    case SYN_OP_GT:                                                                                          \
      for (guint i = 0; i < n_rows; i++)                                                                     \
        data[i] = (A) > (B);                                                                                 \
      break;                                                                                                 \
    default:                                                                                                 \
      for (guint i = 0; i < n_rows; i++)                                                                     \
        data[i] = (A) >= (B);                                                                                \
      break;                                                                                                 \
    }

static inline gboolean
decide (SynOp op, int order)
{
  switch (op)
    {
    case SYN_OP_EQ:
      return order == 0;
    case SYN_OP_NE:
      return order != 0;
    case SYN_OP_LT:
      return order < 0;
    case SYN_OP_LE:
      return order <= 0;
    case SYN_OP_GT:
      return order > 0;
    default:
      return order >= 0;
    }
}

/* a × fa against b × fb, of which at most one factor is not 1: a product that does not fit is farther out
 * than all that do. */
static inline int
order_scaled (ReplicaInt128 a, gint64 fa, ReplicaInt128 b, gint64 fb)
{
  ReplicaInt128 x, y;

  if (__builtin_mul_overflow (a, (ReplicaInt128)fa, &x))
    return a > 0 ? 1 : -1;
  if (__builtin_mul_overflow (b, (ReplicaInt128)fb, &y))
    return b > 0 ? -1 : 1;
  return x < y ? -1 : x > y;
}

static void
compare_with_constant (const SynStep *step, const ReplicaColumn *column, guint8 *data, guint n_rows)
{
  ReplicaInt128 constant = step->constant;
  gint64 factor = step->factors[0];

  if (column->width == 16)
    {
      const void *values = column->data;
      COMPARE_ROWS (step->op, order_scaled (syn_load128 (values, i), factor, constant, 1), 0);
    }
  else if (factor != 1)
    {
      const gint64 *values = column->data;
      COMPARE_ROWS (step->op, (ReplicaInt128)values[i] * factor, constant);
    }
  else if (constant == (gint64)constant)
    {
      const gint64 *values = column->data;
      gint64 narrow = (gint64)constant;
      COMPARE_ROWS (step->op, values[i], narrow);
    }
  else
    memset (data, decide (step->op, constant > 0 ? -1 : 1), n_rows);
}

void
syn_kernel_compare_exact (const SynStep *step,
                          const ReplicaColumn *const *args,
                          SynRegister *out,
                          guint n_rows)
{
  guint8 *data = syn_register_data (out, n_rows);
  const ReplicaColumn *a = args[0], *b = args[1];
  gint64 fa = step->factors[0], fb = step->factors[1];

  syn_register_set_validity (out, a, b, n_rows);
  if (b == NULL)
    compare_with_constant (step, a, data, n_rows);
  else if (a->width == 8 && b->width == 8)
    {
      const gint64 *x = a->data, *y = b->data;

      if (fa == 1 && fb == 1)
        COMPARE_ROWS (step->op, x[i], y[i])
      else
        COMPARE_ROWS (step->op, (ReplicaInt128)x[i] * fa, (ReplicaInt128)y[i] * fb)
    }
  else if (a->width == 16 && b->width == 16)
    COMPARE_ROWS (step->op, order_scaled (syn_load128 (a->data, i), fa, syn_load128 (b->data, i), fb), 0)
  else if (a->width == 16)
    COMPARE_ROWS (step->op, order_scaled (syn_load128 (a->data, i), fa, ((const gint64 *)b->data)[i], fb), 0)
  else
    COMPARE_ROWS (step->op, order_scaled (((const gint64 *)a->data)[i], fa, syn_load128 (b->data, i), fb), 0)
  syn_register_mask_bools (out, n_rows);
}

void
syn_kernel_compare_double (const SynStep *step,
                           const ReplicaColumn *const *args,
                           SynRegister *out,
                           guint n_rows)
{
  guint8 *data = syn_register_data (out, n_rows);
  const double *x = args[0]->data;

  syn_register_set_validity (out, args[0], args[1], n_rows);
  if (args[1] != NULL)
    {
      const double *y = args[1]->data;
      COMPARE_ROWS (step->op, x[i], y[i]);
    }
  else
    {
      double y = step->number;
      COMPARE_ROWS (step->op, x[i], y);
    }
  syn_register_mask_bools (out, n_rows);
}

void
syn_kernel_compare_bool (const SynStep *step,
                         const ReplicaColumn *const *args,
                         SynRegister *out,
                         guint n_rows)
{
  guint8 *data = syn_register_data (out, n_rows);
  const guint8 *x = args[0]->data, *y = args[1]->data;

  syn_register_set_validity (out, args[0], args[1], n_rows);
  COMPARE_ROWS (step->op, x[i], y[i]);
  syn_register_mask_bools (out, n_rows);
}

static inline gsize
entry_length (const ReplicaColumn *column, guint32 code)
{
  return column->dict_offsets[code + 1] - column->dict_offsets[code] - 1;
}

void
syn_kernel_compare_string (const SynStep *step,
                           const ReplicaColumn *const *args,
                           SynRegister *out,
                           guint n_rows)
{
  guint8 *data = syn_register_data (out, n_rows);
  const ReplicaColumn *a = args[0], *b = args[1];
  const guint32 *x = a->data, *y = b->data;

  syn_register_set_validity (out, a, b, n_rows);
  /* An empty dictionary goes with nothing but nulls. */
  if (a->n_dict == 0 || b->n_dict == 0)
    memset (data, 0, n_rows);
  else
    COMPARE_ROWS (step->op,
                  replica_compare_text (a->dict_bytes + a->dict_offsets[x[i]], entry_length (a, x[i]),
                               b->dict_bytes + b->dict_offsets[y[i]], entry_length (b, y[i])),
                  0)
  syn_register_mask_bools (out, n_rows);
}

static inline gboolean
is_in_set (const SynStep *step, const char *text, gsize length)
{
  guint8 first = (guint8)text[0]; /* there is a NUL behind each entry */

  /* The bit first: it spares nearly all the hashing. */
  return (step->first_bytes[first / 64] >> (first % 64) & 1) && syn_dict_contains (step->set, text, length);
}

static inline gboolean
has_prefix (const char *text, gsize length, const char *prefix, gsize n_prefix)
{
  /* The first byte by itself: most strings end here, before a call. */
  return length >= n_prefix && (n_prefix == 0 || (text[0] == prefix[0] && memcmp (text, prefix, n_prefix) == 0));
}

/* @codes: NULL for all entries, else those of @n_rows rows, each when it is first met. */
#define TEST_ENTRIES(ANSWER)                                                                                 \
  if (codes == NULL)                                                                                         \
    for (guint k = 0; k < column->n_dict; k++)                                                               \
      answers[k] = (guint8)(ANSWER);                                                                         \
  else                                                                                                       \
    for (guint i = 0; i < n_rows; i++)                                                                       \
      {                                                                                                      \
        guint32 k = codes[i];                                                                                \
        if (answers[k] == NOT_ASKED)                                                                         \
          answers[k] = (guint8)(ANSWER);                                                                     \
      }

#define NOT_ASKED 2
#define ENTRY column->dict_bytes + column->dict_offsets[k], entry_length (column, k)

static void
test_entries (const SynStep *step, const ReplicaColumn *column, const guint32 *codes, guint n_rows, guint8 *answers)
{
  gsize n_prefix = 0;
  const char *prefix = step->glob != NULL ? syn_glob_get_prefix (step->glob, &n_prefix) : NULL;

  if (prefix != NULL)
    TEST_ENTRIES (has_prefix (ENTRY, prefix, n_prefix))
  else if (step->glob != NULL)
    TEST_ENTRIES (syn_glob_match (step->glob, ENTRY))
  else if (step->set != NULL)
    TEST_ENTRIES (is_in_set (step, ENTRY))
  else if (step->op == SYN_OP_EQ || step->op == SYN_OP_NE)
    TEST_ENTRIES ((entry_length (column, k) == step->text_length
                   && memcmp (column->dict_bytes + column->dict_offsets[k], step->text, step->text_length) == 0)
                  == (step->op == SYN_OP_EQ))
  else
    TEST_ENTRIES (decide (step->op, replica_compare_text (ENTRY, step->text, step->text_length)))
}

/* What is asked of a string is asked once an entry of the dictionary; the rows only look their code up. A dictionary much
 * smaller than the rows is asked whole, without a branch a row; of a larger one, only those that are met. */
void
syn_kernel_test_string (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  const guint32 *codes = column->data;
  guint8 *data = syn_register_data (out, n_rows);
  guint8 *answers = syn_register_scratch (out, MAX (column->n_dict, 1));

  /* An empty dictionary goes with nothing but nulls, whose code is 0. */
  answers[0] = 0;
  if (column->n_dict > n_rows / 4)
    memset (answers, NOT_ASKED, column->n_dict);
  if (column->n_dict > 0)
    test_entries (step, column, column->n_dict > n_rows / 4 ? codes : NULL, n_rows, answers);
  syn_register_set_validity (out, column, NULL, n_rows);
  for (guint i = 0; i < n_rows; i++)
    data[i] = answers[codes[i]];
  syn_register_mask_bools (out, n_rows);
}
