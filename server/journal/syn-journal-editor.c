/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes to the journal's file by an operator: all of them in one transaction, under the lock of the folder, so that no silo looks on. */
#include "syn-journal-editor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "syn-disk-text.h"
#include "syn-error.h"

struct _SynJournalEditor {
  sqlite3 *db; /* (owned) */
  char *path;  /* (owned) */
  int lock_fd; /* -1: the folder has no lock, so no silo ever used it */
};

gboolean
syn_journal_editor_fail (SynJournalEditor *self, GError **error, const char *what)
{
  int result = sqlite3_errcode (self->db) & 0xff;
  int code = result == SQLITE_NOTADB ? SYN_ERROR_INVALID : result == SQLITE_CORRUPT ? SYN_ERROR_INTERNAL : SYN_ERROR_UNAVAILABLE;
  g_autofree char *said = syn_disk_text (sqlite3_errmsg (self->db));

  g_set_error (error, SYN_ERROR, code, "%s: cannot %s: %s", self->path, what, said);
  return FALSE;
}

static gboolean
execute (SynJournalEditor *self, const char *sql, const char *what, GError **error)
{
  return sqlite3_exec (self->db, sql, NULL, NULL, NULL) == SQLITE_OK || syn_journal_editor_fail (self, error, what);
}

