/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every store promises, of each engine. */
#include <string.h>

#include "store-fixture.h"
#include "syn-crc32c.h"
#include "syn-memory-store.h"
#include "syn-metrics.h"

typedef struct {
  char *folder; /* (nullable) */
  SynSilo *silo;
} Fixture;

static void
setup (Fixture *self, gconstpointer engine)
{
  g_autoptr (GError) error = NULL;
  SynStore *store;

  if (strcmp (engine, "sqlite") == 0)
    {
      self->folder = store_folder_new ();
      store = syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = self->folder, .stepped = TRUE }, &error);
      g_assert_no_error (error);
    }
  else
    store = syn_memory_store_new ();
  self->silo = store_silo_new (store);
}

static void
teardown (Fixture *self, gconstpointer engine)
{
  syn_silo_free (self->silo);
  if (self->folder != NULL)
    store_folder_remove (self->folder);
}

static void
assert_read (Fixture *self, const char *key, const char *name, const char *text, guint64 etag)
{
  g_auto (Answer) answer = store_read (self->silo, key, name);

  g_assert_no_error (answer.error);
  g_assert_cmpstr (answer.text, ==, text);
  g_assert_cmpuint (answer.etag, ==, etag);
}

static void
assert_refused (Fixture *self, SynStoreVerb verb, const char *key, const char *name, const char *text, guint64 etag, int code,
                const char *message)
{
  g_auto (Answer) answer = { 0 };

  store_ask (self->silo, &answer, verb, key, name, text, etag);
  syn_silo_settle (self->silo);
  g_assert_error (answer.error, SYN_ERROR, code);
  if (strstr (answer.error->message, message) == NULL)
    g_error ("\"%s\" is not in \"%s\"", message, answer.error->message);
}

static void
test_records (Fixture *self, gconstpointer engine)
{
  guint64 a, b, other;

  assert_read (self, "k", "n", NULL, 0);
  a = store_write (self->silo, "k", "n", "one", 0);
  assert_read (self, "k", "n", "one", a);
  b = store_write (self->silo, "k", "n", "two", a);
  g_assert_cmpuint (b, !=, a);
  assert_read (self, "k", "n", "two", b);
  /* Names that run into each other when put together. */
  other = store_write (self->silo, "k", "nn", "", 0);
  assert_read (self, "k", "nn", "", other);
  assert_read (self, "kn", "n", NULL, 0);
  assert_read (self, "", "kn", NULL, 0);
  assert_read (self, "k", "n", "two", b);
}

