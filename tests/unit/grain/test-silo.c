/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A silo as a process has it: its data folder, its threads, its drain. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "syn-data-dir.h"
#include "syn-error.h"
#include "syn-silo-private.h"

/* ---- the data folder ---- */

typedef struct {
  char *dir;
} Folder;

static void
folder_setup (Folder *self, gconstpointer data)
{
  self->dir = g_dir_make_tmp ("syn-test-XXXXXX", NULL);
  g_assert_nonnull (self->dir);
}

static void
folder_teardown (Folder *self, gconstpointer data)
{
  static const char *const files[] = { "lock", "format", "incarnation", "incarnation.new", "format.new" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (self->dir, files[i], NULL);

      g_unlink (path);
      g_rmdir (path);
    }
  g_assert_cmpint (g_rmdir (self->dir), ==, 0);
  g_free (self->dir);
}

static void
write_file (Folder *self, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (self->dir, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static char *
read_file (Folder *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->dir, name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

static guint32
open_and_close (const char *dir)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynDataDir) data_dir = NULL;
  guint32 incarnation = 0;

  data_dir = syn_data_dir_open (dir, &incarnation, &error);
  g_assert_no_error (error);
  g_assert_nonnull (data_dir);
  return incarnation;
}

static void
test_counts (Folder *self, gconstpointer data)
{
  g_autofree char *format = NULL, *incarnation = NULL, *expected = NULL;
  guint32 first = open_and_close (self->dir);

  /* A fresh folder starts beyond what a lost one can have counted to. */
  g_assert_cmpuint (first, >, 1500000000);
  for (guint32 i = 1; i <= 2; i++)
    g_assert_cmpuint (open_and_close (self->dir), ==, first + i);
  format = read_file (self, "format");
  incarnation = read_file (self, "incarnation");
  expected = g_strdup_printf ("%u\n", first + 2);
  g_assert_cmpstr (format, ==, "synoptic-data 1\n");
  g_assert_cmpstr (incarnation, ==, expected);
  /* What a crash left beside does not matter. */
  write_file (self, "incarnation.new", "99");
  g_assert_cmpuint (open_and_close (self->dir), ==, first + 3);
}

static void
test_made_when_missing (Folder *self, gconstpointer data)
{
  g_autofree char *parent = g_build_filename (self->dir, "a", NULL);
  Folder inner = { g_build_filename (parent, "b", NULL) };

  g_assert_cmpuint (open_and_close (inner.dir), >, 0);
  folder_teardown (&inner, NULL);
  g_assert_cmpint (g_rmdir (parent), ==, 0);
}

static void
test_second_silo (Folder *self, gconstpointer data)
{
  SynSiloOptions options = { .n_lanes = 1, .data_dir = self->dir };
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = g_strdup_printf ("%s: another silo (pid %ld) uses this folder", self->dir, (long) getpid ());
  SynSilo *first = syn_silo_new (&options, &error);
  guint32 incarnation;

  g_assert_no_error (error);
  incarnation = syn_silo_get_incarnation (first);
  g_assert_null (syn_silo_new (&options, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpstr (error->message, ==, expected);
  syn_silo_free (first);
  g_assert_cmpuint (open_and_close (self->dir), ==, incarnation + 1); /* the refused one counted nothing */
}

typedef struct {
  const char *file;
  const char *text;
  const char *message; /* in the error */
} Bad;

static const Bad bad[] = {
  { "incarnation", "", "/incarnation: expected a number" },
  { "incarnation", "seven\n", "found \"seven\"" },
  { "incarnation", "7", "/incarnation: expected a number" },
  { "incarnation", "7\n8\n", "found \"7\\n8\"" },
  { "incarnation", "-1\n", "/incarnation: expected a number" },
  { "incarnation", "+1\n", "/incarnation: expected a number" },
  { "incarnation", " 1\n", "/incarnation: expected a number" },
  { "incarnation", "0\n", "/incarnation: expected a number" },
  { "incarnation", "4294967295\n", "/incarnation: expected a number" },
  { "incarnation", "99999999999999999999\n", "/incarnation: expected a number" },
  { "incarnation", "\xff\xfe\n", "/incarnation: expected a number" },
  { "incarnation", NULL, "/incarnation: is missing" },
  { "format", "synoptic-data 2\n", "/format: the folder is of format 2, made by a newer version" },
  { "format", "synoptic-data 0\n", "/format: expected" },
  { "format", "something else\n", "/format: expected \"synoptic-data 1\", found \"something else\"" },
  { "format", "", "/format: expected" },
};

static void
test_bad_files (Folder *self, gconstpointer data)
{
  const Bad *row = data;
  g_autofree char *path = g_build_filename (self->dir, row->file, NULL);
  g_autofree char *left = NULL;
  g_autoptr (GError) error = NULL;
  guint32 incarnation = 0;

  write_file (self, "format", "synoptic-data 1\n");
  write_file (self, "incarnation", "5\n");
  if (row->text != NULL)
    write_file (self, row->file, row->text);
  else
    g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_null (syn_data_dir_open (self->dir, &incarnation, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_true (g_str_has_prefix (error->message, self->dir));
  g_assert_nonnull (strstr (error->message, row->message));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  left = read_file (self, row->file); /* nothing was changed */
  g_assert_cmpstr (left, ==, row->text);
  if (strcmp (row->file, "format") == 0)
    {
      g_autofree char *counted = read_file (self, "incarnation");

      g_assert_cmpstr (counted, ==, "5\n");
    }
  /* And the lock was let go of. */
  write_file (self, "format", "synoptic-data 1\n");
  write_file (self, "incarnation", "5\n");
  g_assert_cmpuint (open_and_close (self->dir), ==, 6);
}

static void
test_long_and_binary (Folder *self, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (100000, '1');
  g_autofree char *path = g_build_filename (self->dir, "incarnation", NULL);
  g_autoptr (GError) error = NULL;
  guint32 incarnation;

  write_file (self, "incarnation", long_text);
  g_assert_null (syn_data_dir_open (self->dir, &incarnation, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "1\0\n", 3, NULL));
  g_assert_null (syn_data_dir_open (self->dir, &incarnation, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_clear_error (&error);
  /* Not a file at all. */
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_null (syn_data_dir_open (self->dir, &incarnation, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INTERNAL);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_not_a_folder (Folder *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->dir, "format", NULL);
  g_autoptr (GError) error = NULL;
  guint32 incarnation;

  write_file (self, "format", "x");
  g_assert_null (syn_data_dir_open (path, &incarnation, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INTERNAL);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_epochs (Folder *self, gconstpointer data)
{
  SynSiloOptions options = { .n_lanes = 1, .data_dir = self->dir };
  SynSilo *silo = syn_silo_new (&options, NULL);
  g_autofree char *text = NULL, *expected = NULL;
  guint64 last, first = syn_silo_get_incarnation (silo);

  last = syn_silo_take_epoch (silo);
  g_assert_cmpuint (last, ==, (first << 32) + 1);
  g_assert_cmpuint (syn_silo_take_epoch (silo), ==, last + 1);
  /* 2^32 activations later they run on into the next incarnation, which nobody else may then have. */
  silo->next_epoch = ((first + 1) << 32) - 1;
  last = syn_silo_take_epoch (silo);
  last = syn_silo_take_epoch (silo);
  g_assert_cmpuint (last >> 32, ==, first + 1);
  syn_silo_free (silo);
  text = read_file (self, "incarnation");
  expected = g_strdup_printf ("%" G_GUINT64_FORMAT "\n", first + 1);
  g_assert_cmpstr (text, ==, expected);
  silo = syn_silo_new (&options, NULL);
  g_assert_cmpuint (syn_silo_take_epoch (silo), >, last);
  syn_silo_free (silo);
}

/* ---- names ---- */

static void
test_partitions (void)
{
  /* Journals are kept by these: they never change. */
  static const struct {
    const char *type, *key;
    guint partition;
  } table[] = {
    { "projection", "market/quotes", 1 },
    { "projection", "market/candles", 3 },
    { "source", "trades", 61 },
    { "source", "", 8 },
    { "query", "market/quotes?limit=5", 26 },
  };
  guint counts[SYN_N_PARTITIONS] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    g_assert_cmpuint (syn_partition_of (table[i].type, table[i].key), ==, table[i].partition);
  for (guint i = 0; i < 64000; i++)
    {
      char key[16];

      g_snprintf (key, sizeof key, "key-%u", i);
      counts[syn_partition_of ("projection", key)]++;
    }
  for (guint i = 0; i < SYN_N_PARTITIONS; i++) /* 1000 ± 8 standard deviations */
    {
      g_assert_cmpuint (counts[i], >, 750);
      g_assert_cmpuint (counts[i], <, 1250);
    }
}

/* ---- threads and the drain ---- */

typedef struct {
  SynMessageList kept;
  SynGrain *grain;
} Parker;

static gint n_parkers, n_given_up;

static gpointer
parker_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Parker *self = g_new0 (Parker, 1);

  self->grain = grain;
  g_atomic_int_inc (&n_parkers);
  return self;
}

static void
parker_hold_over (SynTimer *timer, gpointer user_data)
{
  g_assert_not_reached (); /* armed for an hour */
}

static void
parker_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Parker *self = state;

  syn_message_list_push (&self->kept, message);
  syn_lane_arm (syn_grain_get_lane (grain), syn_message_get_timer (message), 3600000, parker_hold_over, message);
}

static void
parker_deactivate (SynGrain *grain, gpointer state)
{
  Parker *self = state;
  SynMessage *message;

  while ((message = syn_message_list_pop (&self->kept)) != NULL)
    syn_message_reply (message, NULL, NULL); /* disarms its timer */
  g_atomic_int_inc (&n_given_up);
  g_free (self);
}

/* Calls another of its kind from a lane, and again whenever it is answered: so the drain meets calls in all states. */
typedef struct {
  SynSilo *silo;
  gint n_calls, n_replies; /* atomic */
  gint n_unavailable;      /* atomic */
  guint n_done;
  GMainLoop *loop;
} Storm;

static Storm storm;

static void storm_call (SynLane *lane, const char *key);

static void
storm_reply (gpointer payload, const GError *error, gpointer user_data)
{
  g_atomic_int_inc (&storm.n_replies);
  if (error == NULL)
    storm_call (syn_lane_current (), user_data);
  else
    {
      g_assert_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
      g_atomic_int_inc (&storm.n_unavailable);
    }
}

static void
storm_call (SynLane *lane, const char *key)
{
  SynCall call = { .type = "echo", .key = key, .method = 1, .timeout_ms = 600000, .reply = storm_reply, .user_data = (gpointer) key };

  g_atomic_int_inc (&storm.n_calls);
  syn_call (lane, &call);
}

static gpointer
echo_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  if (strcmp (key, "storm") == 0)
    for (guint i = 0; i < 10; i++)
      storm_call (syn_grain_get_lane (grain), i % 2 == 0 ? "left" : "right");
  return grain;
}

static void
echo_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  syn_message_reply (message, NULL, NULL);
}

static void
echo_deactivate (SynGrain *grain, gpointer state)
{
}

static const SynGrainType parker_type = {
  .name = "parker", .idle_age_ms = 1000, .reentrant = TRUE,
  .activate = parker_activate, .receive = parker_receive, .deactivate = parker_deactivate,
};
static const SynGrainType echo_type = {
  .name = "echo",
  .activate = echo_activate, .receive = echo_receive, .deactivate = echo_deactivate,
};

static void
drain_done (gpointer user_data)
{
  Storm *self = user_data;

  g_assert_true (syn_lane_current () == syn_silo_get_front_lane (self->silo));
  self->n_done++;
  g_main_loop_quit (self->loop);
}

static gint n_parked_replies;

static void
parked_reply (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_true (syn_lane_current () == syn_silo_get_front_lane (storm.silo));
  g_assert_null (payload);
  n_parked_replies++;
}

static gboolean
enough (gpointer user_data)
{
  if (g_atomic_int_get (&storm.n_replies) < 2000 || g_atomic_int_get (&n_parkers) < 20)
    return G_SOURCE_CONTINUE;
  g_main_loop_quit (storm.loop);
  return G_SOURCE_REMOVE;
}

static void
test_drain (void)
{
  SynSiloOptions options = { .n_lanes = 3 };
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  g_autoptr (GSource) source = g_idle_source_new ();
  SynSilo *silo = syn_silo_new (&options, NULL);
  SynLane *front;
  guint n_parked = 2000;

  n_parkers = n_given_up = n_parked_replies = 0;
  storm = (Storm) { .silo = silo, .loop = loop };
  syn_silo_register (silo, &parker_type, NULL);
  syn_silo_register (silo, &echo_type, NULL);
  syn_silo_keep (silo, "echo", "storm");
  g_assert_true (syn_silo_start (silo, context, NULL));
  front = syn_silo_get_front_lane (silo);
  for (guint i = 0; i < n_parked; i++)
    {
      char key[8];
      SynCall call = { .type = "parker", .key = key, .method = 1, .reply = parked_reply };

      g_snprintf (key, sizeof key, "%u", i % 20);
      syn_call (front, &call);
    }
  g_source_set_callback (source, enough, NULL, NULL);
  g_source_attach (source, context);
  g_main_loop_run (loop);

  syn_silo_drain (silo, drain_done, &storm);
  g_assert_cmpuint (storm.n_done, ==, 0); /* later, not from within */
  {
    SynCall call = { .type = "parker", .key = "0", .method = 1, .reply = storm_reply };

    g_atomic_int_inc (&storm.n_calls);
    syn_call (front, &call); /* UNAVAILABLE */
  }
  g_main_loop_run (loop);
  g_assert_cmpuint (storm.n_done, ==, 1);
  g_assert_cmpint (n_parked_replies, ==, n_parked);
  g_assert_cmpint (n_given_up, ==, n_parkers);
  g_assert_cmpint (g_atomic_int_get (&storm.n_replies), ==, g_atomic_int_get (&storm.n_calls));
  g_assert_cmpint (g_atomic_int_get (&storm.n_unavailable), ==, 11);
  g_assert_cmpuint (syn_silo_get_n_activations (silo, NULL), ==, 0);
  syn_silo_free (silo);
  g_assert_cmpuint (storm.n_done, ==, 1);
}

/* ---- cancellations on real lanes ---- */

/* A caller makes calls in pairs to a grain of another lane that keeps every other message for a while; cancels one of each pair, at once or from the
 * reply of the other, when it may be anywhere. Every call is told once or cancelled. */
enum { CALL_ALL = 1, KEEP_A_WHILE, KEEP_LONG, ANSWER_AT_ONCE };

typedef struct {
  SynCallHandle handles[2];
  gboolean told[2], cancelled[2];
  guint n_left; /* that are neither */
  guint number;
} Pair;

static gint n_pairs_left; /* atomic */
static gint n_told_cancelled; /* atomic: grains told of one */
static GMainLoop *pairs_loop;

#define N_PAIRS 4000

static void
pair_end (SynGrain *grain, Pair *pair)
{
  g_assert_cmpuint (pair->n_left, >, 0);
  if (--pair->n_left > 0)
    return;
  g_free (pair);
  if (g_atomic_int_dec_and_test (&n_pairs_left))
    g_main_loop_quit (pairs_loop);
}

static void
pair_cancel (Pair *pair, guint i)
{
  if (pair->told[i] || pair->cancelled[i])
    return;
  pair->cancelled[i] = TRUE;
  syn_call_cancel (&pair->handles[i]);
  g_assert_null (pair->handles[i].call);
  pair_end (NULL, pair);
}

static void
pair_reply (gpointer payload, const GError *error, gpointer user_data)
{
  Pair *pair = (Pair *) ((gsize) user_data & ~(gsize) 1);
  guint i = (gsize) user_data & 1;

  g_assert_no_error (error);
  g_assert_false (pair->told[i] || pair->cancelled[i]);
  pair->told[i] = TRUE;
  pair->n_left++; /* while both are looked at */
  pair_end (NULL, pair);
  if (pair->number % 3 == 1)
    {
      guint other = 1 - i;
      gboolean last = pair->told[other] || pair->cancelled[other];

      if (!last)
        pair_cancel (pair, other);
    }
  pair_end (NULL, pair);
}

static void
pair_call (SynGrain *grain, guint number)
{
  Pair *pair = g_new0 (Pair, 1);

  pair->number = number;
  pair->n_left = 2;
  for (guint i = 0; i < 2; i++)
    {
      int keep = number % 3 == 1 ? KEEP_LONG : KEEP_A_WHILE; /* long: until it is cancelled */
      SynCall call = {
        .type = "keeper", .key = number % 2 == 0 ? "x" : "y", .method = (number + i) % 2 == 0 ? keep : ANSWER_AT_ONCE,
        .reply = pair_reply, .user_data = (gpointer) ((gsize) pair | i), .handle = &pair->handles[i],
      };

      syn_grain_call (grain, &call);
    }
  if (number % 3 == 0)
    pair_cancel (pair, number / 3 % 2);
}

static void
keeper_over (SynTimer *timer, gpointer user_data)
{
  SynMessage *message = user_data;
  Parker *self = *syn_message_get_slot (message);

  syn_message_list_remove (&self->kept, message);
  syn_message_reply (message, NULL, NULL);
}

static void
keeper_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Parker *self = state;

  switch (syn_message_get_method (message))
    {
    case CALL_ALL:
      for (guint i = 0; i < 100; i++)
        pair_call (grain, i);
      syn_message_reply (message, NULL, NULL);
      break;
    case KEEP_A_WHILE:
    case KEEP_LONG:
      *syn_message_get_slot (message) = self;
      syn_message_list_push (&self->kept, message);
      syn_lane_arm (syn_grain_get_lane (grain), syn_message_get_timer (message),
                    syn_message_get_method (message) == KEEP_LONG ? 3600000 : 1, keeper_over, message);
      break;
    default:
      syn_message_reply (message, NULL, NULL);
    }
}

static void
keeper_cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  Parker *self = state;

  g_atomic_int_inc (&n_told_cancelled);
  syn_message_list_remove (&self->kept, message);
  syn_message_reply (message, NULL, NULL);
}

static void
test_cancellations (void)
{
  static const SynGrainType type = {
    .name = "keeper", .reentrant = TRUE, .activate = parker_activate, .receive = keeper_receive, .cancelled = keeper_cancelled,
    .deactivate = parker_deactivate,
  };
  SynSiloOptions options = { .n_lanes = 3 };
  g_autoptr (GMainContext) context = g_main_context_new ();
  SynSilo *silo = syn_silo_new (&options, NULL);

  pairs_loop = g_main_loop_new (context, FALSE);
  g_atomic_int_set (&n_pairs_left, N_PAIRS);
  g_atomic_int_set (&n_told_cancelled, 0);
  syn_silo_register (silo, &type, NULL);
  g_assert_true (syn_silo_start (silo, context, NULL));
  for (guint i = 0; i < N_PAIRS / 100; i++)
    {
      char key[8];
      SynCall call = { .type = "keeper", .key = key, .method = CALL_ALL };

      g_snprintf (key, sizeof key, "%u", i);
      syn_call (syn_silo_get_front_lane (silo), &call);
    }
  g_main_loop_run (pairs_loop);
  syn_silo_free (silo);
  /* The even ones of those kept long were open when they were cancelled: what was called after them had been answered. */
  g_assert_cmpint (g_atomic_int_get (&n_told_cancelled), >=, N_PAIRS / 100 * 16);
  g_main_loop_unref (pairs_loop);
}

static void
test_free_unstarted (void)
{
  SynSiloOptions options = { 0 };
  SynSilo *silo = syn_silo_new (&options, NULL);

  g_assert_cmpuint (syn_silo_get_n_lanes (silo), ==, g_get_num_processors ());
  g_assert_null (syn_silo_get_front_lane (silo));
  g_assert_cmpuint (syn_silo_get_incarnation (silo), >, 1500000000);
  syn_silo_free (silo);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, func) g_test_add (path, Folder, data, folder_setup, func, folder_teardown)
  ADD ("/data-dir/counts", NULL, test_counts);
  ADD ("/data-dir/made-when-missing", NULL, test_made_when_missing);
  ADD ("/data-dir/second-silo", NULL, test_second_silo);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *path = g_strdup_printf ("/data-dir/bad/%s-%u", bad[i].file, i);

      ADD (path, &bad[i], test_bad_files);
    }
  ADD ("/data-dir/long-and-binary", NULL, test_long_and_binary);
  ADD ("/data-dir/not-a-folder", NULL, test_not_a_folder);
  ADD ("/silo/epochs", NULL, test_epochs);
  g_test_add_func ("/silo/partitions", test_partitions);
  g_test_add_func ("/silo/drain", test_drain);
  g_test_add_func ("/silo/cancellations", test_cancellations);
  g_test_add_func ("/silo/free-unstarted", test_free_unstarted);
  return g_test_run ();
}
