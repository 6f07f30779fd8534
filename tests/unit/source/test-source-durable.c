/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Durable sources on a stepped silo, over a journal in memory that answers when the test lets it: what is told a publisher when, what is delivered, and
 * what comes again, over silos that come one after the other. */
#include <string.h>
#include "syn-limits.h"
#include "syn-memory-journal.h"
#include "syn-metrics.h"
#include "syn-producers.h"
#include "syn-silo-journal.h"
#include "syn-silo-test.h"
#include "syn-source.h"

#define CATALOG                                                                                                                                      \
  "{'sources':[{'name':'trades','kind':'http','durable':true,'fields':{'n':'int64'}}],"                                                              \
  "'projections':[{'name':'a','from':'trades','columns':{'s':'sum(n)'}},"                                                                            \
  "{'name':'b','from':'trades','key':['n'],'columns':{'c':'count()'}}]}"

/* A feed that keeps what it was given, as "first-last " (with ! before the first of all that is left, and ~ for what is replayed), outliving its
 * activation. */
typedef struct {
  guint64 progress;
  guint64 newest; /* what it says is its own newest, when it is above progress */
  GString *given;
  GString *sums; /* of n, per batch */
  guint n_failing; /* batches that it refuses from now on */
  gboolean answers_progress;
  gboolean is_slow; /* ... later: it is called again */
} Feed;

static Feed feeds[2]; /* "a", "b" */

static gpointer
feed_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  return &feeds[key[0] - 'a'];
}

static void
feed_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Feed *self = state;
  g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_INVALID, "not now");
  SynEventBatch *batch = syn_message_get_payload (message);

  if (syn_message_get_method (message) == SYN_PROGRESS_METHOD)
    {
      g_assert_cmpstr (syn_message_get_payload (message), ==, "trades");
      g_autoptr (GError) slow = g_error_new_literal (SYN_ERROR, SYN_ERROR_TIMEOUT, "still loading");

      if (self->is_slow)
        syn_message_fail (message, slow);
      else if (self->answers_progress)
        {
          const SynFeedProgress told = { self->progress, MAX (self->progress, self->newest) };

          syn_message_reply (message, g_memdup2 (&told, sizeof told), g_free);
        }
      else
        syn_message_fail (message, error);
      return;
    }
  g_assert_cmpint (syn_message_get_method (message), ==, SYN_APPLY_METHOD);
  g_assert_cmpuint (syn_event_batch_get_epoch (batch), ==, SYN_DURABLE_EPOCH);
  if (self->n_failing > 0)
    {
      self->n_failing--;
      syn_message_fail (message, error);
      return;
    }
  g_string_append_printf (self->given, "%s%s%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT " ", syn_event_batch_get_origin (batch)->is_first ? "!" : "",
                          syn_event_batch_get_origin (batch)->replay_end > 0 ? "~" : "", syn_event_batch_get_first_sequence (batch),
                          syn_event_batch_get_last_sequence (batch));
  if (syn_event_batch_get_first_sequence (batch) == self->progress + 1)
    self->progress = syn_event_batch_get_last_sequence (batch);
  syn_message_reply (message, NULL, NULL);
}

static void
feed_deactivate (SynGrain *grain, gpointer state)
{
}

static void
clear_given (void)
{
  for (guint i = 0; i < 2; i++)
    g_string_truncate (feeds[i].given, 0);
}

