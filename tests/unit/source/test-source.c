/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grain "source/NAME" of kind http, on a stepped silo: what is accepted, what is refused, and that
 * nothing is applied by halves. */
#include "silo-fixture.h"
#include "syn-limits.h"

#define CATALOG                                                                                              \
  "{'sources':[{'name':'trades','kind':'http','fields':{'symbol':'string','price':'decimal(4)'}},"           \
  "{'name':'lonely','kind':'http','fields':{'n':'int64'}},"                                                  \
  "{'name':'sim','kind':'simulator','instruments':3,'rate':1}],"                                             \
  "'projections':[{'name':'a','from':'trades','key':['symbol'],'columns':{'last':'last(price)'}},"           \
  "{'name':'b/c','from':'trades','key':['symbol','price'],'columns':{'n':'count()'}}]}"

static SynPublished *
publish (Fixture *fixture, const char *source, const char *body, SynFormat format, GError **error)
{
  SynPublish *payload = g_new0 (SynPublish, 1);

  payload->body = g_bytes_new (body, strlen (body));
  payload->format = format;
  return fixture_call (fixture, source, SYN_SOURCE_PUBLISH, payload, (GDestroyNotify) syn_publish_free,
                       error);
}

/* "accepted/sequence" and the error with its place */
static char *
published (Fixture *fixture, const char *source, const char *body, SynFormat format)
{
  g_autoptr (GError) error = NULL;
  SynPublished *answer = publish (fixture, source, body, format, &error);
  char *text;

  if (answer == NULL)
    return g_strdup_printf ("failed %d: %s", error->code, error->message);
  if (answer->error != NULL)
    text =
        g_strdup_printf ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " %d at %" G_GUINT64_FORMAT ":%u %s: %s",
                         answer->accepted, answer->sequence, answer->error->code, answer->place.line,
                         answer->place.column, answer->place.field, answer->error->message);
  else
    text = g_strdup_printf ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, answer->accepted, answer->sequence);
  syn_published_free (answer);
  return text;
}

#define assert_published(fixture, source, body, format, expected)                                            \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *answer_text = published (fixture, source, body, format);                                \
    g_assert_cmpstr (answer_text, ==, expected);                                                             \
  }                                                                                                          \
  G_STMT_END

static gint64
metric (Fixture *fixture, const char *name)
{
  return syn_metric_sum (fixture->silo, syn_metric_register (SYN_METRIC_COUNTER, name, ""));
}

static void
test_publish (void)
{
  g_autoptr (Fixture) fixture = fixture_new (CATALOG, "/");
  gint64 events = metric (fixture, "source_events_total"), batches = metric (fixture, "source_batches_total");

  assert_published (fixture, "trades", "{\"symbol\":\"A\",\"price\":1.5}\n{\"symbol\":\"B\"}\n",
                    SYN_FORMAT_NDJSON, "2/2");
  assert_published (fixture, "trades", "[{\"price\":2}]", SYN_FORMAT_JSON, "1/3");
  assert_published (fixture, "trades", "price,symbol\n3,C\n4,D\n", SYN_FORMAT_CSV, "2/5");
  assert_published (fixture, "trades", "", SYN_FORMAT_NDJSON, "0/5");
  assert_published (fixture, "trades", "", SYN_FORMAT_JSON, "0/5");
  assert_published (fixture, "trades", "price\n", SYN_FORMAT_CSV, "0/5");
  assert_published (fixture, "lonely", "{\"n\":1}", SYN_FORMAT_NDJSON, "1/1");
  g_assert_cmpstr (fixture_applied (fixture, "a"), ==,
                   "\"A\"|1.5000\n\"B\"|-\n-|2.0000\n\"C\"|3.0000\n\"D\"|4.0000\n");
  g_assert_cmpstr (fixture_applied (fixture, "b/c"), ==, fixture_applied (fixture, "a"));
  g_assert_cmpuint (fixture->last_sequence, ==, 5);
  g_assert_cmpint (metric (fixture, "source_events_total") - events, ==, 6);
  g_assert_cmpint (metric (fixture, "source_batches_total") - batches, ==, 4);
  fixture_assert_status (fixture, "trades", "open 5 in flight 0");
}

