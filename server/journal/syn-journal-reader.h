/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal-format.h"

/* The journal's file for an operator: read only, also while a server writes to it; what is read is the journal as of when a call begins.
 * No grain and no thread here: synopticctl links it. One thread. */

G_BEGIN_DECLS

typedef struct _SynJournalReader SynJournalReader;

/* @place: the file, or the data folder that it is in. Errors name the file. */
SynJournalReader *syn_journal_reader_open (const char *place, GError **error);
void syn_journal_reader_close (SynJournalReader *self);
const char *syn_journal_reader_get_path (SynJournalReader *self);
sqlite3 *syn_journal_reader_get_db (SynJournalReader *self); /* (transfer none) */
guint64 syn_journal_reader_get_used_bytes (SynJournalReader *self);

typedef struct {
  guint partition;
  guint64 first, last; /* records */
  guint64 epoch;       /* the last record's */
  gint64 oldest_us, newest_us;
} SynJournalExtent;

typedef struct {
  guint partition;
  char *source; /* (owned) */
  guint64 n_records, n_events, n_bytes;
  guint64 first_sequence, last_sequence; /* events */
  gint64 oldest_us, newest_us;
} SynJournalSource;

typedef struct {
  guint partition;
  char *name; /* (owned) */
  guint64 sequence;
} SynJournalHold;

/* Events that an operator has marked as lost. */
typedef struct {
  guint partition;
  guint64 record;
  char *source;   /* (owned) */
  guint64 first_sequence, last_sequence;
} SynJournalLost;

/* (transfer full): what the rows say; whether it is true, only verify knows. NULL with an error. */
GArray *syn_journal_reader_list_logs (SynJournalReader *self, GError **error);           /* SynJournalExtent */
GArray *syn_journal_reader_list_sources (SynJournalReader *self, GError **error);        /* SynJournalSource: reads the heads of all records */
GPtrArray *syn_journal_reader_list_checkpoints (SynJournalReader *self, GError **error); /* SynJournalCheckpoint: whole heads only */
GArray *syn_journal_reader_list_lost (SynJournalReader *self, GError **error);           /* SynJournalLost */
GArray *syn_journal_reader_list_holds (SynJournalReader *self, GError **error);          /* SynJournalHold */

/* FALSE ends the walk. */
typedef gboolean (*SynJournalRecordFunc) (guint partition, const SynJournalRecord *record, gpointer user_data);
/* The records of a source, in the order of their partition's log. FALSE with an error, which names partition and sequence of a bad one. */
gboolean syn_journal_reader_walk (SynJournalReader *self, const char *source, SynJournalRecordFunc func, gpointer user_data, GError **error);

typedef struct {
  guint64 n_records, n_events, n_bytes, n_checkpoints, n_faults;
  guint64 n_lost_events; /* that are marked as lost: no fault */
} SynJournalVerified;

/* Everything: the database's own structure, each checksum, each number, that events follow each other, that batches can be read, pieces and
 * holds. @fault is called for each thing that is wrong, with its place. FALSE with an error: it could not be read. */
gboolean syn_journal_reader_verify (SynJournalReader *self, void (*fault) (const char *what, gpointer user_data), gpointer user_data,
                                    SynJournalVerified *verified, GError **error);
/* A copy of all of it as of now, in the file @to, which must not exist: it is there whole or not at all. */
gboolean syn_journal_reader_back_up (SynJournalReader *self, const char *to, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynJournalReader, syn_journal_reader_close)

G_END_DECLS
