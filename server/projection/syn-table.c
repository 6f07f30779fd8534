/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state of one projection, on the lane of its grain. A batch goes through it a column at a time: `where` picks events, windows
 * give them buckets, keys give them rows, and each aggregate takes its argument's column over those rows. Columns that are
 * expressions over aggregates are evaluated only when a snapshot is made, at most once per cap and not once per event.
 *
 * Removal of old buckets scans the starts, when the newest bucket moves on and the oldest one falls out: a list per bucket
 * was rejected, for the scan reads 8 bytes a row, once per batch at most. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-table.h"
#include "replica-snapshot-builder.h"
#include "syn-aggregate.h"
#include "syn-error.h"
#include "syn-key-table.h"
#include "syn-scratch.h"

struct _SynTable {
  const SynProjectionSpec *spec;
  SynKeyTable *keys;         /* (owned) */
  SynAggregate **aggregates; /* (owned): n_aggregates */
  guint64 *sequences;        /* (owned): of the last event of each input */
  gboolean has_newest;
  gint64 newest_start; /* windows: of any event that counted */
  gint64 oldest_start; /* no row's start is before this */
};

SynTable *
syn_table_new (const SynProjectionSpec *spec, guint max_rows, gsize max_text_bytes)
{
  SynTable *self = g_new0 (SynTable, 1);
  g_autofree SynColumnSpec *keys = g_new0 (SynColumnSpec, spec->n_keys + 1);

  self->spec = spec;
  for (guint i = 0; i < spec->n_keys; i++)
    keys[i] = spec->fields->columns[spec->keys[i]];
  self->keys = syn_key_table_new (keys, spec->n_keys, spec->window_us > 0, max_rows, max_text_bytes);
  self->sequences = g_new0 (guint64, spec->n_inputs);
  self->aggregates = g_new0 (SynAggregate *, MAX (spec->n_aggregates, 1));
  for (guint i = 0; i < spec->n_aggregates; i++)
    self->aggregates[i] = syn_aggregate_new (&spec->aggregates[i], max_text_bytes);
  return self;
}

void
syn_table_free (SynTable *self)
{
  for (guint i = 0; i < self->spec->n_aggregates; i++)
    syn_aggregate_free (self->aggregates[i]);
  g_free (self->aggregates);
  g_free (self->sequences);
  syn_key_table_free (self->keys);
  g_free (self);
}

guint
syn_table_get_n_rows (const SynTable *self)
{
  return syn_key_table_get_n_rows (self->keys);
}

/* ---- windows ---- */

/* The start of the bucket that holds @time_us, also before 1970; FALSE when 64 bits cannot say. */
static gboolean
bucket_start (gint64 time_us, gint64 every_us, gint64 *start_us)
{
  gint64 bucket = time_us / every_us;

  if (time_us % every_us < 0)
    bucket--;
  return !__builtin_mul_overflow (bucket, every_us, start_us);
}

/* Buckets that start here or before are gone; FALSE: none is. */
static gboolean
gone_until (SynTable *self, gint64 *start_us)
{
  return self->has_newest && self->spec->keep_us > 0
         && !__builtin_sub_overflow (self->newest_start, self->spec->keep_us, start_us);
}

/* Gives each of @events its bucket, and takes those out that have none. Event by event, for what is late depends on what
 * came before, not on how it was batched. */
static guint
assign_starts (SynTable *self, const ReplicaColumn *times, guint32 *events, guint n, gint64 *starts, SynTableCounts *counts)
{
  gint64 gone_us = 0;
  gboolean any_gone = gone_until (self, &gone_us);
  guint kept = 0;

  for (guint i = 0; i < n; i++)
    {
      guint32 event = events[i];
      gint64 start_us;

      if (replica_column_is_null (times, event)
          || !bucket_start (((const gint64 *) times->data)[event], self->spec->window_us, &start_us))
        {
          counts->untimed++;
          continue;
        }
      if (any_gone && start_us <= gone_us)
        {
          counts->late++;
          continue;
        }
      if (!self->has_newest || start_us > self->newest_start)
        {
          self->newest_start = start_us;
          self->oldest_start = self->has_newest ? self->oldest_start : start_us;
          self->has_newest = TRUE;
          any_gone = gone_until (self, &gone_us);
        }
      self->oldest_start = MIN (self->oldest_start, start_us);
      starts[kept] = start_us;
      events[kept++] = event;
    }
  return kept;
}

