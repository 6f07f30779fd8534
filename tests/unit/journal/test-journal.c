/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls of the journal, of each engine the same. */
#include <string.h>

#include "journal-fixture.h"

/* ---- claims and appends ---- */

static void
test_claim (Journal *self, gconstpointer data)
{
  g_auto (Reply) first = journal_claim (self, 3), second = journal_claim (self, 3), other = journal_claim (self, 4);
  g_auto (Reply) read = { 0 };
  g_autofree char *text = NULL;

  g_assert_no_error (first.error);
  g_assert_cmpuint (first.epoch, ==, 1);
  g_assert_cmpuint (first.sequence, ==, 1);
  g_assert_cmpuint (second.epoch, ==, 2);
  g_assert_cmpuint (second.sequence, ==, 2);
  g_assert_cmpuint (other.epoch, ==, 1);
  g_assert_cmpuint (other.sequence, ==, 1);
  read = journal_read (self, 3, 1, 0, NULL, 0);
  text = journal_text (read.records);
  g_assert_cmpstr (text, ==, "1 claim1, 2 claim2");
  g_assert_cmpint (((SynJournalRecord *) read.records->pdata[0])->time_us, ==, SYN_STEPPED_START_REAL_US);
}

static void
test_append (Journal *self, gconstpointer data)
{
  g_auto (Reply) one = { 0 }, two = { 0 }, tick = { 0 }, read = { 0 };
  g_autofree char *text = NULL;

  journal_fill (self, 0, 0);
  one = journal_append (self, 0, 1, 1, "one");
  two = journal_append (self, 0, 1, 2, "");
  tick = journal_append (self, 0, 1, 3, NULL);
  g_assert_no_error (one.error);
  g_assert_no_error (two.error);
  g_assert_no_error (tick.error);
  g_assert_cmpuint (one.sequence, ==, 2);
  g_assert_cmpuint (tick.sequence, ==, 4);
  read = journal_read (self, 0, 1, 0, NULL, 0);
  text = journal_text (read.records);
  g_assert_cmpstr (text, ==, "1 claim1, 2 s/1+1 one, 3 s/2+1 , 4 tick1");
  g_assert_cmpuint (read.next, ==, 5);
}

