/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal.h"
#include "syn-source-private.h"

/* What the durable part of a source's grain is made of: publishing and its life (syn-source-durable.c), what it gives its feeds again
 * (syn-source-replay.c), its checkpoint (syn-source-checkpoint.c). On the grain's lane. */

G_BEGIN_DECLS

typedef enum {
  SYN_DURABLE_STARTING, /* asks the journal for what has to be known first */
  SYN_DURABLE_SCANNING, /* reads what came after the checkpoint, for its numbers */
  SYN_DURABLE_OPEN,     /* replays, and takes what is published once all feeds have told how far they are */
} SynDurableStage;

typedef struct {
  guint64 sequence; /* of a record's first event */
  guint64 record;
} SynMark;

struct _SynDurable {
  SynSource *source;
  SynJournal *journal;
  SynJournalLog *log;
  guint partition;
  SynDurableStage stage;
  guint64 posted;      /* the last sequence that was given; source->sequence: that was acknowledged */
  guint64 record;      /* of the last event acknowledged */
  GQueue out;          /* of appends: in order */
  gboolean failing;    /* one was not taken, and others are still out */
  gboolean taking;     /* publishers: no feed has events that are still to be numbered */
  gboolean must_put;   /* before that: the checkpoint has to say where the numbers go on */
  char *refusal;       /* (owned) (nullable): why the last one was not taken */
  guint64 first;       /* record of the log that is the first left */
  guint64 cursor;      /* record where the next read begins */
  guint64 limit;       /* record that the scan ends with */
  guint64 known;       /* the checkpoint's sequence: what producers did until then is in it */
  gboolean reading;
  /* the pass */
  gboolean in_pass;
  guint n_asked;       /* feeds that have not said how far they are */
  guint64 pass_begin, pass_end, pass_last; /* sequences: of the last event before it, that it was to come to, that it came to */
  GPtrArray *records;  /* (owned) (nullable): being handed out, from next_record on */
  guint next_record;
  GPtrArray *ahead;    /* (owned) (nullable) */
  guint64 n_replayed;  /* since all feeds were live */
  gint64 began_ms;
  gboolean must_trim;
  gboolean has_record; /* of the pass: it came to one of this source: retention has not trimmed what is behind it */
  gboolean after_lost; /* of the pass: what comes next may be taken after a gap */
  guint64 missing_end; /* sequence of the last event that was said to be missing in the log, by nothing that marks it; 0: none */
  guint64 lost_end;    /* sequence of the last event that the disk has lost; 0: none */
  SynTimer retry, check;
  /* the checkpoint */
  GArray *marks;       /* (owned): of SynMark, ascending */
  guint64 mark_events;
  gboolean putting;
  guint64 put_sequence, put_record;
};

/* What an operator can do about a damaged record: behind what is said of it. */
#define SYN_DURABLE_REMEDY "; stop the silo, and see what is lost with: synopticctl journal repair"

/* The journal, or what was read from it, is not as it should be: @message (taken) is told, and after a while it is tried again. */
void syn_source_durable_fail (SynSource *source, char *message);
/* An answer of the journal: FALSE: it is an error, and that is taken care of. Gives back the reference that the request had. */
gboolean syn_source_durable_came_well (SynSource *source, SynJournalRequest *answer);
void syn_source_durable_find_first (SynSource *source); /* where the log begins now */
void syn_source_durable_open (SynSource *source);       /* the scan is over */

/* A feed has told that it has events up to @newest: numbers go on above. */
void syn_source_durable_raise (SynSource *source, SynFeed *feed, guint64 newest);
void syn_source_durable_take (SynSource *source); /* what is published, if nothing is in the way any more */

/* ---- syn-source-replay.c ---- */
void syn_source_replay_register_metrics (void);
/* Asks the feeds that are behind how far they are; when all have said it, begins a pass over the log for them. Does nothing when it is not the time. */
void syn_source_replay_begin (SynSource *source);
void syn_source_replay_answer (SynFeed *feed); /* that it has all that it lacked, when it has */
guint syn_source_replay_get_permille (SynSource *source);
guint syn_source_count_feeds (SynSource *source, SynFeedState state);

/* ---- syn-source-checkpoint.c ---- */
void syn_source_checkpoint_add_mark (SynDurable *self, guint64 sequence, guint64 record);
guint64 syn_source_checkpoint_find_record (SynDurable *self, guint64 sequence); /* from which on all events after @sequence are */
gboolean syn_source_checkpoint_is_due (SynSource *source);
void syn_source_checkpoint_put (SynSource *source);
GBytes *syn_source_checkpoint_save (SynSource *source); /* its bytes */
gboolean syn_source_checkpoint_load (SynSource *source, SynJournalRequest *answer); /* FALSE: it is none that is known here */
void syn_source_checkpoint_on_check (SynTimer *timer, gpointer source); /* puts one when it is due, and looks again later */

G_END_DECLS
