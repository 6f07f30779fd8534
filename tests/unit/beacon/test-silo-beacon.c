/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Silo beacons on a stepped silo: client → lane beacon → silo beacon → an upstream that does what the test says. */
#include "beacon-fixture.h"

#include "replica-snapshot-builder.h"
#include "syn-silo-beacon.h"

/* What was ordered, all paths together. */
static struct {
  guint n_follows, n_leaves, n_forgets;
  guint n_followed, max_followed;
  guint generation; /* of the last order */
  SynLane *lane;
} seen;

static void
follow (SynUpstreamPath *path, guint generation, SynLane *lane, gpointer data)
{
  g_assert_cmpstr (data, ==, "upstream");
  g_assert_true (syn_lane_current () == lane);
  seen.n_follows++;
  seen.n_followed++;
  seen.max_followed = MAX (seen.max_followed, seen.n_followed);
  seen.generation = generation;
  seen.lane = lane;
}

static void
leave (SynUpstreamPath *path, guint generation, gpointer data)
{
  seen.n_leaves++;
  seen.n_followed--;
  seen.generation = generation;
}

static void
forget (SynUpstreamPath *path, gpointer data)
{
  seen.n_forgets++;
}

static const SynUpwardOps ops = { follow, leave, forget };

static SynUpstreamPaths *paths;

static gboolean
resolve (const char *path, const char **type, char **canonical, gpointer user_data, GError **error)
{
  *type = SYN_SILO_BEACON_GRAIN;
  *canonical = syn_upstream_path_normalize (path);
  return TRUE;
}

static void
setup (Fixture *self, gconstpointer data)
{
  memset (&seen, 0, sizeof seen);
  paths = syn_upstream_paths_new (&ops, (gpointer) "upstream");
  self->silo = syn_silo_new_stepped (2, NULL, NULL);
  syn_silo_beacons_register (self->silo, paths);
  syn_beacons_set_resolver (self->silo, resolve, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, NULL));
  self->front = syn_silo_get_front_lane (self->silo);
  self->set = syn_beacon_set_for_lane (self->front);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  syn_silo_free (self->silo);
  g_assert_cmpuint (syn_upstream_paths_count (paths), ==, 0);
  syn_upstream_paths_unref (paths);
}

static ReplicaSnapshot *
make_snapshot (guint64 epoch, guint64 serial)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("quotes", (ReplicaToken) { epoch, serial }, 1700000000000000, 1);
  gint64 value = (gint64) serial;
  ReplicaColumn column = { .name = "n", .type = REPLICA_TYPE_INT64, .width = 8, .is_key = TRUE, .n_rows = 1, .data = &value };

  replica_snapshot_builder_add (builder, &column);
  return replica_snapshot_builder_finish (builder, NULL);
}

/* The upstream has a word on "quotes". Live since now, when @serial is not 0 with that snapshot. */
static void
tell_as (Fixture *self, SynUpward *upward)
{
  SynUpstreamPath *path = syn_upstream_path_get (paths, "quotes");
  gint64 now_ms = syn_lane_now_ms (self->front);
  gboolean live = upward->state == SYN_UPWARD_LIVE;

  if (live)
    syn_upstream_path_set_age (path, TRUE, now_ms, now_ms);
  else
    syn_upstream_path_set_age (path, FALSE, path->confirmed_ms, now_ms);
  syn_upstream_path_tell (path, seen.generation, seen.lane, upward);
  syn_upstream_path_unref (path);
  syn_silo_settle (self->silo);
}

static void
tell_live (Fixture *self, guint64 epoch, guint64 serial)
{
  SynUpward upward = { .state = SYN_UPWARD_LIVE };

  if (serial != 0)
    upward.snapshot = make_snapshot (epoch, serial);
  tell_as (self, &upward);
}

static void
tell_failed (Fixture *self, int code, gboolean away)
{
  SynUpward upward = { .state = SYN_UPWARD_FAILED, .away = away };

  upward.error = g_error_new_literal (SYN_ERROR, code, "the upstream is away");
  tell_as (self, &upward);
}

static guint
n_silo_beacons (Fixture *self)
{
  return syn_silo_get_n_activations (self->silo, SYN_SILO_BEACON_GRAIN);
}

