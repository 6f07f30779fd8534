/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The data folder of a silo: locked while it is open, of a known format, and counting incarnations.
 *
 *   lock         held by flock() while a silo uses the folder; its text is the pid
 *   format       "synoptic-data 1\n"
 *   incarnation  a decimal number and a newline: one more at each start; the first is the clock's seconds since 1970
 *
 * Any thread, one at a time. */

G_BEGIN_DECLS

#define SYN_DATA_FORMAT 1

typedef struct _SynDataDir SynDataDir;

/* Makes the folder when it is missing, takes the lock, counts one more incarnation. Errors name the file: UNAVAILABLE (another
 * silo uses it), INVALID (what is in a file is not what this version wrote), INTERNAL (the system said no). */
SynDataDir *syn_data_dir_open (const char *path, guint32 *incarnation, GError **error);
/* Written beside, flushed, renamed into place, and the folder flushed. */
gboolean syn_data_dir_write_incarnation (SynDataDir *self, guint32 incarnation, GError **error);
void syn_data_dir_close (SynDataDir *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynDataDir, syn_data_dir_close)

G_END_DECLS
