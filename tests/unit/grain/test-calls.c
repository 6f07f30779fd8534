/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls on a stepped silo: cancellation, deadlines and contexts that travel, errors, filters, and grains that end with calls out. */
#include <string.h>

#include "actor.h"
#include "syn-request-filters.h"

/* ---- cancellation ---- */

static void
cancel_and_settle (SynSilo *silo, Outcome *outcome)
{
  g_assert_nonnull (outcome->handle.call);
  syn_call_cancel (&outcome->handle);
  g_assert_null (outcome->handle.call);
  syn_call_cancel (&outcome->handle); /* nothing */
  syn_silo_settle (silo);
  g_assert_cmpuint (outcome->n_replies, ==, 0);
}

static void
fail_kept (Actor *self, SynMessage *message)
{
  syn_message_list_remove (&self->kept, message);
  syn_message_reply (message, g_strdup ("freed, for nobody waits"), g_free);
}

static void
test_cancel (void)
{
  SynSilo *silo = actor_silo (2);
  SynMetric cancelled = syn_metric_register (SYN_METRIC_COUNTER, "calls_cancelled_total", "");
  Outcome on_its_way = { 0 }, waiting = { 0 }, open = { 0 }, told = { 0 }, replied = { 0 };

  /* On its way: never begins. */
  tell (silo, "actor", "a", WRITE, do_note, 0, &on_its_way);
  cancel_and_settle (silo, &on_its_way);
  assert_log ("");
  tell (silo, "actor", "a", WRITE, do_keep, 0, &open);
  tell (silo, "actor", "a", WRITE, do_note, 0, &waiting);
  tell (silo, "actor", "a", READ, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep1(a) ");
  /* In the mailbox: dropped. */
  cancel_and_settle (silo, &waiting);
  assert_log ("");
  /* Open: its grain is told, once, and answers when it likes. */
  cancel_and_settle (silo, &open);
  assert_log ("cancelled(a) ");
  syn_silo_advance (silo, 60000);
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note2(a) ");
  actor_at_cancel = fail_kept;
  tell (silo, "actor", "a", WRITE, do_keep, 0, &told);
  tell (silo, "actor", "a", WRITE_2, do_note, 0, NULL);
  syn_silo_settle (silo);
  cancel_and_settle (silo, &told);
  assert_log ("keep1(a) cancelled(a) note4(a) ");
  /* Answered, and the reply on its way. */
  tell (silo, "actor", "a", WRITE, do_note, 0, &replied);
  while (actor_log->len == 0)
    for (guint i = 0; i < 2; i++)
      syn_silo_step (silo, syn_silo_get_lane (silo, i));
  cancel_and_settle (silo, &replied);
  assert_log ("note1(a) ");
  g_assert_cmpint (syn_metric_sum (silo, cancelled), ==, 5);
  /* And told: the handle is empty. */
  tell (silo, "actor", "a", WRITE, do_note, 0, &replied);
  syn_silo_settle (silo);
  g_assert_cmpuint (replied.n_replies, ==, 1);
  g_assert_null (replied.handle.call);
  syn_call_cancel (&replied.handle);
  /* Neither a lane nor a grain counts what was dropped. */
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (syn_silo_get_lane (silo, i)->n_messages, ==, 0);
  syn_silo_advance (silo, 5000);
  g_assert_cmpuint (n_actors_deactivated, ==, n_actors_activated);
  syn_silo_free (silo);
}

static void
test_cancel_lets_others_begin (void)
{
  SynSilo *silo = actor_silo (1);
  Outcome writer = { 0 };

  tell (silo, "actor", "a", READ, do_keep, 0, NULL);
  tell (silo, "actor", "a", WRITE, do_note, 0, &writer);
  tell (silo, "actor", "a", READ, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep2(a) ");
  cancel_and_settle (silo, &writer);
  assert_log ("note2(a) ");
  syn_silo_free (silo);
}

static void
test_deadline_tells (void)
{
  SynSilo *silo = actor_silo (1);
  Outcome open = { 0 }, waiting = { 0 };

  actor_at_cancel = fail_kept;
  tell (silo, "actor", "a", WRITE, do_keep, 1000, &open);
  tell (silo, "actor", "a", WRITE, do_note, 500, &waiting);
  syn_silo_advance (silo, 999);
  g_assert_cmpint (waiting.code, ==, SYN_ERROR_TIMEOUT);
  g_assert_cmpstr (waiting.text, ==, "no reply within 500 ms");
  assert_log ("keep1(a) ");
  g_assert_cmpuint (open.n_replies, ==, 0);
  syn_silo_advance (silo, 1);
  g_assert_cmpint (open.code, ==, SYN_ERROR_TIMEOUT);
  assert_log ("cancelled(a) ");
  outcome_clear (&open);
  outcome_clear (&waiting);
  syn_silo_free (silo);
}

/* ---- what travels ---- */

static Outcome inner;
static guint inner_timeout_ms;
static gboolean inner_detached;
static SynMessage *outer;

static void
inner_replied (gpointer payload, const GError *error, gpointer user_data)
{
  const char *user = syn_context_get ("user");

  note_reply (payload, error, &inner);
  g_string_append_printf (actor_log, "back:%s:%" G_GINT64_FORMAT " ", user != NULL ? user : "-", syn_context_get_time_left_ms ());
  if (outer != NULL)
    syn_message_reply (g_steal_pointer (&outer), NULL, NULL);
}

static void
do_keep_and_look (Actor *self, SynMessage *message)
{
  const char *user = syn_context_get ("user"), *screen = syn_context_get ("screen");

  g_string_append_printf (actor_log, "%s:%s:%s:%" G_GINT64_FORMAT " ", syn_grain_get_key (self->grain), user != NULL ? user : "-",
                          screen != NULL ? screen : "-", syn_context_get_time_left_ms ());
  syn_message_list_push (&self->kept, message);
}

static void
do_look (Actor *self, SynMessage *message)
{
  do_keep_and_look (self, message);
  syn_message_reply (syn_message_list_pop (&self->kept), NULL, NULL);
}

static void
ask_inner (Actor *self, SynMessage *message)
{
  SynCall call = {
    .type = "actor", .key = "inner", .method = WRITE, .payload = (gpointer) do_keep_and_look, .timeout_ms = inner_timeout_ms,
    .reply = inner_replied, .detached = inner_detached,
  };

  outer = message;
  syn_grain_call (self->grain, &call);
}

static void
test_deadline_travels (void)
{
  static const struct {
    guint outer_ms, inner_ms, at_ms;
    gboolean detached;
    const char *seen;
  } table[] = {
    { 1000, 5000, 1000, FALSE, "inner:-:-:1000 " },
    { 5000, 1000, 1000, FALSE, "inner:-:-:1000 " },
    { 1000, 0, 1000, FALSE, "inner:-:-:1000 " },
    { 0, 700, 700, FALSE, "inner:-:-:700 " },
    { 1000, 3000, 3000, TRUE, "inner:-:-:3000 " },
    { 1000, 0, 0, TRUE, "inner:-:-:-1 " },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      SynSilo *silo = actor_silo (2);
      Outcome outcome = { 0 };

      inner_timeout_ms = table[i].inner_ms;
      inner_detached = table[i].detached;
      tell (silo, "actor", "outer", WRITE, ask_inner, table[i].outer_ms, &outcome);
      syn_silo_settle (silo);
      assert_log (table[i].seen);
      if (table[i].at_ms != 0)
        {
          syn_silo_advance (silo, table[i].at_ms - 1);
          g_assert_cmpuint (inner.n_replies, ==, 0);
          syn_silo_advance (silo, 1);
          g_assert_cmpint (inner.code, ==, SYN_ERROR_TIMEOUT);
        }
      else
        syn_silo_advance (silo, 60000);
      g_assert_cmpuint (inner.n_replies, ==, table[i].at_ms != 0);
      if (inner.n_replies == 0)
        tell (silo, "actor", "inner", PASS, do_release, 0, NULL);
      syn_silo_settle (silo);
      outcome_clear (&outcome);
      outcome_clear (&inner);
      syn_silo_free (silo);
    }
}

/* The deadline of the request holds for what its replies call, too; one that has passed is told at once, and calls nobody. */
static Outcome late;

static void
ask_late (gpointer payload, const GError *error, gpointer user_data)
{
  Actor *self = user_data;
  SynCall call = { .type = "actor", .key = "late", .method = WRITE, .payload = (gpointer) do_note, .reply = note_reply, .user_data = &late };

  g_assert_error (error, SYN_ERROR, SYN_ERROR_TIMEOUT);
  g_assert_cmpint (syn_context_get_time_left_ms (), ==, 0);
  syn_grain_call (self->grain, &call);
}

static void
ask_then_late (Actor *self, SynMessage *message)
{
  SynCall call = {
    .type = "actor", .key = "inner", .method = WRITE, .payload = (gpointer) do_keep, .reply = ask_late, .user_data = self,
  };

  syn_message_list_push (&self->kept, message);
  syn_grain_call (self->grain, &call);
}

static void
test_deadline_in_replies (void)
{
  SynSilo *silo = actor_silo (1);
  Outcome outcome = { 0 };

  tell (silo, "actor", "outer", WRITE, ask_then_late, 300, &outcome);
  syn_silo_advance (silo, 300);
  g_assert_cmpint (late.code, ==, SYN_ERROR_TIMEOUT);
  g_assert_cmpstr (late.text, ==, "the deadline has passed already");
  g_assert_null (strstr (actor_log->str, "note1(late)"));
  outcome_clear (&outcome);
  outcome_clear (&late);
  syn_silo_free (silo);
}

static void
set_and_ask (Actor *self, SynMessage *message)
{
  g_autofree char *huge = g_strnfill (SYN_MAX_CONTEXT_BYTES, 'x');

  g_assert_cmpstr (syn_context_get ("user"), ==, "ann");
  g_assert_null (syn_context_get ("use"));
  g_assert_null (syn_context_get ("ann"));
  g_assert_false (syn_context_set ("huge", huge));
  g_assert_true (syn_context_set ("user", "bob"));
  g_assert_true (syn_context_set ("screen", "market"));
  ask_inner (self, message);
  g_assert_true (syn_context_set ("user", "carl")); /* too late for that call */
}

static void
test_context_travels (void)
{
  static const char *const pairs[] = { "user", "eve", "user", "ann", NULL };
  SynSilo *silo = actor_silo (3);
  SynCall call = {
    .type = "actor", .key = "outer", .method = WRITE, .payload = (gpointer) set_and_ask, .context = pairs,
    .reply = note_reply,
  };
  Outcome outcome = { 0 };

  g_assert_null (syn_context_get ("user"));
  g_assert_false (syn_context_set ("user", "nobody")); /* not a turn */
  g_assert_cmpint (syn_context_get_time_left_ms (), ==, -1);
  inner_timeout_ms = 0;
  inner_detached = FALSE;
  call.user_data = &outcome;
  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  assert_log ("inner:bob:market:-1 ");
  tell (silo, "actor", "outer", PASS, do_look, 0, NULL); /* of another request */
  syn_silo_settle (silo);
  assert_log ("outer:-:-:-1 ");
  tell (silo, "actor", "inner", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("back:bob:-1 ");
  g_assert_cmpuint (outcome.n_replies, ==, 1);
  outcome_clear (&inner);

  /* Detached: nothing travels; removed: nothing is left. */
  inner_detached = TRUE;
  outcome_clear (&outcome);
  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  assert_log ("inner:-:-:-1 ");
  tell (silo, "actor", "inner", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  outcome_clear (&inner);
  outcome_clear (&outcome);
  syn_silo_free (silo);
}

static void
test_context_changes (void)
{
  g_autofree char *huge = g_strnfill (SYN_MAX_CONTEXT_BYTES - 2, 'x');
  const char *const one[] = { "a", "1", NULL };
  const char *const two[] = { "b", "2", "a", "3", NULL };
  const char *const without[] = { "a", NULL, NULL };
  const char *const nothing[] = { "a", NULL, "b", NULL, NULL };
  const char *const full[] = { "", huge, NULL };
  SynContext *first = NULL, *second = NULL, *third = NULL, *fourth = NULL, *fifth = NULL;

  g_assert_true (syn_context_with (NULL, one, &first));
  g_assert_true (syn_context_with (first, two, &second));
  g_assert_true (syn_context_with (second, without, &third));
  g_assert_true (syn_context_with (second, nothing, &fourth));
  g_assert_cmpstr (syn_context_lookup (first, "a"), ==, "1");
  g_assert_null (syn_context_lookup (first, "b"));
  g_assert_cmpstr (syn_context_lookup (second, "a"), ==, "3");
  g_assert_cmpstr (syn_context_lookup (second, "b"), ==, "2");
  g_assert_null (syn_context_lookup (third, "a"));
  g_assert_cmpstr (syn_context_lookup (third, "b"), ==, "2");
  g_assert_null (fourth);
  g_assert_true (syn_context_with (NULL, full, &fifth)); /* just as large as it may be */
  g_assert_false (syn_context_with (first, full, &fourth));
  g_assert_null (fourth);
  syn_context_unref (first);
  syn_context_unref (second);
  syn_context_unref (third);
  syn_context_unref (fifth);
}

static void
test_context_too_large (void)
{
  g_autofree char *huge = g_strnfill (SYN_MAX_CONTEXT_BYTES, 'x');
  const char *const pairs[] = { "a", huge, NULL };
  SynSilo *silo = actor_silo (1);
  Outcome outcome = { 0 };
  SynCall call = {
    .type = "actor", .key = "a", .method = WRITE, .payload = (gpointer) do_note, .context = pairs,
    .reply = note_reply, .user_data = &outcome,
  };

  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  g_assert_cmpint (outcome.code, ==, SYN_ERROR_TOO_LARGE);
  g_assert_nonnull (strstr (outcome.text, "4096 bytes"));
  assert_log ("");
  outcome_clear (&outcome);
  syn_silo_free (silo);
}

/* ---- errors ---- */

static GQuark
foreign_quark (void)
{
  return g_quark_from_static_string ("somebody-elses-error");
}

static void
fail_foreign (Actor *self, SynMessage *message)
{
  g_autoptr (GError) error = g_error_new_literal (foreign_quark (), -7, "100 % theirs: \xc3\xa4");

  syn_message_fail (message, error);
}

static void
pass_on (gpointer payload, const GError *error, gpointer user_data)
{
  syn_message_fail (user_data, error);
}

static void
ask_for_failure (Actor *self, SynMessage *message)
{
  SynCall call = { .type = "actor", .key = "failing", .method = WRITE, .payload = (gpointer) fail_foreign, .reply = pass_on, .user_data = message };

  syn_grain_call (self->grain, &call);
}

static void
test_errors_cross (void)
{
  SynSilo *silo = actor_silo (3);
  Outcome outcome = { 0 };

  tell (silo, "actor", "asking", WRITE, ask_for_failure, 0, &outcome);
  syn_silo_settle (silo);
  g_assert_cmpuint (outcome.domain, ==, foreign_quark ());
  g_assert_cmpint (outcome.code, ==, -7);
  g_assert_cmpstr (outcome.text, ==, "100 % theirs: \xc3\xa4");
  /* A failed turn is no failed grain. */
  tell (silo, "actor", "failing", WRITE, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note1(failing) ");
  g_assert_cmpuint (n_actors_activated, ==, 2);
  outcome_clear (&outcome);
  syn_silo_free (silo);
}

/* ---- a grain that ends with calls out ---- */

static void
never (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_not_reached ();
}

static void
ask_and_end (Actor *self, SynMessage *message)
{
  SynCall call = { .type = "actor", .key = "asked", .method = WRITE, .payload = (gpointer) do_keep, .reply = never };

  syn_grain_call (self->grain, &call);
  syn_grain_call (self->grain, &call);
  syn_message_reply (message, NULL, NULL);
}

static void
test_grain_gone (void)
{
  SynSilo *silo = actor_silo (2);

  tell (silo, "actor", "asking", WRITE, ask_and_end, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep1(asked) ");
  /* What it asked is told that nobody waits, or never begins. */
  tell (silo, "actor", "asking", WRITE, do_end, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("cancelled(asked) ");
  tell (silo, "actor", "asked", PASS, do_release, 0, NULL);
  tell (silo, "actor", "asked", WRITE_2, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note4(asked) ");
  /* With the whole silo, too. */
  tell (silo, "actor", "asking", WRITE, ask_and_end, 0, NULL);
  syn_silo_settle (silo);
  syn_silo_free (silo);
}

/* A reply is a turn: an end asked for in it is an end. */
static void
end_in_reply (gpointer payload, const GError *error, gpointer user_data)
{
  Actor *self = user_data;

  g_string_append (actor_log, "reply ");
  syn_grain_deactivate_soon (self->grain, NULL);
}

static void
ask_for_note (Actor *self, SynMessage *message)
{
  SynCall call = { .type = "actor", .key = "asked", .method = WRITE, .payload = (gpointer) do_note, .reply = end_in_reply, .user_data = self };

  syn_grain_call (self->grain, &call);
  syn_message_reply (message, NULL, NULL);
}

static void
test_end_in_reply (void)
{
  SynSilo *silo = actor_silo (2);

  tell (silo, "actor", "asking", WRITE, ask_for_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note1(asked) reply ");
  g_assert_cmpuint (n_actors_deactivated, ==, 1);
  syn_silo_free (silo);
}

/* ---- filters ---- */

static gboolean
filter_before (const SynCallInfo *info, gpointer user_data, GError **error)
{
  const char *user = syn_context_get ("user");

  g_string_append_printf (actor_log, "%s<%s/%s.%d ", (const char *) user_data, info->type, info->key, info->method);
  if (strcmp (user_data, "auth") != 0 || g_strcmp0 (user, "eve") != 0)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "not %s", user);
  return FALSE;
}

static void
filter_after (const SynCallInfo *info, gint64 elapsed_us, const GError *error, gpointer user_data)
{
  g_string_append_printf (actor_log, "%s>%" G_GINT64_FORMAT ":%s ", (const char *) user_data, elapsed_us, error != NULL ? error->message : "ok");
}

static void
filter_turn (const SynCallInfo *info, gint64 turn_us, gpointer user_data)
{
  g_assert_cmpint (turn_us, ==, 0);
  g_string_append_printf (actor_log, "turn.%d ", info->method);
}

static void
test_filters (void)
{
  static const SynFilter outer_filter = { filter_before, filter_after, NULL };
  static const SynFilter auth = { filter_before, filter_after, NULL };
  static const SynFilter timing = { NULL, NULL, filter_turn };
  static const char *const eve[] = { "user", "eve", NULL };
  SynSilo *silo = actor_silo_unstarted (2);
  Outcome outcome = { 0 };
  SynCall call = {
    .type = "actor", .key = "a", .method = WRITE, .payload = (gpointer) do_note, .context = eve,
    .reply = note_reply, .user_data = &outcome,
  };

  syn_silo_add_filter (silo, &outer_filter, (gpointer) "log");
  syn_silo_add_filter (silo, &auth, (gpointer) "auth");
  syn_silo_add_filter (silo, &timing, NULL);
  g_assert_true (syn_silo_start (silo, NULL, NULL));

  tell (silo, "actor", "a", WRITE, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("turn.0 log<actor/a.1 auth<actor/a.1 note1(a) auth>0:ok log>0:ok turn.1 ");
  /* Open for a while. */
  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  syn_silo_advance (silo, 25);
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("log<actor/a.1 auth<actor/a.1 keep1(a) turn.1 log<actor/a.3 auth<actor/a.3 auth>25000:ok log>25000:ok auth>0:ok log>0:ok turn.3 ");
  /* Failed. */
  tell (silo, "actor", "a", WRITE, fail_foreign, 0, &outcome);
  syn_silo_settle (silo);
  assert_log ("log<actor/a.1 auth<actor/a.1 auth>0:100 % theirs: \xc3\xa4 log>0:100 % theirs: \xc3\xa4 turn.1 ");
  outcome_clear (&outcome);
  /* Refused: no turn of the grain; who let it pass hears of it, who refused does not. */
  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  g_assert_cmpint (outcome.code, ==, SYN_ERROR_INVALID);
  g_assert_cmpstr (outcome.text, ==, "not eve");
  assert_log ("log<actor/a.1 auth<actor/a.1 log>0:not eve turn.1 ");
  outcome_clear (&outcome);
  syn_silo_free (silo);
}

static void
do_work (Actor *self, SynMessage *message)
{
  syn_grain_get_lane (self->grain)->silo->stepped_us += 150000; /* 150 ms pass */
  syn_message_reply (message, NULL, NULL);
}

static void
test_metrics_filter (void)
{
  SynSilo *silo = actor_silo_unstarted (2);
  SynMetric requests, errors, turn_us, other, slow;

  syn_silo_add_metrics_filter (silo);
  g_assert_true (syn_silo_start (silo, NULL, NULL));
  g_assert_false (silo->times_requests);
  requests = syn_metric_register_typed (SYN_METRIC_COUNTER, "grain_requests_total", "actor", "");
  errors = syn_metric_register_typed (SYN_METRIC_COUNTER, "grain_request_errors_total", "actor", "");
  turn_us = syn_metric_register_typed (SYN_METRIC_COUNTER, "grain_turn_us_total", "actor", "");
  other = syn_metric_register_typed (SYN_METRIC_COUNTER, "grain_requests_total", "reentrant", "");
  slow = syn_metric_register (SYN_METRIC_COUNTER, "slow_turns_total", "");
  g_assert_cmpstr (syn_metric_get_type (requests), ==, "actor");
  g_assert_null (syn_metric_get_type (slow));
  g_assert_cmpuint (requests, !=, other);

  for (guint i = 0; i < 3; i++)
    tell (silo, "actor", "a", WRITE, do_work, 0, NULL);
  tell (silo, "actor", "b", WRITE, fail_foreign, 0, NULL);
  tell (silo, "reentrant", "c", WRITE, do_note, 0, NULL);
  syn_silo_settle (silo);
  g_assert_cmpint (syn_metric_sum (silo, requests), ==, 4);
  g_assert_cmpint (syn_metric_sum (silo, errors), ==, 1);
  g_assert_cmpint (syn_metric_sum (silo, turn_us), ==, 3 * 150000);
  g_assert_cmpint (syn_metric_sum (silo, slow), ==, 3);
  g_assert_cmpint (syn_metric_sum (silo, other), ==, 1);
  syn_silo_free (silo);
}

static GString *logged;

static GLogWriterOutput
catch_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  gboolean ours = FALSE;

  for (gsize i = 0; i < n_fields; i++)
    ours = ours || (strcmp (fields[i].key, "GLIB_DOMAIN") == 0 && strcmp (fields[i].value, SYN_REQUEST_LOG_DOMAIN) == 0);
  if (!ours)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append (logged, fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

static void
test_log_filter (void)
{
  SynSilo *silo = actor_silo_unstarted (1);

  syn_silo_add_log_filter (silo); /* nobody asked for debug messages: nothing is added */
  g_assert_cmpuint (silo->n_filters, ==, 0);
  g_setenv ("G_MESSAGES_DEBUG", SYN_REQUEST_LOG_DOMAIN, TRUE);
  syn_silo_add_log_filter (silo);
  g_assert_cmpuint (silo->n_filters, ==, 1);
  g_assert_true (syn_silo_start (silo, NULL, NULL));
  tell (silo, "actor", "a", WRITE, fail_foreign, 0, NULL);
  syn_silo_settle (silo);
  g_assert_cmpstr (logged->str, ==, "actor/a method 1: failed: 100 % theirs: \xc3\xa4 after 0 \xc2\xb5s");
  g_unsetenv ("G_MESSAGES_DEBUG");
  syn_silo_free (silo);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  logged = g_string_new (NULL);
  g_log_set_writer_func (catch_log, NULL, NULL);
  g_test_add_func ("/calls/cancel", test_cancel);
  g_test_add_func ("/calls/cancel-lets-others-begin", test_cancel_lets_others_begin);
  g_test_add_func ("/calls/deadline-tells", test_deadline_tells);
  g_test_add_func ("/calls/deadline-travels", test_deadline_travels);
  g_test_add_func ("/calls/deadline-in-replies", test_deadline_in_replies);
  g_test_add_func ("/calls/context-travels", test_context_travels);
  g_test_add_func ("/calls/context-changes", test_context_changes);
  g_test_add_func ("/calls/context-too-large", test_context_too_large);
  g_test_add_func ("/calls/errors-cross", test_errors_cross);
  g_test_add_func ("/calls/grain-gone", test_grain_gone);
  g_test_add_func ("/calls/end-in-reply", test_end_in_reply);
  g_test_add_func ("/calls/filters", test_filters);
  g_test_add_func ("/calls/metrics-filter", test_metrics_filter);
  g_test_add_func ("/calls/log-filter", test_log_filter);
  return g_test_run ();
}