static void
test_conflict (Fixture *self, gconstpointer engine)
{
  g_autofree char *message = NULL;
  SynMetric conflicts = syn_metric_register (SYN_METRIC_COUNTER, "store_conflicts_total", "");
  guint64 a = store_write (self->silo, "k", "n", "one", 0);
  guint64 b = store_write (self->silo, "k", "n", "two", a);

  message = g_strdup_printf ("state \"n\" of t/k has ETag %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, b, a);
  assert_refused (self, SYN_STORE_WRITE, "k", "n", "three", a, SYN_ERROR_CONFLICT, message);
  assert_refused (self, SYN_STORE_WRITE, "k", "n", "three", 0, SYN_ERROR_CONFLICT, "not 0");
  assert_refused (self, SYN_STORE_REMOVE, "k", "n", NULL, a, SYN_ERROR_CONFLICT, message);
  assert_refused (self, SYN_STORE_WRITE, "none", "n", "three", b, SYN_ERROR_CONFLICT, "has ETag 0");
  assert_read (self, "k", "n", "two", b);
  g_assert_cmpint (syn_metric_sum (self->silo, conflicts), ==, 4);
}

static void
test_remove (Fixture *self, gconstpointer engine)
{
  g_auto (Answer) answer = { 0 }, again = { 0 };
  guint64 a = store_write (self->silo, "k", "n", "one", 0), b;

  store_ask (self->silo, &answer, SYN_STORE_REMOVE, "k", "n", NULL, a);
  store_ask (self->silo, &again, SYN_STORE_REMOVE, "k", "n", NULL, 0);
  syn_silo_settle (self->silo);
  g_assert_no_error (answer.error);
  g_assert_no_error (again.error);
  g_assert_cmpuint (answer.etag, ==, 0);
  assert_read (self, "k", "n", NULL, 0);
  /* Made again, it is another one: who holds the old ETag must not overwrite it. */
  b = store_write (self->silo, "k", "n", "two", 0);
  g_assert_cmpuint (b, !=, a);
  assert_refused (self, SYN_STORE_WRITE, "k", "n", "three", a, SYN_ERROR_CONFLICT, "ETag");
}

/* Requests that are under way together are done in their order. */
static void
test_order (Fixture *self, gconstpointer engine)
{
  g_auto (Answer) write = { 0 }, read = { 0 }, stale = { 0 }, flush = { .etag = 7 };

  store_ask (self->silo, &write, SYN_STORE_WRITE, "k", "n", "one", 0);
  store_ask (self->silo, &read, SYN_STORE_READ, "k", "n", NULL, 0);
  store_ask (self->silo, &stale, SYN_STORE_WRITE, "k", "n", "two", 0);
  store_ask (self->silo, &flush, SYN_STORE_FLUSH, NULL, NULL, NULL, 0);
  g_assert_null (read.text); /* never from within the submit */
  syn_silo_settle (self->silo);
  g_assert_no_error (write.error);
  g_assert_cmpstr (read.text, ==, "one");
  g_assert_cmpuint (read.etag, ==, write.etag);
  g_assert_error (stale.error, SYN_ERROR, SYN_ERROR_CONFLICT);
  g_assert_no_error (flush.error);
  g_assert_cmpuint (flush.etag, ==, 0);
}

static void
test_limits (Fixture *self, gconstpointer engine)
{
  g_autofree char *large = g_strnfill (SYN_MAX_STATE_BYTES + 1, 'x');
  g_autofree char *name = g_strnfill (SYN_MAX_NAME_BYTES + 1, 'n');
  g_autofree char *key = g_strnfill (SYN_MAX_QUERY_BYTES + 1, 'k');
  guint64 etag;

  assert_refused (self, SYN_STORE_WRITE, "k", "n", large, 0, SYN_ERROR_TOO_LARGE, "state \"n\" of t/k has 1048577 bytes; the limit is 1048576");
  assert_refused (self, SYN_STORE_WRITE, "k", name, "x", 0, SYN_ERROR_INVALID, "has 1 to 128 bytes, not 129");
  assert_refused (self, SYN_STORE_READ, "k", "", NULL, 0, SYN_ERROR_INVALID, "has 1 to 128 bytes, not 0");
  assert_refused (self, SYN_STORE_WRITE, key, "n", "x", 0, SYN_ERROR_TOO_LARGE, "more than 8192 bytes");
  large[SYN_MAX_STATE_BYTES] = name[SYN_MAX_NAME_BYTES] = key[SYN_MAX_QUERY_BYTES] = '\0';
  etag = store_write (self->silo, key, name, large, 0);
  assert_read (self, key, name, large, etag);
}

static void
test_reminders (Fixture *self, gconstpointer engine)
{
  guint partition = syn_partition_of ("t", "k");
  g_auto (Answer) cleared = { 0 };

  store_set_reminder (self->silo, "k", "a", 1000, 0);
  store_set_reminder (self->silo, "k", "b", 2000, 60000);
  store_set_reminder (self->silo, "k", "b", 3000, 70000); /* replaces it */
  store_set_reminder (self->silo, "k", "c", G_MAXINT64, G_MAXINT64);
  {
    g_auto (Answer) answer = store_list (self->silo, partition);
    SynStoreReminder **r = (SynStoreReminder **) answer.reminders->pdata;

    g_assert_cmpuint (answer.reminders->len, ==, 3);
    g_assert_cmpstr (r[0]->type, ==, "t");
    g_assert_cmpstr (r[0]->key, ==, "k");
    g_assert_cmpstr (r[0]->name, ==, "a");
    g_assert_cmpint (r[0]->due_ms, ==, 1000);
    g_assert_cmpuint (r[0]->period_ms, ==, 0);
    g_assert_cmpstr (r[1]->name, ==, "b");
    g_assert_cmpint (r[1]->due_ms, ==, 3000);
    g_assert_cmpuint (r[1]->period_ms, ==, 70000);
    g_assert_cmpint (r[2]->due_ms, ==, G_MAXINT64);
  }
  {
    g_auto (Answer) answer = store_list (self->silo, (partition + 1) % SYN_N_PARTITIONS);

    g_assert_cmpuint (answer.reminders->len, ==, 0);
  }
  store_ask (self->silo, &cleared, SYN_STORE_CLEAR_REMINDER, "k", "b", NULL, 0);
  store_ask (self->silo, &cleared, SYN_STORE_CLEAR_REMINDER, "k", "none", NULL, 0);
  syn_silo_settle (self->silo);
  g_assert_no_error (cleared.error);
  {
    g_auto (Answer) answer = store_list (self->silo, partition);

    g_assert_cmpuint (answer.reminders->len, ==, 2);
  }
}

static void
test_closed (Fixture *self, gconstpointer engine)
{
  SynMetric waiting = syn_metric_register (SYN_METRIC_GAUGE, "store_waiting", "");
  g_auto (Answer) before = { 0 };

  store_ask (self->silo, &before, SYN_STORE_WRITE, "k", "n", "one", 0);
  g_assert_cmpint (syn_metric_sum (self->silo, waiting), ==, 1);
  syn_store_close (syn_silo_get_store (self->silo));
  assert_refused (self, SYN_STORE_READ, "k", "n", NULL, 0, SYN_ERROR_UNAVAILABLE, "the store is closed");
  g_assert_no_error (before.error);
  g_assert_cmpuint (before.etag, !=, 0);
  g_assert_cmpint (syn_metric_sum (self->silo, waiting), ==, 0);
}

/* The values of RFC 3720, B.4. */
static void
test_crc32c (void)
{
  guchar bytes[32];

  g_assert_cmphex (syn_crc32c (0, "123456789", 9), ==, 0xe3069283);
  memset (bytes, 0, sizeof bytes);
  g_assert_cmphex (syn_crc32c (0, bytes, sizeof bytes), ==, 0x8a9136aa);
  memset (bytes, 0xff, sizeof bytes);
  g_assert_cmphex (syn_crc32c (0, bytes, sizeof bytes), ==, 0x62a8ab43);
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = (guchar) i;
  g_assert_cmphex (syn_crc32c (0, bytes, sizeof bytes), ==, 0x46dd794e);
  /* In any two pieces the same. */
  for (guint i = 0; i <= sizeof bytes; i++)
    g_assert_cmphex (syn_crc32c (syn_crc32c (0, bytes, i), bytes + i, sizeof bytes - i), ==, 0x46dd794e);
  /* By tables and by instruction the same, of each length and alignment. */
  g_assert_cmphex (syn_crc32c_by_tables (0, "123456789", 9), ==, 0xe3069283);
  for (guint i = 0; i < sizeof bytes; i++)
    for (guint n = 0; n <= sizeof bytes - i; n++)
      g_assert_cmphex (syn_crc32c (i * 7919, bytes + i, n), ==, syn_crc32c_by_tables (i * 7919, bytes + i, n));
}

int
main (int argc, char **argv)
{
  static const char *const engines[] = { "memory", "sqlite" };
  static const struct {
    const char *name;
    void (*run) (Fixture *self, gconstpointer engine);
  } tests[] = {
    { "records", test_records }, { "conflict", test_conflict }, { "remove", test_remove },       { "order", test_order },
    { "limits", test_limits },   { "closed", test_closed },     { "reminders", test_reminders },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/crc32c", test_crc32c);
  for (guint e = 0; e < G_N_ELEMENTS (engines); e++)
    for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path = g_strdup_printf ("/store/%s/%s", engines[e], tests[i].name);

        g_test_add (path, Fixture, engines[e], setup, tests[i].run, teardown);
      }
  return g_test_run ();
}
