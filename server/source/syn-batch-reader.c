/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The strict reader of batches. That they are whole, and safe to look at, is the business of the snapshot's own check; here is what makes them
 * events of this source that anybody could have published as text, and no other batch than this house would make of them: types, sizes of strings,
 * times, each string once in its dictionary, no byte that belongs to nothing. So a batch of a stranger is to all that comes after (expressions,
 * aggregates, the journal) what any batch is. One pass over each column, and one look at each entry of a dictionary.
 *
 * Any thread; no state. Rejected: a form of its own for publishing (the journal would have to lay it out anew), converting what nearly fits
 * (an int64 for a decimal: the publisher knows the schema, and is told it).
 */
#include "syn-batch-reader.h"

#include <string.h>

#include "replica-hash.h"
#include "replica-snapshot-check.h"
#include "replica-wire.h"
#include "syn-error.h"
#include "syn-event-codec.h"
#include "syn-limits.h"
#include "syn-producers.h"
#include "syn-value-reader.h"

typedef struct
{
  const SynSourceSpec *source;
  ReplicaSnapshot *snapshot; /* (owned) */
  const ReplicaColumn **found; /* (owned): of each field; NULL: it is not in the batch */
  SynReadPlace *place;
  GError **error;
} Reader;

G_GNUC_PRINTF (5, 6)
static gboolean
refuse (Reader *self, int code, const char *field, guint64 event, const char *format, ...)
{
  va_list args;

  g_strlcpy (self->place->field, field, sizeof self->place->field);
  self->place->line = event;
  va_start (args, format);
  g_propagate_error (self->error, g_error_new_valist (SYN_ERROR, code, format, args));
  va_end (args);
  return FALSE;
}

static char *
type_text (const char *name, ReplicaType type, guint8 scale)
{
  const SynColumnSpec spec = { .name = (char *) name, .type = type, .scale = scale };

  return syn_column_spec_type_to_string (&spec);
}

/* ---- the head ---- */

static gboolean
check_head (Reader *self)
{
  ReplicaSnapshot *snapshot = self->snapshot;
  ReplicaToken token = replica_snapshot_get_token (snapshot);
  guint64 number;

  if (strcmp (replica_snapshot_get_path (snapshot), self->source->name) != 0)
    return refuse (self, SYN_ERROR_INVALID, "", 0, "a batch for \"%.200s\" came to source \"%s\"", replica_snapshot_get_path (snapshot), self->source->name);
  if (token.epoch != 0 || token.serial != 0 || replica_snapshot_get_time_us (snapshot) != 0)
    return refuse (self, SYN_ERROR_INVALID, "", 0, "epoch, serial and time of a batch are 0: the source gives them");
  if (replica_snapshot_get_n_rows (snapshot) > SYN_MAX_EVENTS_PER_BATCH)
    return refuse (self, SYN_ERROR_TOO_LARGE, "", 0, "%u events; at most %u are taken at once", replica_snapshot_get_n_rows (snapshot), SYN_MAX_EVENTS_PER_BATCH);
  if (replica_snapshot_get_n_frontier (snapshot) > 1)
    return refuse (self, SYN_ERROR_INVALID, "", 0, "a batch has one producer, or none");
  if (replica_snapshot_get_n_frontier (snapshot) == 1
      && (!syn_producer_is_name (replica_snapshot_get_frontier (snapshot, 0, &number)) || number < 1 || number > G_MAXINT64))
    return refuse (self, SYN_ERROR_INVALID, "", 0,
                   "a producer has a name of 1 to %u letters, digits or . _ : -, and his request a number from 1, one more with each", SYN_MAX_PRODUCER_BYTES);
  return TRUE;
}

static gsize
padded (gsize size)
{
  return (size + 7) & ~(gsize) 7;
}

