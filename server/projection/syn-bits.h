/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Validity bitmaps, as in ReplicaColumn: bit `row % 8` of byte `row / 8`. */

G_BEGIN_DECLS

static inline gboolean
syn_bit_get (const guint8 *bits, guint row)
{
  return (bits[row >> 3] >> (row & 7)) & 1;
}

static inline void
syn_bit_set (guint8 *bits, guint row)
{
  bits[row >> 3] |= (guint8) (1u << (row & 7));
}

static inline void
syn_bit_clear (guint8 *bits, guint row)
{
  bits[row >> 3] &= (guint8) ~(1u << (row & 7));
}

static inline void
syn_bit_copy (guint8 *bits, guint to, guint from)
{
  if (syn_bit_get (bits, from))
    syn_bit_set (bits, to);
  else
    syn_bit_clear (bits, to);
}

static inline gsize
syn_bits_size (guint n_rows)
{
  return ((gsize) n_rows + 7) / 8;
}

/* Copies elements of @size bytes by their numbers: those of @from to the same places of @to. */
static inline void
syn_copy_elements (gpointer to, gconstpointer from, gsize size, const guint32 *rows, guint n)
{
  if (size == sizeof (guint64))
    for (guint i = 0; i < n; i++)
      ((guint64 *) to)[rows[i]] = ((const guint64 *) from)[rows[i]];
  else if (size == sizeof (guint32))
    for (guint i = 0; i < n; i++)
      ((guint32 *) to)[rows[i]] = ((const guint32 *) from)[rows[i]];
  else
    for (guint i = 0; i < n; i++)
      __builtin_memcpy ((char *) to + rows[i] * size, (const char *) from + rows[i] * size, size);
}

static inline void
syn_copy_bits (guint8 *to, const guint8 *from, const guint32 *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      guint8 bit = (guint8) (1u << (rows[i] & 7)), *byte = &to[rows[i] >> 3];

      *byte = (guint8) ((*byte & ~bit) | (from[rows[i] >> 3] & bit));
    }
}

/* Grows an array, the new part zeroed: what a row that never had a value holds. */
static inline gpointer
syn_grow_zeroed (gpointer data, gsize old_size, gsize new_size)
{
  data = g_realloc (data, new_size);
  __builtin_memset ((char *) data + old_size, 0, new_size - old_size);
  return data;
}

G_END_DECLS
