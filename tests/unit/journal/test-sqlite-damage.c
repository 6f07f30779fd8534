/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded journal: what is wrong with its files, which error or note says so, and what is still to be had. */
#include <glib/gstdio.h>
#include <string.h>

#include "journal-fixture.h"
#include "syn-journal-reader.h"

static void
test_not_ours (Journal *self, gconstpointer data)
{
  g_autofree char *garbage = g_strnfill (5000, 'g');

  journal_close (self);
  journal_execute (self, "PRAGMA user_version=7");
  journal_assert_not_opened (self, NULL, SYN_ERROR_INVALID, ": is of format 7, made by a newer version; this one knows up to 2");
  journal_execute (self, "PRAGMA user_version=1; PRAGMA application_id=1");
  journal_assert_not_opened (self, NULL, SYN_ERROR_INVALID, ": is a database of another program");
  g_assert_true (g_file_set_contents (self->path, garbage, -1, NULL));
  journal_assert_not_opened (self, NULL, SYN_ERROR_INVALID, "not a database");
  g_assert_cmpint (g_unlink (self->path), ==, 0);
  g_assert_cmpint (g_mkdir (self->path, 0700), ==, 0);
  journal_assert_not_opened (self, NULL, SYN_ERROR_UNAVAILABLE, "unable to open");
  g_assert_cmpint (g_rmdir (self->path), ==, 0);
}

/* Each column of a record's row changed to something that SQLite finds nothing wrong with. */
static void
test_damaged_record (Journal *self, gconstpointer data)
{
  static const char *const changes[] = {
    "epoch=epoch+1", "kind=3", "source='t'", "source=''", "first=first+1", "n=n+1", "n=-1", "n=n+4294967296", "time_us=time_us+1", "sum=sum+1",
    "sum=-sum", "bytes=x'31'", "bytes=x''", "bytes=NULL", "bytes='0'||'1'",
  };

  journal_fill (self, 0, 5);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autofree char *damage = g_strdup_printf ("CREATE TABLE kept AS SELECT * FROM record WHERE seq=4; UPDATE record SET %s WHERE seq=4",
                                                 changes[i]);
      g_auto (Reply) read = { 0 }, after = { 0 }, append = { 0 };

      journal_close (self);
      journal_execute (self, damage);
      journal_open (self, NULL);
      read = journal_read (self, 0, 2, 0, NULL, 0);
      assert_error_says (read.error, SYN_ERROR_INTERNAL, self->path, ": partition 0: record 4 is damaged: its checksum does not match");
      g_assert_cmpuint (read.records->len, ==, 2); /* the good ones before it */
      g_assert_cmpuint (read.next, ==, 4);
      after = journal_read (self, 0, 5, 0, NULL, 0);
      g_assert_no_error (after.error);
      g_assert_cmpuint (after.records->len, ==, 2 + i);
      append = journal_append (self, 0, 1, 6 + i, "more"); /* what comes after is not touched by it */
      g_assert_no_error (append.error);
      journal_close (self);
      journal_execute (self, "DELETE FROM record WHERE seq=4; INSERT INTO record SELECT * FROM kept; DROP TABLE kept");
      journal_open (self, NULL);
    }
}

static void
test_missing_records (Journal *self, gconstpointer data)
{
  g_auto (Reply) middle = { 0 }, end = { 0 };

  journal_fill (self, 0, 9);
  journal_close (self);
  journal_execute (self, "DELETE FROM record WHERE seq IN (4, 5)");
  journal_open (self, NULL);
  middle = journal_read (self, 0, 2, 0, NULL, 0);
  assert_error_says (middle.error, SYN_ERROR_INTERNAL, self->path, ": partition 0: records 4 to 5 are missing");
  g_assert_cmpuint (middle.records->len, ==, 2);
  end = journal_read (self, 0, 6, 0, NULL, 0);
  g_assert_no_error (end.error);
}

/* The last record is damaged: who claims is told, and gets an epoch that nobody had. */
static void
test_damaged_end (Journal *self, gconstpointer data)
{
  g_auto (Reply) claim = { 0 }, append = { 0 };

  journal_fill (self, 0, 2);
  journal_close (self);
  journal_execute (self, "UPDATE record SET epoch=77 WHERE seq=3");
  journal_open (self, NULL);
  claim = journal_claim (self, 0);
  g_assert_no_error (claim.error);
  g_assert_cmpuint (claim.epoch, ==, 3); /* record 3 may have been a claim */
  g_assert_cmpuint (claim.sequence, ==, 4);
  g_assert_nonnull (strstr (claim.note, "record 3 at the log's end is damaged"));
  g_assert_nonnull (strstr (last_warning, self->path));
  append = journal_append (self, 0, 3, 4, "x");
  g_assert_no_error (append.error);
}

