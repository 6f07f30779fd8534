/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lanes: the order of posts from many threads, wake-ups, bounded slices, timers, slots, metrics. */
#include "syn-lane-private.h"
#include "syn-silo-test.h"

typedef struct {
  SynParcel parcel;
  guint sender, number;
} Numbered;

#define N_SENDERS 4
#define N_POSTS 20000

typedef struct {
  guint next[N_SENDERS];
  guint n_received; /* atomic */
  gboolean in_order;
  GThread *thread;
} Receiver;

static Receiver receiver;

static void
receive (SynLane *lane, SynParcel *parcel)
{
  Numbered *numbered = (Numbered *) parcel;

  g_assert_true (syn_lane_current () == lane);
  if (receiver.thread == NULL)
    receiver.thread = g_thread_self ();
  g_assert_true (receiver.thread == g_thread_self ());
  if (numbered->number != receiver.next[numbered->sender]++)
    receiver.in_order = FALSE;
  g_atomic_int_inc (&receiver.n_received);
  g_free (numbered);
}

typedef struct {
  SynLane *lane;
  guint sender;
} Sender;

static gpointer
send_many (gpointer data)
{
  Sender *sender = data;

  for (guint i = 0; i < N_POSTS; i++)
    {
      Numbered *numbered = g_new0 (Numbered, 1);

      numbered->parcel.run = receive;
      numbered->sender = sender->sender;
      numbered->number = i;
      syn_lane_post (sender->lane, &numbered->parcel);
    }
  return NULL;
}

static void
test_many_senders (void)
{
  SynSiloOptions options = { .n_lanes = 1 };
  g_autoptr (GMainContext) context = g_main_context_new ();
  SynSilo *silo = syn_silo_new (&options, NULL);
  GThread *threads[N_SENDERS];
  Sender senders[N_SENDERS];

  receiver = (Receiver) { .in_order = TRUE };
  g_assert_true (syn_silo_start (silo, context, NULL));
  for (guint i = 0; i < N_SENDERS; i++)
    {
      senders[i] = (Sender) { syn_silo_get_lane (silo, 0), i };
      threads[i] = g_thread_new ("sender", send_many, &senders[i]);
    }
  for (guint i = 0; i < N_SENDERS; i++)
    g_thread_join (threads[i]);
  /* Freeing drains: everything that was posted has run, on the lane's thread (a lost wake-up would hang here). */
  syn_silo_free (silo);
  g_assert_cmpuint (receiver.n_received, ==, N_SENDERS * N_POSTS);
  g_assert_true (receiver.in_order);
  g_assert_true (receiver.thread != g_thread_self ());
}

/* ---- ping-pong: each post finds the other lane asleep or about to be ---- */

typedef struct {
  SynParcel parcel;
  SynSilo *silo;
  guint left;
  GMainLoop *loop;
} Ball;

static void
bounce (SynLane *lane, SynParcel *parcel)
{
  Ball *ball = (Ball *) parcel;
  SynLane *front = syn_silo_get_front_lane (ball->silo);

  if (ball->left-- == 0)
    {
      g_main_loop_quit (ball->loop); /* any thread may */
      return;
    }
  syn_lane_post (lane == front ? syn_silo_get_lane (ball->silo, ball->left % 2) : front, parcel);
}

static void
test_ping_pong (void)
{
  SynSiloOptions options = { .n_lanes = 2 };
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  SynSilo *silo = syn_silo_new (&options, NULL);
  Ball ball = { .parcel.run = bounce, .silo = silo, .left = 10000, .loop = loop };

  g_assert_true (syn_silo_start (silo, context, NULL));
  syn_lane_post (syn_silo_get_lane (silo, 0), &ball.parcel);
  g_main_loop_run (loop);
  syn_silo_free (silo);
}

/* ---- stepped ---- */

static guint n_run;

static void
count_run (SynLane *lane, SynParcel *parcel)
{
  n_run++;
  g_free (parcel);
}

