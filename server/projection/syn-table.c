/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state of one projection, on the lane of its grain: rows that take in batches of events, or partials of a conflation group. Columns that are
 * expressions over aggregates are evaluated only when a snapshot is made, at most once per cap and not once per event.
 *
 * Sliding windows take in partials only, of panes: a batch becomes one first. An event then costs one row, and a pane, once a tick, as many as
 * there are windows over it.
 *
 * Removal of old windows scans the starts, when the newest window moves on and the oldest one falls out: a list per window
 * was rejected, for the scan reads 8 bytes a row, once per batch at most. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-table-private.h"
#include "replica-snapshot-builder.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-scratch.h"

SynTable *
syn_table_new (const SynProjectionSpec *spec, guint max_rows, gsize max_text_bytes)
{
  SynTable *self = g_new0 (SynTable, 1);

  self->spec = spec;
  syn_rows_init (&self->rows, spec, max_rows, max_text_bytes);
  self->progress = g_new0 (SynProgress, spec->n_inputs);
  syn_window_clock_init (&self->clock, spec);
  self->oldest_start = G_MAXINT64;
  return self;
}

void
syn_table_free (SynTable *self)
{
  syn_rows_clear (&self->rows);
  g_free (self->progress);
  g_free (self);
}

guint
syn_table_get_n_rows (const SynTable *self)
{
  return syn_rows_get_n (&self->rows);
}

const SynProgress *
syn_table_get_progress (const SynTable *self)
{
  return self->progress;
}

const SynWindowClock *
syn_table_get_clock (const SynTable *self)
{
  return &self->clock;
}

gboolean
syn_table_has_gap (const SynTable *self, SynEventBatch *batch)
{
  return syn_progress_has_gap (&self->progress[syn_projection_spec_find_input (self->spec, syn_event_batch_get_source (batch))], batch);
}

int
syn_table_find_gap (const SynTable *self, const SynPartial *partial)
{
  const SynSpan *spans = syn_partial_get_spans (partial);

  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      guint64 known = self->progress[i].epoch == SYN_DURABLE_EPOCH ? self->progress[i].sequence : 0;

      if (spans[i].first > known + 1 && spans[i].epoch == SYN_DURABLE_EPOCH && !spans[i].is_first)
        return (int) i;
    }
  return -1;
}

/* ---- taking in ---- */

void
syn_table_note_starts (SynTable *self, guint n_rows)
{
  if (self->spec->window_us == 0)
    return;
  for (guint row = n_rows; row < syn_table_get_n_rows (self); row++)
    self->oldest_start = MIN (self->oldest_start, syn_key_table_get_start (self->rows.keys, row));
}

static void
remove_gone (SynTable *self)
{
  gint64 gone_us;

  if (!syn_window_clock_get_gone (&self->clock, &gone_us) || self->oldest_start > gone_us)
    return;
  self->oldest_start = G_MAXINT64;
  /* From the end: the row that moves into a hole has been looked at. */
  for (guint row = syn_table_get_n_rows (self); row-- > 0;)
    {
      gint64 start_us = syn_key_table_get_start (self->rows.keys, row);

      if (start_us > gone_us)
        self->oldest_start = MIN (self->oldest_start, start_us);
      else
        syn_rows_remove (&self->rows, row);
    }
}

static void
finish_taking (SynTable *self, guint n_rows_before)
{
  if (self->spec->window_us > 0)
    {
      syn_table_note_starts (self, n_rows_before);
      remove_gone (self);
    }
  syn_rows_compact (&self->rows, FALSE);
}