static void
test_refused (void)
{
  g_autoptr (Fixture) fixture = fixture_new (CATALOG, "/");
  gint64 refused = metric (fixture, "source_refused_total");

  assert_published (
      fixture, "trades", "{\"symbol\":\"A\",\"price\":1.5}\n{\"symbol\":\"B\",\"price\":1.23456}\n",
      SYN_FORMAT_NDJSON, "0/0 1 at 2:23 price: field \"price\": \"1.23456\" has more than 4 decimals");
  assert_published (fixture, "trades", "[{\"price\":1},{\"price\":2}", SYN_FORMAT_JSON,
                    "0/0 1 at 1:25 : the text ends inside the array: expected ']'");
  assert_published (fixture, "trades", "price,size\n1,2\n", SYN_FORMAT_CSV,
                    "0/0 1 at 1:7 size: unknown column \"size\" of source \"trades\"");
  assert_published (fixture, "sim", "{}", SYN_FORMAT_NDJSON,
                    "failed 1: source \"sim\" is not of kind \"http\": nothing can be published to it");
  g_assert_cmpint (metric (fixture, "source_refused_total") - refused, ==, 4);
  {
    g_autofree char *nowhere = published (fixture, "nowhere", "{}", SYN_FORMAT_NDJSON);
    g_assert_true (g_str_has_prefix (nowhere, "failed 2: there is no source \"nowhere\""));
  }
  g_assert_cmpstr (fixture_applied (fixture, "a"), ==, "");
  /* and what comes next is not spoilt by it */
  assert_published (fixture, "trades", "{\"price\":1}", SYN_FORMAT_NDJSON, "1/1");
  g_assert_cmpstr (fixture_applied (fixture, "a"), ==, "-|1.0000\n");
}

static void
test_too_many_events (void)
{
  g_autoptr (Fixture) fixture = fixture_new (CATALOG, "/");
  g_autoptr (GString) body = g_string_new (NULL);

  for (guint i = 0; i < SYN_MAX_EVENTS_PER_BATCH; i++)
    g_string_append (body, "{}\n");
  assert_published (fixture, "lonely", body->str, SYN_FORMAT_NDJSON, "1048576/1048576");
  g_string_append (body, "{}\n");
  assert_published (fixture, "lonely", body->str, SYN_FORMAT_NDJSON,
                    "0/1048576 6 at 1048577:1 : more than 1048576 events");
}

static void
test_overloaded (void)
{
  g_autoptr (Fixture) fixture = fixture_new (CATALOG, "/");
  g_autoptr (GString) expected = g_string_new (NULL);

  fixture->hold = TRUE;
  for (guint i = 0; i < SYN_MAX_BATCHES_IN_FLIGHT; i++)
    {
      g_autofree char *body = g_strdup_printf ("{\"price\":%u}", i),
                      *answer = g_strdup_printf ("1/%u", i + 1);

      assert_published (fixture, "trades", body, SYN_FORMAT_NDJSON, answer);
      g_string_append_printf (expected, "-|%u.0000\n", i);
    }
  fixture_assert_status (fixture, "trades", "open 64 in flight 64");
  assert_published (fixture, "trades", "{\"price\":7}", SYN_FORMAT_NDJSON,
                    "failed 3: source \"trades\" has 64 batches that are not applied yet");
  g_assert_cmpstr (fixture_applied (fixture, "a"), ==, expected->str);
  /* both projections have to acknowledge a batch before there is room again */
  fixture->hold = FALSE;
  for (guint i = 0; i < 2; i++)
    {
      SynMessage *message = syn_message_list_pop (&fixture->held);
      SynLane *before = syn_silo_enter (fixture->silo, syn_silo_get_lane (fixture->silo, 0));

      syn_message_reply (message, NULL, NULL);
      syn_silo_enter (fixture->silo, before);
      syn_silo_settle (fixture->silo);
    }
  fixture_assert_status (fixture, "trades", "open 64 in flight 63");
  assert_published (fixture, "trades", "{\"price\":7}", SYN_FORMAT_NDJSON, "1/65");
  /* the silo drains with 63 of them still held */
}

static void
test_apply_errors (void)
{
  g_autoptr (Fixture) fixture = fixture_new (CATALOG, "/");
  gint64 errors = metric (fixture, "source_apply_errors_total");

  fixture->refuse = TRUE;
  assert_published (fixture, "trades", "{\"price\":7}", SYN_FORMAT_NDJSON, "1/1");
  assert_published (fixture, "trades", "{\"price\":8}", SYN_FORMAT_NDJSON, "1/2");
  g_assert_cmpint (metric (fixture, "source_apply_errors_total") - errors, ==, 4);
  fixture_assert_status (fixture, "trades", "open 2 in flight 0");
  g_assert_cmpstr (fixture->warnings->str, ==,
                   "source \"trades\": a projection did not apply a batch (1 such failures): not today\n");
  syn_silo_advance (fixture->silo, 10000);
  assert_published (fixture, "trades", "{\"price\":9}", SYN_FORMAT_NDJSON, "1/3");
  g_assert_true (strstr (fixture->warnings->str, "(4 such failures)") != NULL);
}

static void
test_unknown_method (void)
{
  g_autoptr (Fixture) fixture = fixture_new (CATALOG, "/");
  g_autoptr (GError) error = NULL;

  g_assert_null (fixture_call (fixture, "trades", 77, NULL, NULL, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (fixture_log, NULL, NULL);
  g_test_add_func ("/source/publish", test_publish);
  g_test_add_func ("/source/refused", test_refused);
  g_test_add_func ("/source/too-many-events", test_too_many_events);
  g_test_add_func ("/source/overloaded", test_overloaded);
  g_test_add_func ("/source/apply-errors", test_apply_errors);
  g_test_add_func ("/source/unknown-method", test_unknown_method);
  return g_test_run ();
}
