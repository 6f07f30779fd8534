/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that appends to the journal from several lanes until it is killed: `journal-writer FOLDER`. For each append that was acknowledged it
 * says "PARTITION EPOCH SEQUENCE FIRST N" on standard output, in one write(2): what is said was acknowledged, also when the kill comes next.
 * Meanwhile checkpoints are written, of some pieces. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "syn-limits.h"
#include "syn-silo.h"
#include "syn-sqlite-journal.h"

#define N_LANES 3
#define N_WAITING 6        /* appends of each partition that are out */
#define CHECKPOINT_EVERY 50

static SynJournal *journal;

typedef struct {
  SynJournalLog *log;
  SynLane *lane;
  guint partition;
  guint64 next_event;
} Writer;

static void write_next (Writer *self);

/* Of different sizes, told from the first event: the test knows what they must be. */
static GBytes *
make_bytes (guint64 first)
{
  gsize size = 16 + (gsize) (first * 7919 % 6000);
  char *bytes = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    bytes[i] = (char) ((first + i) * 31 >> 2);
  return g_bytes_new_take (bytes, size);
}

static void
put_checkpoint (Writer *self, guint64 epoch, guint64 sequence)
{
  gsize size = 3 * SYN_MAX_CHECKPOINT_PIECE_BYTES;
  char *bytes = g_malloc (size);
  g_autoptr (GBytes) all = NULL;

  memset (bytes, (int) (sequence & 0xff), size);
  all = g_bytes_new_take (bytes, size);
  syn_journal_submit (journal,
                      syn_journal_request_new_checkpoint (self->lane, self->partition, "state", epoch, sequence, all, NULL, NULL));
}

static void
appended (SynJournalRequest *answer, gpointer user_data)
{
  Writer *self = user_data;
  char line[128];
  int length;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  length = g_snprintf (line, sizeof line,
                       "%u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %u\n", self->partition, answer->epoch,
                       answer->sequence, answer->record.first_sequence, answer->record.n_events);
  if (write (STDOUT_FILENO, line, (size_t) length) != length)
    _exit (1);
  if (answer->sequence % CHECKPOINT_EVERY == 0)
    put_checkpoint (self, answer->epoch, answer->sequence);
  write_next (self);
}

static void
write_next (Writer *self)
{
  const SynJournalHead head = { self->next_event, 1 + (guint) (self->next_event % 5), syn_lane_real_us (self->lane) };
  g_autoptr (GBytes) bytes = make_bytes (head.first_sequence);

  self->next_event += head.n_events;
  syn_journal_log_append (self->log, "events", &head, bytes, appended, self);
}

static void
was_read (SynJournalRequest *answer, gpointer user_data)
{
  Writer *self = user_data;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  for (guint i = 0; i < answer->records->len; i++)
    {
      const SynJournalRecord *record = answer->records->pdata[i];

      self->next_event = record->first_sequence + record->n_events;
    }
  if (answer->next <= answer->upto)
    {
      syn_journal_submit (journal, syn_journal_request_new_read (self->lane, self->partition, answer->next, answer->upto, "events", was_read, self));
      return;
    }
  for (guint i = 0; i < N_WAITING; i++)
    write_next (self);
}

static void
claimed (SynJournalRequest *answer, gpointer user_data)
{
  Writer *self = user_data;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  syn_journal_submit (journal, syn_journal_request_new_read (self->lane, self->partition, 1, answer->sequence, "events", was_read, self));
}

static void
run_start (SynLane *lane, SynParcel *parcel)
{
  Writer *self = g_new0 (Writer, 1);

  g_free (parcel);
  self->lane = lane;
  self->partition = syn_lane_get_index (lane);
  self->next_event = 1;
  self->log = syn_journal_get_log (journal, lane, self->partition);
  syn_journal_log_claim (self->log, claimed, self);
}

int
main (int argc, char **argv)
{
  SynSiloOptions options = { .n_lanes = N_LANES, .data_dir = argv[1] };
  g_autoptr (GError) error = NULL;
  SynSilo *silo = syn_silo_new (&options, &error);

  journal = silo != NULL ? syn_sqlite_journal_new (&(SynSqliteJournalOptions){ .folder = argv[1] }, &error) : NULL;
  if (journal == NULL || !syn_silo_start (silo, NULL, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < N_LANES; i++)
    {
      SynParcel *parcel = g_new0 (SynParcel, 1);

      parcel->run = run_start;
      syn_lane_post (syn_silo_get_lane (silo, i), parcel);
    }
  for (;;)
    pause ();
}
