/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The embedded journal, in process, with its threads, on the disk of --dir:
 *   - the bytes of a batch: made, and read back as a batch, beside a bare copy of them;
 *   - appends of whole batches, several out at a time, against the same bytes appended to a plain file with one fdatasync for as many as the
 *     journal committed together;
 *   - one small append after another, from the lane and back, against one write and fdatasync of a plain file;
 *   - a replay: records read and made batches again.
 * Ours and the floor in turns.
 *
 *   journal [--dir DIR] [--events N] [--small N] [--rounds N] [--waiting N] */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench-market.h"
#include "bench-silo.h"
#include "syn-event-codec.h"
#include "syn-event-reader.h"
#include "syn-silo.h"
#include "syn-sqlite-journal.h"

static gint n_events = 1000000, n_small = 200, n_rounds = 7, n_waiting_max = 16;
static char *dir;

static const GOptionEntry entries[] = {
  { "dir", 0, 0, G_OPTION_ARG_FILENAME, &dir, "Where to make the files (the folder for temporary ones)", "DIR" },
  { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Events of one round", "N" },
  { "small", 0, 0, G_OPTION_ARG_INT, &n_small, "Small appends of one round", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { "waiting", 0, 0, G_OPTION_ARG_INT, &n_waiting_max, "Appends that are out at the same time", "N" },
  { NULL }
};

static const char catalog_text[] =
  "{ \"sources\": [ { \"name\": \"trades\", \"kind\": \"http\", \"fields\": " BENCH_MARKET_FIELDS " } ], \"projections\": [] }";

typedef struct {
  SynCatalog *catalog;
  const SynSourceSpec *source;
  GMainContext *context;
  SynSilo *silo;
  SynJournal *journal;
  SynJournalLog *log;
  char *folder;
  int floor_fd;
  /* of a run */
  guint n_waiting;
  guint64 next_event, n_read;
  gboolean reading;
} Bench;

static SynEventBatch *
make_batch (Bench *self, guint n)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  return bench_market_batch (self->source, rand, n, 0, 5000, 1);
}

static void
iterate_until_answered (Bench *self, guint n_left)
{
  while (self->n_waiting > n_left)
    g_main_context_iteration (self->context, TRUE);
}

/* ---- the bytes of a batch ---- */

static void
bench_codec (Bench *self, guint size)
{
  g_autoptr (SynEventBatch) batch = make_batch (self, size);
  g_autoptr (GBytes) bytes = syn_event_codec_encode (batch, NULL);
  g_autoptr (BenchSeries) encode = bench_series_new ("encode"), decode = bench_series_new ("decode"), copy = bench_series_new ("memcpy");
  g_autofree char *title = g_strdup_printf ("%u events of 5 fields, %.1f bytes each", size, (double) g_bytes_get_size (bytes) / size);
  g_autofree char *to = g_malloc (g_bytes_get_size (bytes));
  guint n = MAX (1, (guint) n_events / size);

  for (int round = 0; round <= n_rounds; round++)
    {
      double start = bench_own_cpu_us (), encoded, decoded, copied;

      for (guint i = 0; i < n; i++)
        g_bytes_unref (syn_event_codec_encode (batch, NULL));
      encoded = bench_own_cpu_us ();
      for (guint i = 0; i < n; i++)
        syn_event_batch_unref (syn_event_codec_decode (self->source, bytes, NULL));
      decoded = bench_own_cpu_us ();
      for (guint i = 0; i < n; i++)
        {
          memcpy (to, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
          __asm__ volatile ("" : : "r"(to) : "memory");
        }
      copied = bench_own_cpu_us ();
      if (round == 0)
        continue; /* warms up */
      bench_series_add (encode, (encoded - start) * 1e3 / n / size);
      bench_series_add (decode, (decoded - encoded) * 1e3 / n / size);
      bench_series_add (copy, (copied - decoded) * 1e3 / n / size);
    }
  bench_report (title, encode, copy, "ns/event");
  bench_report (title, decode, copy, "ns/event");
}

/* ---- appends ---- */

static void
appended (SynJournalRequest *answer, gpointer user_data)
{
  Bench *self = user_data;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  self->n_waiting--;
}

static void
append (Bench *self, guint size, GBytes *bytes)
{
  const SynJournalHead head = { self->next_event, size, g_get_real_time () };

  self->next_event += size;
  self->n_waiting++;
  syn_journal_log_append (self->log, self->source->name, &head, bytes, appended, self);
}

static void
take_status (SynJournalRequest *answer, gpointer user_data)
{
  *(SynJournalStatus **) user_data = g_steal_pointer (&answer->status);
}

static guint64
count_commits (Bench *self)
{
  SynJournalStatus *status = NULL;
  guint64 n_commits;

  syn_journal_submit (self->journal, syn_journal_request_new (syn_silo_get_front_lane (self->silo), SYN_JOURNAL_STATUS, 0, take_status, &status));
  while (status == NULL)
    g_main_context_iteration (self->context, TRUE);
  n_commits = status->n_commits;
  syn_journal_status_free (status);
  return n_commits;
}

static void
floor_write (Bench *self, GBytes *bytes, gboolean flush)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);

  for (gsize at = 0; at < size;)
    {
      gssize n = write (self->floor_fd, data + at, size - at);

      if (n < 0 && errno != EINTR)
        g_error ("cannot write: %s", g_strerror (errno));
      at += n > 0 ? (gsize) n : 0;
    }
  if (flush && fdatasync (self->floor_fd) != 0)
    g_error ("cannot flush: %s", g_strerror (errno));
}

