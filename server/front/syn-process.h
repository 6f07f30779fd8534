/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* This process as the kernel sees it: for /v1/status and /metrics. Any thread. */

G_BEGIN_DECLS

typedef struct
{
  guint64 rss_bytes;
  guint64 virtual_bytes;
  guint descriptors;
  guint64 max_descriptors; /* G_MAXUINT64: no limit */
  double cpu_s;
  double started_s; /* since 1970 */
} SynProcess;

/* What cannot be read is 0. */
void syn_process_read (SynProcess *process);

G_END_DECLS
