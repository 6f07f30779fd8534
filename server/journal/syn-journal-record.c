/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a record is, wherever it is kept. Any thread; no state. */
#include "syn-journal-record.h"

#include <string.h>

#include "syn-crc32c.h"

void
syn_journal_record_free (SynJournalRecord *self)
{
  g_free (self->source);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self);
}

guint32
syn_journal_bytes_sum (GBytes *bytes)
{
  gsize size;
  gconstpointer data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  return data != NULL ? syn_crc32c (0, data, size) : 0;
}

guint32
syn_journal_record_sum (guint partition, const SynJournalRecord *self, guint32 bytes_sum)
{
  const guint64 numbers[] = {
    GUINT64_TO_LE (partition),
    GUINT64_TO_LE (self->sequence),
    GUINT64_TO_LE (self->epoch),
    GUINT64_TO_LE ((guint64) self->kind),
    GUINT64_TO_LE (self->first_sequence),
    GUINT64_TO_LE (self->n_events),
    GUINT64_TO_LE ((guint64) self->time_us),
    GUINT64_TO_LE (self->bytes != NULL ? g_bytes_get_size (self->bytes) : 0),
  };

  return syn_crc32c (syn_crc32c (bytes_sum, numbers, sizeof numbers), self->source, strlen (self->source) + 1);
}

const char *
syn_journal_record_find_fault (const SynJournalRecord *self)
{
  if (self->sequence == 0 || self->epoch == 0)
    return "it has no number or no epoch";
  if (self->kind < SYN_RECORD_CLAIM || self->kind > SYN_RECORD_LOST)
    return "its kind is unknown";
  if (self->kind != SYN_RECORD_BATCH && self->kind != SYN_RECORD_LOST)
    return self->source[0] != '\0' || self->n_events != 0 || self->first_sequence != 0 ? "it is no batch, but has events" : NULL;
  if (self->source[0] == '\0' || self->n_events == 0 || self->first_sequence == 0)
    return "it is a batch without source or events";
  if (self->kind == SYN_RECORD_LOST && self->bytes != NULL)
    return "its events are lost, and it has some";
  return NULL;
}

const char *
syn_record_kind_to_string (SynRecordKind kind)
{
  switch (kind)
    {
    case SYN_RECORD_CLAIM:
      return "claim";
    case SYN_RECORD_BATCH:
      return "batch";
    case SYN_RECORD_RELEASE:
      return "release";
    case SYN_RECORD_TICK:
      return "tick";
    case SYN_RECORD_LOST:
      return "loss";
    }
  return "unknown";
}