/* What belongs to no part would be kept for nothing. */
static gboolean
check_size (Reader *self)
{
  ReplicaSnapshot *snapshot = self->snapshot;
  guint n_rows = replica_snapshot_get_n_rows (snapshot), n_columns = replica_snapshot_get_n_columns (snapshot);
  guint n_frontier = replica_snapshot_get_n_frontier (snapshot);
  gsize size = sizeof (ReplicaWireSnapshot) + n_columns * sizeof (ReplicaWireColumn) + n_frontier * sizeof (ReplicaWireFrontier);

  size += padded (strlen (replica_snapshot_get_path (snapshot)) + 1);
  for (guint i = 0; i < n_frontier; i++)
    {
      guint64 number;

      size += padded (strlen (replica_snapshot_get_frontier (snapshot, i, &number)) + 1);
    }
  for (guint i = 0; i < n_columns; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      size += padded (strlen (column->name) + 1) + padded ((gsize) n_rows * column->width);
      if (column->validity != NULL)
        size += padded (((gsize) n_rows + 7) / 8);
      if (column->type == REPLICA_TYPE_STRING)
        size += padded (((gsize) column->n_dict + 1) * sizeof (guint32)) + padded (column->dict_offsets[column->n_dict]);
    }
  if (g_bytes_get_size (replica_snapshot_get_bytes (snapshot)) > size)
    return refuse (self, SYN_ERROR_INVALID, "", 0, "%" G_GSIZE_FORMAT " bytes of the batch belong to no part of it",
                   g_bytes_get_size (replica_snapshot_get_bytes (snapshot)) - size);
  return TRUE;
}

/* ---- columns ---- */

static int
find_field (const SynSourceSpec *source, const char *name, guint at)
{
  if (at < source->n_fields && strcmp (source->fields[at].name, name) == 0)
    return (int) at;
  for (guint i = 0; i < source->n_fields; i++)
    if (strcmp (source->fields[i].name, name) == 0)
      return (int) i;
  return -1;
}

static gboolean
refuse_unknown (Reader *self, const char *name)
{
  g_autoptr (SynSchema) names = syn_schema_new ();
  g_autofree char *cut = g_utf8_substring (name, 0, MIN (g_utf8_strlen (name, -1), 64));
  g_autofree char *shown = g_strescape (cut, NULL);
  g_autofree char *near = NULL;

  for (guint i = 0; i < self->source->n_fields; i++)
    syn_schema_add (names, self->source->fields[i].name, REPLICA_TYPE_STRING, 0, FALSE);
  near = syn_schema_suggest (names, cut);
  return refuse (self, SYN_ERROR_INVALID, cut, 0, "unknown field \"%s\" of source \"%s\"%s", shown, self->source->name, near);
}

static gboolean
check_times (Reader *self, const ReplicaColumn *column)
{
  const gint64 *times = column->data;
  gint64 low = 0, high = 0;

  for (guint i = 0; i < column->n_rows; i++)
    {
      low = MIN (low, times[i]);
      high = MAX (high, times[i]);
    }
  for (guint i = 0; low < SYN_MIN_TIME_US || high > SYN_MAX_TIME_US; i++)
    if (times[i] < SYN_MIN_TIME_US || times[i] > SYN_MAX_TIME_US)
      return refuse (self, SYN_ERROR_INVALID, column->name, (guint64) i + 1, "%" G_GINT64_FORMAT " is no time of the years 0001 to 9999", times[i]);
  return TRUE;
}

/* The first event that has an entry of the dictionary; 0: none. */
static guint64
find_event (const ReplicaColumn *column, guint32 code)
{
  for (guint i = 0; i < column->n_rows; i++)
    if (((const guint32 *) column->data)[i] == code && !replica_column_is_null (column, i))
      return (guint64) i + 1;
  return 0;
}

static inline gsize
entry_length (const ReplicaColumn *column, guint32 code)
{
  return column->dict_offsets[code + 1] - column->dict_offsets[code] - 1;
}

/* The entry before @code that is the same text, or @code. @slots: hash and code + 1 of those before; 0: empty. */
static guint32
find_twin (const ReplicaColumn *column, guint32 code, guint64 *slots, guint64 mask)
{
  const char *text = column->dict_bytes + column->dict_offsets[code];
  gsize length = entry_length (column, code);
  guint64 hash = replica_hash_finish (replica_hash_bytes (replica_hash_seed (), text, length)), at;

  for (at = hash & mask; slots[at] != 0; at = (at + 1) & mask)
    {
      guint32 other = (guint32) slots[at] - 1;

      if (slots[at] >> 32 == hash && entry_length (column, other) == length && memcmp (column->dict_bytes + column->dict_offsets[other], text, length) == 0)
        return other;
    }
  slots[at] = hash << 32 | (code + 1);
  return code;
}

