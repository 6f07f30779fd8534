/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded journal: group commit, what is on disk, what is wrong with it, what the disk refuses, what retention takes. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "journal-fixture.h"

static void
assert_not_opened_by (Journal *self, const char *vfs, int code, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynJournal) journal
    = syn_sqlite_journal_new (&(SynSqliteJournalOptions){ .folder = self->folder, .stepped = TRUE, .vfs = vfs }, &error);

  g_assert_null (journal);
  assert_error_says (error, code, self->path, message);
}

static void
assert_not_opened (Journal *self, int code, const char *message)
{
  assert_not_opened_by (self, NULL, code, message);
}

/* ---- what is kept ---- */

static void
test_restart (Journal *self, gconstpointer data)
{
  g_auto (Reply) read = { 0 }, claim = { 0 }, put = { 0 }, got = { 0 };
  g_autofree char *text = NULL, *log = g_strconcat (self->path, "-wal", NULL);
  GStatBuf stat_buf;

  journal_fill (self, 63, 2);
  put = journal_put (self, 63, "p", 1, 3, "state", -1);
  g_assert_true (g_file_test (log, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_stat (self->path, &stat_buf), ==, 0);
  g_assert_cmpint (stat_buf.st_mode & 07, ==, 0); /* not for others to read */
  journal_close (self);
  g_assert_false (g_file_test (log, G_FILE_TEST_EXISTS)); /* a journal that was closed is one file */
  journal_open (self, NULL);
  claim = journal_claim (self, 63);
  g_assert_cmpuint (claim.epoch, ==, 2);
  g_assert_cmpuint (claim.sequence, ==, 4);
  read = journal_read (self, 63, 1, 0, NULL, 0);
  text = journal_text (read.records);
  g_assert_cmpstr (text, ==, "1 claim1, 2 s/1+1 0, 3 s/2+1 1, 4 claim2");
  got = journal_get (self, 63, "p");
  g_assert_cmpuint (got.sequence, ==, 3);
}

/* All that wait are one transaction and one flush; the answers come after it. */
static void
assert_flushed (SynJournalRequest *answer, gpointer user_data)
{
  g_assert_no_error (answer->error);
  g_assert_cmpint (g_atomic_int_get (&broken_vfs.unsynced), ==, 0);
  *(guint *) user_data += 1;
}

static void
test_group_commit (Journal *self, gconstpointer data)
{
  g_auto (Reply) before = { 0 }, after = { 0 };
  SynJournalLog *logs[4];
  guint n = 0;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);

  journal_reopen (self, &(SynSqliteJournalOptions){ .vfs = BROKEN_VFS });
  for (guint p = 0; p < 4; p++)
    {
      logs[p] = syn_journal_get_log (self->journal, self->lane, p);
      syn_journal_log_claim (logs[p], NULL, NULL);
    }
  journal_settle (self);
  before = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  for (guint i = 0; i < 500; i++)
    {
      const SynJournalHead head = { i / 4 + 1, 1, 1 };

      syn_journal_log_append (logs[i % 4], "s", &head, bytes, assert_flushed, &n);
    }
  g_assert_cmpint (broken_vfs.unsynced, ==, 0);
  journal_settle (self);
  g_assert_cmpuint (n, ==, 500);
  after = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_cmpuint (after.status->n_commits, ==, before.status->n_commits + 1);
  g_assert_cmpuint (after.status->n_appends, ==, before.status->n_appends + 500);
}

static void
test_overloaded (Journal *self, gconstpointer data)
{
  g_autofree char *large = g_strnfill (9000, 'x');
  g_auto (Reply) a = { 0 }, b = { 0 }, c = { 0 }, read = { 0 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .max_bytes = 16000 });
  journal_fill (self, 0, 0);
  journal_post (self, &a, 0, 1, 1, large);
  journal_post (self, &b, 0, 1, 2, large);
  journal_settle (self);
  g_assert_no_error (a.error);
  assert_error_says (b.error, SYN_ERROR_OVERLOADED, self->path, "too much waits to be written");
  c = journal_append (self, 0, 1, 2, large); /* there is room again */
  g_assert_no_error (c.error);
  read = journal_read (self, 0, 1, 0, NULL, 0);
  g_assert_cmpuint (read.records->len, ==, 3);
}

