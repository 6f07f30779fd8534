/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded journal: what retention takes, by age, size, checkpoint and source, and what is counted of what is there. */
#include <string.h>

#include "journal-fixture.h"

static guint64
first_record (Journal *self, guint partition)
{
  g_auto (Reply) read = journal_read (self, partition, 1, 1, NULL, 0);
  const char *at;

  if (read.error == NULL)
    return 1;
  g_assert_error (read.error, SYN_ERROR, SYN_ERROR_NOT_FOUND);
  at = strstr (read.error->message, "the first is ");
  return g_ascii_strtoull (at + strlen ("the first is "), NULL, 10);
}

static void
test_retention_age (Journal *self, gconstpointer data)
{
  journal_reopen (self, &(SynSqliteJournalOptions){ .retention = { .max_age_ms = 3600 * 1000 } });
  journal_fill (self, 0, 9); /* 1 to 10 */
  journal_fill (self, 1, 9);
  syn_silo_advance (self->silo, 3000 * 1000);
  {
    g_auto (Reply) more = journal_append (self, 0, 1, 10, "x");

    g_assert_no_error (more.error);
    journal_settle (self);
  }
  g_assert_cmpuint (first_record (self, 0), ==, 1);
  syn_silo_advance (self->silo, 1200 * 1000);
  journal_fill (self, 2, 1);
  journal_settle (self);
  g_assert_cmpuint (first_record (self, 0), ==, 11);
  g_assert_cmpuint (first_record (self, 1), ==, 10); /* the last stays */
}

static void
test_retention_bytes (Journal *self, gconstpointer data)
{
  const guint64 max_bytes = 2 << 20;
  g_autofree char *large = g_strnfill (100000, 'x');
  g_auto (Reply) status = { 0 }, hold = { 0 }, held = { 0 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .max_file_bytes = max_bytes });
  journal_fill (self, 0, 0);
  for (guint i = 0; i < 200; i++)
    {
      g_auto (Reply) reply = journal_append (self, 0, 1, i + 1, large);

      g_assert_no_error (reply.error);
      if (i == 100)
        {
          g_assert_cmpuint (first_record (self, 0), >, 40);
          hold = journal_ask (self, SYN_JOURNAL_HOLD, 0, "reader", 95);
        }
    }
  g_assert_cmpuint (first_record (self, 0), ==, 95); /* not what a hold needs, however much it is */
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_cmpuint (status.status->n_bytes, >, max_bytes);
  held = journal_ask (self, SYN_JOURNAL_DROP_CHECKPOINT, 0, "reader", 0);
  for (guint i = 200; i < 250; i++)
    {
      g_auto (Reply) reply = journal_append (self, 0, 1, i + 1, large);

      g_assert_no_error (reply.error);
    }
  reply_clear (&status);
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_cmpuint (status.status->n_bytes, <, max_bytes + (8 << 20));
  g_assert_cmpuint (status.status->n_trimmed, >, 150);
}

static void
test_retention_checkpoint (Journal *self, gconstpointer data)
{
  g_auto (Reply) hold = { 0 }, one = { 0 }, two = { 0 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .retention = { .by_checkpoint = TRUE } });
  journal_fill (self, 0, 20);
  journal_fill (self, 1, 20); /* nobody reads it */
  hold = journal_ask (self, SYN_JOURNAL_HOLD, 0, "p", 1);
  one = journal_put (self, 0, "p", 1, 10, "x", -1);
  two = journal_put (self, 0, "p", 1, 15, "y", -1);
  syn_silo_advance (self->silo, 120 * 1000);
  journal_fill (self, 2, 1);
  journal_settle (self);
  syn_silo_advance (self->silo, 120 * 1000);
  journal_fill (self, 2, 1);
  journal_settle (self);
  g_assert_cmpuint (first_record (self, 0), ==, 11);
  g_assert_cmpuint (first_record (self, 1), ==, 1);
}

/* One batch of ten events of @source, @size bytes, at the end of the partition's log. */
static void
append_of (Journal *self, guint partition, const char *source, gsize size)
{
  SynJournalLog *log = syn_journal_get_log (self->journal, self->lane, partition);
  g_autofree char *text = g_strnfill (size, 'x');
  g_autoptr (GBytes) bytes = g_bytes_new (text, size);
  const SynJournalHead head = { 1, 10, syn_lane_real_us (self->lane) };
  g_auto (Reply) reply = { 0 };

  syn_journal_log_claim (log, NULL, NULL);
  journal_settle (self);
  syn_journal_log_append (log, source, &head, bytes, reply_take, &reply);
  journal_settle (self);
  g_assert_no_error (reply.error);
}

static const SynJournalSourceStatus *
find_source (const SynJournalStatus *status, const char *name)
{
  g_assert_nonnull (status->sources);
  for (guint i = 0; i < status->sources->len; i++)
    {
      const SynJournalSourceStatus *source = status->sources->pdata[i];

      if (strcmp (source->source, name) == 0)
        return source;
    }
  return NULL;
}

static void
assert_has (const SynJournalStatus *status, const char *name, guint64 n_records, guint64 n_bytes)
{
  const SynJournalSourceStatus *source = find_source (status, name);

  g_assert_nonnull (source);
  g_assert_cmpuint (source->n_records, ==, n_records);
  g_assert_cmpuint (source->n_events, ==, 10 * n_records);
  g_assert_cmpuint (source->n_bytes, ==, n_bytes);
}

#define KILO 1000u

