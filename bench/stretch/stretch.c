/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Load shed by stretching, shown: one lane with more to do than time. A real server with one lane; a projection that many look at (*hot*), and dear
 * questions with one reader each (*dear*), all over WebSockets; somebody who publishes; and probes, polls that are answered at once. With stretching and without
 * (--max-stretch 1), in turns, each with a server of its own; then most of the questions go, and the time counts until nothing is stretched any more.
 *
 *   bench-stretch SYNOPTICD [--rounds N] [--questions N] [--readers N] [--rows N] [--settle S] [--seconds S]
 *
 * Ages are from when a snapshot was made, by the server's clock, to its token's arrival here: the same machine. A snapshot that comes less often is older for
 * longer on a screen; that is the interval between two, which is said beside it. */
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "ctl-load-crowd.h"
#include "ctl-load-histogram.h"
#include "ctl-load-reader.h"

#define INTERVAL_MS 250
#define HOT_ROWS 100
#define PUBLISH_MS 50
#define PROBE_US 20000
#define RETRY_MS 500
#define DROPPED_OF 8      /* when the load goes, one question of so many stays */
#define BACK_DEADLINE_S 60

static gint n_rounds = 5, n_questions = 350, n_readers = 200, n_rows = 4000, n_settle = 14, n_seconds = 8;

static const GOptionEntry entries[] = {
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds, each with stretching and without", "N" },
  { "questions", 0, 0, G_OPTION_ARG_INT, &n_questions, "Dear questions, with a reader each", "N" },
  { "readers", 0, 0, G_OPTION_ARG_INT, &n_readers, "Readers of the hot projection", "N" },
  { "rows", 0, 0, G_OPTION_ARG_INT, &n_rows, "Rows that the questions are about", "N" },
  { "settle", 0, 0, G_OPTION_ARG_INT, &n_settle, "Seconds before it counts", "S" },
  { "seconds", 0, 0, G_OPTION_ARG_INT, &n_seconds, "Seconds that count", "S" },
  { NULL }
};

static const char catalog_text[] =
  "{ \"sources\": [ { \"name\": \"trades\", \"kind\": \"http\", \"fields\": { \"symbol\": \"string\", \"desk\": \"int64\","
  "     \"price\": \"decimal(4)\", \"size\": \"int64\" } } ],"
  "  \"projections\": ["
  "   { \"name\": \"hot\", \"from\": \"trades\", \"key\": [\"desk\"], \"min_interval_ms\": 250, \"columns\": {"
  "     \"last\": \"last(price)\", \"volume\": \"sum(size)\", \"n\": \"count()\" } },"
  "   { \"name\": \"quotes\", \"from\": \"trades\", \"key\": [\"symbol\"], \"min_interval_ms\": 250, \"columns\": {"
  "     \"open\": \"first(price)\", \"last\": \"last(price)\", \"high\": \"max(price)\", \"low\": \"min(price)\","
  "     \"volume\": \"sum(size)\", \"n\": \"count()\", \"change\": \"last/open-1\" } } ] }";

/* ---- HTTP, blocking: who publishes, and looks at the status ---- */

static char *
request (guint16 port, const char *head, const char *body, gsize length)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_autofree char *text = g_strdup_printf ("%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\n"
                                           "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n", head, length);
  g_autoptr (GString) out = g_string_new (text);
  GString *answer = g_string_new (NULL);
  char buffer[65536];
  gssize got;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_string_append_len (out, body, (gssize) length);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    g_error ("cannot connect");
  for (gsize sent = 0; sent < out->len; sent += (gsize) got)
    {
      got = write (fd, out->str + sent, out->len - sent);
      if (got < 0)
        g_error ("cannot send");
    }
  while ((got = read (fd, buffer, sizeof buffer)) > 0)
    g_string_append_len (answer, buffer, got);
  close (fd);
  return g_string_free (answer, FALSE);
}

/* The number behind @name, from @text on; -1: there is none. */
static double
find_number (const char *text, const char *name)
{
  g_autofree char *key = g_strdup_printf ("\"%s\":", name);
  const char *at = strstr (text, key);

  return at != NULL ? g_ascii_strtod (at + strlen (key), NULL) : -1;
}

typedef struct {
  guint16 port;
  GRand *rand;
  GThread *thread;
  gint quit;        /* atomic */
  guint64 n_taken;  /* atomic: events that were acknowledged */
} Publisher;

