/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-schema.h"

/* Keys to row numbers. A key is the values of the key columns, of which null is one too, and in windows the start of the
 * bucket. Rows are numbered from 0 without gaps, in order of arrival; a row keeps its number until it is removed, or
 * moves into the hole that another leaves. The key columns are stored column-wise, as a snapshot takes them. */

G_BEGIN_DECLS

#define SYN_NO_ROW G_MAXUINT32

typedef struct _SynKeyTable SynKeyTable;

/* @keys: @n_keys of them (0: all events share one row); @windowed: the bucket's start comes after them. @max_rows,
 * @max_text_bytes (per string column): above them keys that are new get no row. */
SynKeyTable *syn_key_table_new (const SynColumnSpec *keys, guint n_keys, gboolean windowed, guint max_rows, gsize max_text_bytes);
void syn_key_table_free (SynKeyTable *self);
/* The rows of @n events into @rows, made when new; SYN_NO_ROW where there is no room for a new one. @columns: the key
 * columns of the batch; @starts: per entry of @events (not per event of the batch), NULL without windows. */
void syn_key_table_map (SynKeyTable *self, const ReplicaColumn *const *columns, const gint64 *starts, const guint32 *events,
                        guint n, guint32 *rows);
guint syn_key_table_get_n_rows (const SynKeyTable *self);
guint syn_key_table_get_capacity (const SynKeyTable *self); /* rows that fit before the next growth: above n_rows */
gint64 syn_key_table_get_start (const SynKeyTable *self, guint row);
/* Removes @row; the last row takes its number. Returns what was the last row's number. */
guint syn_key_table_remove (SynKeyTable *self, guint row);
/* Drops text that no row uses: when it is due, or (@tight) when there is noticeably more of it than rows. */
void syn_key_table_compact (SynKeyTable *self, gboolean tight);
/* Lends key column @index (after the last key: the window's start) to @column: type, data, validity, dictionary. */
void syn_key_table_lend (const SynKeyTable *self, guint index, ReplicaColumn *column);
/* ---- checkpoints ---- */

/* A copy of @n_rows rows, which is filled later, and then may be copied from or saved, on any thread, and nothing else; with all of the text that there is now, as
 * far as that is copied. Until then @from may change, but not be compacted. */
SynKeyTable *syn_key_table_new_copy (const SynKeyTable *from, guint n_rows);
/* Row @from_rows[i] of @from becomes row @to_rows[i], for each i below @n; NULL: i. */
void syn_key_table_copy_rows (SynKeyTable *self, const guint32 *to_rows, const SynKeyTable *from, const guint32 *from_rows, guint n);
/* About *@budget bytes of text, which are taken off it; TRUE when all is there. */
gboolean syn_key_table_copy_text (SynKeyTable *self, const SynKeyTable *from, gsize *budget);
gsize syn_key_table_get_row_bytes (const SynKeyTable *self); /* about; without text */
gsize syn_key_table_get_saved_size (const SynKeyTable *self);
void syn_key_table_save (const SynKeyTable *self, GByteArray *out);
/* Into @self, which is new, of equal keys. @data needs no alignment. Errors: SYN_ERROR_INVALID: of other keys, cut short or damaged; then @self may only
 * be freed. */
gboolean syn_key_table_load (SynKeyTable *self, const guint8 *data, gsize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynKeyTable, syn_key_table_free)

G_END_DECLS
