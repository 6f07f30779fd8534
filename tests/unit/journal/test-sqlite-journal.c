/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded journal: what is on disk, group commit, what the disk refuses. */
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "journal-fixture.h"

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
  journal_assert_not_opened (self, BROKEN_VFS, SYN_ERROR_UNAVAILABLE, ": cannot ");
  broken_vfs.read_only = FALSE;
  journal_open (self, NULL); /* nothing was harmed */
  read = journal_read (self, 0, 1, 0, NULL, 0);
  g_assert_cmpuint (read.records->len, ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
  broken_vfs_register ();
#define ADD(name, func) g_test_add ("/sqlite-journal/" name, Journal, NULL, journal_setup_sqlite, func, journal_teardown)
  ADD ("restart", test_restart);
  ADD ("group-commit", test_group_commit);
  ADD ("overloaded", test_overloaded);
  ADD ("full", test_full);
  ADD ("io-error", test_io_error);
  ADD ("read-error", test_read_error);
  ADD ("unreadable-checkpoint", test_unreadable_checkpoint);
  ADD ("read-only-folder", test_read_only_folder);
  return g_test_run ();
}
