/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See beacon-fixture.h. */
#include "beacon-fixture.h"

#include "replica-snapshot-builder.h"

/* ---- the owner of snapshots ---- */

enum { PUBLISH = 1 };

World world;

typedef struct {
  SynGrain *grain;
  guint64 serial;
  ReplicaSnapshot *snapshot;
  SynMessageList kept;
} Owner;

static ReplicaSnapshot *
make_snapshot (const char *path, ReplicaToken token)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new (path, token, 1700000000000000, 1);
  gint64 value = (gint64) token.serial;
  ReplicaColumn column = { .name = "n", .type = REPLICA_TYPE_INT64, .width = 8, .is_key = TRUE, .n_rows = 1, .data = &value };
  ReplicaSnapshot *snapshot;

  replica_snapshot_builder_add (builder, &column);
  snapshot = replica_snapshot_builder_finish (builder, NULL);
  g_assert_nonnull (snapshot);
  return snapshot;
}

static void
owner_publish (Owner *self)
{
  SynMessage *message;

  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  self->serial += 1;
  world.newest = (ReplicaToken) { syn_grain_get_epoch (self->grain), self->serial };
  self->snapshot = make_snapshot (syn_grain_get_key (self->grain), world.newest);
  while ((message = syn_message_list_pop (&self->kept)) != NULL)
    {
      world.n_out--;
      syn_grain_release (self->grain);
      syn_message_reply (message, replica_snapshot_ref (self->snapshot), (GDestroyNotify) replica_snapshot_unref);
    }
}

static gpointer
owner_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Owner *self;

  if (g_str_has_prefix (key, "absent"))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "no projection \"%s\"", key);
      return NULL;
    }
  self = g_new0 (Owner, 1);
  self->grain = grain;
  if (!g_str_has_prefix (key, "empty"))
    owner_publish (self);
  return self;
}

static void
owner_hold_over (SynTimer *timer, gpointer user_data)
{
  SynMessage *message = user_data;
  Owner *self = *syn_message_get_slot (message);

  syn_message_list_remove (&self->kept, message);
  world.n_out--;
  syn_grain_release (self->grain);
  syn_message_reply (message, NULL, NULL);
}

/* The beacon has taken its poll back. */
static void
owner_cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  Owner *self = state;
  g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "taken back");

  syn_message_list_remove (&self->kept, message);
  syn_lane_disarm (syn_grain_get_lane (grain), syn_message_get_timer (message));
  world.n_out--;
  world.n_cancelled++;
  syn_grain_release (grain);
  syn_message_fail (message, error);
}

static void
owner_poll (Owner *self, SynMessage *message)
{
  SynPoll *poll = syn_message_get_payload (message);
  g_autoptr (GError) error = NULL;

  world.n_polls++;
  world.n_asking += poll->hold_ms == 0;
  if (world.error != 0)
    {
      error = g_error_new (SYN_ERROR, world.error, "the owner says no");
      syn_message_fail (message, error);
    }
  else if (world.manner == BACKWARD)
    syn_message_reply (message, make_snapshot ("x", (ReplicaToken) { 1, 1 }), (GDestroyNotify) replica_snapshot_unref);
  else if (world.manner != SILENT && self->snapshot != NULL
           && !replica_token_equal (poll->token, replica_snapshot_get_token (self->snapshot)))
    syn_message_reply (message, replica_snapshot_ref (self->snapshot), (GDestroyNotify) replica_snapshot_unref);
  else if ((poll->hold_ms == 0 && world.manner != SILENT) || world.manner == HASTY)
    syn_message_reply (message, NULL, NULL);
  else
    {
      syn_message_list_push (&self->kept, message);
      world.n_out++;
      syn_grain_hold (self->grain);
      *syn_message_get_slot (message) = self;
      if (world.manner != SILENT)
        syn_lane_arm (syn_grain_get_lane (self->grain), syn_message_get_timer (message), poll->hold_ms, owner_hold_over, message);
      world.max_out = MAX (world.max_out, self->kept.length);
    }
}

