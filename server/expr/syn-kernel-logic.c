/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Three-valued logic, and choosing. Booleans are bytes, 0 where null, so that without nulls `and` is & and
 * `or` is |. Pure functions over arrays; any thread. */
#include "syn-program-private.h"

#include <string.h>

static inline guint8
valid_at (const ReplicaColumn *column, guint row)
{
  return column->validity == NULL ? 1 : (guint8)(column->validity[row >> 3] >> (row & 7)) & 1;
}

/* Sets the validity bits from one byte a row; all of them first, so that there is nothing to keep. */
#define VALIDITY_ROWS(VALID)                                                                                 \
  {                                                                                                          \
    guint8 *validity = syn_register_ensure_validity (out, n_rows);                                           \
    memset (validity, 0, ((gsize)n_rows + 7) / 8);                                                           \
    for (guint i = 0; i < n_rows; i++)                                                                       \
      validity[i >> 3] |= (guint8)((VALID) << (i & 7));                                                      \
  }

/* Eight booleans, a byte each, as the bits of one byte; those beyond @n as 0. Byte i of the word is moved to bit 56 + i; no two of the
 * product's other terms meet, so nothing is carried into those. */
static inline guint8
pack_bools (const guint8 *data, guint n)
{
  guint64 word = 0;

  memcpy (&word, data, MIN (n, sizeof word));
  return (guint8)((GUINT64_FROM_LE (word) * G_GUINT64_CONSTANT (0x0102040810204080)) >> 56);
}

/* KNOWN, of eight rows at a time: from va, vb, which of the arguments are, and x8, y8, what they are. */
#define KNOWN_ROWS(KNOWN)                                                                                    \
  {                                                                                                          \
    guint8 *validity = syn_register_ensure_validity (out, n_rows);                                           \
    for (guint i = 0; i < n_rows; i += 8)                                                                    \
      {                                                                                                      \
        guint va = a->validity != NULL ? a->validity[i >> 3] : 0xff;                                         \
        guint vb = b->validity != NULL ? b->validity[i >> 3] : 0xff;                                         \
        guint x8 = pack_bools (x + i, n_rows - i), y8 = pack_bools (y + i, n_rows - i);                      \
        validity[i >> 3] = (guint8)(KNOWN);                                                                  \
      }                                                                                                      \
  }

void
syn_kernel_and (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *a = args[0], *b = args[1];
  const guint8 *x = a->data, *y = b->data;
  guint8 *data = syn_register_data (out, n_rows);

  for (guint i = 0; i < n_rows; i++)
    data[i] = x[i] & y[i];
  if (a->validity == NULL && b->validity == NULL)
    return;
  /* Known when both are, or when one is false. */
  KNOWN_ROWS ((va & vb) | (va & ~x8) | (vb & ~y8))
}

void
syn_kernel_or (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *a = args[0], *b = args[1];
  const guint8 *x = a->data, *y = b->data;
  guint8 *data = syn_register_data (out, n_rows);

  for (guint i = 0; i < n_rows; i++)
    data[i] = x[i] | y[i];
  if (a->validity == NULL && b->validity == NULL)
    return;
  /* Known when both are, or when one is true (a null is stored as 0). */
  KNOWN_ROWS ((va & vb) | x8 | y8)
}

void
syn_kernel_not (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const guint8 *x = args[0]->data;
  guint8 *data = syn_register_data (out, n_rows);

  for (guint i = 0; i < n_rows; i++)
    data[i] = x[i] ^ 1;
  syn_register_set_validity (out, args[0], NULL, n_rows);
  syn_register_mask_bools (out, n_rows);
}

void
syn_kernel_is_null (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const guint8 *validity = args[0]->validity;
  guint8 *data = syn_register_data (out, n_rows);
  guint8 wanted = step->flag ? 1 : 0;

  if (validity == NULL)
    memset (data, wanted, n_rows);
  else
    for (guint i = 0; i < n_rows; i++)
      data[i] = ((guint8)(validity[i >> 3] >> (i & 7)) & 1) == wanted;
}

/* ---- choosing ---- */

/* The codes of two dictionaries into one, each entry when it is first met. */
typedef struct {
  const ReplicaColumn *column;
  guint32 *map; /* G_MAXUINT32: not met yet */
} Translation;

