/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal in memory: for tests, stepped silos, and a silo without a data folder. It answers as the one on disk does, by the same rules
 * (syn-journal-private.h), holds too, so that no caller can tell them apart; nothing is ever removed from it but by trim.
 *
 * Any thread, under a lock that is held for one request: copies of pointers only. Rejected: a thread (nothing here waits for anything). */
#define G_LOG_DOMAIN "syn-journal"

#include "syn-memory-journal.h"

#include <string.h>

#include "syn-error.h"
#include "syn-journal-private.h"
#include "syn-limits.h"

#define WHERE "memory"

typedef struct {
  guint64 epoch, sequence;
  GBytes *bytes; /* (owned) (nullable): NULL: there is none */
} Checkpoint;

/* A reader: its checkpoints and its hold. */
typedef struct {
  Checkpoint newer, older;
  gboolean is_held;
  guint64 held; /* needed from here on until there are two checkpoints */
} Reader;

typedef struct {
  GPtrArray *records;  /* (owned): of SynJournalRecord; the first has sequence n_trimmed + 1 */
  guint64 n_trimmed;
  GHashTable *readers; /* (owned): name → Reader */
} Log;

typedef struct {
  SynJournal journal;
  GMutex lock;
  Log logs[SYN_N_PARTITIONS];
  GQueue delayed; /* of SynJournalRequest */
  gboolean is_delayed, is_dead;
  gsize delayed_bytes, max_bytes;
  guint fail_in;  /* appends until one fails; 0: none */
  int fail_code, fail_others_code;
  SynFailing failing;
  SynJournalStatus counts;
} SynMemoryJournal;

static void
reader_free (gpointer data)
{
  Reader *self = data;

  g_clear_pointer (&self->newer.bytes, g_bytes_unref);
  g_clear_pointer (&self->older.bytes, g_bytes_unref);
  g_free (self);
}

static SynJournalTail
tail_of (const Log *log)
{
  const SynJournalRecord *last = log->records->len > 0 ? log->records->pdata[log->records->len - 1] : NULL;

  return last != NULL ? (SynJournalTail){ last->sequence, last->epoch } : (SynJournalTail){ 0 };
}

static Reader *
find_reader (Log *log, const char *name)
{
  Reader *reader = g_hash_table_lookup (log->readers, name);

  if (reader == NULL)
    {
      reader = g_new0 (Reader, 1);
      g_hash_table_insert (log->readers, g_strdup (name), reader);
    }
  return reader;
}

static SynJournalRecord *
copy_record (const SynJournalRecord *from)
{
  SynJournalRecord *copy = g_memdup2 (from, sizeof *from);

  copy->source = g_strdup (from->source);
  copy->bytes = from->bytes != NULL ? g_bytes_ref (from->bytes) : NULL;
  return copy;
}

/* ---- the verbs ---- */

static void
add_record (Log *log, const SynJournalRecord *record)
{
  g_ptr_array_add (log->records, copy_record (record));
}

static void
do_claim (Log *log, SynJournalRequest *request)
{
  SynJournalTail tail = tail_of (log);
  const SynJournalRecord record = { .sequence = tail.sequence + 1, .epoch = tail.epoch + 1, .kind = SYN_RECORD_CLAIM,
                                    .source = (char *) "", .time_us = request->record.time_us };

  add_record (log, &record);
  request->epoch = record.epoch;
  request->sequence = record.sequence;
}

static void
do_append (SynMemoryJournal *self, Log *log, SynJournalRequest *request)
{
  SynJournalTail tail = tail_of (log);

  request->sequence = request->expected + 1;
  switch (syn_journal_judge (request, &tail, WHERE))
    {
    case SYN_JOURNAL_TAKE:
      add_record (log, &request->record);
      self->counts.n_events_appended += request->record.n_events;
      break;
    case SYN_JOURNAL_HAVE:
      {
        const SynJournalRecord *have
          = request->expected >= log->n_trimmed ? log->records->pdata[request->expected - log->n_trimmed] : NULL;

        if (have == NULL || !syn_journal_same_record (request, have, syn_journal_bytes_sum (have->bytes)))
          syn_journal_fence (request, &tail, WHERE);
        break;
      }
    case SYN_JOURNAL_REFUSED:
      break;
    }
}

static gboolean
has_room (const SynJournalRequest *request, gsize n_bytes, const SynJournalRecord *record)
{
  return request->records->len == 0 || n_bytes + (record->bytes != NULL ? g_bytes_get_size (record->bytes) : 0) <= request->max_bytes;
}

