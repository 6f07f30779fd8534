/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal-fixture.h"

#include <string.h>

static guint n_answers;

void
reply_clear (Reply *self)
{
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_pointer (&self->note, g_free);
  g_clear_pointer (&self->status, syn_journal_status_free);
  g_clear_error (&self->error);
  *self = (Reply){ 0 };
}

void
reply_take (SynJournalRequest *answer, gpointer user_data)
{
  Reply *self = user_data;

  self->n++;
  self->order = ++n_answers;
  self->epoch = answer->epoch;
  self->sequence = answer->sequence;
  self->next = answer->next;
  self->records = g_steal_pointer (&answer->records);
  self->bytes = g_steal_pointer (&answer->bytes);
  self->note = g_steal_pointer (&answer->note);
  self->status = g_steal_pointer (&answer->status);
  self->error = g_steal_pointer (&answer->error);
}

/* ---- life ---- */

static void
setup_silo (Journal *self)
{
  g_autoptr (GError) error = NULL;

  self->silo = syn_silo_new_stepped (2, NULL, &error);
  g_assert_no_error (error);
  syn_silo_start (self->silo, NULL, &error);
  g_assert_no_error (error);
  self->lane = syn_silo_get_front_lane (self->silo);
}

void
journal_setup_memory (Journal *self, gconstpointer data)
{
  setup_silo (self);
  self->journal = syn_memory_journal_new ();
}

void
journal_setup_sqlite (Journal *self, gconstpointer data)
{
  setup_silo (self);
  broken_vfs = (BrokenVfs){ 0 };
  self->folder = store_folder_new ();
  self->path = g_build_filename (self->folder, SYN_JOURNAL_FILE, NULL);
  journal_open (self, NULL);
}

void
journal_teardown (Journal *self, gconstpointer data)
{
  journal_close (self);
  syn_silo_free (self->silo);
  store_forget_warnings ();
  g_free (self->path);
  if (self->folder != NULL)
    store_folder_remove (self->folder);
}

void
journal_open (Journal *self, const SynSqliteJournalOptions *options)
{
  SynSqliteJournalOptions all = options != NULL ? *options : (SynSqliteJournalOptions){ 0 };
  g_autoptr (GError) error = NULL;

  all.folder = self->folder;
  all.stepped = TRUE;
  self->journal = syn_sqlite_journal_new (&all, &error);
  g_assert_no_error (error);
}

void
journal_close (Journal *self)
{
  if (self->journal != NULL)
    syn_journal_close (self->journal);
  syn_silo_settle (self->silo);
  g_clear_pointer (&self->journal, syn_journal_free);
}

void
journal_reopen (Journal *self, const SynSqliteJournalOptions *options)
{
  journal_close (self);
  journal_open (self, options);
}

void
journal_settle (Journal *self)
{
  do
    syn_silo_settle (self->silo);
  while (syn_journal_step (self->journal));
}

/* ---- requests ---- */

static Reply
ask (Journal *self, SynJournalRequest *request)
{
  Reply reply = { 0 };

  request->func = reply_take;
  request->user_data = &reply;
  syn_journal_submit (self->journal, request);
  g_assert_cmpuint (reply.n, ==, 0); /* never within the call */
  journal_settle (self);
  g_assert_cmpuint (reply.n, ==, 1);
  return reply;
}

Reply
journal_claim (Journal *self, guint partition)
{
  return ask (self, syn_journal_request_new (self->lane, SYN_JOURNAL_CLAIM, partition, NULL, NULL));
}

static SynJournalRequest *
new_append (Journal *self, guint partition, guint64 epoch, guint64 expected, const char *text)
{
  SynJournalRequest *request = syn_journal_request_new (self->lane, SYN_JOURNAL_APPEND, partition, NULL, NULL);

  request->epoch = epoch;
  request->expected = expected;
  request->record.kind = text != NULL ? SYN_RECORD_BATCH : SYN_RECORD_TICK;
  request->record.time_us = syn_lane_real_us (self->lane);
  if (text == NULL)
    return request;
  request->record.source = g_strdup ("s");
  request->record.first_sequence = expected;
  request->record.n_events = 1;
  request->record.bytes = g_bytes_new (text, strlen (text));
  return request;
}

