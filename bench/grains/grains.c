/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What grains cost: the memory of idle ones, cold activations, calls on a lane, messages from lane to lane. Each beside a floor that
 * does only what cannot be avoided, sampled in turns in the same run.
 *
 * Memory is counted in child processes (a heap that was used before says nothing), one with grains and one with plain allocations of the same
 * size. Activations and local calls run on a stepped silo, so that all of their work is on one thread; what crosses lanes runs on two
 * real ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "syn-grain-private.h"
#include "syn-silo-test.h"

static int n_activations = 1000000, n_cold = 100000, n_calls = 200000, n_messages = 1000000, n_trips = 20000, n_rounds = 9;

static void
check (gboolean ok, const char *what)
{
  if (ok)
    return;
  g_printerr ("grains: %s\n", what);
  exit (1);
}

/* ---- a grain that does nothing, a sender, a receiver ---- */

enum { NOTHING = 1, ANSWER, SEND, COUNT, TRIP };

#define BATCH 1000

static struct {
  GMainLoop *loop;
  gint64 to_send, received; /* each touched by one lane */
  guint in_flight;          /* batches */
  gint64 trips;
} flow;

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  return grain;
}

static void
deactivate (SynGrain *grain, gpointer state)
{
}

static void
idle_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  syn_message_reply (message, NULL, NULL);
}

static const SynGrainType idle_type = { .name = "idle", .idle_age_ms = 3600000, .activate = activate, .receive = idle_receive, .deactivate = deactivate };

static char *sender_key, *receiver_key;

static void send_batch (SynLane *lane);

static void
batch_done (gpointer payload, const GError *error, gpointer user_data)
{
  check (error == NULL, "a batch was refused");
  flow.in_flight--;
  if (flow.to_send > 0)
    send_batch (syn_lane_current ());
  else if (flow.in_flight == 0)
    g_main_loop_quit (flow.loop);
}

/* A batch is one-way messages, and a call behind them whose reply starts the next: two batches are on their way. */
static void
send_batch (SynLane *lane)
{
  SynCall call = { .type = "peer", .key = receiver_key, .method = COUNT };

  flow.to_send -= BATCH;
  flow.in_flight++;
  for (guint i = 0; i < BATCH - 1; i++)
    syn_call (lane, &call);
  call.reply = batch_done;
  syn_call (lane, &call);
}

static void
trip_done (gpointer payload, const GError *error, gpointer user_data)
{
  SynCall call = { .type = "peer", .key = receiver_key, .method = ANSWER, .reply = trip_done };

  if (--flow.trips > 0)
    syn_call (syn_lane_current (), &call);
  else
    g_main_loop_quit (flow.loop);
}

static void
peer_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynLane *lane = syn_grain_get_lane (grain);

  switch (syn_message_get_method (message))
    {
    case SEND:
      syn_message_reply (message, NULL, NULL);
      send_batch (lane);
      send_batch (lane);
      break;
    case TRIP:
      syn_message_reply (message, NULL, NULL);
      trip_done (NULL, NULL, NULL);
      break;
    case COUNT:
      flow.received++;
      syn_message_reply (message, NULL, NULL);
      break;
    default:
      syn_message_reply (message, NULL, NULL);
    }
}

static const SynGrainType peer_type = { .name = "peer", .activate = activate, .receive = peer_receive, .deactivate = deactivate };

/* ---- memory ---- */

static gpointer *kept_allocations;