void
syn_table_apply (SynTable *self, SynEventBatch *batch, SynTableCounts *counts)
{
  guint input = (guint) syn_projection_spec_find_input (self->spec, syn_event_batch_get_source (batch));
  SynProgress *progress = &self->progress[input];
  guint known = syn_progress_get_known (progress, batch);
  guint n_rows = syn_table_get_n_rows (self);
  const guint32 *rows;

  counts->repeated += known;
  if (known == syn_event_batch_get_n_events (batch))
    return;
  if (self->clock.n_panes > 1)
    {
      g_autoptr (SynPartial) partial = syn_partial_new (self->spec->group, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
      SynWindowClock clock = self->clock;

      syn_partial_add (partial, &clock, batch, known, syn_event_batch_get_n_events (batch));
      syn_table_merge (self, partial, counts, NULL);
      return;
    }
  counts->applied += syn_rows_apply (&self->rows, &self->clock, batch, known, syn_event_batch_get_n_events (batch), counts, &rows);
  progress->epoch = syn_event_batch_get_epoch (batch);
  progress->sequence = syn_event_batch_get_last_sequence (batch);
  progress->record = syn_event_batch_get_origin (batch)->record;
  finish_taking (self, n_rows);
}

/* ---- partials ---- */

typedef enum { NEW, KNOWN, OVERLAPS } Newness;

/* Events of a partial cannot be told apart any more: it is taken in as a whole or not at all. */
static Newness
look_at_spans (SynTable *self, const SynPartial *partial, guint64 *n_events)
{
  const SynSpan *spans = syn_partial_get_spans (partial);
  guint n_new = 0, n_known = 0;

  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      const SynProgress *progress = &self->progress[i];

      if (spans[i].first == 0)
        continue;
      *n_events += spans[i].last - spans[i].first + 1;
      if (spans[i].epoch > progress->epoch || (spans[i].epoch == progress->epoch && spans[i].first > progress->sequence))
        n_new++;
      else if (spans[i].epoch < progress->epoch || spans[i].last <= progress->sequence)
        n_known++;
      else
        return OVERLAPS;
    }
  if (n_known > 0 && n_new > 0)
    return OVERLAPS;
  return n_known > 0 ? KNOWN : NEW;
}

/* What became of the events of a row, in any of its windows. */
typedef enum { LATE = 1, NO_ROOM = 2, TAKEN = 4 } Fate;

/* The rows of the partial that go into the window that begins @back_us before their pane does, with its start. */
static guint
pick_rows (SynTable *self, const SynPartial *partial, gint64 back_us, const gint64 *late_us, const gint64 *gone_us, guint32 *from,
           gint64 *starts, guint8 *fates)
{
  const SynKeyTable *keys = syn_partial_get_rows (partial)->keys;
  guint n_rows = syn_partial_get_n_rows (partial), n = 0;

  for (guint row = 0; row < n_rows; row++)
    {
      gint64 start_us = self->spec->window_us > 0 ? syn_key_table_get_start (keys, row) : 0;

      if (late_us != NULL && start_us <= *late_us)
        {
          fates[row] |= LATE;
          continue;
        }
      start_us -= back_us;
      if (gone_us != NULL && start_us <= *gone_us)
        {
          fates[row] |= TAKEN; /* and gone again at once */
          continue;
        }
      from[n] = row;
      if (starts != NULL)
        starts[n] = start_us;
      n++;
    }
  return n;
}

static void
merge_rows (SynTable *self, const SynPartial *partial, const ReplicaColumn *const *keys, const gint64 *starts, guint32 *from, guint n,
            guint8 *fates, SynTableCounts *counts)
{
  const SynProjectionSpec *spec = self->spec;
  const SynRows *rows_of_partial = syn_partial_get_rows (partial);
  guint32 *rows = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_ROWS, (gsize) n * sizeof *rows);
  guint kept = 0;

  syn_key_table_map (self->rows.keys, keys, starts, from, n, rows);
  for (guint i = 0; i < n; i++)
    {
      fates[from[i]] |= rows[i] == SYN_NO_ROW ? NO_ROOM : TAKEN;
      if (rows[i] == SYN_NO_ROW)
        continue;
      from[kept] = from[i];
      rows[kept++] = rows[i];
    }
  if (self->rows.copy != NULL)
    syn_rows_copy_touch (self->rows.copy, rows, kept);
  for (guint i = 0; i < spec->n_aggregates && kept > 0; i++)
    {
      syn_aggregate_reserve (self->rows.aggregates[i], syn_key_table_get_capacity (self->rows.keys));
      counts->lost_values += syn_aggregate_merge (self->rows.aggregates[i], rows_of_partial->aggregates[spec->merged[i]], from, rows, kept);
    }
}

