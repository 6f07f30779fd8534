/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a durable source gives its feeds again, and what it learns from the log when it begins. On the grain's lane.
 *
 * Replay goes in passes over the log, each for all feeds that are behind at its beginning, and each record only to those that lack it. What is published
 * meanwhile goes to the feeds that are live; a pass ends when nothing is left that a feed of its lacks, and these are live then. A feed that fails to take a
 * batch, or asks (SYN_SOURCE_REPLAY), is behind from then on: what else is out for it is waited for, then it is asked how far it is. At activation all
 * are behind. Replayed batches have half of the batches that may be in flight: publishers are held up by a replay, and not out.
 *
 * Rejected: a pass for each feed (after a restart each would read the whole log).
 */
#define G_LOG_DOMAIN "synoptic-source"

#include "syn-event-codec.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-source-durable-private.h"

#define SAY_MS 1000
#define MAX_REPLAYED_IN_FLIGHT (SYN_MAX_BATCHES_IN_FLIGHT / 2)

static gint64 said_ms; /* any lane: when something was last said about a replay */
static SynMetric replayed_metric, missing_metric;

void
syn_source_replay_register_metrics (void)
{
  replayed_metric = syn_metric_register (SYN_METRIC_COUNTER, "source_replayed_events_total", "Events that feeds were given again, from the journal");
  missing_metric = syn_metric_register (SYN_METRIC_COUNTER, "source_missing_events_total", "Events that a replay found missing in the journal, where nothing marks them as lost");
}

guint
syn_source_replay_get_permille (SynSource *source)
{
  SynDurable *self = source->durable;

  if (self->stage != SYN_DURABLE_OPEN)
    return 0;
  if (!self->in_pass || self->pass_end <= self->pass_begin)
    return 1000;
  return (guint) ((MIN (self->pass_last, self->pass_end) - self->pass_begin) * 1000 / (self->pass_end - self->pass_begin));
}

/* Sayings of all sources together are at most one a second. */
static void
say_progress (SynSource *source)
{
  gint64 now_ms = g_get_monotonic_time () / 1000, last_ms = __atomic_load_n (&said_ms, __ATOMIC_RELAXED);

  if (now_ms - source->durable->began_ms >= SAY_MS && now_ms - last_ms >= SAY_MS && __atomic_compare_exchange_n (&said_ms, &last_ms, now_ms, FALSE, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    g_message ("source \"%s\": replaying: %.1f %%, %" G_GUINT64_FORMAT " events", source->spec->name,
               (double) syn_source_replay_get_permille (source) / 10, source->durable->n_replayed);
}

static void
say_end (SynSource *source)
{
  SynDurable *self = source->durable;
  double seconds = MAX ((double) (g_get_monotonic_time () / 1000 - self->began_ms) / 1000, 0.001);

  if (self->n_replayed > 0)
    g_message ("source \"%s\": replayed %" G_GUINT64_FORMAT " events in %.1f s, %.2f million a second, up to sequence %" G_GUINT64_FORMAT,
               source->spec->name, self->n_replayed, seconds, (double) self->n_replayed / seconds / 1e6, source->sequence);
  self->n_replayed = 0;
}

/* FALSE, and the error: not the events that it should have. */
static SynEventBatch *
decode (SynSource *source, SynJournalRecord *record, GError **error)
{
  SynEventOrigin origin = { .record = record->sequence };
  g_autoptr (SynEventBatch) batch = syn_event_codec_decode (source->spec, record->bytes, error);

  if (batch == NULL)
    return NULL;
  if (syn_event_batch_get_first_sequence (batch) != record->first_sequence || syn_event_batch_get_n_events (batch) != record->n_events)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "its events are not those that it says it has");
      return NULL;
    }
  syn_event_batch_set_epoch (batch, SYN_DURABLE_EPOCH);
  syn_event_batch_set_origin (batch, &origin);
  return g_steal_pointer (&batch);
}

