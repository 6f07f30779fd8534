/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaView against a scripted silo: another path, and the filter of what is typed. */

#include <string.h>

#include "fake-silo.h"
#include "replica-wire.h"

static void
test_set_path (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) parked = NULL, fresh = NULL, invalid = NULL, last = NULL;

  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  fake_wait_until (fake, seen.n == 1);
  parked = fake_take_poll (fake);

  replica_view_set_path (view, "a?where=last>1");
  g_assert_cmpstr (replica_view_get_path (view), ==, "a?where=last>1");
  g_assert_nonnull (replica_view_get_snapshot (view));
  /* The answer to the question before crosses with the new question: it is dropped. */
  fake_send_snapshot (fake, parked, 1, 2, 99);
  fresh = fake_take_poll (fake);
  g_assert_cmpuint (fake->withdrawn->len, ==, 1);
  g_assert_cmpuint (g_array_index (fake->withdrawn, guint32, 0), ==, parked->view);
  g_assert_cmpuint (fresh->view, !=, parked->view);
  g_assert_true (fresh->has_path);
  g_assert_cmpstr (fresh->path, ==, "a?where=last>1");
  g_assert_true (replica_token_equal (fresh->token, REPLICA_TOKEN_NONE));
  fake_settle (fake);
  g_assert_cmpuint (seen.n, ==, 1);
  fake_advance_ms (fake, 300);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 300000);
  fake_send_snapshot (fake, fresh, 8, 1, 20);
  fake_wait_until (fake, seen.n == 2);
  g_assert_cmpint (seen.value, ==, 20);
  g_assert_cmpuint (replica_view_get_n_skipped (view), ==, 0);
  g_assert_cmpuint (seen.n_added, ==, 2); /* another picture, not changes of the one before */
  g_assert_cmpuint (seen.n_changed, ==, 0);

  /* An error that asking again does not mend; another path is asked at once. */
  invalid = fake_take_poll (fake);
  fake_send_error (fake, invalid, REPLICA_ERROR_INVALID, 0, "nonsense");
  fake_wait_until (fake, replica_view_get_error (view) != NULL);
  replica_view_set_path (view, "b");
  last = fake_take_poll (fake);
  g_assert_cmpstr (last->path, ==, "b");

  /* What cannot even be sent is told, and costs no connection. */
  replica_view_set_path (view, "");
  g_assert_cmpstr (replica_view_get_error (view), ==, "The path is empty");
  {
    g_autofree char *giant = g_strnfill (REPLICA_WIRE_PATH_MAX + 1, 'x');

    replica_view_set_path (view, giant);
    g_assert_nonnull (strstr (replica_view_get_error (view), "longer than 8192"));
    giant[REPLICA_WIRE_PATH_MAX] = '\0';
    replica_view_set_path (view, giant);
    fake_answer (fake, 0, 1, 30);
    fake_wait_until (fake, seen.n == 3);
  }
  g_assert_cmpuint (fake->connections->len, ==, 1);
  fake_view_drop (view);
  fake_free (fake);
}