static void
test_fenced (Journal *self, gconstpointer data)
{
  g_auto (Reply) claim = { 0 }, old = { 0 }, future = { 0 }, unclaimed = { 0 }, behind = { 0 }, good = { 0 };

  journal_fill (self, 7, 2); /* 1 to 3 */
  claim = journal_claim (self, 7);
  g_assert_cmpuint (claim.epoch, ==, 2);
  g_assert_cmpuint (claim.sequence, ==, 4);
  old = journal_append (self, 7, 1, 3, "of the old owner");
  assert_error_says (old.error, SYN_JOURNAL_FENCED, "partition 7: fenced: the log ends at record 4 of epoch 2, not 3 of epoch 1", "");
  future = journal_append (self, 7, 3, 4, "of nobody");
  g_assert_error (future.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  unclaimed = journal_append (self, 8, 1, 1, "x");
  g_assert_error (unclaimed.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  behind = journal_append (self, 7, 2, 3, "another than what is there");
  g_assert_error (behind.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  good = journal_append (self, 7, 2, 4, "x");
  g_assert_no_error (good.error);
}

static void
test_gap (Journal *self, gconstpointer data)
{
  g_auto (Reply) gap = { 0 }, good = { 0 };

  journal_fill (self, 0, 0);
  gap = journal_append (self, 0, 1, 5, "too early");
  assert_error_says (gap.error, SYN_ERROR_UNAVAILABLE, "partition 0: record 6 cannot follow 1", "");
  good = journal_append (self, 0, 1, 1, "x");
  g_assert_no_error (good.error);
}

/* The same once more is the same record: an answer may have been lost. */
static void
test_again (Journal *self, gconstpointer data)
{
  g_auto (Reply) first = { 0 }, again = { 0 }, later = { 0 }, other = { 0 }, read = { 0 };
  g_autofree char *text = NULL;

  journal_fill (self, 0, 0);
  first = journal_append (self, 0, 1, 1, "one");
  again = journal_append (self, 0, 1, 1, "one");
  g_assert_no_error (again.error);
  g_assert_cmpuint (again.sequence, ==, 2);
  other = journal_append (self, 0, 1, 1, "two");
  g_assert_error (other.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  later = journal_append (self, 0, 1, 2, "two");
  g_assert_no_error (later.error);
  read = journal_read (self, 0, 2, 0, NULL, 0);
  text = journal_text (read.records);
  g_assert_cmpstr (text, ==, "2 s/1+1 one, 3 s/2+1 two");
}

/* Several are out at the same time: done and answered in their order; behind one that is refused, none. */
static void
test_pipelined (Journal *self, gconstpointer data)
{
  Reply replies[20] = { 0 };
  g_auto (Reply) read = { 0 };

  journal_fill (self, 0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    journal_post (self, &replies[i], 0, 1, i < 10 ? i + 1 : i + 2, "x"); /* one is missing in the middle */
  journal_settle (self);
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      g_assert_cmpuint (replies[i].n, ==, 1);
      g_assert_cmpuint (replies[i].order, ==, replies[0].order + i);
      if (i < 10)
        g_assert_no_error (replies[i].error);
      else
        g_assert_error (replies[i].error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
    }
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    reply_clear (&replies[i]);
  read = journal_read (self, 0, 1, 0, NULL, 0);
  g_assert_cmpuint (read.records->len, ==, 11);
}

static void
refuse (Journal *self, SynJournalRequest *request, int code, const char *message)
{
  g_auto (Reply) reply = { 0 };

  request->func = reply_take;
  request->user_data = &reply;
  syn_journal_submit (self->journal, request);
  journal_settle (self);
  assert_error_says (reply.error, code, message, "");
}

static SynJournalRequest *
new_batch (Journal *self, const char *source, guint n_events, gsize n_bytes)
{
  SynJournalRequest *request = syn_journal_request_new (self->lane, SYN_JOURNAL_APPEND, 0, NULL, NULL);

  request->epoch = request->expected = 1;
  request->record.kind = SYN_RECORD_BATCH;
  request->record.source = g_strdup (source);
  request->record.first_sequence = 1;
  request->record.n_events = n_events;
  request->record.bytes = g_bytes_new_take (g_malloc0 (n_bytes + 1), n_bytes);
  return request;
}

static void
test_limits (Journal *self, gconstpointer data)
{
  g_autofree char *long_name = g_strnfill (SYN_MAX_QUERY_BYTES + 1, 'n');
  SynJournalRequest *request;

  journal_fill (self, 0, 0);
  refuse (self, new_batch (self, "s", 1, SYN_MAX_JOURNAL_RECORD_BYTES + 1), SYN_ERROR_TOO_LARGE,
          "source \"s\": a record of the journal has 67108865 bytes; the limit is 67108864");
  refuse (self, new_batch (self, "", 1, 1), SYN_ERROR_INVALID, "a batch without source or events");
  refuse (self, new_batch (self, "s", 0, 1), SYN_ERROR_INVALID, "a batch without source or events");
  refuse (self, new_batch (self, long_name, 1, 1), SYN_ERROR_INVALID, "name of a source has 1 to");
  request = new_batch (self, "s", 1, 1);
  request->record.kind = SYN_RECORD_CLAIM;
  refuse (self, request, SYN_ERROR_INVALID, "cannot be appended");
  request = new_batch (self, "s", 1, 1);
  request->partition = SYN_N_PARTITIONS;
  refuse (self, request, SYN_ERROR_INVALID, "there are 64 partitions, and no 64");
  request = new_batch (self, "s", 1, 1);
  request->epoch = 0;
  refuse (self, request, SYN_ERROR_INVALID, "its numbers are none");
  refuse (self, syn_journal_request_new (self->lane, SYN_JOURNAL_GET_CHECKPOINT, 0, NULL, NULL), SYN_ERROR_INVALID,
          "name of a checkpoint");
  request = syn_journal_request_new (self->lane, SYN_JOURNAL_PUT_CHECKPOINT, 0, NULL, NULL);
  request->name = g_strdup ("c");
  refuse (self, request, SYN_ERROR_INVALID, "checkpoint \"c\" has no bytes");
}

/* ---- reading ---- */

static void
test_read (Journal *self, gconstpointer data)
{
  g_auto (Reply) all = { 0 }, some = { 0 }, past = { 0 }, nothing = { 0 }, one = { 0 };
  g_autofree char *text = NULL;

  journal_fill (self, 5, 5); /* 1 to 6 */
  some = journal_read (self, 5, 3, 4, NULL, 0);
  text = journal_text (some.records);
  g_assert_cmpstr (text, ==, "3 s/2+1 1, 4 s/3+1 2");
  g_assert_cmpuint (some.next, ==, 5);
  past = journal_read (self, 5, 7, 0, NULL, 0);
  g_assert_no_error (past.error);
  g_assert_cmpuint (past.records->len, ==, 0);
  g_assert_cmpuint (past.next, ==, 7);
  nothing = journal_read (self, 6, 0, 0, NULL, 0);
  g_assert_no_error (nothing.error);
  g_assert_cmpuint (nothing.records->len, ==, 0);
  g_assert_cmpuint (nothing.next, ==, 1);
  one = journal_read (self, 5, 2, 0, NULL, 1); /* at least one, whatever it takes */
  g_assert_cmpuint (one.records->len, ==, 1);
  g_assert_cmpuint (one.next, ==, 3);
  all = journal_read (self, 5, 0, 1000, NULL, 0);
  g_assert_cmpuint (all.records->len, ==, 6);
  g_assert_cmpuint (all.next, ==, 7);
}

static void
append_of (Journal *self, const char *source, guint64 expected, const char *text)
{
  SynJournalRequest *request = syn_journal_request_new (self->lane, SYN_JOURNAL_APPEND, 0, NULL, NULL);
  g_auto (Reply) reply = { 0 };

  request->func = reply_take;
  request->user_data = &reply;
  request->epoch = 1;
  request->expected = expected;
  request->record.kind = SYN_RECORD_BATCH;
  request->record.source = g_strdup (source);
  request->record.first_sequence = 1;
  request->record.n_events = 1;
  request->record.bytes = g_bytes_new (text, strlen (text));
  syn_journal_submit (self->journal, request);
  journal_settle (self);
  g_assert_no_error (reply.error);
}

static void
test_read_one_source (Journal *self, gconstpointer data)
{
  g_auto (Reply) first = { 0 }, rest = { 0 };
  g_autofree char *text = NULL, *rest_text = NULL;

  journal_fill (self, 0, 0);
  append_of (self, "a", 1, "aaaa");
  append_of (self, "b", 2, "bbbb");
  append_of (self, "a", 3, "cccc");
  append_of (self, "b", 4, "dddd");
  first = journal_read (self, 0, 1, 0, "a", 4);
  text = journal_text (first.records);
  g_assert_cmpstr (text, ==, "2 a/1+1 aaaa");
  g_assert_cmpuint (first.next, ==, 4);
  rest = journal_read (self, 0, first.next, 0, "a", 4);
  rest_text = journal_text (rest.records);
  g_assert_cmpstr (rest_text, ==, "4 a/1+1 cccc");
  g_assert_cmpuint (rest.next, ==, 6);
}

/* ---- checkpoints, holds, trims ---- */

static void
assert_checkpoint (Journal *self, guint partition, const char *name, guint64 sequence, const char *text)
{
  g_auto (Reply) got = journal_get (self, partition, name);

  g_assert_no_error (got.error);
  g_assert_null (got.note);
  g_assert_cmpuint (got.sequence, ==, sequence);
  if (text == NULL)
    g_assert_null (got.bytes);
  else
    g_assert_cmpmem (g_bytes_get_data (got.bytes, NULL), g_bytes_get_size (got.bytes), text, strlen (text));
}

static void
test_checkpoints (Journal *self, gconstpointer data)
{
  g_auto (Reply) beyond = { 0 }, stale = { 0 }, empty = { 0 }, drop = { 0 }, claim = { 0 };

  journal_fill (self, 2, 5);
  assert_checkpoint (self, 2, "p", 0, NULL);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *text = g_strdup_printf ("as of %u", i + 1);
      g_auto (Reply) put = journal_put (self, 2, "p", 1, i + 1, text, -1);

      g_assert_no_error (put.error);
      assert_checkpoint (self, 2, "p", i + 1, text);
    }
  assert_checkpoint (self, 2, "q", 0, NULL);
  assert_checkpoint (self, 3, "p", 0, NULL);
  beyond = journal_put (self, 2, "p", 1, 7, "x", -1);
  assert_error_says (beyond.error, SYN_ERROR_INVALID, "checkpoint \"p\" is of record 7, and the log ends at 6", "");
  claim = journal_claim (self, 2);
  stale = journal_put (self, 2, "p", 1, 6, "of a past owner", -1);
  g_assert_error (stale.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  assert_checkpoint (self, 2, "p", 4, "as of 4");
  empty = journal_put (self, 2, "p", 2, 6, "", 0);
  g_assert_no_error (empty.error);
  assert_checkpoint (self, 2, "p", 6, "");
  drop = journal_ask (self, SYN_JOURNAL_DROP_CHECKPOINT, 2, "p", 0);
  g_assert_no_error (drop.error);
  assert_checkpoint (self, 2, "p", 0, NULL);
}

/* In pieces, and appends come between them. */
static void
test_large_checkpoint (Journal *self, gconstpointer data)
{
  const gsize size = 5 * SYN_MAX_CHECKPOINT_PIECE_BYTES + 17;
  g_autofree char *bytes = g_malloc (size);
  g_auto (Reply) put = { 0 }, got = { 0 };

  for (gsize i = 0; i < size; i++)
    bytes[i] = (char) (i * 7919 >> 3);
  journal_fill (self, 1, 1);
  put = journal_put (self, 1, "large", 1, 2, bytes, (gssize) size);
  g_assert_no_error (put.error);
  got = journal_get (self, 1, "large");
  g_assert_no_error (got.error);
  g_assert_cmpmem (g_bytes_get_data (got.bytes, NULL), g_bytes_get_size (got.bytes), bytes, size);
}

static guint64
trim (Journal *self, guint64 below)
{
  g_auto (Reply) reply = journal_ask (self, SYN_JOURNAL_TRIM, 0, NULL, below);

  g_assert_no_error (reply.error);
  return reply.sequence;
}

static void
test_trim (Journal *self, gconstpointer data)
{
  g_auto (Reply) gone = { 0 }, left = { 0 }, claim = { 0 }, status = { 0 };

  journal_fill (self, 0, 700); /* 1 to 701: more than one job's worth */
  g_assert_cmpuint (trim (self, 0), ==, 1);
  g_assert_cmpuint (trim (self, 601), ==, 601);
  g_assert_cmpuint (trim (self, 300), ==, 601);
  gone = journal_read (self, 0, 600, 0, NULL, 0);
  assert_error_says (gone.error, SYN_ERROR_NOT_FOUND, "partition 0: record 600 was trimmed; the first is 601", "");
  left = journal_read (self, 0, 601, 0, NULL, 0);
  g_assert_no_error (left.error);
  g_assert_cmpuint (left.records->len, ==, 101);
  g_assert_cmpuint (trim (self, 100000), ==, 701); /* where a log ends is never forgotten */
  claim = journal_claim (self, 0);
  g_assert_cmpuint (claim.sequence, ==, 702);
  g_assert_cmpuint (claim.epoch, ==, 2);
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_cmpuint (status.status->n_records, ==, 2);
  g_assert_cmpuint (status.status->n_trimmed, ==, 700);
}

static void
test_holds (Journal *self, gconstpointer data)
{
  g_auto (Reply) hold = { 0 }, put = { 0 }, second = { 0 }, third = { 0 }, drop = { 0 };

  journal_fill (self, 0, 50);
  hold = journal_ask (self, SYN_JOURNAL_HOLD, 0, "p", 5);
  g_assert_no_error (hold.error);
  g_assert_cmpuint (trim (self, 40), ==, 5);
  put = journal_put (self, 0, "p", 1, 20, "x", -1);
  g_assert_cmpuint (trim (self, 40), ==, 5); /* were the one checkpoint damaged, all would be needed */
  second = journal_put (self, 0, "p", 1, 30, "y", -1);
  g_assert_cmpuint (trim (self, 40), ==, 21);
  third = journal_put (self, 0, "p", 1, 35, "z", -1);
  g_assert_cmpuint (trim (self, 40), ==, 31);
  drop = journal_ask (self, SYN_JOURNAL_DROP_CHECKPOINT, 0, "p", 0);
  g_assert_cmpuint (trim (self, 40), ==, 40);
}

/* ---- status and the end ---- */

static void
test_status (Journal *self, gconstpointer data)
{
  g_auto (Reply) status = { 0 }, fenced = { 0 }, failed = { 0 }, good = { 0 }, well = { 0 };

  journal_fill (self, 0, 3);
  syn_silo_advance (self->silo, 1000);
  journal_fill (self, 9, 1);
  status = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_no_error (status.error);
  g_assert_cmpuint (status.status->n_records, ==, 6);
  g_assert_cmpuint (status.status->n_events_appended, ==, 4);
  g_assert_cmpuint (status.status->n_bytes, >, 0);
  g_assert_cmpint (status.status->oldest_us, ==, SYN_STEPPED_START_REAL_US);
  g_assert_cmpint (status.status->newest_us, ==, SYN_STEPPED_START_REAL_US + 1000000);
  g_assert_null (status.status->last_error);
  fenced = journal_append (self, 0, 5, 4, "x");
  failed = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_cmpstr (failed.status->last_error, ==, fenced.error->message);
  good = journal_append (self, 0, 1, 4, "x");
  well = journal_ask (self, SYN_JOURNAL_STATUS, 0, NULL, 0);
  g_assert_null (well.status->last_error);
}

static void
test_closed (Journal *self, gconstpointer data)
{
  g_auto (Reply) before = { 0 }, after = { 0 };

  journal_fill (self, 0, 0);
  journal_post (self, &before, 0, 1, 1, "x");
  syn_journal_close (self->journal);
  journal_post (self, &after, 0, 1, 2, "x");
  syn_silo_settle (self->silo);
  g_assert_cmpuint (before.n, ==, 1);
  g_assert_no_error (before.error);
  assert_error_says (after.error, SYN_ERROR_UNAVAILABLE, "the journal is closed", "");
}

/* ---- the log of an owner ---- */

static void
log_append (SynJournalLog *log, Reply *reply, guint64 first)
{
  const SynJournalHead head = { first, 1, 1700000000000000 };
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);

  syn_journal_log_append (log, "s", &head, bytes, reply_take, reply);
}

static void
test_log (Journal *self, gconstpointer data)
{
  SynJournalLog *log = syn_journal_get_log (self->journal, self->lane, 6);
  g_auto (Reply) early = { 0 }, claim = { 0 }, second = { 0 }, third = { 0 }, a = { 0 }, b = { 0 }, release = { 0 }, late = { 0 }, read = { 0 };
  g_autofree char *text = NULL;

  g_assert_true (log == syn_journal_get_log (self->journal, self->lane, 6));
  log_append (log, &early, 1);
  syn_journal_log_claim (log, reply_take, &claim);
  syn_journal_log_claim (log, reply_take, &second); /* another source of the partition */
  journal_settle (self);
  g_assert_error (early.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  g_assert_no_error (claim.error);
  g_assert_cmpuint (claim.epoch, ==, 1);
  g_assert_cmpuint (second.epoch, ==, 1);
  g_assert_cmpuint (second.sequence, ==, 1);
  log_append (log, &a, 1);
  log_append (log, &b, 2);
  g_assert_cmpuint (syn_journal_log_get_n_waiting (log), ==, 2);
  journal_settle (self);
  g_assert_cmpuint (syn_journal_log_get_n_waiting (log), ==, 0);
  g_assert_cmpuint (a.sequence, ==, 2);
  g_assert_cmpuint (b.sequence, ==, 3);
  syn_journal_log_claim (log, reply_take, &third);
  journal_settle (self);
  g_assert_cmpuint (third.sequence, ==, 3);
  syn_journal_log_release (log, reply_take, &release);
  journal_settle (self);
  g_assert_no_error (release.error);
  g_assert_cmpuint (syn_journal_log_get_epoch (log), ==, 0);
  log_append (log, &late, 3);
  journal_settle (self);
  g_assert_error (late.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  read = journal_read (self, 6, 1, 0, NULL, 0);
  text = journal_text (read.records);
  g_assert_cmpstr (text, ==, "1 claim1, 2 s/1+1 x, 3 s/2+1 x, 4 release1");
}

/* Another owner claims behind its back. */
static void
test_log_fenced (Journal *self, gconstpointer data)
{
  SynJournalLog *log = syn_journal_get_log (self->journal, self->lane, 6);
  g_auto (Reply) claim = { 0 }, other = { 0 }, a = { 0 }, b = { 0 }, again = { 0 }, c = { 0 };

  syn_journal_log_claim (log, reply_take, &claim);
  journal_settle (self);
  other = journal_claim (self, 6);
  log_append (log, &a, 1);
  log_append (log, &b, 2);
  journal_settle (self);
  g_assert_error (a.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  g_assert_error (b.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  g_assert_cmpuint (syn_journal_log_get_epoch (log), ==, 0);
  syn_journal_log_claim (log, reply_take, &again);
  journal_settle (self);
  g_assert_cmpuint (again.epoch, ==, 3);
  log_append (log, &c, 1);
  journal_settle (self);
  g_assert_no_error (c.error);
  g_assert_cmpuint (c.sequence, ==, 4);
}

/* ---- what only the one in memory can be told ---- */

static void
test_log_failures (Journal *self, gconstpointer data)
{
  SynJournalLog *log = syn_journal_get_log (self->journal, self->lane, 0);
  g_auto (Reply) claim = { 0 }, refused = { 0 }, next = { 0 }, read = { 0 };
  Reply replies[5] = { 0 };
  g_autofree char *text = NULL;

  syn_journal_log_claim (log, reply_take, &claim);
  journal_settle (self);
  syn_memory_journal_set_delayed (self->journal, TRUE);
  syn_memory_journal_fail_append (self->journal, 3, SYN_ERROR_UNAVAILABLE, SYN_FAILING_BEFORE);
  for (guint i = 0; i < 5; i++)
    log_append (log, &replies[i], i + 1);
  for (guint i = 0; i < 3; i++)
    g_assert_true (syn_journal_step (self->journal));
  syn_silo_settle (self->silo);
  g_assert_error (replies[2].error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpuint (replies[3].n, ==, 0);
  log_append (log, &refused, 3); /* two answers are still out */
  syn_silo_settle (self->silo);
  assert_error_says (refused.error, SYN_ERROR_UNAVAILABLE, "a record before this one was not taken", "");
  journal_settle (self);
  for (guint i = 0; i < 5; i++)
    {
      g_assert_true ((replies[i].error == NULL) == (i < 2));
      reply_clear (&replies[i]);
    }
  log_append (log, &next, 3);
  journal_settle (self);
  g_assert_no_error (next.error);
  g_assert_cmpuint (next.sequence, ==, 4);
  syn_memory_journal_set_delayed (self->journal, FALSE);
  read = journal_read (self, 0, 1, 0, NULL, 0);
  text = journal_text (read.records);
  g_assert_cmpstr (text, ==, "1 claim1, 2 s/1+1 x, 3 s/2+1 x, 4 s/3+1 x");
}

/* It was written, and nobody was told: whoever goes on as if it had not been is fenced, and finds it by reading. */
static void
test_log_lost_answer (Journal *self, gconstpointer data)
{
  SynJournalLog *log = syn_journal_get_log (self->journal, self->lane, 0);
  g_auto (Reply) claim = { 0 }, lost = { 0 }, other = { 0 }, again = { 0 }, read = { 0 };

  syn_journal_log_claim (log, reply_take, &claim);
  syn_memory_journal_fail_append (self->journal, 1, SYN_ERROR_UNAVAILABLE, SYN_FAILING_AFTER);
  journal_settle (self);
  log_append (log, &lost, 1);
  journal_settle (self);
  g_assert_error (lost.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  log_append (log, &again, 1); /* the same: known by what it says */
  journal_settle (self);
  g_assert_no_error (again.error);
  g_assert_cmpuint (again.sequence, ==, 2);
  syn_memory_journal_fail_append (self->journal, 1, SYN_ERROR_UNAVAILABLE, SYN_FAILING_AFTER);
  reply_clear (&lost);
  log_append (log, &lost, 2);
  journal_settle (self);
  log_append (log, &other, 7); /* another */
  journal_settle (self);
  g_assert_error (other.error, SYN_ERROR, SYN_JOURNAL_FENCED);
  read = journal_read (self, 0, 3, 0, NULL, 0);
  g_assert_cmpuint (((SynJournalRecord *) read.records->pdata[0])->first_sequence, ==, 2);
}

static void
test_overloaded (Journal *self, gconstpointer data)
{
  g_auto (Reply) one = { 0 }, two = { 0 }, claim = { 0 };

  journal_fill (self, 0, 0);
  syn_memory_journal_set_delayed (self->journal, TRUE);
  syn_memory_journal_set_max_bytes (self->journal, sizeof (SynJournalRequest) + 10);
  journal_post (self, &one, 0, 1, 1, "12345678");
  journal_post (self, &two, 0, 1, 2, "x");
  syn_silo_settle (self->silo);
  g_assert_cmpuint (syn_memory_journal_get_n_delayed (self->journal), ==, 1);
  g_assert_error (two.error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  journal_settle (self);
  g_assert_no_error (one.error);
  syn_memory_journal_set_delayed (self->journal, FALSE);
  syn_memory_journal_fail_others (self->journal, SYN_ERROR_UNAVAILABLE);
  claim = journal_claim (self, 1);
  g_assert_error (claim.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
}

int
main (int argc, char **argv)
{
  typedef void (*Run) (Journal *self, gconstpointer data);
  static const struct {
    const char *name;
    Run run;
    gboolean memory_only;
  } tests[] = {
    { "claim", test_claim },
    { "append", test_append },
    { "fenced", test_fenced },
    { "gap", test_gap },
    { "again", test_again },
    { "pipelined", test_pipelined },
    { "limits", test_limits },
    { "read", test_read },
    { "read-one-source", test_read_one_source },
    { "checkpoints", test_checkpoints },
    { "large-checkpoint", test_large_checkpoint },
    { "trim", test_trim },
    { "holds", test_holds },
    { "status", test_status },
    { "closed", test_closed },
    { "log", test_log },
    { "log-fenced", test_log_fenced },
    { "log-failures", test_log_failures, TRUE },
    { "log-lost-answer", test_log_lost_answer, TRUE },
    { "overloaded", test_overloaded, TRUE },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint engine = 0; engine < 2; engine++)
    for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path = g_strdup_printf ("/journal/%s/%s", engine == 0 ? "memory" : "sqlite", tests[i].name);

        if (engine == 0 || !tests[i].memory_only)
          g_test_add (path, Journal, NULL, engine == 0 ? journal_setup_memory : journal_setup_sqlite, tests[i].run, journal_teardown);
      }
  return g_test_run ();
}