/* What an activation learns from what is in the log. */
static gboolean
learn (SynSource *source, SynEventBatch *batch, GError **error)
{
  SynDurable *self = source->durable;
  guint64 first = syn_event_batch_get_first_sequence (batch);
  SynAcknowledgement ack = { .accepted = syn_event_batch_get_n_events (batch), .sequence = syn_event_batch_get_last_sequence (batch) };
  const char *producer = syn_event_batch_get_producer (batch, &ack.number);

  if (ack.sequence <= source->sequence)
    return TRUE;
  if (source->sequence != 0 && first != source->sequence + 1)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are missing before it" SYN_DURABLE_REMEDY,
                   source->sequence + 1, first - 1);
      return FALSE;
    }
  if (producer != NULL)
    syn_producers_acknowledge (source->producers, producer, &ack);
  self->record = syn_event_batch_get_origin (batch)->record;
  syn_source_checkpoint_add_mark (self, first, self->record);
  source->sequence = ack.sequence;
  return TRUE;
}

/* An operator has marked events as lost. Those who lack them get what comes after. */
static void
pass_over (SynSource *source, const SynJournalRecord *record)
{
  SynDurable *self = source->durable;
  guint64 last = record->first_sequence + record->n_events - 1;

  if (self->stage != SYN_DURABLE_OPEN)
    {
      self->record = record->sequence;
      source->sequence = MAX (source->sequence, last);
    }
  else if (last > self->pass_last)
    {
      g_warning ("source \"%s\": events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are marked as lost in record %" G_GUINT64_FORMAT " of partition %u", source->spec->name,
                 record->first_sequence, last, record->sequence, self->partition);
      self->pass_last = last;
      self->after_lost = TRUE;
      if (last >= source->sequence)
        self->lost_end = source->sequence;
    }
}

/* Events are missing before event @first. Retention trims the beginning of the log only: they were there if a record that is left is known to be before them. Each
 * is said and counted once in an activation. */
static void
note_missing (SynSource *source, guint64 first)
{
  SynDurable *self = source->durable;
  guint64 from = self->has_record || self->first <= 1 ? self->pass_last + 1 : first;

  for (guint i = 0; i < self->marks->len && from == first; i++)
    {
      const SynMark *mark = &g_array_index (self->marks, SynMark, i);

      if (mark->record >= self->first && mark->sequence > self->pass_last && mark->sequence < first)
        from = mark->sequence;
    }
  from = MAX (from, self->missing_end + 1);
  if (from >= first)
    return;
  g_warning ("source \"%s\": partition %u of the journal: events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
             " are missing, and nothing marks them as lost: they are not counted; see synopticctl journal verify", source->spec->name, self->partition, from, first - 1);
  syn_metric_add (source->lane, missing_metric, (gint64) (first - from));
  self->missing_end = first - 1;
}

static void
replay (SynSource *source, SynEventBatch *batch)
{
  SynDurable *self = source->durable;
  SynEventOrigin origin = *syn_event_batch_get_origin (batch);

  origin.replay_end = self->pass_end;
  origin.is_first = self->after_lost || syn_event_batch_get_first_sequence (batch) > self->pass_last + 1;
  if (!self->after_lost && syn_event_batch_get_first_sequence (batch) > self->pass_last + 1)
    note_missing (source, syn_event_batch_get_first_sequence (batch));
  self->after_lost = FALSE;
  self->has_record = TRUE;
  syn_event_batch_set_origin (batch, &origin);
  self->n_replayed += syn_event_batch_get_n_events (batch);
  self->pass_last = MAX (self->pass_last, syn_event_batch_get_last_sequence (batch));
  syn_metric_add (source->lane, replayed_metric, syn_event_batch_get_n_events (batch));
  syn_source_hand_out (source, syn_event_batch_ref (batch), SYN_FEED_REPLAYED);
}

/* FALSE: nothing can be done with it. */
static gboolean
take_record (SynSource *source, SynJournalRecord *record)
{
  SynDurable *self = source->durable;
  g_autoptr (GError) error = NULL;
  g_autoptr (SynEventBatch) batch = NULL;

  if (record->kind == SYN_RECORD_LOST)
    {
      pass_over (source, record);
      return TRUE;
    }
  batch = decode (source, record, &error);
  if (batch != NULL && self->stage == SYN_DURABLE_OPEN)
    replay (source, batch);
  else if (batch != NULL)
    learn (source, batch, &error);
  if (error != NULL)
    syn_source_durable_fail (source, g_strdup_printf ("journal: partition %u, record %" G_GUINT64_FORMAT ": %s", self->partition, record->sequence,
                                        error->message));
  return error == NULL;
}

