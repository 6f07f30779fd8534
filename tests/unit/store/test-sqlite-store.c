/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded store: what is on disk, what is wrong with it, and what the disk refuses. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store-fixture.h"
#include "syn-lane-private.h"

typedef struct {
  char *folder;
  char *path;
} Fixture;

static void
setup (Fixture *self, gconstpointer data)
{
  self->folder = store_folder_new ();
  self->path = g_build_filename (self->folder, SYN_SQLITE_STORE_FILE, NULL);
  broken_vfs = (BrokenVfs){ 0 };
}

static void
teardown (Fixture *self, gconstpointer data)
{
  store_forget_warnings ();
  g_free (self->path);
  store_folder_remove (self->folder);
}

static SynSilo *
open_silo (Fixture *self, const char *vfs)
{
  g_autoptr (GError) error = NULL;
  SynStore *store = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE, .vfs = vfs }, &error);

  g_assert_no_error (error);
  return store_silo_new (store);
}

static void
assert_not_opened (Fixture *self, int code, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynStore) store = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE }, &error);

  g_assert_null (store);
  g_assert_error (error, SYN_ERROR, code);
  if (!g_str_has_prefix (error->message, self->path) || strstr (error->message, message) == NULL)
    g_error ("\"%s\" is not in \"%s\"", message, error->message);
}

static void
assert_error_has (const GError *error, int code, const char *path, const char *message)
{
  g_assert_error (error, SYN_ERROR, code);
  if (strstr (error->message, path) == NULL || strstr (error->message, message) == NULL)
    g_error ("\"%s\" or \"%s\" is not in \"%s\"", path, message, error->message);
}

static void
execute (Fixture *self, const char *sql)
{
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (self->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}

/* ---- what is kept ---- */

static void
test_restart (Fixture *self, gconstpointer data)
{
  guint64 first, last = 0;

  {
    g_autoptr (SynSilo) silo = open_silo (self, NULL);

    first = store_write (silo, "k", "n", "one", 0);
    store_set_reminder (silo, "k", "r", 1000, 2000);
    for (guint i = 0; i < 1100; i++) /* more than one step of reserved ETags */
      {
        guint64 etag = store_write (silo, "many", "n", "x", last);

        g_assert_cmpuint (etag, >, last);
        last = etag;
      }
  }
  {
    g_autoptr (SynSilo) silo = open_silo (self, NULL);
    g_auto (Answer) answer = store_read (silo, "k", "n");
    g_auto (Answer) reminders = store_list (silo, syn_partition_of ("t", "k"));

    g_assert_cmpstr (answer.text, ==, "one");
    g_assert_cmpuint (answer.etag, ==, first);
    g_assert_cmpuint (reminders.reminders->len, ==, 1);
    g_assert_cmpuint (store_write (silo, "new", "n", "x", 0), >, last); /* never one that was given out */
  }
}

static void
test_files (Fixture *self, gconstpointer data)
{
  g_autoptr (SynSilo) silo = open_silo (self, NULL);
  g_autofree char *log = g_strconcat (self->path, "-wal", NULL);
  GStatBuf stat_buf;

  store_write (silo, "k", "n", "one", 0);
  g_assert_true (g_file_test (log, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_stat (self->path, &stat_buf), ==, 0);
  g_assert_cmpint (stat_buf.st_mode & 07, ==, 0); /* not for others to read */
  syn_silo_free (g_steal_pointer (&silo));
  g_assert_false (g_file_test (log, G_FILE_TEST_EXISTS)); /* a store that was closed is one file */
}

static void
test_group_commit (Fixture *self, gconstpointer data)
{
  g_autoptr (SynSilo) silo = open_silo (self, NULL);
  SynStore *store = syn_silo_get_store (silo);
  guint64 before = syn_sqlite_store_get_n_commits (store);
  Answer answers[500] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);

      store_ask (silo, &answers[i], SYN_STORE_WRITE, key, "n", "x", 0);
    }
  syn_silo_settle (silo);
  g_assert_cmpuint (syn_sqlite_store_get_n_commits (store), ==, before + 1);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_no_error (answers[i].error);
      g_assert_cmpuint (answers[i].etag, !=, 0);
      answer_clear (&answers[i]);
    }
}

