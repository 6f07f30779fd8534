/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include "syn-journal-record.h"

/* How the journal lies in its SQLite file: what the engine writes, and whoever reads the file checks (synopticctl too: no grain here).
 *
 *   record      one row a record, in the order in which they were appended; found by (part, seq)
 *   checkpoint  one row a generation, written after all its pieces: without it they are none
 *   piece       its bytes, in pieces
 *   hold        what retention leaves for a reader
 *
 * Each row has a checksum over all of it and its place. */

G_BEGIN_DECLS

#define SYN_JOURNAL_FILE "journal.db"
#define SYN_JOURNAL_SCHEMA 2 /* 1: has no SYN_RECORD_LOST, and is otherwise the same */
#define SYN_JOURNAL_APPLICATION_ID 0x53594e4a /* "SYNJ" */

extern const char syn_journal_schema[];

#define SYN_JOURNAL_RECORD_COLUMNS "part, seq, epoch, kind, source, first, n, time_us, sum, bytes"
#define SYN_JOURNAL_CHECKPOINT_COLUMNS "id, part, name, epoch, seq, time_us, n_pieces, size, sum"

/* The row that a statement of SYN_JOURNAL_RECORD_COLUMNS is at. NULL with what is wrong with it; @partition and @sequence (nullable) are what
 * the row says all the same. */
SynJournalRecord *syn_journal_format_read_record (sqlite3_stmt *statement, guint *partition, guint64 *sequence, char **fault);
/* Into a statement whose parameters 1 to 10 are those columns; @record and what it has outlive the step. */
void syn_journal_format_bind_record (sqlite3_stmt *statement, guint partition, const SynJournalRecord *record, guint32 bytes_sum);

typedef struct {
  gint64 id; /* of a later generation, greater */
  guint partition;
  char *name; /* (owned) */
  guint64 epoch, sequence;
  gint64 time_us;
  guint n_pieces;
  gsize size_bytes;
} SynJournalCheckpoint;

void syn_journal_checkpoint_free (SynJournalCheckpoint *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynJournalCheckpoint, syn_journal_checkpoint_free)

/* Likewise of SYN_JOURNAL_CHECKPOINT_COLUMNS. */
SynJournalCheckpoint *syn_journal_format_read_checkpoint (sqlite3_stmt *statement, char **fault);
void syn_journal_format_bind_checkpoint (sqlite3_stmt *statement, const SynJournalCheckpoint *self);
/* Its bytes, by a statement of "idx, sum, bytes", in their order. NULL with what is wrong. */
GBytes *syn_journal_format_read_pieces (sqlite3_stmt *statement, const SynJournalCheckpoint *self, char **fault);
guint32 syn_journal_format_piece_sum (gint64 id, guint index, gconstpointer bytes, gsize n_bytes);
guint32 syn_journal_format_hold_sum (guint partition, const char *name, guint64 sequence);

G_END_DECLS
