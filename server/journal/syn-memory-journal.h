/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal.h"

/* A journal that keeps nothing beyond the process, and fails when a test tells it to. Each request is done at once, on the asking lane's thread,
 * and answered by a parcel; unless answers are delayed. */

G_BEGIN_DECLS

typedef enum {
  SYN_FAILING_BEFORE, /* nothing is written */
  SYN_FAILING_AFTER,  /* it is written, and the answer says that it failed: a lost acknowledgement */
} SynFailing;

SynJournal *syn_memory_journal_new (void);
/* The @n-th append from now (1: the next) gets the error @code (SYN_JOURNAL_FENCED, SYN_ERROR_UNAVAILABLE, SYN_ERROR_OVERLOADED…). One at a
 * time; 0: none any more. */
void syn_memory_journal_fail_append (SynJournal *self, guint n, int code, SynFailing failing);
/* What is not an append fails with @code until it is 0 again. */
void syn_memory_journal_fail_others (SynJournal *self, int code);
/* As if the process had been killed: nothing is written any more, whoever asks; until it is FALSE again, for the next process. */
void syn_memory_journal_set_dead (SynJournal *self, gboolean dead);
/* Requests wait, to be done one by one by syn_journal_step(). FALSE: does all that wait. */
void syn_memory_journal_set_delayed (SynJournal *self, gboolean delayed);
guint syn_memory_journal_get_n_delayed (SynJournal *self);
/* Appends above so many bytes of those that are delayed: OVERLOADED. */
void syn_memory_journal_set_max_bytes (SynJournal *self, gsize max_bytes);

G_END_DECLS
