/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal-private.h"
#include "syn-sqlite-file.h"
#include "syn-sqlite-journal.h"

/* The embedded journal's insides: -write.c and -retention.c run on the writing file's thread, -read.c on the reading one's. */

G_BEGIN_DECLS

typedef enum {
  SYN_JW_TAIL, SYN_JW_INSERT, SYN_JW_AT, SYN_JW_BACKWARDS, SYN_JW_BEYOND, SYN_JW_FIRST, SYN_JW_REMOVE,
  SYN_JW_PUT_PIECE, SYN_JW_PUT_HEAD, SYN_JW_GENERATIONS, SYN_JW_REMOVE_PIECES, SYN_JW_REMOVE_HEAD,
  SYN_JW_HOLD, SYN_JW_HOLDS, SYN_JW_UNHOLD, SYN_JW_USED,
  SYN_JW_N_STATEMENTS
} SynJournalWriteStatement;

typedef enum {
  SYN_JR_RANGE, SYN_JR_FIRST, SYN_JR_LAST, SYN_JR_CHECKPOINTS, SYN_JR_PIECES, SYN_JR_USED,
  SYN_JR_N_STATEMENTS
} SynJournalReadStatement;

extern const char *const syn_journal_write_sql[SYN_JW_N_STATEMENTS];
extern const char *const syn_journal_read_sql[SYN_JR_N_STATEMENTS];

typedef struct {
  SynJournal journal;
  SynSqliteFile *writer; /* (owned) */
  SynSqliteFile *reader; /* (owned) */
  gboolean stepped;
  SynJournalRetention retention;
  sqlite3_stmt *write[SYN_JW_N_STATEMENTS]; /* (owned) */
  sqlite3_stmt *read[SYN_JR_N_STATEMENTS];  /* (owned) */
  /* The writer's thread. */
  gint64 last_checkpoint; /* id given out */
  GArray *torn;           /* (owned): ids of checkpoints of which only pieces are there */
  gint64 newest_us;       /* of records */
  guint64 n_unswept;      /* bytes appended since retention looked */
  gint64 swept_us;        /* newest_us when it did */
  gboolean sweeping;
  GMutex lock;            /* for @counts: held for a few stores, by the two threads */
  SynJournalStatus counts;
} SynSqliteJournal;

typedef struct {
  SynSqliteJob job;
  SynSqliteJournal *self;
  SynJournalRequest *request; /* (owned) (nullable): NULL: retention's own */
  gboolean more;              /* of a request that is done in steps: there is another */
  guint64 result;             /* sequence */
  guint64 below;              /* trim: the first to keep */
  guint n_removed;
  gint64 checkpoint;          /* id; 0: not given one yet */
  guint piece;                /* the next */
} SynSqliteJournalJob;

gboolean syn_sqlite_journal_run_write (SynSqliteFile *file, SynSqliteJob *job);
void syn_sqlite_journal_write_done (SynSqliteJob *job);
gboolean syn_sqlite_journal_run_read (SynSqliteFile *file, SynSqliteJob *job);
void syn_sqlite_journal_read_done (SynSqliteJob *job);
/* What is left of checkpoints that were never whole, and the highest id. At the opening. */
gboolean syn_sqlite_journal_sweep_pieces (SynSqliteJournal *self, GError **error);
void syn_sqlite_journal_after_commit (SynSqliteFile *file, gpointer user_data);

/* ---- within a job of the writer; FALSE: SQLite said no, and the job says so ---- */

gboolean syn_journal_write_fail (SynSqliteJournalJob *job, const char *format, ...) G_GNUC_PRINTF (2, 3); /* FALSE, for `return` */
gboolean syn_journal_write_finish (SynSqliteJournalJob *job, sqlite3_stmt *statement, const char *what, guint partition);
gboolean syn_journal_write_look_up (SynSqliteJournalJob *job, SynJournalWriteStatement index, guint partition, gint64 *a, gint64 *b);
gboolean syn_journal_write_find_tail (SynSqliteJournalJob *job, guint partition, SynJournalTail *tail);
gboolean syn_journal_write_trim (SynSqliteJournalJob *job);
gboolean syn_journal_write_sweep (SynSqliteJournalJob *job);

static inline void
syn_statement_put_back (sqlite3_stmt *statement)
{
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
}

G_END_DECLS
