/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * NDJSON over HTTP to a projection, the whole server and its publisher: real processes on loopback. This process posts the same prepared body over and
 * over, one request at a time on each of its connections, and the clock stops when the last batch has been taken in by every projection. The
 * bodies are made before; a request that is refused for want of room is sent again. What is published is counted by the projection, which is checked.
 *
 *   publish SYNOPTICD [--events N] [--keys N] [--batch N] [--connections N] [--projections N] [--rounds N] [--durable] */
#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

static gint n_events = 6000000, n_keys = 5000, n_batch = 20000, n_connections = 2, n_projections = 1, n_rounds = 5;
static gboolean durable;

static const GOptionEntry entries[] = {
  { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Events of one round", "N" },
  { "keys", 0, 0, G_OPTION_ARG_INT, &n_keys, "Distinct keys", "N" },
  { "batch", 0, 0, G_OPTION_ARG_INT, &n_batch, "Events of one request", "N" },
  { "connections", 0, 0, G_OPTION_ARG_INT, &n_connections, "Connections that publish", "N" },
  { "projections", 0, 0, G_OPTION_ARG_INT, &n_projections, "Projections of one conflation group", "N" },
  { "durable", 0, 0, G_OPTION_ARG_NONE, &durable, "A durable source: each request is on disk before it is answered", NULL },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { NULL }
};

typedef struct {
  guint16 port;
  GString *request;
  gint requests;
  double cpu_us;
} Publisher;

static int
connect_to (guint16 port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    g_error ("connect: %s", g_strerror (errno));
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

/* One request; the whole answer, whose end its Content-Length tells. */
static char *
exchange (int fd, const char *request, gsize length)
{
  g_autoptr (GString) answer = g_string_new (NULL);
  gsize wanted = G_MAXSIZE;

  while (length > 0)
    {
      gssize n = send (fd, request, length, MSG_NOSIGNAL);

      if (n <= 0)
        g_error ("send: %s", g_strerror (errno));
      request += n;
      length -= (gsize) n;
    }
  while (answer->len < wanted)
    {
      char buffer[65536];
      gssize n = recv (fd, buffer, sizeof buffer, 0);
      const char *head, *size;

      if (n <= 0)
        g_error ("recv: %s", n == 0 ? "closed" : g_strerror (errno));
      g_string_append_len (answer, buffer, n);
      head = strstr (answer->str, "\r\n\r\n");
      size = strstr (answer->str, "Content-Length: ");
      if (wanted == G_MAXSIZE && head != NULL && size != NULL && size < head)
        wanted = (gsize) (head + 4 - answer->str) + (gsize) g_ascii_strtoull (size + strlen ("Content-Length: "), NULL, 10);
    }
  return g_string_free (g_steal_pointer (&answer), FALSE);
}

static gpointer
publish (gpointer user_data)
{
  Publisher *self = user_data;
  int fd = connect_to (self->port);

  while (self->requests > 0)
    {
      g_autofree char *answer = exchange (fd, self->request->str, self->request->len);

      if (g_str_has_prefix (answer, "HTTP/1.1 200") || g_str_has_prefix (answer, "HTTP/1.1 202"))
        self->requests--;
      else if (g_str_has_prefix (answer, "HTTP/1.1 503"))
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

  return exchange (fd, request, strlen (request));
}

static char *
write_catalog (const char *folder)
{
  g_autoptr (GString) json = g_string_new ("{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\","
                                           "\"size\":\"int64\",\"time\":\"timestamp\",\"venue\":\"string\"}}],\"projections\":[");
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

static GString *
make_request (void)
{
  g_autoptr (GString) body = g_string_new (NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  GString *request = g_string_new (NULL);

  for (int i = 0; i < n_batch; i++)
    g_string_append_printf (body, "{\"symbol\":\"SYM%05d\",\"price\":%d.%04d,\"size\":%d,\"time\":\"2026-01-02T10:%02d:%02d.%06dZ\",\"venue\":\"XNY%c\"}\n",
                            g_rand_int_range (rand, 0, n_keys), g_rand_int_range (rand, 10, 900), g_rand_int_range (rand, 0, 10000),
                            g_rand_int_range (rand, 1, 100) * 100, i / 60 % 60, i % 60, g_rand_int_range (rand, 0, 1000000),
                            'A' + g_rand_int_range (rand, 0, 4));
  g_string_append_printf (request, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
                                   "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n", body->len);
  g_string_append_len (request, body->str, (gssize) body->len);
  return request;
}

/* Seconds from the first byte to the last event in the projections; CPU of the server and of this process, µs an event. */
static double
run_round (const char *synopticd, const char *catalog, GString *request, double *server_us, double *publisher_us)
{
  g_autofree char *folder = g_dir_make_tmp ("bench-publish-XXXXXX", NULL);
  const char *argv[] = { synopticd, "--catalog", catalog, "--data", folder, "--listen", "127.0.0.1:0", NULL };
  g_autofree Publisher *publishers = g_new0 (Publisher, n_connections);
  g_autofree GThread **threads = g_new0 (GThread *, n_connections);
  BenchProcess *server = bench_process_start (argv);
  int fd = connect_to (server->port), requests = MAX (n_events / n_batch / n_connections, 1);
  guint64 expected = (guint64) requests * (guint64) n_connections * (guint64) n_batch, found = 0;
  double start_us = bench_now_us (), cpu_us = bench_process_cpu_us (server->pid), seconds;
  g_autofree char *rows = NULL;

  for (int i = 0; i < n_connections; i++)
    {
      publishers[i] = (Publisher) { server->port, request, requests, 0 };
      threads[i] = g_thread_new ("publisher", publish, &publishers[i]);
    }
  *publisher_us = 0;
  for (int i = 0; i < n_connections; i++)
    {
      g_thread_join (threads[i]);
      *publisher_us += publishers[i].cpu_us;
    }
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
  g_autofree char *folder = g_dir_make_tmp ("bench-publish-XXXXXX", NULL), *catalog = NULL;
  GString *request;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 2 || n_events < 1 || n_keys < 1 || n_batch < 1 || n_connections < 1
      || n_projections < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: publish SYNOPTICD [OPTION]");
      return 2;
    }
  catalog = write_catalog (folder);
  request = make_request ();
  for (int round = 0; round < n_rounds; round++)
    {
      double server_us, publisher_us;

      bench_series_add (rate, run_round (argv[1], catalog, request, &server_us, &publisher_us));
      bench_series_add (server, server_us * 1e3);
      bench_series_add (publisher, publisher_us * 1e3);
    }
  printf ("%d keys, %d projections, %d connections%s: %.2f M events/s ±%.0f%%; CPU ns/event: server %.0f, publisher %.0f\n", n_keys, n_projections, n_connections, durable ? ", durable" : "",
          bench_series_median (rate), 100 * bench_series_spread (rate), bench_series_median (server), bench_series_median (publisher));
  g_string_free (request, TRUE);
  g_unlink (catalog);
  return 0;
}
