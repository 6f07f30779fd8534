/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fan-out of one snapshot: N clients wait, one snapshot is made, each gets it and asks again. Measures the server's CPU time for a
 * delivery with its next poll, and its memory per waiting client, against a bare-epoll server that does only that
 * (floor-server.c) in as many threads, with the same client in the same run.
 *
 * A round has a price of its own, however many wait: an event is published over HTTP, and a snapshot made. It is measured beside, at
 * a synopticd with one client, and said; the ratio is of the rest, for it is that which grows with the clients.
 *
 * With --storms N, all connections are cut and come back at once, N times: how long until each client has a snapshot again, against how long
 * one takes from its event to all, and the CPU time of both, at both servers. The client's work is in both times, on the same cores.
 *
 * Over TLS (--tls) the floor speaks it as well, and a synopticd without it runs beside: what TLS costs is held against that one too.
 *
 *   fan-out SYNOPTICD FLOOR_SERVER [--clients N] [--bytes N] [--rounds N] [--lanes N] [--storms N] [--http] [--tls [--rsa] [--resume]] */
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ask.h"
#include "bench.h"
#include "pollers.h"
#include "test-certs.h"

static gint n_clients = 1000, n_bytes = 16384, n_rounds = 15, n_lanes = 0, n_storms = 0;
static gboolean http, with_tls, with_rsa, resumes;