/* However many wait, on whatever lane: one path followed, one snapshot, each lane's beacon is given the same one. */
static void
test_fan_out (Fixture *self, gconstpointer data)
{
  SynLane *lane = syn_silo_get_lane (self->silo, 0);
  Reader here[100] = { 0 }, there = { .set = NULL, .again = TRUE };
  SynLane *before;

  for (guint i = 0; i < G_N_ELEMENTS (here); i++)
    {
      here[i].set = self->set;
      here[i].again = TRUE;
      poll_path (&here[i], "quotes", 10000);
    }
  before = syn_silo_enter (self->silo, lane);
  there.set = syn_beacon_set_for_lane (lane);
  poll_path (&there, "quotes", 10000);
  syn_silo_enter (self->silo, before);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (seen.n_follows, ==, 1);
  g_assert_cmpuint (here[0].n_answers, ==, 0); /* nothing is known yet */
  for (guint serial = 1; serial <= 3; serial++)
    {
      tell_live (self, 7, serial);
      for (guint i = 0; i < G_N_ELEMENTS (here); i++)
        {
          g_assert_cmpuint (here[i].n_answers, ==, serial);
          g_assert_true (replica_token_equal (here[i].token, (ReplicaToken) { 7, serial })); /* tokens pass as they are */
          g_assert_true (here[i].snapshot == there.snapshot);
        }
      syn_silo_advance (self->silo, 1000);
    }
  g_assert_cmpuint (seen.n_follows, ==, 1);
  g_assert_cmpuint (status (self).beacons, ==, 2);
  g_assert_cmpuint (n_silo_beacons (self), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (here); i++)
    reader_clear (&here[i]);
  before = syn_silo_enter (self->silo, lane);
  reader_clear (&there);
  syn_silo_enter (self->silo, before);
}

/* Each level is born of the first poll, and gone two holds after its last. */
static void
test_life (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };

  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  tell_live (self, 7, 1);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_cmpuint (status (self).beacons, ==, 1);
  g_assert_cmpuint (n_silo_beacons (self), ==, 1);
  syn_waiter_withdraw (&reader.waiter);
  /* The lane beacon takes its poll back with its last reader; the path is followed a little longer. */
  syn_silo_advance (self->silo, SYN_SILO_BEACON_LEAVE_MS - 1);
  g_assert_cmpuint (seen.n_leaves, ==, 0);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpuint (seen.n_leaves, ==, 1);
  g_assert_cmpuint (seen.n_followed, ==, 0);
  syn_silo_advance (self->silo, SYN_BEACON_LIFE_MS - SYN_SILO_BEACON_LEAVE_MS - 1);
  g_assert_cmpuint (status (self).beacons, ==, 1);
  g_assert_cmpuint (n_silo_beacons (self), ==, 1);
  g_assert_cmpuint (seen.n_forgets, ==, 0);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  g_assert_cmpuint (n_silo_beacons (self), ==, 0);
  g_assert_cmpuint (seen.n_forgets, ==, 1);
  reader_clear (&reader);
  g_assert_cmpuint (syn_upstream_paths_count (paths), ==, 0);
}

/* Who comes back within that life is answered after the upstream was asked, and not from what may be old. */
static void
test_asks_again (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set }, other = { .set = self->set };

  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  tell_live (self, 7, 1);
  syn_waiter_withdraw (&reader.waiter);
  syn_silo_advance (self->silo, 10000);
  g_assert_cmpuint (seen.n_leaves, ==, 1);

  poll_path (&other, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (seen.n_follows, ==, 2);
  syn_silo_advance (self->silo, 500);
  g_assert_cmpuint (other.n_answers, ==, 0);
  tell_live (self, 7, 5);
  g_assert_cmpuint (other.n_answers, ==, 1);
  g_assert_cmpuint (other.token.serial, ==, 5);

  /* And an order that was left behind says nothing any more. */
  reader_clear (&other);
  syn_silo_advance (self->silo, 5000);
  seen.generation -= 1;
  tell_live (self, 7, 6);
  seen.generation += 1;
  other = (Reader) { .set = self->set };
  poll_path (&other, "quotes", 10000);
  syn_silo_settle (self->silo);
  tell_live (self, 7, 0);
  g_assert_cmpuint (other.token.serial, ==, 5);
  reader_clear (&other);
  reader_clear (&reader);
}