/* The log lost its end, and a checkpoint knows of it. */
static void
test_lost_end (Journal *self, gconstpointer data)
{
  g_auto (Reply) put = { 0 }, claim = { 0 };

  journal_fill (self, 0, 9);
  put = journal_put (self, 0, "p", 1, 8, "x", -1);
  journal_close (self);
  journal_execute (self, "DELETE FROM record WHERE seq>5");
  journal_open (self, NULL);
  claim = journal_claim (self, 0);
  g_assert_no_error (claim.error);
  g_assert_cmpuint (claim.sequence, ==, 9);
  g_assert_nonnull (strstr (claim.note, "the log ends at record 5, and there is a checkpoint of record 8"));
}

static void
test_damaged_checkpoints (Journal *self, gconstpointer data)
{
  static const char *const damages[] = {
    "UPDATE checkpoint SET seq=seq+1 WHERE id=(SELECT max(id) FROM checkpoint)",
    "UPDATE piece SET bytes=x'00' WHERE checkpoint=(SELECT max(id) FROM checkpoint)",
    "UPDATE piece SET idx=1 WHERE checkpoint=(SELECT max(id) FROM checkpoint)",
    "DELETE FROM piece WHERE checkpoint=(SELECT max(id) FROM checkpoint)",
    "UPDATE piece SET sum=0 WHERE checkpoint=(SELECT max(id) FROM checkpoint)",
  };

  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_auto (Reply) older = { 0 }, newer = { 0 }, got = { 0 }, both = { 0 };
      guint64 epoch = journal_fill (self, i, 5);

      older = journal_put (self, i, "p", epoch, 2, "older", -1);
      newer = journal_put (self, i, "p", epoch, 4, "newer", -1);
      g_assert_no_error (newer.error);
      journal_close (self);
      journal_execute (self, damages[i]);
      journal_open (self, NULL);
      got = journal_get (self, i, "p");
      g_assert_no_error (got.error);
      g_assert_cmpuint (got.sequence, ==, 2);
      g_assert_cmpmem (g_bytes_get_data (got.bytes, NULL), g_bytes_get_size (got.bytes), "older", 5);
      g_assert_nonnull (strstr (got.note, self->path));
      g_assert_nonnull (strstr (got.note, "checkpoint \"p\" of record "));
      g_assert_nonnull (strstr (got.note, "is damaged: "));
      journal_close (self);
      journal_execute (self, "UPDATE checkpoint SET sum=1");
      journal_open (self, NULL);
      both = journal_get (self, i, "p");
      assert_error_says (both.error, SYN_ERROR_INTERNAL, "of record 2 is damaged", i == 0 ? "of record 5 is damaged" : "of record 4 is damaged");
      journal_close (self);
      journal_execute (self, "DELETE FROM checkpoint; DELETE FROM piece");
      journal_open (self, NULL);
    }
}

static void
add_fault (const char *what, gpointer user_data)
{
  g_string_append_printf (user_data, "%s\n", what);
}

/* What stands in a damaged file is shown, but not as what a terminal would take for orders, nor as what is no text. */
static void
test_damaged_names (Journal *self, gconstpointer data)
{
  g_autoptr (SynJournalReader) reader = NULL;
  g_autoptr (GString) faults = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_auto (Reply) put = { 0 }, hold = { 0 }, status = { 0 };
  SynJournalVerified verified;

  journal_fill (self, 0, 0);
  put = journal_put (self, 0, "p", 1, 1, "state", -1);
  hold = journal_ask (self, SYN_JOURNAL_HOLD, 0, "r", 1);
  journal_close (self);
  journal_execute (self, "UPDATE checkpoint SET name=CAST(x'411b5b32' || x'4aff42' AS TEXT); UPDATE hold SET name=CAST(x'430dc328' AS TEXT)");
  reader = syn_journal_reader_open (self->path, &error);
  g_assert_no_error (error);
  g_assert_true (syn_journal_reader_verify (reader, add_fault, faults, &verified, &error));
  g_assert_cmpuint (verified.n_faults, ==, 2);
  g_assert_true (g_utf8_validate_len (faults->str, faults->len, NULL));
  g_assert_nonnull (strstr (faults->str, "checkpoint \"A\xef\xbf\xbd[2J\xef\xbf\xbd" "B\" of record 1 is damaged"));
  g_assert_nonnull (strstr (faults->str, "hold \"C\xef\xbf\xbd\xef\xbf\xbd(\" is damaged"));
  journal_open (self, NULL);
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_no_error (status.error);
  g_assert_cmpuint (status.status->readers->len, ==, 1);
  g_assert_cmpstr (((SynJournalReaderStatus *) status.status->readers->pdata[0])->name, ==, "C\xef\xbf\xbd\xef\xbf\xbd(");
}