static const GOptionEntry entries[] = {
  { "clients", 0, 0, G_OPTION_ARG_INT, &n_clients, "Waiting clients", "N" },
  { "bytes", 0, 0, G_OPTION_ARG_INT, &n_bytes, "Size of the snapshot", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Snapshots", "N" },
  { "lanes", 0, 0, G_OPTION_ARG_INT, &n_lanes, "Lanes, and threads of the floor (one per core)", "N" },
  { "storms", 0, 0, G_OPTION_ARG_INT, &n_storms, "Times that all connections are cut and come back", "N" },
  { "http", 0, 0, G_OPTION_ARG_NONE, &http, "HTTP long-polls rather than WebSockets", NULL },
  { "tls", 0, 0, G_OPTION_ARG_NONE, &with_tls, "Over TLS, and beside it without", NULL },
  { "rsa", 0, 0, G_OPTION_ARG_NONE, &with_rsa, "With --tls: a certificate with an RSA key of 2048 bits (ECDSA P-256)", NULL },
  { "resume", 0, 0, G_OPTION_ARG_NONE, &resumes, "With --tls: clients take up a session that another had", NULL },
  { NULL }
};

static const char catalog[] =
  "{ \"sources\": [ { \"name\": \"events\", \"kind\": \"http\", \"fields\": { \"id\": \"string\", \"a\": \"int64\" } } ],"
  "  \"projections\": [ { \"name\": \"hot\", \"from\": \"events\", \"key\": [\"id\"], \"min_interval_ms\": 10, \"columns\": {"
  "     \"a\": \"last(a)\", \"b\": \"first(a)\", \"c\": \"min(a)\", \"d\": \"max(a)\", \"e\": \"sum(a)\", \"f\": \"count()\" } } ] }";

typedef struct {
  BenchProcess *process;
  Pollers *pollers;
  gboolean is_floor;
  const char *folder;    /* of its data; NULL: none */
  char *ca_file;         /* (nullable): it speaks TLS */
  CtlLoadTls *tls;       /* (owned) (nullable): of what is asked beside the pollers */
  guint n;               /* its clients */
  BenchSeries *cpu;      /* of a round, µs */
  BenchSeries *wall, *own; /* of a round: until all have it; the client's CPU time. µs */
  BenchSeries *storm_cpu, *storm_wall, *storm_own;
  double connect_us;     /* of connecting, the first poll and its answer; per client */
  gsize bytes_per_client;
  gsize body_bytes;
  guint round;
} Side;

static void
publish (Side *side, const char *body)
{
  g_autofree char *request = g_strdup_printf ("POST /v1/sources/events/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                                              "Content-Type: application/x-ndjson\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                                              strlen (body), body);
  g_autofree char *answer = ask_http (side->process->port, side->tls, request);

  if (strstr (answer, " 200 ") == NULL)
    {
      g_printerr ("publish failed: %s\n", answer);
      exit (1);
    }
}

static CtlLoadTls *
new_tls (const Side *side, CtlLoadTlsResumption resumption)
{
  g_autoptr (GError) error = NULL;
  CtlLoadTls *tls = side->ca_file != NULL ? ctl_load_tls_new ("127.0.0.1", side->ca_file, resumption, &error) : NULL;

  g_assert_no_error (error);
  return tls;
}

/* What synopticd says of the connection from @port: the whole object of it in /v1/connections, which has no other in it. */
static void
explain (guint16 port, gpointer data)
{
  Side *side = data;
  g_autofree char *list = ask_http (side->process->port, side->tls, "GET /v1/connections?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
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
      publish (side, event);
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
  side->tls = new_tls (side, CTL_LOAD_TLS_ALWAYS);
  if (!side->is_floor)
    publish (side, rows);
  before_us = settled_cpu_us (side);
  before_bytes = bench_process_rss_bytes (side->process->pid);
  side->pollers = pollers_new (side->cpu->name, side->process->port, "hot", side->n, http, new_tls (side, resumes ? CTL_LOAD_TLS_ALWAYS : CTL_LOAD_TLS_RETURNING),
                               side->is_floor ? NULL : explain, side);
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
  bench_series_free (side->wall);
  bench_series_free (side->own);
  bench_series_free (side->storm_cpu);
  bench_series_free (side->storm_wall);
  bench_series_free (side->storm_own);
  g_clear_pointer (&side->tls, ctl_load_tls_free);
}

/* One round, or a storm, from its beginning until all have their answer. */
static void
play (Side *side, void (*begin) (Side *side), BenchSeries *cpu, BenchSeries *wall, BenchSeries *own)
{
  double before_us = settled_cpu_us (side), own_us = bench_own_cpu_us (), began_us = bench_now_us ();

  begin (side);
  pollers_wait_round (side->pollers);
  bench_series_add (wall, bench_now_us () - began_us);
  bench_series_add (own, bench_own_cpu_us () - own_us);
  bench_series_add (cpu, settled_cpu_us (side) - before_us);
}

static void
storm (Side *side)
{
  pollers_storm (side->pollers);
}

static void
report_storm (Side *side)
{
  double calm_us = bench_series_median (side->wall), storm_us = bench_series_median (side->storm_wall);

  printf ("%-34s %-10s %9.0f ±%2.0f%%   calm           %9.0f ±%2.0f%%   ms        ratio %6.2f\n", "storm: until all have a snapshot", side->cpu->name,
          storm_us / 1e3, 100 * bench_series_spread (side->storm_wall), calm_us / 1e3, 100 * bench_series_spread (side->wall), storm_us / calm_us);
  printf ("%-34s %-10s %9.2f ±%2.0f%%   calm           %9.2f ±%2.0f%%   µs CPU    ratio %6.2f\n", "  the server's, per client", side->cpu->name,
          bench_series_median (side->storm_cpu) / side->n, 100 * bench_series_spread (side->storm_cpu), bench_series_median (side->cpu) / side->n,
          100 * bench_series_spread (side->cpu), bench_series_median (side->storm_cpu) / bench_series_median (side->cpu));
  printf ("%-34s %-10s %9.2f ±%2.0f%%   calm           %9.2f ±%2.0f%%   µs CPU    ratio %6.2f\n", "  this client's, per client", side->cpu->name,
          bench_series_median (side->storm_own) / side->n, 100 * bench_series_spread (side->storm_own), bench_series_median (side->own) / side->n,
          100 * bench_series_spread (side->own), bench_series_median (side->storm_own) / bench_series_median (side->own));
}

/* What grows with the clients: per client, without what the round costs anyway. @alone: (nullable): of the server of @side, with one client */
static BenchSeries *
deliveries (Side *side, Side *alone)
{
  BenchSeries *series = bench_series_new (side->cpu->name);
  double round_us = alone != NULL ? bench_series_median (alone->cpu) : 0;

  for (guint i = 0; i < side->cpu->samples->len; i++)
    bench_series_add (series, (g_array_index (side->cpu->samples, double, i) - round_us) / side->n);
  return series;
}

static void
report (const char *title, Side *ours, Side *alone, Side *base, Side *base_alone)
{
  g_autoptr (BenchSeries) delivery = deliveries (ours, alone), base_delivery = deliveries (base, base_alone);

  bench_report (title, delivery, base_delivery, "µs CPU");
  printf ("%-34s %-10s %9.2f        %-14s %9.2f        KB of memory per waiting client\n", "", ours->cpu->name,
          (double) ours->bytes_per_client / 1024, base->cpu->name, (double) base->bytes_per_client / 1024);
  printf ("%-34s %-10s %9.2f        %-14s %9.2f        µs CPU to connect, ask and be answered\n", "", ours->cpu->name, ours->connect_us,
          base->cpu->name, base->connect_us);
  printf ("%-34s %-10s %9.0f ±%2.0f%%   µs CPU of a round with one client: an event published, a snapshot made\n", "", ours->cpu->name,
          bench_series_median (alone->cpu), 100 * bench_series_spread (alone->cpu));
}

static void
start_silo (Side *side, const char *program, const char *folder, const char *lanes_text, const char *rows)
{
  g_autofree char *catalog_path = g_build_filename (folder, "catalog.json", NULL), *data_path = g_build_filename (folder, side->folder, NULL);
  const char *name = with_rsa ? "rsa" : "server";
  g_autofree char *certificate = g_strdup_printf ("%s/certificates/%s.pem", folder, name), *key = g_strdup_printf ("%s/certificates/%s-key.pem", folder, name);
  const char *argv[] = { program, "--catalog", catalog_path, "--data", data_path, "--listen", "127.0.0.1:0", "--lanes", lanes_text,
                         side->ca_file != NULL ? "--tls-cert" : NULL, certificate, "--tls-key", key, NULL };

  start (side, argv, rows);
}

static void
start_floor (Side *side, const char *program, const char *folder, gsize body_bytes, const char *lanes_text)
{
  g_autofree char *bytes_text = g_strdup_printf ("%" G_GSIZE_FORMAT, body_bytes);
  const char *name = with_rsa ? "rsa" : "server";
  g_autofree char *certificate = g_strdup_printf ("%s/certificates/%s.pem", folder, name), *key = g_strdup_printf ("%s/certificates/%s-key.pem", folder, name);
  const char *argv[] = { program, bytes_text, lanes_text, side->ca_file != NULL ? certificate : NULL, key, NULL };

  start (side, argv, NULL);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new ("SYNOPTICD FLOOR_SERVER");
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) rows = g_string_new (NULL);
  g_autofree char *folder = NULL, *catalog_path = NULL, *title = NULL, *lanes_text = NULL, *certificates = NULL, *ca_file = NULL;
  struct rlimit limit;
  Side ours = { .folder = "ours" }, alone = { .folder = "alone", .n = 1 }, base = { .is_floor = TRUE }, plain = { .folder = "plain" },
       plain_alone = { .folder = "plain-alone", .n = 1 };
  Side *const sides[] = { &base, &alone, &ours, &plain_alone, &plain };
  guint n_sides;
  gsize rss_bytes;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 3)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: fan-out SYNOPTICD FLOOR_SERVER");
      return 2;
    }
  n_sides = with_tls ? G_N_ELEMENTS (sides) : 3;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);

  for (guint i = 0; i < n_sides; i++)
    {
      BenchSeries **const all[] = { &sides[i]->cpu, &sides[i]->wall, &sides[i]->own, &sides[i]->storm_cpu, &sides[i]->storm_wall, &sides[i]->storm_own };

      for (guint k = 0; k < G_N_ELEMENTS (all); k++)
        *all[k] = bench_series_new (sides[i]->is_floor ? "bare epoll" : i < 3 ? "synopticd" : "without TLS");
    }
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

  if (with_tls)
    {
      certificates = g_build_filename (folder, "certificates", NULL);
      ca_file = g_build_filename (certificates, "ca.pem", NULL);
      g_mkdir (certificates, 0700);
      test_certs_make (certificates, with_rsa);
      ours.ca_file = alone.ca_file = base.ca_file = ca_file;
    }

  ours.n = plain.n = base.n = (guint) n_clients;
  for (guint i = 1; i < n_sides; i++)
    start_silo (sides[i], argv[1], folder, lanes_text, rows->str);
  start_floor (&base, argv[2], folder, ours.body_bytes, lanes_text);

  for (int round = 0; round < n_rounds + 2; round++)
    for (guint which = 0; which < n_sides; which++)
      {
        Side *side = sides[which];

        if (round == 2) /* the first ones warm up */
          {
            g_array_set_size (side->cpu->samples, 0);
            g_array_set_size (side->wall->samples, 0);
            g_array_set_size (side->own->samples, 0);
          }
        play (side, trigger, side->cpu, side->wall, side->own);
      }

  title = g_strdup_printf ("%d %s × %" G_GSIZE_FORMAT " bytes, %d lane%s%s", n_clients, http ? "long-polls" : "clients", ours.body_bytes, n_lanes,
                           n_lanes > 1 ? "s" : "", with_tls ? ", TLS" : "");
  report (title, &ours, &alone, &base, NULL);
  if (with_tls)
    report (title, &ours, &alone, &plain, &plain_alone);
  rss_bytes = bench_process_rss_bytes (ours.process->pid);
  for (int round = 0; round < n_storms; round++)
    {
      play (&base, storm, base.storm_cpu, base.storm_wall, base.storm_own);
      play (&ours, storm, ours.storm_cpu, ours.storm_wall, ours.storm_own);
    }
  if (n_storms > 0)
    {
      report_storm (&ours);
      report_storm (&base);
      printf ("%-34s %-10s %9.1f        after          %9.1f        MB\n", "  memory before the storms", "synopticd", (double) rss_bytes / (1 << 20),
              (double) bench_process_rss_bytes (ours.process->pid) / (1 << 20));
    }
  for (guint i = 0; i < n_sides; i++)
    stop (sides[i]);
  for (guint k = 1; k < n_sides; k++)
    {
      g_autofree char *data_path = g_build_filename (folder, sides[k]->folder, NULL);

      for (guint i = 0; i < 3; i++)
        {
          g_autofree char *file = g_build_filename (data_path, (const char *[]) { "incarnation", "lock", "format" }[i], NULL);
          g_unlink (file);
        }
      g_rmdir (data_path);
    }
  if (with_tls)
    test_certs_remove (certificates);
  g_unlink (catalog_path);
  g_rmdir (folder);
  return 0;
}