/* An upstream that says nothing: a poll without a hold ends in time all the same, one with a hold before its deadline. */
static void
test_silent (Fixture *self, gconstpointer data)
{
  Reader asking = { .set = self->set }, holding = { .set = self->set };

  poll_path (&asking, "quotes", 0);
  poll_path (&holding, "quotes", 10000);
  syn_silo_advance (self->silo, SYN_SILO_BEACON_PATIENCE_MS - 1);
  g_assert_cmpuint (asking.n_answers, ==, 0);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpuint (asking.n_answers, ==, 1);
  g_assert_cmpint (asking.code, ==, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpuint (holding.n_answers, ==, 1);
  g_assert_cmpint (holding.code, ==, SYN_ERROR_UNAVAILABLE); /* not TIMEOUT: the silo beacon has the last word */
  reader_clear (&asking);
  reader_clear (&holding);
}

static void
test_away (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set }, late = { .set = self->set };

  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  tell_live (self, 7, 1);
  g_assert_cmpuint (syn_waiter_get_age_ms (&reader.waiter), ==, 0);
  poll_path (&reader, NULL, 10000);
  syn_silo_advance (self->silo, 1500);
  /* Who holds the last one is told at once, and keeps it. */
  tell_failed (self, SYN_ERROR_UNAVAILABLE, TRUE);
  g_assert_cmpuint (reader.n_answers, ==, 2);
  g_assert_cmpint (reader.code, ==, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpstr (reader.text, ==, "the upstream is away");
  g_assert_cmpuint (reader.retry_ms, >, 0);
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.n_answers, ==, 3);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_ERROR);
  /* Who has none is given it, with its age. */
  syn_silo_advance (self->silo, 2500);
  poll_path (&late, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (late.n_answers, ==, 0); /* it is followed anew: */
  tell_failed (self, SYN_ERROR_UNAVAILABLE, TRUE);
  g_assert_cmpuint (late.n_answers, ==, 1);
  g_assert_cmpint (late.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_cmpuint (late.token.serial, ==, 1);
  g_assert_cmpuint (syn_waiter_get_age_ms (&late.waiter), ==, 4000);

  /* As long as it is away it is kept, though nobody looks; what nobody ever had is not there. */
  syn_waiter_withdraw (&reader.waiter);
  syn_waiter_withdraw (&late.waiter);
  syn_silo_advance (self->silo, 10 * SYN_BEACON_LIFE_MS);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  g_assert_cmpuint (n_silo_beacons (self), ==, 1);
  late.token = REPLICA_TOKEN_NONE;
  poll_path (&late, "quotes", 10000);
  syn_silo_settle (self->silo);
  tell_failed (self, SYN_ERROR_UNAVAILABLE, TRUE);
  g_assert_cmpint (late.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_cmpuint (syn_waiter_get_age_ms (&late.waiter), ==, 4000 + 10 * SYN_BEACON_LIFE_MS);

  /* It is back: with a new epoch, for it was restarted. */
  tell_live (self, 8, 1);
  poll_path (&late, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (late.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_cmpuint (late.token.epoch, ==, 8);
  g_assert_cmpuint (syn_waiter_get_age_ms (&late.waiter), ==, 0);
  syn_waiter_withdraw (&late.waiter);
  syn_silo_advance (self->silo, 3 * SYN_BEACON_LIFE_MS);
  g_assert_cmpuint (n_silo_beacons (self), ==, 0);
  reader_clear (&reader);
  reader_clear (&late);
}

/* A path that is not there any more is not shown, whoever asks. */
static void
test_not_found (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };

  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  tell_live (self, 7, 1);
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  tell_failed (self, SYN_ERROR_NOT_FOUND, FALSE);
  g_assert_cmpint (reader.code, ==, SYN_ERROR_NOT_FOUND);
  reader.token = REPLICA_TOKEN_NONE;
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (reader.code, ==, SYN_ERROR_NOT_FOUND);
  reader_clear (&reader);
}

/* Within an epoch tokens only go forward, whatever comes from above; another epoch is another life, whatever its number. */
static void
test_tokens (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set, .again = TRUE };

  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  tell_live (self, 7, 5);
  tell_live (self, 7, 4);
  g_assert_cmpuint (reader.token.serial, ==, 5);
  g_assert_cmpint (reader.code, ==, SYN_ERROR_INTERNAL);
  tell_live (self, 6, 9);
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.token.epoch, ==, 6);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  reader_clear (&reader);
}

/* While it is live, whatever is heard from the upstream confirms it; from when on, it says. */
static void
test_age (Fixture *self, gconstpointer data)
{
  SynUpstreamPath *path = syn_upstream_path_get (paths, "quotes");
  gint64 now_ms = syn_lane_now_ms (self->front);

  g_assert_cmpuint (syn_upstream_path_get_age_ms (path, now_ms), ==, 0);
  syn_upstream_path_set_age (path, TRUE, now_ms - 300, now_ms + 80);
  g_assert_cmpuint (syn_upstream_path_get_age_ms (path, now_ms + 700), ==, 1000);
  syn_upstream_paths_set_confirmed_ms (paths, now_ms + 79); /* the poll may not have been there yet */
  g_assert_cmpuint (syn_upstream_path_get_age_ms (path, now_ms + 700), ==, 1000);
  syn_upstream_paths_set_confirmed_ms (paths, now_ms + 80);
  g_assert_cmpuint (syn_upstream_path_get_age_ms (path, now_ms + 700), ==, 620);
  syn_upstream_path_set_age (path, FALSE, now_ms - 300, now_ms + 80);
  g_assert_cmpuint (syn_upstream_path_get_age_ms (path, now_ms + 700), ==, 1000);
  syn_upstream_path_unref (path);
}

/* Over the limit of paths it is not followed: the next poll tries again. */
static void
test_dropped (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };
  SynUpward upward = { .state = SYN_UPWARD_FAILED, .dropped = TRUE };

  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  upward.error = g_error_new_literal (SYN_ERROR, SYN_ERROR_OVERLOADED, "too many");
  tell_as (self, &upward);
  g_assert_cmpint (reader.code, ==, SYN_ERROR_OVERLOADED);
  g_assert_cmpuint (reader.retry_ms, >, 0);
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (seen.n_follows, ==, 2);
  tell_live (self, 7, 1);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  reader_clear (&reader);
}

