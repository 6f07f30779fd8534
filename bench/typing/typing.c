/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A filter as people type it: users on a connection each change the question of their view with every key. Measures, of a real server over
 * WebSocket: evaluations per key (from its metrics), its CPU time per key and as a share of one core, and the time from the key to
 * the picture; the floor is the bare evaluation of the same questions from all rows, in process, in the same run.
 *
 *   typing SYNOPTICD [--users N] [--keys N] [--seconds N] [--rows N] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench-http.h"
#include "bench-silo.h"
#include "replica.h"
#include "syn-event-reader.h"
#include "syn-query-eval.h"
#include "syn-table.h"

static gint n_users = 100, n_keys = 10, n_seconds = 10, n_rows = 5000;

static const GOptionEntry entries[] = {
  { "users", 0, 0, G_OPTION_ARG_INT, &n_users, "People who type", "N" },
  { "keys", 0, 0, G_OPTION_ARG_INT, &n_keys, "Keys a second of each", "N" },
  { "seconds", 0, 0, G_OPTION_ARG_INT, &n_seconds, "How long", "N" },
  { "rows", 0, 0, G_OPTION_ARG_INT, &n_rows, "Rows of the projection", "N" },
  { NULL }
};

static const char catalog_text[] =
  "{ \"sources\": [ { \"name\": \"trades\", \"kind\": \"http\", \"fields\": { \"symbol\": \"string\", \"price\": \"decimal(4)\","
  "     \"size\": \"int64\" } } ],"
  "  \"projections\": [ { \"name\": \"quotes\", \"from\": \"trades\", \"key\": [\"symbol\"], \"columns\": {"
  "     \"open\": \"first(price)\", \"last\": \"last(price)\", \"high\": \"max(price)\", \"low\": \"min(price)\","
  "     \"volume\": \"sum(size)\", \"n\": \"count()\", \"change\": \"last/open-1\" } } ] }";

/* One request on a connection of its own; the answer's head and body. */
static char *
request (guint16 port, const char *method_and_path, const char *body)
{
  g_autofree char *head = g_strdup_printf ("%s HTTP/1.1\r\nContent-Type: application/x-ndjson\r\n", method_and_path);
  int fd = bench_connect (port);
  char *answer = bench_ask (fd, head, body);

  close (fd);
  if (bench_status_of (answer) != 200)
    g_error ("%s", answer);
  return answer;
}

/* The sum of a counter over the lanes. */
static double
get_metric (guint16 port, const char *name)
{
  g_autofree char *answer = request (port, "GET /metrics", "");
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  double sum = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], name) && (lines[i][strlen (name)] == '{' || lines[i][strlen (name)] == ' '))
      sum += g_ascii_strtod (strrchr (lines[i], ' '), NULL);
  return sum;
}

/* ---- the users ---- */

typedef struct {
  guint index;
  ReplicaLink *link;
  ReplicaView *view;
  GRand *rand;
  char text[8];
  guint length;
  gint64 asked_us; /* 0: the picture is there */
} User;

static BenchSeries *times_us; /* from key to picture */
static GPtrArray *paths;      /* of all keys */
static guint n_late, n_pictures;
static gboolean counting;
static GMainLoop *loop;

/* The answer that was asked for last; of those before it none is shown. */
static void
on_snapshot (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, gpointer user_data)
{
  User *user = user_data;
  double elapsed_us = (double) (g_get_monotonic_time () - user->asked_us);

  n_pictures++;
  if (user->asked_us == 0)
    return;
  user->asked_us = 0;
  if (counting)
    bench_series_add (times_us, elapsed_us);
}

static char *
make_path (User *user)
{
  /* No two users ask the same: nothing is saved by chance. */
  return g_strdup_printf ("quotes?where=symbol ~ \"*%.*s*\" and volume > %u&sort=-change&limit=50", (int) user->length, user->text,
                          user->index);
}

static gboolean
on_key (gpointer user_data)
{
  User *user = user_data;
  g_autofree char *path = NULL;

  if (user->length == 5)
    user->length = 0;
  user->text[user->length++] = (char) ('0' + g_rand_int_range (user->rand, 0, 10));
  path = make_path (user);
  if (counting && user->asked_us != 0)
    n_late++;
  user->asked_us = g_get_monotonic_time ();
  replica_view_set_path (user->view, path);
  if (counting)
    g_ptr_array_add (paths, g_steal_pointer (&path));
  return G_SOURCE_CONTINUE;
}

