/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fan-out of one snapshot: N clients wait, one snapshot is made, each gets it and asks again. Measures the server's CPU time for a
 * delivery with its next poll, and its memory per waiting client, against a bare-epoll server that does only that
 * (floor-server.c) in as many threads, with the same client in the same run.
 *
 * A round has a price of its own, however many wait: an event is published over HTTP, and a snapshot made. It is measured beside, at
 * a synopticd with one client, and said; the ratio is of the rest, for it is that which grows with the clients.
 *
 *   fan-out SYNOPTICD FLOOR_SERVER [--clients N] [--bytes N] [--rounds N] [--lanes N] [--http] */
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "bench.h"
#include "pollers.h"

static gint n_clients = 1000, n_bytes = 16384, n_rounds = 15, n_lanes = 0;
static gboolean http;

static const GOptionEntry entries[] = {
  { "clients", 0, 0, G_OPTION_ARG_INT, &n_clients, "Waiting clients", "N" },
  { "bytes", 0, 0, G_OPTION_ARG_INT, &n_bytes, "Size of the snapshot", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Snapshots", "N" },
  { "lanes", 0, 0, G_OPTION_ARG_INT, &n_lanes, "Lanes, and threads of the floor (one per core)", "N" },
  { "http", 0, 0, G_OPTION_ARG_NONE, &http, "HTTP long-polls rather than WebSockets", NULL },
  { NULL }
};

static const char catalog[] =
  "{ \"sources\": [ { \"name\": \"events\", \"kind\": \"http\", \"fields\": { \"id\": \"string\", \"a\": \"int64\" } } ],"
  "  \"projections\": [ { \"name\": \"hot\", \"from\": \"events\", \"key\": [\"id\"], \"min_interval_ms\": 10, \"columns\": {"
  "     \"a\": \"last(a)\", \"b\": \"first(a)\", \"c\": \"min(a)\", \"d\": \"max(a)\", \"e\": \"sum(a)\", \"f\": \"count()\" } } ] }";

/* One request, and all of its answer. */
static char *
ask_http (guint16 port, const char *request)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  GString *answer = g_string_new (NULL);
  char buffer[4096];
  gssize got;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (connect (fd, (struct sockaddr *) &address, sizeof address) != 0 || write (fd, request, strlen (request)) != (gssize) strlen (request))
    exit (1);
  while ((got = read (fd, buffer, sizeof buffer)) > 0)
    g_string_append_len (answer, buffer, got);
  close (fd);
  return g_string_free (answer, FALSE);
}

static void
publish (guint16 port, const char *body)
{
  g_autofree char *request = g_strdup_printf ("POST /v1/sources/events/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                                              "Content-Type: application/x-ndjson\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                                              strlen (body), body);
  g_autofree char *answer = ask_http (port, request);

  if (strstr (answer, " 200 ") == NULL)
    {
      g_printerr ("publish failed: %s\n", answer);
      exit (1);
    }
}

typedef struct {
  BenchProcess *process;
  Pollers *pollers;
  gboolean is_floor;
  guint n;               /* its clients */
  BenchSeries *cpu;      /* of a round, µs */
  double connect_us;     /* of connecting, the first poll and its answer; per client */
  gsize bytes_per_client;
  gsize body_bytes;
  guint round;
} Side;

/* What synopticd says of the connection from @port: the whole object of it in /v1/connections, which has no other in it. */
static void
explain (guint16 port, gpointer data)
{
  Side *side = data;
  g_autofree char *list = ask_http (side->process->port, "GET /v1/connections?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  g_autofree char *peer = g_strdup_printf ("\"127.0.0.1:%u\"", port);
  const char *at = strstr (list, peer), *from = at, *to;

  while (from != NULL && from > list && *from != '{')
    from--;
  to = at != NULL ? strchr (at, '}') : NULL;
  if (to != NULL)
    g_printerr ("  the server: %.*s\n", (int) (to + 1 - from), from);
  else
    g_printerr ("  the server does not list it among the 1,000 that are most behind\n");
}

static void
trigger (Side *side)
{
  if (side->is_floor)
    {
      if (write (side->process->stdin_fd, "!", 1) != 1)
        exit (1);
    }
  else
    {
      g_autofree char *event = g_strdup_printf ("{\"id\":\"row-0\",\"a\":%u}\n", ++side->round);
      publish (side->process->port, event);
    }
}

/* Until the server has been quiet for 20 ms: all the polls of this round are parked. */
static double
settled_cpu_us (Side *side)
{
  double before, now = bench_process_cpu_us (side->process->pid);

  do
    {
      before = now;
      g_usleep (20000);
      now = bench_process_cpu_us (side->process->pid);
    }
  while (now - before > 200);
  return now;
}

static void
start (Side *side, const char *const *argv, const char *rows)
{
  gsize before_bytes;
  double before_us;

  side->process = bench_process_start (argv);
  if (!side->is_floor)
    publish (side->process->port, rows);
  before_us = settled_cpu_us (side);
  before_bytes = bench_process_rss_bytes (side->process->pid);
  side->pollers = pollers_new (side->cpu->name, side->process->port, "hot", side->n, http, side->is_floor ? NULL : explain, side);
  if (side->is_floor && !http)
    {
      /* The floor has nothing for a first poll, and answers when told: let all of them arrive. */
      double cpu_us = -1;

      pollers_pump (side->pollers);
      while (cpu_us != bench_process_cpu_us (side->process->pid))
        {
          cpu_us = bench_process_cpu_us (side->process->pid);
          g_usleep (50000);
          pollers_pump (side->pollers);
        }
      trigger (side);
    }
  side->body_bytes = pollers_wait_round (side->pollers);
  side->connect_us = (settled_cpu_us (side) - before_us) / side->n;
  side->bytes_per_client = (bench_process_rss_bytes (side->process->pid) - before_bytes) / side->n;
}