static gboolean
check_dictionary (Reader *self, const ReplicaColumn *column)
{
  guint64 mask = ((guint64) 2 << g_bit_storage (MAX (column->n_dict, 4))) - 1;
  g_autofree guint64 *slots = NULL;

  if (column->n_dict > column->n_rows)
    return refuse (self, SYN_ERROR_INVALID, column->name, 0, "a dictionary of %u strings for %u events", column->n_dict, column->n_rows);
  slots = g_new0 (guint64, mask + 1);
  for (guint32 code = 0; code < column->n_dict; code++)
    {
      guint32 twin;

      if (entry_length (column, code) > SYN_MAX_STRING_BYTES)
        return refuse (self, SYN_ERROR_TOO_LARGE, column->name, find_event (column, code), "a string of %" G_GSIZE_FORMAT " bytes, at most %u are allowed",
                       entry_length (column, code), SYN_MAX_STRING_BYTES);
      twin = find_twin (column, code, slots, mask);
      if (twin != code)
        return refuse (self, SYN_ERROR_INVALID, column->name, find_event (column, code), "strings %u and %u of the dictionary are the same", twin, code);
    }
  return TRUE;
}

static gboolean
check_column (Reader *self, guint index)
{
  const ReplicaColumn *column = replica_snapshot_get_column (self->snapshot, index);
  int at = find_field (self->source, column->name, index);
  const SynFieldSpec *field;

  if (at < 0)
    return refuse_unknown (self, column->name);
  field = &self->source->fields[at];
  if (column->type != field->type || column->scale != field->scale || column->width != replica_type_get_width (field->type))
    {
      g_autofree char *expected = type_text (field->name, field->type, field->scale), *is = type_text (field->name, column->type, column->scale);

      return refuse (self, SYN_ERROR_INVALID, field->name, 0, "expected %s of %u bytes, found %s of %u", expected, replica_type_get_width (field->type), is,
                     column->width);
    }
  if (column->is_key)
    return refuse (self, SYN_ERROR_INVALID, field->name, 0, "a batch of events has no key");
  self->found[at] = column;
  switch (column->type)
    {
    case REPLICA_TYPE_TIMESTAMP:
      return check_times (self, column);
    case REPLICA_TYPE_STRING:
      return check_dictionary (self, column);
    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_DOUBLE:
    case REPLICA_TYPE_DECIMAL:
    default:
      return TRUE;
    }
}

static gboolean
read_snapshot (Reader *self, GBytes *bytes)
{
  g_autoptr (GError) cause = NULL;
  ReplicaSnapshotFault fault;

  if (g_bytes_get_size (bytes) > SYN_MAX_BODY_BYTES)
    return refuse (self, SYN_ERROR_TOO_LARGE, "", 0, "%" G_GSIZE_FORMAT " bytes of events; at most %u are taken at once", g_bytes_get_size (bytes),
                   SYN_MAX_BODY_BYTES);
  self->snapshot = replica_snapshot_new_checked (bytes, &fault, &cause);
  if (self->snapshot == NULL)
    {
      /* Only what can be a name of ours is repeated as one: this goes into an error's head. */
      char *end = fault.column + strlen (fault.column);

      while (end > fault.column && !g_utf8_validate (fault.column, end - fault.column, NULL))
        *--end = '\0'; /* cut between characters */
      return refuse (self, SYN_ERROR_INVALID, fault.column, fault.row, "not a batch of events: %s", cause->message);
    }
  if (replica_snapshot_get_stretched_ms (self->snapshot) != 0)
    return refuse (self, SYN_ERROR_INVALID, "", 0, "not a batch of events: a reserved field is not 0");
  return TRUE;
}

static gboolean
read_all (Reader *self, GBytes *bytes)
{
  if (!read_snapshot (self, bytes) || !check_head (self) || !check_size (self))
    return FALSE;
  for (guint i = 0; i < replica_snapshot_get_n_columns (self->snapshot); i++)
    if (!check_column (self, i))
      return FALSE;
  return TRUE;
}

gboolean
syn_batch_reader_read (const SynSourceSpec *source, GBytes *bytes, SynEventBatch **batch, SynReadPlace *place, GError **error)
{
  g_autofree const ReplicaColumn **found = g_new0 (const ReplicaColumn *, source->n_fields);
  Reader self = { .source = source, .found = found, .place = place, .error = error };
  gboolean good;

  *batch = NULL;
  memset (place, 0, sizeof *place);
  good = read_all (&self, bytes);
  if (good && replica_snapshot_get_n_rows (self.snapshot) > 0)
    {
      *batch = syn_event_codec_wrap (source, self.snapshot, found);
      syn_event_batch_set_form (*batch, g_bytes_ref (replica_snapshot_get_bytes (self.snapshot)));
    }
  g_clear_pointer (&self.snapshot, replica_snapshot_unref);
  return good;
}
