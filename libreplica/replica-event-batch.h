/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "replica-column.h"

G_BEGIN_DECLS

#define REPLICA_TYPE_EVENT_BATCH (replica_event_batch_get_type ())

/**
 * ReplicaEventBatch:
 *
 * Events for a source, gathered in columns: what replica_link_publish_batch_async() sends. The fields come first, then event by event their values and
 * replica_event_batch_commit(), or many values of a field at once and replica_event_batch_commit_many(). A field that was not set is null.
 * One thread at a time. It may be cleared and filled again as soon as a call to publish it has returned.
 */
REPLICA_PUBLIC
G_DECLARE_FINAL_TYPE (ReplicaEventBatch, replica_event_batch, REPLICA, EVENT_BATCH, GObject)

/**
 * replica_event_batch_new:
 * @source: the name of a source of kind `http`
 *
 * Returns: (transfer full): a batch without fields; see replica_event_batch_add_field()
 */
REPLICA_PUBLIC ReplicaEventBatch *replica_event_batch_new (const char *source);

/**
 * replica_event_batch_new_from_sources:
 * @sources: the JSON document that `GET /v1/sources` gives, as from replica_link_fetch_finish()
 * @source: the name of one of them
 *
 * Returns: (transfer full): a batch with all of that source's fields, in its order, or %NULL with %REPLICA_ERROR_NOT_FOUND when it is not there,
 *   %REPLICA_ERROR_INVALID when it is not of kind `http`, %REPLICA_ERROR_PROTOCOL when this is no such document
 */
REPLICA_PUBLIC ReplicaEventBatch *replica_event_batch_new_from_sources (GBytes *sources, const char *source, GError **error);

/**
 * replica_event_batch_add_field:
 * @name: of a field of the source
 * @type: its type; the server refuses another one
 * @scale: its scale, for decimals; 0 for others
 *
 * Before the first event.
 *
 * Returns: the field's index, from 0
 */
REPLICA_PUBLIC guint replica_event_batch_add_field (ReplicaEventBatch *self, const char *name, ReplicaType type, guint scale);
REPLICA_PUBLIC const char *replica_event_batch_get_source (ReplicaEventBatch *self);
REPLICA_PUBLIC guint replica_event_batch_get_n_fields (ReplicaEventBatch *self);
REPLICA_PUBLIC const char *replica_event_batch_get_field_name (ReplicaEventBatch *self, guint field);
REPLICA_PUBLIC ReplicaType replica_event_batch_get_field_type (ReplicaEventBatch *self, guint field);
/* The index of the field of this name, or -1. */
REPLICA_PUBLIC int replica_event_batch_find_field (ReplicaEventBatch *self, const char *name);
REPLICA_PUBLIC guint replica_event_batch_get_n_events (ReplicaEventBatch *self); /* committed ones */
/* Bytes that its events take in a message, more or less. */
REPLICA_PUBLIC gsize replica_event_batch_get_size_bytes (ReplicaEventBatch *self);

/* ---- the event that is being made: the last value set counts ---- */

/**
 * replica_event_batch_set_int64:
 * @field: of type int64, bool (0 or 1), timestamp (µs since 1970-01-01T00:00:00Z) or decimal (the value times 10^scale)
 */
REPLICA_PUBLIC void replica_event_batch_set_int64 (ReplicaEventBatch *self, guint field, gint64 value);

/**
 * replica_event_batch_set_double:
 * @field: of type double
 * @value: a finite number: with another one the batch cannot be published
 */
REPLICA_PUBLIC void replica_event_batch_set_double (ReplicaEventBatch *self, guint field, double value);

/**
 * replica_event_batch_set_string:
 * @field: of type string
 * @text: UTF-8, of at most 65,536 bytes: the server checks it
 * @length: its bytes, or -1 when it ends with a NUL
 */
REPLICA_PUBLIC void replica_event_batch_set_string (ReplicaEventBatch *self, guint field, const char *text, gssize length);

/**
 * replica_event_batch_set_text:
 * @field: of any type
 * @text: the value as text, read as the server reads it in JSON and CSV: numbers exactly or not at all, timestamps in RFC 3339, `true` and `false`
 * @length: its bytes, or -1 when it ends with a NUL
 *
 * Returns: %FALSE with %REPLICA_ERROR_INVALID, and nothing is set, when it is no such value
 */
REPLICA_PUBLIC gboolean replica_event_batch_set_text (ReplicaEventBatch *self, guint field, const char *text, gssize length, GError **error);

/* Ends the event, and begins the next. */
REPLICA_PUBLIC void replica_event_batch_commit (ReplicaEventBatch *self);
/* Drops the values that were set since the last event was ended. */
REPLICA_PUBLIC void replica_event_batch_abandon (ReplicaEventBatch *self);

/* ---- many events at once ---- */

/**
 * replica_event_batch_set_int64s:
 * @field: as for replica_event_batch_set_int64()
 * @values: (array length=n_values): of the events that come next
 *
 * The values of a field for @n_values events; replica_event_batch_commit_many() ends them.
 */
REPLICA_PUBLIC void replica_event_batch_set_int64s (ReplicaEventBatch *self, guint field, const gint64 *values, guint n_values);

/**
 * replica_event_batch_set_doubles:
 * @field: of type double
 * @values: (array length=n_values): of the events that come next; finite
 */
REPLICA_PUBLIC void replica_event_batch_set_doubles (ReplicaEventBatch *self, guint field, const double *values, guint n_values);

/**
 * replica_event_batch_set_strings:
 * @field: of type string
 * @values: (array length=n_values): of the events that come next; not %NULL
 */
REPLICA_PUBLIC void replica_event_batch_set_strings (ReplicaEventBatch *self, guint field, const char *const *values, guint n_values);

/* Ends @n_events events: those of a field of which fewer values were set are null, what was set beyond them is dropped. */
REPLICA_PUBLIC void replica_event_batch_commit_many (ReplicaEventBatch *self, guint n_events);

/* Without events; the fields stay. */
REPLICA_PUBLIC void replica_event_batch_clear (ReplicaEventBatch *self);

/**
 * replica_event_batch_to_bytes:
 * @producer: (nullable): who numbers his requests; see replica_link_publish_batch_numbered_async()
 * @number: of the request, from 1; without @producer it does not count
 *
 * Lays the events out as docs/protocol.md says: what goes into a message, and can be kept to be sent again.
 *
 * Returns: (transfer full): the batch's bytes, or %NULL with %REPLICA_ERROR_INVALID (a double that is not finite, text that is not UTF-8, two fields of
 *   one name, a producer that is none) or %REPLICA_ERROR_TOO_LARGE
 */
REPLICA_PUBLIC GBytes *replica_event_batch_to_bytes (ReplicaEventBatch *self, const char *producer, guint64 number, GError **error);

G_END_DECLS
