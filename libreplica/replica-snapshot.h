/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"

G_BEGIN_DECLS

/**
 * ReplicaToken:
 * @epoch: changes with each activation of the projection's owner; 0 only in the token of "none"
 * @serial: counts snapshots within the epoch, from 1
 *
 * Names a snapshot. Opaque to clients but for equality; {0, 0} names none.
 */
typedef struct {
  guint64 epoch;
  guint64 serial;
} ReplicaToken;

#define REPLICA_TOKEN_NONE ((ReplicaToken) { 0, 0 })
#define REPLICA_TOKEN_TEXT_MAX 40
/* A snapshot larger than this is not made, and not accepted. */
#define REPLICA_SNAPSHOT_MAX_BYTES (1u << 30)
#define REPLICA_SNAPSHOT_MAX_COLUMNS 1024
/* Of the JSON and the CSV form, in which a string stands in each of its rows: a form that is larger is not made. */
#define REPLICA_SNAPSHOT_MAX_TEXT_BYTES (256u << 20)

static inline gboolean
replica_token_equal (ReplicaToken a, ReplicaToken b)
{
  return a.epoch == b.epoch && a.serial == b.serial;
}

/* As text, `EPOCH-SERIAL` in lower-case hexadecimal, as in ETags and JSON. @buffer: REPLICA_TOKEN_TEXT_MAX bytes. */
REPLICA_PUBLIC const char *replica_token_format (ReplicaToken token, char *buffer);
REPLICA_PUBLIC gboolean replica_token_parse (const char *text, ReplicaToken *token);

#define REPLICA_TYPE_SNAPSHOT (replica_snapshot_get_type ())

/**
 * ReplicaSnapshot:
 *
 * An immutable state of a projection, refcounted atomically, shared freely between threads. In memory it is
 * its own wire form (docs/protocol.md, "Snapshot"): making one from bytes checks them and copies nothing.
 */
typedef struct _ReplicaSnapshot ReplicaSnapshot;

REPLICA_PUBLIC GType replica_snapshot_get_type (void);

/**
 * replica_snapshot_new_from_bytes:
 * @bytes: a snapshot's wire form; kept, not copied (unless its data is not 8-aligned)
 *
 * Checks everything: bounds, alignment, UTF-8, codes within dictionaries. After that no accessor can go out
 * of bounds, whatever the bytes came from.
 *
 * Returns: (transfer full): the snapshot, or %NULL with %REPLICA_ERROR_PROTOCOL or %REPLICA_ERROR_TOO_LARGE
 */
REPLICA_PUBLIC ReplicaSnapshot *replica_snapshot_new_from_bytes (GBytes *bytes, GError **error);
REPLICA_PUBLIC ReplicaSnapshot *replica_snapshot_ref (ReplicaSnapshot *self);
REPLICA_PUBLIC void replica_snapshot_unref (ReplicaSnapshot *self);

/**
 * replica_snapshot_get_bytes:
 *
 * Returns: (transfer none): the wire form
 */
REPLICA_PUBLIC GBytes *replica_snapshot_get_bytes (ReplicaSnapshot *self);
REPLICA_PUBLIC const char *replica_snapshot_get_path (ReplicaSnapshot *self);
REPLICA_PUBLIC ReplicaToken replica_snapshot_get_token (ReplicaSnapshot *self);
REPLICA_PUBLIC gint64 replica_snapshot_get_time_us (ReplicaSnapshot *self); /* when made, by the server's clock */
/* One in so many ms was made, less often than it should, for the server had too much to do; to a tenth of a second. 0: as often as it should. */
REPLICA_PUBLIC guint replica_snapshot_get_stretched_ms (ReplicaSnapshot *self);
REPLICA_PUBLIC guint replica_snapshot_get_n_rows (ReplicaSnapshot *self);
REPLICA_PUBLIC guint replica_snapshot_get_n_columns (ReplicaSnapshot *self);
REPLICA_PUBLIC const ReplicaColumn *replica_snapshot_get_column (ReplicaSnapshot *self, guint column);
/* The column's index, or -1. */
REPLICA_PUBLIC int replica_snapshot_find_column (ReplicaSnapshot *self, const char *name);

/* The frontier: for each source, the sequence of the last event that this snapshot includes. */
REPLICA_PUBLIC guint replica_snapshot_get_n_frontier (ReplicaSnapshot *self);
REPLICA_PUBLIC const char *replica_snapshot_get_frontier (ReplicaSnapshot *self, guint index, guint64 *sequence);

/**
 * replica_snapshot_get_json:
 *
 * The JSON form `{"path","token","time","key","columns","rows"}`. Made at most once, when first asked for, by whichever thread asks; the
 * same bytes for everyone.
 *
 * Returns: (transfer none) (nullable): UTF-8, without a final newline; %NULL when it has more than
 * %REPLICA_SNAPSHOT_MAX_TEXT_BYTES
 */
REPLICA_PUBLIC GBytes *replica_snapshot_get_json (ReplicaSnapshot *self);

/**
 * replica_snapshot_get_csv:
 *
 * The CSV form with a header line (RFC 4180, but lines end in LF). Made at most once, as the JSON form is.
 *
 * Returns: (transfer none) (nullable): UTF-8; %NULL when it has more than %REPLICA_SNAPSHOT_MAX_TEXT_BYTES
 */
REPLICA_PUBLIC GBytes *replica_snapshot_get_csv (ReplicaSnapshot *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplicaSnapshot, replica_snapshot_unref)

G_END_DECLS
