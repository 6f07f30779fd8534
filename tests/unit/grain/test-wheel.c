/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The timer wheel against a naive list of timers: the same seeded operations on both must fire the same timers, in order. */
#include "syn-wheel.h"

#define N_TIMERS 200

typedef struct {
  SynTimer timer;
  struct Fixture *fixture;
  gboolean armed; /* the reference: */
  gint64 due_ms;
  guint64 armed_in; /* the advance in whose callbacks it was armed; 0: outside */
} Entry;

typedef struct Fixture {
  SynWheel *wheel;
  GRand *rand;
  gint64 now_ms;     /* the reference's */
  guint64 advance;   /* counts them */
  gboolean advancing;
  guint n_fired;
  Entry entries[N_TIMERS];
} Fixture;

static void fired (SynTimer *timer, gpointer user_data);

static gint64
random_delay (GRand *rand)
{
  static const gint64 spans[] = { 1, 2, 64, 65, 4096, 4100, 300000, G_GINT64_CONSTANT (1) << 24, G_GINT64_CONSTANT (1) << 40 };
  gint64 span = spans[g_rand_int_range (rand, 0, G_N_ELEMENTS (spans))];

  return (gint64) (g_rand_double (rand) * (double) span) - g_rand_int_range (rand, 0, 4);
}

static void
arm (Fixture *self, Entry *entry, gint64 due_ms)
{
  syn_wheel_arm (self->wheel, &entry->timer, due_ms, fired, entry);
  entry->armed = TRUE;
  entry->due_ms = due_ms;
  entry->armed_in = self->advancing ? self->advance : 0;
}

static void
disarm (Fixture *self, Entry *entry)
{
  syn_wheel_disarm (self->wheel, &entry->timer);
  entry->armed = FALSE;
  g_assert_false (syn_timer_is_armed (&entry->timer));
}

static void
random_op (Fixture *self)
{
  Entry *entry = &self->entries[g_rand_int_range (self->rand, 0, N_TIMERS)];
  gint64 due_ms = self->now_ms + random_delay (self->rand);

  if (g_rand_int_range (self->rand, 0, 4) == 0)
    disarm (self, entry);
  else
    arm (self, entry, due_ms);
}

static void
fired (SynTimer *timer, gpointer user_data)
{
  Entry *entry = user_data;
  Fixture *self = entry->fixture;

  g_assert_true (timer == &entry->timer);
  g_assert_true (entry->armed);
  g_assert_true (self->advancing);
  g_assert_false (syn_timer_is_armed (timer));
  g_assert_cmpint (entry->due_ms, ==, timer->due_ms);
  g_assert_cmpint (entry->due_ms, <=, self->now_ms);
  /* Armed within this advance, it would have had to wait for the next. */
  g_assert_cmpuint (entry->armed_in, !=, self->advance);
  entry->armed = FALSE;
  self->n_fired++;
  while (g_rand_int_range (self->rand, 0, 3) == 0)
    random_op (self);
}

static guint
n_due (Fixture *self)
{
  guint n = 0;

  for (guint i = 0; i < N_TIMERS; i++)
    if (self->entries[i].armed && self->entries[i].due_ms <= self->now_ms && self->entries[i].armed_in != self->advance)
      n++;
  return n;
}

static void
check_next (Fixture *self)
{
  gint64 next_ms = syn_wheel_next_ms (self->wheel);
  gint64 true_ms = G_MAXINT64;

  for (guint i = 0; i < N_TIMERS; i++)
    {
      g_assert_cmpint (self->entries[i].armed, ==, syn_timer_is_armed (&self->entries[i].timer));
      if (self->entries[i].armed)
        true_ms = MIN (true_ms, self->entries[i].due_ms);
    }
  if (true_ms == G_MAXINT64)
    g_assert_cmpint (next_ms, ==, -1);
  else
    {
      g_assert_cmpint (next_ms, !=, -1);
      g_assert_cmpint (next_ms, <=, MAX (true_ms, self->now_ms));
    }
}

static void
test_against_list (gconstpointer data)
{
  guint32 seed = GPOINTER_TO_UINT (data);
  g_autofree Fixture *self = g_new0 (Fixture, 1);

  self->rand = g_rand_new_with_seed (seed);
  self->now_ms = g_rand_int_range (self->rand, 0, 1000000);
  self->wheel = syn_wheel_new (self->now_ms);
  for (guint i = 0; i < N_TIMERS; i++)
    self->entries[i].fixture = self;
  for (guint round = 0; round < 400; round++)
    {
      guint n_ops = (guint) g_rand_int_range (self->rand, 0, 20);
      gint64 delay_ms = random_delay (self->rand);
      guint n;

      for (guint i = 0; i < n_ops; i++)
        random_op (self);
      check_next (self);
      self->now_ms += MAX (0, delay_ms);
      self->advance++;
      self->advancing = TRUE;
      self->n_fired = 0;
      n = syn_wheel_advance (self->wheel, self->now_ms);
      self->advancing = FALSE;
      g_assert_cmpuint (n, ==, self->n_fired);
      g_assert_cmpuint (n_due (self), ==, 0); /* all that was due has fired, or was disarmed by a callback */
      check_next (self);
    }
  for (guint i = 0; i < N_TIMERS; i++)
    if (self->entries[i].armed)
      syn_wheel_disarm (self->wheel, &self->entries[i].timer);
  g_assert_cmpint (syn_wheel_next_ms (self->wheel), ==, -1);
  syn_wheel_free (self->wheel);
  g_rand_free (self->rand);
}

