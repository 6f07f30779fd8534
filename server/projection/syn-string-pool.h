/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"

/* The strings of one column of state, each distinct one once: a dictionary that grows. It is laid out as a ReplicaColumn's
 * dictionary, so that a snapshot takes it as it is. Strings are not counted: those that no row names any more are dropped
 * by compaction, which whoever owns the codes runs between batches, so that churn does not grow it without bound. */

G_BEGIN_DECLS

#define SYN_NO_STRING G_MAXUINT32

typedef struct _SynStringPool SynStringPool;

/* @max_bytes: text (with a NUL each) above which nothing more is taken in; at most 2 GiB. */
SynStringPool *syn_string_pool_new (gsize max_bytes);
void syn_string_pool_free (SynStringPool *self);
/* The code of the text, added when it is new; SYN_NO_STRING when there is no room. May contain NULs. */
guint32 syn_string_pool_intern (SynStringPool *self, const char *text, gsize length);
const char *syn_string_pool_get (const SynStringPool *self, guint32 code, gsize *length);
guint32 syn_string_pool_get_hash (const SynStringPool *self, guint32 code); /* of the text: survives compaction */
guint syn_string_pool_get_length (const SynStringPool *self);               /* dead ones included */
gsize syn_string_pool_get_bytes (const SynStringPool *self);
/* Whether it has doubled since the last compaction: what keeps its cost constant per string added. With @tight (before a
 * snapshot, which sends the dead along) also when it has noticeably more strings than there are rows to name them. */
gboolean syn_string_pool_wants_compaction (const SynStringPool *self, guint n_rows, gboolean tight);
/* Keeps only what @codes names (of rows that are valid), and rewrites them. Order is kept. */
void syn_string_pool_compact (SynStringPool *self, guint32 *codes, const guint8 *validity, guint n_rows);
/* Lends the dictionary to @column until the next intern or compact. */
void syn_string_pool_lend (const SynStringPool *self, ReplicaColumn *column);
/* ---- checkpoints ---- */

/* Copies the next of the first @n_strings of @from, at least one and then about *@budget bytes of them, which are taken off it. TRUE when all are
 * there. @self was empty before the first such call, and takes nothing else in: it only has text by code. @from may take more in meanwhile, but
 * not be compacted. */
gboolean syn_string_pool_copy_some (SynStringPool *self, const SynStringPool *from, guint n_strings, gsize *budget);
/* Bytes that syn_string_pool_load() takes, 8-aligned: the offset of each string, then their text. */
gsize syn_string_pool_get_saved_size (const SynStringPool *self);
void syn_string_pool_save (const SynStringPool *self, GByteArray *out);
/* Into @self, which is empty; strings get the codes they had. There are bytes at @data for what @n_strings and @n_bytes say. FALSE: they are not what
 * was saved. */
gboolean syn_string_pool_load (SynStringPool *self, guint64 n_strings, guint64 n_bytes, const guint8 *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynStringPool, syn_string_pool_free)

G_END_DECLS
