/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-reader.h"

/* Events as their publisher has laid them out: the form of docs/protocol.md §3.4, which is a snapshot's, and the one that the journal keeps. A stranger's
 * bytes are checked for all that the readers of text check, and are the batch from then on: nothing is copied. Any thread. */

G_BEGIN_DECLS

/**
 * syn_batch_reader_read:
 * @bytes: aligned to 8; the batch keeps them, and what journals it writes its sequence and time into their head
 * @batch: (out) (nullable): NULL when there are no events in it
 * @place: says where an error is: line is the event's number, from 1
 *
 * The batch has its producer, if it names one. All or nothing: FALSE with INVALID or TOO_LARGE.
 */
gboolean syn_batch_reader_read (const SynSourceSpec *source, GBytes *bytes, SynEventBatch **batch, SynReadPlace *place, GError **error);

G_END_DECLS
