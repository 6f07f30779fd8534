/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-table.h"

/* The state of a table as bytes, for checkpoints: its rows, how far it has come, and of what definition it is. An image is taken of a table a slice at a
 * time while that goes on taking in events, and holds what it was when it was begun: all events up to its progress, and none after. */

G_BEGIN_DECLS

typedef struct _SynTableImage SynTableImage;

/* Whether there can be an image: not with an aggregate of a module whose states own memory. */
gboolean syn_table_can_save (const SynTable *self);
/* One at a time; freed or complete before the table is freed. Takes as long as there are columns. */
SynTableImage *syn_table_image_new (SynTable *self);
/* About @max_bytes more, on the table's thread. TRUE: it is complete, and from now on of any one thread. */
gboolean syn_table_image_step (SynTableImage *self, gsize max_bytes);
void syn_table_image_free (SynTableImage *self);
guint syn_table_image_get_n_rows (const SynTableImage *self);
const SynProgress *syn_table_image_get_progress (const SynTableImage *self); /* of each input */
gsize syn_table_image_get_saved_size (const SynTableImage *self); /* of a complete one: about */
/* The bytes of a complete one. Errors: TOO_LARGE. */
GBytes *syn_table_image_save (SynTableImage *self, GError **error);

/* Into @self, which is new. Errors: SYN_ERROR_CONFLICT: it is of another definition (sources, key, `where`, window, aggregates) or of another version
 * of the format; INVALID: cut short or damaged. Then @self may only be freed. */
gboolean syn_table_load (SynTable *self, GBytes *bytes, GError **error);
/* What a definition is: equal for projections whose states are alike. Columns that are computed from aggregates are no part of it. */
char *syn_table_describe (const SynProjectionSpec *spec);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynTableImage, syn_table_image_free)

G_END_DECLS
