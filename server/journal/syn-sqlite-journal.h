/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal.h"
#include "syn-journal-format.h"

/* The embedded journal: one SQLite file in the silo's data folder, with group commit (disk/syn-sqlite-file.h), and a second connection and
 * thread for whatever reads. */

G_BEGIN_DECLS

/* What goes by itself. Of each log the newest record stays, and whatever a hold needs. */
typedef struct {
  const char *source;
  SynJournalRetention retention;
} SynJournalSourceRetention;

typedef struct {
  const char *folder;            /* must exist; the silo holds its lock */
  gboolean stepped;              /* no threads: syn_journal_step() does what waits, as one transaction */
  SynJournalRetention retention; /* of each source; zeros: nothing goes by itself */
  const SynJournalSourceRetention *sources; /* those for which that does not count; copied */
  guint n_sources;
  guint64 max_file_bytes;        /* used in the file, checkpoints too: of all sources, the oldest records go until there are no more; 0: any size */
  guint max_requests;            /* 0: SYN_MAX_JOURNAL_REQUESTS */
  gsize max_bytes;               /* 0: SYN_MAX_JOURNAL_QUEUE_BYTES */
  const char *vfs;               /* (nullable): tests break one */
} SynSqliteJournalOptions;

/* Errors name the file: INVALID (not a journal's, or of a newer version), INTERNAL (damaged), UNAVAILABLE (the system said no). */
SynJournal *syn_sqlite_journal_new (const SynSqliteJournalOptions *options, GError **error);

G_END_DECLS
