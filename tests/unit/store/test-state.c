/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of grains, on a stepped silo over a stepped store: what is remembered, in which order, what happens to stale ETags, and
 * that a drain waits for the disk. */
#include <string.h>

#include "store-fixture.h"
#include "syn-memory-store.h"
#include "syn-silo-private.h"

/* A grain that counts: reads its count while it is being activated. */
enum {
  GET = 1,      /* → the count, as text */
  ADD,          /* and writes it; replied to when that is durable */
  ADD_THRICE,   /* three writes at once; replied to at the last */
  WRITE_UNREAD, /* a record that it never read */
  REMOVE,
  END,
  READ_AND_END, /* its function must not be called any more */
  FLOOD,        /* more than may be out */
};

typedef struct {
  int count;
  SynMessage *message; /* (nullable): to be replied to */
  GError *error;       /* (owned) (nullable): of the last write */
  guint n_refused;
} Counter;

static struct {
  gboolean write_at_end;
  gboolean writes_at_begin; /* a record that it never read */
  guint n_activated;
  guint n_functions; /* calls of state functions */
  const char *who; /* (nullable): in the context of requests */
  GString *log;
} world;

static GBytes *
number_bytes (int number)
{
  char text[16];

  return g_bytes_new (text, (gsize) g_snprintf (text, sizeof text, "%d", number));
}

static Counter *current_counter; /* of the grain whose turn it is: one grain a test */

static void
was_read (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  Counter *self = user_data;
  g_autofree char *text = bytes != NULL ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : g_strdup ("none");

  world.n_functions++;
  g_string_append_printf (world.log, "[read %s]", error != NULL ? "error" : text);
  self->count = atoi (text);
  syn_grain_activated (grain, error);
}

/* Of one that is careless: it takes messages whatever was said. */
static void
was_begun (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  syn_grain_activated (grain, NULL);
}

static gpointer
counter_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Counter *self = current_counter = g_new0 (Counter, 1);

  world.n_activated++;
  syn_grain_defer_activation (grain);
  if (world.writes_at_begin)
    {
      g_autoptr (GBytes) bytes = number_bytes (1);

      syn_grain_write_state (grain, "begun", bytes, was_begun, self);
    }
  else
    syn_grain_read_state (grain, "count", was_read, self);
  return self;
}

static void
reply_count (Counter *self, SynMessage *message)
{
  syn_message_reply (message, g_strdup_printf ("%d", self->count), g_free);
}

static void
was_written (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  Counter *self = user_data;
  SynMessage *message = g_steal_pointer (&self->message);

  world.n_functions++;
  g_assert_null (bytes);
  g_assert_nonnull (message);
  g_assert_cmpstr (syn_context_get ("who"), ==, world.who); /* on behalf of the request that wrote */
  g_assert_cmpint (syn_context_get_time_left_ms (), ==, world.who != NULL ? 5000 : -1);
  if (error != NULL)
    syn_message_fail (message, error);
  else
    reply_count (self, message);
}

static void
one_was_written (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  g_string_append (world.log, error == NULL ? "[ok]" : error->code == SYN_ERROR_CONFLICT ? "[conflict]" : "[error]");
}

static void
count_refused (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  Counter *self = user_data;

  if (error != NULL)
    {
      g_assert_error (error, SYN_ERROR, SYN_ERROR_OVERLOADED);
      g_assert_cmpstr (error->message, ==, "counter/a has 256 requests at the store");
      self->n_refused++;
    }
}

static void
must_not_come (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  g_assert_not_reached ();
}

static void
write_count (SynGrain *grain, Counter *self, const char *name, SynStateFunc func)
{
  g_autoptr (GBytes) bytes = number_bytes (self->count);

  syn_grain_write_state (grain, name, bytes, func, self);
}