static gboolean
note_position (gpointer user_data)
{
  if (*(guint *) user_data == 0)
    *(guint *) user_data = n_run;
  return G_SOURCE_CONTINUE;
}

static void
test_bounded_slices (void)
{
  g_autoptr (SynSilo) silo = syn_silo_new_stepped (1, NULL, NULL);
  g_autoptr (GSource) source = g_idle_source_new ();
  SynLane *lane;
  guint seen_at = 0;

  g_assert_true (syn_silo_start (silo, NULL, NULL));
  lane = syn_silo_get_lane (silo, 0);
  syn_silo_settle (silo);
  n_run = 0;
  for (guint i = 0; i < 5000; i++)
    {
      SynParcel *parcel = g_new0 (SynParcel, 1);

      parcel->run = count_run;
      syn_lane_post (lane, parcel);
    }
  /* Another source of the same context gets its turn before all parcels have run. */
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, note_position, &seen_at, NULL);
  g_source_attach (source, syn_lane_get_context (lane));
  for (guint i = 0; i < 10 && n_run < 5000; i++)
    {
      guint before = n_run;

      g_assert_true (syn_silo_step (silo, lane));
      g_assert_cmpuint (n_run - before, <=, 1024);
    }
  g_assert_cmpuint (n_run, ==, 5000);
  g_assert_cmpuint (seen_at, >, 0);
  g_assert_cmpuint (seen_at, <, 5000);
  g_source_destroy (source);
}

static SynParcel *reposted;
static gboolean inside, ran_inside;

static void
second (SynLane *lane, SynParcel *parcel)
{
  ran_inside = inside;
  n_run++;
  g_free (parcel);
}

static void
first (SynLane *lane, SynParcel *parcel)
{
  inside = TRUE;
  syn_lane_post (lane, g_steal_pointer (&reposted));
  inside = FALSE;
  g_free (parcel);
}

static void
test_post_to_self (void)
{
  g_autoptr (SynSilo) silo = syn_silo_new_stepped (1, NULL, NULL);
  SynParcel *parcel = g_new0 (SynParcel, 1);

  g_assert_true (syn_silo_start (silo, NULL, NULL));
  n_run = 0;
  parcel->run = first;
  reposted = g_new0 (SynParcel, 1);
  reposted->run = second;
  syn_lane_post (syn_silo_get_lane (silo, 0), parcel);
  syn_silo_settle (silo);
  g_assert_cmpuint (n_run, ==, 1);
  g_assert_false (ran_inside);
}

typedef struct {
  SynTimer timer;
  SynLane *lane;
  GArray *times;
  guint period_ms;
} Ticker;

static void
tick (SynTimer *timer, gpointer user_data)
{
  Ticker *ticker = user_data;
  gint64 now_ms = syn_lane_now_ms (ticker->lane) - SYN_STEPPED_START_MS;

  g_assert_true (syn_lane_current () == ticker->lane);
  g_assert_cmpint (syn_lane_real_us (ticker->lane), ==, SYN_STEPPED_START_REAL_US + now_ms * 1000);
  g_array_append_val (ticker->times, now_ms);
  syn_lane_arm (ticker->lane, timer, ticker->period_ms, tick, ticker);
}

static void
test_timers (void)
{
  g_autoptr (SynSilo) silo = syn_silo_new_stepped (2, NULL, NULL);
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  Ticker tickers[2] = { { .times = times, .period_ms = 300 }, { .times = times, .period_ms = 450 } };
  static const gint64 expected[] = { 300, 450, 600, 900, 900, 1200, 1350, 1500 };

  g_assert_true (syn_silo_start (silo, NULL, NULL));
  for (guint i = 0; i < 2; i++)
    {
      tickers[i].lane = syn_silo_get_lane (silo, i);
      syn_lane_arm (tickers[i].lane, &tickers[i].timer, tickers[i].period_ms, tick, &tickers[i]);
    }
  syn_silo_advance (silo, 299);
  g_assert_cmpuint (times->len, ==, 0);
  syn_silo_advance (silo, 1300);
  g_assert_cmpuint (times->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < times->len; i++)
    g_assert_cmpint (g_array_index (times, gint64, i), ==, expected[i]);
  g_assert_cmpint (syn_silo_stepped_now_ms (silo), ==, SYN_STEPPED_START_MS + 1599);
  for (guint i = 0; i < 2; i++)
    syn_lane_disarm (tickers[i].lane, &tickers[i].timer);
}