static SynSilo *
silo_new (SynJournal *journal, SynCatalog **catalog)
{
  static const SynGrainType projection = {
    .name = "projection", .reentrant = TRUE, .activate = feed_activate, .receive = feed_receive, .deactivate = feed_deactivate,
  };
  static const SynGrainType conflation = {
    .name = "conflation", .reentrant = TRUE, .activate = feed_activate, .receive = feed_receive, .deactivate = feed_deactivate,
  };
  g_autofree char *json = g_strdelimit (g_strdup (CATALOG), "'", '"');
  g_autoptr (GError) error = NULL;
  SynSilo *silo;

  *catalog = syn_catalog_parse ("test.json", "/", json, -1, &error);
  g_assert_no_error (error);
  silo = syn_silo_new_stepped (2, NULL, &error);
  g_assert_no_error (error);
  if (journal != NULL)
    syn_silo_set_journal (silo, journal, FALSE);
  syn_silo_register (silo, &projection, NULL);
  syn_silo_register (silo, &conflation, NULL);
  syn_sources_register (silo, *catalog);
  g_assert_true (syn_silo_start (silo, NULL, &error));
  syn_silo_settle (silo);
  return silo;
}

typedef struct {
  gboolean done;
  char *text; /* (owned): "accepted/sequence", or "!code message" */
} Answer;

static void
replied (gpointer payload, const GError *error, gpointer user_data)
{
  Answer *answer = user_data;
  SynPublished *published = payload;

  answer->done = TRUE;
  if (error != NULL)
    answer->text = g_strdup_printf ("!%d %s", error->code, error->message);
  else if (published->error != NULL)
    answer->text = g_strdup_printf ("!%d %s", published->error->code, published->error->message);
  else
    answer->text = g_strdup_printf ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, published->accepted, published->sequence);
  g_clear_pointer (&published, syn_published_free);
}

/* Posts @n events; the answer comes when it comes. */
static Answer *
post (SynSilo *silo, guint n, const char *producer, guint64 number)
{
  Answer *answer = g_new0 (Answer, 1);
  SynPublish *publish = g_new0 (SynPublish, 1);
  GString *body = g_string_new (NULL);
  SynCall call = {
    .type = SYN_SOURCE_GRAIN, .key = "trades", .method = SYN_SOURCE_PUBLISH, .payload = publish,
    .payload_free = (GDestroyNotify) syn_publish_free, .reply = replied, .user_data = answer,
  };

  for (guint i = 0; i < n; i++)
    g_string_append (body, "{\"n\":1}\n");
  publish->body = g_string_free_to_bytes (body);
  publish->format = SYN_FORMAT_NDJSON;
  publish->producer = g_strdup (producer);
  publish->number = number;
  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  return answer;
}

static void
check (Answer *answer, const char *expected)
{
  if (expected == NULL)
    {
      g_assert_false (answer->done);
      return;
    }
  g_assert_true (answer->done);
  g_assert_cmpstr (answer->text, ==, expected);
  g_free (answer->text);
  g_free (answer);
}

#define assert_post(silo, n, producer, number, expected) check (post (silo, n, producer, number), expected)

static void
replay_done (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
  *(gboolean *) user_data = TRUE;
}

static gint64
count_missing (SynSilo *silo)
{
  return syn_metric_sum (silo, syn_metric_register (SYN_METRIC_COUNTER, "source_missing_events_total", ""));
}

static void
set_up (void)
{
  for (guint i = 0; i < 2; i++)
    feeds[i] = (Feed){ .given = g_string_new (NULL), .answers_progress = TRUE };
}

static void
tear_down (void)
{
  for (guint i = 0; i < 2; i++)
    g_string_free (feeds[i].given, TRUE);
}

/* ---- */

static void
test_acknowledged_when_durable (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (journal, &catalog);
  Answer *answers[3];

  syn_memory_journal_set_delayed (journal, TRUE);
  for (guint i = 0; i < 3; i++)
    answers[i] = post (silo, i + 1, NULL, 0);
  g_assert_cmpuint (syn_memory_journal_get_n_delayed (journal), ==, 3);
  check (answers[0], NULL);
  g_assert_cmpstr (feeds[0].given->str, ==, "");
  syn_journal_step (journal);
  syn_silo_settle (silo);
  check (answers[0], "1/1");
  check (answers[1], NULL);
  g_assert_cmpstr (feeds[0].given->str, ==, "1-1 ");
  syn_memory_journal_set_delayed (journal, FALSE);
  syn_silo_settle (silo);
  check (answers[1], "2/3");
  check (answers[2], "3/6");
  g_assert_cmpstr (feeds[0].given->str, ==, "1-1 2-3 4-6 ");
  g_assert_cmpstr (feeds[1].given->str, ==, "1-1 2-3 4-6 ");
}

