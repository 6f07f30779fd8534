/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A batch goes through the rows a column at a time: `where` picks events, windows give them buckets, keys give them rows, and each
 * aggregate takes its arguments' columns over those rows. On the lane of whoever owns them. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-rows-copy.h"
#include "syn-scratch.h"

void
syn_rows_init (SynRows *self, const SynProjectionSpec *spec, guint max_rows, gsize max_text_bytes)
{
  g_autofree SynColumnSpec *keys = g_new0 (SynColumnSpec, spec->n_keys + 1);

  for (guint i = 0; i < spec->n_keys; i++)
    keys[i] = spec->fields->columns[spec->keys[i]];
  self->spec = spec;
  self->keys = syn_key_table_new (keys, spec->n_keys, spec->window_us > 0, max_rows, max_text_bytes);
  self->aggregates = g_new0 (SynAggregate *, MAX (spec->n_aggregates, 1));
  for (guint i = 0; i < spec->n_aggregates; i++)
    self->aggregates[i] = syn_aggregate_new (&spec->aggregates[i], max_text_bytes);
}

void
syn_rows_clear (SynRows *self)
{
  g_warn_if_fail (self->copy == NULL);
  for (guint i = 0; i < self->spec->n_aggregates; i++)
    syn_aggregate_free (self->aggregates[i]);
  g_free (self->aggregates);
  syn_key_table_free (self->keys);
}

guint
syn_rows_get_n (const SynRows *self)
{
  return syn_key_table_get_n_rows (self->keys);
}

/* The columns of @batch that are the fields of the projection, in their order. */
static const ReplicaColumn *const *
fields_of (const SynInputSpec *input, guint n_fields, SynEventBatch *batch)
{
  const ReplicaColumn *const *columns = syn_event_batch_get_columns (batch);
  const ReplicaColumn **fields;

  if (input->is_same)
    return columns;
  fields = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_POINTERS, n_fields * sizeof *fields);
  for (guint i = 0; i < n_fields; i++)
    fields[i] = columns[input->columns[i]];
  return fields;
}

/* The events that count, but for windows and room. */
static guint
pick_events (SynRows *self, const ReplicaColumn *const *columns, guint n_events, guint skip, guint end, guint32 *events)
{
  guint n = 0, first = 0;

  if (self->spec->where == NULL)
    {
      for (guint i = skip; i < end; i++)
        events[n++] = i;
      return n;
    }
  n = syn_program_filter (self->spec->where, syn_scratch_frame (syn_scratch_get (), 0), columns, n_events, events);
  while (n > 0 && events[n - 1] >= end)
    n--;
  while (first < n && events[first] < skip)
    first++;
  if (first > 0)
    memmove (events, events + first, (n - first) * sizeof *events);
  return n - first;
}

/* The rows of @events; those for which there is no room are taken out. */
static guint
assign_rows (SynRows *self, const ReplicaColumn *const *columns, guint32 *events, const gint64 *starts, guint n, guint32 *rows,
             SynTableCounts *counts)
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
order_events (SynRows *self, const SynInputSpec *input, SynEventBatch *batch)
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

guint
syn_rows_apply (SynRows *self, SynWindowClock *clock, SynEventBatch *batch, guint skip, guint end, SynTableCounts *counts,
                const guint32 **rows_out)
{
  const SynProjectionSpec *spec = self->spec;
  const SynInputSpec *input = &spec->inputs[syn_projection_spec_find_input (spec, syn_event_batch_get_source (batch))];
  const ReplicaColumn *const *columns = fields_of (input, spec->fields->n_columns, batch);
  guint n_events = syn_event_batch_get_n_events (batch);
  SynScratch *scratch = syn_scratch_get ();
  guint32 *events = syn_scratch_buffer (scratch, SYN_SCRATCH_EVENTS, (gsize) n_events * sizeof *events);
  guint32 *rows = syn_scratch_buffer (scratch, SYN_SCRATCH_ROWS, (gsize) n_events * sizeof *rows);
  gint64 *starts = NULL;
  const gint64 *order_us;
  guint n = pick_events (self, columns, n_events, skip, end, events);

  if (spec->window_us > 0)
    {
      starts = syn_scratch_buffer (scratch, SYN_SCRATCH_STARTS, (gsize) n * sizeof *starts);
      n = syn_window_clock_assign (clock, columns[spec->time_field], events, n, starts, counts);
    }
  n = assign_rows (self, columns, events, starts, n, rows, counts);
  order_us = order_events (self, input, batch);
  if (self->copy != NULL)
    syn_rows_copy_touch (self->copy, rows, n);

  for (guint i = 0; i < spec->n_aggregates && n > 0; i++)
    {
      const SynAggregateSpec *aggregate = &spec->aggregates[i];
      const ReplicaColumn *arguments[SYN_AGGREGATE_MAX_ARGS];

      for (guint j = 0; j < aggregate->n_args; j++)
        arguments[j] = syn_program_run (aggregate->args[j].program, syn_scratch_frame (scratch, j), columns, n_events);
      syn_aggregate_reserve (self->aggregates[i], syn_key_table_get_capacity (self->keys));
      counts->lost_values += syn_aggregate_update (self->aggregates[i], arguments, order_us, events, rows, n);
    }
  *rows_out = rows;
  return n;
}

void
syn_rows_remove (SynRows *self, guint row)
{
  const guint32 touched[] = { row, syn_rows_get_n (self) - 1 };
  guint last;

  if (self->copy != NULL)
    syn_rows_copy_touch (self->copy, touched, G_N_ELEMENTS (touched));
  last = syn_key_table_remove (self->keys, row);
  for (guint i = 0; i < self->spec->n_aggregates; i++)
    {
      syn_aggregate_reserve (self->aggregates[i], last + 1);
      syn_aggregate_remove (self->aggregates[i], row, last);
    }
}

void
syn_rows_compact (SynRows *self, gboolean tight)
{
  /* A copy takes strings by the codes that they have. It is soon done. */
  if (self->copy != NULL)
    return;
  syn_key_table_compact (self->keys, tight);
  for (guint i = 0; i < self->spec->n_aggregates; i++)
    {
      syn_aggregate_reserve (self->aggregates[i], MAX (syn_rows_get_n (self), 1));
      syn_aggregate_compact (self->aggregates[i], syn_rows_get_n (self), tight);
    }
}
