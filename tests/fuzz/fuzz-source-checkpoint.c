/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as the checkpoint of a durable source, as of record RECORD (what names its version is put right): refused, and nothing of it is kept;
 * or it is saved as it was read, a pass begins where it may, and producers are judged by what they were told. */

#include <stdint.h>
#include <string.h>

#include "syn-source-durable-private.h"

#define RECORD 100000
#define MAGIC_BYTES 8

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct {
  SynDurable durable;
  SynSource source;
} Loaded;

static void
loaded_init (Loaded *self)
{
  memset (self, 0, sizeof *self);
  self->durable.marks = g_array_new (FALSE, FALSE, sizeof (SynMark));
  self->durable.mark_events = 1;
  self->durable.first = 1;
  self->source.durable = &self->durable;
  self->source.producers = syn_producers_new ();
}

static void
loaded_clear (Loaded *self)
{
  g_array_unref (self->durable.marks);
  syn_producers_free (self->source.producers);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Loaded, loaded_clear)

static gboolean
load (Loaded *self, GBytes *bytes)
{
  SynJournalRequest answer = { .verb = SYN_JOURNAL_GET_CHECKPOINT, .sequence = RECORD, .bytes = bytes };

  return syn_source_checkpoint_load (&self->source, &answer);
}

static void
use (Loaded *self)
{
  const guint64 sequence = self->source.sequence;
  guint64 before = 0;
  SynAcknowledgement ack;

  for (guint i = 0; i <= 16; i++)
    {
      guint64 record = syn_source_checkpoint_find_record (&self->durable, sequence / 16 * i);

      g_assert_cmpuint (record, >=, MAX (before, 1));
      g_assert_cmpuint (record, <=, RECORD);
      before = record;
    }
  for (guint64 number = 1; number < 4; number++)
    switch (syn_producers_judge (self->source.producers, "p", number, &ack))
      {
      case SYN_REQUEST_KNOWN:
        g_assert_cmpuint (ack.number, ==, number);
        break;
      case SYN_REQUEST_PENDING: /* nothing is on its way */
        g_assert_not_reached ();
      default:
        break;
      }
  if (sequence <= G_MAXINT64)
    syn_source_checkpoint_add_mark (&self->durable, sequence + 1, RECORD + 1);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (Loaded) first = { 0 }, second = { 0 };
  g_autoptr (GBytes) empty = NULL, bytes = NULL, saved = NULL, again = NULL;
  g_autofree uint8_t *copy = size > 0 ? g_memdup2 (data, size) : NULL;

  loaded_init (&first);
  loaded_init (&second);
  empty = syn_source_checkpoint_save (&first.source);
  if (size > MAGIC_BYTES)
    memcpy (copy, g_bytes_get_data (empty, NULL), MAGIC_BYTES);
  bytes = g_bytes_new_take (g_steal_pointer (&copy), size);
  if (!load (&first, bytes))
    {
      saved = syn_source_checkpoint_save (&first.source);
      g_assert_true (g_bytes_equal (saved, empty));
      return 0;
    }
  saved = syn_source_checkpoint_save (&first.source);
  g_assert_true (g_bytes_equal (saved, bytes));
  g_assert_true (load (&second, saved));
  again = syn_source_checkpoint_save (&second.source);
  g_assert_true (g_bytes_equal (saved, again));
  use (&first);
  return 0;
}
