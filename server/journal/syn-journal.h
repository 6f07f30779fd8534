/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal-record.h"
#include "syn-lane.h"

/* The journal, as an interface: one log per partition (SYN_N_PARTITIONS) of records numbered from 1 without gaps, and the checkpoints of
 * those who read them. The calls are those of an engine over several machines; a silo alone has the embedded one (syn-sqlite-journal.h), tests
 * and a silo without a data folder the one in memory (syn-memory-journal.h). Chosen in main.c.
 *
 * A request is posted from a lane and its answer comes back on that lane: nobody waits for a disk. Appends are done in the order in which
 * a lane posts them, and are answered when they are durable; reads go beside them. What was read is what was acknowledged, or could have been.
 *
 * An append names the epoch that its owner claimed and the last sequence that it knows of: the log itself is the lock. Another owner's claim
 * makes the epoch a past one, and whatever comes with it is FENCED: drop what was concluded from being the owner, claim, read.
 *
 * A source's grain needs of it (self->log is shared by all sources of its partition on this lane):
 *
 *   activate     self->log = syn_journal_get_log (journal, lane, partition);
 *                syn_grain_defer_activation (grain);
 *                syn_journal_log_claim (self->log, claimed, self);
 *   claimed      on an error fail the activation; otherwise read, from the checkpoint's sequence + 1 up to answer->sequence:
 *                request = syn_journal_request_new_read (lane, partition, from, upto, source, func, self); syn_journal_submit (journal, request);
 *                syn_event_codec_decode (spec, record->bytes) is the batch; then read on from answer->next; at the end syn_grain_activated()
 *   publish      bytes = syn_event_codec_encode (batch); syn_journal_log_append (self->log, name, &head, bytes, appended, flight);
 *   appended     no error: deliver the batch, reply to the publisher. FENCED: end the activation. OVERLOADED, UNAVAILABLE: the events are not
 *                taken: tell the publisher so; their sequences are free again once all that were posted after have failed, too
 *   deactivate   answers may still come: what func gets as user_data counts its references (as a source does for its batches in flight)
 */

G_BEGIN_DECLS

typedef struct _SynJournal SynJournal;
typedef struct _SynJournalLog SynJournalLog;
typedef struct _SynJournalRequest SynJournalRequest;

/* Error codes, beside those of SYN_ERROR at the request. */
#define SYN_JOURNAL_FENCED SYN_ERROR_CONFLICT

/* What of a source's events goes by itself, of those that no reader needs. A log is cut at its beginning only, so records of sources that share a
 * partition wait for those before them. */
typedef struct {
  gint64 max_age_ms;      /* records older than the newest of all by more; 0: any age */
  guint64 max_bytes;      /* of the source's records together: the oldest go until there are no more; 0: any size */
  gboolean by_checkpoint; /* whatever no hold needs, of logs that have one */
  gboolean is_kept;       /* not for the size of the file either */
} SynJournalRetention;

/* A source whose events are in the journal, or are said to come. */
typedef struct {
  char *source;                         /* (owned) */
  guint partition;
  guint64 n_records, n_events, n_bytes; /* that are there */
  guint64 first_sequence;               /* of its oldest event that is there; 0: there is none, or it was not asked for */
  gint64 oldest_us;                     /* time of that one's record; likewise */
  SynJournalRetention retention;
} SynJournalSourceStatus;

/* Who needs records, so that retention leaves them. */
typedef struct {
  char *name;      /* (owned): as its checkpoints are called: "projection/quotes" */
  guint partition;
  guint64 sequence; /* the first record that it needs */
  gint64 time_us;   /* that one's; 0: it is not there */
} SynJournalReaderStatus;