static void
remove_gone (SynTable *self)
{
  gint64 gone_us, oldest_start;

  if (!gone_until (self, &gone_us) || self->oldest_start > gone_us)
    return;
  oldest_start = self->newest_start;
  /* From the end: the row that moves into a hole has been looked at. */
  for (guint row = syn_key_table_get_n_rows (self->keys); row-- > 0;)
    {
      gint64 start_us = syn_key_table_get_start (self->keys, row);
      guint last;

      if (start_us > gone_us)
        {
          oldest_start = MIN (oldest_start, start_us);
          continue;
        }
      last = syn_key_table_remove (self->keys, row);
      for (guint i = 0; i < self->spec->n_aggregates; i++)
        syn_aggregate_remove (self->aggregates[i], row, last);
    }
  self->oldest_start = oldest_start;
}

/* ---- batches ---- */

/* The columns of @batch that are the fields of the projection, in their order. */
static const ReplicaColumn *const *
fields_of (const SynInputSpec *input, guint n_fields, SynEventBatch *batch, SynScratch *scratch)
{
  const ReplicaColumn *const *columns = syn_event_batch_get_columns (batch);
  const ReplicaColumn **fields;

  if (input->is_same)
    return columns;
  fields = syn_scratch_buffer (scratch, SYN_SCRATCH_POINTERS, n_fields * sizeof *fields);
  for (guint i = 0; i < n_fields; i++)
    fields[i] = columns[input->columns[i]];
  return fields;
}

/* The rows of @events; those for which there is no room are taken out. */
static guint
assign_rows (SynTable *self, const ReplicaColumn *const *columns, guint32 *events, const gint64 *starts, guint n,
             guint32 *rows, SynTableCounts *counts)
{
  g_autofree const ReplicaColumn **keys = g_new (const ReplicaColumn *, self->spec->n_keys + 1);
  guint kept = 0;

  for (guint i = 0; i < self->spec->n_keys; i++)
    keys[i] = columns[self->spec->keys[i]];
  syn_key_table_map (self->keys, keys, starts, events, n, rows);
  for (guint i = 0; i < n; i++)
    if (rows[i] != SYN_NO_ROW)
      {
        events[kept] = events[i];
        rows[kept++] = rows[i];
      }
  counts->dropped += n - kept;
  return kept;
}

/* The time of each event of @batch, for aggregates that go by it: that of the window, or the source's own, or arrival; NULL when
 * none of them needs it. An event without a time arrived when it arrived. */
static const gint64 *
order_events (SynTable *self, const SynInputSpec *input, SynEventBatch *batch)
{
  const SynProjectionSpec *spec = self->spec;
  int time_field = spec->window_us > 0 ? (int) input->columns[spec->time_field] : input->source->time_field;
  guint n_events = syn_event_batch_get_n_events (batch);
  const ReplicaColumn *times;
  gboolean needed = FALSE;
  gint64 *order_us;

  for (guint i = 0; i < spec->n_aggregates; i++)
    needed |= syn_aggregate_spec_needs_order (&spec->aggregates[i]);
  if (!needed)
    return NULL;
  times = time_field >= 0 ? syn_event_batch_get_columns (batch)[time_field] : NULL;
  if (times != NULL && times->validity == NULL)
    return times->data;
  order_us = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_ORDER, (gsize) n_events * sizeof *order_us);
  for (guint i = 0; i < n_events; i++)
    order_us[i] = times == NULL || replica_column_is_null (times, i) ? syn_event_batch_get_arrival_us (batch)
                                                                     : ((const gint64 *) times->data)[i];
  return order_us;
}

void
syn_table_apply (SynTable *self, SynEventBatch *batch, SynTableCounts *counts)
{
  const SynProjectionSpec *spec = self->spec;
  guint input = (guint) syn_projection_spec_find_input (spec, syn_event_batch_get_source (batch));
  guint n_events = syn_event_batch_get_n_events (batch);
  SynScratch *scratch = syn_scratch_get ();
  const ReplicaColumn *const *columns = fields_of (&spec->inputs[input], spec->fields->n_columns, batch, scratch);
  guint32 *events = syn_scratch_buffer (scratch, SYN_SCRATCH_EVENTS, (gsize) n_events * sizeof *events);
  guint32 *rows = syn_scratch_buffer (scratch, SYN_SCRATCH_ROWS, (gsize) n_events * sizeof *rows);
  gint64 *starts = NULL;
  const gint64 *order_us;
  guint n = n_events;

  if (spec->where != NULL)
    n = syn_program_filter (spec->where, syn_scratch_frame (scratch, 0), columns, n_events, events);
  else
    for (guint i = 0; i < n; i++)
      events[i] = i;
  if (spec->window_us > 0)
    {
      starts = syn_scratch_buffer (scratch, SYN_SCRATCH_STARTS, (gsize) n * sizeof *starts);
      n = assign_starts (self, columns[spec->time_field], events, n, starts, counts);
    }
  n = assign_rows (self, columns, events, starts, n, rows, counts);
  counts->applied += n;
  order_us = order_events (self, &spec->inputs[input], batch);

  for (guint i = 0; i < spec->n_aggregates && n > 0; i++)
    {
      const SynAggregateSpec *aggregate = &spec->aggregates[i];
      const ReplicaColumn *arguments[SYN_AGGREGATE_MAX_ARGS];

      for (guint j = 0; j < aggregate->n_args; j++)
        arguments[j] = syn_program_run (aggregate->args[j].program, syn_scratch_frame (scratch, j), columns, n_events);
      syn_aggregate_reserve (self->aggregates[i], syn_key_table_get_capacity (self->keys));
      counts->lost_values += syn_aggregate_update (self->aggregates[i], arguments, order_us, events, rows, n);
    }
  if (spec->window_us > 0)
    remove_gone (self);
  syn_key_table_compact (self->keys, FALSE);
  for (guint i = 0; i < spec->n_aggregates; i++)
    syn_aggregate_compact (self->aggregates[i], syn_table_get_n_rows (self), FALSE);
  self->sequences[input] = syn_event_batch_get_last_sequence (batch);
}

