/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reminders, on stepped silos one after the other over one folder: when they come, that they come at least once, and what of them
 * survives. The clock is the silo's own; while no silo runs, it goes on by `away_ms`. */
#include <stdio.h>
#include <string.h>

#include "store-fixture.h"
#include "syn-reminder-private.h"
#include "syn-silo-private.h"

enum { SET = 1, CLEAR, SET_AND_CLEAR, GET };

static struct {
  GString *log;      /* "[name@ms]" for each tick, ms since the first silo's start */
  gint64 away_ms;    /* by how much the present silo started later than the first */
  guint n_activated;
  guint n_fail;      /* so many ticks fail */
  gboolean keep;     /* ticks are not answered… */
  SynMessage *kept;  /* …but this one is, by hand, or at the end */
  SynGrain *kept_by;
  gboolean set_in_tick;
} world;

typedef struct {
  SynMessage *message; /* (nullable): to be replied to when it is durable */
} Sleeper;

static void
was_done (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  if (error != NULL)
    syn_message_fail (user_data, error);
  else
    syn_message_reply (user_data, NULL, NULL);
}

static gint64
elapsed_ms (SynGrain *grain)
{
  return (syn_lane_real_us (syn_grain_get_lane (grain)) - SYN_STEPPED_START_REAL_US) / 1000;
}

static gpointer
sleeper_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  world.n_activated++;
  return g_new0 (Sleeper, 1);
}

static void
sleeper_tick (SynGrain *grain, SynMessage *message)
{
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "not now");

  g_string_append_printf (world.log, "[%s@%" G_GINT64_FORMAT "]", (char *) syn_message_get_payload (message), elapsed_ms (grain));
  if (world.set_in_tick)
    syn_grain_set_reminder (grain, syn_message_get_payload (message), 7000, 0, NULL, NULL);
  if (world.n_fail > 0)
    {
      world.n_fail--;
      syn_message_fail (message, error);
    }
  else if (world.keep)
    {
      g_assert_null (world.kept);
      world.kept = message;
      world.kept_by = grain;
      syn_grain_hold (grain);
    }
  else
    syn_message_reply (message, NULL, NULL);
}

static void
sleeper_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  char name[256] = "";
  guint64 due_ms = 0, period_ms = 0;

  if (syn_message_get_method (message) == SYN_REMINDER_METHOD)
    {
      sleeper_tick (grain, message);
      return;
    }
  if (syn_message_get_payload (message) != NULL)
    g_assert_cmpint (sscanf (syn_message_get_payload (message), "%255s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, name, &due_ms, &period_ms),
                     >=, 1);
  switch (syn_message_get_method (message))
    {
    case SET:
      syn_grain_set_reminder (grain, name, due_ms, period_ms, was_done, message);
      break;
    case CLEAR:
      syn_grain_clear_reminder (grain, name, was_done, message);
      break;
    case SET_AND_CLEAR:
      syn_grain_set_reminder (grain, name, due_ms, period_ms, NULL, NULL);
      syn_grain_clear_reminder (grain, name, was_done, message);
      break;
    case GET:
      syn_message_reply (message, NULL, NULL);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
sleeper_deactivate (SynGrain *grain, gpointer state)
{
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "deactivated");

  if (world.kept != NULL)
    syn_message_fail (g_steal_pointer (&world.kept), error);
  g_free (state);
}

static const SynGrainType sleeper_type = {
  .name = "sleeper",
  .idle_age_ms = 500,
  .reentrant = TRUE, /* it is asked for things while it has a tick */
  .activate = sleeper_activate,
  .receive = sleeper_receive,
  .deactivate = sleeper_deactivate,
};

/* ---- the test's side ---- */

typedef struct {
  char *folder;
  SynSilo *silo;
} Fixture;

static void
start (Fixture *self, gboolean with_type)
{
  g_autoptr (GError) error = NULL;
  SynStore *store
    = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE, .vfs = BROKEN_VFS }, &error);

  g_assert_no_error (error);
  self->silo = syn_silo_new_stepped (3, NULL, &error);
  self->silo->stepped_us += world.away_ms * 1000;
  syn_silo_set_store (self->silo, store);
  if (with_type)
    syn_silo_register (self->silo, &sleeper_type, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, &error));
  syn_silo_settle (self->silo);
}