static void
hand_out_read (SynSource *source)
{
  SynDurable *self = source->durable;

  for (;;)
    {
      if (self->records == NULL)
        {
          self->records = g_steal_pointer (&self->ahead);
          self->next_record = 0;
        }
      if (self->records == NULL)
        return;
      while (self->next_record < self->records->len)
        {
          if ((self->stage == SYN_DURABLE_OPEN && source->in_flight >= MAX_REPLAYED_IN_FLIGHT) || !take_record (source, self->records->pdata[self->next_record]))
            return;
          self->next_record++;
        }
      g_clear_pointer (&self->records, g_ptr_array_unref);
    }
}

guint
syn_source_count_feeds (SynSource *source, SynFeedState state)
{
  guint n = 0;

  for (guint i = 0; i < source->n_feeds; i++)
    n += source->feeds[i].state == state;
  return n;
}

static gboolean
is_at_end (SynSource *source)
{
  SynDurable *self = source->durable;

  return self->stage != SYN_DURABLE_OPEN ? self->cursor > self->limit
                             : self->pass_last >= source->sequence || syn_source_count_feeds (source, SYN_FEED_REPLAYED) == 0;
}

static void
records_read (SynJournalRequest *answer, gpointer user_data)
{
  SynSource *source = user_data;
  SynDurable *self = source->durable;

  self->reading = FALSE;
  self->cursor = answer->next;
  if (!source->closed && (self->in_pass || self->stage == SYN_DURABLE_SCANNING) && answer->records != NULL && answer->records->len > 0)
    {
      g_clear_pointer (&self->ahead, g_ptr_array_unref);
      self->ahead = g_steal_pointer (&answer->records);
      hand_out_read (source); /* also with an error: these are the good ones before the bad one */
    }
  if (syn_source_durable_came_well (source, answer))
    syn_source_durable_go_on (source);
}

static void
read_on (SynSource *source)
{
  SynDurable *self = source->durable;

  self->reading = TRUE;
  source->ref_count++;
  syn_journal_submit (self->journal, syn_journal_request_new_read (source->lane, self->partition, self->cursor,
                                                                   self->stage == SYN_DURABLE_OPEN ? 0 : self->limit, source->spec->name, records_read, source));
}

/* Those who asked to be given what they lacked, and have taken it all. */
void
syn_source_replay_answer (SynFeed *feed)
{
  SynMessage *message;

  if (feed->state != SYN_FEED_LIVE || feed->n_replayed_out > 0)
    return;
  while ((message = syn_message_list_pop (&feed->asking)) != NULL)
    syn_message_reply (message, NULL, NULL);
}

static void
end_pass (SynSource *source)
{
  SynDurable *self = source->durable;

  self->in_pass = FALSE;
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_clear_pointer (&self->ahead, g_ptr_array_unref);
  for (guint i = 0; i < source->n_feeds; i++)
    if (source->feeds[i].state == SYN_FEED_REPLAYED)
      {
        source->feeds[i].state = SYN_FEED_LIVE;
        syn_source_replay_answer (&source->feeds[i]);
      }
  syn_source_set_error (source, NULL);
  if (syn_source_count_feeds (source, SYN_FEED_LIVE) == source->n_feeds)
    say_end (source);
}

