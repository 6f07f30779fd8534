/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What is saved of a table is a row of parts, each filled up with zeros to a multiple of 8 bytes, so that the next may be looked at in place. */

static inline gsize
syn_padded (gsize size)
{
  return (size + 7) / 8 * 8;
}

static inline void
syn_append_padded (GByteArray *out, gconstpointer data, gsize size)
{
  static const guint8 zeros[8] = { 0 };

  g_byte_array_append (out, data, (guint) size);
  g_byte_array_append (out, zeros, (guint) (syn_padded (size) - size));
}
