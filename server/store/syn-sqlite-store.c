/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records and reminders in SQLite. Each row has a checksum over all of it, its names too, so that a flipped bit, a torn page and a row in
 * another's place are found where they are read: that record fails, by name, and no other.
 *
 * ETags are counted for the whole file. The number up to which they may have been given out is kept in `meta`, in steps of ETAG_STEP: it is
 * written once in so many writes, in their transaction, and what a crash leaves unused is skipped.
 *
 * Requests arrive on lanes' threads; everything else runs on the file's. Rejected: the ETag from a row's own count (comes twice when the row is
 * removed and made again), rows by partition (SQLite needs none, and a record is always asked for by its name). */
#define G_LOG_DOMAIN "syn-store"

#include "syn-sqlite-store.h"

#include <string.h>

#include "syn-crc32c.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo.h"
#include "syn-sqlite-file.h"

#define APPLICATION_ID 0x53594e53 /* "SYNS" */
#define ETAG_STEP 1024

static const char schema[] =
  "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;"
  "CREATE TABLE state (type TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, etag INTEGER NOT NULL, sum INTEGER NOT NULL,"
  " bytes BLOB NOT NULL, UNIQUE (type, key, name));"
  "CREATE TABLE reminder (part INTEGER NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, due_ms INTEGER NOT NULL,"
  " period_ms INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (part, type, key, name)) WITHOUT ROWID";

enum { READ, ETAG, INSERT, UPDATE, REMOVE, SET, CLEAR, LIST, RESERVE, N_STATEMENTS };

static const char *const sql[N_STATEMENTS] = {
  [READ] = "SELECT etag, sum, bytes FROM state WHERE type=?1 AND key=?2 AND name=?3",
  [ETAG] = "SELECT etag FROM state WHERE type=?1 AND key=?2 AND name=?3",
  [INSERT] = "INSERT INTO state (type, key, name, etag, sum, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
  [UPDATE] = "UPDATE state SET etag=?4, sum=?5, bytes=?6 WHERE type=?1 AND key=?2 AND name=?3",
  [REMOVE] = "DELETE FROM state WHERE type=?1 AND key=?2 AND name=?3",
  [SET] = "INSERT OR REPLACE INTO reminder (type, key, name, part, due_ms, period_ms, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
  [CLEAR] = "DELETE FROM reminder WHERE type=?1 AND key=?2 AND name=?3 AND part=?4",
  [LIST] = "SELECT type, key, name, due_ms, period_ms, sum FROM reminder WHERE part=?1",
  [RESERVE] = "INSERT OR REPLACE INTO meta (name, value, sum) VALUES ('etag', ?1, ?2)",
};

typedef struct {
  SynStore store;
  SynSqliteFile *file; /* (owned) */
  gboolean stepped;
  sqlite3_stmt *statements[N_STATEMENTS]; /* (owned) */
  /* The file's thread. */
  guint64 last_etag;     /* given out */
  guint64 reserved_etag; /* what `meta` says, as far as known to be committed */
  guint64 asked_etag;    /* what it says when this transaction is committed */
} SynSqliteStore;

typedef struct {
  SynSqliteJob job;
  SynSqliteStore *store;
  SynStoreRequest *request; /* (owned) */
  guint64 etag;             /* the new one */
} Job;

/* ---- rows ---- */

static guint32
sum_text (guint32 sum, const char *text)
{
  return syn_crc32c (sum, text, strlen (text) + 1);
}

static guint32
sum_number (guint32 sum, guint64 number)
{
  number = GUINT64_TO_LE (number);
  return syn_crc32c (sum, &number, sizeof number);
}

static guint32
sum_record (const SynStoreRequest *request, guint64 etag, gconstpointer bytes, gsize size_bytes)
{
  guint32 sum = sum_text (sum_text (sum_text (0, request->type), request->key), request->name);

  return syn_crc32c (sum_number (sum, etag), bytes, size_bytes);
}

static guint32
sum_reminder (const char *type, const char *key, const char *name, gint64 due_ms, guint64 period_ms)
{
  guint32 sum = sum_text (sum_text (sum_text (0, type), key), name);

  return sum_number (sum_number (sum, (guint64) due_ms), period_ms);
}

/* The statement with the names bound; what was bound or stepped before is forgotten. */
static sqlite3_stmt *
take (SynSqliteStore *self, guint index, const SynStoreRequest *request)
{
  sqlite3_stmt *statement = self->statements[index];

  sqlite3_bind_text (statement, 1, request->type, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 2, request->key, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 3, request->name, -1, SQLITE_STATIC);
  return statement;
}

