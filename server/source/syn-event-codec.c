/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batches to bytes and back. A batch is columns as a snapshot is, so its bytes are a snapshot's, whose reader is checked against whatever a
 * stranger or a broken disk can send, fuzzed, and copies nothing. Measured in bench/journal beside a bare copy of the columns.
 *
 * Any thread; no state. Rejected: a form of its own without names (48 bytes a column less, and the catalog of then needed to read it), a
 * checksum in here (the journal's record has one over its head too), GVariant, and events as text (each replay would parse them again).
 */
#include "syn-event-codec.h"

#include <string.h>

#include "replica-error.h"
#include "replica-snapshot-builder.h"
#include "replica-wire.h"
#include "syn-error.h"

static GBytes *
fail_encode (const SynSourceSpec *source, GError *cause, GError **error)
{
  gboolean large = g_error_matches (cause, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);

  g_set_error (error, SYN_ERROR, large ? SYN_ERROR_TOO_LARGE : SYN_ERROR_INTERNAL, "source \"%s\": a batch of events has no bytes: %s",
               source->name, cause->message);
  g_error_free (cause);
  return NULL;
}

/* A snapshot has null where a double is NaN or infinite. Events are to come back as they were. */
static gboolean
kept_doubles (SynEventBatch *batch, ReplicaSnapshot *snapshot, GError **error)
{
  const SynSourceSpec *source = syn_event_batch_get_source (batch);
  const ReplicaColumn *const *columns = syn_event_batch_get_columns (batch);
  guint n_events = syn_event_batch_get_n_events (batch);

  for (guint i = 0; i < source->n_fields; i++)
    {
      const guint8 *after = replica_snapshot_get_column (snapshot, i)->validity;

      if (columns[i]->type != REPLICA_TYPE_DOUBLE || after == NULL)
        continue;
      for (guint row = 0; row < n_events; row++)
        if (!(after[row >> 3] & (1u << (row & 7))) && !replica_column_is_null (columns[i], row))
          {
            g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "source \"%s\": field \"%s\" of event %u of a batch is not a finite number",
                         source->name, source->fields[i].name, row + 1);
            return FALSE;
          }
    }
  return TRUE;
}

/* Only the head says anything of the numbering. */
static GBytes *
number_form (SynEventBatch *batch, GBytes *form)
{
  ReplicaWireSnapshot *head = (ReplicaWireSnapshot *) g_bytes_get_data (form, NULL);

  head->epoch = syn_event_batch_get_epoch (batch);
  head->serial = syn_event_batch_get_first_sequence (batch);
  head->time_us = syn_event_batch_get_arrival_us (batch);
  return g_bytes_ref (form);
}

static GBytes *
lay_out (SynEventBatch *batch, GError **error)
{
  const SynSourceSpec *source = syn_event_batch_get_source (batch);
  const ReplicaColumn *const *columns = syn_event_batch_get_columns (batch);
  const ReplicaToken token = { syn_event_batch_get_epoch (batch), syn_event_batch_get_first_sequence (batch) };
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new (source->name, token, syn_event_batch_get_arrival_us (batch),
                                                                  syn_event_batch_get_n_events (batch));
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  GError *cause = NULL;
  guint64 number;
  const char *producer = syn_event_batch_get_producer (batch, &number);

  for (guint i = 0; i < source->n_fields; i++)
    replica_snapshot_builder_add (builder, columns[i]);
  if (producer != NULL)
    replica_snapshot_builder_add_frontier (builder, producer, number);
  snapshot = replica_snapshot_builder_finish (builder, &cause);
  if (snapshot == NULL)
    return fail_encode (source, cause, error);
  if (!kept_doubles (batch, snapshot, error))
    return NULL;
  return g_bytes_ref (replica_snapshot_get_bytes (snapshot));
}

GBytes *
syn_event_codec_encode (SynEventBatch *batch, GError **error)
{
  if (syn_event_batch_get_form (batch) != NULL)
    return number_form (batch, syn_event_batch_get_form (batch));
  return lay_out (batch, error);
}

/* ---- back ---- */

/* What a batch's columns point into. */
typedef struct {
  ReplicaSnapshot *snapshot; /* (owned) */
  gint64 zeros[];            /* a value an event, where a field is null in all; also their validity and dictionary */
} Kept;

static void
kept_free (gpointer data)
{
  Kept *self = data;

  replica_snapshot_unref (self->snapshot);
  g_free (self);
}

static gboolean
refuse_type (const SynSourceSpec *source, const SynFieldSpec *field, const ReplicaColumn *column, GError **error)
{
  const SynColumnSpec is = { .name = field->name, .type = field->type, .scale = field->scale };
  const SynColumnSpec was = { .name = field->name, .type = column->type, .scale = column->scale };
  g_autofree char *is_text = syn_column_spec_type_to_string (&is), *was_text = syn_column_spec_type_to_string (&was);

  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "source \"%s\": field \"%s\" is %s, and was %s when its events were kept", source->name,
               field->name, is_text, was_text);
  return FALSE;
}

