/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * NDJSON over HTTP, or batches over a WebSocket, to a projection, the whole server and its publisher: real processes on loopback. This process sends the
 * same prepared body over and over, one request at a time on each of its HTTP connections, several at a time on each WebSocket, and the clock stops when
 * the last batch has been taken in by every projection. The bodies are made before; a request that is refused for want of room is sent again. What is published is
 * counted by the projection, which is checked.
 *
 *   publish SYNOPTICD [--events N] [--keys N] [--batch N] [--connections N] [--projections N] [--rounds N] [--durable] [--binary [--out N]] */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench-http.h"
#include "bench-market.h"
#include "replica-snapshot-builder.h"
#include "ws-publisher.h"

static gint n_events = 6000000, n_keys = 5000, n_batch = 20000, n_connections = 2, n_projections = 1, n_rounds = 5, n_out = 4;
static gboolean durable, binary;

static const GOptionEntry entries[] = {
  { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Events of one round", "N" },
  { "keys", 0, 0, G_OPTION_ARG_INT, &n_keys, "Distinct keys", "N" },
  { "batch", 0, 0, G_OPTION_ARG_INT, &n_batch, "Events of one request", "N" },
  { "connections", 0, 0, G_OPTION_ARG_INT, &n_connections, "Connections that publish", "N" },
  { "projections", 0, 0, G_OPTION_ARG_INT, &n_projections, "Projections of one conflation group", "N" },
  { "durable", 0, 0, G_OPTION_ARG_NONE, &durable, "A durable source: each request is on disk before it is answered", NULL },
  { "binary", 0, 0, G_OPTION_ARG_NONE, &binary, "Batches over WebSockets, instead of NDJSON over HTTP", NULL },
  { "out", 0, 0, G_OPTION_ARG_INT, &n_out, "Batches of a WebSocket that are not answered yet, at most", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { NULL }
};

typedef struct {
  guint16 port;
  GString *request;
  gint requests;
  double cpu_us;
} Publisher;

static gpointer
publish (gpointer user_data)
{
  Publisher *self = user_data;
  int fd = bench_connect (self->port);

  while (self->requests > 0)
    {
      g_autofree char *answer = bench_exchange (fd, self->request->str, self->request->len);
      guint status = bench_status_of (answer);

      if (status == 200 || status == 202)
        self->requests--;
      else if (status == 503)
        g_usleep (1000);
      else
        g_error ("%s", answer);
    }
  close (fd);
  self->cpu_us = bench_own_cpu_us ();
  return NULL;
}

static char *
get (int fd, const char *path)
{
  g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/csv\r\n\r\n", path);

  return bench_exchange (fd, request, strlen (request));
}

static char *
write_catalog (const char *folder)
{
  g_autoptr (GString) json = g_string_new ("{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":" BENCH_MARKET_FIELDS
                                           "}],\"projections\":[");
  char *path = g_build_filename (folder, "catalog.json", NULL);

  for (int i = 0; i < n_projections; i++)
    g_string_append_printf (json, "%s{\"name\":\"p%d\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"last\":\"last(price)\","
                                  "\"high\":\"max(price)\",\"low\":\"min(price)\",\"volume\":\"sum(size)\",\"n\":\"count()\"}}",
                            i > 0 ? "," : "", i);
  g_string_append (json, "]}");
  if (durable)
    g_string_replace (json, "\"kind\":\"http\"", "\"kind\":\"http\",\"durable\":true", 1);
  if (!g_file_set_contents (path, json->str, -1, NULL))
    g_error ("cannot write %s", path);
  return path;
}

/* The columns of such events as make_request() has, laid out. */
static GBytes *
make_batch (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autofree gint64 *prices = g_new (gint64, n_batch), *sizes = g_new (gint64, n_batch), *times = g_new (gint64, n_batch);
  g_autofree guint32 *symbols = g_new (guint32, n_batch), *venues = g_new (guint32, n_batch), *codes = g_new0 (guint32, n_keys);
  g_autofree guint32 *symbol_ends = g_new0 (guint32, n_keys + 1);
  g_autoptr (GString) symbol_texts = g_string_new (NULL);
  const guint32 venue_ends[] = { 0, 5, 10, 15, 20 };
  guint n_symbols = 0;
  ReplicaColumn columns[] = {
    { .name = "symbol", .type = REPLICA_TYPE_STRING, .width = 4, .data = symbols },
    { .name = "price", .type = REPLICA_TYPE_DECIMAL, .scale = 4, .width = 8, .data = prices },
    { .name = "size", .type = REPLICA_TYPE_INT64, .width = 8, .data = sizes },
    { .name = "time", .type = REPLICA_TYPE_TIMESTAMP, .width = 8, .data = times },
    { .name = "venue", .type = REPLICA_TYPE_STRING, .width = 4, .data = venues, .n_dict = 4, .dict_offsets = venue_ends,
      .dict_bytes = "XNYA\0XNYB\0XNYC\0XNYD" },
  };
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("trades", REPLICA_TOKEN_NONE, 0, (guint) n_batch);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < n_batch; i++)
    {
      int symbol = g_rand_int_range (rand, 0, n_keys);

      if (codes[symbol] == 0)
        {
          g_string_append_printf (symbol_texts, "SYM%05d", symbol);
          g_string_append_c (symbol_texts, '\0');
          codes[symbol] = ++n_symbols;
          symbol_ends[n_symbols] = (guint32) symbol_texts->len;
        }
      symbols[i] = codes[symbol] - 1;
      prices[i] = g_rand_int_range (rand, 10, 900) * 10000 + g_rand_int_range (rand, 0, 10000);
      sizes[i] = g_rand_int_range (rand, 1, 100) * 100;
      times[i] = G_GINT64_CONSTANT (1767348000000000) + i * G_USEC_PER_SEC + g_rand_int_range (rand, 0, 1000000);
      venues[i] = (guint32) g_rand_int_range (rand, 0, 4);
    }
  columns[0].n_dict = n_symbols;
  columns[0].dict_offsets = symbol_ends;
  columns[0].dict_bytes = symbol_texts->str;
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    {
      columns[i].n_rows = (guint) n_batch;
      replica_snapshot_builder_add (builder, &columns[i]);
    }
  snapshot = replica_snapshot_builder_finish (builder, &error);
  if (snapshot == NULL)
    g_error ("%s", error->message);
  return g_bytes_ref (replica_snapshot_get_bytes (snapshot));
}

static GString *
make_request (void)
{
  GString *body = bench_market_text ((guint) n_batch, (guint) n_keys), *request = g_string_new (NULL);

  g_string_append_printf (request, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
                                   "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n", body->len);
  g_string_append_len (request, body->str, (gssize) body->len);
  g_string_free (body, TRUE);
  return request;
}

/* Both kinds of publishers in @n_connections threads; µs of CPU of all. */
static double
publish_all (guint16 port, GString *request, GBytes *batch, int requests)
{
  g_autofree Publisher *publishers = g_new0 (Publisher, n_connections);
  g_autofree WsPublisher *sockets = g_new0 (WsPublisher, n_connections);
  g_autofree GThread **threads = g_new0 (GThread *, n_connections);
  double cpu_us = 0;

  for (int i = 0; i < n_connections; i++)
    {
      publishers[i] = (Publisher) { port, request, requests, 0 };
      sockets[i] = (WsPublisher) { .port = port, .batch = batch, .out = (guint) n_out, .requests = requests };
      threads[i] = binary ? g_thread_new ("publisher", ws_publisher_run, &sockets[i]) : g_thread_new ("publisher", publish, &publishers[i]);
    }
  for (int i = 0; i < n_connections; i++)
    {
      g_thread_join (threads[i]);
      cpu_us += binary ? sockets[i].cpu_us : publishers[i].cpu_us;
    }
  return cpu_us;
}

/* Seconds from the first byte to the last event in the projections; CPU of the server and of this process, µs an event. */
static double
run_round (const char *synopticd, const char *catalog, GString *request, GBytes *batch, double *server_us, double *publisher_us)
{
  g_autofree char *folder = bench_folder_new (NULL);
  const char *argv[] = { synopticd, "--catalog", catalog, "--data", folder, "--listen", "127.0.0.1:0", NULL };
  BenchProcess *server = bench_process_start (argv);
  int fd = bench_connect (server->port), requests = MAX (n_events / n_batch / n_connections, 1);
  guint64 expected = (guint64) requests * (guint64) n_connections * (guint64) n_batch, found = 0;
  double start_us = bench_now_us (), cpu_us = bench_process_cpu_us (server->pid), seconds;
  g_autofree char *rows = NULL;

  *publisher_us = publish_all (server->port, request, batch, requests);
  for (;;)
    {
      g_autofree char *status = get (fd, "/v1/sources");

      if (strstr (status, "\"batches_in_flight\":0") != NULL)
        break;
      g_usleep (500);
    }
  /* The first poll: everything acknowledged before it is in the answer. */
  rows = get (fd, "/v1/projections/p0");
  seconds = (bench_now_us () - start_us) / 1e6;
  *server_us = (bench_process_cpu_us (server->pid) - cpu_us) / (double) expected;
  *publisher_us /= (double) expected;
  for (const char *line = strstr (strstr (rows, "\r\n\r\n") + 4, "\n"); line != NULL && line[1] != '\0'; line = strchr (line + 1, '\n'))
    {
      const char *end = strchr (line + 1, '\n'), *n = end != NULL ? end : line + strlen (line);

      while (n[-1] != ',')
        n--;
      found += g_ascii_strtoull (n, NULL, 10);
    }
  if (found != expected)
    g_error ("published %" G_GUINT64_FORMAT " events, found %" G_GUINT64_FORMAT, expected, found);
  close (fd);
  bench_process_stop (server);
  bench_folder_remove (folder);
  printf ("%-34s %.2f M events/s, CPU of the server %.0f ns/event, of the publisher %.0f\n", "", (double) expected / seconds / 1e6,
          *server_us * 1e3, *publisher_us * 1e3);
  return (double) expected / seconds / 1e6;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new ("SYNOPTICD");
  g_autoptr (GError) error = NULL;
  g_autoptr (BenchSeries) rate = bench_series_new ("M events/s"), server = bench_series_new ("server"), publisher = bench_series_new ("publisher");
  g_autofree char *folder = bench_folder_new (NULL), *catalog = NULL;
  g_autoptr (GBytes) batch = NULL;
  GString *request;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 2 || n_events < 1 || n_keys < 1 || n_batch < 1 || n_connections < 1
      || n_projections < 1 || n_out < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: publish SYNOPTICD [OPTION]");
      return 2;
    }
  catalog = write_catalog (folder);
  request = make_request ();
  batch = make_batch ();
  for (int round = 0; round < n_rounds; round++)
    {
      double server_us, publisher_us;

      bench_series_add (rate, run_round (argv[1], catalog, request, batch, &server_us, &publisher_us));
      bench_series_add (server, server_us * 1e3);
      bench_series_add (publisher, publisher_us * 1e3);
    }
  printf ("%d keys, %d projections, %d connections, %d events a batch%s%s: %.2f M events/s ±%.0f%%; CPU ns/event: server %.0f, publisher %.0f\n", n_keys,
          n_projections, n_connections, n_batch, binary ? ", binary" : "", durable ? ", durable" : "",
          bench_series_median (rate), 100 * bench_series_spread (rate), bench_series_median (server), bench_series_median (publisher));
  g_string_free (request, TRUE);
  bench_folder_remove (folder);
  return 0;
}
