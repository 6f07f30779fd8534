/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A writer (journal-writer.c) is killed at random points, over one folder; after each kill every append that it said was acknowledged is there,
 * the numbers have no gap, no record is half, events follow each other, and there is a whole checkpoint. The seed is the test's (--seed);
 * how far the process is then is the machine's. SYN_KILL_ROUNDS=N: so many rounds. */
#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "journal-fixture.h"

#define N_ROUNDS 20
#define ROUNDS_OF_A_FOLDER 25
#define N_PARTITIONS 3

typedef struct {
  guint64 epoch, first;
  guint n_events;
} Acknowledged;

/* What the writer makes of it. */
static gboolean
is_whole (const SynJournalRecord *record)
{
  gsize size, expected = 16 + (gsize) (record->first_sequence * 7919 % 6000);
  const char *bytes = g_bytes_get_data (record->bytes, &size);

  for (gsize i = 0; i < size; i++)
    if (bytes[i] != (char) ((record->first_sequence + i) * 31 >> 2))
      return FALSE;
  return size == expected;
}

/* The lines that it wrote before it was killed after @n_lines of them; what the kill cut off is none. */
static void
run_and_kill (const char *folder, guint n_lines, GHashTable *acknowledged)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "journal-writer", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) writer = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, program, folder, NULL);
  g_autoptr (GDataInputStream) lines = NULL;
  char *line;

  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (writer));
  for (guint i = 0; (line = g_data_input_stream_read_line (lines, NULL, NULL, &error)) != NULL; i++)
    {
      g_autofree char *owned = line;
      g_auto (GStrv) parts = g_strsplit (line, " ", -1);
      Acknowledged *last = g_new0 (Acknowledged, 1);

      if (i == n_lines)
        g_subprocess_send_signal (writer, SIGKILL);
      g_assert_cmpuint (g_strv_length (parts), ==, 5);
      last->epoch = g_ascii_strtoull (parts[1], NULL, 10);
      last->first = g_ascii_strtoull (parts[3], NULL, 10);
      last->n_events = (guint) g_ascii_strtoull (parts[4], NULL, 10);
      g_hash_table_insert (acknowledged, g_strdup_printf ("%s %s", parts[0], parts[2]), last);
    }
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait (writer, NULL, NULL));
  g_assert_true (g_subprocess_get_if_signaled (writer));
  g_assert_cmpint (g_subprocess_get_term_sig (writer), ==, SIGKILL);
}

static guint
check_partition (Journal *self, guint partition, GHashTable *acknowledged, guint64 *last)
{
  guint64 sequence = 1, next_event = 1, epoch = 0;
  guint n_found = 0;

  for (;;)
    {
      g_auto (Reply) read = journal_read (self, partition, sequence, 0, NULL, 0);

      g_assert_no_error (read.error);
      if (read.records->len == 0)
        break;
      for (guint i = 0; i < read.records->len; i++, sequence++)
        {
          const SynJournalRecord *record = read.records->pdata[i];
          g_autofree char *place = g_strdup_printf ("%u %" G_GUINT64_FORMAT, partition, sequence);
          const Acknowledged *told = g_hash_table_lookup (acknowledged, place);

          g_assert_cmpuint (record->sequence, ==, sequence);
          if (record->kind == SYN_RECORD_CLAIM)
            {
              g_assert_cmpuint (record->epoch, ==, epoch + 1);
              g_assert_null (told);
              epoch++;
              continue;
            }
          g_assert_cmpuint (record->epoch, ==, epoch);
          g_assert_cmpuint (record->first_sequence, ==, next_event);
          g_assert_true (is_whole (record));
          next_event += record->n_events;
          if (told == NULL)
            continue; /* committed, and not told any more */
          g_assert_cmpuint (told->epoch, ==, record->epoch);
          g_assert_cmpuint (told->first, ==, record->first_sequence);
          g_assert_cmpuint (told->n_events, ==, record->n_events);
          n_found++;
        }
    }
  *last = sequence - 1;
  return n_found;
}

static void
check (Journal *self, GHashTable *acknowledged)
{
  guint n_found = 0;

  journal_open (self, NULL);
  for (guint p = 0; p < N_PARTITIONS; p++)
    {
      guint64 last;
      g_auto (Reply) got = { 0 };

      n_found += check_partition (self, p, acknowledged, &last);
      got = journal_get (self, p, "state");
      g_assert_no_error (got.error);
      g_assert_null (got.note);
      if (got.bytes != NULL)
        {
          gsize size;
          const char *bytes = g_bytes_get_data (got.bytes, &size);

          g_assert_cmpuint (got.sequence, <=, last);
          g_assert_cmpuint (size, ==, 3 * SYN_MAX_CHECKPOINT_PIECE_BYTES);
          g_assert_cmpint (bytes[0], ==, (char) (got.sequence & 0xff));
          g_assert_cmpint (bytes[size - 1], ==, (char) (got.sequence & 0xff));
        }
    }
  g_assert_cmpuint (n_found, ==, g_hash_table_size (acknowledged)); /* each of them */
  g_assert_null (last_warning);
  journal_close (self);
}

static void
test_killed (Journal *self, gconstpointer data)
{
  const char *wanted = g_getenv ("SYN_KILL_ROUNDS");
  guint n_rounds = wanted != NULL ? (guint) g_ascii_strtoull (wanted, NULL, 10) : N_ROUNDS, n_acknowledged = 0;
  g_autoptr (GHashTable) acknowledged = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  journal_close (self);
  for (guint round = 0; round < n_rounds; round++)
    {
      if (round % ROUNDS_OF_A_FOLDER == 0)
        {
          n_acknowledged += g_hash_table_size (acknowledged);
          g_hash_table_remove_all (acknowledged);
          store_folder_remove (self->folder);
          g_free (self->path);
          self->folder = store_folder_new ();
          self->path = g_build_filename (self->folder, SYN_JOURNAL_FILE, NULL);
        }
      run_and_kill (self->folder, (guint) g_test_rand_int_range (1, round % 3 == 0 ? 10 : 400), acknowledged);
      check (self, acknowledged);
    }
  n_acknowledged += g_hash_table_size (acknowledged);
  g_test_message ("%u appends were acknowledged in %u lives; all are there", n_acknowledged, n_rounds);
  g_assert_cmpuint (n_acknowledged, >, 0);
  journal_open (self, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
  g_test_add ("/journal-kill/killed", Journal, NULL, journal_setup_sqlite, test_killed, journal_teardown);
  return g_test_run ();
}