static void
test_overloaded (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *large = g_strnfill (9000, 'x');
  SynStore *store = syn_sqlite_store_new (
    &(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE, .max_requests = 3, .max_bytes = 10000 }, &error);
  g_autoptr (SynSilo) silo = store_silo_new (store);
  Answer answers[4] = { 0 };
  g_auto (Answer) first = { 0 }, second = { 0 };

  for (guint i = 0; i < 4; i++)
    store_ask (silo, &answers[i], SYN_STORE_READ, "k", "n", NULL, 0);
  syn_silo_settle (silo);
  for (guint i = 0; i < 3; i++)
    g_assert_no_error (answers[i].error);
  assert_error_has (answers[3].error, SYN_ERROR_OVERLOADED, self->path, "too many requests wait");
  answer_clear (&answers[3]);

  store_ask (silo, &first, SYN_STORE_WRITE, "k", "a", large, 0);
  store_ask (silo, &second, SYN_STORE_WRITE, "k", "b", large, 0);
  syn_silo_settle (silo);
  g_assert_no_error (first.error);
  g_assert_error (second.error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  answer_clear (&second);
  store_write (silo, "k", "b", large, 0); /* there is room again */
}

/* ---- what is wrong with the file ---- */

static void
test_newer (Fixture *self, gconstpointer data)
{
  syn_silo_free (open_silo (self, NULL));
  execute (self, "PRAGMA user_version=7");
  assert_not_opened (self, SYN_ERROR_INVALID, ": is of format 7, made by a newer version; this one knows up to 1");
}

static void
test_others (Fixture *self, gconstpointer data)
{
  execute (self, "CREATE TABLE theirs (x)");
  assert_not_opened (self, SYN_ERROR_INVALID, ": is a database of another program");
}

static void
test_garbage (Fixture *self, gconstpointer data)
{
  g_autofree char *garbage = g_strnfill (5000, 'g');

  g_assert_true (g_file_set_contents (self->path, garbage, -1, NULL));
  assert_not_opened (self, SYN_ERROR_INVALID, "not a database");
}

static void
test_a_folder_in_its_place (Fixture *self, gconstpointer data)
{
  g_assert_cmpint (g_mkdir (self->path, 0700), ==, 0);
  assert_not_opened (self, SYN_ERROR_UNAVAILABLE, "unable to open");
  g_assert_cmpint (g_rmdir (self->path), ==, 0);
}

/* Any one byte of a record's bytes, in the file. */
static void
flip (Fixture *self, const char *what)
{
  g_autofree char *contents = NULL;
  char *at;
  gsize length;

  g_assert_true (g_file_get_contents (self->path, &contents, &length, NULL));
  at = memmem (contents, length, what, strlen (what));
  g_assert_nonnull (at);
  at[1] ^= 0x10;
  g_assert_true (g_file_set_contents (self->path, contents, (gssize) length, NULL));
}

static void
test_flipped (Fixture *self, gconstpointer data)
{
  g_auto (Answer) good = { 0 }, bad = { 0 };
  g_autoptr (SynSilo) silo = NULL;
  guint64 etag;

  {
    g_autoptr (SynSilo) before = open_silo (self, NULL);

    store_write (before, "good", "n", "all is well", 0);
    etag = store_write (before, "bad", "n", "flip-me-please", 0);
  }
  flip (self, "flip-me-please");
  silo = open_silo (self, NULL);
  bad = store_read (silo, "bad", "n");
  assert_error_has (bad.error, SYN_ERROR_INTERNAL, self->path, "state \"n\" of t/bad is damaged");
  g_assert_null (bad.text);
  good = store_read (silo, "good", "n");
  g_assert_cmpstr (good.text, ==, "all is well");
  store_write (silo, "bad", "n", "whole again", etag); /* who knows its ETag can mend it */
}

/* Rows that SQLite finds nothing wrong with. */
static void
test_swapped (Fixture *self, gconstpointer data)
{
  static const char *const sql[] = {
    "UPDATE state SET key='c' WHERE key='a'; UPDATE state SET key='a' WHERE key='b'; UPDATE state SET key='b' WHERE key='c'",
    "UPDATE state SET etag=etag+1",
    "UPDATE state SET sum=NULL WHERE 0; UPDATE state SET sum=-sum",
    "UPDATE state SET bytes='text'",
    "UPDATE state SET bytes=x''",
    "UPDATE state SET etag=0",
  };

  for (guint i = 0; i < G_N_ELEMENTS (sql); i++)
    {
      g_autoptr (SynSilo) silo = NULL;
      guint64 etags[2];

      silo = open_silo (self, NULL);
      etags[0] = store_write (silo, "a", "n", "of a", 0);
      etags[1] = store_write (silo, "b", "n", "of b", 0);
      g_assert_cmpuint (etags[1], >, etags[0]);
      syn_silo_free (g_steal_pointer (&silo));
      execute (self, sql[i]);
      silo = open_silo (self, NULL);
      for (const char *key = "a"; key != NULL; key = key[0] == 'a' ? "b" : NULL)
        {
          g_auto (Answer) answer = store_read (silo, key, "n");

          assert_error_has (answer.error, SYN_ERROR_INTERNAL, self->path, "is damaged");
        }
      syn_silo_free (g_steal_pointer (&silo));
      execute (self, "DELETE FROM state");
    }
}

static void
test_damaged_rest (Fixture *self, gconstpointer data)
{
  {
    g_autoptr (SynSilo) silo = open_silo (self, NULL);

    store_set_reminder (silo, "k", "good", 1, 2);
    store_set_reminder (silo, "k", "bad", 3, 4);
    store_write (silo, "k", "n", "x", 0);
  }
  execute (self, "UPDATE reminder SET due_ms=5 WHERE name='bad'");
  {
    g_autoptr (SynSilo) silo = open_silo (self, NULL);
    g_auto (Answer) answer = { 0 };
    g_autofree char *expected = g_strconcat (self->path, ": reminder \"bad\" of t/k is damaged: ", NULL);

    answer = store_list (silo, syn_partition_of ("t", "k"));
    g_assert_nonnull (last_warning);
    g_assert_true (g_str_has_prefix (last_warning, expected));
    g_assert_cmpuint (answer.reminders->len, ==, 1);
  }
  execute (self, "UPDATE meta SET value=1");
  assert_not_opened (self, SYN_ERROR_INTERNAL, "the count of ETags is damaged");
}

/* Each page in turn overwritten: whatever is read is either right or an error that names the file, and nothing crashes. */
static void
test_damaged_pages (Fixture *self, gconstpointer data)
{
  g_autofree char *whole = NULL, *large = g_strnfill (20000, 'x');
  const gsize page_bytes = 4096;
  guint n_refused = 0, n_failed = 0, n_right = 0;
  gsize length;

  {
    g_autoptr (SynSilo) silo = open_silo (self, NULL);

    store_write (silo, "large", "n", large, 0);
    for (guint i = 0; i < 100; i++)
      {
        g_autofree char *key = g_strdup_printf ("%u", i);

        store_write (silo, key, "n", key, 0);
      }
  }
  g_assert_true (g_file_get_contents (self->path, &whole, &length, NULL));
  for (gsize page = 0; page < length / page_bytes; page++)
    {
      g_autofree char *damaged = g_memdup2 (whole, length);
      g_autoptr (GError) error = NULL;
      g_autoptr (SynSilo) silo = NULL;
      SynStore *store;

      memset (damaged + page * page_bytes, 0xa5, page_bytes);
      g_assert_true (g_file_set_contents (self->path, damaged, (gssize) length, NULL));
      store = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE }, &error);
      if (store == NULL)
        {
          g_assert_true (strstr (error->message, self->path) != NULL);
          n_refused++;
          continue;
        }
      silo = store_silo_new (store);
      for (guint i = 0; i <= 100; i++)
        {
          g_autofree char *key = i < 100 ? g_strdup_printf ("%u", i) : g_strdup ("large");
          g_auto (Answer) answer = store_read (silo, key, "n");

          if (answer.error != NULL)
            {
              assert_error_has (answer.error, SYN_ERROR_INTERNAL, self->path, key);
              n_failed++;
              continue;
            }
          g_assert_cmpstr (answer.text, ==, i < 100 ? key : large);
          n_right++;
        }
    }
  g_test_message ("%u refused, %u records failed, %u were right", n_refused, n_failed, n_right);
  g_assert_cmpuint (n_refused, >, 0);
  g_assert_cmpuint (n_failed, >, 0);
  g_assert_cmpuint (n_right, >, n_failed / 10);
}