/* ---- what is wrong with the file ---- */

static void
test_not_ours (Journal *self, gconstpointer data)
{
  g_autofree char *garbage = g_strnfill (5000, 'g');

  journal_close (self);
  journal_execute (self, "PRAGMA user_version=7");
  assert_not_opened (self, SYN_ERROR_INVALID, ": is of format 7, made by a newer version; this one knows up to 2");
  journal_execute (self, "PRAGMA user_version=1; PRAGMA application_id=1");
  assert_not_opened (self, SYN_ERROR_INVALID, ": is a database of another program");
  g_assert_true (g_file_set_contents (self->path, garbage, -1, NULL));
  assert_not_opened (self, SYN_ERROR_INVALID, "not a database");
  g_assert_cmpint (g_unlink (self->path), ==, 0);
  g_assert_cmpint (g_mkdir (self->path, 0700), ==, 0);
  assert_not_opened (self, SYN_ERROR_UNAVAILABLE, "unable to open");
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

/* ---- what the disk refuses ---- */

static void
test_full (Journal *self, gconstpointer data)
{
  guint64 last = 1;

  journal_reopen (self, &(SynSqliteJournalOptions){ .vfs = BROKEN_VFS });
  journal_fill (self, 0, 0);
  for (guint left = 0; left < 5; left++) /* at the first write of the transaction, at a later one */
    {
      g_auto (Reply) a = { 0 }, b = { 0 }, claim = { 0 }, read = { 0 }, again = { 0 };

      broken_vfs = (BrokenVfs){ .write_result = SQLITE_FULL, .n_writes_left = left };
      journal_post (self, &a, 0, 1, last, "a");
      journal_post (self, &b, 0, 1, last + 1, "b");
      journal_settle (self);
      read = journal_read (self, 0, 1, 0, NULL, 0);
      g_assert_no_error (read.error);
      g_assert_cmpuint (read.records->len, ==, a.error == NULL ? last + 2 : last);
      g_assert_true ((a.error == NULL) == (b.error == NULL)); /* one transaction */
      if (a.error != NULL)
        {
          assert_error_says (a.error, SYN_ERROR_UNAVAILABLE, self->path, "database or disk is full");
          g_assert_error (b.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
          claim = journal_claim (self, 1);
          g_assert_error (claim.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
        }
      else
        last += 2;
      g_assert_true (a.error != NULL || left > 0);
      broken_vfs = (BrokenVfs){ 0 }; /* space again */
      again = journal_append (self, 0, 1, last, "c");
      g_assert_no_error (again.error);
      g_assert_cmpuint (again.sequence, ==, ++last);
    }
}

static void
test_io_error (Journal *self, gconstpointer data)
{
  static const BrokenVfs breaks[] = { { .write_result = SQLITE_IOERR_WRITE }, { .sync_result = SQLITE_IOERR_FSYNC } };
  SynJournalLog *log;
  g_auto (Reply) claim = { 0 };
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);
  const SynJournalHead head = { 1, 1, 1 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .vfs = BROKEN_VFS });
  log = syn_journal_get_log (self->journal, self->lane, 0);
  syn_journal_log_claim (log, reply_take, &claim);
  journal_settle (self);
  for (guint i = 0; i < G_N_ELEMENTS (breaks); i++)
    {
      g_auto (Reply) bad = { 0 }, behind = { 0 }, read = { 0 }, good = { 0 }, put = { 0 }, got = { 0 };

      broken_vfs = breaks[i];
      syn_journal_log_append (log, "s", &head, bytes, reply_take, &bad);
      syn_journal_log_append (log, "s", &head, bytes, reply_take, &behind);
      journal_settle (self);
      assert_error_says (bad.error, SYN_ERROR_UNAVAILABLE, self->path, "disk I/O error");
      g_assert_error (behind.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
      put = journal_put (self, 0, "p", 1, 1, "x", -1);
      g_assert_error (put.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
      read = journal_read (self, 0, 1, 0, NULL, 0);
      g_assert_no_error (read.error);
      g_assert_cmpuint (read.records->len, ==, 1 + i);
      broken_vfs = (BrokenVfs){ 0 };
      syn_journal_log_append (log, "s", &head, bytes, reply_take, &good);
      journal_settle (self);
      g_assert_no_error (good.error);
      g_assert_cmpuint (good.sequence, ==, 2 + i);
      got = journal_get (self, 0, "p");
      g_assert_null (got.bytes);
    }
}

static void
test_read_error (Journal *self, gconstpointer data)
{
  g_auto (Reply) bad = { 0 }, good = { 0 };

  journal_fill (self, 0, 3);
  journal_reopen (self, &(SynSqliteJournalOptions){ .vfs = BROKEN_VFS });
  broken_vfs.read_result = SQLITE_IOERR_READ;
  bad = journal_read (self, 0, 1, 0, NULL, 0);
  assert_error_says (bad.error, SYN_ERROR_UNAVAILABLE, self->path, "disk I/O error");
  broken_vfs = (BrokenVfs){ 0 };
  good = journal_read (self, 0, 1, 0, NULL, 0);
  g_assert_no_error (good.error);
  g_assert_cmpuint (good.records->len, ==, 4);
}

/* What SQLite makes of EIO: damage. Whichever read it is, nobody is told that a checkpoint is damaged, or that there is none. */
static void
test_unreadable_checkpoint (Journal *self, gconstpointer data)
{
  guint64 epoch;
  gboolean got_one = FALSE;

  epoch = journal_fill (self, 0, 3);
  for (guint i = 0; i < 2; i++)
    {
      g_auto (Reply) put = journal_put (self, 0, "p", epoch, 2 + i, "state", -1);

      g_assert_no_error (put.error);
    }
  for (guint left = 0; !got_one; left++)
    {
      g_auto (Reply) bad = { 0 }, good = { 0 };

      g_assert_cmpuint (left, <, 100);
      journal_reopen (self, &(SynSqliteJournalOptions){ .vfs = BROKEN_VFS });
      broken_vfs = (BrokenVfs){ .read_result = SQLITE_IOERR_CORRUPTFS, .last_errno = EIO, .n_reads_left = left };
      bad = journal_get (self, 0, "p");
      got_one = bad.bytes != NULL;
      if (!got_one)
        assert_error_says (bad.error, SYN_ERROR_UNAVAILABLE, self->path, "");
      broken_vfs = (BrokenVfs){ 0 };
      good = journal_get (self, 0, "p");
      g_assert_no_error (good.error);
      g_assert_cmpuint (good.sequence, ==, 3);
    }
}

static void
test_read_only_folder (Journal *self, gconstpointer data)
{
  g_auto (Reply) read = { 0 };

  journal_fill (self, 0, 3);
  journal_close (self);
  broken_vfs.read_only = TRUE; /* who runs the tests may be allowed everything */
  assert_not_opened_by (self, BROKEN_VFS, SYN_ERROR_UNAVAILABLE, ": cannot ");
  broken_vfs.read_only = FALSE;
  journal_open (self, NULL); /* nothing was harmed */
  read = journal_read (self, 0, 1, 0, NULL, 0);
  g_assert_cmpuint (read.records->len, ==, 4);
}

/* ---- retention ---- */

static guint64
first_record (Journal *self, guint partition)
{
  g_auto (Reply) read = journal_read (self, partition, 1, 1, NULL, 0);
  const char *at;

  if (read.error == NULL)
    return 1;
  g_assert_error (read.error, SYN_ERROR, SYN_ERROR_NOT_FOUND);
  at = strstr (read.error->message, "the first is ");
  return g_ascii_strtoull (at + strlen ("the first is "), NULL, 10);
}

static void
test_retention_age (Journal *self, gconstpointer data)
{
  journal_reopen (self, &(SynSqliteJournalOptions){ .retention = { .max_age_ms = 3600 * 1000 } });
  journal_fill (self, 0, 9); /* 1 to 10 */
  journal_fill (self, 1, 9);
  syn_silo_advance (self->silo, 3000 * 1000);
  {
    g_auto (Reply) more = journal_append (self, 0, 1, 10, "x");

    g_assert_no_error (more.error);
    journal_settle (self);
  }
  g_assert_cmpuint (first_record (self, 0), ==, 1);
  syn_silo_advance (self->silo, 1200 * 1000);
  journal_fill (self, 2, 1);
  journal_settle (self);
  g_assert_cmpuint (first_record (self, 0), ==, 11);
  g_assert_cmpuint (first_record (self, 1), ==, 10); /* the last stays */
}

static void
test_retention_bytes (Journal *self, gconstpointer data)
{
  const guint64 max_bytes = 2 << 20;
  g_autofree char *large = g_strnfill (100000, 'x');
  g_auto (Reply) status = { 0 }, hold = { 0 }, held = { 0 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .max_file_bytes = max_bytes });
  journal_fill (self, 0, 0);
  for (guint i = 0; i < 200; i++)
    {
      g_auto (Reply) reply = journal_append (self, 0, 1, i + 1, large);

      g_assert_no_error (reply.error);
      if (i == 100)
        {
          g_assert_cmpuint (first_record (self, 0), >, 40);
          hold = journal_ask (self, SYN_JOURNAL_HOLD, 0, "reader", 95);
        }
    }
  g_assert_cmpuint (first_record (self, 0), ==, 95); /* not what a hold needs, however much it is */
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_cmpuint (status.status->n_bytes, >, max_bytes);
  held = journal_ask (self, SYN_JOURNAL_DROP_CHECKPOINT, 0, "reader", 0);
  for (guint i = 200; i < 250; i++)
    {
      g_auto (Reply) reply = journal_append (self, 0, 1, i + 1, large);

      g_assert_no_error (reply.error);
    }
  reply_clear (&status);
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_cmpuint (status.status->n_bytes, <, max_bytes + (8 << 20));
  g_assert_cmpuint (status.status->n_trimmed, >, 150);
}

static void
test_retention_checkpoint (Journal *self, gconstpointer data)
{
  g_auto (Reply) hold = { 0 }, one = { 0 }, two = { 0 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .retention = { .by_checkpoint = TRUE } });
  journal_fill (self, 0, 20);
  journal_fill (self, 1, 20); /* nobody reads it */
  hold = journal_ask (self, SYN_JOURNAL_HOLD, 0, "p", 1);
  one = journal_put (self, 0, "p", 1, 10, "x", -1);
  two = journal_put (self, 0, "p", 1, 15, "y", -1);
  syn_silo_advance (self->silo, 120 * 1000);
  journal_fill (self, 2, 1);
  journal_settle (self);
  syn_silo_advance (self->silo, 120 * 1000);
  journal_fill (self, 2, 1);
  journal_settle (self);
  g_assert_cmpuint (first_record (self, 0), ==, 11);
  g_assert_cmpuint (first_record (self, 1), ==, 1);
}

/* One batch of ten events of @source, @size bytes, at the end of the partition's log. */
static void
append_of (Journal *self, guint partition, const char *source, gsize size)
{
  SynJournalLog *log = syn_journal_get_log (self->journal, self->lane, partition);
  g_autofree char *text = g_strnfill (size, 'x');
  g_autoptr (GBytes) bytes = g_bytes_new (text, size);
  const SynJournalHead head = { 1, 10, syn_lane_real_us (self->lane) };
  g_auto (Reply) reply = { 0 };

  syn_journal_log_claim (log, NULL, NULL);
  journal_settle (self);
  syn_journal_log_append (log, source, &head, bytes, reply_take, &reply);
  journal_settle (self);
  g_assert_no_error (reply.error);
}

static const SynJournalSourceStatus *
find_source (const SynJournalStatus *status, const char *name)
{
  g_assert_nonnull (status->sources);
  for (guint i = 0; i < status->sources->len; i++)
    {
      const SynJournalSourceStatus *source = status->sources->pdata[i];

      if (strcmp (source->source, name) == 0)
        return source;
    }
  return NULL;
}

static void
assert_has (const SynJournalStatus *status, const char *name, guint64 n_records, guint64 n_bytes)
{
  const SynJournalSourceStatus *source = find_source (status, name);

  g_assert_nonnull (source);
  g_assert_cmpuint (source->n_records, ==, n_records);
  g_assert_cmpuint (source->n_events, ==, 10 * n_records);
  g_assert_cmpuint (source->n_bytes, ==, n_bytes);
}

#define KILO 1000u

/* Each source by its own rule; what shares a partition waits for what is before it. */
static void
test_retention_sources (Journal *self, gconstpointer data)
{
  static const SynJournalSourceRetention rules[] = {
    { "small", { .max_bytes = 500 * KILO } },
    { "held", { .max_bytes = 500 * KILO } },
    { "needed", { .by_checkpoint = TRUE } },
    { "kept", { .is_kept = TRUE } },
    { "silent", { .max_age_ms = 1000 } },
  };
  g_auto (Reply) hold = { 0 }, needed = { 0 }, status = { 0 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .sources = rules, .n_sources = G_N_ELEMENTS (rules), .max_file_bytes = 12000 * KILO });
  for (guint i = 0; i < 60; i++)
    {
      append_of (self, 0, "small", 100 * KILO);
      append_of (self, 1, "held", 100 * KILO);
      append_of (self, 2, "kept", 100 * KILO);
      append_of (self, 3, "other", 100 * KILO);
      append_of (self, 4, i == 5 ? "small" : "kept", KILO); /* behind what is kept it stays, whatever its own rule says */
      append_of (self, 6, "needed", KILO);
      if (i == 2)
        hold = journal_ask (self, SYN_JOURNAL_HOLD, 1, "reader", 4);
      if (i == 11)
        needed = journal_ask (self, SYN_JOURNAL_HOLD, 6, "reader", 9);
      syn_silo_advance (self->silo, 120 * 1000);
    }
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  /* Retention looks after each 4 MiB or minute; between that and now are at most 11 records of each. */
  g_assert_cmpuint (find_source (status.status, "small")->n_bytes, <, 1700 * KILO);
  g_assert_cmpuint (first_record (self, 0), >, 40);
  g_assert_cmpuint (first_record (self, 1), ==, 4); /* not what a hold needs */
  assert_has (status.status, "held", 58, 5800 * KILO);
  assert_has (status.status, "kept", 60 + 59, 6059 * KILO);
  g_assert_cmpuint (first_record (self, 2), ==, 1);
  g_assert_cmpuint (first_record (self, 4), ==, 1);
  g_assert_cmpuint (find_source (status.status, "other")->n_records, <, 20); /* the file is too large */
  g_assert_cmpuint (first_record (self, 6), ==, 9);
  g_assert_cmpuint (find_source (status.status, "silent")->n_records, ==, 0);
  g_assert_cmpuint (find_source (status.status, "kept")->first_sequence, ==, 1);
  g_assert_cmpuint (status.status->readers->len, ==, 2);
  g_assert_cmpuint (((SynJournalReaderStatus *) status.status->readers->pdata[0])->sequence, ==, 4);
  g_assert_cmpuint (((SynJournalReaderStatus *) status.status->readers->pdata[0])->time_us, >, 0);
}