static void
put_back (sqlite3_stmt *statement)
{
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
}

static gboolean
fail (Job *job, const char *verb)
{
  SynStoreRequest *request = job->request;
  g_autofree char *what = g_strdup_printf ("%s \"%s\" of %s/%s", verb, request->name, request->type, request->key);

  return syn_sqlite_file_fail (job->store->file, &job->job, what);
}

/* Runs what answers no row. */
static gboolean
finish (Job *job, sqlite3_stmt *statement, const char *verb)
{
  gboolean done = sqlite3_step (statement) == SQLITE_DONE || fail (job, verb);

  put_back (statement);
  return done;
}

static void
refuse_damaged (Job *job, const char *what)
{
  const SynStoreRequest *request = job->request;

  g_set_error (&job->job.error, SYN_ERROR, SYN_ERROR_INTERNAL, "%s: %s \"%s\" of %s/%s is damaged: its checksum does not match",
               syn_sqlite_file_get_path (job->store->file), what, request->name, request->type, request->key);
}

/* ---- the verbs ---- */

static gboolean
do_read (SynSqliteStore *self, Job *job)
{
  SynStoreRequest *request = job->request;
  sqlite3_stmt *statement = take (self, READ, request);
  gboolean done = TRUE;

  g_clear_pointer (&request->bytes, g_bytes_unref);
  job->etag = 0;
  switch (sqlite3_step (statement))
    {
    case SQLITE_DONE:
      break;
    case SQLITE_ROW:
      {
        guint64 etag = (guint64) sqlite3_column_int64 (statement, 0);
        gint64 sum = sqlite3_column_int64 (statement, 1);
        gconstpointer bytes = sqlite3_column_blob (statement, 2);
        gsize size_bytes = (gsize) sqlite3_column_bytes (statement, 2);

        if (bytes == NULL && sqlite3_errcode (syn_sqlite_file_get_db (self->file)) == SQLITE_NOMEM)
          done = fail (job, "read state");
        else if (etag == 0 || sum != (gint64) sum_record (request, etag, bytes, size_bytes))
          refuse_damaged (job, "state");
        else
          {
            request->bytes = g_bytes_new (bytes, size_bytes);
            job->etag = etag;
          }
        break;
      }
    default:
      done = fail (job, "read state");
    }
  put_back (statement);
  return done;
}

static gboolean
find_etag (SynSqliteStore *self, Job *job, guint64 *etag)
{
  sqlite3_stmt *statement = take (self, ETAG, job->request);
  int result = sqlite3_step (statement);
  gboolean done = result == SQLITE_ROW || result == SQLITE_DONE || fail (job, "look up state");

  *etag = result == SQLITE_ROW ? (guint64) sqlite3_column_int64 (statement, 0) : 0;
  put_back (statement);
  return done;
}

static gboolean
do_write (SynSqliteStore *self, Job *job)
{
  SynStoreRequest *request = job->request;
  sqlite3_stmt *statement;
  gconstpointer bytes;
  gsize size_bytes;
  guint64 etag;

  if (!find_etag (self, job, &etag))
    return FALSE;
  if (etag != request->etag)
    {
      g_set_error (&job->job.error, SYN_ERROR, SYN_ERROR_CONFLICT,
                   "state \"%s\" of %s/%s has ETag %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, request->name, request->type,
                   request->key, etag, request->etag);
      return TRUE;
    }
  if (request->verb == SYN_STORE_REMOVE)
    {
      job->etag = 0;
      return etag == 0 || finish (job, take (self, REMOVE, request), "remove state");
    }
  job->etag = ++self->last_etag;
  bytes = g_bytes_get_data (request->bytes, &size_bytes);
  statement = take (self, etag == 0 ? INSERT : UPDATE, request);
  sqlite3_bind_int64 (statement, 4, (gint64) job->etag);
  sqlite3_bind_int64 (statement, 5, sum_record (request, job->etag, bytes, size_bytes));
  if (size_bytes > 0)
    sqlite3_bind_blob64 (statement, 6, bytes, size_bytes, SQLITE_STATIC);
  else
    sqlite3_bind_zeroblob (statement, 6, 0);
  return finish (job, statement, "write state");
}