static void
counter_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Counter *self = state;

  switch (syn_message_get_method (message))
    {
    case GET:
      reply_count (self, message);
      return;
    case ADD:
      self->count++;
      write_count (grain, self, "count", was_written);
      break;
    case ADD_THRICE:
      for (guint i = 0; i < 3; i++)
        {
          self->count++;
          write_count (grain, self, "count", i < 2 ? one_was_written : was_written);
        }
      break;
    case WRITE_UNREAD:
      write_count (grain, self, "other", was_written);
      break;
    case REMOVE:
      self->count = 0;
      syn_grain_write_state (grain, "count", NULL, was_written, self);
      break;
    case READ_AND_END:
      syn_grain_read_state (grain, "count", must_not_come, NULL);
      G_GNUC_FALLTHROUGH;
    case END:
      syn_grain_deactivate_soon (grain, NULL);
      reply_count (self, message);
      return;
    case FLOOD:
      for (guint i = 0; i < SYN_MAX_STATE_REQUESTS + 5; i++)
        syn_grain_read_state (grain, "count", count_refused, self);
      reply_count (self, message);
      return;
    default:
      g_assert_not_reached ();
    }
  self->message = message;
}

static void
counter_deactivate (SynGrain *grain, gpointer state)
{
  Counter *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "deactivated");

  if (self->message != NULL)
    syn_message_fail (self->message, error);
  if (world.write_at_end)
    {
      self->count += 100;
      write_count (grain, self, "count", must_not_come);
    }
  g_free (self);
}

static const SynGrainType counter_type = {
  .name = "counter",
  .idle_age_ms = 1000,
  .activate = counter_activate,
  .receive = counter_receive,
  .deactivate = counter_deactivate,
};

/* ---- the test's side ---- */

typedef struct {
  char *folder;
  SynSilo *silo;
} Fixture;

typedef struct {
  char *text;
  GError *error;
  gboolean came;
} Reply;

static void
reply_clear (Reply *self)
{
  g_clear_pointer (&self->text, g_free);
  g_clear_error (&self->error);
  self->came = FALSE;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reply, reply_clear)

static void
replied (gpointer payload, const GError *error, gpointer user_data)
{
  Reply *reply = user_data;

  g_assert_false (reply->came);
  reply->came = TRUE;
  reply->text = payload;
  reply->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
tell (Fixture *self, int method, Reply *reply)
{
  SynCall call = { .type = "counter", .key = "a", .method = method, .reply = replied, .user_data = reply };

  syn_call (syn_silo_get_front_lane (self->silo), &call);
}

static void
assert_told (Fixture *self, int method, const char *text)
{
  g_auto (Reply) reply = { 0 };

  tell (self, method, &reply);
  syn_silo_settle (self->silo);
  g_assert_true (reply.came);
  g_assert_no_error (reply.error);
  g_assert_cmpstr (reply.text, ==, text);
}

static void
assert_fails (Fixture *self, int method, int code)
{
  g_auto (Reply) reply = { 0 };

  tell (self, method, &reply);
  syn_silo_settle (self->silo);
  g_assert_true (reply.came);
  g_assert_error (reply.error, SYN_ERROR, code);
}

static void
start (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  SynStore *store
    = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE, .vfs = BROKEN_VFS }, &error);

  g_assert_no_error (error);
  self->silo = syn_silo_new_stepped (2, NULL, &error);
  syn_silo_set_store (self->silo, store);
  syn_silo_register (self->silo, &counter_type, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, &error));
}

static void
restart (Fixture *self)
{
  g_clear_pointer (&self->silo, syn_silo_free);
  start (self);
}

static void
setup (Fixture *self, gconstpointer data)
{
  memset (&world, 0, sizeof world);
  world.log = g_string_new (NULL);
  store_forget_warnings ();
  broken_vfs = (BrokenVfs){ 0 };
  self->folder = store_folder_new ();
  start (self);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  g_clear_pointer (&self->silo, syn_silo_free);
  store_folder_remove (self->folder);
  g_string_free (world.log, TRUE);
}

/* What somebody else writes of the same grain: another activation, behind its back. */
static void
note_etag (SynStoreRequest *answer, gpointer user_data)
{
  g_assert_no_error (answer->error);
  *(guint64 *) user_data = answer->etag;
}

static void
write_behind (Fixture *self, const char *name, const char *text)
{
  SynStore *store = syn_silo_get_store (self->silo);
  SynLane *lane = syn_silo_get_front_lane (self->silo);
  guint64 etag = 0, new_etag = 0;
  SynStoreRequest *request;

  syn_store_submit (store, syn_store_request_new (lane, SYN_STORE_READ, "counter", "a", name, note_etag, &etag));
  syn_silo_settle (self->silo);
  request = syn_store_request_new (lane, SYN_STORE_WRITE, "counter", "a", name, note_etag, &new_etag);
  request->etag = etag;
  request->bytes = g_bytes_new (text, strlen (text));
  syn_store_submit (store, request);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (new_etag, >, etag);
}