static void
owner_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  if (syn_message_get_method (message) == SYN_POLL_METHOD)
    owner_poll (state, message);
  else
    {
      owner_publish (state);
      syn_message_reply (message, NULL, NULL);
    }
}

static void
owner_deactivate (SynGrain *grain, gpointer state)
{
  Owner *self = state;
  SynMessage *message;

  while ((message = syn_message_list_pop (&self->kept)) != NULL)
    {
      world.n_out--;
      syn_message_reply (message, NULL, NULL);
    }
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_free (self);
}

static const SynGrainType owner_type = {
  .name = "owner", .idle_age_ms = 3600000, .reentrant = TRUE,
  .activate = owner_activate, .receive = owner_receive, .deactivate = owner_deactivate,
  .cancelled = owner_cancelled,
};

/* Paths are the same whatever their case; those with a '!' are malformed. */
static gboolean
resolve (const char *path, const char **type, char **canonical, gpointer user_data, GError **error)
{
  g_assert_cmpstr (user_data, ==, "catalog");
  world.n_resolved++;
  if (strchr (path, '!') != NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: malformed", path);
      return FALSE;
    }
  *type = "owner";
  *canonical = g_ascii_strdown (path, -1);
  return TRUE;
}

/* ---- the fixture ---- */

void
fixture_setup (Fixture *self, gconstpointer data)
{
  memset (&world, 0, sizeof world);
  self->silo = syn_silo_new_stepped (2, NULL, NULL);
  syn_silo_register (self->silo, &owner_type, NULL);
  syn_beacons_set_resolver (self->silo, resolve, (gpointer) "catalog");
  g_assert_true (syn_silo_start (self->silo, NULL, NULL));
  self->front = syn_silo_get_front_lane (self->silo);
  self->set = syn_beacon_set_for_lane (self->front);
}

void
fixture_teardown (Fixture *self, gconstpointer data)
{
  syn_silo_free (self->silo);
}

void
publish (Fixture *self, const char *key)
{
  SynCall call = { .type = "owner", .key = key, .method = PUBLISH };

  syn_call (self->front, &call);
}

SynBeaconStatus
status (Fixture *self)
{
  SynBeaconStatus result;

  syn_beacons_get_status (self->silo, &result);
  return result;
}

/* ---- a reader ---- */

static void
answered (SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms)
{
  Reader *self = (Reader *) waiter;

  g_assert_false (self->polling);
  g_assert_null (waiter->pprev);
  self->n_answers++;
  self->answer = answer;
  self->retry_ms = retry_ms;
  g_clear_pointer (&self->text, g_free);
  self->code = 0;
  switch (answer)
    {
    case SYN_ANSWER_SNAPSHOT:
      g_assert_null (error);
      g_assert_false (replica_token_equal (replica_snapshot_get_token (snapshot), self->token));
      self->snapshot = snapshot;
      self->token = replica_snapshot_get_token (snapshot);
      break;
    case SYN_ANSWER_UNCHANGED:
      g_assert_null (error);
      g_assert_null (snapshot);
      break;
    case SYN_ANSWER_ERROR:
      g_assert_null (snapshot);
      g_assert_true (error->domain == SYN_ERROR);
      self->code = error->code;
      self->text = g_strdup (error->message);
      break;
    }
  if (self->again && answer != SYN_ANSWER_ERROR)
    syn_beacon_set_poll (self->set, waiter, NULL, self->token, 10000, answered);
}

void
poll_path (Reader *self, const char *path, guint hold_ms)
{
  guint before = self->n_answers;

  self->polling = TRUE;
  syn_beacon_set_poll (self->set, &self->waiter, path, self->token, hold_ms, answered);
  self->polling = FALSE;
  g_assert_cmpuint (self->n_answers, ==, before);
}

void
reader_clear (Reader *self)
{
  syn_waiter_forget (&self->waiter);
  g_clear_pointer (&self->text, g_free);
}