static inline guint32
translate (Translation *self, SynDict *dict, guint32 code)
{
  const ReplicaColumn *column = self->column;

  if (self->map[code] == G_MAXUINT32)
    self->map[code] = syn_dict_intern (dict, column->dict_bytes + column->dict_offsets[code],
                                       column->dict_offsets[code + 1] - column->dict_offsets[code] - 1);
  return self->map[code];
}

/* TAKE says, a row, whether the first one's value is taken. Values of null rows are taken along; strings are
 * not, for the code of a null row need not stand for anything. */
#define CHOOSE_ROWS(Type, TAKE)                                                                              \
  {                                                                                                          \
    const Type *x = a->data, *y = b->data;                                                                   \
    Type *data = syn_register_data (out, (gsize)n_rows * sizeof (Type));                                     \
    for (guint i = 0; i < n_rows; i++)                                                                       \
      data[i] = (TAKE) ? x[i] : y[i];                                                                        \
  }

#define CHOOSE(TAKE)                                                                                         \
  switch (out->column.type)                                                                                  \
    {                                                                                                        \
    case REPLICA_TYPE_BOOL:                                                                                  \
      CHOOSE_ROWS (guint8, TAKE)                                                                             \
      break;                                                                                                 \
    case REPLICA_TYPE_STRING:                                                                                \
      {                                                                                                      \
        const guint32 *x = a->data, *y = b->data;                                                            \
        guint32 *data = syn_register_data (out, (gsize)n_rows * sizeof (guint32));                           \
        Translation of_a, of_b;                                                                              \
        choose_strings_begin (out, a, b, &of_a, &of_b);                                                      \
        for (guint i = 0; i < n_rows; i++)                                                                   \
          {                                                                                                  \
            gboolean first = (TAKE);                                                                         \
            if (!valid_at (first ? a : b, i))                                                                \
              data[i] = 0;                                                                                   \
            else                                                                                             \
              data[i] = first ? translate (&of_a, &out->dict, x[i]) : translate (&of_b, &out->dict, y[i]);   \
          }                                                                                                  \
        syn_register_use_dict (out);                                                                         \
      }                                                                                                      \
      break;                                                                                                 \
    case REPLICA_TYPE_DECIMAL:                                                                               \
      {                                                                                                      \
        void *data = syn_register_data (out, (gsize)n_rows * sizeof (ReplicaInt128));                        \
        for (guint i = 0; i < n_rows; i++)                                                                   \
          syn_store128 (data, i, syn_load128 ((TAKE) ? a->data : b->data, i));                               \
      }                                                                                                      \
      break;                                                                                                 \
    default:                                                                                                 \
      CHOOSE_ROWS (gint64, TAKE)                                                                             \
      break;                                                                                                 \
    }

static void
choose_strings_begin (
    SynRegister *out, const ReplicaColumn *a, const ReplicaColumn *b, Translation *of_a, Translation *of_b)
{
  gsize n = (gsize)a->n_dict + b->n_dict;
  guint32 *maps = syn_register_scratch (out, n * sizeof (guint32));

  memset (maps, 0xff, n * sizeof (guint32));
  *of_a = (Translation){ a, maps };
  *of_b = (Translation){ b, maps + a->n_dict };
  syn_dict_reset (&out->dict);
}

void
syn_kernel_if (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *a = args[1], *b = args[2];
  const guint8 *condition = args[0]->data; /* 0 when null */

  CHOOSE (condition[i])
  if (a->validity != NULL || b->validity != NULL)
    VALIDITY_ROWS (valid_at (condition[i] ? a : b, i))
}

void
syn_kernel_choose (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *a = args[1], *b = args[2];
  const guint8 *condition = args[0]->data; /* 0 when null: then a or b is */

  CHOOSE (condition[i])
  syn_register_set_validity (out, a, b, n_rows);
}

void
syn_kernel_coalesce (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *a = args[0], *b = args[1];

  CHOOSE (valid_at (a, i))
  if (a->validity != NULL && b->validity != NULL)
    VALIDITY_ROWS (valid_at (a, i) | valid_at (b, i))
}