/* Killed between the pieces of a checkpoint: what is left of it goes, the one before stays. */
static void
test_torn_checkpoint (Journal *self, gconstpointer data)
{
  g_auto (Reply) put = { 0 }, got = { 0 }, next = { 0 };
  sqlite3 *db;
  sqlite3_stmt *statement;

  journal_fill (self, 0, 3);
  put = journal_put (self, 0, "p", 1, 2, "whole", -1);
  journal_close (self);
  journal_execute (self, "INSERT INTO piece VALUES (2, 0, 0, x'00'), (2, 1, 0, x'00')");
  journal_open (self, NULL);
  got = journal_get (self, 0, "p");
  g_assert_cmpuint (got.sequence, ==, 2);
  g_assert_null (got.note);
  next = journal_put (self, 0, "p", 1, 3, "next", -1);
  g_assert_no_error (next.error);
  journal_close (self);
  g_assert_cmpint (sqlite3_open (self->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, "SELECT count(*) FROM piece", -1, &statement, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  g_assert_cmpint (sqlite3_column_int (statement, 0), ==, 2);
  sqlite3_finalize (statement);
  sqlite3_close (db);
}

/* Each page overwritten, and the file cut off after each: what is read is right, or an error that names the file; nothing crashes. */
static void
check_damaged (Journal *self, const char *bytes, gsize length, guint *n_refused, guint *n_failed, guint *n_right)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (self->path, bytes, (gssize) length, NULL));
  self->journal = syn_sqlite_journal_new (&(SynSqliteJournalOptions){ .folder = self->folder, .stepped = TRUE }, &error);
  if (self->journal == NULL)
    {
      g_assert_nonnull (strstr (error->message, self->path));
      *n_refused += 1;
      return;
    }
  for (guint64 from = 2; from <= 61; from++)
    {
      g_auto (Reply) read = journal_read (self, 0, from, from, NULL, 0);
      g_autofree char *expected = g_strdup_printf ("%" G_GUINT64_FORMAT, from - 2);
      const SynJournalRecord *record;

      if (read.error != NULL)
        {
          g_assert_nonnull (strstr (read.error->message, self->path));
          *n_failed += 1;
          continue;
        }
      if (read.records->len == 0)
        {
          g_assert_cmpuint (read.next, ==, from); /* a log that ends before it */
          *n_failed += 1;
          continue;
        }
      record = read.records->pdata[0];
      g_assert_cmpuint (record->sequence, ==, from);
      g_assert_cmpmem (g_bytes_get_data (record->bytes, NULL), strlen (expected), expected, strlen (expected));
      *n_right += 1;
    }
  journal_close (self);
}

static void
test_damaged_pages (Journal *self, gconstpointer data)
{
  const gsize page_bytes = 4096;
  g_autofree char *whole = NULL, *padding = g_strnfill (1500, '.');
  guint n_refused = 0, n_failed = 0, n_right = 0;
  gsize length;

  journal_fill (self, 0, 0);
  for (guint i = 0; i < 60; i++)
    {
      g_autofree char *line = g_strdup_printf ("%u%s", i, padding);
      g_auto (Reply) reply = journal_append (self, 0, 1, i + 1, line);

      g_assert_no_error (reply.error);
    }
  journal_close (self);
  g_assert_true (g_file_get_contents (self->path, &whole, &length, NULL));
  for (gsize page = 0; page < length / page_bytes; page++)
    {
      g_autofree char *damaged = g_memdup2 (whole, length);

      memset (damaged + page * page_bytes, 0xa5, page_bytes);
      check_damaged (self, damaged, length, &n_refused, &n_failed, &n_right);
      check_damaged (self, whole, page * page_bytes + 100, &n_refused, &n_failed, &n_right);
    }
  g_test_message ("%u files refused; %u records failed, %u were right", n_refused, n_failed, n_right);
  g_assert_cmpuint (n_refused, >, 0);
  g_assert_cmpuint (n_failed, >, 0);
  g_assert_cmpuint (n_right, >, n_failed);
}

