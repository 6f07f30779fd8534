/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"

/* One aggregate of a projection: its state for every row, a vector per part. Mergeable: the state after some events, merged
 * with the state after others, is the state after both; so events can be conflated, and later sharded, without loss.
 *
 * Events in which an argument is null (or a double that is not finite) are skipped: an aggregate that saw none but those is null, count
 * and distinct are 0. The same to the last bit however events were batched and merged: first, last, min, max, any, all, count,
 * distinct; sum, mean and vwap of int64 and decimals (kept in 128 bits: a sum of int64 that does not fit 64 bits when it is shown is null, one
 * that leaves 128 bits stays null); rate while its buckets hold less than 2^53 units. To the last few bits: sum, mean and vwap of doubles
 * (compensated), stddev, variance, ewma. docs/catalog.md says what each of them means. */

G_BEGIN_DECLS

typedef struct _SynAggregate SynAggregate;

/* @spec: copied but for its expressions and programs, of which only the types count. @max_text_bytes: of first, last, min, max of
 * strings; what the sets of distinct take is bounded by it too, and by SYN_MAX_DISTINCT_BYTES. */
SynAggregate *syn_aggregate_new (const SynAggregateSpec *spec, gsize max_text_bytes);
void syn_aggregate_free (SynAggregate *self);
gsize syn_aggregate_get_bytes (const SynAggregate *self); /* of its state */
/* Room for rows below @n_rows; new ones have seen nothing. */
void syn_aggregate_reserve (SynAggregate *self, guint n_rows);
/* Adds event @events[i] to row @rows[i], for each i below @n in order of arrival. @arguments: as many columns as the spec has arguments,
 * indexed by event. @order_us: (nullable unless syn_aggregate_spec_needs_order()): the time of each event, indexed by event: event time
 * where there is one, else arrival. Returns how many values could not be taken in for want of room; their rows keep what they had. */
guint syn_aggregate_update (SynAggregate *self, const ReplicaColumn *const *arguments, const gint64 *order_us, const guint32 *events,
                            const guint32 *rows, guint n);
/* Adds row @from[i] (NULL: i) of @later, whose events all arrived after those of @self, to row @rows[i], for each i below @n. @later
 * is of an equal spec, is only read, and may be shared by threads. Returns as above. */
guint syn_aggregate_merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n);
/* Makes @rows as if they had seen nothing. */
void syn_aggregate_clear (SynAggregate *self, const guint32 *rows, guint n);
/* Row @last moves to @row (or, when they are the same, goes): what syn_key_table_remove() did to the keys. */
void syn_aggregate_remove (SynAggregate *self, guint row, guint last);
/* Drops text that no row uses, as syn_key_table_compact(). */
void syn_aggregate_compact (SynAggregate *self, guint n_rows, gboolean tight);
/* The results of the first @n_rows as a column, lent until the next call. Its name is not set. */
void syn_aggregate_lend (SynAggregate *self, guint n_rows, ReplicaColumn *column);
/* ---- checkpoints ---- */

/* Whether it can be saved: not when it is of a module whose states own memory. */
gboolean syn_aggregate_can_save (const SynAggregate *self);
/* A copy, as syn_key_table_new_copy() and syn_key_table_copy_rows() make one of keys. No row of it is copied to twice. */
SynAggregate *syn_aggregate_new_copy (const SynAggregate *from, guint n_rows);
void syn_aggregate_copy_rows (SynAggregate *self, const guint32 *to_rows, const SynAggregate *from, const guint32 *from_rows, guint n);
/* The same of another copy @from, which is changed to have values of the same size. */
void syn_aggregate_take_rows (SynAggregate *self, const guint32 *to_rows, SynAggregate *from, guint n);
gboolean syn_aggregate_copy_text (SynAggregate *self, const SynAggregate *from, gsize *budget);
gsize syn_aggregate_get_saved_size (const SynAggregate *self, guint n_rows); /* at most, and about that */
/* Appends the states of the first @n_rows to @out, as bytes that syn_aggregate_load() takes in any process. Text that no row uses is saved too,
 * unless it was compacted. Errors: SYN_ERROR_TOO_LARGE (2 GiB); SYN_ERROR_INVALID: of a module whose states own memory. */
gboolean syn_aggregate_save (const SynAggregate *self, guint n_rows, GByteArray *out, GError **error);
/* Into @self, which is new, of an equal spec. @data needs no alignment. Memory is bounded by @length. Errors: SYN_ERROR_INVALID: another aggregate's,
 * cut short or damaged; then @self may only be freed. */
gboolean syn_aggregate_load (SynAggregate *self, const guint8 *data, gsize length, guint *n_rows, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynAggregate, syn_aggregate_free)

G_END_DECLS
