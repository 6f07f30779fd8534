/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The descriptors of a lane: who has something is told so, at once, unless it is one of many that only put polls aside. On the front lane of a stepped
 * silo, so that a millisecond is a step of the test's. */
#include "syn-epoll-set.h"

#include <sys/socket.h>
#include <unistd.h>
#include "syn-limits.h"
#include "syn-silo-test.h"

#define N 300

typedef struct _Fixture Fixture;

typedef struct
{
  Fixture *fixture;
  int ours, theirs;
  gboolean parks; /* what it brings is a poll that waits */
  guint n_told;
} Member;

struct _Fixture
{
  SynSilo *silo;
  SynEpollSet *set;
  Member members[N];
  guint n_told;
};

static void
told (gpointer data, guint32 events)
{
  Member *member = data;
  char byte;

  g_assert_cmpuint (events, ==, EPOLLIN);
  g_assert_cmpint (read (member->ours, &byte, 1), ==, 1);
  member->n_told++;
  member->fixture->n_told++;
  if (member->parks)
    syn_epoll_set_note_parked (member->fixture->set);
}

static void
setup (Fixture *self, gconstpointer data)
{
  self->silo = syn_silo_new_stepped (1, NULL, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, NULL));
  self->set = syn_epoll_set_new (syn_silo_get_front_lane (self->silo), "test", told);
  for (guint i = 0; i < N; i++)
    {
      int pair[2];

      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), ==, 0);
      self->members[i] = (Member){ self, pair[0], pair[1], TRUE, 0 };
      g_assert_true (syn_epoll_set_add (self->set, pair[0], EPOLLIN, &self->members[i]));
    }
}

static void
teardown (Fixture *self, gconstpointer data)
{
  g_clear_pointer (&self->set, syn_epoll_set_free);
  for (guint i = 0; i < N; i++)
    {
      close (self->members[i].ours);
      close (self->members[i].theirs);
    }
  syn_silo_free (self->silo);
}

static void
bring (Fixture *self, guint from, guint n)
{
  for (guint i = from; i < from + n; i++)
    g_assert_cmpint (write (self->members[i].theirs, "x", 1), ==, 1);
  syn_silo_settle (self->silo);
}

static void
test_few (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 10; i++)
    {
      bring (self, 0, SYN_GATHER_POLLS - 1);
      g_assert_cmpuint (self->n_told, ==, (i + 1) * (SYN_GATHER_POLLS - 1));
    }
}

static void
test_many (Fixture *self, gconstpointer data)
{
  bring (self, 0, SYN_GATHER_POLLS);
  g_assert_cmpuint (self->n_told, ==, SYN_GATHER_POLLS);
  for (guint i = 0; i < 5; i++) /* a burst goes on: each look after its time, and all of them then */
    {
      bring (self, 20, 10);
      bring (self, 30, 10);
      g_assert_cmpuint (self->n_told, ==, SYN_GATHER_POLLS + 20 * i);
      syn_silo_advance (self->silo, SYN_GATHER_MS);
      g_assert_cmpuint (self->n_told, ==, SYN_GATHER_POLLS + 20 * (i + 1));
    }
  syn_silo_advance (self->silo, SYN_GATHER_MS); /* nothing came: it is over */
  bring (self, 0, 1);
  g_assert_cmpuint (self->n_told, ==, SYN_GATHER_POLLS + 101);
  for (guint i = 0; i < N; i++)
    g_assert_cmpuint (self->members[i].n_told, ==, i == 0 ? 2 : i < SYN_GATHER_POLLS ? 1 : i >= 20 && i < 40 ? 5 : 0);
}

/* What is more than one look takes does not wait for the next millisecond. */
static void
test_full (Fixture *self, gconstpointer data)
{
  bring (self, 0, N);
  g_assert_cmpuint (self->n_told, ==, N);
}

static void
test_answered (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < N; i++)
    self->members[i].parks = i % 4 != 0;
  for (guint i = 1; i <= 5; i++)
    {
      bring (self, 0, 100);
      g_assert_cmpuint (self->n_told, ==, 100 * i);
    }
}

static void
test_gone (Fixture *self, gconstpointer data)
{
  bring (self, 0, 100);
  bring (self, 0, 100);
  g_assert_cmpuint (self->n_told, ==, 100);
  syn_epoll_set_remove (self->set, self->members[3].ours);
  syn_epoll_set_change (self->set, self->members[4].ours, 0, &self->members[4]);
  syn_silo_advance (self->silo, SYN_GATHER_MS);
  g_assert_cmpuint (self->n_told, ==, 198);
  syn_epoll_set_change (self->set, self->members[4].ours, EPOLLIN, &self->members[4]);
  syn_silo_advance (self->silo, SYN_GATHER_MS);
  g_assert_cmpuint (self->n_told, ==, 199);
  bring (self, 10, 100);
  g_clear_pointer (&self->set, syn_epoll_set_free); /* while it gathers */
  self->set = syn_epoll_set_new (syn_silo_get_front_lane (self->silo), "test", told);
  syn_silo_advance (self->silo, 10 * SYN_GATHER_MS);
}

/* Descriptors of @context that have something. */
static int
count_ready (GMainContext *context)
{
  GPollFD fds[16];
  gint priority, timeout_ms, n_fds;

  g_assert_true (g_main_context_acquire (context));
  g_main_context_prepare (context, &priority);
  n_fds = g_main_context_query (context, G_MAXINT, &timeout_ms, fds, G_N_ELEMENTS (fds));
  g_assert_cmpint (n_fds, <=, (gint) G_N_ELEMENTS (fds));
  g_main_context_release (context);
  return g_poll (fds, (guint) n_fds, 0);
}

/* A look leaves nothing behind that the lane would wake for, as GLib's dispatching does by itself. */
static void
test_no_echo (Fixture *self, gconstpointer data)
{
  GMainContext *context = syn_lane_get_context (syn_silo_get_front_lane (self->silo));

  bring (self, 0, 1);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_assert_cmpint (count_ready (context), ==, 0);
  g_assert_cmpint (write (self->members[0].theirs, "x", 1), ==, 1);
  g_assert_cmpint (count_ready (context), ==, 1);
  g_assert_true (g_main_context_iteration (context, FALSE));
  g_assert_cmpuint (self->n_told, ==, 2);
  g_assert_cmpint (count_ready (context), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/epoll-set/few", Fixture, NULL, setup, test_few, teardown);
  g_test_add ("/epoll-set/many", Fixture, NULL, setup, test_many, teardown);
  g_test_add ("/epoll-set/full", Fixture, NULL, setup, test_full, teardown);
  g_test_add ("/epoll-set/answered", Fixture, NULL, setup, test_answered, teardown);
  g_test_add ("/epoll-set/gone", Fixture, NULL, setup, test_gone, teardown);
  g_test_add ("/epoll-set/no-echo", Fixture, NULL, setup, test_no_echo, teardown);
  return g_test_run ();
}
