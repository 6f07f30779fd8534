/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long a publisher waits until a small durable publish is acknowledged: a real server, one connection, one event a request, one request after
 * the other; beside one write of as many bytes to the end of a file on the same disk, and fdatasync. Both in turns, one by one, so that whatever else the disk does
 * hits both.
 *
 *   latency SYNOPTICD [--requests N] [--rounds N] [--bytes N] [--folder DIR] */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

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

static char answer[4096]; /* the last one */

/* Its status; it is small. */
static int
exchange (int fd, const GString *request)
{
  gsize length = 0;

  if (write (fd, request->str, request->len) != (gssize) request->len)
    g_error ("write: %s", g_strerror (errno));
  for (;;)
    {
      gssize n = read (fd, answer + length, sizeof answer - 1 - length);
      const char *end, *size;

      if (n <= 0)
        g_error ("read: %s", n < 0 ? g_strerror (errno) : "the server has gone");
      length += (gsize) n;
      answer[length] = '\0';
      end = strstr (answer, "\r\n\r\n");
      size = end != NULL ? strcasestr (answer, "Content-Length:") : NULL;
      if (size != NULL && length >= (gsize) (end + 4 - answer) + strtoul (size + strlen ("Content-Length:"), NULL, 10))
        return atoi (answer + strlen ("HTTP/1.1 "));
    }
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double left = *(const double *) a, right = *(const double *) b;

  return left < right ? -1 : left > right;
}

static double
quantile (double *samples, double q)
{
  qsort (samples, (gsize) n_requests, sizeof *samples, compare);
  return samples[(gsize) ((double) (n_requests - 1) * q)];
}

/* A machine that is busy with others may be behind with applying what was acknowledged, and ask to wait: that is no sample. */
static double
publish_once (int fd, const GString *request)
{
  for (;;)
    {
      double begun_us = bench_now_us ();
      int status = exchange (fd, request);

      if (status == 200)
        return bench_now_us () - begun_us;
      if (status != 503)
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
  g_autofree char *dir = NULL, *catalog = NULL, *data = NULL, *file = NULL, *text = NULL, *body = NULL, *again = NULL, *command = NULL;
  g_autofree double *ours = NULL, *floor = NULL;
  BenchSeries *series[G_N_ELEMENTS (quantiles)][2];
  int socket_fd, file_fd;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2 || n_requests < 1 || n_rounds < 1 || n_bytes < 1 || n_bytes > 60000)
    g_error ("%s", error != NULL ? error->message : "usage: latency SYNOPTICD");
  dir = g_build_filename (folder != NULL ? folder : g_get_tmp_dir (), "synoptic-latency-XXXXXX", NULL);
  if (g_mkdtemp (dir) == NULL)
    g_error ("%s: %s", dir, g_strerror (errno));
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

    socket_fd = connect_to (process->port);
    text = g_strnfill ((gsize) n_bytes, 'x');
    body = g_strdup_printf ("{\"text\":\"%s\"}\n", text);
    g_string_printf (request, "POST /v1/sources/s/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\nContent-Length: %zu\r\n\r\n%s", strlen (body), body);
    while (exchange (socket_fd, request) == 503) /* it recovers for a moment */
      g_usleep (10000);
    file_fd = open (file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file_fd < 0)
      g_error ("%s: %s", file, g_strerror (errno));
    ours = g_new (double, n_requests);
    floor = g_new (double, n_requests);
    for (guint q = 0; q < G_N_ELEMENTS (quantiles); q++)
      for (guint i = 0; i < 2; i++)
        series[q][i] = bench_series_new (i == 0 ? "publish, acknowledged" : "write and fdatasync");
    for (gint round = 0; round < n_rounds; round++)
      {
        for (gint i = 0; i < n_requests; i++)
          {
            floor[i] = write_once (file_fd, body, strlen (body));
            ours[i] = publish_once (socket_fd, request);
          }
        for (guint q = 0; q < G_N_ELEMENTS (quantiles); q++)
          {
            bench_series_add (series[q][0], quantile (ours, quantiles[q]));
            bench_series_add (series[q][1], quantile (floor, quantiles[q]));
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
  command = g_strdup_printf ("rm -rf '%s'", dir);
  return system (command) != 0;
}