static void
test_not_taken (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (journal, &catalog);
  Answer *answers[4];
  static const char *const refusal
    = "!4 source \"trades\" takes no durable events now: memory: partition %u: fails because a test says so";
  g_autofree char *text = g_strdup_printf (refusal, syn_partition_of (SYN_SOURCE_GRAIN, "trades"));

  syn_memory_journal_set_delayed (journal, TRUE);
  for (guint i = 0; i < 3; i++)
    answers[i] = post (silo, 2, "p", i + 1);
  syn_memory_journal_fail_append (journal, 2, SYN_ERROR_UNAVAILABLE, SYN_FAILING_BEFORE);
  syn_journal_step (journal);
  syn_journal_step (journal);
  syn_silo_settle (silo);
  check (answers[0], "2/2");
  check (answers[1], text);
  /* one that would overtake */
  assert_post (silo, 1, NULL, 0, text);
  syn_memory_journal_set_delayed (journal, FALSE);
  syn_silo_settle (silo);
  check (answers[2], text);
  /* and it has healed: what was not taken has left nothing behind */
  assert_post (silo, 2, "p", 2, "2/4");
  assert_post (silo, 2, "p", 3, "2/6");
  g_assert_cmpstr (feeds[0].given->str, ==, "1-2 3-4 5-6 ");
}

static void
test_overloaded (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (journal, &catalog);
  Answer *answers[SYN_MAX_BATCHES_IN_FLIGHT];

  syn_memory_journal_set_delayed (journal, TRUE);
  for (guint i = 0; i < SYN_MAX_BATCHES_IN_FLIGHT; i++)
    answers[i] = post (silo, 1, NULL, 0);
  assert_post (silo, 1, NULL, 0, "!3 source \"trades\" has 64 batches that are not written or not applied yet");
  syn_memory_journal_set_delayed (journal, FALSE);
  syn_silo_settle (silo);
  for (guint i = 0; i < SYN_MAX_BATCHES_IN_FLIGHT; i++)
    {
      g_autofree char *expected = g_strdup_printf ("1/%u", i + 1);

      check (answers[i], expected);
    }
  assert_post (silo, 1, NULL, 0, "1/65");
}

static void
test_restart (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();

  for (guint round = 0; round < 5; round++)
    {
      g_autoptr (SynCatalog) catalog = NULL;
      g_autoptr (SynSilo) silo = NULL;
      g_autofree char *next = g_strdup_printf ("3/%u", 3 * (round + 1));

      clear_given ();
      feeds[0].progress = 0;
      feeds[1].progress = round == 0 ? 0 : 3 * round - 3;
      silo = silo_new (journal, &catalog);
      if (round == 0)
        g_assert_cmpstr (feeds[0].given->str, ==, "");
      else
        {
          /* one from the beginning, the other what it lacks */
          g_assert_true (g_str_has_prefix (feeds[0].given->str, "~1-3 "));
          g_assert_cmpuint (feeds[0].progress, ==, 3 * round);
          g_assert_cmpuint (feeds[1].progress, ==, 3 * round);
          g_assert_true (strchr (feeds[1].given->str, ' ')[1] == '\0');
          /* what was acknowledged then is acknowledged now, and counts once */
          {
            g_autofree char *before = g_strdup_printf ("3/%u", 3 * round);

            assert_post (silo, 3, "p", round, before);
          }
        }
      assert_post (silo, 3, "p", round + 1, next);
      g_assert_cmpuint (feeds[0].progress, ==, 3 * (round + 1));
      if (round % 2 == 0)
        syn_silo_advance (silo, 6000); /* a checkpoint, some of the times; the others have one by ending */
    }
}

