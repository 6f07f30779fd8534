/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of questions with their readers, over two lanes of a stepped silo. */
#include "beacon-fixture.h"

typedef struct {
  guint n_calls;
  GString *text; /* "path:readers:waiting:lanes " each */
  guint64 n_more;
} Told;

static void
told_cb (GPtrArray *entries, guint64 n_more, gpointer user_data)
{
  Told *self = user_data;

  self->n_calls++;
  self->n_more = n_more;
  for (guint i = 0; i < entries->len; i++)
    {
      const SynBeaconEntry *entry = entries->pdata[i];

      g_string_append_printf (self->text, "%s:%u:%u:%u ", entry->path, entry->n_readers, entry->n_waiting, entry->n_lanes);
    }
}

static void
assert_list (Fixture *self, const char *type, guint max_entries, const char *expected, guint64 n_more)
{
  Told told = { .text = g_string_new (NULL) };

  syn_beacons_list (self->silo, type, max_entries, told_cb, &told);
  g_assert_cmpuint (told.n_calls, ==, 0);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (told.n_calls, ==, 1);
  g_assert_cmpstr (told.text->str, ==, expected);
  g_assert_cmpuint (told.n_more, ==, n_more);
  g_string_free (told.text, TRUE);
}

static void
test_list (Fixture *self, gconstpointer data)
{
  SynLane *lane = syn_silo_get_lane (self->silo, 1);
  SynLane *before = syn_silo_enter (self->silo, lane);
  Reader there = { .set = syn_beacon_set_for_lane (lane), .again = TRUE };
  Reader here = { .set = self->set, .again = TRUE }, answered = { .set = self->set }, other = { .set = self->set };

  poll_path (&there, "quotes", 10000);
  syn_silo_enter (self->silo, before);
  assert_list (self, "owner", 10, "quotes:1:1:1 ", 0);
  poll_path (&here, "quotes", 10000);
  poll_path (&answered, "QUOTES", 10000); /* has its answer, and has not polled again */
  poll_path (&other, "candles", 0);
  syn_silo_settle (self->silo);
  assert_list (self, "owner", 10, "quotes:3:2:2 candles:1:0:1 ", 0);
  assert_list (self, "owner", 1, "quotes:3:2:2 ", 1);
  assert_list (self, "another", 10, "", 0);
  /* Who goes is no reader; who polls another path is one of that. */
  reader_clear (&answered);
  other.token = REPLICA_TOKEN_NONE;
  poll_path (&other, "quotes", 10000);
  syn_silo_settle (self->silo);
  assert_list (self, "owner", 10, "quotes:3:2:2 candles:0:0:1 ", 0);
  reader_clear (&here);
  reader_clear (&other);
  before = syn_silo_enter (self->silo, lane);
  reader_clear (&there);
  syn_silo_enter (self->silo, before);
  syn_silo_advance (self->silo, SYN_BEACON_LIFE_MS);
  assert_list (self, "owner", 10, "", 0);
}

/* More questions than are listed, on one lane: the rest is counted. */
static void
test_bounded (Fixture *self, gconstpointer data)
{
  Reader readers[300] = { 0 };
  Told told = { .text = g_string_new (NULL) };

  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      g_autofree char *path = g_strdup_printf ("quotes%u", i);

      readers[i].set = self->set;
      poll_path (&readers[i], path, 10000);
    }
  syn_silo_settle (self->silo);
  syn_beacons_list (self->silo, "owner", SYN_MAX_STATUS_ENTRIES, told_cb, &told);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (told.n_calls, ==, 1);
  g_assert_cmpuint (told.n_more, ==, 300 - SYN_MAX_STATUS_ENTRIES);
  g_string_free (told.text, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    reader_clear (&readers[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_setup, func, fixture_teardown)
  ADD ("/beacon-list/list", test_list);
  ADD ("/beacon-list/bounded", test_bounded);
  return g_test_run ();
}
