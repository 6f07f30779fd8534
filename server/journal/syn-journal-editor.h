/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal-format.h"

/* The journal's file for an operator who has to change it, with the silo stopped: what is damaged is marked as lost, and readers that nobody has any more
 * are let go of. No grain and no thread here: synopticctl links it. One thread. */

G_BEGIN_DECLS

typedef struct _SynJournalEditor SynJournalEditor;

/* @folder: a silo's data folder; its lock is held until the end. Nothing is changed before syn_journal_editor_commit(). Errors name the file:
 * UNAVAILABLE (a silo uses it, the system said no), NOT_FOUND, INVALID (not a journal's, or of a newer version), INTERNAL (damaged). */
SynJournalEditor *syn_journal_editor_open (const char *folder, GError **error);
gboolean syn_journal_editor_commit (SynJournalEditor *self, GError **error); /* durable when it returns */
void syn_journal_editor_close (SynJournalEditor *self);                      /* what was not committed is as it was */
const char *syn_journal_editor_get_path (SynJournalEditor *self);
sqlite3 *syn_journal_editor_get_db (SynJournalEditor *self); /* (transfer none): within a transaction */
/* "PATH: cannot WHAT: reason" of SQLite's last error. FALSE, for `return`. */
gboolean syn_journal_editor_fail (SynJournalEditor *self, GError **error, const char *what);

/* Lets go of what the reader @name ("projection/quotes", "source/trades") holds, in @partition or (-1) in all. Of a projection its checkpoints go, too, when it is all
 * partitions or theirs; a source keeps its own, which has its numbers: should it come back, they go on. @tell is called for each thing that goes. Errors:
 * NOT_FOUND, with the names that there are. */
gboolean syn_journal_editor_drop (SynJournalEditor *self, const char *name, int partition, void (*tell) (const char *what, gpointer user_data),
                                  gpointer user_data, GError **error);

typedef struct {
  guint64 n_records;    /* that are damaged or missing */
  guint64 n_events;     /* known to have been in them */
  guint64 n_unknown;    /* records of which it is not known what they had */
  guint64 n_checkpoints, n_holds;
} SynJournalRepaired;

/* Marks each record that is damaged or missing as lost, with the events of the source that it had, as the records around it tell; takes out checkpoints that are damaged; makes
 * a damaged hold one of everything. @tell is called for each, with its place. Errors: INTERNAL: SQLite's own structure is damaged. */
gboolean syn_journal_editor_repair (SynJournalEditor *self, void (*tell) (const char *what, gpointer user_data), gpointer user_data,
                                    SynJournalRepaired *repaired, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynJournalEditor, syn_journal_editor_close)

G_END_DECLS