static void
test_producers (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (journal, &catalog);
  Answer *first, *again;

  syn_memory_journal_set_delayed (journal, TRUE);
  first = post (silo, 2, "p", 5);
  again = post (silo, 2, "p", 5);
  g_assert_cmpuint (syn_memory_journal_get_n_delayed (journal), ==, 1);
  syn_memory_journal_set_delayed (journal, FALSE);
  syn_silo_settle (silo);
  check (first, "2/2");
  check (again, "2/2");
  assert_post (silo, 2, "q", 1, "2/4");
  assert_post (silo, 1, "p", 5, "2/2");
  assert_post (silo, 1, "p", 7, "!9 producer \"p\": request 7 came before the one that it follows; the last one taken is 5");
  assert_post (silo, 0, "p", 6, "0/4"); /* has not used its number */
  for (guint i = 6; i < 20; i++)
    {
      g_autofree char *expected = g_strdup_printf ("1/%u", i - 1);

      assert_post (silo, 1, "p", i, expected);
    }
  assert_post (silo, 1, "p", 12, "1/11");
  assert_post (silo, 1, "p", 11,
               "!9 producer \"p\": request 11 was taken before; the last one taken is 19, and only of the last 8 the answer is known");
  g_assert_cmpuint (feeds[0].progress, ==, 18);
}

static void
test_fenced (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (journal, &catalog);
  Answer *answer;

  assert_post (silo, 2, NULL, 0, "2/2");
  syn_journal_submit (journal, syn_journal_request_new (syn_silo_get_front_lane (silo), SYN_JOURNAL_CLAIM,
                                                        syn_partition_of (SYN_SOURCE_GRAIN, "trades"), NULL, NULL));
  answer = post (silo, 2, NULL, 0);
  g_assert_true (g_str_has_prefix (answer->text, "!4 "));
  g_free (answer->text);
  g_free (answer);
  syn_silo_advance (silo, 20000); /* the supervisor's patience */
  assert_post (silo, 2, NULL, 0, "2/4");
  g_assert_cmpuint (feeds[0].progress, ==, 4);
}

/* A claim that fails at first: nothing is taken until it does not. */
static void
test_start_fails (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = NULL;
  Answer *answer;

  syn_memory_journal_fail_others (journal, SYN_ERROR_UNAVAILABLE);
  silo = silo_new (journal, &catalog);
  answer = post (silo, 1, NULL, 0);
  g_assert_true (g_str_has_prefix (answer->text, "!4 source \"trades\" is not recovered yet: memory: partition "));
  g_free (answer->text);
  g_free (answer);
  syn_memory_journal_fail_others (journal, 0);
  syn_silo_advance (silo, 1000);
  assert_post (silo, 1, NULL, 0, "1/1");
}

static void
test_feed_fails (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (journal, &catalog);

  assert_post (silo, 2, NULL, 0, "2/2");
  feeds[0].n_failing = 1;
  assert_post (silo, 2, NULL, 0, "2/4");
  assert_post (silo, 2, NULL, 0, "2/6"); /* beside it: not live any more */
  g_assert_cmpuint (feeds[0].progress, ==, 2);
  syn_silo_advance (silo, 1000);
  g_assert_cmpstr (feeds[0].given->str, ==, "1-2 ~3-4 ~5-6 ");
  g_assert_cmpstr (feeds[1].given->str, ==, "1-2 3-4 5-6 ");
  assert_post (silo, 1, NULL, 0, "1/7");
  g_assert_cmpstr (feeds[0].given->str, ==, "1-2 ~3-4 ~5-6 7-7 ");
}