static gboolean
publish (Publisher *self, guint first, guint n)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *answer = NULL;

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "{\"symbol\":\"SYM%05u\",\"desk\":%u,\"price\":%d.%04d,\"size\":%d}\n", (first + i) % (guint) n_rows, i % HOT_ROWS,
                            g_rand_int_range (self->rand, 10, 900), g_rand_int_range (self->rand, 0, 10000), g_rand_int_range (self->rand, 1, 10000));
  answer = request (self->port, "POST /v1/sources/trades/events", text->str, text->len);
  if (strstr (answer, " 200 ") == NULL)
    return FALSE; /* overloaded: it counts as not taken */
  __atomic_add_fetch (&self->n_taken, n, __ATOMIC_RELAXED);
  return TRUE;
}

/* All rows within an interval: each answer is computed from all of them. */
static gpointer
publish_on (gpointer data)
{
  Publisher *self = data;
  gint64 due_us = g_get_monotonic_time ();
  guint n = MAX ((guint) n_rows / 5, 1);

  for (guint first = 0; !__atomic_load_n (&self->quit, __ATOMIC_RELAXED); first = (first + n) % (guint) n_rows)
    {
      gint64 left_us = due_us - g_get_monotonic_time ();

      if (left_us > 0)
        g_usleep ((gulong) left_us);
      else
        due_us -= left_us; /* it is late, and catches up with nothing */
      due_us += PUBLISH_MS * 1000;
      publish (self, first, n);
    }
  return NULL;
}

/* ---- the readers ---- */

typedef enum { HOT, DEAR, PROBE, N_KINDS } Kind;

typedef struct {
  Kind kind;
  guint index;
  CtlLoadReader reader;
  ReplicaToken token;
  gint64 arrived_us; /* of its last snapshot; 0: none yet */
  gint64 due_us;     /* PROBE: of the poll that is out; 0: none */
  gint64 again_us;   /* after an error: when it asks again; 0: there was none */
  gboolean has_asked, has_gone;
} Reader;

typedef struct {
  guint n;
  Reader *each;
  CtlCrowd *crowd;
  char *authority;
  gboolean counts;
  CtlHistogram ages[N_KINDS];  /* a probe's: its round trip */
  CtlHistogram gaps[N_KINDS];  /* between two snapshots of one reader */
  guint64 n_failed;            /* polls, with an error */
} Readers;

static void
ask (Readers *self, Reader *reader, ReplicaToken token, guint hold_ms)
{
  char out[CTL_LOAD_REQUEST_MAX + 3 * 512];
  g_autofree char *path = reader->kind == DEAR
                              ? g_strdup_printf ("quotes?where=%s&sort=-change&limit=%u", "lower(symbol)%20~%20%22*s*m*%22%20and%20last%20*%20volume%20%3E%201", 50 + reader->index)
                              : g_strdup ("hot");
  gsize n = ctl_load_write_poll (out, CTL_LOAD_WS, self->authority, 1, reader->has_asked ? NULL : path, token, hold_ms, 0);

  reader->has_asked = TRUE;
  ctl_crowd_send (self->crowd, reader->index, out, n);
}

static void
on_snapshot (Readers *self, Reader *reader, const CtlLoadEvent *event)
{
  gint64 now_us = g_get_monotonic_time ();

  if (self->counts && reader->kind == PROBE)
    ctl_histogram_add (&self->ages[PROBE], now_us - reader->due_us);
  else if (self->counts)
    ctl_histogram_add (&self->ages[reader->kind], g_get_real_time () - event->time_us);
  if (self->counts && reader->arrived_us != 0)
    ctl_histogram_add (&self->gaps[reader->kind], now_us - reader->arrived_us);
  reader->arrived_us = now_us;
  reader->token = event->token;
}