static void
bench_appends (Bench *self, guint size)
{
  g_autoptr (SynEventBatch) batch = make_batch (self, size);
  g_autoptr (GBytes) bytes = syn_event_codec_encode (batch, NULL);
  g_autoptr (BenchSeries) ours = bench_series_new ("journal"), plain = bench_series_new ("write, fdatasync");
  g_autoptr (BenchSeries) ours_cpu = bench_series_new ("journal, CPU"), plain_cpu = bench_series_new ("write, CPU");
  g_autofree char *title = NULL;
  guint n = MAX (2, (guint) n_events / size);
  double group = 1;

  for (int round = 0; round <= n_rounds; round++)
    {
      guint64 commits = count_commits (self);
      double start = bench_now_us (), cpu = bench_process_cpu_us (getpid ()), wrote, wrote_cpu, end;

      for (guint i = 0; i < n; i++)
        {
          iterate_until_answered (self, (guint) n_waiting_max - 1);
          append (self, size, bytes);
        }
      iterate_until_answered (self, 0);
      wrote = bench_now_us ();
      wrote_cpu = bench_process_cpu_us (getpid ());
      group = (double) n / (double) MAX (1, count_commits (self) - commits);
      end = bench_now_us ();
      for (guint i = 0, last = 0; i < n; i++)
        {
          gboolean flush = (guint) ((i + 1) / group) > last || i + 1 == n;

          last = (guint) ((i + 1) / group);
          floor_write (self, bytes, flush);
        }
      if (round == 0)
        continue;
      bench_series_add (ours, (wrote - start) * 1e3 / n / size);
      bench_series_add (plain, (bench_now_us () - end) * 1e3 / n / size);
      bench_series_add (ours_cpu, (wrote_cpu - cpu) * 1e3 / n / size);
      bench_series_add (plain_cpu, (bench_process_cpu_us (getpid ()) - wrote_cpu) * 1e3 / n / size);
    }
  title = g_strdup_printf ("appends of %u events, %.1f a flush", size, group);
  bench_report (title, ours, plain, "ns/event");
  bench_report (title, ours_cpu, plain_cpu, "ns/event");
  printf ("%-34s %.1f M events/s\n", "", 1e3 / bench_series_median (ours));
}

/* ---- latency ---- */

static void
bench_small (Bench *self)
{
  g_autoptr (SynEventBatch) batch = make_batch (self, 1);
  g_autoptr (GBytes) bytes = syn_event_codec_encode (batch, NULL);
  g_autoptr (BenchSeries) ours = bench_series_new ("journal"), plain = bench_series_new ("write, fdatasync");
  double ours_p99, plain_p99;

  for (guint i = 0; i < (guint) n_small * (guint) n_rounds; i++)
    {
      double start = bench_now_us (), middle;

      append (self, 1, bytes);
      iterate_until_answered (self, 0);
      middle = bench_now_us ();
      floor_write (self, bytes, TRUE);
      bench_series_add (ours, middle - start);
      bench_series_add (plain, bench_now_us () - middle);
    }
  ours_p99 = bench_series_quantile (ours, 0.99);
  plain_p99 = bench_series_quantile (plain, 0.99);
  bench_report ("one small append", ours, plain, "us");
  printf ("%-34s p99 %.0f us, of a fdatasync %.0f us, ratio %.2f\n", "", ours_p99, plain_p99, ours_p99 / plain_p99);
}