static void
test_retention_source_age (Journal *self, gconstpointer data)
{
  static const SynJournalSourceRetention rules[] = { { "young", { .max_age_ms = 3600 * 1000 } }, { "old", { .max_bytes = 1 } } };

  journal_reopen (self, &(SynSqliteJournalOptions){ .sources = rules, .n_sources = G_N_ELEMENTS (rules), .retention = { .max_age_ms = 2400 * 1000 } });
  for (guint i = 0; i < 60; i++)
    {
      append_of (self, 0, "young", 10);
      append_of (self, 1, "default", 10);
      append_of (self, 2, "old", 10);
      syn_silo_advance (self->silo, 120 * 1000);
    }
  g_assert_cmpuint (first_record (self, 0), ==, 31); /* records 2 to 61, 120 s apart, and 30 of them in an hour */
  g_assert_cmpuint (first_record (self, 1), ==, 41);
  g_assert_cmpuint (first_record (self, 2), ==, 60); /* the newest then, when retention last looked */
}

/* What is counted at the opening, while records go and come, is what is there. */
static void
test_counted (Journal *self, gconstpointer data)
{
  g_auto (Reply) trim = { 0 }, status = { 0 };
  g_autoptr (SynJournalStatus) uncounted = NULL, peeked = NULL;

  for (guint i = 0; i < 700; i++)
    append_of (self, i % 7, i % 7 == 0 ? "a" : "b", 10);
  journal_reopen (self, NULL);
  uncounted = syn_journal_peek (self->journal);
  g_assert_null (uncounted->sources);
  trim = journal_ask (self, SYN_JOURNAL_TRIM, 0, NULL, 52); /* the claim, and 50 of 100; of what is counted by now, and of what is not */
  append_of (self, 0, "a", 1000);
  journal_settle (self);
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  assert_has (status.status, "a", 51, 1500);
  assert_has (status.status, "b", 600, 6000);
  g_assert_cmpuint (find_source (status.status, "a")->partition, ==, 0);
  g_assert_cmpuint (find_source (status.status, "a")->oldest_us, >, 0);
  peeked = syn_journal_peek (self->journal);
  g_assert_cmpuint (peeked->n_records, ==, status.status->n_records); /* claims too */
  g_assert_cmpuint (peeked->n_records, ==, 51 + 600 + 7 + 0);
  g_assert_cmpuint (peeked->n_failures, ==, 0);
  g_assert_cmpint (peeked->last_commit_us, >, 0);
  g_assert_cmpint (peeked->longest_flush_us, <=, peeked->flush_us);
  g_assert_cmpuint (peeked->n_bytes, >, 0);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (Journal *self, gconstpointer data);
  } tests[] = {
    { "restart", test_restart },
    { "group-commit", test_group_commit },
    { "overloaded", test_overloaded },
    { "not-ours", test_not_ours },
    { "damaged-record", test_damaged_record },
    { "missing-records", test_missing_records },
    { "damaged-end", test_damaged_end },
    { "lost-end", test_lost_end },
    { "damaged-checkpoints", test_damaged_checkpoints },
    { "torn-checkpoint", test_torn_checkpoint },
    { "damaged-pages", test_damaged_pages },
    { "truncated-log", test_truncated_log },
    { "damaged-log", test_damaged_log },
    { "full", test_full },
    { "io-error", test_io_error },
    { "read-error", test_read_error },
    { "unreadable-checkpoint", test_unreadable_checkpoint },
    { "read-only-folder", test_read_only_folder },
    { "retention-age", test_retention_age },
    { "retention-bytes", test_retention_bytes },
    { "retention-checkpoint", test_retention_checkpoint },
    { "retention-sources", test_retention_sources },
    { "retention-source-age", test_retention_source_age },
    { "counted", test_counted },
  };

  g_test_init (&argc, &argv, NULL);
  journal_catch_warnings ();
  broken_vfs_register ();
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/sqlite-journal/", tests[i].name, NULL);

      g_test_add (path, Journal, NULL, journal_setup_sqlite, tests[i].run, journal_teardown);
    }
  return g_test_run ();
}
