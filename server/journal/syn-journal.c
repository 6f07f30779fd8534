/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all journals share: requests, their checks, their way back to the lane that asked, and the rules of who may append.
 *
 * A request is made and answered on its lane, and the engine's in between. Rejected: GTask (a GSource an answer), error codes of its own (what
 * a caller does on FENCED it does on CONFLICT anywhere), an answer apart from the request (two allocations an append). */
#define G_LOG_DOMAIN "syn-journal"

#include "syn-journal-private.h"

#include <string.h>

#include "syn-error.h"
#include "syn-limits.h"

G_STATIC_ASSERT (SYN_MAX_JOURNAL_RECORD_BYTES <= SYN_MAX_JOURNAL_QUEUE_BYTES);

void
syn_journal_status_free (SynJournalStatus *self)
{
  g_free (self->last_error);
  g_clear_pointer (&self->sources, g_ptr_array_unref);
  g_clear_pointer (&self->readers, g_ptr_array_unref);
  g_free (self);
}

void
syn_journal_source_status_free (SynJournalSourceStatus *self)
{
  g_free (self->source);
  g_free (self);
}

void
syn_journal_reader_status_free (SynJournalReaderStatus *self)
{
  g_free (self->name);
  g_free (self);
}

/* ---- requests ---- */

static void
request_free (SynJournalRequest *self)
{
  g_free (self->name);
  g_free (self->record.source);
  g_clear_pointer (&self->record.bytes, g_bytes_unref);
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_pointer (&self->status, syn_journal_status_free);
  g_free (self->note);
  g_clear_error (&self->error);
  g_free (self);
}

static void
run_answer (SynLane *lane, SynParcel *parcel)
{
  SynJournalRequest *self = (SynJournalRequest *) parcel;

  if (self->func != NULL)
    self->func (self, self->user_data);
  request_free (self);
}

SynJournalRequest *
syn_journal_request_new (SynLane *lane, SynJournalVerb verb, guint partition, SynJournalFunc func, gpointer user_data)
{
  SynJournalRequest *self = g_new0 (SynJournalRequest, 1);

  self->parcel.run = run_answer;
  self->lane = lane;
  self->func = func;
  self->user_data = user_data;
  self->verb = verb;
  self->partition = partition;
  return self;
}

SynJournalRequest *
syn_journal_request_new_read (SynLane *lane, guint partition, guint64 from, guint64 upto, const char *source, SynJournalFunc func,
                              gpointer user_data)
{
  SynJournalRequest *self = syn_journal_request_new (lane, SYN_JOURNAL_READ, partition, func, user_data);

  self->sequence = from;
  self->upto = upto;
  self->name = g_strdup (source);
  return self;
}

SynJournalRequest *
syn_journal_request_new_checkpoint (SynLane *lane, guint partition, const char *name, guint64 epoch, guint64 sequence, GBytes *bytes,
                                    SynJournalFunc func, gpointer user_data)
{
  SynJournalRequest *self = syn_journal_request_new (lane, SYN_JOURNAL_PUT_CHECKPOINT, partition, func, user_data);

  self->name = g_strdup (name);
  self->epoch = epoch;
  self->sequence = sequence;
  self->bytes = g_bytes_ref (bytes);
  return self;
}

SynJournalRequest *
syn_journal_request_new_hold (SynLane *lane, guint partition, const char *name, guint64 sequence, SynJournalFunc func, gpointer user_data)
{
  SynJournalRequest *self = syn_journal_request_new (lane, SYN_JOURNAL_HOLD, partition, func, user_data);

  self->name = g_strdup (name);
  self->sequence = sequence;
  return self;
}

void
syn_journal_fail (SynJournalRequest *self, int code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_clear_error (&self->error);
  self->error = g_error_new_valist (SYN_ERROR, code, format, args);
  va_end (args);
}

gsize
syn_journal_request_size_bytes (const SynJournalRequest *self)
{
  return sizeof (SynJournalRequest) + (self->record.bytes != NULL ? g_bytes_get_size (self->record.bytes) : 0);
}

void
syn_journal_answer (SynJournalRequest *self)
{
  syn_lane_post (self->lane, &self->parcel);
}