static void
on_event (Readers *self, Reader *reader, const CtlLoadEvent *event)
{
  switch (event->kind)
    {
    case CTL_LOAD_MORE:
    case CTL_LOAD_PING:
      break;
    case CTL_LOAD_UPGRADED:
      if (reader->kind != PROBE)
        ask (self, reader, reader->token, REPLICA_WIRE_HOLD_MAX_MS);
      break;
    case CTL_LOAD_HEAD:
      if (event->answer == CTL_LOAD_ERROR) /* a lane that is full may not answer its own questions in time */
        {
          reader->again_us = g_get_monotonic_time () + MAX ((gint64) event->retry_ms, RETRY_MS) * 1000;
          self->n_failed += self->counts;
        }
      if (event->answer == CTL_LOAD_SNAPSHOT)
        on_snapshot (self, reader, event);
      break;
    case CTL_LOAD_ANSWER:
      reader->due_us = 0;
      if (reader->kind != PROBE && reader->again_us == 0)
        ask (self, reader, reader->token, REPLICA_WIRE_HOLD_MAX_MS);
      break;
    case CTL_LOAD_CLOSE:
    case CTL_LOAD_FAIL:
      g_error ("a connection failed: %s", event->kind == CTL_LOAD_FAIL ? event->reason : "closed");
    }
}

static void
opened_cb (guint member, gpointer data)
{
  Readers *self = data;
  char out[CTL_LOAD_REQUEST_MAX];

  self->each[member].reader.transport = CTL_LOAD_WS;
  ctl_crowd_send (self->crowd, member, out, ctl_load_write_upgrade (out, self->authority));
}

static void
received_cb (guint member, const guint8 *bytes, gsize length, gpointer data)
{
  Readers *self = data;
  CtlLoadEvent event;

  do
    {
      gsize used = ctl_load_reader_next (&self->each[member].reader, bytes, length, &event);

      bytes += used;
      length -= used;
      on_event (self, &self->each[member], &event);
    }
  while (event.kind != CTL_LOAD_MORE);
}

static void
ended_cb (guint member, int error, gpointer data)
{
  g_error ("a connection ended: %s", error != 0 ? g_strerror (error) : "the server closed it");
}

static Readers *
readers_new (guint16 port)
{
  static const CtlCrowdFuncs funcs = { .opened = opened_cb, .received = received_cb, .ended = ended_cb };
  g_autoptr (GError) error = NULL;
  Readers *self = g_new0 (Readers, 1);

  self->n = (guint) (n_readers + n_questions + 1);
  self->each = g_new0 (Reader, self->n);
  self->authority = g_strdup_printf ("127.0.0.1:%u", port);
  self->crowd = ctl_crowd_new ("127.0.0.1", port, self->n, 0, &funcs, self, &error);
  if (self->crowd == NULL)
    g_error ("%s", error->message);
  for (guint i = 0; i < self->n; i++)
    {
      self->each[i].index = i;
      self->each[i].kind = i < (guint) n_readers ? HOT : i < self->n - 1 ? DEAR : PROBE;
      ctl_crowd_open (self->crowd, i);
      ctl_crowd_turn (self->crowd, 0);
    }
  return self;
}

static void
readers_free (Readers *self)
{
  ctl_crowd_free (self->crowd);
  for (guint i = 0; i < self->n; i++)
    ctl_load_reader_clear (&self->each[i].reader);
  g_free (self->each);
  g_free (self->authority);
  g_free (self);
}

static void
readers_run (Readers *self, double seconds)
{
  gint64 end_us = g_get_monotonic_time () + (gint64) (seconds * 1e6), next_us = g_get_monotonic_time ();
  Reader *probe = &self->each[self->n - 1];

  for (gint64 now_us = next_us; now_us < end_us; now_us = g_get_monotonic_time ())
    {
      /* One at a time; when the answer is late, what was due meanwhile is asked then, and has waited since it was due. */
      if (probe->due_us == 0 && now_us >= next_us && probe->reader.transport == CTL_LOAD_WS)
        {
          probe->due_us = MAX (next_us, 1);
          next_us += PROBE_US;
          ask (self, probe, REPLICA_TOKEN_NONE, 0);
        }
      for (guint i = 0; i < self->n; i++)
        if (self->each[i].again_us != 0 && self->each[i].again_us <= now_us && !self->each[i].has_gone)
          {
            self->each[i].again_us = 0;
            if (self->each[i].kind != PROBE)
              ask (self, &self->each[i], self->each[i].token, REPLICA_WIRE_HOLD_MAX_MS);
          }
      ctl_crowd_turn (self->crowd, (int) CLAMP ((next_us - now_us) / 1000, 1, 20));
    }
}

/* Most of the load goes. */
static void
readers_drop (Readers *self)
{
  for (guint i = 0; i < self->n; i++)
    if (self->each[i].kind == DEAR && self->each[i].index % DROPPED_OF != 0)
      {
        ctl_crowd_close (self->crowd, i);
        self->each[i].has_gone = TRUE;
      }
}

