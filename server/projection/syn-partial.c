/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Partials are made anew for each tick: the one before may still be read by projections on other lanes. Keeping the keys from tick to tick, so that
 * a row could be found once for ever, was rejected: a partial would then be as large as all keys ever seen, and each tick would pay for those that
 * did not change. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-partial.h"
#include "syn-bits.h"

struct _SynPartial {
  gatomicrefcount ref_count;
  const SynConflationSpec *group;
  SynRows rows;
  guint64 *n_events; /* (owned): per row */
  guint n_events_capacity;
  SynSpan *spans; /* (owned): per input */
  gsize taken_bytes;
  SynWindowClock clock;
  SynTableCounts counts;
};

SynPartial *
syn_partial_new (const SynConflationSpec *group, guint max_rows, gsize max_text_bytes)
{
  SynPartial *self = g_new0 (SynPartial, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->group = group;
  syn_rows_init (&self->rows, group->common, max_rows, max_text_bytes);
  self->spans = g_new0 (SynSpan, group->common->n_inputs);
  return self;
}

SynPartial *
syn_partial_ref (SynPartial *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
syn_partial_unref (SynPartial *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  syn_rows_clear (&self->rows);
  g_free (self->n_events);
  g_free (self->spans);
  g_free (self);
}

void
syn_partial_add (SynPartial *self, SynWindowClock *clock, SynEventBatch *batch, guint skip, guint end)
{
  SynSpan *span = &self->spans[syn_projection_spec_find_input (self->group->common, syn_event_batch_get_source (batch))];
  const guint32 *rows;
  guint n = syn_rows_apply (&self->rows, clock, batch, skip, end, &self->counts, &rows);
  guint capacity = syn_key_table_get_capacity (self->rows.keys);

  if (self->n_events_capacity < capacity)
    {
      self->n_events = syn_grow_zeroed (self->n_events, self->n_events_capacity * sizeof *self->n_events, capacity * sizeof *self->n_events);
      self->n_events_capacity = capacity;
    }
  for (guint i = 0; i < n; i++)
    self->n_events[rows[i]]++;
  if (span->first == 0)
    {
      span->first = syn_event_batch_get_first_sequence (batch) + skip;
      span->is_first = skip == 0 && syn_event_batch_get_origin (batch)->is_first;
    }
  span->epoch = syn_event_batch_get_epoch (batch);
  span->last = syn_event_batch_get_first_sequence (batch) + end - 1;
  span->replay_end = syn_event_batch_get_origin (batch)->replay_end;
  span->record = syn_event_batch_get_origin (batch)->record;
  self->taken_bytes += syn_event_batch_get_size_bytes (batch);
  self->clock = *clock;
}

gboolean
syn_partial_is_empty (const SynPartial *self)
{
  return self->taken_bytes == 0;
}

gsize
syn_partial_get_taken_bytes (const SynPartial *self)
{
  return self->taken_bytes;
}

const SynConflationSpec *
syn_partial_get_group (const SynPartial *self)
{
  return self->group;
}

guint
syn_partial_get_n_rows (const SynPartial *self)
{
  return syn_rows_get_n (&self->rows);
}

const SynRows *
syn_partial_get_rows (const SynPartial *self)
{
  return &self->rows;
}

const guint64 *
syn_partial_get_n_events (const SynPartial *self)
{
  return self->n_events;
}

const SynSpan *
syn_partial_get_spans (const SynPartial *self)
{
  return self->spans;
}

const SynWindowClock *
syn_partial_get_clock (const SynPartial *self)
{
  return &self->clock;
}

const SynTableCounts *
syn_partial_get_counts (const SynPartial *self)
{
  return &self->counts;
}
