/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A record of the journal, and its checksum. Known also to synopticctl, which reads the journal's file: no grain here. */

G_BEGIN_DECLS

/* Numbers are those of the disk. */
typedef enum {
  SYN_RECORD_CLAIM = 1,   /* a new owner, with its epoch: the last one's + 1 */
  SYN_RECORD_BATCH = 2,   /* events of one source */
  SYN_RECORD_RELEASE = 3, /* the owner went in order */
  SYN_RECORD_TICK = 4,    /* the owner is alive */
  SYN_RECORD_LOST = 5,    /* events of one source that a broken disk has lost: an operator has said so (syn-journal-editor.h) */
} SynRecordKind;

typedef struct {
  guint64 sequence;       /* of the record in its partition's log, from 1 */
  guint64 epoch;          /* of the owner who wrote it, from 1 */
  SynRecordKind kind;
  char *source;           /* (owned): batches and what is lost; "" otherwise */
  guint64 first_sequence; /* likewise: of the first event, as its source counts; 0 otherwise */
  guint n_events;         /* likewise: at least 1 */
  gint64 time_us;         /* real time, when it was written */
  GBytes *bytes;          /* (owned) (nullable): batches: syn-event-codec.h; NULL otherwise, and where the reader did not want it */
} SynJournalRecord;

void syn_journal_record_free (SynJournalRecord *self);

/* CRC-32C over the record's bytes (@bytes_sum: of these alone), then all the rest of it and its place: none can stand for another. */
guint32 syn_journal_record_sum (guint partition, const SynJournalRecord *self, guint32 bytes_sum);
guint32 syn_journal_bytes_sum (GBytes *bytes); /* (nullable) */
/* What is wrong with it beside its checksum, or NULL: an unknown kind, a batch without events… */
const char *syn_journal_record_find_fault (const SynJournalRecord *self);
const char *syn_record_kind_to_string (SynRecordKind kind); /* "claim"…; "unknown" */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynJournalRecord, syn_journal_record_free)

G_END_DECLS