static void
test_spelling (void)
{
  static const char *const cases[][2] = {
    { "market/quotes", "market/quotes" },
    { "market%2Fquotes", "market/quotes" },
    { "market/quotes?where=last%3e100", "market/quotes?where=last%3E100" },
    { "market/quotes?where=last>100", "market/quotes?where=last%3E100" },
    { "q?where=a%20%3D%3D%20b&limit=5", "q?limit=5&where=a+==+b" },
    { "q?limit=5&where=a+==+b", "q?limit=5&where=a+==+b" },
    { "q?where=x~%22A%26%2B%25%22", "q?where=x~%22A%26%2B%25%22" },
    { "q?where=gr%C3%B6sse", "q?where=gr%C3%B6sse" },
    { "q?where=gr\303\266sse", "q?where=gr%C3%B6sse" },
    { "a+b", "a%2Bb" }, /* a plus is one, before the question mark */
    { "q?where=%zz", "q?where=%zz" }, /* wrong ones go as they are: the upstream says what is wrong */
    { "q?where=%00", "q?where=%00" },
    { "q?where=1%", "q?where=1%" },
    { "q?a=1?b", "q?a=1?b" },
    { "q?%73ort=a&limit=1", "q?limit=1&sort=a" },
    { "", "" },
  };
  g_autofree char *much = g_strnfill (8000, '>');
  g_autofree char *path = g_strconcat ("q?where=", much, NULL);
  g_autofree char *same = syn_upstream_path_normalize (path);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = syn_upstream_path_normalize (cases[i][0]);
      g_autofree char *again = syn_upstream_path_normalize (text);

      g_assert_cmpstr (text, ==, cases[i][1]);
      g_assert_cmpstr (again, ==, text);
    }
  g_assert_cmpstr (same, ==, path); /* encoded it would be too long to be asked */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/silo-beacon/" name, Fixture, NULL, setup, func, teardown)
  ADD ("fan-out", test_fan_out);
  ADD ("life", test_life);
  ADD ("asks-again", test_asks_again);
  ADD ("silent", test_silent);
  ADD ("away", test_away);
  ADD ("not-found", test_not_found);
  ADD ("tokens", test_tokens);
  ADD ("age", test_age);
  ADD ("dropped", test_dropped);
  g_test_add_func ("/silo-beacon/spelling", test_spelling);
  return g_test_run ();
}