static void
test_replay_asked_for (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (journal, &catalog);
  SynReplay *replay = g_new0 (SynReplay, 1);
  gboolean done = FALSE;
  const SynCall call = {
    .type = SYN_SOURCE_GRAIN, .key = "trades", .method = SYN_SOURCE_REPLAY, .payload = replay,
    .payload_free = (GDestroyNotify) syn_replay_free, .reply = replay_done, .user_data = &done,
  };

  for (guint i = 0; i < 40; i++)
    g_free (({ Answer *a = post (silo, 1, NULL, 0); g_free (a->text); a; }));
  clear_given ();
  feeds[1].progress = 5;
  replay->type = "projection";
  replay->key = g_strdup ("b");
  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  g_assert_true (done);
  g_assert_cmpuint (feeds[1].progress, ==, 40);
  g_assert_true (g_str_has_prefix (feeds[1].given->str, "~6-6 ~7-7 "));
  g_assert_cmpstr (feeds[0].given->str, ==, "");
}

/* A journal that was trimmed as far as checkpoints allow: a feed that begins anew is told where what is left begins. */
static void
test_trimmed (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  guint partition = syn_partition_of (SYN_SOURCE_GRAIN, "trades");

  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (SynCatalog) catalog = NULL;
      g_autoptr (SynSilo) silo = silo_new (journal, &catalog);
      SynJournalRequest *request = syn_journal_request_new (syn_silo_get_front_lane (silo), SYN_JOURNAL_TRIM, partition, NULL, NULL);

      if (round == 2)
        {
          g_assert_true (g_str_has_prefix (feeds[0].given->str, "!~"));
          g_assert_false (g_str_has_prefix (feeds[0].given->str, "!~1-"));
          g_assert_true (g_str_has_suffix (feeds[0].given->str, "-20 "));
          g_assert_cmpint (count_missing (silo), ==, 0); /* trimmed, and not missing */
        }
      for (guint i = 0; i < 10; i++)
        {
          Answer *answer = post (silo, 1, NULL, 0);

          g_free (answer->text);
          g_free (answer);
          syn_silo_advance (silo, 6000);
        }
      request->sequence = 1000;
      syn_journal_submit (journal, request);
      clear_given ();
      feeds[0].progress = 0;
    }
}

/* A log that takes more than one read: in between, what a producer sends is neither too new nor the first that was ever seen of him. */
static void
test_published_while_scanned (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  const guint n = 262143; /* 4 × 2 MB: just more than one read brings, and just less than what makes a checkpoint */

  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (SynCatalog) catalog = NULL;
      g_autoptr (SynSilo) silo = NULL;
      guint n_refused = 0;

      syn_memory_journal_set_delayed (journal, round == 1);
      silo = silo_new (journal, &catalog);
      for (guint i = 1; round == 0 && i <= 4; i++)
        {
          g_autofree char *expected = g_strdup_printf ("%u/%u", n, i * n);

          assert_post (silo, n, "p", i, expected);
        }
      if (round == 0)
        {
          /* as if it had been killed: without the checkpoint of an orderly end */
          syn_memory_journal_fail_others (journal, SYN_ERROR_UNAVAILABLE);
          continue;
        }
      syn_memory_journal_fail_others (journal, 0);
      syn_silo_advance (silo, 1000);
      for (;;)
        {
          Answer *answer = post (silo, 1, "p", 5);

          if (!answer->done)
            {
              syn_memory_journal_set_delayed (journal, FALSE);
              syn_silo_settle (silo);
              check (answer, "1/1048573");
              break;
            }
          g_assert_true (g_str_has_prefix (answer->text, "!4 "));
          g_free (answer->text);
          g_free (answer);
          n_refused++;
          g_assert_true (syn_journal_step (journal));
          syn_silo_settle (silo);
        }
      g_assert_cmpuint (n_refused, ==, 6); /* trim, hold, claim, checkpoint, and two reads */
    }
}

static void
got_checkpoint (SynJournalRequest *answer, gpointer user_data)
{
  SynJournalRequest *got = user_data;

  g_assert_no_error (answer->error);
  *got = *answer;
  answer->bytes = NULL;
}

/* A checkpoint that knows of more than the log has: the disk has lost what it said it had. What there is is shown, the numbers go on after what was lost, and
 * the first batch after that says that it may be taken after a gap. */