static void
count_fates (const SynPartial *partial, const guint8 *fates, SynTableCounts *counts)
{
  const SynTableCounts *before = syn_partial_get_counts (partial);
  const guint64 *n_events = syn_partial_get_n_events (partial);

  counts->late += before->late;
  counts->untimed += before->untimed;
  counts->dropped += before->dropped;
  counts->lost_values += before->lost_values;
  for (guint row = 0; row < syn_partial_get_n_rows (partial); row++)
    if (fates[row] & LATE)
      counts->late += n_events[row];
    else if (fates[row] & TAKEN)
      counts->applied += n_events[row];
    else
      counts->dropped += n_events[row];
}

gboolean
syn_table_merge (SynTable *self, const SynPartial *partial, SynTableCounts *counts, GError **error)
{
  const SynProjectionSpec *spec = self->spec;
  SynScratch *scratch = syn_scratch_get ();
  guint n_rows = syn_partial_get_n_rows (partial), n_rows_before = syn_table_get_n_rows (self);
  g_autofree ReplicaColumn *columns = g_new0 (ReplicaColumn, spec->n_keys + 1);
  g_autofree const ReplicaColumn **keys = g_new (const ReplicaColumn *, spec->n_keys + 1);
  g_autofree guint8 *fates = g_malloc0 (n_rows + 1);
  guint32 *from = syn_scratch_buffer (scratch, SYN_SCRATCH_EVENTS, (gsize) n_rows * sizeof *from);
  gint64 *starts = NULL, late_us, gone_us;
  gboolean any_late, any_gone;
  guint64 n_events = 0;

  if (syn_partial_get_group (partial) != spec->group)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "projection \"%s\": a partial of another group", spec->name);
      return FALSE;
    }
  switch (look_at_spans (self, partial, &n_events))
    {
    case KNOWN:
      counts->repeated += n_events;
      return TRUE;
    case OVERLAPS:
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "projection \"%s\": a partial of which it has some events already", spec->name);
      return FALSE;
    case NEW:
      break;
    }
  any_late = syn_window_clock_get_late (&self->clock, &late_us);
  syn_window_clock_advance (&self->clock, syn_partial_get_clock (partial));
  any_gone = syn_window_clock_get_gone (&self->clock, &gone_us);
  if (spec->window_us > 0)
    starts = syn_scratch_buffer (scratch, SYN_SCRATCH_STARTS, (gsize) n_rows * sizeof *starts);
  for (guint i = 0; i < spec->n_keys; i++)
    {
      syn_key_table_lend (syn_partial_get_rows (partial)->keys, i, &columns[i]);
      keys[i] = &columns[i];
    }
  for (guint i = 0; i < self->clock.n_panes; i++)
    {
      guint n = pick_rows (self, partial, (gint64) i * self->clock.slide_us, any_late ? &late_us : NULL, any_gone ? &gone_us : NULL, from,
                           starts, fates);

      merge_rows (self, partial, keys, starts, from, n, fates, counts);
    }
  count_fates (partial, fates, counts);
  for (guint i = 0; i < spec->n_inputs; i++)
    {
      const SynSpan *span = &syn_partial_get_spans (partial)[i];

      if (span->first != 0)
        self->progress[i] = (SynProgress) { span->epoch, span->last, span->record };
    }
  finish_taking (self, n_rows_before);
  return TRUE;
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
    syn_key_table_lend (self->rows.keys, i, &columns[i]);
  for (guint i = 0; i < spec->n_aggregates; i++)
    {
      syn_aggregate_reserve (self->rows.aggregates[i], MAX (n_rows, 1));
      syn_aggregate_lend (self->rows.aggregates[i], n_rows, &columns[n_keys + i]);
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

  syn_rows_compact (&self->rows, TRUE);
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
    replica_snapshot_builder_add_frontier (builder, spec->inputs[i].source->name, self->progress[i].sequence);
  snapshot = replica_snapshot_builder_finish (g_steal_pointer (&builder), &local_error);
  if (snapshot == NULL)
    g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "projection \"%s\": %s", spec->name, local_error->message);
  return snapshot;
}