/* ---- replay ---- */

static void
was_read (SynJournalRequest *answer, gpointer user_data)
{
  Bench *self = user_data;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  for (guint i = 0; i < answer->records->len; i++)
    {
      const SynJournalRecord *record = answer->records->pdata[i];
      g_autoptr (GError) error = NULL;
      g_autoptr (SynEventBatch) batch = syn_event_codec_decode (self->source, record->bytes, &error);

      if (batch == NULL)
        g_error ("%s", error->message);
      self->n_read += syn_event_batch_get_n_events (batch);
    }
  self->reading = answer->records->len > 0;
  if (self->reading)
    syn_journal_submit (self->journal, syn_journal_request_new_read (answer->lane, answer->partition, answer->next, 0, self->source->name, was_read, self));
}

static void
bench_replay (Bench *self)
{
  g_autoptr (BenchSeries) ours = bench_series_new ("replay"), copy = bench_series_new ("read");
  g_autofree char *path = g_build_filename (self->folder, "floor", NULL);

  for (int round = 0; round < n_rounds; round++)
    {
      double start = bench_now_us (), end;
      g_autofree char *bytes = NULL;
      gsize size;

      self->n_read = 0;
      self->reading = TRUE;
      syn_journal_submit (self->journal, syn_journal_request_new_read (syn_silo_get_front_lane (self->silo), 0, 1, 0, self->source->name, was_read, self));
      while (self->reading)
        g_main_context_iteration (self->context, TRUE);
      end = bench_now_us ();
      if (self->n_read != self->next_event - 1)
        g_error ("%" G_GUINT64_FORMAT " events were read, and %" G_GUINT64_FORMAT " appended", self->n_read, self->next_event - 1);
      if (!g_file_get_contents (path, &bytes, &size, NULL))
        g_error ("cannot read %s", path);
      bench_series_add (ours, (end - start) * 1e3 / (double) self->n_read);
      bench_series_add (copy, (bench_now_us () - end) * 1e3 / (double) self->n_read);
    }
  bench_report ("replay: read, check, decode", ours, copy, "ns/event");
  printf ("%-34s %.1f M events/s of %.1f M events\n", "", 1e3 / bench_series_median (ours), (double) self->n_read / 1e6);
}

/* ---- life ---- */

static void
begin (Bench *self, GError **error)
{
  g_autofree char *floor = NULL;
  const SynSiloOptions silo_options = { .n_lanes = 1 };

  self->catalog = bench_catalog_new (catalog_text);
  self->source = syn_catalog_get_source (self->catalog, 0);
  self->folder = bench_folder_new (dir);
  floor = g_build_filename (self->folder, "floor", NULL);
  self->floor_fd = open (floor, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  self->context = g_main_context_default ();
  self->silo = syn_silo_new (&silo_options, error);
  self->journal = self->silo != NULL ? syn_sqlite_journal_new (&(SynSqliteJournalOptions){ .folder = self->folder }, error) : NULL;
  if (self->journal == NULL || !syn_silo_start (self->silo, self->context, error))
    return;
  self->log = syn_journal_get_log (self->journal, syn_silo_get_front_lane (self->silo), 0);
  self->next_event = 1;
  self->n_waiting = 1;
  syn_journal_log_claim (self->log, appended, self);
  iterate_until_answered (self, 0);
}

static void
end (Bench *self)
{
  syn_journal_close (self->journal);
  syn_silo_free (self->silo);
  syn_journal_free (self->journal);
  close (self->floor_fd);
  bench_folder_remove (self->folder);
  g_free (self->folder);
  syn_catalog_unref (self->catalog);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  Bench self = { 0 };

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1 || n_events < 1 || n_small < 1 || n_rounds < 1 || n_waiting_max < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: journal [OPTION]");
      return 2;
    }
  begin (&self, &error);
  g_assert_no_error (error);
  bench_codec (&self, 512);
  bench_codec (&self, 4096);
  bench_appends (&self, 512);
  bench_appends (&self, 4096);
  bench_replay (&self);
  bench_small (&self);
  end (&self);
  return 0;
}