/* Bytes a piece, of @n pieces, in a child of its own. */
static double
measure_memory (gboolean grains, int n)
{
  int ends[2];
  double bytes = 0;
  pid_t child;
  int status;

  check (pipe (ends) == 0, "no pipe");
  child = fork ();
  check (child >= 0, "no fork");
  if (child == 0)
    {
      SynSilo *silo = syn_silo_new_stepped (1, NULL, NULL);
      gsize before, after;
      char key[32];

      syn_silo_register (silo, &idle_type, NULL);
      syn_silo_start (silo, NULL, NULL);
      before = bench_process_rss_bytes (getpid ());
      if (!grains)
        kept_allocations = g_new (gpointer, n);
      for (int i = 0; i < n; i++)
        {
          SynCall call = { .type = "idle", .key = key, .method = NOTHING };

          g_snprintf (key, sizeof key, "user/%d", i);
          if (grains)
            syn_call (syn_silo_get_front_lane (silo), &call);
          else
            kept_allocations[i] = memset (g_malloc (sizeof (SynGrain) + strlen (key) + 1), 1, sizeof (SynGrain));
          if (i % 10000 == 9999)
            syn_silo_settle (silo);
        }
      syn_silo_settle (silo);
      after = bench_process_rss_bytes (getpid ());
      check (!grains || syn_silo_get_n_activations (silo, "idle") == (guint) n, "not all are active");
      bytes = (double) (after - before) / n;
      check (write (ends[1], &bytes, sizeof bytes) == sizeof bytes, "no answer");
      _exit (0);
    }
  check (read (ends[0], &bytes, sizeof bytes) == sizeof bytes, "no number from the child");
  check (waitpid (child, &status, 0) == child && status == 0, "the child failed");
  close (ends[0]);
  close (ends[1]);
  return bytes;
}

static void
bench_memory (void)
{
  g_autoptr (BenchSeries) ours = bench_series_new ("grains"), floor = bench_series_new ("g_malloc");

  for (int i = 0; i < MIN (n_rounds, 3); i++)
    {
      bench_series_add (floor, measure_memory (FALSE, n_activations));
      bench_series_add (ours, measure_memory (TRUE, n_activations));
    }
  bench_report ("an idle activation, resident", ours, floor, "bytes");
  printf ("%-34s %d of them: %.2f GB\n", "", n_activations, bench_series_median (ours) * n_activations / 1e9);
}

/* ---- one thread ---- */

static double
cold_us (int n)
{
  SynSilo *silo = syn_silo_new_stepped (1, NULL, NULL);
  double start_us;
  char key[32];

  syn_silo_register (silo, &idle_type, NULL);
  syn_silo_start (silo, NULL, NULL);
  start_us = bench_now_us ();
  for (int i = 0; i < n; i++)
    {
      SynCall call = { .type = "idle", .key = key, .method = NOTHING };

      g_snprintf (key, sizeof key, "user/%d", i);
      syn_call (syn_silo_get_front_lane (silo), &call);
      if (i % 1000 == 999)
        syn_silo_settle (silo);
    }
  syn_silo_settle (silo);
  start_us = bench_now_us () - start_us;
  check (syn_silo_get_n_activations (silo, "idle") == (guint) n, "not all are active");
  syn_silo_free (silo);
  return start_us;
}

static double
cold_floor_us (int n)
{
  g_autoptr (GHashTable) table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  double start_us = bench_now_us ();
  char key[32];

  for (int i = 0; i < n; i++)
    {
      char *grain;

      g_snprintf (key, sizeof key, "user/%d", i);
      grain = g_malloc0 (sizeof (SynGrain) + strlen (key) + 1);
      strcpy (grain, key);
      g_hash_table_add (table, grain);
    }
  return bench_now_us () - start_us;
}

static int n_answers;

static void
count_answer (gpointer payload, const GError *error, gpointer user_data)
{
  check (error == NULL, "a call failed");
  n_answers++;
}

static double
local_us (int n, guint timeout_ms)
{
  SynSilo *silo = syn_silo_new_stepped (1, NULL, NULL);
  SynLane *lane;
  double start_us;

  syn_silo_register (silo, &idle_type, NULL);
  syn_silo_start (silo, NULL, NULL);
  lane = syn_silo_get_lane (silo, 0);
  syn_silo_enter (silo, lane);
  n_answers = 0;
  start_us = bench_now_us ();
  for (int i = 0; i < n; i++)
    {
      SynCall call = { .type = "idle", .key = "user/1", .method = ANSWER, .timeout_ms = timeout_ms, .reply = count_answer };

      syn_call (lane, &call);
      if (i % 100 == 99)
        syn_silo_step (silo, lane);
    }
  syn_silo_settle (silo);
  start_us = bench_now_us () - start_us;
  check (n_answers == n, "answers are missing");
  syn_silo_enter (silo, syn_silo_get_front_lane (silo));
  syn_silo_free (silo);
  return start_us;
}

