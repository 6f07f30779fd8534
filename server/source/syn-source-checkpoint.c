/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The checkpoint has no events, only what a source knows: its last sequence, producers, and marks: where in the log which event is, so
 * that a pass begins near the event that is asked for.
 * When full, every second mark goes. On the grain's lane. Its bytes are numbers in little-endian, and need no checksum: the journal has one.
 */
#define G_LOG_DOMAIN "synoptic-source"

#include <string.h>
#include "syn-metrics.h"
#include "syn-source-durable-private.h"

#define CHECK_MS 5000            /* whether a checkpoint is due */
#define CHECKPOINT_RECORDS 1024u /* of others in the log: it is to be trimmed although this source is silent */
#define MAX_MARKS 1024u
#define MAX_MARK_EVENTS (G_GUINT64_CONSTANT (1) << 56) /* it doubles with every 512 marks more */
#define MAGIC G_GUINT64_CONSTANT (0x3143525553e5d901) /* its last digits are the version */

void
syn_source_checkpoint_add_mark (SynDurable *self, guint64 sequence, guint64 record)
{
  const SynMark mark = { sequence, record };

  if (self->marks->len > 0 && sequence < g_array_index (self->marks, SynMark, self->marks->len - 1).sequence + self->mark_events)
    return;
  if (self->marks->len == MAX_MARKS)
    {
      for (guint i = 0; i < MAX_MARKS / 2; i++)
        g_array_index (self->marks, SynMark, i) = g_array_index (self->marks, SynMark, 2 * i);
      g_array_set_size (self->marks, MAX_MARKS / 2);
      self->mark_events *= 2;
    }
  g_array_append_val (self->marks, mark);
}

/* The record from which on all events after @sequence are. */
guint64
syn_source_checkpoint_find_record (SynDurable *self, guint64 sequence)
{
  guint64 record = self->first;

  for (guint i = 0; i < self->marks->len; i++)
    {
      const SynMark *mark = &g_array_index (self->marks, SynMark, i);

      if (mark->sequence > sequence + 1)
        break;
      record = MAX (record, mark->record);
    }
  return record;
}

static void
put_number (GByteArray *bytes, guint64 value)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (bytes, (const guint8 *) &value, sizeof value);
}

static guint64
get_number (const guint8 *data, guint index)
{
  guint64 value;

  memcpy (&value, data + index * sizeof value, sizeof value);
  return GUINT64_FROM_LE (value);
}

static void
checkpoint_put (SynJournalRequest *answer, gpointer user_data)
{
  SynSource *source = user_data;
  SynDurable *self = source->durable;

  self->putting = FALSE;
  if (!source->closed && answer->error != NULL)
    self->put_sequence = self->put_record = 0; /* again at the next look */
  else if (!source->closed && self->must_put)
    {
      self->must_put = self->put_sequence != source->sequence;
      syn_source_durable_take (source);
    }
  syn_source_unref (source);
}

/* The record that it is as of: where the log ends, unless something of this source is still out. */
static guint64
checkpoint_record (SynSource *source)
{
  SynDurable *self = source->durable;

  return self->out.length == 0 && self->stage == SYN_DURABLE_OPEN ? MAX (self->record, syn_journal_log_get_last_sequence (self->log)) : self->record;
}

GBytes *
syn_source_checkpoint_save (SynSource *source)
{
  SynDurable *self = source->durable;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  put_number (bytes, MAGIC);
  put_number (bytes, source->sequence);
  put_number (bytes, self->mark_events);
  put_number (bytes, self->marks->len);
  for (guint i = 0; i < self->marks->len; i++)
    {
      put_number (bytes, g_array_index (self->marks, SynMark, i).sequence);
      put_number (bytes, g_array_index (self->marks, SynMark, i).record);
    }
  syn_producers_save (source->producers, bytes);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

void
syn_source_checkpoint_put (SynSource *source)
{
  SynDurable *self = source->durable;
  g_autoptr (GBytes) bytes = syn_source_checkpoint_save (source);
  g_autofree char *name = g_strdup_printf (SYN_SOURCE_GRAIN "/%s", source->spec->name);

  self->put_sequence = source->sequence;
  self->put_record = checkpoint_record (source);
  self->putting = TRUE;
  source->ref_count++;
  syn_journal_submit (self->journal,
                      syn_journal_request_new_checkpoint (source->lane, self->partition, name, syn_journal_log_get_epoch (self->log),
                                                          self->put_record, bytes, checkpoint_put, source));
}

gboolean
syn_source_checkpoint_is_due (SynSource *source)
{
  SynDurable *self = source->durable;

  return self->stage == SYN_DURABLE_OPEN && !self->putting && syn_journal_log_get_epoch (self->log) != 0
         && (source->sequence != self->put_sequence || checkpoint_record (source) >= self->put_record + CHECKPOINT_RECORDS);
}

void
syn_source_checkpoint_on_check (SynTimer *timer, gpointer user_data)
{
  SynSource *source = user_data;

  if (syn_source_checkpoint_is_due (source))
    syn_source_checkpoint_put (source);
  syn_lane_arm (source->lane, timer, CHECK_MS, syn_source_checkpoint_on_check, source);
}

/* That they ascend, and end before the checkpoint: who begins a pass by one that does not would pass events over. */
static gboolean
check_marks (const guint8 *data, guint64 n_marks, guint64 sequence, guint64 record)
{
  SynMark last = { 0, 0 };

  for (guint i = 0; i < n_marks; i++)
    {
      const SynMark mark = { get_number (data, 4 + 2 * i), get_number (data, 5 + 2 * i) };

      if (mark.sequence <= last.sequence || mark.record <= last.record)
        return FALSE;
      last = mark;
    }
  return last.sequence <= sequence && last.record <= record;
}

gboolean
syn_source_checkpoint_load (SynSource *source, SynJournalRequest *answer)
{
  SynDurable *self = source->durable;
  gsize length, marks_end = 4 * sizeof (guint64);
  const guint8 *data = g_bytes_get_data (answer->bytes, &length);
  guint64 n_marks = length >= marks_end ? get_number (data, 3) : 0;

  if (length < marks_end || get_number (data, 0) != MAGIC || n_marks > MAX_MARKS || length - marks_end < n_marks * sizeof (SynMark))
    return FALSE;
  marks_end += n_marks * sizeof (SynMark);
  if (get_number (data, 2) == 0 || get_number (data, 2) > MAX_MARK_EVENTS
      || !check_marks (data, n_marks, get_number (data, 1), answer->sequence))
    return FALSE;
  if (length == marks_end || syn_producers_load (source->producers, data + marks_end, length - marks_end) != length - marks_end)
    {
      syn_producers_free (source->producers);
      source->producers = syn_producers_new ();
      return FALSE;
    }
  source->sequence = self->known = self->put_sequence = get_number (data, 1);
  self->record = self->put_record = answer->sequence;
  self->mark_events = get_number (data, 2);
  g_array_set_size (self->marks, 0);
  for (guint i = 0; i < n_marks; i++)
    {
      const SynMark mark = { get_number (data, 4 + 2 * i), get_number (data, 5 + 2 * i) };

      g_array_append_val (self->marks, mark);
    }
  return TRUE;
}