static void
do_read (Log *log, SynJournalRequest *request)
{
  guint64 last = tail_of (log).sequence;
  gsize n_bytes = 0;

  request->records = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_journal_record_free);
  request->next = request->sequence;
  if (request->sequence <= log->n_trimmed)
    {
      syn_journal_fail (request, SYN_ERROR_NOT_FOUND,
                        WHERE ": partition %u: record %" G_GUINT64_FORMAT " was trimmed; the first is %" G_GUINT64_FORMAT, request->partition,
                        request->sequence, log->n_trimmed + 1);
      return;
    }
  if (request->upto == 0 || request->upto > last)
    request->upto = last;
  for (; request->next <= request->upto; request->next++)
    {
      const SynJournalRecord *record = log->records->pdata[request->next - log->n_trimmed - 1];

      if (request->name != NULL && strcmp (record->source, request->name) != 0)
        continue;
      if (!has_room (request, n_bytes, record))
        return;
      n_bytes += record->bytes != NULL ? g_bytes_get_size (record->bytes) : 0;
      g_ptr_array_add (request->records, copy_record (record));
    }
}

static void
do_put (Log *log, SynJournalRequest *request)
{
  SynJournalTail tail = tail_of (log);
  Reader *reader;

  if (!syn_journal_judge_checkpoint (request, &tail, WHERE))
    return;
  reader = find_reader (log, request->name);
  g_clear_pointer (&reader->older.bytes, g_bytes_unref);
  reader->older = reader->newer;
  reader->newer = (Checkpoint){ request->epoch, request->sequence, g_steal_pointer (&request->bytes) };
}

static void
do_get (Log *log, SynJournalRequest *request)
{
  const Reader *reader = g_hash_table_lookup (log->readers, request->name);

  request->epoch = request->sequence = 0;
  if (reader == NULL || reader->newer.bytes == NULL)
    return;
  request->epoch = reader->newer.epoch;
  request->sequence = reader->newer.sequence;
  request->bytes = g_bytes_ref (reader->newer.bytes);
}

static void
do_trim (SynMemoryJournal *self, Log *log, SynJournalRequest *request)
{
  guint64 below = MIN (request->sequence, tail_of (log).sequence);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, log->readers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Reader *reader = value;

      if (reader->is_held)
        below = MIN (below, reader->older.bytes != NULL ? MAX (reader->held, reader->older.sequence + 1) : reader->held);
    }
  if (below > log->n_trimmed + 1)
    {
      guint n = (guint) (below - log->n_trimmed - 1);

      g_ptr_array_remove_range (log->records, 0, n);
      log->n_trimmed += n;
      self->counts.n_trimmed += n;
    }
  request->sequence = log->n_trimmed + 1;
}

static void
do_status (SynMemoryJournal *self, SynJournalRequest *request)
{
  SynJournalStatus *status = g_memdup2 (&self->counts, sizeof self->counts);

  status->last_error = g_strdup (self->counts.last_error);
  status->n_queued = g_queue_get_length (&self->delayed);
  status->n_queued_bytes = self->delayed_bytes;
  for (guint p = 0; p < SYN_N_PARTITIONS; p++)
    for (guint i = 0; i < self->logs[p].records->len; i++)
      {
        const SynJournalRecord *record = self->logs[p].records->pdata[i];

        status->n_records++;
        status->n_bytes += record->bytes != NULL ? g_bytes_get_size (record->bytes) : 0;
        if (status->oldest_us == 0 || record->time_us < status->oldest_us)
          status->oldest_us = record->time_us;
        status->newest_us = MAX (status->newest_us, record->time_us);
      }
  request->status = status;
}

static void
inject (SynJournalRequest *request, int code)
{
  syn_journal_fail (request, code, WHERE ": partition %u: fails because a test says so", request->partition);
}

static void
do_append_or_fail (SynMemoryJournal *self, Log *log, SynJournalRequest *request)
{
  gboolean fails = self->fail_in > 0 && --self->fail_in == 0;

  self->counts.n_appends++;
  if (!fails || self->failing == SYN_FAILING_AFTER)
    do_append (self, log, request);
  if (fails)
    inject (request, self->fail_code);
  g_clear_pointer (&self->counts.last_error, g_free);
  if (request->error != NULL)
    self->counts.last_error = g_strdup (request->error->message);
  else
    self->counts.n_commits++;
}