static void
stop (Fixture *self, gint64 down_ms)
{
  world.away_ms = syn_silo_stepped_now_ms (self->silo) - SYN_STEPPED_START_MS + down_ms;
  g_clear_pointer (&self->silo, syn_silo_free);
}

static void
setup (Fixture *self, gconstpointer data)
{
  memset (&world, 0, sizeof world);
  world.log = g_string_new (NULL);
  store_forget_warnings ();
  broken_vfs = (BrokenVfs){ 0 };
  self->folder = store_folder_new ();
  start (self, TRUE);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  g_clear_pointer (&self->silo, syn_silo_free);
  store_folder_remove (self->folder);
  g_string_free (world.log, TRUE);
}

static void
replied (gpointer payload, const GError *error, gpointer user_data)
{
  GError **copy = user_data;

  *copy = error != NULL ? g_error_copy (error) : g_error_new_literal (SYN_ERROR, 0, "done");
}

/* The error; code 0: none. */
static GError *
ask (Fixture *self, const char *key, int method, const char *text)
{
  GError *error = NULL;
  SynCall call = { .type = "sleeper", .key = key, .method = method, .payload = g_strdup (text), .payload_free = g_free,
                   .reply = replied, .user_data = &error };

  syn_call (syn_silo_get_front_lane (self->silo), &call);
  syn_silo_settle (self->silo);
  g_assert_nonnull (error);
  return error;
}

static void
tell (Fixture *self, const char *key, int method, const char *text)
{
  g_autoptr (GError) error = ask (self, key, method, text);

  g_assert_error (error, SYN_ERROR, 0);
}

static void
assert_refused (Fixture *self, int method, const char *text, int code, const char *message)
{
  g_autoptr (GError) error = ask (self, "k", method, text);

  g_assert_error (error, SYN_ERROR, code);
  if (strstr (error->message, message) == NULL)
    g_error ("\"%s\" is not in \"%s\"", message, error->message);
}

static void
assert_log (Fixture *self, gint64 ms, const char *log)
{
  syn_silo_advance (self->silo, ms);
  g_assert_cmpstr (world.log->str, ==, log);
  g_string_truncate (world.log, 0);
}

static guint
n_in_store (Fixture *self)
{
  guint n = 0;

  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    {
      g_auto (Answer) answer = store_list (self->silo, i);

      n += answer.reminders->len;
    }
  return n;
}

static void
reply_kept (void)
{
  syn_grain_release (world.kept_by);
  syn_message_reply (g_steal_pointer (&world.kept), NULL, NULL);
}

/* ---- tests ---- */

static void
test_once (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 3000");
  g_assert_cmpuint (n_in_store (self), ==, 1);
  assert_log (self, 2999, "");
  g_assert_cmpuint (syn_silo_get_n_activations (self->silo, "sleeper"), ==, 0); /* it is no reason to stay */
  assert_log (self, 1, "[a@3000]");
  g_assert_cmpuint (world.n_activated, ==, 2);
  g_assert_cmpuint (n_in_store (self), ==, 0);
  assert_log (self, 100000, "");
}

static void
test_periodic (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 500 2000");
  tell (self, "l", SET, "a 600 3000");
  assert_log (self, 7000, "[a@500][a@600][a@2500][a@3600][a@4500][a@6500][a@6600]");
  tell (self, "k", CLEAR, "a");
  tell (self, "k", CLEAR, "a"); /* also when there is none */
  assert_log (self, 3000, "[a@9600]");
  tell (self, "l", SET, "a 100 1000"); /* replaces it */
  assert_log (self, 1500, "[a@10100][a@11100]");
}

