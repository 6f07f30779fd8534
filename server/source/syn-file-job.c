/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One step of reading a file: text in, batches out, until there is no room, no text, or a mistake. A batch
 * ends after so many events or bytes; that of a paced source also when its events span more than a tenth of a
 * second as it will pass, so that the grain's timer can release it on time. A followed file is looked at
 * again from where it ended: grown, cut (it starts afresh), or replaced by another of the same name (the old
 * one is read to its end first).
 *
 * Runs on a worker's thread; knows no lane.
 */
#define G_LOG_DOMAIN "synoptic-source"

#include "syn-file-job.h"
#include "syn-error.h"
#include "syn-limits.h"

#define MAX_BATCH_BYTES (4u << 20)
#define PACE_US 100000 /* of real time in a batch */

struct _SynFileJob
{
  const SynSourceSpec *spec;
  guint max_events;
  gint credit;              /* atomic */
  SynFileText *text;        /* (owned) (nullable): not open */
  SynEventReader *reader;   /* (owned) (nullable) with it */
  SynEventBuilder *builder; /* (owned) */
  const char *piece;        /* in @text: not read yet */
  gsize piece_length;
  gsize batch_bytes;
  gboolean replaced; /* the name has another file: change over at the end of this one */
  gboolean ended;
  /* paced */
  gint64 window_us;         /* 0: not paced */
  gint64 first_us, last_us; /* of the builder's events; G_MININT64: none had a time yet */
};

SynFileJob *
syn_file_job_new (const SynSourceSpec *spec, guint max_events)
{
  SynFileJob *self = g_new0 (SynFileJob, 1);

  self->spec = spec;
  self->max_events = max_events;
  self->builder = syn_event_builder_new (spec);
  self->first_us = self->last_us = G_MININT64;
  if (spec->speed > 0 && spec->time_field >= 0)
    self->window_us = (gint64) CLAMP (spec->speed * PACE_US, 1, (double) G_MAXINT64 / 4);
  return self;
}

static void
close_text (SynFileJob *self)
{
  g_clear_pointer (&self->text, syn_file_text_close);
  g_clear_pointer (&self->reader, syn_event_reader_free);
  self->piece_length = 0;
  self->replaced = FALSE;
}

void
syn_file_job_free (SynFileJob *self)
{
  close_text (self);
  syn_event_builder_free (self->builder);
  g_free (self);
}

gint
syn_file_job_add_credit (SynFileJob *self, gint n)
{
  return g_atomic_int_add (&self->credit, n);
}

gint
syn_file_job_get_credit (SynFileJob *self)
{
  return g_atomic_int_get (&self->credit);
}

/* ---- batches ---- */

static gboolean
give (SynFileJob *self, SynEventBatch *batch, const SynFileSink *sink, gpointer user_data)
{
  if (batch == NULL)
    return TRUE;
  g_atomic_int_add (&self->credit, -1);
  self->batch_bytes = 0;
  return sink->give (user_data, batch, self->first_us, self->last_us);
}

static gboolean
flush (SynFileJob *self, const SynFileSink *sink, gpointer user_data)
{
  gboolean open = give (self, syn_event_builder_take (self->builder), sink, user_data);

  self->first_us = self->last_us = G_MININT64;
  return open;
}

/* The event just read: does it still belong to this batch? */
static gboolean
pace (SynFileJob *self, const SynFileSink *sink, gpointer user_data)
{
  guint n = syn_event_builder_get_n_events (self->builder);
  gint64 time_us;

  if (n == 0
      || !syn_event_builder_peek_int64 (self->builder, (guint) self->spec->time_field, n - 1, &time_us))
    return TRUE;
  if (self->first_us == G_MININT64)
    self->first_us = self->last_us = time_us;
  /* Too late for this batch, or so far back that time has begun anew. */
  if (time_us - self->first_us >= self->window_us || self->first_us - time_us >= self->window_us)
    {
      if (!give (self, syn_event_builder_take_but_last (self->builder), sink, user_data))
        return FALSE;
      self->first_us = self->last_us = time_us;
    }
  self->last_us = MAX (self->last_us, time_us);
  return TRUE;
}

/* ---- text ---- */

static SynFileStep
open_text (SynFileJob *self, GError **error)
{
  SynFormat format = self->spec->format == SYN_FILE_CSV ? SYN_FORMAT_CSV : SYN_FORMAT_NDJSON;
  g_autoptr (GError) problem = NULL;

  self->text = syn_file_text_open (self->spec->path, &problem);
  if (self->text == NULL)
    {
      gboolean missing = g_error_matches (problem, SYN_ERROR, SYN_ERROR_NOT_FOUND);

      g_propagate_error (error, g_steal_pointer (&problem));
      return missing ? SYN_FILE_STEP_MISSING : SYN_FILE_STEP_FAILED;
    }
  if (self->spec->follow && syn_file_text_is_compressed (self->text))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: only plain files can be followed",
                   self->spec->path);
      return SYN_FILE_STEP_FAILED;
    }
  self->reader = syn_event_reader_new (self->spec, format, self->spec->columns == NULL);
  return SYN_FILE_STEP_CREDIT;
}