/* ---- tests ---- */

static void
test_kept (Fixture *self, gconstpointer data)
{
  assert_told (self, GET, "0");
  assert_told (self, ADD, "1");
  assert_told (self, ADD, "2");
  assert_told (self, END, "2");
  assert_told (self, GET, "2");
  restart (self);
  assert_told (self, GET, "2");
  assert_told (self, ADD, "3");
  assert_told (self, REMOVE, "0");
  assert_told (self, ADD, "1"); /* made again, by the same activation */
  assert_told (self, END, "1");
  assert_told (self, GET, "1");
  g_assert_cmpstr (world.log->str, ==, "[read none][read 2][read 2][read 1]");
}

/* Not before it is on the disk. */
static void
test_replied_when_durable (Fixture *self, gconstpointer data)
{
  g_auto (Reply) reply = { 0 };
  SynLane *lane = syn_silo_lane_of (self->silo, syn_partition_of ("counter", "a"));

  assert_told (self, GET, "0");
  tell (self, ADD, &reply);
  for (guint i = 0; i < 10; i++)
    {
      syn_silo_step (self->silo, lane);
      syn_silo_step (self->silo, syn_silo_get_front_lane (self->silo));
    }
  g_assert_false (reply.came);
  g_assert_true (syn_store_step (syn_silo_get_store (self->silo)));
  syn_silo_settle (self->silo);
  g_assert_cmpstr (reply.text, ==, "1");
}

/* Writes that do not wait for each other: each has the ETag of the one before. */
static void
test_in_a_row (Fixture *self, gconstpointer data)
{
  assert_told (self, ADD_THRICE, "3");
  g_assert_cmpstr (world.log->str, ==, "[read none][ok][ok]");
  assert_told (self, END, "3");
  assert_told (self, GET, "3");
}

/* Messages wait while the record is being read, and get the error when that fails; others go on. */
/* What waited behind the write that was refused is no part of it: the next activation receives it. */
static void
test_conflict_of_another (Fixture *self, gconstpointer data)
{
  g_auto (Reply) first = { 0 }, second = { 0 }, third = { 0 };

  assert_told (self, ADD, "1");
  write_behind (self, "count", "40");
  tell (self, ADD, &first);
  tell (self, ADD, &second);
  tell (self, GET, &third);
  syn_silo_settle (self->silo);
  g_assert_error (first.error, SYN_ERROR, SYN_ERROR_CONFLICT);
  g_assert_no_error (second.error);
  g_assert_cmpstr (second.text, ==, "41");
  g_assert_no_error (third.error);
  g_assert_cmpstr (third.text, ==, "41");
  g_assert_cmpuint (world.n_activated, ==, 2);
}

/* One that conflicts before it receives anything would never receive it. */
static void
test_conflict_at_the_begin (Fixture *self, gconstpointer data)
{
  world.writes_at_begin = TRUE;
  assert_told (self, GET, "0");
  assert_told (self, END, "0");
  assert_fails (self, GET, SYN_ERROR_CONFLICT);
  g_assert_cmpuint (world.n_activated, ==, 2);
}

static void
test_conflict (Fixture *self, gconstpointer data)
{
  assert_told (self, ADD, "1");
  g_assert_cmpuint (world.n_activated, ==, 1);
  write_behind (self, "count", "40");
  assert_fails (self, ADD, SYN_ERROR_CONFLICT);
  /* The next activation starts from what is. */
  assert_told (self, ADD, "41");
  g_assert_cmpuint (world.n_activated, ==, 2);
  /* Of several writes, those after the first one fail as well, whatever is there by then. */
  write_behind (self, "count", "70");
  g_string_truncate (world.log, 0);
  assert_fails (self, ADD_THRICE, SYN_ERROR_UNAVAILABLE);
  g_assert_true (g_str_has_prefix (world.log->str, "[conflict]"));
  assert_told (self, GET, "70");
}

