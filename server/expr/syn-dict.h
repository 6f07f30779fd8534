/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A set of strings, numbered as they come: the dictionary of a string column under construction, and what `in` looks up.
 * Strings may hold NULs. One thread while it grows; a set that no longer grows may be searched from any. */

G_BEGIN_DECLS

typedef struct {
  guint32 *offsets; /* n + 1; string k ends with a NUL, which is not part of it */
  gsize offsets_size;
  char *bytes;
  gsize bytes_size;
  guint32 *slots; /* open addressing: entry + 1, 0: free */
  guint n_slots;
  guint n;
} SynDict;

/* Empty, but for its buffers; also the first thing to do to one that is all zeros. */
void syn_dict_reset (SynDict *self);
/* The code of this string, new or known. */
guint32 syn_dict_intern (SynDict *self, const char *text, gsize length);
gboolean syn_dict_contains (const SynDict *self, const char *text, gsize length);
/* The bytes of all strings together, with their NULs. */
gsize syn_dict_get_size (const SynDict *self);
void syn_dict_clear (SynDict *self);

G_END_DECLS
