/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the journal's file beside the server that writes it. Each call is one read transaction, which in WAL mode holds nobody up (but the log
 * cannot be moved into the file meanwhile, and grows).
 *
 * A file whose folder we may not write to, and that no server has open, has no shared memory to read its log by; when there is no log
 * either, it is read as one that nobody changes. */
#include "syn-journal-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "syn-disk-text.h"
#include "syn-error.h"

#define BUSY_MS 5000

struct _SynJournalReader {
  sqlite3 *db; /* (owned) */
  char *path;  /* (owned) */
};

static gboolean
fail (SynJournalReader *self, GError **error, const char *what)
{
  int result = sqlite3_errcode (self->db) & 0xff;
  int code = result == SQLITE_NOTADB ? SYN_ERROR_INVALID : result == SQLITE_CORRUPT ? SYN_ERROR_INTERNAL : SYN_ERROR_UNAVAILABLE;
  g_autofree char *said = syn_disk_text (sqlite3_errmsg (self->db));

  g_set_error (error, SYN_ERROR, code, "%s: cannot %s: %s", self->path, what, said);
  return FALSE;
}

static sqlite3_stmt *
prepare (SynJournalReader *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (self->db, sql, -1, &statement, NULL) != SQLITE_OK)
    fail (self, error, "read it");
  return statement;
}

/* Calls @row for each; FALSE from it ends, as does an error. */
static gboolean
each_row (SynJournalReader *self, sqlite3_stmt *statement, gboolean (*row) (sqlite3_stmt *statement, gpointer user_data), gpointer user_data,
          GError **error)
{
  gboolean done;
  int result;

  if (statement == NULL)
    return FALSE;
  while ((result = sqlite3_step (statement)) == SQLITE_ROW && row (statement, user_data))
    ;
  done = result == SQLITE_ROW || result == SQLITE_DONE || fail (self, error, "read it");
  sqlite3_finalize (statement);
  return done;
}

static gboolean
take_number (sqlite3_stmt *statement, gpointer user_data)
{
  *(gint64 *) user_data = sqlite3_column_int64 (statement, 0);
  return FALSE;
}

static gboolean
read_number (SynJournalReader *self, const char *sql, gint64 *value, GError **error)
{
  *value = 0;
  return each_row (self, prepare (self, sql, error), take_number, value, error);
}

/* ---- opening ---- */

static gboolean
check_header (SynJournalReader *self, GError **error)
{
  gint64 application_id, version;

  if (!read_number (self, "PRAGMA application_id", &application_id, error) || !read_number (self, "PRAGMA user_version", &version, error))
    return FALSE;
  if (application_id != SYN_JOURNAL_APPLICATION_ID)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: is no journal", self->path);
  else if (version > SYN_JOURNAL_SCHEMA)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                 "%s: is of format %" G_GINT64_FORMAT ", made by a newer version; this one knows up to %d", self->path, version,
                 SYN_JOURNAL_SCHEMA);
  else
    return TRUE;
  return FALSE;
}