static void
test_unread (Fixture *self, gconstpointer data)
{
  assert_told (self, WRITE_UNREAD, "0");
  assert_told (self, WRITE_UNREAD, "0");
  assert_told (self, END, "0");
  assert_fails (self, WRITE_UNREAD, SYN_ERROR_CONFLICT);
  assert_told (self, GET, "0");
}

static void
test_written_at_the_end (Fixture *self, gconstpointer data)
{
  g_auto (Reply) end = { 0 }, get = { 0 }, add = { 0 };

  world.write_at_end = TRUE;
  assert_told (self, GET, "0");
  /* One turn after the other: what is written as it ends comes before what the next activation reads. */
  tell (self, END, &end);
  tell (self, GET, &get);
  syn_silo_settle (self->silo);
  g_assert_cmpstr (end.text, ==, "0");
  g_assert_cmpstr (get.text, ==, "100");
  /* Also behind a write that is still on its way. */
  tell (self, ADD, &add);
  reply_clear (&end);
  reply_clear (&get);
  tell (self, END, &end);
  tell (self, GET, &get);
  syn_silo_settle (self->silo);
  if (add.error == NULL)
    g_assert_cmpstr (add.text, ==, "101");
  else
    g_assert_error (add.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE); /* it ended before the answer came */
  g_assert_cmpstr (get.text, ==, "201");
  g_assert_cmpuint (world.n_activated, ==, 3);
}

static void
test_no_function_after_the_end (Fixture *self, gconstpointer data)
{
  assert_told (self, READ_AND_END, "0"); /* must_not_come() */
  assert_told (self, GET, "0");
}

static void
test_context (Fixture *self, gconstpointer data)
{
  const char *const context[] = { "who", "somebody", NULL };
  g_auto (Reply) reply = { 0 };
  SynCall call = { .type = "counter", .key = "a", .method = ADD, .timeout_ms = 5000, .context = context, .reply = replied,
                   .user_data = &reply };

  assert_told (self, ADD, "1");
  world.who = "somebody";
  syn_call (syn_silo_get_front_lane (self->silo), &call);
  syn_silo_settle (self->silo);
  g_assert_no_error (reply.error);
  g_assert_cmpstr (reply.text, ==, "2");
  world.who = NULL;
  assert_told (self, ADD, "3");
}

/* It is not idle while it waits for the store; afterwards it is. */
static void
test_idle (Fixture *self, gconstpointer data)
{
  assert_told (self, ADD, "1");
  g_assert_cmpuint (syn_silo_get_n_activations (self->silo, "counter"), ==, 1);
  syn_silo_advance (self->silo, 5000);
  g_assert_cmpuint (syn_silo_get_n_activations (self->silo, "counter"), ==, 0);
  assert_told (self, GET, "1");
}

