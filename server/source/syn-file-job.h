/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-reader-private.h"
#include "syn-file-text.h"

/* A file on its way to batches, in steps. What the grain and the worker's thread share of it is the credit;
 * everything else belongs to whoever runs the step, one at a time. */

G_BEGIN_DECLS

typedef enum
{
  SYN_FILE_STEP_CREDIT,  /* there is more, but no room for it */
  SYN_FILE_STEP_END,     /* read to the end; followed: for now */
  SYN_FILE_STEP_MISSING, /* cannot be opened: try again later */
  SYN_FILE_STEP_FAILED,  /* stopped for good; what was before has been given */
  SYN_FILE_STEP_CLOSED,  /* nobody wants it any more */
} SynFileStep;

typedef struct
{
  /* Takes @batch. @first_us, @last_us: the times of its events, when paced (G_MININT64: it has none). FALSE:
   * closed. */
  gboolean (*give) (gpointer user_data, SynEventBatch *batch, gint64 first_us, gint64 last_us);
  gboolean (*is_closed) (gpointer user_data);
} SynFileSink;

typedef struct _SynFileJob SynFileJob;

SynFileJob *syn_file_job_new (const SynSourceSpec *spec, guint max_events);
void syn_file_job_free (SynFileJob *self);
/* Any thread: @n more batches may be given. Returns what it was before. */
gint syn_file_job_add_credit (SynFileJob *self, gint n);
gint syn_file_job_get_credit (SynFileJob *self);
/* Reads until one of the above. Errors are whole sentences, "FILE:LINE:COLUMN: …". */
SynFileStep syn_file_job_step (SynFileJob *self, const SynFileSink *sink, gpointer user_data, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynFileJob, syn_file_job_free)

G_END_DECLS