/* Does what can be done now, of the scan or of a pass. */
void
syn_source_durable_go_on (SynSource *source)
{
  SynDurable *self = source->durable;

  if (self->stage == SYN_DURABLE_STARTING || (self->stage == SYN_DURABLE_OPEN && !self->in_pass))
    return;
  hand_out_read (source);
  if (self->reading || self->records != NULL || self->ahead != NULL || syn_timer_is_armed (&self->retry))
    {
      /* While this is handed out, what comes next is read. */
      if (!self->reading && self->ahead == NULL && self->in_pass && self->cursor <= self->record && !is_at_end (source))
        read_on (source);
      return;
    }
  if (!is_at_end (source))
    {
      if (self->stage == SYN_DURABLE_OPEN && self->cursor > self->record)
        {
          /* The checkpoint knows of them, and a broken disk does not have them: what there is is shown. */
          if (self->lost_end != source->sequence)
            g_warning ("source \"%s\": partition %u of the journal: events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are lost", source->spec->name,
                       self->partition, self->pass_last + 1, source->sequence);
          self->lost_end = self->pass_last = source->sequence;
          syn_source_durable_go_on (source);
          return;
        }
      if (self->stage == SYN_DURABLE_OPEN)
        say_progress (source);
      read_on (source);
      return;
    }
  if (self->stage == SYN_DURABLE_OPEN)
    end_pass (source);
  else
    syn_source_durable_open (source);
  syn_source_replay_begin (source);
}

static void
progress_told (gpointer payload, const GError *error, gpointer user_data)
{
  SynFeedCall *call = user_data;
  SynSource *source = call->source;
  SynFeed *feed = &source->feeds[call->feed];
  gboolean told = error == NULL || g_error_matches (error, SYN_ERROR, SYN_ERROR_INVALID);

  source->durable->n_asked--;
  if (!source->closed)
    {
      const SynFeedProgress *progress = error == NULL ? payload : NULL;

      feed->progress = progress != NULL ? progress->sequence : 0;
      feed->state = told ? SYN_FEED_TOLD : SYN_FEED_BEHIND;
      if (progress != NULL)
        syn_source_durable_raise (source, feed, progress->newest);
      if (told)
        {
          feed->has_told = TRUE;
          syn_source_durable_take (source);
        }
      if (!told)
        syn_source_durable_feed_done (source, feed, TRUE);
      else
        syn_source_replay_begin (source);
    }
  g_free (call);
  g_free (payload);
  syn_source_unref (source);
}

static void
ask_feeds (SynSource *source)
{
  for (guint i = 0; i < source->n_feeds; i++)
    {
      SynFeed *feed = &source->feeds[i];
      SynCall question = {
        .type = feed->type,
        .key = feed->key,
        .method = SYN_PROGRESS_METHOD,
        .payload_free = g_free,
        .reply = progress_told,
      };
      SynFeedCall *call;

      if (feed->state != SYN_FEED_BEHIND || feed->n_out > 0)
        continue;
      feed->state = SYN_FEED_ASKED;
      call = g_new0 (SynFeedCall, 1);
      call->source = source;
      call->feed = i;
      source->ref_count++;
      source->durable->n_asked++;
      question.payload = g_strdup (source->spec->name);
      question.user_data = call;
      syn_call (source->lane, &question);
    }
}

/* Asks those that are behind; when all have said how far they are, a pass for all of them. */
void
syn_source_replay_begin (SynSource *source)
{
  SynDurable *self = source->durable;
  guint64 least = source->sequence;

  if (self->stage != SYN_DURABLE_OPEN || self->in_pass || self->reading || syn_timer_is_armed (&self->retry))
    return;
  ask_feeds (source);
  if (self->n_asked > 0 || syn_source_count_feeds (source, SYN_FEED_TOLD) == 0)
    return;
  for (guint i = 0; i < source->n_feeds; i++)
    if (source->feeds[i].state == SYN_FEED_TOLD)
      {
        source->feeds[i].state = SYN_FEED_REPLAYED;
        least = MIN (least, source->feeds[i].progress);
      }
  if (self->n_replayed == 0)
    self->began_ms = g_get_monotonic_time () / 1000;
  self->in_pass = TRUE;
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_clear_pointer (&self->ahead, g_ptr_array_unref);
  self->pass_begin = self->pass_last = least;
  self->after_lost = self->has_record = FALSE;
  self->pass_end = source->sequence;
  self->cursor = syn_source_checkpoint_find_record (self, least);
  syn_source_durable_go_on (source);
}