typedef struct {
  guint64 n_records;                /* of all logs */
  guint64 n_bytes;                  /* of the files, or of the memory: what is used */
  guint64 n_events_appended;        /* since the journal was opened */
  guint64 n_appends, n_commits;     /* likewise; one commit, one flush of the disk */
  guint64 n_failures;               /* likewise: writes that the disk refused */
  guint64 n_trimmed;                /* records, likewise: by retention and when asked to */
  gint64 flush_us, longest_flush_us; /* likewise: how long commits waited for the disk, together and at most */
  gint64 last_commit_us;            /* real time; 0: there was none yet */
  gint64 oldest_us, newest_us;      /* time of records; 0: there is none */
  guint64 n_queued, n_queued_bytes; /* waiting to be written */
  char *last_error;                 /* (owned) (nullable): why the last append that failed did; NULL when one was taken since */
  GPtrArray *sources;               /* (owned) (nullable): of SynJournalSourceStatus, by name; NULL: not counted yet, or the engine does not */
  GPtrArray *readers;               /* (owned) (nullable): of SynJournalReaderStatus, by name; NULL: was not asked for */
} SynJournalStatus;

void syn_journal_source_status_free (SynJournalSourceStatus *self);
void syn_journal_reader_status_free (SynJournalReaderStatus *self);
void syn_journal_status_free (SynJournalStatus *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynJournalStatus, syn_journal_status_free)

typedef enum {
  SYN_JOURNAL_CLAIM,          /* partition → epoch, sequence (of the claim's own record: the log ends there) */
  SYN_JOURNAL_APPEND,         /* partition, epoch, expected, record → sequence, or FENCED */
  SYN_JOURNAL_READ,           /* partition, sequence (from), upto, max_bytes, source (nullable) → records, next */
  SYN_JOURNAL_PUT_CHECKPOINT, /* partition, name, epoch, sequence, bytes; FENCED when the epoch is a past one */
  SYN_JOURNAL_GET_CHECKPOINT, /* partition, name → epoch, sequence, bytes (NULL and 0: there is none), note */
  SYN_JOURNAL_DROP_CHECKPOINT,/* partition, name: its checkpoints and its hold; also when there are none */
  SYN_JOURNAL_HOLD,           /* partition, name, sequence */
  SYN_JOURNAL_TRIM,           /* partition, sequence (the first to keep) → sequence (the first that is left) */
  SYN_JOURNAL_STATUS,         /* → status */
} SynJournalVerb;

/* On the asking lane. Of @answer one may take records, bytes and status (g_steal_pointer); it is freed after the call. */
typedef void (*SynJournalFunc) (SynJournalRequest *answer, gpointer user_data);

struct _SynJournalRequest {
  SynParcel parcel;    /* the way back; its next is the engine's until then */
  SynLane *lane;       /* who asks */
  SynJournalFunc func; /* (nullable) */
  gpointer user_data;
  SynJournalVerb verb;
  guint partition;
  guint64 epoch;
  guint64 expected;    /* append: the last sequence of the log, as its owner knows it */
  guint64 sequence;
  guint64 upto;        /* read: the last; 0: as far as there are records */
  guint64 next;        /* read: where to go on; upto + 1 (or one past the log's last) when all was read */
  gsize max_bytes;     /* read: at least one record, and no more than hold so many; 0: SYN_MAX_JOURNAL_READ_BYTES */
  char *name;          /* (owned) (nullable): of a checkpoint; read: of a source, other records are left out */
  SynJournalRecord record; /* append: kind, source, first_sequence, n_events, time_us, bytes */
  guint32 bytes_sum;   /* of the record's bytes, made by the asking thread: the engine's has enough to do */
  GPtrArray *records;  /* (owned) (nullable): of SynJournalRecord; with an error: the good ones before the bad one */
  GBytes *bytes;       /* (owned) (nullable): of a checkpoint */
  char *note;          /* (owned) (nullable): a checkpoint that was passed over: where it is, and what is wrong with it */
  SynJournalStatus *status; /* (owned) (nullable) */
  GError *error;       /* (owned) (nullable): INVALID, TOO_LARGE (bytes), FENCED, OVERLOADED (too much waits: ask again after SYN_RETRY_MS),
                        * UNAVAILABLE (it cannot now: a full disk; a record before this one was not taken; an engine that several machines
                        * share may have written it all the same, so append the same again: it is known by what it says), INTERNAL (damage,
                        * naming file, partition and sequence), NOT_FOUND (read: trimmed away) */
};