static gboolean
do_set (SynSqliteStore *self, Job *job)
{
  SynStoreRequest *request = job->request;
  sqlite3_stmt *statement = take (self, SET, request);

  sqlite3_bind_int64 (statement, 4, request->partition);
  sqlite3_bind_int64 (statement, 5, request->due_ms);
  sqlite3_bind_int64 (statement, 6, (gint64) request->period_ms);
  sqlite3_bind_int64 (statement, 7, sum_reminder (request->type, request->key, request->name, request->due_ms, request->period_ms));
  return finish (job, statement, "set reminder");
}

static gboolean
do_clear (SynSqliteStore *self, Job *job)
{
  sqlite3_stmt *statement = take (self, CLEAR, job->request);

  sqlite3_bind_int64 (statement, 4, job->request->partition);
  return finish (job, statement, "clear reminder");
}

static void
list_row (SynSqliteStore *self, SynStoreRequest *request, sqlite3_stmt *statement)
{
  const char *type = (const char *) sqlite3_column_text (statement, 0);
  const char *key = (const char *) sqlite3_column_text (statement, 1);
  const char *name = (const char *) sqlite3_column_text (statement, 2);
  gint64 due_ms = sqlite3_column_int64 (statement, 3);
  guint64 period_ms = (guint64) sqlite3_column_int64 (statement, 4);

  if (type == NULL || key == NULL || name == NULL
      || sqlite3_column_int64 (statement, 5) != (gint64) sum_reminder (type, key, name, due_ms, period_ms))
    {
      g_autofree char *shown = g_strescape (name != NULL ? name : "", NULL);

      g_warning ("%s: reminder \"%s\" of %s/%s is damaged: its checksum does not match; it is left out",
                 syn_sqlite_file_get_path (self->file), shown, type != NULL ? type : "", key != NULL ? key : "");
      return;
    }
  g_ptr_array_add (request->reminders, syn_store_reminder_new (type, key, name, due_ms, period_ms));
}

static gboolean
do_list (SynSqliteStore *self, Job *job)
{
  SynStoreRequest *request = job->request;
  sqlite3_stmt *statement = self->statements[LIST];
  gboolean done;
  int result;

  g_clear_pointer (&request->reminders, g_ptr_array_unref);
  request->reminders = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_store_reminder_free);
  sqlite3_bind_int64 (statement, 1, request->partition);
  while ((result = sqlite3_step (statement)) == SQLITE_ROW)
    list_row (self, request, statement);
  done = result == SQLITE_DONE || syn_sqlite_file_fail (self->file, &job->job, "list reminders");
  put_back (statement);
  return done;
}

/* ---- jobs ---- */

static gboolean
job_run (SynSqliteFile *file, SynSqliteJob *base)
{
  Job *job = (Job *) base;
  SynSqliteStore *self = job->store;

  switch (job->request->verb)
    {
    case SYN_STORE_READ:
      return do_read (self, job);
    case SYN_STORE_WRITE:
    case SYN_STORE_REMOVE:
      return do_write (self, job);
    case SYN_STORE_SET_REMINDER:
      return do_set (self, job);
    case SYN_STORE_CLEAR_REMINDER:
      return do_clear (self, job);
    case SYN_STORE_LIST_REMINDERS:
      return do_list (self, job);
    case SYN_STORE_FLUSH:
      break;
    }
  return TRUE;
}

static void
job_done (SynSqliteJob *base)
{
  Job *job = (Job *) base;
  SynStoreRequest *request = job->request;

  request->error = g_steal_pointer (&job->job.error);
  if (request->error == NULL)
    request->etag = job->etag;
  if (request->verb != SYN_STORE_READ || request->error != NULL)
    g_clear_pointer (&request->bytes, g_bytes_unref);
  g_free (job);
  syn_store_answer (request);
}

static gboolean
is_write (SynStoreVerb verb)
{
  return verb == SYN_STORE_WRITE || verb == SYN_STORE_REMOVE || verb == SYN_STORE_SET_REMINDER || verb == SYN_STORE_CLEAR_REMINDER;
}

static void
sqlite_submit (SynStore *store, SynStoreRequest *request)
{
  SynSqliteStore *self = (SynSqliteStore *) store;
  Job *job = g_new0 (Job, 1);

  job->job.run = job_run;
  job->job.done = job_done;
  job->job.writes = is_write (request->verb);
  job->job.size_bytes = sizeof (Job) + syn_store_request_size_bytes (request);
  job->store = self;
  job->request = request;
  if (syn_sqlite_file_submit (self->file, &job->job))
    return;
  g_free (job);
  syn_store_request_fail (request, SYN_ERROR_OVERLOADED, "%s: too many requests wait for the disk", syn_sqlite_file_get_path (self->file));
  syn_store_answer (request);
}