/* ---- a round ---- */

enum {
  HOT_P50, HOT_P99, HOT_GAP, HOT_GAP_P99, DEAR_P50, DEAR_P99, DEAR_GAP, PROBE_P50, PROBE_P99, FAILED, EVENTS, BUSY, CORE, STRETCHED, WORST, HOT_STRETCHED, BACK, N_FIGURES
};

static const struct {
  const char *what, *unit;
  gboolean is_both; /* measured with stretching and without */
} figures[N_FIGURES] = {
  { "hot: age on arrival, p50", "ms", TRUE },
  { "hot: age on arrival, p99", "ms", TRUE },
  { "hot: between two snapshots, p50", "ms", TRUE },
  { "hot: between two snapshots, p99", "ms", TRUE },
  { "dear: age on arrival, p50", "ms", TRUE },
  { "dear: age on arrival, p99", "ms", TRUE },
  { "dear: between two snapshots, p50", "ms", TRUE },
  { "polls answered at once, p50", "ms", TRUE },
  { "polls answered at once, p99", "ms", TRUE },
  { "polls that failed (too late)", "", TRUE },
  { "events taken, a second", "", TRUE },
  { "lane busy, of what it could have", "%", TRUE },
  { "lane's share of a core", "%", TRUE },
  { "stretched", "", FALSE },
  { "worst factor", "", FALSE },
  { "readers of hot for whom it is stretched", "", FALSE },
  { "until all is as it was, load gone", "s", FALSE },
};

static double
ms_of (const CtlHistogram *histogram, double quantile)
{
  return (double) ctl_histogram_quantile (histogram, quantile) / 1000;
}

/* Of lane 0. */
static char *
get_status (guint16 port)
{
  g_autofree char *text = request (port, "GET /v1/status", "", 0);
  const char *lanes = strstr (text, "\"lanes\":[");

  if (lanes == NULL)
    g_error ("no status: %s", text);
  return g_strdup (lanes);
}

/* Whether hot is stretched: it has the most readers, so it is listed before all that are stretched as far. */
static gboolean
is_hot_stretched (const char *status)
{
  const char *list = strstr (status, "\"stretched\":[");
  g_autofree char *items = g_strndup (list, strcspn (list, "]"));

  return strstr (items, "\"path\":\"hot\"") != NULL;
}

static double
wait_until_back (guint16 port, Readers *readers)
{
  gint64 start_us = g_get_monotonic_time ();

  for (;;)
    {
      double seconds = (double) (g_get_monotonic_time () - start_us) / 1e6;
      g_autofree char *status = get_status (port);

      if (find_number (status, "stretched") == 0 || seconds > BACK_DEADLINE_S)
        return seconds;
      readers_run (readers, 0.25);
    }
}

