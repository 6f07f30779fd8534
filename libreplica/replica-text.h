/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

/* The order of strings, everywhere: by bytes, which for UTF-8 is by code point; they may hold NULs. Internal to the repository. */

G_BEGIN_DECLS

/* Below, equal to or above 0. */
static inline int
replica_compare_text (const char *a, gsize a_length, const char *b, gsize b_length)
{
  int order = memcmp (a, b, MIN (a_length, b_length));

  return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

G_END_DECLS