SynJournalRequest *syn_journal_request_new (SynLane *lane, SynJournalVerb verb, guint partition, SynJournalFunc func, gpointer user_data);
/* @source: (nullable): records of others are left out, yet counted in next. */
SynJournalRequest *syn_journal_request_new_read (SynLane *lane, guint partition, guint64 from, guint64 upto, const char *source,
                                                 SynJournalFunc func, gpointer user_data);
/* State as of @sequence, made of acknowledged records only. Two generations of a name are kept; who gets one gets the newest that is whole. */
SynJournalRequest *syn_journal_request_new_checkpoint (SynLane *lane, guint partition, const char *name, guint64 epoch, guint64 sequence,
                                                       GBytes *bytes, SynJournalFunc func, gpointer user_data);
/* Retention: a reader called @name (as its checkpoints are) needs all records from @sequence on until it has two generations of
 * checkpoints, and from then on those after the older one's. Kept like a record; until the checkpoint is dropped. */
SynJournalRequest *syn_journal_request_new_hold (SynLane *lane, guint partition, const char *name, guint64 sequence, SynJournalFunc func,
                                                 gpointer user_data);

/* On the thread of the lane that asks. Takes @request over. What is malformed or too large is refused at once (the answer still comes as a
 * parcel); the rest goes to the engine. */
void syn_journal_submit (SynJournal *self, SynJournalRequest *request);
/* What is known without asking the disk, so that it can also be had while that hangs: all but what SynJournalSourceStatus and readers need to be
 * looked up for; sizes and times are at most a second older than the last commit. Any thread. NULL: the engine does not count so. */
SynJournalStatus *syn_journal_peek (SynJournal *self);

/* ---- a partition's log, for its owners ---- */

/* All that append to one partition live on one lane and share its log: one claim, one count of sequences, appends posted one after
 * another without waiting for answers. The journal keeps it; (transfer none). On @lane only, always the same for a partition. */
SynJournalLog *syn_journal_get_log (SynJournal *self, SynLane *lane, guint partition);
/* Claims it, unless it is this lane's already: the answer has epoch and sequence (the last there is). After FENCED: claims again. */
void syn_journal_log_claim (SynJournalLog *self, SynJournalFunc func, gpointer user_data);
typedef struct {
  guint64 first_sequence;
  guint n_events;
  gint64 time_us;
} SynJournalHead;
/* Appends a batch. @bytes: (transfer none). Not claimed, or fenced since: FENCED. Once one fails, those posted after it do, too (UNAVAILABLE),
 * and what is appended then is refused until the last of them is answered: nothing overtakes what was not taken. */
void syn_journal_log_append (SynJournalLog *self, const char *source, const SynJournalHead *head, GBytes *bytes, SynJournalFunc func,
                             gpointer user_data);
/* Says in the log that its owner goes. When it was not claimed: answered at once. */
void syn_journal_log_release (SynJournalLog *self, SynJournalFunc func, gpointer user_data);
guint64 syn_journal_log_get_epoch (SynJournalLog *self);         /* 0: not claimed, or fenced */
guint64 syn_journal_log_get_last_sequence (SynJournalLog *self); /* acknowledged */
guint syn_journal_log_get_n_waiting (SynJournalLog *self);       /* appends not answered yet */

/* ---- engines ---- */

typedef struct {
  /* Any lane's thread. Takes @request over, never waits, and calls syn_journal_answer() once, later or at once. */
  void (*submit) (SynJournal *self, SynJournalRequest *request);
  gboolean (*step) (SynJournal *self); /* does what waits, on the calling thread; whether there was anything. (nullable) */
  SynJournalStatus *(*peek) (SynJournal *self); /* any thread (nullable) */
  void (*close) (SynJournal *self);    /* answers everything first */
  void (*free) (SynJournal *self);
} SynJournalClass;

/* The head of each engine's struct. */
struct _SynJournal {
  const SynJournalClass *klass;
  gboolean closed;
  SynJournalLog *logs[SYN_N_PARTITIONS]; /* (owned) (nullable): each its lane's */
};

gboolean syn_journal_step (SynJournal *self);
void syn_journal_close (SynJournal *self); /* answers everything; no other thread submits meanwhile or later */
void syn_journal_free (SynJournal *self);  /* closes it first when nobody did; after the lanes have ended */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynJournal, syn_journal_free)

G_END_DECLS
