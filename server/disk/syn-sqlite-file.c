/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A SQLite file and its thread.
 *
 * Any thread pushes a job with one compare-and-swap, and wakes the thread through an eventfd when it sleeps (as lanes do); the thread
 * takes all that waits, runs it in one transaction, and tells each job when that is committed. While one commit waits for the disk the
 * next batch gathers: the slower the disk, the larger the batch.
 *
 * When a transaction cannot be committed (a full disk, an input/output error), every job of it that writes fails, with the reason; its
 * reads are run again by themselves, as of before. When SQLite refuses one job (a damaged page) and goes on with the transaction, that
 * job fails alone; when it gives the transaction up for it, the others are run again without it.
 *
 * The WAL is moved into the file after the jobs were told, so that nobody waits for it.
 *
 * Rejected: a pool of connections (one writer is all that SQLite has, and reads would overtake writes), exclusive locking (an operator
 * could not back the file up while the silo runs), a lock around the queue (a lane would wait for a thread that lost the processor). */
#define G_LOG_DOMAIN "syn-disk"

#include "syn-sqlite-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "syn-disk-text.h"
#include "syn-error.h"

#define BUSY_MS 2000            /* somebody else's back-up holds the file */
#define CHECKPOINT_PAGES 1000   /* of 4 KiB, as is SQLite's default */
#define JOURNAL_SIZE_BYTES "16777216"
#define MAX_RERUNS 8            /* of one batch, each without the job that broke it */

struct _SynSqliteFile {
  SynSqliteJob *inbox; /* atomic: newest first */
  gint sleeping;       /* atomic: a poster must wake the thread */
  gint quit;           /* atomic */
  gint64 n_waiting;    /* atomic */
  gint64 bytes_waiting; /* atomic */
  guint64 n_commits;   /* atomic */
  gint64 flush_us, longest_flush_us, last_commit_us; /* atomic */
  int wake_fd;

  GThread *thread;     /* (owned) (nullable) */
  sqlite3 *db;         /* (owned): the thread's */
  int wal_pages;
  gboolean wal_stuck;  /* said so already */
  char *path;          /* (owned) */
  char *thread_name;   /* (owned) (nullable) */
  gboolean reads_only;
  int max_wal_pages;
  guint max_jobs;
  gsize max_bytes;
  gboolean (*before_commit) (SynSqliteFile *file, gpointer user_data);
  void (*after_commit) (SynSqliteFile *file, gpointer user_data);
  gpointer user_data;
};

/* ---- errors ---- */

static int
error_code (int result)
{
  switch (result & 0xff)
    {
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return SYN_ERROR_INTERNAL;
    case SQLITE_NOTADB:
      return SYN_ERROR_INVALID;
    default: /* FULL, IOERR, READONLY, CANTOPEN, BUSY, LOCKED, NOMEM…: may pass */
      return SYN_ERROR_UNAVAILABLE;
    }
}