/* A filter on a path whose rows are not all here goes to the server too, when the typing pauses. */
static void
test_filter (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "q?sort=-last&limit=2", &seen);
  g_autoptr (FakePoll) parked = NULL, refined = NULL, again = NULL, plain = NULL;
  g_autofree char *question = NULL;

  replica_link_start (fake->link);
  replica_view_set_filter (view, "early"); /* before its columns are known */
  replica_view_set_filter (view, NULL);
  fake_answer (fake, 0, 1, 10);
  fake_wait_until (fake, seen.n == 1);
  parked = fake_take_poll (fake);

  replica_view_set_filter (view, "S");
  fake_advance_ms (fake, 100);
  replica_view_set_filter (view, "S1 \"*");
  fake_advance_ms (fake, 149);
  fake_settle (fake);
  g_assert_true (g_queue_is_empty (&fake->polls));
  fake_advance_ms (fake, 1);
  refined = fake_take_poll (fake);
  question = g_uri_unescape_string (refined->path, NULL);
  g_assert_cmpstr (question, ==,
                   "q?sort=-last&limit=2&where=(lower(`symbol`)~\"*s1*\") and (lower(`symbol`)~\"*\\\"\\\\**\")");
  g_assert_cmpuint (fake->withdrawn->len, ==, 1);
  g_assert_cmpuint (g_array_index (fake->withdrawn, guint32, 0), ==, parked->view);
  g_assert_cmpstr (replica_view_get_path (view), ==, "q?sort=-last&limit=2");
  fake_send_snapshot (fake, refined, 3, 1, 20);
  fake_wait_until (fake, seen.n == 2);
  g_assert_cmpint (seen.value, ==, 20);

  /* A server that cannot answer it is asked as before, and nobody is told. */
  again = fake_take_poll (fake);
  fake_send_error (fake, again, REPLICA_ERROR_INVALID, 0, "no column");
  plain = fake_take_poll (fake);
  g_assert_cmpstr (plain->path, ==, "q?sort=-last&limit=2");
  g_assert_null (replica_view_get_error (view));
  fake_send_snapshot (fake, plain, 1, 2, 30);
  fake_wait_until (fake, seen.n == 3);
  replica_view_set_filter (view, "S2");
  fake_advance_ms (fake, 200);
  fake_settle (fake);
  g_assert_cmpuint (g_queue_get_length (&fake->polls), ==, 1); /* the plain one, parked */
  fake_view_drop (view);
  fake_free (fake);
}

/* All rows are here: the server is not asked. */
static void
test_filter_is_local (void)
{
  static const char *const paths[] = { "q", "q?where=last%3E1", "q?select=lower(symbol)%20as%20symbol&limit=2" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      Fake *fake = fake_new ();
      FakeSeen seen;
      ReplicaView *view = fake_view_new (fake, paths[i], &seen);

      replica_link_start (fake->link);
      fake_answer (fake, 0, 1, 10);
      fake_wait_until (fake, seen.n == 1);
      replica_view_set_filter (view, "S1");
      fake_advance_ms (fake, 1000);
      fake_settle (fake);
      g_assert_cmpuint (fake->withdrawn->len, ==, 0);
      fake_view_drop (view);
      fake_free (fake);
    }
}

/* Typed and cleared again, it asks the path. */
static void
test_filter_cleared (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "q?limit=2", &seen);
  g_autoptr (FakePoll) parked = NULL, refined = NULL, plain = NULL, followed = NULL;

  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  fake_wait_until (fake, seen.n == 1);
  parked = fake_take_poll (fake);
  replica_view_set_filter (view, "s");
  fake_advance_ms (fake, 150);
  refined = fake_take_poll (fake);
  g_assert_nonnull (strstr (refined->path, "where="));
  replica_view_set_filter (view, "");
  fake_advance_ms (fake, 0);
  plain = fake_take_poll (fake);
  g_assert_cmpstr (plain->path, ==, "q?limit=2");

  /* The filter goes along to another path. */
  replica_view_set_filter (view, "s");
  fake_advance_ms (fake, 150);
  followed = fake_take_poll (fake);
  replica_view_set_path (view, "r?limit=3");
  do
    {
      g_clear_pointer (&followed, fake_poll_free);
      followed = fake_take_poll (fake);
    }
  while (strcmp (followed->path, "r?limit=3") == 0);
  g_assert_true (g_str_has_prefix (followed->path, "r?limit=3&where="));
  fake_view_drop (view);
  fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/view/set-path", test_set_path);
  g_test_add_func ("/view/filter", test_filter);
  g_test_add_func ("/view/filter-is-local", test_filter_is_local);
  g_test_add_func ("/view/filter-cleared", test_filter_cleared);
  return g_test_run ();
}
