/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How many different values there were, of their 64-bit hashes: a set up to SYN_DISTINCT_EXACT of them, above that a HyperLogLog
 * sketch of SYN_DISTINCT_REGISTERS registers. NULL is the empty one. A plain value of one thread; const functions from any.
 *
 * The set is exact but for colliding hashes: among 1,024 different values the odds of one are 3 in 10^14. The sketch has a standard error
 * of 1.04/√4096 = 1.6 %. Whichever way the values were split and merged, the outcome is the same. */

G_BEGIN_DECLS

#define SYN_DISTINCT_EXACT 1024
#define SYN_DISTINCT_REGISTERS 4096
#define SYN_DISTINCT_MAX_BYTES (12 * 1024) /* more than one ever takes */

typedef struct _SynDistinct SynDistinct;

void syn_distinct_free (SynDistinct *self);
/* Adds a hash, of any value but 0. Takes @self, which may be NULL, and returns what takes its place. */
SynDistinct *syn_distinct_add (SynDistinct *self, guint64 hash);
SynDistinct *syn_distinct_merge (SynDistinct *self, const SynDistinct *other);
guint64 syn_distinct_get_count (const SynDistinct *self);
gboolean syn_distinct_is_exact (const SynDistinct *self);
gsize syn_distinct_get_bytes (const SynDistinct *self);
/* What syn_distinct_load() takes; never part of it: how the set is laid out. */
void syn_distinct_save (const SynDistinct *self, GByteArray *out);
/* Reads one from *@at, which moves on; FALSE when the bytes up to @end are none. */
gboolean syn_distinct_load (SynDistinct **self, const guint8 **at, const guint8 *end);

/* The same on every silo and in every version, for states are saved and merged. So whoever chooses the values can choose
 * what collides, and make a count too low; of the set's places, which are seeded by process, they know nothing. Never 0. */
guint64 syn_distinct_hash_words (const guint64 *words, guint n_words);
guint64 syn_distinct_hash_text (const char *text, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynDistinct, syn_distinct_free)

G_END_DECLS