void
journal_post (Journal *self, Reply *reply, guint partition, guint64 epoch, guint64 expected, const char *text)
{
  SynJournalRequest *request = new_append (self, partition, epoch, expected, text);

  request->func = reply_take;
  request->user_data = reply;
  syn_journal_submit (self->journal, request);
}

Reply
journal_append (Journal *self, guint partition, guint64 epoch, guint64 expected, const char *text)
{
  return ask (self, new_append (self, partition, epoch, expected, text));
}

Reply
journal_read (Journal *self, guint partition, guint64 from, guint64 upto, const char *source, gsize max_bytes)
{
  SynJournalRequest *request = syn_journal_request_new_read (self->lane, partition, from, upto, source, NULL, NULL);

  request->max_bytes = max_bytes;
  return ask (self, request);
}

Reply
journal_put (Journal *self, guint partition, const char *name, guint64 epoch, guint64 sequence, const char *bytes, gssize n_bytes)
{
  g_autoptr (GBytes) all = g_bytes_new (bytes, n_bytes < 0 ? strlen (bytes) : (gsize) n_bytes);

  return ask (self, syn_journal_request_new_checkpoint (self->lane, partition, name, epoch, sequence, all, NULL, NULL));
}

Reply
journal_ask (Journal *self, SynJournalVerb verb, guint partition, const char *name, guint64 sequence)
{
  SynJournalRequest *request = syn_journal_request_new (self->lane, verb, partition, NULL, NULL);

  request->name = g_strdup (name);
  request->sequence = sequence;
  return ask (self, request);
}

Reply
journal_get (Journal *self, guint partition, const char *name)
{
  return journal_ask (self, SYN_JOURNAL_GET_CHECKPOINT, partition, name, 0);
}

guint64
journal_fill (Journal *self, guint partition, guint n)
{
  g_auto (Reply) claim = journal_claim (self, partition);

  g_assert_no_error (claim.error);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);
      g_auto (Reply) reply = journal_append (self, partition, claim.epoch, claim.sequence + i, text);

      g_assert_no_error (reply.error);
      g_assert_cmpuint (reply.sequence, ==, claim.sequence + i + 1);
    }
  return claim.epoch;
}

char *
journal_text (GPtrArray *records)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < records->len; i++)
    {
      const SynJournalRecord *record = records->pdata[i];

      g_string_append_printf (text, "%s%" G_GUINT64_FORMAT " ", i > 0 ? ", " : "", record->sequence);
      if (record->kind == SYN_RECORD_BATCH)
        {
          gsize size;
          const char *bytes = g_bytes_get_data (record->bytes, &size);

          g_string_append_printf (text, "%s/%" G_GUINT64_FORMAT "+%u %.*s", record->source, record->first_sequence, record->n_events,
                                  (int) size, bytes);
        }
      else
        g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, syn_record_kind_to_string (record->kind), record->epoch);
    }
  return g_string_free (text, FALSE);
}

void
assert_error_says (const GError *error, int code, const char *a, const char *b)
{
  g_assert_error (error, SYN_ERROR, code);
  if (strstr (error->message, a) == NULL || strstr (error->message, b) == NULL)
    g_error ("\"%s\" or \"%s\" is not in \"%s\"", a, b, error->message);
}

void
journal_assert_not_opened (Journal *self, const char *vfs, int code, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynJournal) journal
    = syn_sqlite_journal_new (&(SynSqliteJournalOptions){ .folder = self->folder, .stepped = TRUE, .vfs = vfs }, &error);

  g_assert_null (journal);
  assert_error_says (error, code, self->path, message);
}

void
journal_execute (Journal *self, const char *sql)
{
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (self->path, &db), ==, SQLITE_OK);
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) != SQLITE_OK)
    g_error ("%s: %s", sql, sqlite3_errmsg (db));
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}
