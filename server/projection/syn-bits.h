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

/* Copies @n elements of @size bytes: number @from_rows[i] of @from to number @to_rows[i] of @to; NULL: i. */
static inline void
syn_copy_elements (gpointer to, const guint32 *to_rows, gconstpointer from, const guint32 *from_rows, gsize size, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      gsize at = to_rows != NULL ? to_rows[i] : i, of = from_rows != NULL ? from_rows[i] : i;

      if (size == sizeof (guint64))
        ((guint64 *) to)[at] = ((const guint64 *) from)[of];
      else if (size == sizeof (guint32))
        ((guint32 *) to)[at] = ((const guint32 *) from)[of];
      else
        __builtin_memcpy ((char *) to + at * size, (const char *) from + of * size, size);
    }
}

static inline void
syn_copy_bits (guint8 *to, const guint32 *to_rows, const guint8 *from, const guint32 *from_rows, guint n)
{
  for (guint i = 0; i < n; i++)
    if (syn_bit_get (from, from_rows != NULL ? from_rows[i] : i))
      syn_bit_set (to, to_rows != NULL ? to_rows[i] : i);
    else
      syn_bit_clear (to, to_rows != NULL ? to_rows[i] : i);
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
