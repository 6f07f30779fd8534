/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sqlite3.h>

/* One SQLite file (WAL, synchronous=FULL) with one thread that does jobs on it, in the order in which they were submitted, with group
 * commit: all that wait are one transaction, and each is told after its commit. The store of grains' state is one user; whatever else
 * keeps things in the data folder can have its own tables in the same file, and so share its flushes.
 *
 * File and thread are one: nobody else touches the connection. Stepped (tests), there is no thread: syn_sqlite_file_step() does one round. */

G_BEGIN_DECLS

typedef struct _SynSqliteFile SynSqliteFile;
typedef struct _SynSqliteJob SynSqliteJob;

/* At the head of a struct of the user's own. */
struct _SynSqliteJob {
  SynSqliteJob *next;
  gsize size_bytes; /* what it keeps in memory while it waits */
  gboolean writes;
  GError *error;    /* (owned) (nullable): set by @run (INTERNAL, CONFLICT…: this job alone failed), or why the commit failed */
  /* On the file's thread, within the transaction. FALSE: SQLite said no, see syn_sqlite_file_fail(). May be run again, from the start,
   * when the transaction around it could not be committed. What it answers is not known to be durable before @done. A job of several
   * statements that fails at a later one leaves what the first did in the transaction, which goes on: it has to be sound then, too. */
  gboolean (*run) (SynSqliteFile *file, SynSqliteJob *job);
  /* On the file's thread, once: after the commit, or with the error. Frees @job. */
  void (*done) (SynSqliteJob *job);
};

typedef struct {
  const char *path;
  const char *vfs;           /* (nullable): SQLite's own; tests break one */
  const char *schema;        /* statements that make the tables of a new file */
  int schema_version;        /* from 1; a file of a newer one is refused */
  int application_id;        /* in the file's header: another program's file is refused */
  const char *thread_name;   /* (nullable) */
  gboolean reads_only;       /* one more connection to a file that somebody else has made and writes; each job sees it as of when it runs */
  guint page_bytes;          /* of a new file, a power of two from 512 to 65536; 0: 4096. Large ones cost small writes, small ones large */
  guint max_wal_pages;       /* in the log before it is moved into the file; 0: SQLite's default */
  guint max_jobs;            /* waiting; above: refused */
  gsize max_bytes;           /* in them, together */
  /* Before the commit of a transaction that has jobs which write. FALSE: SQLite said no. (nullable) */
  gboolean (*before_commit) (SynSqliteFile *file, gpointer user_data);
  void (*after_commit) (SynSqliteFile *file, gpointer user_data); /* of such a transaction, when it was (nullable) */
  gpointer user_data;
} SynSqliteOptions;

/* Makes the file when it is missing. Errors name the file: INVALID (not ours, or newer), INTERNAL (damaged), UNAVAILABLE (the system said no). */
SynSqliteFile *syn_sqlite_file_open (const SynSqliteOptions *options, GError **error);
/* Any thread, never waits. FALSE: too much waits; @job is still the caller's. */
gboolean syn_sqlite_file_submit (SynSqliteFile *self, SynSqliteJob *job);
gboolean syn_sqlite_file_step (SynSqliteFile *self);
/* Starts the thread; after the last statement was prepared. */
gboolean syn_sqlite_file_start (SynSqliteFile *self, GError **error);
/* Does what waits, ends the thread. No thread submits meanwhile or later. */
void syn_sqlite_file_stop (SynSqliteFile *self);
void syn_sqlite_file_close (SynSqliteFile *self); /* after the stop; statements are finalized by then */

sqlite3 *syn_sqlite_file_get_db (SynSqliteFile *self); /* for the file's thread, and before its start */
const char *syn_sqlite_file_get_path (SynSqliteFile *self);
sqlite3_stmt *syn_sqlite_file_prepare (SynSqliteFile *self, const char *sql, GError **error);
/* "PATH: cannot WHAT: reason", with the code that SQLite's last error stands for. */
void syn_sqlite_file_set_error (SynSqliteFile *self, GError **error, const char *what);
/* Whether SQLite's last error is the disk's: what is in the file may be sound. */
gboolean syn_sqlite_file_is_read_error (SynSqliteFile *self);
/* The error above into @job; FALSE, for `return`. */
gboolean syn_sqlite_file_fail (SynSqliteFile *self, SynSqliteJob *job, const char *what);
guint64 syn_sqlite_file_get_n_commits (SynSqliteFile *self); /* any thread */

/* Of transactions that wrote, since the opening. */
typedef struct {
  guint64 n_commits;
  gint64 flush_us;         /* how long their commits waited for the disk, together */
  gint64 longest_flush_us;
  gint64 last_commit_us;   /* real time; 0: there was none */
} SynSqliteFlushes;

void syn_sqlite_file_get_flushes (SynSqliteFile *self, SynSqliteFlushes *flushes); /* any thread */
void syn_sqlite_file_get_waiting (SynSqliteFile *self, guint64 *n_jobs, guint64 *n_bytes); /* any thread: not told yet */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynSqliteFile, syn_sqlite_file_close)

G_END_DECLS