static void
answer_nothing (gpointer *record)
{
  record[0] = record;
}

/* A hundred at a time, as ours: a message and a record of the call each, and two calls by pointer. */
static double
local_floor_us (int n)
{
  void (*volatile func) (gpointer *) = answer_nothing;
  gpointer *records[200];
  double start_us = bench_now_us ();

  for (int i = 0; i < n; i += 100)
    {
      for (int k = 0; k < 200; k++)
        records[k] = g_malloc (k % 2 == 0 ? sizeof (SynMessage) : 64);
      for (int k = 0; k < 200; k++)
        {
          func (records[k]);
          g_free (records[k]);
        }
    }
  return bench_now_us () - start_us;
}

static void
bench_one_thread (void)
{
  g_autoptr (BenchSeries) cold = bench_series_new ("grains"), cold_floor = bench_series_new ("hash table");
  g_autoptr (BenchSeries) local = bench_series_new ("grains"), local_floor = bench_series_new ("g_malloc");
  g_autoptr (BenchSeries) timed = bench_series_new ("grains");

  for (int i = 0; i < n_rounds; i++)
    {
      bench_series_add (cold_floor, cold_floor_us (n_cold) * 1e3 / n_cold);
      bench_series_add (cold, cold_us (n_cold) * 1e3 / n_cold);
      bench_series_add (local_floor, local_floor_us (n_calls) * 1e3 / n_calls);
      bench_series_add (local, local_us (n_calls, 0) * 1e3 / n_calls);
      bench_series_add (timed, local_us (n_calls, 5000) * 1e3 / n_calls);
    }
  bench_report ("a cold activation, one core", cold, cold_floor, "ns");
  printf ("%-34s %.0f activations/s/core\n", "", 1e9 / bench_series_median (cold));
  bench_report ("a call and its reply, one lane", local, local_floor, "ns");
  bench_report ("the same, with a deadline", timed, local_floor, "ns");
}

/* ---- two threads ---- */

/* Keys of the two lanes of a silo of two. */
static char *
key_on (guint lane)
{
  for (guint i = 0;; i++)
    {
      g_autofree char *key = g_strdup_printf ("peer-%u", i);

      if (syn_partition_of ("peer", key) % 2 == lane)
        return g_steal_pointer (&key);
    }
}

static double
cross_us (int method, int n)
{
  SynSiloOptions options = { .n_lanes = 2 };
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  SynSilo *silo = syn_silo_new (&options, NULL);
  SynCall call = { .type = "peer", .key = sender_key, .method = method };
  double start_us;

  syn_silo_register (silo, &peer_type, NULL);
  check (syn_silo_start (silo, context, NULL), "no threads");
  flow.loop = loop;
  flow.to_send = flow.trips = n;
  flow.received = 0;
  flow.in_flight = 0;
  start_us = bench_now_us ();
  syn_call (syn_silo_get_front_lane (silo), &call);
  g_main_loop_run (loop);
  start_us = bench_now_us () - start_us;
  check (method != SEND || flow.received == MAX (n, 2 * BATCH), "messages are missing");
  syn_silo_free (silo);
  return start_us;
}

typedef struct {
  GAsyncQueue *queue;
  GMainContext *context;
  GAsyncQueue *answers; /* of those to be answered */
  GMainContext *answers_context;
  gint64 n;
} FloorEnd;

#define TO_BE_ANSWERED 1