static void
test_lost (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  guint partition = syn_partition_of (SYN_SOURCE_GRAIN, "trades");

  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (SynCatalog) catalog = NULL;
      g_autoptr (SynSilo) silo = NULL;
      SynLane *front;
      SynJournalRequest *request, got = { 0 };

      clear_given ();
      feeds[0].progress = feeds[1].progress = 0;
      silo = silo_new (journal, &catalog);
      if (round == 1)
        {
          g_assert_cmpstr (feeds[0].given->str, ==, "~1-2 ");
          assert_post (silo, 1, NULL, 0, "1/8");
          g_assert_cmpstr (feeds[0].given->str, ==, "~1-2 !8-8 ");
          assert_post (silo, 1, NULL, 0, "1/9");
          g_assert_cmpstr (feeds[1].given->str, ==, "~1-2 !8-8 9-9 ");
          break;
        }
      front = syn_silo_get_front_lane (silo);
      assert_post (silo, 2, NULL, 0, "2/2");
      syn_silo_advance (silo, 6000);
      request = syn_journal_request_new (front, SYN_JOURNAL_GET_CHECKPOINT, partition, got_checkpoint, &got);
      request->name = g_strdup ("source/trades");
      syn_journal_submit (journal, request);
      syn_silo_settle (silo);
      {
        gsize length;
        g_autofree guint8 *data = g_bytes_unref_to_data (got.bytes, &length);
        guint64 more = GUINT64_TO_LE (7);
        g_autoptr (GBytes) bytes = NULL;

        memcpy (data + 8, &more, sizeof more);
        bytes = g_bytes_new (data, length);
        syn_journal_submit (journal, syn_journal_request_new_checkpoint (front, partition, "source/trades", got.epoch, got.sequence, bytes, NULL, NULL));
        syn_silo_settle (silo);
      }
    }
}

/* A log that ends before what feeds have, and no checkpoint knows: nothing is numbered before all have told, and what is numbered then is new to each. */
static void
test_below_feeds (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();

  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (SynCatalog) catalog = NULL;
      g_autoptr (SynSilo) silo = NULL;
      Answer *answer;

      clear_given ();
      feeds[0].progress = round == 0 ? 0 : 2;
      feeds[0].newest = round == 1 ? 5 : 0; /* as a conflation, whose projections differ */
      feeds[1].progress = round == 0 ? 0 : round == 1 ? 7 : 9;
      feeds[1].is_slow = round == 1;
      silo = silo_new (journal, &catalog);
      if (round == 0)
        {
          assert_post (silo, 2, "p", 1, "2/2");
          continue;
        }
      if (round == 2)
        {
          /* the log's own gap does not keep it from beginning again, and is said: nothing marks it */
          g_assert_cmpint (count_missing (silo), ==, 5);
          assert_post (silo, 1, NULL, 0, "1/10");
          g_assert_cmpuint (feeds[1].progress, ==, 10);
          break;
        }
      answer = post (silo, 1, NULL, 0);
      g_assert_true (answer->done);
      g_assert_cmpstr (answer->text, ==, "!4 source \"trades\" is recovering: projection/b has not told yet which events it has");
      g_free (answer->text);
      g_free (answer);
      assert_post (silo, 2, "p", 1, "2/2"); /* what was acknowledged is */
      feeds[1].is_slow = FALSE;
      syn_silo_advance (silo, 1000);
      assert_post (silo, 2, NULL, 0, "2/9");
      g_assert_cmpstr (feeds[0].given->str, ==, "!8-9 ");
      g_assert_cmpstr (feeds[1].given->str, ==, "!8-9 ");
    }
}