/* The last that the system said of the log, or else of the file itself; it stays. */
static int
find_errno (SynSqliteFile *self)
{
  sqlite3_file *log = NULL;
  int system_errno = 0;

  if (sqlite3_file_control (self->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log != NULL && log->pMethods != NULL)
    log->pMethods->xFileControl (log, SQLITE_FCNTL_LAST_ERRNO, &system_errno);
  if (system_errno == 0)
    sqlite3_file_control (self->db, NULL, SQLITE_FCNTL_LAST_ERRNO, &system_errno);
  return system_errno;
}

/* A disk that cannot be read (EIO) is to SQLite a file that is damaged. Who takes it for that may let go of what is there when the disk is well
 * again; so once the system has said EIO of this file, its damage is not believed until it is opened again. */
static gboolean
is_read_error (SynSqliteFile *self, int result)
{
  return (result & 0xff) == SQLITE_IOERR || ((result & 0xff) == SQLITE_CORRUPT && find_errno (self) == EIO);
}

gboolean
syn_sqlite_file_is_read_error (SynSqliteFile *self)
{
  return is_read_error (self, sqlite3_extended_errcode (self->db));
}

/* SQLite's message is the same for all. */
static const char *
io_verb (int result)
{
  switch (result)
    {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_FSTAT:
      return " reading";
    case SQLITE_IOERR_WRITE:
    case SQLITE_IOERR_TRUNCATE:
    case SQLITE_IOERR_SHMSIZE:
      return " writing";
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
      return " flushing";
    default:
      return "";
    }
}

void
syn_sqlite_file_set_error (SynSqliteFile *self, GError **error, const char *what)
{
  int result = sqlite3_extended_errcode (self->db), system_errno = 0;
  g_autofree char *said = syn_disk_text (sqlite3_errmsg (self->db));

  if ((result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN)
    {
      system_errno = sqlite3_system_errno (self->db);
      if (system_errno == 0) /* it is not kept of a commit's failure */
        system_errno = find_errno (self);
    }
  else if (is_read_error (self, result))
    {
      g_free (said);
      said = g_strdup ("disk I/O error, or the file is damaged");
      system_errno = find_errno (self);
      result = SQLITE_IOERR;
    }
  if (system_errno != 0)
    g_set_error (error, SYN_ERROR, error_code (result), "%s: cannot %s: %s%s (%s)", self->path, what, said, io_verb (result),
                 g_strerror (system_errno));
  else
    g_set_error (error, SYN_ERROR, error_code (result), "%s: cannot %s: %s%s", self->path, what, said, io_verb (result));
}

gboolean
syn_sqlite_file_fail (SynSqliteFile *self, SynSqliteJob *job, const char *what)
{
  g_clear_error (&job->error);
  syn_sqlite_file_set_error (self, &job->error, what);
  return FALSE;
}

/* ---- a batch ---- */

static void
tell (SynSqliteJob *jobs)
{
  while (jobs != NULL)
    {
      SynSqliteJob *next = jobs->next;

      jobs->next = NULL;
      jobs->done (jobs);
      jobs = next;
    }
}

static gboolean
execute (SynSqliteFile *self, const char *sql)
{
  return sqlite3_exec (self->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The end of a transaction: for one that wrote, a flush of the disk. */
static gboolean
commit (SynSqliteFile *self, gboolean writes)
{
  gint64 begun_us = g_get_monotonic_time (), took_us;

  if (!execute (self, "COMMIT"))
    return FALSE;
  if (!writes)
    return TRUE;
  took_us = g_get_monotonic_time () - begun_us;
  __atomic_add_fetch (&self->flush_us, took_us, __ATOMIC_RELAXED);
  if (took_us > self->longest_flush_us) /* nobody else writes it */
    __atomic_store_n (&self->longest_flush_us, took_us, __ATOMIC_RELAXED);
  __atomic_store_n (&self->last_commit_us, g_get_real_time (), __ATOMIC_RELAXED);
  return TRUE;
}

/* Runs those that are not in @skipped. FALSE with @broken: the transaction is gone because of that job; with @error: for another reason. */
static gboolean
try_batch (SynSqliteFile *self, SynSqliteJob *jobs, gboolean writes, GHashTable *skipped, SynSqliteJob **broken, GError **error)
{
  *broken = NULL;
  if (!execute (self, writes ? "BEGIN IMMEDIATE" : "BEGIN"))
    {
      syn_sqlite_file_set_error (self, error, "begin a transaction");
      return FALSE;
    }
  for (SynSqliteJob *job = jobs; job != NULL; job = job->next)
    {
      if (skipped != NULL && g_hash_table_contains (skipped, job))
        continue;
      g_clear_error (&job->error);
      if (!job->run (self, job) && sqlite3_get_autocommit (self->db))
        {
          *broken = job;
          return FALSE;
        }
    }
  if ((writes && self->before_commit != NULL && !self->before_commit (self, self->user_data)) || !commit (self, writes))
    {
      syn_sqlite_file_set_error (self, error, "commit");
      if (!sqlite3_get_autocommit (self->db))
        execute (self, "ROLLBACK");
      return FALSE;
    }
  return TRUE;
}

/* Nothing of the batch was committed: what writes has failed, what reads is done by itself. */
static void
give_up (SynSqliteFile *self, SynSqliteJob *jobs, GHashTable *skipped, const GError *why)
{
  for (SynSqliteJob *job = jobs; job != NULL; job = job->next)
    {
      if (skipped != NULL && g_hash_table_contains (skipped, job))
        continue;
      g_clear_error (&job->error);
      if (!job->writes)
        job->run (self, job);
      else
        job->error = g_error_copy (why);
    }
}

static void
run_batch (SynSqliteFile *self, SynSqliteJob *jobs)
{
  g_autoptr (GHashTable) skipped = NULL;
  g_autoptr (GError) error = NULL;
  gboolean writes = FALSE;
  gint64 n = 0, n_bytes = 0;

  for (SynSqliteJob *job = jobs; job != NULL; job = job->next)
    {
      writes = writes || job->writes;
      n++;
      n_bytes += (gint64) job->size_bytes;
    }
  for (guint round = 0;; round++)
    {
      SynSqliteJob *broken;

      g_clear_error (&error);
      if (try_batch (self, jobs, writes, skipped, &broken, &error))
        {
          if (writes)
            __atomic_add_fetch (&self->n_commits, 1, __ATOMIC_RELAXED);
          if (writes && self->after_commit != NULL)
            self->after_commit (self, self->user_data);
          break;
        }
      if (broken != NULL && !g_error_matches (broken->error, SYN_ERROR, SYN_ERROR_UNAVAILABLE) && round < MAX_RERUNS)
        {
          if (skipped == NULL)
            skipped = g_hash_table_new (NULL, NULL);
          g_hash_table_add (skipped, broken);
          continue;
        }
      if (broken != NULL)
        error = g_error_copy (broken->error);
      give_up (self, jobs, skipped, error);
      break;
    }
  __atomic_sub_fetch (&self->n_waiting, n, __ATOMIC_RELAXED);
  __atomic_sub_fetch (&self->bytes_waiting, n_bytes, __ATOMIC_RELAXED);
  tell (jobs);
}

/* Reads have nothing to commit together, and a transaction that lasts keeps the log from being moved. */
static void
run_apart (SynSqliteFile *self, SynSqliteJob *jobs)
{
  while (jobs != NULL)
    {
      SynSqliteJob *next = jobs->next;

      jobs->next = NULL;
      run_batch (self, jobs);
      jobs = next;
    }
}

static int
wal_cb (void *data, sqlite3 *db, const char *name, int n_pages)
{
  ((SynSqliteFile *) data)->wal_pages = n_pages;
  return SQLITE_OK;
}

/* A failure is no loss: the WAL has everything, and the next round tries again. */
static void
move_wal (SynSqliteFile *self)
{
  if (self->wal_pages < self->max_wal_pages)
    return;
  self->wal_pages = 0;
  if (sqlite3_wal_checkpoint_v2 (self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK)
    self->wal_stuck = FALSE;
  else if (!self->wal_stuck)
    {
      g_autoptr (GError) error = NULL;

      self->wal_stuck = TRUE;
      syn_sqlite_file_set_error (self, &error, "move the write-ahead log into the file");
      g_warning ("%s", error->message);
    }
}

/* ---- the queue ---- */

/* Everything submitted so far, oldest first. */
static SynSqliteJob *
take_all (SynSqliteFile *self)
{
  SynSqliteJob *newest = __atomic_exchange_n (&self->inbox, NULL, __ATOMIC_SEQ_CST);
  SynSqliteJob *oldest = NULL;

  while (newest != NULL)
    {
      SynSqliteJob *next = newest->next;

      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
  return oldest;
}

static void
wake (SynSqliteFile *self)
{
  const guint64 one = 1;

  while (write (self->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

gboolean
syn_sqlite_file_submit (SynSqliteFile *self, SynSqliteJob *job)
{
  gint64 size_bytes = (gint64) job->size_bytes;
  gint64 n = __atomic_add_fetch (&self->n_waiting, 1, __ATOMIC_RELAXED);
  gint64 n_bytes = __atomic_add_fetch (&self->bytes_waiting, size_bytes, __ATOMIC_RELAXED);
  SynSqliteJob *head;

  if (n > (gint64) self->max_jobs || n_bytes > (gint64) self->max_bytes)
    {
      __atomic_sub_fetch (&self->n_waiting, 1, __ATOMIC_RELAXED);
      __atomic_sub_fetch (&self->bytes_waiting, size_bytes, __ATOMIC_RELAXED);
      return FALSE;
    }
  head = __atomic_load_n (&self->inbox, __ATOMIC_RELAXED);
  do
    job->next = head;
  while (!__atomic_compare_exchange_n (&self->inbox, &head, job, TRUE, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  /* The thread sets `sleeping` and then looks at the inbox; this pushes and then looks at `sleeping`: one sees the other. */
  if (__atomic_load_n (&self->sleeping, __ATOMIC_SEQ_CST) && __atomic_exchange_n (&self->sleeping, FALSE, __ATOMIC_SEQ_CST))
    wake (self);
  return TRUE;
}

gboolean
syn_sqlite_file_step (SynSqliteFile *self)
{
  SynSqliteJob *jobs = take_all (self);

  if (jobs == NULL)
    return FALSE;
  if (self->reads_only)
    run_apart (self, jobs);
  else
    run_batch (self, jobs);
  move_wal (self);
  return TRUE;
}

static gpointer
file_thread (gpointer data)
{
  SynSqliteFile *self = data;

  for (;;)
    {
      guint64 count;

      if (syn_sqlite_file_step (self))
        continue;
      __atomic_store_n (&self->sleeping, TRUE, __ATOMIC_SEQ_CST);
      if (__atomic_load_n (&self->inbox, __ATOMIC_SEQ_CST) == NULL)
        {
          if (__atomic_load_n (&self->quit, __ATOMIC_SEQ_CST))
            return NULL;
          if (read (self->wake_fd, &count, sizeof count) < 0 && errno != EINTR)
            g_error ("%s: cannot wait for jobs: %s", self->path, g_strerror (errno));
        }
      __atomic_store_n (&self->sleeping, FALSE, __ATOMIC_SEQ_CST);
    }
}

/* ---- opening ---- */

static gboolean
read_number (SynSqliteFile *self, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = syn_sqlite_file_prepare (self, sql, error);
  gboolean done;

  if (statement == NULL)
    return FALSE;
  done = sqlite3_step (statement) == SQLITE_ROW;
  if (done)
    *value = sqlite3_column_int64 (statement, 0);
  else
    syn_sqlite_file_set_error (self, error, "read its header");
  sqlite3_finalize (statement);
  return done;
}

static gboolean
check_schema (SynSqliteFile *self, const SynSqliteOptions *options, GError **error)
{
  g_autofree char *make = NULL;
  gint64 application_id, version, n_objects;

  if (!read_number (self, "PRAGMA application_id", &application_id, error) || !read_number (self, "PRAGMA user_version", &version, error)
      || !read_number (self, "SELECT count(*) FROM sqlite_schema", &n_objects, error))
    return FALSE;
  if (n_objects != 0 && application_id != options->application_id)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: is a database of another program", self->path);
      return FALSE;
    }
  if (version > options->schema_version)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "%s: is of format %" G_GINT64_FORMAT ", made by a newer version; this one knows up to %d", self->path, version,
                   options->schema_version);
      return FALSE;
    }
  if (n_objects != 0)
    return TRUE;
  make = g_strdup_printf ("BEGIN IMMEDIATE; %s; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", options->schema,
                          options->application_id, options->schema_version);
  if (execute (self, make))
    return TRUE;
  syn_sqlite_file_set_error (self, error, "make its tables");
  return FALSE;
}

/* The names of the file and of its log must survive, too. */
static gboolean
flush_folder (SynSqliteFile *self, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (self->path);
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean done = fd >= 0 && fsync (fd) == 0;

  if (!done)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot flush the folder: %s", folder, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return done;
}

/* What a process before this one wrote into the log and did not flush is found there all the same, and will be taken for kept. (The file itself
 * is not opened here: closing it would let go of SQLite's locks.) */
static gboolean
flush_log (SynSqliteFile *self, GError **error)
{
  g_autofree char *log = g_strconcat (self->path, "-wal", NULL);
  int fd = open (log, O_RDONLY | O_CLOEXEC);
  gboolean done = fd >= 0 ? fsync (fd) == 0 : errno == ENOENT;

  if (!done)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot flush it: %s", log, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return done;
}

SynSqliteFile *
syn_sqlite_file_open (const SynSqliteOptions *options, GError **error)
{
  g_autoptr (SynSqliteFile) self = g_new0 (SynSqliteFile, 1);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  g_autofree char *pages = NULL;
  mode_t mask = umask (0077);
  int result;

  self->path = g_strdup (options->path);
  self->thread_name = g_strdup (options->thread_name);
  self->reads_only = options->reads_only;
  self->max_wal_pages = options->max_wal_pages != 0 ? (int) options->max_wal_pages : CHECKPOINT_PAGES;
  self->max_jobs = options->max_jobs;
  self->max_bytes = options->max_bytes;
  self->before_commit = options->before_commit;
  self->after_commit = options->after_commit;
  self->user_data = options->user_data;
  self->wake_fd = eventfd (0, EFD_CLOEXEC);
  umask (mask | 0027); /* as the folder's other files */
  result = sqlite3_open_v2 (self->path, &self->db, flags, options->vfs);
  umask (mask);
  if (result != SQLITE_OK)
    {
      syn_sqlite_file_set_error (self, error, "open it");
      return NULL;
    }
  if (self->wake_fd < 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot make an eventfd: %s", self->path, g_strerror (errno));
      return NULL;
    }
  sqlite3_busy_timeout (self->db, BUSY_MS);
  pages = g_strdup_printf ("PRAGMA page_size=%u", options->page_bytes != 0 ? options->page_bytes : 4096);
  if (!execute (self, pages) || !execute (self, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                      "PRAGMA journal_size_limit=" JOURNAL_SIZE_BYTES "; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
                      "PRAGMA cell_size_check=ON"))
    {
      syn_sqlite_file_set_error (self, error, "open it");
      return NULL;
    }
  if (self->reads_only && !execute (self, "PRAGMA query_only=ON"))
    {
      syn_sqlite_file_set_error (self, error, "open it");
      return NULL;
    }
  sqlite3_wal_hook (self->db, wal_cb, self);
  if ((!self->reads_only && !flush_log (self, error)) || !check_schema (self, options, error) || !flush_folder (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

gboolean
syn_sqlite_file_start (SynSqliteFile *self, GError **error)
{
  self->thread = g_thread_try_new (self->thread_name != NULL ? self->thread_name : "disk", file_thread, self, error);
  return self->thread != NULL;
}

void
syn_sqlite_file_stop (SynSqliteFile *self)
{
  if (self->thread != NULL)
    {
      __atomic_store_n (&self->quit, TRUE, __ATOMIC_SEQ_CST);
      wake (self);
      g_thread_join (g_steal_pointer (&self->thread));
    }
  while (syn_sqlite_file_step (self))
    ;
}

void
syn_sqlite_file_close (SynSqliteFile *self)
{
  if (self == NULL)
    return;
  syn_sqlite_file_stop (self);
  if (self->wake_fd >= 0)
    close (self->wake_fd);
  /* The last connection moves the log into the file and removes it. */
  if (sqlite3_close (self->db) != SQLITE_OK)
    g_critical ("%s: is closed with statements of it still open", self->path);
  g_free (self->path);
  g_free (self->thread_name);
  g_free (self);
}

/* ---- what its users see ---- */

sqlite3 *
syn_sqlite_file_get_db (SynSqliteFile *self)
{
  return self->db;
}

const char *
syn_sqlite_file_get_path (SynSqliteFile *self)
{
  return self->path;
}

sqlite3_stmt *
syn_sqlite_file_prepare (SynSqliteFile *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v3 (self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
    syn_sqlite_file_set_error (self, error, "read it");
  return statement;
}

guint64
syn_sqlite_file_get_n_commits (SynSqliteFile *self)
{
  return __atomic_load_n (&self->n_commits, __ATOMIC_RELAXED);
}

void
syn_sqlite_file_get_flushes (SynSqliteFile *self, SynSqliteFlushes *flushes)
{
  flushes->n_commits = syn_sqlite_file_get_n_commits (self);
  flushes->flush_us = __atomic_load_n (&self->flush_us, __ATOMIC_RELAXED);
  flushes->longest_flush_us = __atomic_load_n (&self->longest_flush_us, __ATOMIC_RELAXED);
  flushes->last_commit_us = __atomic_load_n (&self->last_commit_us, __ATOMIC_RELAXED);
}

void
syn_sqlite_file_get_waiting (SynSqliteFile *self, guint64 *n_jobs, guint64 *n_bytes)
{
  *n_jobs = (guint64) __atomic_load_n (&self->n_waiting, __ATOMIC_RELAXED);
  *n_bytes = (guint64) __atomic_load_n (&self->bytes_waiting, __ATOMIC_RELAXED);
}