/* The usual catalog has not changed: the column is where it was. */
static const ReplicaColumn *
find_column (ReplicaSnapshot *snapshot, const char *name, guint at)
{
  int found;

  if (at < replica_snapshot_get_n_columns (snapshot) && strcmp (replica_snapshot_get_column (snapshot, at)->name, name) == 0)
    return replica_snapshot_get_column (snapshot, at);
  found = replica_snapshot_find_column (snapshot, name);
  return found >= 0 ? replica_snapshot_get_column (snapshot, (guint) found) : NULL;
}

/* The column of each field, NULL where there is none. */
static gboolean
find_columns (const SynSourceSpec *source, ReplicaSnapshot *snapshot, const ReplicaColumn **found, GError **error)
{
  for (guint i = 0; i < source->n_fields; i++)
    {
      const SynFieldSpec *field = &source->fields[i];

      found[i] = find_column (snapshot, field->name, i);
      if (found[i] == NULL)
        continue;
      if (found[i]->type != field->type || found[i]->scale != field->scale)
        return refuse_type (source, field, found[i], error);
      if (found[i]->width != replica_type_get_width (field->type)) /* no batch has decimals of 16 bytes */
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "source \"%s\": field \"%s\" of kept events has values of %u bytes", source->name,
                       field->name, found[i]->width);
          return FALSE;
        }
    }
  return TRUE;
}

static ReplicaSnapshot *
read_snapshot (const SynSourceSpec *source, GBytes *bytes, GError **error)
{
  GError *cause = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = replica_snapshot_new_from_bytes (bytes, &cause);

  if (snapshot == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "source \"%s\": kept events are damaged: %s", source->name, cause->message);
      g_error_free (cause);
      return NULL;
    }
  if (strcmp (replica_snapshot_get_path (snapshot), source->name) != 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "source \"%s\": kept events are those of \"%s\"", source->name,
                   replica_snapshot_get_path (snapshot));
      return NULL;
    }
  if (replica_snapshot_get_n_rows (snapshot) == 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "source \"%s\": a kept batch has no event", source->name);
      return NULL;
    }
  return g_steal_pointer (&snapshot);
}

SynEventBatch *
syn_event_codec_wrap (const SynSourceSpec *source, ReplicaSnapshot *snapshot, const ReplicaColumn *const *found)
{
  g_autofree ReplicaColumn *columns = g_new0 (ReplicaColumn, source->n_fields);
  guint n_events = replica_snapshot_get_n_rows (snapshot);
  gboolean some_missing = FALSE;
  SynEventBatch *batch;
  gsize zeros_size;
  Kept *kept;

  for (guint i = 0; i < source->n_fields; i++)
    some_missing = some_missing || found[i] == NULL;
  zeros_size = some_missing ? n_events * sizeof (gint64) : 0;
  kept = g_malloc0 (sizeof (Kept) + zeros_size);
  for (guint i = 0; i < source->n_fields; i++)
    {
      const SynFieldSpec *field = &source->fields[i];

      if (found[i] != NULL)
        columns[i] = *found[i];
      else
        columns[i] = (ReplicaColumn){
          .type = field->type, .scale = field->scale, .width = replica_type_get_width (field->type), .n_rows = n_events,
          .data = kept->zeros, .validity = (const guint8 *) kept->zeros,
          .dict_offsets = field->type == REPLICA_TYPE_STRING ? (const guint32 *) kept->zeros : NULL,
          .dict_bytes = field->type == REPLICA_TYPE_STRING ? (const char *) kept->zeros : NULL,
        };
      columns[i].name = field->name;
    }
  kept->snapshot = replica_snapshot_ref (snapshot);
  batch = syn_event_batch_new_from_columns (source, n_events, columns, g_bytes_get_size (replica_snapshot_get_bytes (snapshot)) + zeros_size, kept,
                                            kept_free);
  if (replica_snapshot_get_n_frontier (snapshot) > 0)
    {
      guint64 number;
      const char *producer = replica_snapshot_get_frontier (snapshot, 0, &number);

      syn_event_batch_set_producer (batch, producer, number);
    }
  return batch;
}

SynEventBatch *
syn_event_codec_decode (const SynSourceSpec *source, GBytes *bytes, GError **error)
{
  g_autoptr (ReplicaSnapshot) snapshot = read_snapshot (source, bytes, error);
  g_autofree const ReplicaColumn **found = g_new (const ReplicaColumn *, source->n_fields);
  SynEventBatch *batch;
  ReplicaToken token;

  if (snapshot == NULL || !find_columns (source, snapshot, found, error))
    return NULL;
  batch = syn_event_codec_wrap (source, snapshot, found);
  token = replica_snapshot_get_token (snapshot);
  syn_event_batch_set_epoch (batch, token.epoch);
  syn_event_batch_set_first_sequence (batch, token.serial, replica_snapshot_get_time_us (snapshot));
  return batch;
}
