/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal.h"

/* What the engines share. Any thread, unless it says otherwise. */

G_BEGIN_DECLS

/* Sends @request back as its own answer. */
void syn_journal_answer (SynJournalRequest *request);
void syn_journal_fail (SynJournalRequest *request, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);
gsize syn_journal_request_size_bytes (const SynJournalRequest *request); /* what it keeps in memory, about */

/* Where a log ends; zeros: there is no record yet. */
typedef struct {
  guint64 sequence;
  guint64 epoch;
} SynJournalTail;

typedef enum { SYN_JOURNAL_REFUSED, SYN_JOURNAL_TAKE, SYN_JOURNAL_HAVE } SynJournalVerdict;

/* Whether @request, an append, fits the log's end: TAKE: as record tail.sequence + 1; REFUSED: its error is set (@where begins it); HAVE: the
 * log may have it already, as record expected + 1 (its answer was lost): the engine compares, and calls syn_journal_fence() when it is another. */
SynJournalVerdict syn_journal_judge (SynJournalRequest *request, const SynJournalTail *tail, const char *where);
void syn_journal_fence (SynJournalRequest *request, const SynJournalTail *tail, const char *where);
/* FALSE: the request's error is set: a checkpoint that is beyond the log's end, or of a past owner. */
gboolean syn_journal_judge_checkpoint (SynJournalRequest *request, const SynJournalTail *tail, const char *where);
/* Whether the two say the same, but for sequence and time: @other is @request's record, acknowledged or not. */
gboolean syn_journal_same_record (const SynJournalRequest *request, const SynJournalRecord *other, guint32 other_bytes_sum);

/* Of the free() of engines: the logs, whose lanes have ended. */
void syn_journal_log_free (SynJournalLog *self);

G_END_DECLS