/* ---- snapshots ---- */

/* Fills @columns and @pointers in the order of spec->work. */
static void
evaluate (SynTable *self, guint n_rows, ReplicaColumn *columns, const ReplicaColumn **pointers)
{
  const SynProjectionSpec *spec = self->spec;
  SynScratch *scratch = syn_scratch_get ();
  guint n_keys = spec->n_keys + (spec->window_us > 0 ? 1 : 0);
  guint first_output = n_keys + spec->n_aggregates;

  memset (columns, 0, spec->work->n_columns * sizeof *columns);
  for (guint i = 0; i < spec->work->n_columns; i++)
    {
      columns[i].name = spec->work->columns[i].name;
      pointers[i] = &columns[i];
    }
  for (guint i = 0; i < n_keys; i++)
    syn_key_table_lend (self->keys, i, &columns[i]);
  for (guint i = 0; i < spec->n_aggregates; i++)
    {
      syn_aggregate_reserve (self->aggregates[i], MAX (n_rows, 1));
      syn_aggregate_lend (self->aggregates[i], n_rows, &columns[n_keys + i]);
    }
  for (guint i = 0; i < spec->n_outputs; i++)
    {
      guint index = spec->order[i];
      const SynOutputSpec *output = &spec->outputs[index];

      /* A frame each: the results must all live until the snapshot is laid out. */
      pointers[first_output + index] =
          output->aggregate >= 0
              ? &columns[n_keys + (guint) output->aggregate]
              : syn_program_run (output->program, syn_scratch_frame (scratch, i), pointers, n_rows);
    }
}

ReplicaSnapshot *
syn_table_make_snapshot (SynTable *self, ReplicaToken token, gint64 time_us, GError **error)
{
  const SynProjectionSpec *spec = self->spec;
  SynScratch *scratch = syn_scratch_get ();
  guint n_rows = syn_table_get_n_rows (self);
  guint n_keys = spec->n_keys + (spec->window_us > 0 ? 1 : 0);
  guint n_work = spec->work->n_columns;
  g_autoptr (ReplicaSnapshotBuilder) builder = NULL;
  g_autoptr (GError) local_error = NULL;
  ReplicaSnapshot *snapshot;
  const ReplicaColumn **pointers;
  ReplicaColumn *columns;

  syn_key_table_compact (self->keys, TRUE);
  for (guint i = 0; i < spec->n_aggregates; i++)
    syn_aggregate_compact (self->aggregates[i], n_rows, TRUE);

  columns = syn_scratch_buffer (scratch, SYN_SCRATCH_COLUMNS, n_work * sizeof *columns);
  pointers = syn_scratch_buffer (scratch, SYN_SCRATCH_POINTERS, n_work * sizeof *pointers);
  evaluate (self, n_rows, columns, pointers);

  builder = replica_snapshot_builder_new (spec->name, token, time_us, n_rows);
  for (guint i = 0; i < spec->schema->n_columns; i++)
    {
      ReplicaColumn column = *pointers[i < n_keys ? i : i + spec->n_aggregates];

      column.name = spec->schema->columns[i].name;
      column.is_key = spec->schema->columns[i].is_key;
      column.n_rows = n_rows;
      replica_snapshot_builder_add (builder, &column);
    }
  for (guint i = 0; i < spec->n_inputs; i++)
    replica_snapshot_builder_add_frontier (builder, spec->inputs[i].source->name, self->sequences[i]);
  snapshot = replica_snapshot_builder_finish (g_steal_pointer (&builder), &local_error);
  if (snapshot == NULL)
    g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "projection \"%s\": %s", spec->name, local_error->message);
  return snapshot;
}