static void
test_restart (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "once 5000");
  tell (self, "k", SET, "missed 900");
  tell (self, "l", SET, "often 1000 2000");
  assert_log (self, 500, "");
  stop (self, 300); /* back before anything was due */
  start (self, TRUE);
  assert_log (self, 199, "[missed@900]");
  assert_log (self, 1, "[often@1000]");
  tell (self, "k", SET, "missed 1000");
  stop (self, 10500); /* once is missed at 5000, missed at 2000, often at 3000, 5000, 7000, 9000, 11000 */
  start (self, TRUE);
  g_assert_cmpuint (strlen (world.log->str), ==, strlen ("[once@11500][missed@11500][often@11500]"));
  g_assert_nonnull (strstr (world.log->str, "[once@11500]"));
  g_assert_nonnull (strstr (world.log->str, "[missed@11500]"));
  g_assert_nonnull (strstr (world.log->str, "[often@11500]"));
  g_string_truncate (world.log, 0);
  assert_log (self, 5000, "[often@13000][often@15000]"); /* by its plan */
  g_assert_cmpuint (n_in_store (self), ==, 1);
  tell (self, "l", CLEAR, "often");
  stop (self, 0);
  start (self, TRUE);
  assert_log (self, 10000, "");
}

/* A slow grain: the next comes by the plan, none in the past, and never two at a time. */
static void
test_slow (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 1000 2000");
  world.keep = TRUE;
  assert_log (self, 6500, "[a@1000]");
  world.keep = FALSE;
  reply_kept ();
  assert_log (self, 3000, "[a@7000][a@9000]");
}

static void
test_failing (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 1000");
  world.n_fail = 3;
  assert_log (self, 20000, "[a@1000][a@2000][a@4000][a@8000]");
  g_assert_cmpstr (all_warnings->str, ==, "reminder \"a\" of sleeper/k failed, and comes again: not now\n");
  tell (self, "k", SET, "b 1000 1500");
  world.n_fail = 3;
  assert_log (self, 7000, "[b@21000][b@22000][b@23500][b@25000][b@25500][b@27000]");
  g_assert_cmpuint (n_in_store (self), ==, 1);
}

/* The process ends while the grain has the tick: it comes again. */
static void
test_at_least_once (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 1000");
  world.keep = TRUE;
  assert_log (self, 1500, "[a@1000]");
  stop (self, 0);
  world.keep = FALSE;
  start (self, TRUE);
  assert_log (self, 100, "[a@1500]");
  g_assert_cmpuint (n_in_store (self), ==, 0);
}

static void
test_set_in_its_tick (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 1000 2000");
  world.set_in_tick = TRUE;
  assert_log (self, 20000, "[a@1000][a@8000][a@15000]");
  world.set_in_tick = FALSE;
  assert_log (self, 20000, "[a@22000]");
  g_assert_cmpuint (n_in_store (self), ==, 0);
}

static void
test_cleared_in_its_tick (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 1000 2000");
  tell (self, "k", SET_AND_CLEAR, "b 1000");
  world.keep = TRUE;
  assert_log (self, 1000, "[a@1000]");
  tell (self, "k", CLEAR, "a");
  reply_kept ();
  assert_log (self, 10000, "");
  g_assert_cmpuint (n_in_store (self), ==, 0);
}

static void
test_disk (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 1000 1000");
  tell (self, "k", SET, "b 1500");
  broken_vfs.write_result = SQLITE_FULL;
  assert_refused (self, SET, "a 5000", SYN_ERROR_UNAVAILABLE, "database or disk is full");
  assert_refused (self, CLEAR, "a", SYN_ERROR_UNAVAILABLE, "database or disk is full");
  assert_refused (self, SET, "c 1", SYN_ERROR_UNAVAILABLE, "database or disk is full");
  /* It is as it was before; what was delivered is not delivered again and again for want of a disk. */
  assert_log (self, 3500, "[a@1000][b@1500][a@2000][a@3000]");
  broken_vfs.write_result = SQLITE_OK;
  assert_log (self, 1500, "[a@4000][a@5000]");
  g_assert_cmpuint (n_in_store (self), ==, 1);
}

/* The disk does not read at the start: the silo serves, and its reminders come as soon as they can be read. */
static void
test_not_read_at_first (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  SynStore *store;

  tell (self, "k", SET, "a 30000");
  tell (self, "k", SET, "b 31000");
  stop (self, 0);
  store = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE, .vfs = BROKEN_VFS }, &error);
  g_assert_no_error (error);
  broken_vfs.read_result = SQLITE_IOERR_READ;
  self->silo = syn_silo_new_stepped (3, NULL, &error);
  syn_silo_set_store (self->silo, store);
  syn_silo_register (self->silo, &sleeper_type, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, &error));
  syn_silo_settle (self->silo);
  g_assert_nonnull (strstr (all_warnings->str, "are not there yet: "));
  assert_log (self, 15000, "");
  broken_vfs.read_result = SQLITE_OK;
  tell (self, "k", SET, "b 1000"); /* known before the others are */
  assert_log (self, 15000, "[b@16000][a@30000]");
  g_assert_cmpuint (n_in_store (self), ==, 0);
}

