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

/* Grows an array, the new part zeroed: what a row that never had a value holds. */
static inline gpointer
syn_grow_zeroed (gpointer data, gsize old_size, gsize new_size)
{
  data = g_realloc (data, new_size);
  __builtin_memset ((char *) data + old_size, 0, new_size - old_size);
  return data;
}

G_END_DECLS