static void
do_request (SynMemoryJournal *self, SynJournalRequest *request)
{
  Log *log = &self->logs[request->partition];

  if (self->is_dead)
    {
      inject (request, SYN_ERROR_UNAVAILABLE);
      return;
    }
  if (request->verb != SYN_JOURNAL_APPEND && self->fail_others_code != 0)
    {
      inject (request, self->fail_others_code);
      return;
    }
  switch (request->verb)
    {
    case SYN_JOURNAL_CLAIM:
      do_claim (log, request);
      break;
    case SYN_JOURNAL_APPEND:
      do_append_or_fail (self, log, request);
      break;
    case SYN_JOURNAL_READ:
      do_read (log, request);
      break;
    case SYN_JOURNAL_PUT_CHECKPOINT:
      do_put (log, request);
      break;
    case SYN_JOURNAL_GET_CHECKPOINT:
      do_get (log, request);
      break;
    case SYN_JOURNAL_DROP_CHECKPOINT:
      g_hash_table_remove (log->readers, request->name);
      break;
    case SYN_JOURNAL_HOLD:
      find_reader (log, request->name)->is_held = TRUE;
      find_reader (log, request->name)->held = MAX (request->sequence, 1);
      break;
    case SYN_JOURNAL_TRIM:
      do_trim (self, log, request);
      break;
    case SYN_JOURNAL_STATUS:
      do_status (self, request);
      break;
    }
}

/* ---- the queue ---- */

static void
memory_submit (SynJournal *journal, SynJournalRequest *request)
{
  SynMemoryJournal *self = (SynMemoryJournal *) journal;
  gboolean waits;

  g_mutex_lock (&self->lock);
  waits = self->is_delayed;
  if (waits && self->delayed_bytes + syn_journal_request_size_bytes (request) > self->max_bytes)
    {
      syn_journal_fail (request, SYN_ERROR_OVERLOADED, WHERE ": too much waits to be written");
      waits = FALSE;
    }
  else if (waits)
    {
      self->delayed_bytes += syn_journal_request_size_bytes (request);
      g_queue_push_tail (&self->delayed, request);
    }
  else
    do_request (self, request);
  g_mutex_unlock (&self->lock);
  if (!waits)
    syn_journal_answer (request);
}

static gboolean
memory_step (SynJournal *journal)
{
  SynMemoryJournal *self = (SynMemoryJournal *) journal;
  SynJournalRequest *request;

  g_mutex_lock (&self->lock);
  request = g_queue_pop_head (&self->delayed);
  if (request != NULL)
    {
      self->delayed_bytes -= syn_journal_request_size_bytes (request);
      do_request (self, request);
    }
  g_mutex_unlock (&self->lock);
  if (request == NULL)
    return FALSE;
  syn_journal_answer (request);
  return TRUE;
}

/* ---- what tests tell it ---- */

void
syn_memory_journal_fail_append (SynJournal *journal, guint n, int code, SynFailing failing)
{
  SynMemoryJournal *self = (SynMemoryJournal *) journal;

  g_mutex_lock (&self->lock);
  self->fail_in = n;
  self->fail_code = code;
  self->failing = failing;
  g_mutex_unlock (&self->lock);
}

void
syn_memory_journal_fail_others (SynJournal *journal, int code)
{
  SynMemoryJournal *self = (SynMemoryJournal *) journal;

  g_mutex_lock (&self->lock);
  self->fail_others_code = code;
  g_mutex_unlock (&self->lock);
}

void
syn_memory_journal_set_dead (SynJournal *journal, gboolean dead)
{
  ((SynMemoryJournal *) journal)->is_dead = dead;
}

void
syn_memory_journal_set_delayed (SynJournal *journal, gboolean delayed)
{
  SynMemoryJournal *self = (SynMemoryJournal *) journal;

  g_mutex_lock (&self->lock);
  self->is_delayed = delayed;
  g_mutex_unlock (&self->lock);
  while (!delayed && memory_step (journal))
    ;
}

guint
syn_memory_journal_get_n_delayed (SynJournal *journal)
{
  return g_queue_get_length (&((SynMemoryJournal *) journal)->delayed);
}

void
syn_memory_journal_set_max_bytes (SynJournal *journal, gsize max_bytes)
{
  ((SynMemoryJournal *) journal)->max_bytes = max_bytes;
}

/* ---- life ---- */

static void
memory_close (SynJournal *journal)
{
  while (memory_step (journal))
    ;
}

static void
memory_free (SynJournal *journal)
{
  SynMemoryJournal *self = (SynMemoryJournal *) journal;

  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    {
      g_ptr_array_unref (self->logs[i].records);
      g_hash_table_unref (self->logs[i].readers);
    }
  g_free (self->counts.last_error);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static const SynJournalClass memory_class = { .submit = memory_submit, .step = memory_step, .close = memory_close, .free = memory_free };

SynJournal *
syn_memory_journal_new (void)
{
  SynMemoryJournal *self = g_new0 (SynMemoryJournal, 1);

  self->journal.klass = &memory_class;
  g_mutex_init (&self->lock);
  self->max_bytes = SYN_MAX_JOURNAL_QUEUE_BYTES;
  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    {
      self->logs[i].records = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_journal_record_free);
      self->logs[i].readers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, reader_free);
    }
  return &self->journal;
}