/* ---- what the disk refuses ---- */

static void
test_full (Fixture *self, gconstpointer data)
{
  g_autoptr (SynSilo) silo = open_silo (self, BROKEN_VFS);
  guint64 etag = store_write (silo, "k", "n", "before", 0);

  for (guint left = 0; left < 4; left++) /* at the first write of the transaction, at a later one */
    {
      g_auto (Answer) write = { 0 }, other = { 0 }, reminder = { 0 }, read = { 0 };
      gboolean failed;

      broken_vfs = (BrokenVfs){ .write_result = SQLITE_FULL, .n_writes_left = left };
      store_ask (silo, &write, SYN_STORE_WRITE, "k", "n", "after", etag);
      store_ask (silo, &read, SYN_STORE_READ, "k", "n", NULL, 0);
      store_ask (silo, &other, SYN_STORE_WRITE, "k", "n", "stale", 0);
      store_ask (silo, &reminder, SYN_STORE_SET_REMINDER, "k", "r", NULL, 0);
      syn_silo_settle (silo);
      failed = write.error != NULL;
      g_assert_no_error (read.error);
      g_assert_cmpstr (read.text, ==, failed ? "before" : "after");
      if (failed)
        {
          assert_error_has (write.error, SYN_ERROR_UNAVAILABLE, self->path, "database or disk is full");
          g_assert_error (other.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE); /* not CONFLICT: what it would conflict with is not there */
          g_assert_error (reminder.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
        }
      g_assert_true (failed || left > 0);
      if (!failed)
        etag = write.etag;
      broken_vfs = (BrokenVfs){ 0 };
      etag = store_write (silo, "k", "n", "before", etag); /* space again */
    }
}

static void
test_io_error (Fixture *self, gconstpointer data)
{
  g_autoptr (SynSilo) silo = open_silo (self, BROKEN_VFS);
  guint64 etag = store_write (silo, "k", "n", "one", 0), new_etag;

  static const BrokenVfs breaks[] = {
    { .write_result = SQLITE_IOERR_WRITE },
    { .sync_result = SQLITE_IOERR_FSYNC },
  };

  for (guint i = 0; i < G_N_ELEMENTS (breaks); i++)
    {
      g_auto (Answer) write = { 0 }, read = { 0 };

      broken_vfs = breaks[i];
      store_ask (silo, &write, SYN_STORE_WRITE, "k", "n", "two", etag);
      store_ask (silo, &read, SYN_STORE_READ, "k", "n", NULL, 0);
      syn_silo_settle (silo);
      assert_error_has (write.error, SYN_ERROR_UNAVAILABLE, self->path, "disk I/O error");
      g_assert_no_error (read.error);
      g_assert_cmpstr (read.text, ==, "one");
      broken_vfs = (BrokenVfs){ 0 };
      new_etag = store_write (silo, "k", "n", "one", etag);
      g_assert_cmpuint (new_etag, >, etag);
      etag = new_etag;
    }
}

static void
test_read_error (Fixture *self, gconstpointer data)
{
  g_autoptr (SynSilo) silo = NULL;
  g_auto (Answer) bad = { 0 }, good = { 0 };

  {
    g_autoptr (SynSilo) before = open_silo (self, NULL);

    store_write (before, "k", "n", "one", 0);
  }
  silo = open_silo (self, BROKEN_VFS);
  broken_vfs.read_result = SQLITE_IOERR_READ;
  bad = store_read (silo, "k", "n");
  assert_error_has (bad.error, SYN_ERROR_UNAVAILABLE, self->path, "disk I/O error");
  broken_vfs.read_result = SQLITE_OK;
  good = store_read (silo, "k", "n");
  g_assert_no_error (good.error);
  g_assert_cmpstr (good.text, ==, "one");
}

/* An answer says that the log was flushed: nothing of it waits in the system's memory. */
static void
assert_flushed (SynStoreRequest *answer, gpointer user_data)
{
  g_assert_no_error (answer->error);
  g_assert_cmpint (g_atomic_int_get (&broken_vfs.unsynced), ==, 0);
  *(guint *) user_data += 1;
}

static void
test_flushed_first (Fixture *self, gconstpointer data)
{
  g_autoptr (SynSilo) silo = open_silo (self, BROKEN_VFS);
  guint n = 0;

  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);
      SynStoreRequest *request
        = syn_store_request_new (syn_silo_get_front_lane (silo), SYN_STORE_WRITE, "t", key, "n", assert_flushed, &n);

      request->bytes = g_bytes_new_static ("x", 1);
      syn_store_submit (syn_silo_get_store (silo), request);
      g_assert_cmpint (broken_vfs.unsynced, ==, 0);
      g_assert_true (syn_store_step (syn_silo_get_store (silo)));
      syn_silo_settle (silo);
    }
  g_assert_cmpuint (n, ==, 20);
}