static guint32
sum_etag_count (guint64 count)
{
  return sum_number (sum_text (0, "etag"), count);
}

static gboolean
reserve_etags (SynSqliteFile *file, gpointer user_data)
{
  SynSqliteStore *self = user_data;
  sqlite3_stmt *statement = self->statements[RESERVE];
  gboolean done;

  self->asked_etag = self->reserved_etag;
  if (self->last_etag <= self->reserved_etag)
    return TRUE;
  self->asked_etag = self->last_etag + ETAG_STEP;
  sqlite3_bind_int64 (statement, 1, (gint64) self->asked_etag);
  sqlite3_bind_int64 (statement, 2, sum_etag_count (self->asked_etag));
  done = sqlite3_step (statement) == SQLITE_DONE;
  put_back (statement);
  return done;
}

static void
etags_reserved (SynSqliteFile *file, gpointer user_data)
{
  SynSqliteStore *self = user_data;

  self->reserved_etag = self->asked_etag;
}

/* ---- life ---- */

static gboolean
sqlite_step (SynStore *store)
{
  SynSqliteStore *self = (SynSqliteStore *) store;

  return self->stepped && syn_sqlite_file_step (self->file);
}

static void
sqlite_close (SynStore *store)
{
  syn_sqlite_file_stop (((SynSqliteStore *) store)->file);
}

static void
sqlite_free (SynStore *store)
{
  SynSqliteStore *self = (SynSqliteStore *) store;

  for (guint i = 0; i < N_STATEMENTS; i++)
    sqlite3_finalize (self->statements[i]);
  syn_sqlite_file_close (self->file);
  g_free (self);
}

/* None: nothing was written yet. */
static gboolean
read_etag (SynSqliteStore *self, GError **error)
{
  sqlite3_stmt *statement = syn_sqlite_file_prepare (self->file, "SELECT value, sum FROM meta WHERE name='etag'", error);
  gboolean done;
  int result;

  if (statement == NULL)
    return FALSE;
  result = sqlite3_step (statement);
  done = result == SQLITE_DONE || result == SQLITE_ROW;
  if (!done)
    syn_sqlite_file_set_error (self->file, error, "read the count of ETags");
  if (result == SQLITE_ROW)
    {
      self->last_etag = self->reserved_etag = (guint64) sqlite3_column_int64 (statement, 0);
      done = sqlite3_column_int64 (statement, 1) == (gint64) sum_etag_count (self->last_etag);
      if (!done)
        g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "%s: the count of ETags is damaged: its checksum does not match",
                     syn_sqlite_file_get_path (self->file));
    }
  sqlite3_finalize (statement);
  return done;
}

static const SynStoreClass sqlite_class = { sqlite_submit, sqlite_step, sqlite_close, sqlite_free };

SynStore *
syn_sqlite_store_new (const SynSqliteStoreOptions *options, GError **error)
{
  g_autofree char *path = g_build_filename (options->folder, SYN_SQLITE_STORE_FILE, NULL);
  SynSqliteStore *self = g_new0 (SynSqliteStore, 1);
  g_autoptr (SynStore) store = &self->store;
  const SynSqliteOptions file_options = {
    .path = path,
    .vfs = options->vfs,
    .schema = schema,
    .schema_version = SYN_SQLITE_STORE_SCHEMA,
    .application_id = APPLICATION_ID,
    .thread_name = "store",
    .max_jobs = options->max_requests != 0 ? options->max_requests : SYN_MAX_STORE_REQUESTS,
    .max_bytes = options->max_bytes != 0 ? options->max_bytes : SYN_MAX_STORE_BYTES,
    .before_commit = reserve_etags,
    .after_commit = etags_reserved,
    .user_data = self,
  };

  self->store.klass = &sqlite_class;
  self->stepped = options->stepped;
  self->file = syn_sqlite_file_open (&file_options, error);
  if (self->file == NULL)
    {
      self->store.closed = TRUE;
      return NULL;
    }
  if (!read_etag (self, error))
    return NULL;
  for (guint i = 0; i < N_STATEMENTS; i++)
    {
      self->statements[i] = syn_sqlite_file_prepare (self->file, sql[i], error);
      if (self->statements[i] == NULL)
        return NULL;
    }
  if (!self->stepped && !syn_sqlite_file_start (self->file, error))
    return NULL;
  return g_steal_pointer (&store);
}

guint64
syn_sqlite_store_get_n_commits (SynStore *self)
{
  return syn_sqlite_file_get_n_commits (((SynSqliteStore *) self)->file);
}