static void
test_drain (Fixture *self, gconstpointer data)
{
  world.write_at_end = TRUE;
  assert_told (self, ADD_THRICE, "3");
  restart (self); /* drains: 103 is written */
  world.write_at_end = FALSE;
  assert_told (self, GET, "103");
  {
    g_auto (Reply) reply = { 0 };

    tell (self, ADD_THRICE, &reply); /* and nobody waits for it */
    syn_silo_step (self->silo, syn_silo_lane_of (self->silo, syn_partition_of ("counter", "a")));
    g_assert_false (reply.came);
    g_clear_pointer (&self->silo, syn_silo_free);
    g_assert_true (reply.came);
    g_assert_error (reply.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  }
  start (self);
  assert_told (self, GET, "106");
  g_assert_cmpstr (all_warnings->str, ==, "");
}

static void
test_disk (Fixture *self, gconstpointer data)
{
  assert_told (self, ADD, "1");
  broken_vfs.write_result = SQLITE_FULL;
  assert_fails (self, ADD, SYN_ERROR_UNAVAILABLE);
  assert_told (self, GET, "2"); /* it goes on, and decides for itself */
  broken_vfs.write_result = SQLITE_OK;
  assert_told (self, ADD, "3");
  g_assert_cmpuint (world.n_activated, ==, 1);
  assert_told (self, END, "3");
  assert_told (self, GET, "3");
  /* What is lost at the end is said. */
  world.write_at_end = TRUE;
  broken_vfs.write_result = SQLITE_FULL;
  assert_told (self, END, "3");
  assert_told (self, GET, "3");
  g_assert_nonnull (strstr (all_warnings->str, "counter/a ended, and what it wrote last is not kept: "));
  g_assert_nonnull (strstr (all_warnings->str, "database or disk is full"));
  world.write_at_end = FALSE;
}

/* A damaged record fails its grain's activation, by name, and no other's. */
static void
test_damaged (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->folder, SYN_SQLITE_STORE_FILE, NULL);
  g_auto (Reply) bad = { 0 }, good = { 0 };
  SynCall call = { .type = "counter", .key = "b", .method = GET, .reply = replied, .user_data = &good };
  sqlite3 *db;

  assert_told (self, ADD, "1");
  g_clear_pointer (&self->silo, syn_silo_free);
  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "UPDATE state SET bytes=x'39'", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
  start (self);
  tell (self, GET, &bad);
  syn_call (syn_silo_get_front_lane (self->silo), &call);
  syn_silo_settle (self->silo);
  g_assert_error (bad.error, SYN_ERROR, SYN_ERROR_INTERNAL);
  g_assert_nonnull (strstr (bad.error->message, path));
  g_assert_nonnull (strstr (bad.error->message, "state \"count\" of counter/a is damaged"));
  g_assert_no_error (good.error);
  g_assert_cmpstr (good.text, ==, "0");
}

static void
test_bounded (Fixture *self, gconstpointer data)
{
  assert_told (self, FLOOD, "0");
  g_assert_cmpuint (current_counter->n_refused, ==, 5);
  assert_told (self, ADD, "1");
}

/* In every interleaving of two lanes and the store that these seeds find: what was acknowledged is there. */
static void
test_interleavings (Fixture *self, gconstpointer data)
{
  world.write_at_end = FALSE;
  for (guint32 seed = 1; seed <= 60; seed++)
    {
      g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
      Reply replies[20] = { 0 };
      g_auto (Reply) last = { 0 };
      int acknowledged = 0;

      assert_told (self, REMOVE, "0");
      for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
        {
          tell (self, g_rand_int_range (rand, 0, 4) == 0 ? END : ADD_THRICE, &replies[i]);
          for (int steps = g_rand_int_range (rand, 0, 6); steps > 0; steps--)
            switch (g_rand_int_range (rand, 0, 4))
              {
              case 0:
                syn_store_step (syn_silo_get_store (self->silo));
                break;
              case 1:
                syn_silo_step (self->silo, syn_silo_get_front_lane (self->silo));
                break;
              default:
                syn_silo_step (self->silo, syn_silo_lane_of (self->silo, syn_partition_of ("counter", "a")));
              }
          syn_silo_settle (self->silo);
        }
      tell (self, GET, &last);
      syn_silo_settle (self->silo);
      for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
        {
          g_assert_true (replies[i].came);
          if (replies[i].error == NULL)
            acknowledged = MAX (acknowledged, atoi (replies[i].text));
          reply_clear (&replies[i]);
        }
      g_assert_no_error (last.error);
      if (atoi (last.text) < acknowledged)
        g_error ("seed %u: %s is there, %d was acknowledged", seed, last.text, acknowledged);
    }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*run) (Fixture *self, gconstpointer data);
  } tests[] = {
    { "kept", test_kept },
    { "replied-when-durable", test_replied_when_durable },
    { "in-a-row", test_in_a_row },
    { "conflict", test_conflict },
    { "conflict-of-another", test_conflict_of_another },
    { "conflict-at-the-begin", test_conflict_at_the_begin },
    { "unread", test_unread },
    { "written-at-the-end", test_written_at_the_end },
    { "no-function-after-the-end", test_no_function_after_the_end },
    { "context", test_context },
    { "idle", test_idle },
    { "drain", test_drain },
    { "disk", test_disk },
    { "damaged", test_damaged },
    { "bounded", test_bounded },
    { "interleavings", test_interleavings },
  };

  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
  broken_vfs_register ();
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/state/", tests[i].path, NULL);

      g_test_add (path, Fixture, NULL, setup, tests[i].run, teardown);
    }
  return g_test_run ();
}
