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
  SYN_JW_HOLD, SYN_JW_HOLDS, SYN_JW_UNHOLD, SYN_JW_USED, SYN_JW_FIRST_BATCH, SYN_JW_COUNT, SYN_JW_LAST_ID, SYN_JW_OLDEST,
  SYN_JW_N_STATEMENTS
} SynJournalWriteStatement;

typedef enum {
  SYN_JR_RANGE, SYN_JR_FIRST, SYN_JR_LAST, SYN_JR_CHECKPOINTS, SYN_JR_PIECES, SYN_JR_USED, SYN_JR_OF_SOURCE, SYN_JR_HOLDS, SYN_JR_OLDER,
  SYN_JR_TIME,
  SYN_JR_N_STATEMENTS
} SynJournalReadStatement;

extern const char *const syn_journal_write_sql[SYN_JW_N_STATEMENTS];
extern const char *const syn_journal_read_sql[SYN_JR_N_STATEMENTS];

typedef struct {
  SynJournal journal;
  SynSqliteFile *writer; /* (owned) */
  SynSqliteFile *reader; /* (owned) */
  gboolean stepped;
  SynJournalRetention retention; /* of sources that have no rule */
  GHashTable *rules;      /* (owned): source → SynJournalRetention */
  guint64 max_file_bytes;
  gboolean has_retention; /* any of it */
  sqlite3_stmt *write[SYN_JW_N_STATEMENTS]; /* (owned) */
  sqlite3_stmt *read[SYN_JR_N_STATEMENTS];  /* (owned) */
  /* The writer's thread. */
  gint64 last_checkpoint; /* id given out */
  GArray *torn;           /* (owned): ids of checkpoints of which only pieces are there */
  gint64 newest_us;       /* of records */
  guint64 n_unswept;      /* bytes appended since retention looked */
  gint64 swept_us;        /* newest_us when it did */
  gboolean sweeping;
  gint64 count_end;       /* id of the last record when the journal was opened; -1: they cannot be counted */
  gint64 counted;         /* id: up to there they are */
  gboolean counting;
  gint64 measured_us;     /* monotonic: when sizes were */
  GMutex lock;            /* held for a few stores, for what follows: written by the writer's thread alone, read by any */
  SynJournalStatus counts;
  gboolean is_counted;
  GHashTable *uses;       /* (owned): source ("": claims and the like) → what it has */
} SynSqliteJournal;

/* A record that was counted or removed. */
typedef struct {
  gint64 id;
  char *source; /* (owned) */
  guint partition;
  guint n_events;
  guint64 n_bytes;
} SynJournalWeight;

typedef struct {
  SynSqliteJob job;
  SynSqliteJournal *self;
  SynJournalRequest *request; /* (owned) (nullable): NULL: retention's own, or the count's */
  gboolean is_count;
  gint64 cursor;              /* count: id, up to where */
  gboolean is_inserted;       /* append: there is a new record */
  GArray *weights;            /* (owned) (nullable): of SynJournalWeight */
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
gboolean syn_journal_write_count (SynSqliteJournalJob *job);

/* ---- syn-sqlite-journal-use.c ---- */

void syn_journal_weight_clear (gpointer weight);
void syn_journal_job_add_weight (SynSqliteJournalJob *job, const SynJournalWeight *weight); /* takes what it has */
void syn_journal_job_clear_weights (SynSqliteJournalJob *job);
void syn_journal_use_open (SynSqliteJournal *self);
void syn_journal_use_take_job (SynSqliteJournal *self, SynSqliteJournalJob *job);
void syn_journal_use_end_count (SynSqliteJournal *self, const GError *error);
void syn_journal_use_after_commit (SynSqliteJournal *self);
const SynJournalRetention *syn_journal_use_get_retention (SynSqliteJournal *self, const char *source);
guint64 syn_journal_use_get_bytes (SynSqliteJournal *self, const char *source); /* 0 until they are counted */
SynJournalStatus *syn_sqlite_journal_peek (SynJournal *journal); /* any thread */

static inline void
syn_statement_put_back (sqlite3_stmt *statement)
{
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
}

G_END_DECLS