static void
test_unknown_type (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 1000");
  stop (self, 0);
  start (self, FALSE);
  g_assert_nonnull (strstr (all_warnings->str, "1 reminders of partition "));
  g_assert_nonnull (strstr (all_warnings->str, "are of grain types that this silo does not have; they are kept"));
  syn_silo_advance (self->silo, 5000);
  stop (self, 0);
  start (self, TRUE);
  assert_log (self, 0, "[a@5000]");
}

static void
test_limits (Fixture *self, gconstpointer data)
{
  g_autofree char *name = g_strnfill (SYN_MAX_NAME_BYTES + 1, 'n');

  assert_refused (self, SET, "a 1000 999", SYN_ERROR_INVALID, "reminder \"a\" of sleeper/k: a period of 999 ms is shorter than 1000 ms");
  assert_refused (self, SET, "a 3155760000001", SYN_ERROR_INVALID, "a hundred years is the longest");
  assert_refused (self, SET, "a 1 18446744073709551615", SYN_ERROR_INVALID, "a hundred years is the longest");
  assert_refused (self, SET, name, SYN_ERROR_INVALID, "1 to 128 bytes");
  assert_refused (self, CLEAR, name, SYN_ERROR_INVALID, "1 to 128 bytes");
  self->silo->max_reminders = 2;
  tell (self, "k", SET, "a 3155760000000 3155760000000");
  tell (self, "k", SET, "b 1000");
  assert_refused (self, SET, "c 1000", SYN_ERROR_OVERLOADED, "sleeper/k: the grains of its partition have 2 reminders");
  tell (self, "k", SET, "a 500"); /* one that there is can be changed */
  tell (self, "k", CLEAR, "b");
  tell (self, "k", SET, "c 1000");
  assert_log (self, 1000, "[a@500][c@1000]");
}

/* More than one nap of the timer away. */
static void
test_far (Fixture *self, gconstpointer data)
{
  tell (self, "k", SET, "a 9000000");
  assert_log (self, 8999999, "");
  assert_log (self, 1, "[a@9000000]");
}

/* Cleared by a grain before the silo has read them at its start. */
static void
test_cleared_at_the_start (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GError *done = NULL;
  SynCall call = { .type = "sleeper", .key = "k", .method = CLEAR, .payload = g_strdup ("a"), .payload_free = g_free,
                   .reply = replied, .user_data = &done };
  SynStore *store;

  tell (self, "k", SET, "a 1000 1000");
  stop (self, 0);
  store = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE }, &error);
  self->silo = syn_silo_new_stepped (1, NULL, &error);
  syn_silo_set_store (self->silo, store);
  syn_silo_register (self->silo, &sleeper_type, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, &error));
  syn_call (syn_silo_get_front_lane (self->silo), &call);
  syn_silo_settle (self->silo);
  g_assert_error (done, SYN_ERROR, 0);
  g_error_free (done);
  assert_log (self, 5000, "");
  g_assert_cmpuint (n_in_store (self), ==, 0);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*run) (Fixture *self, gconstpointer data);
  } tests[] = {
    { "once", test_once },
    { "periodic", test_periodic },
    { "restart", test_restart },
    { "slow", test_slow },
    { "failing", test_failing },
    { "at-least-once", test_at_least_once },
    { "set-in-its-tick", test_set_in_its_tick },
    { "cleared-in-its-tick", test_cleared_in_its_tick },
    { "disk", test_disk },
    { "not-read-at-first", test_not_read_at_first },
    { "unknown-type", test_unknown_type },
    { "limits", test_limits },
    { "far", test_far },
    { "cleared-at-the-start", test_cleared_at_the_start },
  };

  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
  broken_vfs_register ();
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/reminder/", tests[i].path, NULL);

      g_test_add (path, Fixture, NULL, setup, tests[i].run, teardown);
    }
  return g_test_run ();
}
