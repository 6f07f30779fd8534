/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store-fixture.h"
#include "syn-memory-journal.h"
#include "syn-sqlite-journal.h"

/* A stepped silo with a journal beside it; requests that are settled before they return. All on the front lane. */

typedef struct {
  SynSilo *silo;
  SynJournal *journal;
  SynLane *lane;
  char *folder;
  char *path; /* of the journal's file */
} Journal;

/* What came back. */
typedef struct {
  guint n;       /* answers */
  guint order;   /* of all answers, from 1 */
  guint64 epoch, sequence, next;
  GPtrArray *records;
  GBytes *bytes;
  char *note;
  SynJournalStatus *status;
  GError *error;
} Reply;

void reply_clear (Reply *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reply, reply_clear)
void reply_take (SynJournalRequest *answer, gpointer user_data); /* a SynJournalFunc */

void journal_setup_memory (Journal *self, gconstpointer data);
void journal_setup_sqlite (Journal *self, gconstpointer data); /* also makes the folder */
void journal_teardown (Journal *self, gconstpointer data);
void journal_open (Journal *self, const SynSqliteJournalOptions *options); /* folder and stepped are filled in */
void journal_close (Journal *self);
void journal_reopen (Journal *self, const SynSqliteJournalOptions *options);
void journal_settle (Journal *self);

Reply journal_claim (Journal *self, guint partition);
/* Posted, not settled. @text (nullable): as the bytes of a batch; NULL: a tick. */
void journal_post (Journal *self, Reply *reply, guint partition, guint64 epoch, guint64 expected, const char *text);
Reply journal_append (Journal *self, guint partition, guint64 epoch, guint64 expected, const char *text);
Reply journal_read (Journal *self, guint partition, guint64 from, guint64 upto, const char *source, gsize max_bytes);
Reply journal_put (Journal *self, guint partition, const char *name, guint64 epoch, guint64 sequence, const char *bytes, gssize n_bytes);
Reply journal_get (Journal *self, guint partition, const char *name);
Reply journal_ask (Journal *self, SynJournalVerb verb, guint partition, const char *name, guint64 sequence);
/* "1 claim, 2 s/1+1 one, 3 tick": numbers, kinds, source/first+n and bytes. */
char *journal_text (GPtrArray *records);
/* Claims and appends @n batches of "0", "1"…; the epoch. */
guint64 journal_fill (Journal *self, guint partition, guint n);
void assert_error_says (const GError *error, int code, const char *a, const char *b);
/* It cannot be opened, with an error of @code that names the file and has @message. @vfs: (nullable) */
void journal_assert_not_opened (Journal *self, const char *vfs, int code, const char *message);
void journal_execute (Journal *self, const char *sql); /* on the closed file */