/* ---- checks ---- */

static gboolean
check_name (SynJournalRequest *request, const char *name, const char *what)
{
  if (name != NULL && name[0] != '\0' && strlen (name) <= SYN_MAX_QUERY_BYTES && g_utf8_validate (name, -1, NULL))
    return TRUE;
  syn_journal_fail (request, SYN_ERROR_INVALID, "journal: a %s has 1 to %d bytes of UTF-8", what, SYN_MAX_QUERY_BYTES);
  return FALSE;
}

static gboolean
check_append (SynJournalRequest *request)
{
  SynJournalRecord *record = &request->record;
  gsize size_bytes = record->bytes != NULL ? g_bytes_get_size (record->bytes) : 0;
  const char *fault;

  if (record->source == NULL)
    record->source = g_strdup ("");
  if (size_bytes > SYN_MAX_JOURNAL_RECORD_BYTES)
    {
      syn_journal_fail (request, SYN_ERROR_TOO_LARGE, "source \"%s\": a record of the journal has %" G_GSIZE_FORMAT " bytes; the limit is %u",
                        record->source, size_bytes, SYN_MAX_JOURNAL_RECORD_BYTES);
      return FALSE;
    }
  record->sequence = request->expected + 1;
  record->epoch = request->epoch;
  fault = record->epoch == 0 || record->epoch > G_MAXINT64 || request->expected >= G_MAXINT64 || record->first_sequence > G_MAXINT64
            ? "its numbers are none"
            : syn_journal_record_find_fault (record);
  if (fault == NULL && record->kind == SYN_RECORD_CLAIM)
    fault = "claims are not appended";
  if (fault == NULL && (record->kind == SYN_RECORD_BATCH) != (record->bytes != NULL))
    fault = "a batch has bytes, and nothing else has";
  if (fault != NULL)
    {
      syn_journal_fail (request, SYN_ERROR_INVALID, "partition %u: a record cannot be appended: %s", request->partition, fault);
      return FALSE;
    }
  if (record->kind == SYN_RECORD_BATCH && !check_name (request, record->source, "name of a source"))
    return FALSE;
  request->bytes_sum = syn_journal_bytes_sum (record->bytes);
  return TRUE;
}

static gboolean
check_checkpoint (SynJournalRequest *request)
{
  gsize size_bytes = request->bytes != NULL ? g_bytes_get_size (request->bytes) : 0;

  if (size_bytes > SYN_MAX_CHECKPOINT_BYTES)
    syn_journal_fail (request, SYN_ERROR_TOO_LARGE, "checkpoint \"%s\" has %" G_GSIZE_FORMAT " bytes; the limit is %u", request->name,
                      size_bytes, SYN_MAX_CHECKPOINT_BYTES);
  else if (request->bytes == NULL)
    syn_journal_fail (request, SYN_ERROR_INVALID, "checkpoint \"%s\" has no bytes", request->name);
  else
    return TRUE;
  return FALSE;
}

static gboolean
is_sound (SynJournal *self, SynJournalRequest *request)
{
  if (request->error != NULL)
    return FALSE;
  if (self->closed)
    {
      syn_journal_fail (request, SYN_ERROR_UNAVAILABLE, "the journal is closed");
      return FALSE;
    }
  if (request->verb != SYN_JOURNAL_STATUS && request->partition >= SYN_N_PARTITIONS)
    {
      syn_journal_fail (request, SYN_ERROR_INVALID, "journal: there are %d partitions, and no %u", SYN_N_PARTITIONS, request->partition);
      return FALSE;
    }
  switch (request->verb)
    {
    case SYN_JOURNAL_APPEND:
      return check_append (request);
    case SYN_JOURNAL_READ:
      request->sequence = MAX (request->sequence, 1);
      if (request->max_bytes == 0 || request->max_bytes > SYN_MAX_JOURNAL_READ_BYTES)
        request->max_bytes = SYN_MAX_JOURNAL_READ_BYTES;
      return TRUE;
    case SYN_JOURNAL_PUT_CHECKPOINT:
      return check_name (request, request->name, "name of a checkpoint") && check_checkpoint (request);
    case SYN_JOURNAL_GET_CHECKPOINT:
    case SYN_JOURNAL_DROP_CHECKPOINT:
    case SYN_JOURNAL_HOLD:
      return check_name (request, request->name, "name of a checkpoint");
    case SYN_JOURNAL_CLAIM:
    case SYN_JOURNAL_TRIM:
    case SYN_JOURNAL_STATUS:
      break;
    }
  return TRUE;
}