/* A crash leaves the log behind; here it is, cut off anywhere: what the journal has then is a log without gaps that ends somewhere. */
static void
copy_files (Journal *self, char **db, gsize *db_size, char **wal, gsize *wal_size)
{
  g_autofree char *log = g_strconcat (self->path, "-wal", NULL);

  g_assert_true (g_file_get_contents (self->path, db, db_size, NULL));
  g_assert_true (g_file_get_contents (log, wal, wal_size, NULL));
}

static void
put_files (Journal *self, const char *db, gsize db_size, const char *wal, gsize wal_size)
{
  g_autofree char *log = g_strconcat (self->path, "-wal", NULL), *index = g_strconcat (self->path, "-shm", NULL);

  g_unlink (index);
  g_assert_true (g_file_set_contents (self->path, db, (gssize) db_size, NULL));
  g_assert_true (g_file_set_contents (log, wal, (gssize) wal_size, NULL));
}

static guint
count_records (Journal *self)
{
  g_auto (Reply) read = { 0 };

  journal_open (self, NULL);
  read = journal_read (self, 0, 1, 0, NULL, 0);
  g_assert_no_error (read.error);
  for (guint i = 0; i < read.records->len; i++)
    g_assert_cmpuint (((SynJournalRecord *) read.records->pdata[i])->sequence, ==, i + 1);
  journal_close (self);
  return read.records->len;
}

static void
test_truncated_log (Journal *self, gconstpointer data)
{
  g_autofree char *db = NULL, *wal = NULL;
  gsize db_size, wal_size;
  guint last = 0;

  journal_fill (self, 0, 20);
  copy_files (self, &db, &db_size, &wal, &wal_size);
  journal_close (self);
  for (gsize i = 0; i <= 300; i++)
    {
      guint n;

      put_files (self, db, db_size, wal, wal_size * i / 300);
      n = count_records (self);
      g_assert_cmpuint (n, >=, last);
      last = n;
      g_clear_pointer (&last_warning, g_free);
    }
  g_assert_cmpuint (last, ==, 21);
  journal_open (self, NULL);
}

/* Damage in the middle of the log, and commits after it: SQLite ends there without a word. */
static void
test_damaged_log (Journal *self, gconstpointer data)
{
  g_autofree char *db = NULL, *wal = NULL;
  gsize db_size, wal_size;
  guint n;

  journal_fill (self, 0, 20);
  copy_files (self, &db, &db_size, &wal, &wal_size);
  journal_close (self);
  g_clear_pointer (&last_warning, g_free);
  put_files (self, db, db_size, wal, wal_size);
  g_assert_cmpuint (count_records (self), ==, 21);
  g_assert_null (last_warning);
  wal[wal_size / 2] ^= 0x10;
  put_files (self, db, db_size, wal, wal_size);
  n = count_records (self);
  g_assert_cmpuint (n, <, 21);
  g_assert_nonnull (last_warning);
  if (strstr (last_warning, self->path) == NULL || strstr (last_warning, "-wal: byte ") == NULL || strstr (last_warning, "a damaged frame") == NULL)
    g_error ("%s", last_warning);
  journal_open (self, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
#define ADD(name, func) g_test_add ("/sqlite-journal/" name, Journal, NULL, journal_setup_sqlite, func, journal_teardown)
  ADD ("not-ours", test_not_ours);
  ADD ("damaged-record", test_damaged_record);
  ADD ("missing-records", test_missing_records);
  ADD ("damaged-end", test_damaged_end);
  ADD ("lost-end", test_lost_end);
  ADD ("damaged-checkpoints", test_damaged_checkpoints);
  ADD ("damaged-names", test_damaged_names);
  ADD ("torn-checkpoint", test_torn_checkpoint);
  ADD ("damaged-pages", test_damaged_pages);
  ADD ("truncated-log", test_truncated_log);
  ADD ("damaged-log", test_damaged_log);
  return g_test_run ();
}