static void
run (const char *synopticd, const char *catalog_path, const char *folder, gboolean stretches, double out[N_FIGURES])
{
  g_autofree char *data_path = g_build_filename (folder, stretches ? "with" : "without", NULL);
  BenchProcess *server = bench_process_start ((const char *const[]) { synopticd, "--catalog", catalog_path, "--data", data_path, "--listen", "127.0.0.1:0",
                                                                      "--lanes", "1", "--max-stretch", stretches ? "8" : "1", NULL });
  Publisher publisher = { .port = server->port, .rand = g_rand_new_with_seed (1) };
  Readers *readers;
  double cpu_us, n_taken;
  gint64 start_us, passed_us;
  g_autofree char *before = NULL, *after = NULL;

  for (gint first = 0; first < n_rows; first += 1000)
    if (!publish (&publisher, (guint) first, (guint) MIN (1000, n_rows - first)))
      g_error ("the rows were not taken");
  publisher.thread = g_thread_new ("publisher", publish_on, &publisher);
  readers = readers_new (server->port);
  readers_run (readers, n_settle);

  readers->counts = TRUE;
  n_taken = (double) __atomic_load_n (&publisher.n_taken, __ATOMIC_RELAXED);
  before = get_status (server->port);
  start_us = g_get_monotonic_time ();
  readers_run (readers, n_seconds);
  passed_us = g_get_monotonic_time () - start_us;
  after = get_status (server->port);
  n_taken = (double) __atomic_load_n (&publisher.n_taken, __ATOMIC_RELAXED) - n_taken;
  readers->counts = FALSE;
  cpu_us = find_number (after, "lane_cpu_us_total") - find_number (before, "lane_cpu_us_total");

  out[HOT_P50] = ms_of (&readers->ages[HOT], 0.5);
  out[HOT_P99] = ms_of (&readers->ages[HOT], 0.99);
  out[HOT_GAP] = ms_of (&readers->gaps[HOT], 0.5);
  out[HOT_GAP_P99] = ms_of (&readers->gaps[HOT], 0.99);
  out[DEAR_P50] = ms_of (&readers->ages[DEAR], 0.5);
  out[DEAR_P99] = ms_of (&readers->ages[DEAR], 0.99);
  out[DEAR_GAP] = ms_of (&readers->gaps[DEAR], 0.5);
  out[PROBE_P50] = ms_of (&readers->ages[PROBE], 0.5);
  out[PROBE_P99] = ms_of (&readers->ages[PROBE], 0.99);
  out[FAILED] = (double) readers->n_failed;
  out[EVENTS] = n_taken * 1e6 / (double) passed_us;
  out[BUSY] = find_number (after, "busy_percent");
  out[CORE] = cpu_us * 100 / (double) passed_us;
  out[STRETCHED] = find_number (after, "stretched");
  out[WORST] = find_number (after, "worst_stretch");
  out[HOT_STRETCHED] = is_hot_stretched (after) ? n_readers : 0;
  readers_drop (readers);
  out[BACK] = stretches ? wait_until_back (server->port, readers) : 0;

  __atomic_store_n (&publisher.quit, TRUE, __ATOMIC_RELAXED);
  g_thread_join (publisher.thread);
  g_rand_free (publisher.rand);
  readers_free (readers);
  bench_process_stop (server);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new ("SYNOPTICD");
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = NULL, *catalog_path = NULL;
  BenchSeries *with[N_FIGURES], *without[N_FIGURES];

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 2 || n_rounds < 1 || n_questions < 1 || n_readers < 1 || n_rows < 20 || n_rows > 99999
      || n_settle < 0 || n_seconds < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: bench-stretch SYNOPTICD [OPTION]");
      return 2;
    }
  if (!ctl_crowd_raise_limit ((guint) (n_readers + n_questions) + 50, &error))
    g_error ("%s", error->message);
  folder = g_dir_make_tmp ("bench-stretch-XXXXXX", &error);
  g_assert_no_error (error);
  catalog_path = g_build_filename (folder, "catalog.json", NULL);
  g_file_set_contents (catalog_path, catalog_text, -1, &error);
  g_assert_no_error (error);
  for (guint k = 0; k < N_FIGURES; k++)
    {
      with[k] = bench_series_new ("with");
      without[k] = bench_series_new ("without");
    }
  printf ("%d questions over %d rows, a reader each; hot with %d readers; every %d ms, on one lane; %d rounds\n", n_questions, n_rows, n_readers, INTERVAL_MS,
          n_rounds);
  for (int i = 0; i < n_rounds; i++)
    {
      double ours[N_FIGURES], floor[N_FIGURES];

      run (argv[1], catalog_path, folder, TRUE, ours);
      run (argv[1], catalog_path, folder, FALSE, floor);
      for (guint k = 0; k < N_FIGURES; k++)
        {
          bench_series_add (with[k], ours[k]);
          bench_series_add (without[k], floor[k]);
        }
      fprintf (stderr, "round %d: stretched %.0f, worst %.0fx, back after %.1f s; hot p99 %.0f | %.0f ms, every %.0f | %.0f ms; dear every %.0f | %.0f ms\n", i + 1,
               ours[STRETCHED], ours[WORST], ours[BACK], ours[HOT_P99], floor[HOT_P99], ours[HOT_GAP], floor[HOT_GAP], ours[DEAR_GAP], floor[DEAR_GAP]);
    }
  for (guint k = 0; k < N_FIGURES; k++)
    {
      if (figures[k].is_both)
        bench_report (figures[k].what, with[k], without[k], figures[k].unit);
      else
        printf ("%-44s with %.2f %s ±%.0f%%\n", figures[k].what, bench_series_median (with[k]), figures[k].unit, 100 * bench_series_spread (with[k]));
      bench_series_free (with[k]);
      bench_series_free (without[k]);
    }
  g_unlink (catalog_path);
  return 0;
}