/* Each source by its own rule; what shares a partition waits for what is before it. */
static void
test_retention_sources (Journal *self, gconstpointer data)
{
  static const SynJournalSourceRetention rules[] = {
    { "small", { .max_bytes = 500 * KILO } },
    { "held", { .max_bytes = 500 * KILO } },
    { "needed", { .by_checkpoint = TRUE } },
    { "kept", { .is_kept = TRUE } },
    { "silent", { .max_age_ms = 1000 } },
  };
  g_auto (Reply) hold = { 0 }, needed = { 0 }, status = { 0 };

  journal_reopen (self, &(SynSqliteJournalOptions){ .sources = rules, .n_sources = G_N_ELEMENTS (rules), .max_file_bytes = 12000 * KILO });
  for (guint i = 0; i < 60; i++)
    {
      append_of (self, 0, "small", 100 * KILO);
      append_of (self, 1, "held", 100 * KILO);
      append_of (self, 2, "kept", 100 * KILO);
      append_of (self, 3, "other", 100 * KILO);
      append_of (self, 4, i == 5 ? "small" : "kept", KILO); /* behind what is kept it stays, whatever its own rule says */
      append_of (self, 6, "needed", KILO);
      if (i == 2)
        hold = journal_ask (self, SYN_JOURNAL_HOLD, 1, "reader", 4);
      if (i == 11)
        needed = journal_ask (self, SYN_JOURNAL_HOLD, 6, "reader", 9);
      syn_silo_advance (self->silo, 120 * 1000);
    }
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  /* Retention looks after each 4 MiB or minute; between that and now are at most 11 records of each. */
  g_assert_cmpuint (find_source (status.status, "small")->n_bytes, <, 1700 * KILO);
  g_assert_cmpuint (first_record (self, 0), >, 40);
  g_assert_cmpuint (first_record (self, 1), ==, 4); /* not what a hold needs */
  assert_has (status.status, "held", 58, 5800 * KILO);
  assert_has (status.status, "kept", 60 + 59, 6059 * KILO);
  g_assert_cmpuint (first_record (self, 2), ==, 1);
  g_assert_cmpuint (first_record (self, 4), ==, 1);
  g_assert_cmpuint (find_source (status.status, "other")->n_records, <, 20); /* the file is too large */
  g_assert_cmpuint (first_record (self, 6), ==, 9);
  g_assert_cmpuint (find_source (status.status, "silent")->n_records, ==, 0);
  g_assert_cmpuint (find_source (status.status, "kept")->first_sequence, ==, 1);
  g_assert_cmpuint (status.status->readers->len, ==, 2);
  g_assert_cmpuint (((SynJournalReaderStatus *) status.status->readers->pdata[0])->sequence, ==, 4);
  g_assert_cmpuint (((SynJournalReaderStatus *) status.status->readers->pdata[0])->time_us, >, 0);
}

static void
test_retention_source_age (Journal *self, gconstpointer data)
{
  static const SynJournalSourceRetention rules[] = { { "young", { .max_age_ms = 3600 * 1000 } }, { "old", { .max_bytes = 1 } } };

  journal_reopen (self, &(SynSqliteJournalOptions){ .sources = rules, .n_sources = G_N_ELEMENTS (rules), .retention = { .max_age_ms = 2400 * 1000 } });
  for (guint i = 0; i < 60; i++)
    {
      append_of (self, 0, "young", 10);
      append_of (self, 1, "default", 10);
      append_of (self, 2, "old", 10);
      syn_silo_advance (self->silo, 120 * 1000);
    }
  g_assert_cmpuint (first_record (self, 0), ==, 31); /* records 2 to 61, 120 s apart, and 30 of them in an hour */
  g_assert_cmpuint (first_record (self, 1), ==, 41);
  g_assert_cmpuint (first_record (self, 2), ==, 60); /* the newest then, when retention last looked */
}

/* What is counted at the opening, while records go and come, is what is there. */
static void
test_counted (Journal *self, gconstpointer data)
{
  g_auto (Reply) trim = { 0 }, status = { 0 };
  g_autoptr (SynJournalStatus) uncounted = NULL, peeked = NULL;

  for (guint i = 0; i < 700; i++)
    append_of (self, i % 7, i % 7 == 0 ? "a" : "b", 10);
  journal_reopen (self, NULL);
  uncounted = syn_journal_peek (self->journal);
  g_assert_null (uncounted->sources);
  trim = journal_ask (self, SYN_JOURNAL_TRIM, 0, NULL, 52); /* the claim, and 50 of 100; of what is counted by now, and of what is not */
  append_of (self, 0, "a", 1000);
  journal_settle (self);
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  assert_has (status.status, "a", 51, 1500);
  assert_has (status.status, "b", 600, 6000);
  g_assert_cmpuint (find_source (status.status, "a")->partition, ==, 0);
  g_assert_cmpuint (find_source (status.status, "a")->oldest_us, >, 0);
  peeked = syn_journal_peek (self->journal);
  g_assert_cmpuint (peeked->n_records, ==, status.status->n_records); /* claims too */
  g_assert_cmpuint (peeked->n_records, ==, 51 + 600 + 7 + 0);
  g_assert_cmpuint (peeked->n_failures, ==, 0);
  g_assert_cmpint (peeked->last_commit_us, >, 0);
  g_assert_cmpint (peeked->longest_flush_us, <=, peeked->flush_us);
  g_assert_cmpuint (peeked->n_bytes, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
#define ADD(name, func) g_test_add ("/sqlite-journal/" name, Journal, NULL, journal_setup_sqlite, func, journal_teardown)
  ADD ("retention-age", test_retention_age);
  ADD ("retention-bytes", test_retention_bytes);
  ADD ("retention-checkpoint", test_retention_checkpoint);
  ADD ("retention-sources", test_retention_sources);
  ADD ("retention-source-age", test_retention_source_age);
  ADD ("counted", test_counted);
  return g_test_run ();
}
