/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the journal says of itself, as JSON for /v1/status and /v1/sources, and as metrics. Front lane.
 *
 * Metrics are had by peeking: they are to be there when the disk hangs. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include "syn-projection.h"
#include "syn-silo-journal.h"

/* ---- asking it ---- */

/* Requests that the journal has not answered in time: while there is one nothing more is asked, for that would wait behind it. It lives as long as those. */
struct _SynHttpJournalAsk
{
  guint refs;
  guint n_late;
};

typedef struct
{
  SynTimer timer;
  SynHttpJournalAsk *ask; /* (owned) */
  SynLane *lane;
  SynJournal *journal;
  SynHttpJournalFunc func; /* NULL: it is late, and nobody waits any more */
  gpointer user_data;
} Asking;

static void
ask_unref (SynHttpJournalAsk *self)
{
  if (--self->refs == 0)
    g_free (self);
}

SynHttpJournalAsk *
syn_http_journal_ask_new (SynHttp *http)
{
  SynHttpJournalAsk *self = g_new0 (SynHttpJournalAsk, 1);

  self->refs = 1;
  return self;
}

void
syn_http_journal_ask_free (SynHttpJournalAsk *self)
{
  ask_unref (self);
}

static void
too_late (SynTimer *timer, gpointer user_data)
{
  Asking *self = user_data;
  SynHttpJournalFunc func = g_steal_pointer (&self->func);

  self->ask->n_late++;
  func (syn_journal_peek (self->journal), TRUE, self->user_data);
}

static void
answered (SynJournalRequest *answer, gpointer user_data)
{
  Asking *self = user_data;

  syn_lane_disarm (self->lane, &self->timer);
  /* What cannot be looked up is left out. */
  if (self->func != NULL)
    self->func (answer->error == NULL ? g_steal_pointer (&answer->status) : syn_journal_peek (self->journal), FALSE, self->user_data);
  else
    self->ask->n_late--;
  ask_unref (self->ask);
  g_free (self);
}

typedef struct
{
  SynParcel parcel; /* first */
  SynJournal *journal;
  SynHttpJournalFunc func;
  gpointer user_data;
} Busy;

static void
say_busy (SynLane *lane, SynParcel *parcel)
{
  g_autofree Busy *self = (Busy *) parcel;

  self->func (syn_journal_peek (self->journal), TRUE, self->user_data);
}

void
syn_http_ask_journal (SynHttp *http, SynHttpJournalFunc func, gpointer user_data)
{
  SynJournal *journal = syn_silo_get_journal (http->silo);
  Asking *self;

  if (http->journal_ask->n_late > 0)
    {
      Busy *busy = g_new0 (Busy, 1);

      busy->parcel.run = say_busy;
      busy->journal = journal;
      busy->func = func;
      busy->user_data = user_data;
      syn_lane_post (http->lane, &busy->parcel);
      return;
    }
  self = g_new0 (Asking, 1);
  self->ask = http->journal_ask;
  self->ask->refs++;
  self->lane = http->lane;
  self->journal = journal;
  self->func = func;
  self->user_data = user_data;
  syn_lane_arm (http->lane, &self->timer, SYN_STATUS_JOURNAL_MS, too_late, self);
  syn_journal_submit (journal, syn_journal_request_new (http->lane, SYN_JOURNAL_STATUS, 0, answered, self));
}

/* ---- what it says ---- */

void
syn_http_append_journal (GString *json, const SynJournalStatus *journal, gboolean is_busy)
{
  if (journal == NULL)
    {
      g_string_append (json, is_busy ? "\"journal\":{\"busy\":true}," : "\"journal\":null,");
      return;
    }
  g_string_append_printf (json,
                          "\"journal\":{\"records\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT ",\"oldest_us\":%" G_GINT64_FORMAT
                          ",\"newest_us\":%" G_GINT64_FORMAT ",\"appends\":%" G_GUINT64_FORMAT ",\"events\":%" G_GUINT64_FORMAT
                          ",\"commits\":%" G_GUINT64_FORMAT,
                          journal->n_records, journal->n_bytes, journal->oldest_us, journal->newest_us, journal->n_appends,
                          journal->n_events_appended, journal->n_commits);
  g_string_append_printf (json,
                          ",\"last_commit_us\":%" G_GINT64_FORMAT ",\"flush_us\":%" G_GINT64_FORMAT ",\"longest_flush_us\":%" G_GINT64_FORMAT
                          ",\"queued\":%" G_GUINT64_FORMAT ",\"queued_bytes\":%" G_GUINT64_FORMAT ",\"trimmed\":%" G_GUINT64_FORMAT
                          ",\"failures\":%" G_GUINT64_FORMAT ",\"error\":",
                          journal->last_commit_us, journal->flush_us, journal->longest_flush_us, journal->n_queued, journal->n_queued_bytes,
                          journal->n_trimmed, journal->n_failures);
  if (journal->last_error != NULL)
    syn_json_append_string (json, journal->last_error);
  else
    g_string_append (json, "null");
  if (is_busy)
    g_string_append (json, ",\"busy\":true");
  g_string_append (json, "},");
}