static void
note_destroyed (gpointer data)
{
  SynLane **lane = data;

  *lane = syn_lane_current ();
}

static void
test_slots (void)
{
  SynSilo *silo = syn_silo_new_stepped (1, NULL, NULL);
  SynLane *destroyed_on = NULL;
  SynLane *lane;

  g_assert_true (syn_silo_start (silo, NULL, NULL));
  lane = syn_silo_get_lane (silo, 0);
  g_assert_null (syn_lane_get_slot (lane, SYN_LANE_SLOT_CONNECTIONS));
  syn_lane_set_slot (lane, SYN_LANE_SLOT_CONNECTIONS, &destroyed_on, note_destroyed);
  g_assert_true (syn_lane_get_slot (lane, SYN_LANE_SLOT_CONNECTIONS) == &destroyed_on);
  syn_silo_free (silo);
  g_assert_true (destroyed_on == lane); /* only compared: it is gone */
  g_assert_null (syn_lane_current ());
}

static void
test_metrics (void)
{
  SynMetric a = syn_metric_register (SYN_METRIC_COUNTER, "test_a_total", "A");
  SynMetric b = syn_metric_register (SYN_METRIC_GAUGE, "test_b", "B");
  g_autoptr (SynSilo) silo = syn_silo_new_stepped (2, NULL, NULL);
  SynMetricKind kind;
  const char *help;

  g_assert_cmpuint (a, !=, b);
  g_assert_cmpuint (syn_metric_register (SYN_METRIC_COUNTER, "test_a_total", "A"), ==, a);
  g_assert_cmpuint (syn_metrics_count (), >, MAX (a, b));
  g_assert_cmpstr (syn_metric_describe (b, &kind, &help), ==, "test_b");
  g_assert_cmpint (kind, ==, SYN_METRIC_GAUGE);
  g_assert_cmpstr (help, ==, "B");
  g_assert_null (syn_metric_describe (syn_metrics_count (), NULL, NULL));

  g_assert_true (syn_silo_start (silo, NULL, NULL));
  syn_metric_add (syn_silo_get_lane (silo, 0), a, 3);
  syn_metric_add (syn_silo_get_lane (silo, 1), a, 4);
  syn_metric_add (syn_silo_get_front_lane (silo), a, 5);
  syn_metric_add (syn_silo_get_lane (silo, 1), b, 2);
  syn_metric_add (syn_silo_get_lane (silo, 0), b, -7);
  g_assert_cmpint (syn_metric_get (syn_silo_get_lane (silo, 1), a), ==, 4);
  g_assert_cmpint (syn_metric_sum (silo, a), ==, 12);
  g_assert_cmpint (syn_metric_sum (silo, b), ==, -5);
  /* Lanes share no cache line. */
  g_assert_cmpuint ((gsize) syn_silo_get_lane (silo, 0) % SYN_CACHE_LINE, ==, 0);
  g_assert_cmpuint (sizeof (SynLane) % SYN_CACHE_LINE, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lane/many-senders", test_many_senders);
  g_test_add_func ("/lane/ping-pong", test_ping_pong);
  g_test_add_func ("/lane/bounded-slices", test_bounded_slices);
  g_test_add_func ("/lane/post-to-self", test_post_to_self);
  g_test_add_func ("/lane/timers", test_timers);
  g_test_add_func ("/lane/slots", test_slots);
  g_test_add_func ("/lane/metrics", test_metrics);
  return g_test_run ();
}