typedef struct {
  SynTimer timer;
  GArray *order;
} Mark;

static void
note (SynTimer *timer, gpointer user_data)
{
  Mark *mark = user_data;

  g_array_append_val (mark->order, timer->due_ms);
}

static void
test_order_and_jumps (void)
{
  static const gint64 dues[] = { 5, 63, 64, 65, 4095, 4096, 4097, 262144, 262145, 1000000007, G_GINT64_CONSTANT (1) << 45,
                                 G_MAXINT64 };
  g_autoptr (GArray) order = g_array_new (FALSE, FALSE, sizeof (gint64));
  SynWheel *wheel = syn_wheel_new (0);
  Mark marks[G_N_ELEMENTS (dues)];
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (dues); i++)
    {
      marks[i] = (Mark) { .order = order };
      syn_wheel_arm (wheel, &marks[i].timer, dues[G_N_ELEMENTS (dues) - 1 - i], note, &marks[i]);
    }
  /* One jump over nearly all of them: in order of their times. */
  g_assert_cmpuint (syn_wheel_advance (wheel, G_MAXINT64 - 1), ==, G_N_ELEMENTS (dues) - 1);
  for (guint i = 0; i < order->len; i++)
    g_assert_cmpint (g_array_index (order, gint64, i), ==, dues[i]);
  g_assert_cmpuint (syn_wheel_advance (wheel, G_MAXINT64), ==, 1);
  syn_wheel_free (wheel);

  /* Walking from one announced time to the next fires each exactly at its own. */
  wheel = syn_wheel_new (0);
  for (guint i = 0; i < G_N_ELEMENTS (dues); i++)
    syn_wheel_arm (wheel, &marks[i].timer, dues[i], note, &marks[i]);
  g_array_set_size (order, 0);
  for (gint64 now_ms = syn_wheel_next_ms (wheel); now_ms >= 0; now_ms = syn_wheel_next_ms (wheel))
    if (syn_wheel_advance (wheel, now_ms) == 1)
      g_assert_cmpint (g_array_index (order, gint64, n++), ==, now_ms);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (dues));
  syn_wheel_free (wheel);
}

typedef struct {
  SynTimer timer;
  SynWheel *wheel;
  guint n;
} Again;

static void
again (SynTimer *timer, gpointer user_data)
{
  Again *self = user_data;

  self->n++;
  syn_wheel_arm (self->wheel, timer, 0, again, self);
}

static void
test_past_waits_for_next_advance (void)
{
  Again self = { .wheel = syn_wheel_new (1000) };

  syn_wheel_arm (self.wheel, &self.timer, 10, again, &self);
  g_assert_cmpint (syn_wheel_next_ms (self.wheel), ==, 1000);
  for (guint i = 1; i <= 5; i++)
    {
      g_assert_cmpuint (syn_wheel_advance (self.wheel, 1000), ==, 1); /* not for ever */
      g_assert_cmpuint (self.n, ==, i);
    }
  g_assert_cmpuint (syn_wheel_advance (self.wheel, 5), ==, 1); /* time does not go back, what is late still fires */
  syn_wheel_free (self.wheel);
  g_assert_false (syn_timer_is_armed (&self.timer)); /* freeing disarms */
}

typedef struct {
  SynTimer timer;
  SynWheel *wheel;
  SynTimer *other;
} Killer;

static void
kill_other (SynTimer *timer, gpointer user_data)
{
  Killer *self = user_data;

  syn_wheel_disarm (self->wheel, self->other);
}

static void
test_disarm_of_same_moment (void)
{
  /* Two of the same millisecond disarm each other: exactly one fires. */
  SynWheel *wheel = syn_wheel_new (0);
  Killer a = { .wheel = wheel }, b = { .wheel = wheel };

  a.other = &b.timer;
  b.other = &a.timer;
  syn_wheel_arm (wheel, &a.timer, 100, kill_other, &a);
  syn_wheel_arm (wheel, &b.timer, 100, kill_other, &b);
  g_assert_cmpuint (syn_wheel_advance (wheel, 100), ==, 1);
  g_assert_cmpint (syn_wheel_next_ms (wheel), ==, -1);
  syn_wheel_free (wheel);
}

static void
free_it (SynTimer *timer, gpointer user_data)
{
  g_free (timer);
}

static void
test_callback_may_free (void)
{
  SynWheel *wheel = syn_wheel_new (0);

  for (guint i = 0; i < 100; i++)
    syn_wheel_arm (wheel, g_new0 (SynTimer, 1), i, free_it, NULL);
  g_assert_cmpuint (syn_wheel_advance (wheel, 1000), ==, 100);
  syn_wheel_free (wheel);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint seed = 1; seed <= 20; seed++)
    {
      g_autofree char *path = g_strdup_printf ("/wheel/against-list/%u", seed);

      g_test_add_data_func (path, GUINT_TO_POINTER (seed), test_against_list);
    }
  g_test_add_func ("/wheel/order-and-jumps", test_order_and_jumps);
  g_test_add_func ("/wheel/past-waits-for-next-advance", test_past_waits_for_next_advance);
  g_test_add_func ("/wheel/disarm-of-same-moment", test_disarm_of_same_moment);
  g_test_add_func ("/wheel/callback-may-free", test_callback_may_free);
  return g_test_run ();
}