static void
stop (Side *side)
{
  pollers_free (side->pollers);
  bench_process_stop (side->process);
  bench_series_free (side->cpu);
}

/* What grows with the clients: per client, without what the round costs anyway. */
static void
report (const char *title, Side *ours, Side *alone, Side *base)
{
  g_autoptr (BenchSeries) delivery = bench_series_new ("synopticd"), floor_delivery = bench_series_new ("bare epoll");
  double round_us = bench_series_median (alone->cpu);

  for (guint i = 0; i < ours->cpu->samples->len; i++)
    {
      double all_us = g_array_index (ours->cpu->samples, double, i), floor_us = g_array_index (base->cpu->samples, double, i);

      bench_series_add (delivery, (all_us - round_us) / ours->n);
      bench_series_add (floor_delivery, floor_us / base->n);
    }
  bench_report (title, delivery, floor_delivery, "µs CPU");
  printf ("%-34s %-10s %9.2f        %-14s %9.2f        KB of memory per waiting client\n", "", "synopticd",
          (double) ours->bytes_per_client / 1024, "bare epoll", (double) base->bytes_per_client / 1024);
  printf ("%-34s %-10s %9.2f        %-14s %9.2f        µs CPU to connect, ask and be answered\n", "", "synopticd", ours->connect_us,
          "bare epoll", base->connect_us);
  printf ("%-34s %-10s %9.0f ±%2.0f%%   µs CPU of a round with one client: an event published, a snapshot made\n", "", "synopticd", round_us,
          100 * bench_series_spread (alone->cpu));
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new ("SYNOPTICD FLOOR_SERVER");
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) rows = g_string_new (NULL);
  g_autofree char *folder = NULL, *catalog_path = NULL, *bytes_text = NULL, *title = NULL, *lanes_text = NULL;
  struct rlimit limit;
  Side ours = { .cpu = bench_series_new ("synopticd") }, alone = { .cpu = bench_series_new ("synopticd") },
       base = { .cpu = bench_series_new ("bare epoll"), .is_floor = TRUE };
  Side *const sides[] = { &base, &alone, &ours };

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 3)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: fan-out SYNOPTICD FLOOR_SERVER");
      return 2;
    }
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);

  folder = g_dir_make_tmp ("synoptic-bench-XXXXXX", &error);
  g_assert_no_error (error);
  catalog_path = g_build_filename (folder, "catalog.json", NULL);
  if (n_lanes <= 0)
    n_lanes = (gint) g_get_num_processors ();
  lanes_text = g_strdup_printf ("%d", n_lanes);
  g_file_set_contents (catalog_path, catalog, -1, &error);
  g_assert_no_error (error);
  /* Seven columns of 8 bytes (the key's code has 4) and about 10 bytes of dictionary a row. */
  for (int i = 0; i < MAX (1, n_bytes / 67); i++)
    g_string_append_printf (rows, "{\"id\":\"row-%d\",\"a\":%d}\n", i, i);

  for (guint i = 1; i <= 2; i++)
    {
      g_autofree char *data_path = g_build_filename (folder, i == 1 ? "alone" : "ours", NULL);

      sides[i]->n = i == 1 ? 1 : (guint) n_clients;
      start (sides[i], (const char *const[]) { argv[1], "--catalog", catalog_path, "--data", data_path, "--listen", "127.0.0.1:0",
                                               "--lanes", lanes_text, NULL }, rows->str);
    }
  bytes_text = g_strdup_printf ("%" G_GSIZE_FORMAT, ours.body_bytes);
  base.n = (guint) n_clients;
  start (&base, (const char *const[]) { argv[2], bytes_text, lanes_text, NULL }, NULL);

  for (int round = 0; round < n_rounds + 2; round++)
    for (guint which = 0; which < G_N_ELEMENTS (sides); which++)
      {
        Side *side = sides[which];
        double before_us = settled_cpu_us (side);

        trigger (side);
        pollers_wait_round (side->pollers);
        if (round >= 2) /* the first ones warm up */
          bench_series_add (side->cpu, settled_cpu_us (side) - before_us);
      }

  title = g_strdup_printf ("%d %s × %" G_GSIZE_FORMAT " bytes, %d lane%s", n_clients, http ? "long-polls" : "clients", ours.body_bytes, n_lanes,
                           n_lanes > 1 ? "s" : "");
  report (title, &ours, &alone, &base);
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    stop (sides[i]);
  for (guint k = 1; k <= 2; k++)
    {
      g_autofree char *data_path = g_build_filename (folder, k == 1 ? "alone" : "ours", NULL);

      for (guint i = 0; i < 3; i++)
        {
          g_autofree char *file = g_build_filename (data_path, (const char *[]) { "incarnation", "lock", "format" }[i], NULL);
          g_unlink (file);
        }
      g_rmdir (data_path);
    }
  g_unlink (catalog_path);
  g_rmdir (folder);
  return 0;
}