/* The log does not grow for ever. */
static void
test_log_is_moved (Fixture *self, gconstpointer data)
{
  g_autoptr (SynSilo) silo = open_silo (self, NULL);
  g_autofree char *log = g_strconcat (self->path, "-wal", NULL), *large = g_strnfill (SYN_MAX_STATE_BYTES, 'x');
  guint64 etag = 0;
  GStatBuf stat_buf;

  for (guint i = 0; i < 40; i++)
    etag = store_write (silo, "k", "n", large, etag);
  g_assert_cmpint (g_stat (log, &stat_buf), ==, 0);
  g_assert_cmpint (stat_buf.st_size, <, 20 << 20);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*run) (Fixture *self, gconstpointer data);
  } tests[] = {
    { "restart", test_restart },
    { "files", test_files },
    { "group-commit", test_group_commit },
    { "overloaded", test_overloaded },
    { "newer", test_newer },
    { "others", test_others },
    { "garbage", test_garbage },
    { "a-folder-in-its-place", test_a_folder_in_its_place },
    { "flipped", test_flipped },
    { "swapped", test_swapped },
    { "damaged-rest", test_damaged_rest },
    { "damaged-pages", test_damaged_pages },
    { "full", test_full },
    { "io-error", test_io_error },
    { "read-error", test_read_error },
    { "flushed-first", test_flushed_first },
    { "log-is-moved", test_log_is_moved },
  };

  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
  broken_vfs_register ();
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/sqlite-store/", tests[i].path, NULL);

      g_test_add (path, Fixture, NULL, setup, tests[i].run, teardown);
    }
  return g_test_run ();
}
