/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What checkpoints cost, and how long a start takes.
 *   - A projection of --rows rows and eight columns takes in batches of random keys while an image of it is made, a slice a turn: the longest slice, the longest
 *     batch beside those without an image, and what all slices cost, against a bare copy of as many bytes; then making bytes of it, and loading them.
 *   - Real lanes over a journal on the disk of --dir: from the start of the silo to the first answer of a projection of --keys keys, which has --events to be replayed; and
 *     once more with its checkpoint. The floor: the same records read, made batches and applied in one thread, by nobody's order.
 *
 *   recovery [--dir DIR] [--rows N] [--events N] [--keys N] [--rounds N] */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "bench-market.h"
#include "bench-silo.h"
#include "syn-event-codec.h"
#include "syn-limits.h"
#include "syn-projection.h"
#include "syn-silo-journal.h"
#include "syn-source.h"
#include "syn-sqlite-journal.h"
#include "syn-table-image.h"

#define BATCH_EVENTS 4096
#define MAX_WAITING 16

static gint n_rows = 1000000, n_events = 8000000, n_keys = 5000, n_rounds = 3;
static char *dir;

static const GOptionEntry entries[] = {
  { "dir", 0, 0, G_OPTION_ARG_FILENAME, &dir, "Where to make the files (the folder for temporary ones)", "DIR" },
  { "rows", 0, 0, G_OPTION_ARG_INT, &n_rows, "Rows of the projection whose checkpoint is made", "N" },
  { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Events to be replayed", "N" },
  { "keys", 0, 0, G_OPTION_ARG_INT, &n_keys, "Their keys", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { NULL }
};

static const char catalog_text[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"durable\":true,\"fields\":" BENCH_MARKET_FIELDS "}],"
    "\"projections\":[{\"name\":\"quotes\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{"
    "\"last\":\"last(price)\",\"high\":\"max(price)\",\"low\":\"min(price)\",\"open\":\"first(price)\",\"volume\":\"sum(size)\",\"n\":\"count()\","
    "\"mean\":\"mean(price)\",\"at\":\"last(time)\"}}]}";

static SynCatalog *catalog;
static const SynSourceSpec *source;
static const SynProjectionSpec *spec;

static SynEventBatch *
make_batch (GRand *rand, guint n, guint first_key, guint keys, guint64 first)
{
  SynEventBatch *batch = bench_market_batch (source, rand, n, first_key, keys, first);

  syn_event_batch_set_epoch (batch, SYN_DURABLE_EPOCH);
  return batch;
}

/* ---- one table ---- */

static void
bench_image (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (SynTable) table = syn_table_new (spec, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
  g_autoptr (BenchSeries) copy = bench_series_new ("all slices"), bare = bench_series_new ("memcpy"), saving = bench_series_new ("bytes");
  g_autoptr (BenchSeries) loading = bench_series_new ("load"), apply_plain = bench_series_new ("batch"), apply_image = bench_series_new ("batch, image");
  double longest_slice = 0, longest_batch = 0, longest_plain = 0, longest_begin = 0;
  SynTableCounts counts = { 0 };
  guint64 next = 1;
  gsize size = 0;
  guint n_slices = 0;

  for (guint row = 0; row < (guint) n_rows; row += BATCH_EVENTS)
    {
      g_autoptr (SynEventBatch) batch = make_batch (rand, MIN (BATCH_EVENTS, (guint) n_rows - row), row, 0, next);

      next += syn_event_batch_get_n_events (batch);
      syn_table_apply (table, batch, &counts);
    }
  for (int round = 0; round <= n_rounds; round++)
    {
      g_autoptr (SynTable) loaded = syn_table_new (spec, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
      g_autoptr (SynTableImage) image = NULL;
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GError) error = NULL;
      double start = bench_own_cpu_us (), total, end;
      gboolean complete = FALSE;
      g_autofree char *to = NULL;

      image = syn_table_image_new (table);
      total = bench_own_cpu_us () - start;
      if (round > 0)
        longest_begin = MAX (longest_begin, total);
      n_slices = 0;
      while (!complete)
        {
          g_autoptr (SynEventBatch) batch = make_batch (rand, BATCH_EVENTS, 0, (guint) n_rows, next);

          next += syn_event_batch_get_n_events (batch);
          start = bench_own_cpu_us ();
          complete = syn_table_image_step (image, SYN_CHECKPOINT_SLICE_BYTES);
          end = bench_own_cpu_us ();
          total += end - start;
          n_slices++;
          if (round > 0)
            longest_slice = MAX (longest_slice, end - start);
          start = bench_own_cpu_us ();
          syn_table_apply (table, batch, &counts);
          end = bench_own_cpu_us ();
          if (round == 0)
            continue;
          longest_batch = MAX (longest_batch, end - start);
          bench_series_add (apply_image, end - start);
        }
      for (guint i = 0; i < n_slices; i++)
        {
          g_autoptr (SynEventBatch) batch = make_batch (rand, BATCH_EVENTS, 0, (guint) n_rows, next);

          next += syn_event_batch_get_n_events (batch);
          start = bench_own_cpu_us ();
          syn_table_apply (table, batch, &counts);
          end = bench_own_cpu_us ();
          if (round == 0)
            continue;
          longest_plain = MAX (longest_plain, end - start);
          bench_series_add (apply_plain, end - start);
        }
      start = bench_own_cpu_us ();
      bytes = syn_table_image_save (image, &error);
      end = bench_own_cpu_us ();
      g_assert_no_error (error);
      size = g_bytes_get_size (bytes);
      if (round > 0)
        {
          bench_series_add (copy, total);
          bench_series_add (saving, end - start);
        }
      start = bench_own_cpu_us ();
      to = g_malloc (size);
      memcpy (to, g_bytes_get_data (bytes, NULL), size);
      __asm__ volatile ("" : : "r"(to) : "memory");
      end = bench_own_cpu_us ();
      if (round > 0)
        bench_series_add (bare, end - start);
      start = bench_own_cpu_us ();
      syn_table_load (loaded, bytes, &error);
      end = bench_own_cpu_us ();
      g_assert_no_error (error);
      if (round > 0)
        bench_series_add (loading, end - start);
    }
  printf ("a table of %d rows and 8 columns: %.1f MB as bytes, %u slices\n", n_rows, (double) size / 1e6, n_slices);
  bench_report ("copied in slices, with batches between", copy, bare, "us");
  bench_report ("made bytes", saving, bare, "us");
  bench_report ("loaded", loading, bare, "us");
  bench_report ("a batch of 4096 meanwhile", apply_image, apply_plain, "us");
  printf ("%-34s begin %.0f us, slice %.0f us, batch meanwhile %.0f us, batch otherwise %.0f us\n", "longest turns", longest_begin, longest_slice, longest_batch,
          longest_plain);
  printf ("%-34s copy %.0f MB/s, bytes %.0f MB/s, load %.0f MB/s, %.1f M rows/s\n", "", (double) size / bench_series_median (copy),
          (double) size / bench_series_median (saving), (double) size / bench_series_median (loading), n_rows / bench_series_median (loading));
}

/* ---- a silo that starts ---- */

typedef struct {
  char *folder;
  SynJournal *journal;
  SynSilo *silo;
  SynJournalLog *log;
  guint n_waiting;
  gboolean done;
  guint64 frontier;
} Bench;

static void
answered (SynJournalRequest *answer, gpointer user_data)
{
  Bench *self = user_data;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  self->n_waiting--;
}

static void
wait_for (Bench *self, guint n_left)
{
  while (self->n_waiting > n_left)
    g_main_context_iteration (NULL, TRUE);
}

static void
open_journal (Bench *self)
{
  g_autoptr (GError) error = NULL;

  self->journal = syn_sqlite_journal_new (&(SynSqliteJournalOptions) { .folder = self->folder }, &error);
  g_assert_no_error (error);
}

static void
start_silo (Bench *self, gboolean with_grains)
{
  g_autoptr (GError) error = NULL;

  self->silo = syn_silo_new (&(SynSiloOptions) { .n_lanes = 2 }, &error);
  g_assert_no_error (error);
  open_journal (self);
  syn_silo_set_journal (self->silo, self->journal, TRUE); /* closed with it */
  if (with_grains)
    {
      syn_projections_register (self->silo, catalog);
      syn_sources_register (self->silo, catalog);
    }
  syn_silo_start (self->silo, NULL, &error);
  g_assert_no_error (error);
}

static void
drained (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

static void
stop_silo (Bench *self)
{
  gboolean done = FALSE;

  syn_silo_drain (self->silo, drained, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  g_clear_pointer (&self->silo, syn_silo_free);
}

static void
fill (Bench *self)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  SynLane *lane;

  start_silo (self, FALSE);
  lane = syn_silo_get_front_lane (self->silo);
  self->log = syn_journal_get_log (self->journal, lane, syn_partition_of (SYN_SOURCE_GRAIN, source->name));
  self->n_waiting = 1;
  syn_journal_log_claim (self->log, answered, self);
  wait_for (self, 0);
  for (guint64 next = 1; next <= (guint64) n_events; next += BATCH_EVENTS)
    {
      g_autoptr (SynEventBatch) batch = make_batch (rand, BATCH_EVENTS, 0, (guint) n_keys, next);
      g_autoptr (GBytes) bytes = syn_event_codec_encode (batch, NULL);
      const SynJournalHead head = { next, BATCH_EVENTS, g_get_real_time () };

      wait_for (self, MAX_WAITING - 1);
      self->n_waiting++;
      syn_journal_log_append (self->log, source->name, &head, bytes, answered, self);
    }
  wait_for (self, 0);
  stop_silo (self);
}

static void
polled (gpointer payload, const GError *error, gpointer user_data)
{
  Bench *self = user_data;

  self->n_waiting--;
  if (error != NULL)
    return;
  self->done = TRUE;
  replica_snapshot_get_frontier (payload, 0, &self->frontier);
  replica_snapshot_unref (payload);
}

/* From nothing to an answer. */
static double
run_start (Bench *self, gboolean keep_checkpoint)
{
  double start = bench_now_us (), end;

  start_silo (self, TRUE);
  for (self->done = FALSE; !self->done;)
    {
      SynCall call = { .type = SYN_PROJECTION_GRAIN, .key = "quotes", .method = SYN_POLL_METHOD, .payload = g_new0 (SynPoll, 1), .payload_free = g_free,
                       .reply = polled, .user_data = self };

      self->n_waiting = 1;
      syn_call (syn_silo_get_front_lane (self->silo), &call);
      wait_for (self, 0);
      if (!self->done)
        g_usleep (500);
    }
  end = bench_now_us ();
  if (self->frontier < (guint64) n_events)
    g_error ("the frontier is %" G_GUINT64_FORMAT, self->frontier);
  stop_silo (self);
  if (!keep_checkpoint)
    {
      SynJournalRequest *request;

      start_silo (self, FALSE);
      request = syn_journal_request_new (syn_silo_get_front_lane (self->silo), SYN_JOURNAL_DROP_CHECKPOINT, syn_partition_of (SYN_PROJECTION_GRAIN, "quotes"),
                                         answered, self);
      request->name = g_strdup (SYN_PROJECTION_GRAIN "/quotes");
      self->n_waiting = 1;
      syn_journal_submit (self->journal, request);
      wait_for (self, 0);
      stop_silo (self);
    }
  return end - start;
}

typedef struct {
  Bench *bench;
  SynTable *table;
  gboolean reading;
} Floor;

static void
was_read (SynJournalRequest *answer, gpointer user_data)
{
  Floor *self = user_data;
  SynTableCounts counts = { 0 };

  g_assert_no_error (answer->error);
  for (guint i = 0; i < answer->records->len; i++)
    {
      const SynJournalRecord *record = answer->records->pdata[i];
      g_autoptr (SynEventBatch) batch = syn_event_codec_decode (source, record->bytes, NULL);

      syn_event_batch_set_epoch (batch, SYN_DURABLE_EPOCH);
      syn_table_apply (self->table, batch, &counts);
    }
  self->reading = answer->records->len > 0;
  if (self->reading)
    syn_journal_submit (self->bench->journal, syn_journal_request_new_read (answer->lane, answer->partition, answer->next, 0, source->name, was_read, self));
}

static double
run_floor (Bench *self)
{
  g_autoptr (SynTable) table = syn_table_new (spec, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
  Floor floor = { self, table, TRUE };
  double start = bench_now_us (), end;

  start_silo (self, FALSE);
  syn_journal_submit (self->journal, syn_journal_request_new_read (syn_silo_get_front_lane (self->silo), syn_partition_of (SYN_SOURCE_GRAIN, source->name), 1,
                                                                  0, source->name, was_read, &floor));
  while (floor.reading)
    g_main_context_iteration (NULL, TRUE);
  end = bench_now_us ();
  stop_silo (self);
  return end - start;
}

static void
bench_start (Bench *self)
{
  g_autoptr (BenchSeries) replay = bench_series_new ("start"), floor = bench_series_new ("one thread"), checkpoint = bench_series_new ("with checkpoint");

  fill (self);
  for (int round = 0; round < n_rounds; round++)
    {
      bench_series_add (replay, run_start (self, FALSE) / n_events * 1e3);
      bench_series_add (floor, run_floor (self) / n_events * 1e3);
    }
  run_start (self, TRUE);
  for (int round = 0; round < n_rounds; round++)
    bench_series_add (checkpoint, run_start (self, TRUE) / 1e3);
  bench_report ("a start that replays", replay, floor, "ns/event");
  printf ("%-34s %.1f M events/s of %.1f M events\n", "", 1e3 / bench_series_median (replay), n_events / 1e6);
  printf ("%-34s %.1f ms\n", "a start from a checkpoint", bench_series_median (checkpoint));
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  Bench self = { 0 };

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1 || n_rows < 1 || n_events < 1 || n_keys < 1 || n_rounds < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: recovery [OPTION]");
      return 2;
    }
  catalog = bench_catalog_new (catalog_text);
  source = syn_catalog_get_source (catalog, 0);
  spec = syn_catalog_get_projection (catalog, 0);
  self.folder = bench_folder_new (dir);
  bench_image ();
  bench_start (&self);
  bench_folder_remove (self.folder);
  g_free (self.folder);
  syn_catalog_unref (catalog);
  return 0;
}