/* Who needs records, and from which on. */
void
syn_http_append_journal_readers (GString *json, const SynJournalStatus *journal, SynCatalog *catalog)
{
  g_string_append (json, "\"journal_readers\":[");
  for (guint i = 0; journal != NULL && journal->readers != NULL && i < journal->readers->len; i++)
    {
      const SynJournalReaderStatus *reader = journal->readers->pdata[i];

      g_string_append (json, i > 0 ? ",{\"reader\":" : "{\"reader\":");
      syn_json_append_string (json, reader->name);
      g_string_append_printf (json, ",\"partition\":%u,\"from\":%" G_GUINT64_FORMAT ",\"from_us\":", reader->partition, reader->sequence);
      if (reader->time_us != 0)
        g_string_append_printf (json, "%" G_GINT64_FORMAT, reader->time_us);
      else
        g_string_append (json, "null");
      g_string_append_printf (json, ",\"in_catalog\":%s}",
                              syn_projection_is_reader (catalog, reader->name, reader->partition) ? "true" : "false");
    }
  g_string_append (json, "],");
}

static void
append_limit (GString *json, const char *name, guint64 value)
{
  if (value != 0)
    g_string_append_printf (json, "\"%s\":%" G_GUINT64_FORMAT, name, value);
  else
    g_string_append_printf (json, "\"%s\":null", name);
}

static void
append_retention (GString *json, const SynJournalRetention *retention)
{
  if (retention->is_kept || retention->by_checkpoint)
    {
      g_string_append (json, retention->is_kept ? "\"all\"" : "\"needed\"");
      return;
    }
  g_string_append_c (json, '{');
  append_limit (json, "age_s", (guint64) (retention->max_age_ms + 999) / 1000);
  g_string_append_c (json, ',');
  append_limit (json, "mb", retention->max_bytes >> 20);
  g_string_append_c (json, '}');
}

/* Nothing until they are counted, shortly after the start. */
void
syn_http_append_journal_source (GString *json, const SynJournalStatus *journal, const char *name)
{
  for (guint i = 0; journal != NULL && journal->sources != NULL && i < journal->sources->len; i++)
    {
      const SynJournalSourceStatus *source = journal->sources->pdata[i];

      if (!g_str_equal (source->source, name))
        continue;
      g_string_append_printf (json,
                              ",\"journal\":{\"records\":%" G_GUINT64_FORMAT ",\"events\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT
                              ",\"first\":%" G_GUINT64_FORMAT ",\"oldest_us\":%" G_GINT64_FORMAT ",\"retain\":",
                              source->n_records, source->n_events, source->n_bytes, source->first_sequence, source->oldest_us);
      append_retention (json, &source->retention);
      g_string_append_c (json, '}');
      return;
    }
}

/* ---- metrics ---- */

static void
append_source_metric (GString *text, const GPtrArray *sources, const char *name, const char *help, gsize offset)
{
  syn_http_append_metric_head (text, name, "gauge", help);
  for (guint i = 0; sources != NULL && i < sources->len; i++)
    {
      const SynJournalSourceStatus *source = sources->pdata[i];
      g_autofree char *label = g_strescape (source->source, "\t"); /* names have nothing in them that must be escaped, a damaged file's perhaps */

      g_string_append_printf (text, "%s{source=\"%s\"} %" G_GUINT64_FORMAT "\n", name, label, G_STRUCT_MEMBER (guint64, source, offset));
    }
}

void
syn_http_append_journal_metrics (GString *text, SynSilo *silo)
{
  SynJournal *journal = syn_silo_get_journal (silo);
  g_autoptr (SynJournalStatus) status = journal != NULL ? syn_journal_peek (journal) : NULL;
  const gint64 second_us = G_USEC_PER_SEC;

  if (status == NULL)
    return;
#define APPEND(name, type, help, value) syn_http_append_metric (text, "synoptic_journal_" name, type, help, (double) (value))
  APPEND ("records", "gauge", "Records that the journal has; 0 until they are counted, shortly after the start.", status->n_records);
  APPEND ("bytes", "gauge", "What is used of the journal's file, in bytes, checkpoints with it.", status->n_bytes);
  APPEND ("oldest_record_timestamp_seconds", "gauge", "When the journal's oldest record was written; 0: it has none.",
          (double) status->oldest_us / second_us);
  APPEND ("appends_total", "counter", "Requests that wanted a record appended.", status->n_appends);
  APPEND ("events_total", "counter", "Events appended.", status->n_events_appended);
  APPEND ("commits_total", "counter", "Transactions committed: each is one flush of the disk.", status->n_commits);
  APPEND ("flush_seconds_total", "counter", "How long commits waited for the disk.", (double) status->flush_us / second_us);
  APPEND ("longest_flush_seconds", "gauge", "The longest that a commit waited for the disk since the start.",
          (double) status->longest_flush_us / second_us);
  APPEND ("last_commit_timestamp_seconds", "gauge", "When the last commit was; 0: there was none.", (double) status->last_commit_us / second_us);
  APPEND ("queued_requests", "gauge", "Requests that wait to be written.", status->n_queued);
  APPEND ("queued_bytes", "gauge", "Bytes in them.", status->n_queued_bytes);
  APPEND ("trimmed_total", "counter", "Records removed because nobody needs them.", status->n_trimmed);
  APPEND ("failures_total", "counter", "Writes that the disk refused.", status->n_failures);
#undef APPEND
  append_source_metric (text, status->sources, "synoptic_journal_source_events", "Events of a source that the journal has.",
                        G_STRUCT_OFFSET (SynJournalSourceStatus, n_events));
  append_source_metric (text, status->sources, "synoptic_journal_source_bytes", "Bytes of a source's events in the journal.",
                        G_STRUCT_OFFSET (SynJournalSourceStatus, n_bytes));
}
