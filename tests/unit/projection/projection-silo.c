/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "projection-silo.h"

#include "syn-metrics.h"
#include "syn-source.h"

TestSilo *
test_silo_new (const char *catalog_json)
{
  g_autoptr (GError) error = NULL;
  TestSilo *self = g_new0 (TestSilo, 1);

  self->next_sequence = 1;
  self->silo = syn_silo_new_stepped (2, NULL, &error);
  g_assert_no_error (error);
  if (catalog_json != NULL)
    {
      self->catalog = test_catalog (catalog_json);
      syn_projections_register (self->silo, self->catalog);
      test_silo_start (self);
    }
  return self;
}

void
test_silo_start (TestSilo *self)
{
  g_autoptr (GError) error = NULL;

  syn_silo_start (self->silo, NULL, &error);
  g_assert_no_error (error);
  syn_silo_settle (self->silo);
}

void
test_silo_free (TestSilo *self)
{
  syn_silo_free (self->silo);
  g_clear_pointer (&self->catalog, syn_catalog_unref);
  g_free (self);
}

static void
on_applied (gpointer payload, const GError *error, gpointer user_data)
{
  int *code = user_data;

  g_assert_null (payload);
  *code = error != NULL ? error->code : 0;
}

int
test_silo_apply (TestSilo *self, const char *projection, const char *events)
{
  const SynProjectionSpec *spec = syn_catalog_find_projection (self->catalog, projection);
  SynEventBatch *batch = test_batch (spec->inputs[0].source, self->next_sequence, events);
  int code = -1;
  SynCall call = {
    .type = SYN_PROJECTION_GRAIN,
    .key = projection,
    .method = SYN_APPLY_METHOD,
    .payload = batch,
    .payload_free = (GDestroyNotify) syn_event_batch_unref,
    .reply = on_applied,
    .user_data = &code,
  };

  self->next_sequence += syn_event_batch_get_n_events (batch);
  syn_call (syn_silo_get_front_lane (self->silo), &call);
  syn_silo_settle (self->silo);
  g_assert_cmpint (code, !=, -1);
  return code;
}

static void
on_answer (gpointer payload, const GError *error, gpointer user_data)
{
  TestAnswer *answer = user_data;

  g_assert_false (answer->done);
  answer->done = TRUE;
  answer->snapshot = payload;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
}

TestAnswer *
test_silo_poll (TestSilo *self, const char *type, const char *key, ReplicaToken token, guint hold_ms)
{
  TestAnswer *answer = g_new0 (TestAnswer, 1);
  SynPoll *poll = g_new (SynPoll, 1);
  SynCall call = {
    .type = type,
    .key = key,
    .method = SYN_POLL_METHOD,
    .payload = poll,
    .payload_free = g_free,
    .reply = on_answer,
    .user_data = answer,
  };

  poll->token = token;
  poll->hold_ms = hold_ms;
  syn_call (syn_silo_get_front_lane (self->silo), &call);
  return answer;
}

ReplicaSnapshot *
test_silo_get (TestSilo *self, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *canonical = NULL;
  g_autoptr (TestAnswer) answer = NULL;
  const char *type;

  syn_projection_resolve (path, &type, &canonical, self->catalog, &error);
  g_assert_no_error (error);
  answer = test_silo_poll (self, type, canonical, REPLICA_TOKEN_NONE, 0);
  syn_silo_settle (self->silo);
  g_assert_true (answer->done);
  g_assert_no_error (answer->error);
  g_assert_nonnull (answer->snapshot);
  return g_steal_pointer (&answer->snapshot);
}

void
test_answer_free (TestAnswer *self)
{
  /* The reply writes into it: it must have come. */
  g_assert_true (self->done);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_clear_error (&self->error);
  g_free (self);
}

gint64
test_silo_metric (TestSilo *self, const char *name)
{
  return syn_metric_sum (self->silo, syn_metric_register (SYN_METRIC_COUNTER, name, ""));
}