/* On the asking lane, whose clock it reads for what engines write themselves. */
void
syn_journal_submit (SynJournal *self, SynJournalRequest *request)
{
  if (request->verb != SYN_JOURNAL_APPEND)
    request->record.time_us = syn_lane_real_us (request->lane);
  if (is_sound (self, request))
    self->klass->submit (self, request);
  else
    syn_journal_answer (request);
}

/* ---- who may append ---- */

void
syn_journal_fence (SynJournalRequest *request, const SynJournalTail *tail, const char *where)
{
  syn_journal_fail (request, SYN_JOURNAL_FENCED,
                    "%s: partition %u: fenced: the log ends at record %" G_GUINT64_FORMAT " of epoch %" G_GUINT64_FORMAT
                    ", not %" G_GUINT64_FORMAT " of epoch %" G_GUINT64_FORMAT,
                    where, request->partition, tail->sequence, tail->epoch,
                    request->verb == SYN_JOURNAL_APPEND ? request->expected : request->sequence, request->epoch);
}

SynJournalVerdict
syn_journal_judge (SynJournalRequest *request, const SynJournalTail *tail, const char *where)
{
  if (request->epoch != tail->epoch)
    syn_journal_fence (request, tail, where);
  else if (request->expected > tail->sequence)
    syn_journal_fail (request, SYN_ERROR_UNAVAILABLE,
                      "%s: partition %u: record %" G_GUINT64_FORMAT " cannot follow %" G_GUINT64_FORMAT
                      ": what was posted between was not taken",
                      where, request->partition, request->expected + 1, tail->sequence);
  else
    return request->expected == tail->sequence ? SYN_JOURNAL_TAKE : SYN_JOURNAL_HAVE;
  return SYN_JOURNAL_REFUSED;
}

gboolean
syn_journal_judge_checkpoint (SynJournalRequest *request, const SynJournalTail *tail, const char *where)
{
  if (request->epoch != tail->epoch)
    syn_journal_fence (request, tail, where);
  else if (request->sequence > tail->sequence)
    syn_journal_fail (request, SYN_ERROR_INVALID,
                      "%s: partition %u: checkpoint \"%s\" is of record %" G_GUINT64_FORMAT ", and the log ends at %" G_GUINT64_FORMAT, where,
                      request->partition, request->name, request->sequence, tail->sequence);
  else
    return TRUE;
  return FALSE;
}

gboolean
syn_journal_same_record (const SynJournalRequest *request, const SynJournalRecord *other, guint32 other_bytes_sum)
{
  const SynJournalRecord *record = &request->record;

  return record->kind == other->kind && record->epoch == other->epoch && record->first_sequence == other->first_sequence
         && record->n_events == other->n_events && strcmp (record->source, other->source) == 0 && request->bytes_sum == other_bytes_sum
         && (record->bytes == NULL) == (other->bytes == NULL) && (record->bytes == NULL || g_bytes_equal (record->bytes, other->bytes));
}

/* ---- life ---- */

gboolean
syn_journal_step (SynJournal *self)
{
  return self->klass->step != NULL && self->klass->step (self);
}

SynJournalStatus *
syn_journal_peek (SynJournal *self)
{
  return self->klass->peek != NULL ? self->klass->peek (self) : NULL;
}

void
syn_journal_close (SynJournal *self)
{
  if (self->closed)
    return;
  self->klass->close (self);
  self->closed = TRUE;
}

void
syn_journal_free (SynJournal *self)
{
  if (self == NULL)
    return;
  syn_journal_close (self);
  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    g_clear_pointer (&self->logs[i], syn_journal_log_free);
  self->klass->free (self);
}
