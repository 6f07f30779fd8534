/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-rows.h"

/* A copy of rows as they were at one moment, made a slice at a time while they go on changing. */

G_BEGIN_DECLS

/* Takes as long as there are columns. One at a time of the same @rows, which may not be cleared before it is complete or freed. */
SynRowsCopy *syn_rows_copy_new (SynRows *rows);
/* Copies about @max_bytes more, on the rows' thread. TRUE: complete; from then on it is on its own, of any thread. */
gboolean syn_rows_copy_step (SynRowsCopy *self, gsize max_bytes);
/* Before any of these rows changes, moves or goes: copies those that have not been. */
void syn_rows_copy_touch (SynRowsCopy *self, const guint32 *rows, guint n);
void syn_rows_copy_free (SynRowsCopy *self); /* any thread, when complete */
guint syn_rows_copy_get_n (const SynRowsCopy *self);

gsize syn_rows_copy_get_saved_size (const SynRowsCopy *self); /* about */
/* Of a complete one, as syn_rows_load() takes it. Errors: TOO_LARGE. */
gboolean syn_rows_copy_save (SynRowsCopy *self, GByteArray *out, GError **error);
/* Into @self, which is new, of an equal spec. Errors: INVALID: of others, cut short or damaged; then @self may only be cleared. */
gboolean syn_rows_load (SynRows *self, const guint8 *data, gsize length, GError **error);
gboolean syn_rows_can_save (const SynRows *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynRowsCopy, syn_rows_copy_free)

G_END_DECLS
