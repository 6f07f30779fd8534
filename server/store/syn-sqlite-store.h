/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-store.h"

/* The embedded store: one SQLite file in the silo's data folder, with group commit (see syn-sqlite-file.h). */

G_BEGIN_DECLS

#define SYN_SQLITE_STORE_FILE "store.db"
#define SYN_SQLITE_STORE_SCHEMA 1

typedef struct {
  const char *folder;  /* must exist; the silo holds its lock */
  gboolean stepped;    /* no thread: syn_store_step() does what waits, as one transaction */
  guint max_requests;  /* 0: SYN_MAX_STORE_REQUESTS */
  gsize max_bytes;     /* 0: SYN_MAX_STORE_BYTES */
  const char *vfs;     /* (nullable): tests break one */
} SynSqliteStoreOptions;

/* Errors name the file: INVALID (not a store's, or of a newer version), INTERNAL (damaged), UNAVAILABLE (the system said no). */
SynStore *syn_sqlite_store_new (const SynSqliteStoreOptions *options, GError **error);
guint64 syn_sqlite_store_get_n_commits (SynStore *self); /* any thread */

G_END_DECLS