/* A mistake in the text, as "FILE:LINE:COLUMN: …". */
static SynFileStep
fail_at (SynFileJob *self, const SynReadPlace *place, GError *problem, GError **error)
{
  g_set_error (error, problem->domain, problem->code, "%s:%" G_GUINT64_FORMAT ":%u: %s", self->spec->path,
               place->line, place->column, problem->message);
  g_error_free (problem);
  return SYN_FILE_STEP_FAILED;
}

/* Some events out of the piece at hand. */
static SynFileStep
read_events (SynFileJob *self, const SynFileSink *sink, gpointer user_data, GError **error)
{
  guint n_events = syn_event_builder_get_n_events (self->builder);
  guint n_more = self->window_us > 0 ? 1 : self->max_events - n_events;
  SynReadPlace place;
  GError *problem = NULL;
  gsize used;

  if (!syn_event_reader_feed_some (self->reader, self->builder, self->piece, self->piece_length, n_more,
                                   &used, &place, &problem))
    {
      flush (self, sink, user_data);
      return fail_at (self, &place, problem, error);
    }
  self->piece += used;
  self->piece_length -= used;
  self->batch_bytes += used;
  if (self->window_us > 0 && syn_event_builder_get_n_events (self->builder) > n_events
      && !pace (self, sink, user_data))
    return SYN_FILE_STEP_CLOSED;
  if ((syn_event_builder_get_n_events (self->builder) >= self->max_events
       || self->batch_bytes >= MAX_BATCH_BYTES)
      && !flush (self, sink, user_data))
    return SYN_FILE_STEP_CLOSED;
  return SYN_FILE_STEP_CREDIT;
}

static SynFileStep
finish_text (SynFileJob *self, const SynFileSink *sink, gpointer user_data, GError **error)
{
  SynReadPlace place;
  GError *problem = NULL;
  gboolean ok = syn_event_reader_finish (self->reader, self->builder, &place, &problem);

  if (ok && self->window_us > 0 && !pace (self, sink, user_data))
    return SYN_FILE_STEP_CLOSED;
  if (!flush (self, sink, user_data))
    {
      g_clear_error (&problem);
      return SYN_FILE_STEP_CLOSED;
    }
  if (!ok)
    return fail_at (self, &place, problem, error);
  return SYN_FILE_STEP_END;
}

/* At the end of a followed file. END: wait; CREDIT: go on. */
static SynFileStep
follow_text (SynFileJob *self, const SynFileSink *sink, gpointer user_data)
{
  g_autoptr (GError) problem = NULL;

  if (!flush (self, sink, user_data))
    return SYN_FILE_STEP_CLOSED;
  switch (syn_file_text_check (self->text))
    {
    case SYN_FILE_TRUNCATED:
      g_warning ("%s: the file was truncated, starting from its beginning", self->spec->path);
      close_text (self);
      return SYN_FILE_STEP_CREDIT;
    case SYN_FILE_REPLACED:
      if (!self->replaced)
        {
          self->replaced = TRUE; /* what was still written to the old one counts: once more to its end */
          return SYN_FILE_STEP_CREDIT;
        }
      if (finish_text (self, sink, user_data, &problem) == SYN_FILE_STEP_FAILED)
        g_warning ("%s (of the file that was replaced)", problem->message);
      g_message ("%s: the file was replaced, going on with the new one", self->spec->path);
      close_text (self);
      return SYN_FILE_STEP_CREDIT;
    case SYN_FILE_SAME:
    default:
      return SYN_FILE_STEP_END;
    }
}

SynFileStep
syn_file_job_step (SynFileJob *self, const SynFileSink *sink, gpointer user_data, GError **error)
{
  SynFileStep step = SYN_FILE_STEP_CREDIT;

  if (self->ended)
    return SYN_FILE_STEP_END;
  while (step == SYN_FILE_STEP_CREDIT)
    {
      if (sink->is_closed (user_data))
        return SYN_FILE_STEP_CLOSED;
      if (g_atomic_int_get (&self->credit) <= 0)
        return SYN_FILE_STEP_CREDIT;
      if (self->text == NULL)
        step = open_text (self, error);
      else if (self->piece_length > 0)
        step = read_events (self, sink, user_data, error);
      else if (!syn_file_text_read (self->text, &self->piece, &self->piece_length, error))
        {
          flush (self, sink, user_data);
          step = SYN_FILE_STEP_FAILED;
        }
      else if (self->piece_length == 0 && self->spec->follow)
        step = follow_text (self, sink, user_data);
      else if (self->piece_length == 0)
        step = finish_text (self, sink, user_data, error);
    }
  if (step == SYN_FILE_STEP_FAILED || (step == SYN_FILE_STEP_END && !self->spec->follow))
    {
      close_text (self);
      self->ended = TRUE;
    }
  return step;
}
