/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A writer (store-writer.c) is killed at random points, over one folder; after each kill every write that it said was acknowledged is there,
 * with its ETag, or a later one. And a silo with real threads that ends in order loses nothing either. The seed is the test's
 * (--seed), so the points are; how far the process is then is the machine's. */
#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "store-fixture.h"

#define N_ROUNDS 12

typedef struct {
  guint64 value, etag;
} Acknowledged;

/* The lines that it wrote before it was killed after @n_lines of them; the last may be cut off. */
static void
run_and_kill (const char *folder, guint n_lines, GHashTable *acknowledged, guint *n_acknowledged)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "store-writer", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) writer
    = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, program, folder, NULL);
  g_autoptr (GDataInputStream) lines = NULL;
  char *line;

  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (writer));
  for (guint i = 0; (line = g_data_input_stream_read_line (lines, NULL, NULL, &error)) != NULL; i++)
    {
      g_autofree char *owned = line;
      g_auto (GStrv) parts = g_strsplit (line, " ", -1);
      Acknowledged *last;

      if (i == n_lines)
        g_subprocess_send_signal (writer, SIGKILL);
      g_assert_cmpuint (g_strv_length (parts), ==, 3);
      last = g_new0 (Acknowledged, 1);
      last->value = g_ascii_strtoull (parts[1], NULL, 10);
      last->etag = g_ascii_strtoull (parts[2], NULL, 10);
      g_hash_table_replace (acknowledged, g_strdup (parts[0]), last);
      *n_acknowledged += 1;
    }
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait (writer, NULL, NULL));
  g_assert_true (g_subprocess_get_if_signaled (writer));
  g_assert_cmpint (g_subprocess_get_term_sig (writer), ==, SIGKILL);
}

static void
check (const char *folder, GHashTable *acknowledged)
{
  g_autoptr (GError) error = NULL;
  SynStore *store = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = folder, .stepped = TRUE }, &error);
  g_autoptr (SynSilo) silo = NULL;
  GHashTableIter iter;
  gpointer key, value;

  g_assert_no_error (error);
  silo = store_silo_new (store);
  g_hash_table_iter_init (&iter, acknowledged);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      Acknowledged *last = value;
      g_auto (Answer) answer = store_read (silo, key, "n");
      guint64 there;

      g_assert_no_error (answer.error);
      g_assert_nonnull (answer.text);
      there = g_ascii_strtoull (answer.text, NULL, 10);
      /* The one after it may have been committed without being told. */
      if (there == last->value)
        g_assert_cmpuint (answer.etag, ==, last->etag);
      else
        {
          g_assert_cmpuint (there, ==, last->value + 1);
          g_assert_cmpuint (answer.etag, >, last->etag);
        }
      *last = (Acknowledged){ there, answer.etag }; /* what was read once stays as well */
    }
}

static void
test_killed (void)
{
  char *folder = store_folder_new ();
  g_autoptr (GHashTable) acknowledged = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  guint n_acknowledged = 0;

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      run_and_kill (folder, (guint) g_test_rand_int_range (1, round % 3 == 0 ? 10 : 2000), acknowledged, &n_acknowledged);
      check (folder, acknowledged);
    }
  g_test_message ("%u writes were acknowledged in %d lives; all are there", n_acknowledged, N_ROUNDS);
  g_assert_cmpuint (g_hash_table_size (acknowledged), >, 0);
  store_folder_remove (folder);
}

/* ---- real threads, and an orderly end ---- */

typedef struct {
  gint n_written; /* atomic */
  gint n_asked;
} Count;

static void
count_written (SynStoreRequest *answer, gpointer user_data)
{
  g_assert_no_error (answer->error);
  __atomic_add_fetch (&((Count *) user_data)->n_written, 1, __ATOMIC_SEQ_CST);
}

typedef struct {
  SynParcel parcel;
  Count *count;
  guint first, n;
} Burst;

static void
run_burst (SynLane *lane, SynParcel *parcel)
{
  Burst *burst = (Burst *) parcel;

  for (guint i = 0; i < burst->n; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", burst->first + i);
      SynStoreRequest *request = syn_store_request_new (lane, SYN_STORE_WRITE, "t", key, "n", count_written, burst->count);

      request->bytes = g_bytes_new (key, strlen (key));
      syn_store_submit (syn_silo_get_store (syn_lane_get_silo (lane)), request);
    }
  g_free (burst);
}

static void
test_threads (void)
{
  enum { N_BURSTS = 40, N_IN_BURST = 50 };
  char *folder = store_folder_new ();
  g_autoptr (GError) error = NULL;
  SynSiloOptions options = { .n_lanes = 4, .data_dir = folder };
  SynSilo *silo = syn_silo_new (&options, &error);
  Count count = { 0 };
  guint64 n_commits;

  g_assert_no_error (error);
  syn_silo_set_store (silo, syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = folder }, &error));
  g_assert_no_error (error);
  g_assert_true (syn_silo_start (silo, NULL, &error));
  for (guint i = 0; i < N_BURSTS; i++)
    {
      Burst *burst = g_new0 (Burst, 1);

      burst->parcel.run = run_burst;
      burst->count = &count;
      burst->first = i * N_IN_BURST;
      burst->n = N_IN_BURST;
      syn_lane_post (syn_silo_get_lane (silo, i % 4), &burst->parcel);
    }
  while (__atomic_load_n (&count.n_written, __ATOMIC_SEQ_CST) < N_BURSTS * N_IN_BURST)
    g_thread_yield ();
  n_commits = syn_sqlite_store_get_n_commits (syn_silo_get_store (silo));
  g_test_message ("%d writes in %" G_GUINT64_FORMAT " commits", N_BURSTS * N_IN_BURST, n_commits);
  g_assert_cmpuint (n_commits, <, N_BURSTS * N_IN_BURST);
  syn_silo_free (silo);

  silo = store_silo_new (syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = folder, .stepped = TRUE }, &error));
  for (guint i = 0; i < N_BURSTS * N_IN_BURST; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);
      g_auto (Answer) answer = store_read (silo, key, "n");

      g_assert_cmpstr (answer.text, ==, key);
    }
  syn_silo_free (silo);
  store_folder_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kill/threads", test_threads);
  g_test_add_func ("/kill/killed", test_killed);
  return g_test_run ();
}