static gboolean
on_first_key (gpointer user_data)
{
  g_timeout_add (1000 / (guint) n_keys, on_key, user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_end (gpointer user_data)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
run_for (guint ms)
{
  g_timeout_add (ms, on_end, NULL);
  g_main_loop_run (loop);
}

/* ---- the floor ---- */

static ReplicaSnapshot *
make_base (SynCatalog *catalog, const char *text, gsize length)
{
  const SynSourceSpec *source = syn_catalog_get_source (catalog, 0);
  g_autoptr (SynTable) table = syn_table_new (syn_catalog_get_projection (catalog, 0), 1u << 20, SYN_TABLE_MAX_TEXT_BYTES);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (source);
  g_autoptr (SynEventReader) reader = syn_event_reader_new (source, SYN_FORMAT_NDJSON, TRUE);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  SynTableCounts counts = { 0 };
  ReplicaSnapshot *base;
  SynReadPlace place;

  if (!syn_event_reader_feed (reader, builder, text, length, &place, &error))
    g_error ("%s", error->message);
  batch = syn_event_builder_take (builder);
  syn_event_batch_set_first_sequence (batch, 1, 0);
  syn_table_apply (table, batch, &counts);
  base = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 0, &error);
  g_assert_no_error (error);
  return base;
}

/* CPU time of evaluating all that was typed, from all rows. */
static double
run_floor (const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = bench_catalog_new (catalog_text);
  g_autoptr (ReplicaSnapshot) base = make_base (catalog, text, length);
  g_autoptr (GPtrArray) queries = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_query_free);
  double start_us;

  for (guint i = 0; i < paths->len; i++)
    {
      SynQuery *query = syn_query_parse (g_ptr_array_index (paths, i), catalog, &error);

      g_assert_no_error (error);
      g_ptr_array_add (queries, query);
    }
  start_us = bench_own_cpu_us ();
  for (guint i = 0; i < queries->len; i++)
    replica_snapshot_unref (syn_query_evaluate (g_ptr_array_index (queries, i), &base, (ReplicaToken) { 1, 1 }, 0, NULL));
  return bench_own_cpu_us () - start_us;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new ("SYNOPTICD");
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = NULL, *catalog_path = NULL, *data_path = NULL, *uri = NULL;
  g_autoptr (GString) rows = g_string_new (NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  BenchProcess *server;
  User *users;
  double cpu_us, floor_us, evaluations, n_typed;
  gint64 start_us, elapsed_us;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 2 || n_users < 1 || n_keys < 1 || n_keys > 1000 || n_seconds < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: typing SYNOPTICD [OPTION]");
      return 2;
    }
  folder = bench_folder_new (NULL);
  catalog_path = g_build_filename (folder, "catalog.json", NULL);
  data_path = g_build_filename (folder, "data", NULL);
  g_file_set_contents (catalog_path, catalog_text, -1, &error);
  g_assert_no_error (error);
  for (int i = 0; i < n_rows * 2; i++)
    g_string_append_printf (rows, "{\"symbol\":\"SYM%05d\",\"price\":%d.%04d,\"size\":%d}\n", i % n_rows, g_rand_int_range (rand, 10, 900),
                            g_rand_int_range (rand, 0, 10000), g_rand_int_range (rand, 1, 100) * 100);
  server = bench_process_start ((const char *const[]) { argv[1], "--catalog", catalog_path, "--data", data_path, "--listen", "127.0.0.1:0", NULL });
  g_free (request (server->port, "POST /v1/sources/trades/events", rows->str));
  uri = g_strdup_printf ("http://127.0.0.1:%u", server->port);

  loop = g_main_loop_new (NULL, FALSE);
  times_us = bench_series_new ("key to picture");
  paths = g_ptr_array_new_with_free_func (g_free);
  users = g_new0 (User, (gsize) n_users);
  for (int i = 0; i < n_users; i++)
    {
      User *user = &users[i];
      g_autofree char *path = NULL;

      user->index = (guint) i;
      user->rand = g_rand_new_with_seed ((guint32) i + 100);
      user->link = replica_link_new (uri, &error);
      g_assert_no_error (error);
      path = make_path (user);
      user->view = replica_view_new (user->link, path);
      g_signal_connect (user->view, "snapshot", G_CALLBACK (on_snapshot), user);
      replica_link_start (user->link);
      replica_view_start (user->view);
      /* Spread over the time of a key. */
      g_timeout_add (500 + (guint) (i * 1000 / n_keys / n_users), on_first_key, user);
    }
  run_for (2000);

  counting = TRUE;
  evaluations = get_metric (server->port, "synoptic_query_evaluations_total");
  cpu_us = bench_process_cpu_us (server->pid);
  start_us = g_get_monotonic_time ();
  run_for ((guint) n_seconds * 1000);
  cpu_us = bench_process_cpu_us (server->pid) - cpu_us;
  elapsed_us = g_get_monotonic_time () - start_us;
  counting = FALSE;
  evaluations = get_metric (server->port, "synoptic_query_evaluations_total") - evaluations;
  n_typed = paths->len;
  if (times_us->samples->len == 0)
    g_error ("no picture came");
  floor_us = run_floor (rows->str, rows->len);
  printf ("%d users, %.0f keys/s over %d rows for %.1f s: %.0f keys, %u pictures; next key before the picture: %u\n", n_users,
          n_typed / ((double) elapsed_us / 1e6), n_rows, (double) elapsed_us / 1e6, n_typed, times_us->samples->len, n_late);
  printf ("evaluations per key                 %.3f\n", evaluations / n_typed);
  printf ("from key to picture                 p50 %.2f ms, p99 %.2f ms, most %.2f ms\n",
          bench_series_median (times_us) / 1000, bench_series_quantile (times_us, 0.99) / 1000, bench_series_quantile (times_us, 1) / 1000);
  printf ("server CPU                          %.0f us a key, %.1f%% of one core; bare evaluation %.0f us a key: ratio %.2f\n",
          cpu_us / n_typed, 100 * cpu_us / (double) elapsed_us, floor_us / n_typed, cpu_us / floor_us);
  printf ("questions alive at the end          %.0f\n", get_metric (server->port, "synoptic_grains{type=\"query\"}"));
  for (int i = 0; i < n_users; i++)
    {
      replica_view_stop (users[i].view);
      replica_link_stop (users[i].link);
      g_object_unref (users[i].view);
      g_object_unref (users[i].link);
      g_rand_free (users[i].rand);
    }
  bench_process_stop (server);
  bench_folder_remove (folder);
  return 0;
}