static gpointer
floor_consumer (gpointer data)
{
  FloorEnd *self = data;

  while (self->n > 0)
    {
      gpointer item;

      while ((item = g_async_queue_try_pop (self->queue)) != NULL)
        {
          self->n--;
          if (*(int *) item == TO_BE_ANSWERED)
            {
              g_async_queue_push (self->answers, item);
              g_main_context_wakeup (self->answers_context);
            }
          else
            g_free (item);
        }
      if (self->n > 0)
        g_main_context_iteration (self->context, TRUE);
    }
  return NULL;
}

/* The same traffic through GAsyncQueue, the other thread being woken once per batch of @batch. */
static double
cross_floor_us (int n, int batch)
{
  FloorEnd end = { g_async_queue_new (), g_main_context_new (), g_async_queue_new (), g_main_context_new (), n };
  GThread *thread;
  double start_us = bench_now_us ();
  int sent = 0, in_flight = 0;

  thread = g_thread_new ("floor", floor_consumer, &end);
  while (sent < n || in_flight > 0)
    {
      gpointer item;

      while (sent < n && in_flight < (batch > 1 ? 2 : 1))
        {
          for (int i = 0; i < batch; i++)
            {
              int *message = g_malloc (sizeof (SynMessage));

              *message = i == batch - 1 ? TO_BE_ANSWERED : 0;
              g_async_queue_push (end.queue, message);
            }
          g_main_context_wakeup (end.context);
          sent += batch;
          in_flight++;
        }
      item = g_async_queue_try_pop (end.answers);
      if (item != NULL)
        {
          g_free (item);
          in_flight--;
        }
      else
        g_main_context_iteration (end.answers_context, TRUE);
    }
  start_us = bench_now_us () - start_us;
  g_thread_join (thread);
  g_async_queue_unref (end.queue);
  g_async_queue_unref (end.answers);
  g_main_context_unref (end.context);
  g_main_context_unref (end.answers_context);
  return start_us;
}

static void
bench_two_threads (void)
{
  g_autoptr (BenchSeries) batched = bench_series_new ("grains"), batched_floor = bench_series_new ("GAsyncQueue");
  g_autoptr (BenchSeries) trips = bench_series_new ("grains"), trips_floor = bench_series_new ("GAsyncQueue");

  sender_key = key_on (0);
  receiver_key = key_on (1);
  for (int i = 0; i < n_rounds; i++)
    {
      bench_series_add (batched_floor, cross_floor_us (n_messages, BATCH) * 1e3 / n_messages);
      bench_series_add (batched, cross_us (SEND, n_messages) * 1e3 / n_messages);
      bench_series_add (trips_floor, cross_floor_us (n_trips, 1) / n_trips);
      bench_series_add (trips, cross_us (TRIP, n_trips) / n_trips);
    }
  bench_report ("a message to another lane, batched", batched, batched_floor, "ns");
  printf ("%-34s %.2f M messages/s\n", "", 1e3 / bench_series_median (batched));
  bench_report ("a call to another lane and back", trips, trips_floor, "us");
  g_free (sender_key);
  g_free (receiver_key);
}

int
main (int argc, char **argv)
{
  const GOptionEntry entries[] = {
    { "activations", 0, 0, G_OPTION_ARG_INT, &n_activations, "Idle activations whose memory is counted (1000000)", "N" },
    { "cold", 0, 0, G_OPTION_ARG_INT, &n_cold, "Cold activations a round (100000)", "N" },
    { "calls", 0, 0, G_OPTION_ARG_INT, &n_calls, "Local calls a round, of 100 (200000)", "N" },
    { "messages", 0, 0, G_OPTION_ARG_INT, &n_messages, "Messages to another lane a round, of 1000 (1000000)", "N" },
    { "trips", 0, 0, G_OPTION_ARG_INT, &n_trips, "Calls to another lane a round (20000)", "N" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Samples of each (9)", "N" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("grains: %s\n", error->message);
      return 2;
    }
  bench_memory ();
  bench_one_thread ();
  bench_two_threads ();
  return 0;
}
