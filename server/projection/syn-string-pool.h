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

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynStringPool, syn_string_pool_free)

G_END_DECLS
