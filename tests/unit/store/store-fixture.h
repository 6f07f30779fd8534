/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-test.h"
#include "syn-sqlite-store.h"
#include "syn-store.h"

/* A stepped silo over a store; requests that are settled before they return. */

typedef struct {
  guint64 etag;
  char *text; /* NULL: no record; bytes with NULs end at the first */
  gsize size;
  GPtrArray *reminders;
  GError *error;
} Answer;

void answer_clear (Answer *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

/* @store: (transfer full) */
SynSilo *store_silo_new (SynStore *store);

/* Asked for on the front lane; *@answer is filled in when it comes. */
void store_ask (SynSilo *silo, Answer *answer, SynStoreVerb verb, const char *key, const char *name, const char *text, guint64 etag);
/* The same and settled: the new ETag; any error aborts. */
guint64 store_write (SynSilo *silo, const char *key, const char *name, const char *text, guint64 etag);
Answer store_read (SynSilo *silo, const char *key, const char *name);
Answer store_list (SynSilo *silo, guint partition);
void store_set_reminder (SynSilo *silo, const char *key, const char *name, gint64 due_ms, guint64 period_ms);

/* A SQLite VFS over the usual one that fails when told to. */
#define BROKEN_VFS "broken"
typedef struct {
  int write_result;    /* what writes return; SQLITE_OK: they are done */
  int sync_result;
  int read_result;     /* of the database, not of its log */
  int last_errno;      /* what the system said, as far as SQLite can know */
  gboolean read_only;  /* the folder: files can be opened to read, none can be made */
  guint n_reads_left;  /* these are done before read_result counts */
  guint n_writes_left; /* these are done before write_result counts */
  gint unsynced;       /* writes to a log since its last flush */
} BrokenVfs;
extern BrokenVfs broken_vfs;
void broken_vfs_register (void);

/* Warnings are kept here, not printed: the last one, and all of them, a line each. */
extern char *last_warning; /* (owned) (nullable) */
extern GString *all_warnings;
void store_catch_warnings (void);
void store_forget_warnings (void);

/* Temporary folders, and what a store leaves in them. */
char *store_folder_new (void);
void store_folder_remove (char *folder);