/* Bytes of a checkpoint that were cut off anywhere, or have a bit wrong: never more read than is there. */
static void
test_damaged_producers (void)
{
  g_autoptr (SynProducers) producers = syn_producers_new (), copy = syn_producers_new ();
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint i = 1; i < 30; i++)
    {
      const SynAcknowledgement ack = { i, i, 10 * i };

      syn_producers_acknowledge (producers, i % 3 == 0 ? "a" : "bcd", &ack);
    }
  syn_producers_save (producers, bytes);
  g_assert_cmpuint (syn_producers_load (copy, bytes->data, bytes->len), ==, bytes->len);
  g_assert_cmpuint (syn_producers_get_size (copy), ==, 2);
  for (guint length = 0; length < bytes->len; length++)
    {
      g_autoptr (SynProducers) other = syn_producers_new ();
      g_autofree guint8 *piece = g_memdup2 (bytes->data, length); /* exactly this, for the sanitizer */

      g_assert_cmpuint (syn_producers_load (other, piece, length), ==, 0);
      g_assert_cmpuint (syn_producers_get_size (other), ==, 0);
    }
  for (guint bit = 0; bit < bytes->len * 8; bit++)
    {
      g_autoptr (SynProducers) other = syn_producers_new ();
      g_autofree guint8 *wrong = g_memdup2 (bytes->data, bytes->len);

      wrong[bit / 8] ^= (guint8) (1u << (bit % 8));
      g_assert_cmpuint (syn_producers_load (other, wrong, bytes->len), <=, bytes->len);
    }
}

static void
test_forgotten_producers (void)
{
  g_autoptr (SynProducers) producers = syn_producers_new ();
  SynAcknowledgement ack = { 1, 1, 1 };

  for (guint i = 0; i < SYN_MAX_PRODUCERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("p%u", i);

      syn_producers_acknowledge (producers, name, &ack);
    }
  g_assert_cmpint (syn_producers_judge (producers, "p0", 1, &ack), ==, SYN_REQUEST_KNOWN);
  syn_producers_post (producers, "p0", 2);
  syn_producers_acknowledge (producers, "new", &ack);
  g_assert_cmpuint (syn_producers_get_size (producers), ==, SYN_MAX_PRODUCERS);
  g_assert_cmpint (syn_producers_judge (producers, "p0", 2, &ack), ==, SYN_REQUEST_PENDING);
  g_assert_cmpint (syn_producers_judge (producers, "p1", 1, &ack), ==, SYN_REQUEST_NEXT);
}

static void
test_no_journal (void)
{
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (SynSilo) silo = silo_new (NULL, &catalog);
  Answer *answer = post (silo, 1, NULL, 0);

  g_assert_true (g_str_has_prefix (answer->text, "!4 "));
  g_free (answer->text);
  g_free (answer);
}

static GLogWriterOutput
quiet (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return g_log_writer_default (level, fields, n_fields, user_data);
  return G_LOG_WRITER_HANDLED;
}

static void (*the_test[20]) (void);

static void
run (gconstpointer data)
{
  set_up ();
  the_test[GPOINTER_TO_UINT (data)] ();
  tear_down ();
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*func) (void);
  } tests[] = {
    { "/source-durable/acknowledged-when-durable", test_acknowledged_when_durable },
    { "/source-durable/not-taken", test_not_taken },
    { "/source-durable/overloaded", test_overloaded },
    { "/source-durable/restart", test_restart },
    { "/source-durable/producers", test_producers },
    { "/source-durable/fenced", test_fenced },
    { "/source-durable/start-fails", test_start_fails },
    { "/source-durable/feed-fails", test_feed_fails },
    { "/source-durable/replay-asked-for", test_replay_asked_for },
    { "/source-durable/trimmed", test_trimmed },
    { "/source-durable/published-while-scanned", test_published_while_scanned },
    { "/source-durable/lost", test_lost },
    { "/source-durable/below-feeds", test_below_feeds },
    { "/source-durable/producers/damaged", test_damaged_producers },
    { "/source-durable/producers/forgotten", test_forgotten_producers },
    { "/source-durable/no-journal", test_no_journal },
  };

  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (quiet, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      the_test[i] = tests[i].func;
      g_test_add_data_func (tests[i].name, GUINT_TO_POINTER (i), run);
    }
  return g_test_run ();
}