static gboolean
open_as (SynJournalReader *self, const char *options, GError **error)
{
  g_autofree char *escaped = g_uri_escape_string (self->path, "/", FALSE), *uri = g_strconcat ("file:", escaped, options, NULL);

  g_clear_pointer (&self->db, sqlite3_close);
  if (sqlite3_open_v2 (uri, &self->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return fail (self, error, "open it");
  sqlite3_busy_timeout (self->db, BUSY_MS);
  if (sqlite3_exec (self->db, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY", NULL, NULL, NULL)
      != SQLITE_OK)
    return fail (self, error, "open it");
  return check_header (self, error);
}

static gboolean
has_log (SynJournalReader *self)
{
  g_autofree char *log = g_strconcat (self->path, "-wal", NULL);
  GStatBuf stat_buf;

  return g_stat (log, &stat_buf) == 0 && stat_buf.st_size > 0;
}

SynJournalReader *
syn_journal_reader_open (const char *place, GError **error)
{
  g_autoptr (SynJournalReader) self = g_new0 (SynJournalReader, 1);
  g_autoptr (GError) why = NULL;

  self->path = g_file_test (place, G_FILE_TEST_IS_DIR) ? g_build_filename (place, SYN_JOURNAL_FILE, NULL) : g_strdup (place);
  if (!g_file_test (self->path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: there is no journal", self->path);
      return NULL;
    }
  if (open_as (self, "", &why)
      || (g_error_matches (why, SYN_ERROR, SYN_ERROR_UNAVAILABLE) && !has_log (self) && open_as (self, "?immutable=1", NULL)))
    return g_steal_pointer (&self);
  g_propagate_error (error, g_steal_pointer (&why));
  return NULL;
}

void
syn_journal_reader_close (SynJournalReader *self)
{
  if (self == NULL)
    return;
  sqlite3_close (self->db);
  g_free (self->path);
  g_free (self);
}

const char *
syn_journal_reader_get_path (SynJournalReader *self)
{
  return self->path;
}

sqlite3 *
syn_journal_reader_get_db (SynJournalReader *self)
{
  return self->db;
}

guint64
syn_journal_reader_get_used_bytes (SynJournalReader *self)
{
  gint64 used;

  read_number (self, "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
               &used, NULL);
  return (guint64) used;
}

/* ---- lists ---- */

static gboolean
take_log (sqlite3_stmt *statement, gpointer user_data)
{
  const SynJournalExtent extent = {
    (guint) sqlite3_column_int64 (statement, 0),   (guint64) sqlite3_column_int64 (statement, 1),
    (guint64) sqlite3_column_int64 (statement, 2), (guint64) sqlite3_column_int64 (statement, 3),
    sqlite3_column_int64 (statement, 4),           sqlite3_column_int64 (statement, 5),
  };

  g_array_append_val (user_data, extent);
  return TRUE;
}

GArray *
syn_journal_reader_list_logs (SynJournalReader *self, GError **error)
{
  g_autoptr (GArray) logs = g_array_new (FALSE, FALSE, sizeof (SynJournalExtent));
  sqlite3_stmt *statement = prepare (self,
                                     "SELECT r.part, r.first, r.last, b.epoch, a.time_us, b.time_us FROM"
                                     " (SELECT part, min(seq) AS first, max(seq) AS last FROM record GROUP BY part) r"
                                     " JOIN record a ON a.part=r.part AND a.seq=r.first JOIN record b ON b.part=r.part AND b.seq=r.last"
                                     " ORDER BY r.part",
                                     error);

  return each_row (self, statement, take_log, logs, error) ? g_steal_pointer (&logs) : NULL;
}

static void
source_clear (gpointer data)
{
  g_free (((SynJournalSource *) data)->source);
}

static char *
text_of (sqlite3_stmt *statement, int column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  return g_strdup (text != NULL ? text : "");
}

static gboolean
take_source (sqlite3_stmt *statement, gpointer user_data)
{
  const SynJournalSource source = {
    (guint) sqlite3_column_int64 (statement, 0),   text_of (statement, 1),
    (guint64) sqlite3_column_int64 (statement, 2), (guint64) sqlite3_column_int64 (statement, 3),
    (guint64) sqlite3_column_int64 (statement, 4), (guint64) sqlite3_column_int64 (statement, 5),
    (guint64) sqlite3_column_int64 (statement, 6), sqlite3_column_int64 (statement, 7),
    sqlite3_column_int64 (statement, 8),
  };

  g_array_append_val (user_data, source);
  return TRUE;
}

GArray *
syn_journal_reader_list_sources (SynJournalReader *self, GError **error)
{
  g_autoptr (GArray) sources = g_array_new (FALSE, FALSE, sizeof (SynJournalSource));
  sqlite3_stmt *statement = prepare (self,
                                     "SELECT part, source, count(*), sum(n), sum(length(bytes)), min(first), max(first + n - 1), min(time_us),"
                                     " max(time_us) FROM record WHERE kind=2 GROUP BY source, part ORDER BY source, part",
                                     error);

  g_array_set_clear_func (sources, source_clear);
  return each_row (self, statement, take_source, sources, error) ? g_steal_pointer (&sources) : NULL;
}

static gboolean
take_checkpoint (sqlite3_stmt *statement, gpointer user_data)
{
  g_autofree char *fault = NULL;
  SynJournalCheckpoint *head = syn_journal_format_read_checkpoint (statement, &fault);

  if (head != NULL)
    g_ptr_array_add (user_data, head);
  return TRUE;
}

GPtrArray *
syn_journal_reader_list_checkpoints (SynJournalReader *self, GError **error)
{
  g_autoptr (GPtrArray) heads = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_journal_checkpoint_free);
  sqlite3_stmt *statement
    = prepare (self, "SELECT " SYN_JOURNAL_CHECKPOINT_COLUMNS " FROM checkpoint ORDER BY part, name, id DESC", error);

  return each_row (self, statement, take_checkpoint, heads, error) ? g_steal_pointer (&heads) : NULL;
}

static void
lost_clear (gpointer data)
{
  g_free (((SynJournalLost *) data)->source);
}

static gboolean
take_lost (sqlite3_stmt *statement, gpointer user_data)
{
  const SynJournalLost lost = { (guint) sqlite3_column_int64 (statement, 0), (guint64) sqlite3_column_int64 (statement, 1), text_of (statement, 2),
                                (guint64) sqlite3_column_int64 (statement, 3), (guint64) sqlite3_column_int64 (statement, 4) };

  g_array_append_val (user_data, lost);
  return TRUE;
}

GArray *
syn_journal_reader_list_lost (SynJournalReader *self, GError **error)
{
  g_autoptr (GArray) losses = g_array_new (FALSE, FALSE, sizeof (SynJournalLost));

  g_array_set_clear_func (losses, lost_clear);
  return each_row (self, prepare (self, "SELECT part, seq, source, first, first + n - 1 FROM record WHERE kind=5 ORDER BY part, seq", error), take_lost, losses,
                   error)
           ? g_steal_pointer (&losses)
           : NULL;
}

static void
hold_clear (gpointer data)
{
  g_free (((SynJournalHold *) data)->name);
}

static gboolean
take_hold (sqlite3_stmt *statement, gpointer user_data)
{
  const SynJournalHold hold = { (guint) sqlite3_column_int64 (statement, 0), text_of (statement, 1),
                                (guint64) sqlite3_column_int64 (statement, 2) };

  g_array_append_val (user_data, hold);
  return TRUE;
}

GArray *
syn_journal_reader_list_holds (SynJournalReader *self, GError **error)
{
  g_autoptr (GArray) holds = g_array_new (FALSE, FALSE, sizeof (SynJournalHold));

  g_array_set_clear_func (holds, hold_clear);
  return each_row (self, prepare (self, "SELECT part, name, seq FROM hold ORDER BY part, name", error), take_hold, holds, error)
           ? g_steal_pointer (&holds)
           : NULL;
}

/* ---- records ---- */

typedef struct {
  SynJournalReader *reader;
  SynJournalRecordFunc func;
  gpointer user_data;
  GError *error; /* (owned) (nullable) */
} Walk;

static gboolean
walk_row (sqlite3_stmt *statement, gpointer user_data)
{
  Walk *walk = user_data;
  g_autofree char *fault = NULL;
  guint64 sequence;
  guint partition;
  g_autoptr (SynJournalRecord) record = syn_journal_format_read_record (statement, &partition, &sequence, &fault);

  if (record != NULL)
    return walk->func (partition, record, walk->user_data);
  g_set_error (&walk->error, SYN_ERROR, SYN_ERROR_INTERNAL, "%s: partition %u: record %" G_GUINT64_FORMAT " is damaged: %s",
               walk->reader->path, partition, sequence, fault);
  return FALSE;
}

gboolean
syn_journal_reader_walk (SynJournalReader *self, const char *source, SynJournalRecordFunc func, gpointer user_data, GError **error)
{
  sqlite3_stmt *statement
    = prepare (self, "SELECT " SYN_JOURNAL_RECORD_COLUMNS " FROM record WHERE source=?1 AND kind=2 ORDER BY id", error);
  Walk walk = { self, func, user_data, NULL };

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, source, -1, SQLITE_STATIC);
  if (!each_row (self, statement, walk_row, &walk, error))
    {
      g_clear_error (&walk.error);
      return FALSE;
    }
  if (walk.error == NULL)
    return TRUE;
  g_propagate_error (error, walk.error);
  return FALSE;
}

/* ---- back-up ---- */

static gboolean
copy_all (SynJournalReader *self, sqlite3 *to, const char *path, GError **error)
{
  sqlite3_backup *backup = sqlite3_backup_init (to, "main", self->db, "main");
  int result;

  /* In one step, which is one read transaction: done in several, it would begin anew whenever the server has written. */
  while (backup != NULL && ((result = sqlite3_backup_step (backup, -1)) == SQLITE_BUSY || result == SQLITE_LOCKED))
    g_usleep (10000);
  if (backup == NULL || sqlite3_backup_finish (backup) != SQLITE_OK)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot copy %s: %s", path, self->path, sqlite3_errmsg (to));
      return FALSE;
    }
  return TRUE;
}

static gboolean
flush_path (const char *path, int flags, GError **error)
{
  int fd = open (path, flags | O_CLOEXEC);
  gboolean done = fd >= 0 && fsync (fd) == 0;

  if (!done)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot flush it: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return done;
}

gboolean
syn_journal_reader_back_up (SynJournalReader *self, const char *to, GError **error)
{
  g_autofree char *part = g_strconcat (to, ".part", NULL), *folder = g_path_get_dirname (to);
  sqlite3 *db = NULL;
  mode_t mask;
  gboolean done;

  if (g_file_test (to, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: is there already", to);
      return FALSE;
    }
  g_unlink (part);
  mask = umask (0077);
  done = sqlite3_open_v2 (part, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;
  umask (mask);
  if (done)
    done = copy_all (self, db, part, error);
  else
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot make it: %s", part, sqlite3_errmsg (db));
  sqlite3_close (db);
  done = done && flush_path (part, O_RDONLY, error);
  if (done && g_rename (part, to) != 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot be named %s: %s", part, to, g_strerror (errno));
      done = FALSE;
    }
  if (!done)
    g_unlink (part);
  return done && flush_path (folder, O_RDONLY | O_DIRECTORY, error);
}
