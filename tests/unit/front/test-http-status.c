/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the silo says of itself while its journal does not answer. */
#include "front-fixture.h"

#include <string.h>
#include "syn-limits.h"
#include "syn-memory-journal.h"

/* The disk hangs: the first who asks is kept for a while, others not at all, and what is asked of the journal is not asked again and again. */
static void
test_journal_hangs (Fixture *f, gconstpointer data)
{
  int first = client_connect (f), second = client_connect (f);
  g_autofree char *before = client_ask (f, first, GET ("/v1/status")), *kept = NULL, *late = NULL, *status = NULL, *sources = NULL, *after = NULL;

  assert_has (before, "\"journal\":{\"records\":");
  g_assert_null (strstr (before, "\"busy\""));
  syn_memory_journal_set_delayed (f->journal, TRUE);
  kept = client_ask (f, first, GET ("/v1/status"));
  fixture_advance (f, SYN_STATUS_JOURNAL_MS - 1);
  g_assert_cmpstr (kept, ==, "");
  fixture_advance (f, 1);
  late = client_read (f, first, NULL);
  g_assert_cmpuint (status_of (late), ==, 200);
  assert_has (late, "\"journal\":{\"busy\":true},"); /* the one in memory knows nothing without looking */
  assert_has (late, "\"sources\":[{\"name\":\"trades\"");
  status = client_ask (f, first, GET ("/v1/status"));
  assert_has (status, "\"journal\":{\"busy\":true},");
  sources = client_ask (f, second, GET ("/v1/sources"));
  g_assert_cmpuint (status_of (sources), ==, 200);
  g_assert_cmpuint (syn_memory_journal_get_n_delayed (f->journal), ==, 1);

  syn_memory_journal_set_delayed (f->journal, FALSE);
  fixture_settle (f);
  after = client_ask (f, first, GET ("/v1/status"));
  assert_has (after, "\"journal\":{\"records\":");
  g_assert_null (strstr (after, "\"busy\""));
  client_close (f, first);
  client_close (f, second);
}

/* It ends while somebody waits for it, in time or no more. */
static void
test_end (Fixture *f, gconstpointer data)
{
  int first = client_connect (f), second;

  syn_memory_journal_set_delayed (f->journal, TRUE);
  client_send (f, first, GET ("/v1/status"));
  if (data != NULL)
    fixture_advance (f, SYN_STATUS_JOURNAL_MS);
  second = client_connect (f);
  client_send (f, second, GET ("/v1/status"));
  fixture_settle (f);
  client_close (f, first);
  client_close (f, second);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, data, func) g_test_add ("/front/status/" name, Fixture, data, fixture_set_up_with_journal, func, fixture_tear_down)
  ADD ("journal-hangs", NULL, test_journal_hangs);
  ADD ("end", NULL, test_end);
  ADD ("end-late", "late", test_end);
#undef ADD
  return g_test_run ();
}
