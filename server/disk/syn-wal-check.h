/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A look at the write-ahead log of a SQLite file that nobody is writing to. SQLite takes of a log what comes before the first frame that is
 * not whole, and passes over the rest in silence: after a crash that is what was never committed. But a commit is flushed before the next
 * begins; when a commit comes after a frame that is not whole, then the disk has lost what it had said was there (or that commit had failed
 * with an input/output error, and another one was begun over it, or the power was cut within its flush: the log cannot tell). */

G_BEGIN_DECLS

/* FALSE with @fault, which names the log and the byte: commits may be lost. A log that is missing, empty, or ends anywhere is none of it. */
gboolean syn_wal_check (const char *database_path, char **fault);
/* The same of the log's bytes: FALSE with the bytes at which the frames begin. */
gboolean syn_wal_check_bytes (const guint8 *log, gsize size, gsize *damaged_at, gsize *commit_at);

G_END_DECLS