static gboolean
take_lock (SynJournalEditor *self, const char *folder, GError **error)
{
  g_autofree char *lock = g_build_filename (folder, "lock", NULL);

  self->lock_fd = open (lock, O_RDONLY | O_CLOEXEC);
  if (self->lock_fd < 0 && errno == ENOENT)
    return TRUE;
  if (self->lock_fd >= 0 && flock (self->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  if (self->lock_fd >= 0 && errno == EWOULDBLOCK)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: a silo uses this folder: stop it first", folder);
  else
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot lock it: %s", lock, g_strerror (errno));
  return FALSE;
}

static gboolean
read_number (SynJournalEditor *self, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = NULL;
  gboolean done = sqlite3_prepare_v2 (self->db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step (statement) == SQLITE_ROW;

  if (done)
    *value = sqlite3_column_int64 (statement, 0);
  else
    syn_journal_editor_fail (self, error, "read its header");
  sqlite3_finalize (statement);
  return done;
}

static gboolean
check_header (SynJournalEditor *self, GError **error)
{
  gint64 application_id, version;

  if (!read_number (self, "PRAGMA application_id", &application_id, error) || !read_number (self, "PRAGMA user_version", &version, error))
    return FALSE;
  if (application_id != SYN_JOURNAL_APPLICATION_ID)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: is no journal", self->path);
  else if (version > SYN_JOURNAL_SCHEMA)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                 "%s: is of format %" G_GINT64_FORMAT ", made by a newer version; this one knows up to %d", self->path, version, SYN_JOURNAL_SCHEMA);
  else
    return TRUE;
  return FALSE;
}

SynJournalEditor *
syn_journal_editor_open (const char *folder, GError **error)
{
  g_autoptr (SynJournalEditor) self = g_new0 (SynJournalEditor, 1);

  self->path = g_build_filename (folder, SYN_JOURNAL_FILE, NULL);
  self->lock_fd = -1;
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: is no data folder", folder);
      return NULL;
    }
  if (!take_lock (self, folder, error))
    return NULL;
  if (!g_file_test (self->path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: there is no journal", self->path);
      return NULL;
    }
  if (sqlite3_open_v2 (self->path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      syn_journal_editor_fail (self, error, "open it");
      return NULL;
    }
  if (!execute (self, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY",
                "open it", error)
      || !check_header (self, error) || !execute (self, "BEGIN IMMEDIATE", "begin a transaction", error))
    return NULL;
  return g_steal_pointer (&self);
}

gboolean
syn_journal_editor_commit (SynJournalEditor *self, GError **error)
{
  return execute (self, "COMMIT", "commit", error) && execute (self, "PRAGMA wal_checkpoint(TRUNCATE)", "move the write-ahead log into the file", error);
}

void
syn_journal_editor_close (SynJournalEditor *self)
{
  if (self == NULL)
    return;
  sqlite3_close (self->db);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  g_free (self->path);
  g_free (self);
}

const char *
syn_journal_editor_get_path (SynJournalEditor *self)
{
  return self->path;
}

sqlite3 *
syn_journal_editor_get_db (SynJournalEditor *self)
{
  return self->db;
}

/* ---- drop ---- */

/* The names of readers, for an error. */
static char *
list_names (SynJournalEditor *self)
{
  g_autoptr (GString) names = g_string_new (NULL);
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (self->db, "SELECT name FROM hold UNION SELECT name FROM checkpoint ORDER BY 1 LIMIT 20", -1, &statement, NULL) == SQLITE_OK)
    while (sqlite3_step (statement) == SQLITE_ROW)
      {
        g_autofree char *name = syn_disk_text ((const char *) sqlite3_column_text (statement, 0));

        g_string_append_printf (names, "%s\"%s\"", names->len > 0 ? ", " : "", name);
      }
  sqlite3_finalize (statement);
  return g_strdup (names->len > 0 ? names->str : "none");
}

/* Tells of each row of @sql (with ?1 the name, ?2 the partition or -1): its two columns put into @format. */
static gboolean
tell_rows (SynJournalEditor *self, const char *sql, const char *name, int partition, const char *what, guint *n,
           void (*tell) (const char *what, gpointer user_data), gpointer user_data, GError **error)
{
  sqlite3_stmt *statement = NULL;
  int result = sqlite3_prepare_v2 (self->db, sql, -1, &statement, NULL);

  if (result == SQLITE_OK)
    {
      sqlite3_bind_text (statement, 1, name, -1, SQLITE_STATIC);
      sqlite3_bind_int (statement, 2, partition);
      while ((result = sqlite3_step (statement)) == SQLITE_ROW)
        {
          g_autofree char *text = g_strdup_printf ("%s: partition %" G_GINT64_FORMAT ": %s \"%s\", record %" G_GINT64_FORMAT, self->path,
                                                   (gint64) sqlite3_column_int64 (statement, 0), what, name, (gint64) sqlite3_column_int64 (statement, 1));

          tell (text, user_data);
          *n += 1;
        }
    }
  if (result != SQLITE_DONE)
    syn_journal_editor_fail (self, error, "read it");
  sqlite3_finalize (statement);
  return result == SQLITE_DONE;
}

gboolean
syn_journal_editor_drop (SynJournalEditor *self, const char *name, int partition, void (*tell) (const char *what, gpointer user_data),
                         gpointer user_data, GError **error)
{
  gboolean keeps_checkpoints = g_str_has_prefix (name, "source/");
  guint n = 0;

  if (!tell_rows (self, "DELETE FROM hold WHERE name=?1 AND ?2 IN (-1, part) RETURNING part, seq", name, partition, "let go of what is held for", &n, tell,
                  user_data, error)
      || (!keeps_checkpoints
          && !tell_rows (self, "DELETE FROM checkpoint WHERE name=?1 AND ?2 IN (-1, part) RETURNING part, seq", name, partition, "removed the checkpoint of", &n,
                         tell, user_data, error))
      || !execute (self, "DELETE FROM piece WHERE checkpoint NOT IN (SELECT id FROM checkpoint)", "remove a checkpoint", error))
    return FALSE;
  if (n == 0)
    {
      g_autofree char *names = list_names (self);

      if (partition >= 0)
        g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: nothing is held for \"%s\" in partition %d; there are: %s", self->path, name, partition, names);
      else
        g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: nothing is held for \"%s\"; there are: %s", self->path, name, names);
    }
  return n > 0;
}
