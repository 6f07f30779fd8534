/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long a publisher waits until a small durable publish is acknowledged: a real server, one connection, one event a request, one request after
 * the other; beside one write of as many bytes to the end of a file on the same disk, and fdatasync. Both in turns, one by one, so that whatever else the disk does
 * hits both.
 *
 *   latency SYNOPTICD [--requests N] [--rounds N] [--bytes N] [--folder DIR] */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench-http.h"

static gint n_requests = 2000, n_rounds = 5, n_bytes = 200;
static char *folder;
static guint n_waited;

static const GOptionEntry entries[] = {
  { "requests", 0, 0, G_OPTION_ARG_INT, &n_requests, "Requests of one round", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { "bytes", 0, 0, G_OPTION_ARG_INT, &n_bytes, "Size of an event", "N" },
  { "folder", 0, 0, G_OPTION_ARG_FILENAME, &folder, "On which disk (that of temporary files)", "DIR" },
  { NULL }
};

/* A machine that is busy with others may be behind with applying what was acknowledged, and ask to wait: that is no sample. */
static double
publish_once (int fd, const GString *request)
{
  for (;;)
    {
      double begun_us = bench_now_us ();
      g_autofree char *answer = bench_exchange (fd, request->str, request->len);
      double elapsed_us = bench_now_us () - begun_us;

      if (bench_status_of (answer) == 200)
        return elapsed_us;
      if (bench_status_of (answer) != 503)
        g_error ("a request was refused: %s", answer);
      n_waited++;
      g_usleep (10000);
    }
}

static double
write_once (int fd, const char *bytes, gsize size)
{
  double begun_us = bench_now_us ();

  if (write (fd, bytes, size) != (gssize) size || fdatasync (fd) != 0)
    g_error ("write: %s", g_strerror (errno));
  return bench_now_us () - begun_us;
}

int
main (int argc, char **argv)
{
  static const double quantiles[] = { 0.5, 0.99 };
  g_autoptr (GOptionContext) context = g_option_context_new ("SYNOPTICD");
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) request = g_string_new (NULL);
  g_autofree char *dir = NULL, *catalog = NULL, *data = NULL, *file = NULL, *text = NULL, *body = NULL;
  BenchSeries *series[G_N_ELEMENTS (quantiles)][2];
  int socket_fd, file_fd;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2 || n_requests < 1 || n_rounds < 1 || n_bytes < 1 || n_bytes > 60000)
    g_error ("%s", error != NULL ? error->message : "usage: latency SYNOPTICD");
  dir = bench_folder_new (folder);
  catalog = g_build_filename (dir, "catalog.json", NULL);
  data = g_build_filename (dir, "data", NULL);
  file = g_build_filename (dir, "floor", NULL);
  g_file_set_contents (catalog,
                       "{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"durable\":true,\"fields\":{\"text\":\"string\"}}],"
                       "\"projections\":[{\"name\":\"p\",\"from\":\"s\",\"columns\":{\"n\":\"count()\"}}]}",
                       -1, NULL);
  {
    const char *const server[] = { argv[1], "--catalog", catalog, "--data", data, "--listen", "127.0.0.1:0", NULL };
    BenchProcess *process = bench_process_start (server);

    socket_fd = bench_connect (process->port);
    text = g_strnfill ((gsize) n_bytes, 'x');
    body = g_strdup_printf ("{\"text\":\"%s\"}\n", text);
    g_string_printf (request, "POST /v1/sources/s/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\nContent-Length: %zu\r\n\r\n%s", strlen (body), body);
    publish_once (socket_fd, request); /* it recovers for a moment */
    n_waited = 0;
    file_fd = open (file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file_fd < 0)
      g_error ("%s: %s", file, g_strerror (errno));
    for (guint q = 0; q < G_N_ELEMENTS (quantiles); q++)
      for (guint i = 0; i < 2; i++)
        series[q][i] = bench_series_new (i == 0 ? "publish, acknowledged" : "write and fdatasync");
    for (gint round = 0; round < n_rounds; round++)
      {
        g_autoptr (BenchSeries) ours = bench_series_new ("ours"), floor = bench_series_new ("floor");

        for (gint i = 0; i < n_requests; i++)
          {
            bench_series_add (floor, write_once (file_fd, body, strlen (body)));
            bench_series_add (ours, publish_once (socket_fd, request));
          }
        for (guint q = 0; q < G_N_ELEMENTS (quantiles); q++)
          {
            bench_series_add (series[q][0], bench_series_quantile (ours, quantiles[q]));
            bench_series_add (series[q][1], bench_series_quantile (floor, quantiles[q]));
          }
      }
    bench_report ("p50 of a small durable publish over HTTP", series[0][0], series[0][1], "us");
    printf ("%u times asked to wait\n", n_waited);
    bench_report ("p99", series[1][0], series[1][1], "us");
    for (guint q = 0; q < G_N_ELEMENTS (quantiles); q++)
      for (guint i = 0; i < 2; i++)
        bench_series_free (series[q][i]);
    close (socket_fd);
    close (file_fd);
    bench_process_stop (process);
  }
  bench_folder_remove (dir);
  return 0;
}
