/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The grain of one path at an edge. On its lane.
 *
 * It follows its path upstream while polls wait here, and SYN_SILO_BEACON_LEAVE_MS beyond: readers come back. What it holds is known to be the newest only
 * while it is LIVE, which the upstream's thread tells once it was asked; until then polls wait, those with hold 0 for a while only. When the upstream cannot be
 * reached, who holds another snapshot (or none) gets the last one, whose age tells that it is old, and who holds that one gets the error: keep it, and ask
 * again later.
 *
 * As long as the upstream is away, it is not collected with what it holds: somebody may want to look at it again, and nothing new can come to
 * take up more.
 *
 * Rejected: SynOutlet (it makes tokens; here they pass through); lane beacons with a view each (a snapshot would come over the ocean once per lane). */
#define G_LOG_DOMAIN "syn-upstream"
#include "syn-silo-beacon.h"

#include "syn-beacon-private.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-private.h"

#define NAME "silo beacons"

typedef enum {
  QUIET,  /* not followed: what is held may be old */
  ASKED,  /* followed, nothing was told yet */
  LIVE,
  FAILED,
} State;

struct _SynSiloBeacon {
  SynGrain *grain;
  SynLane *lane;
  SynUpstreamPath *path;     /* (owned) */
  State state;
  ReplicaSnapshot *snapshot; /* (owned) (nullable) */
  GError *error;             /* (owned) (nullable): of FAILED */
  SynMessageList parked;
  SynTimer leave;
  gboolean away, stays;
};

static ReplicaToken
held_token (SynSiloBeacon *self)
{
  return self->snapshot != NULL ? replica_snapshot_get_token (self->snapshot) : REPLICA_TOKEN_NONE;
}

/* ---- staying ---- */

static void
leave (SynSiloBeacon *self)
{
  self->state = QUIET;
  g_clear_error (&self->error);
  syn_upstream_path_leave (self->path);
}

static void
on_leave (SynTimer *timer, gpointer user_data)
{
  SynSiloBeacon *self = user_data;

  if (self->parked.length == 0 && self->state != QUIET)
    leave (self);
}

static void
update_stay (SynSiloBeacon *self)
{
  gboolean stays = self->away && self->snapshot != NULL;

  if (stays == self->stays)
    return;
  self->stays = stays;
  if (stays)
    syn_grain_hold (self->grain);
  else
    {
      syn_grain_keep_alive (self->grain, SYN_BEACON_LIFE_MS);
      syn_grain_release (self->grain);
    }
}

/* A poll was answered, or was never parked: what is left of its life counts from here. */
static void
count_from_here (SynSiloBeacon *self)
{
  syn_grain_keep_alive (self->grain, SYN_BEACON_LIFE_MS);
  if (self->parked.length == 0 && self->state != QUIET)
    syn_lane_arm (self->lane, &self->leave, SYN_SILO_BEACON_LEAVE_MS, on_leave, self);
}

/* ---- polls ---- */

static void
answer_snapshot (SynSiloBeacon *self, SynMessage *message)
{
  syn_message_reply (message, replica_snapshot_ref (self->snapshot), (GDestroyNotify) replica_snapshot_unref);
}

/* Errors that say something of the path, and not of the moment. */
static gboolean
is_of_the_path (const GError *error)
{
  return error->domain == SYN_ERROR
         && (error->code == SYN_ERROR_NOT_FOUND || error->code == SYN_ERROR_INVALID || error->code == SYN_ERROR_TOO_LARGE);
}

/* Nothing newer can be had: what there is, to those that do not hold it. */
static void
answer_failed (SynSiloBeacon *self, SynMessage *message, const GError *error)
{
  const SynPoll *poll = syn_message_get_payload (message);

  if (self->snapshot != NULL && !is_of_the_path (error) && !replica_token_equal (poll->token, held_token (self)))
    answer_snapshot (self, message);
  else
    syn_message_fail (message, error);
}

static SynMessage *
unpark (SynSiloBeacon *self, SynMessage *message)
{
  syn_message_list_remove (&self->parked, message);
  syn_lane_disarm (self->lane, syn_message_get_timer (message));
  return message;
}

static void
on_hold_ended (SynTimer *timer, gpointer user_data)
{
  SynMessage *message = user_data;
  SynSiloBeacon *self = *syn_message_get_slot (message);
  g_autoptr (GError) error = NULL;

  unpark (self, message);
  if (self->state == LIVE)
    syn_message_reply (message, NULL, NULL);
  else
    {
      error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: the upstream has not answered yet", self->path->text);
      answer_failed (self, message, error);
    }
  count_from_here (self);
}

static void
park (SynSiloBeacon *self, SynMessage *message, guint wait_ms)
{
  g_autoptr (GError) error = NULL;

  if (self->parked.length >= SYN_MAX_PARKED_POLLS)
    {
      error = g_error_new (SYN_ERROR, SYN_ERROR_OVERLOADED, "%s: %u polls wait already", self->path->text, SYN_MAX_PARKED_POLLS);
      syn_message_fail (message, error);
      return;
    }
  *syn_message_get_slot (message) = self;
  syn_message_list_push (&self->parked, message);
  syn_lane_disarm (self->lane, &self->leave);
  syn_lane_arm (self->lane, syn_message_get_timer (message), wait_ms, on_hold_ended, message);
}

/* TRUE: it is answered from what is known to be the newest. */
static gboolean
answer_live (SynSiloBeacon *self, SynMessage *message)
{
  const SynPoll *poll = syn_message_get_payload (message);

  if (self->snapshot != NULL && !replica_token_equal (poll->token, held_token (self)))
    answer_snapshot (self, message);
  else if (poll->hold_ms == 0)
    syn_message_reply (message, NULL, NULL);
  else
    return FALSE;
  return TRUE;
}

static void
take_poll (SynSiloBeacon *self, SynMessage *message)
{
  const SynPoll *poll = syn_message_get_payload (message);
  guint hold_ms = MIN (poll->hold_ms, SYN_HOLD_MAX_MS);

  if (self->state == QUIET)
    {
      self->state = ASKED;
      syn_upstream_path_follow (self->path, self->lane);
    }
  switch (self->state)
    {
    case LIVE:
      if (!answer_live (self, message))
        park (self, message, hold_ms);
      break;
    case FAILED:
      answer_failed (self, message, self->error);
      break;
    case QUIET:
    case ASKED:
    default:
      park (self, message, hold_ms == 0 ? SYN_SILO_BEACON_PATIENCE_MS : hold_ms);
      break;
    }
  count_from_here (self);
}

/* ---- from upstream ---- */

static void
settle_parked (SynSiloBeacon *self)
{
  SynMessageList waiting = self->parked;
  SynMessage *message;

  self->parked = (SynMessageList) { NULL };
  while ((message = syn_message_list_pop (&waiting)) != NULL)
    {
      if (self->state == LIVE)
        {
          const SynPoll *poll = syn_message_get_payload (message);
          gboolean stays = poll->hold_ms != 0 && (self->snapshot == NULL || replica_token_equal (poll->token, held_token (self)));

          if (stays)
            {
              syn_message_list_push (&self->parked, message); /* its timer runs on */
              continue;
            }
          syn_lane_disarm (self->lane, syn_message_get_timer (message));
          answer_live (self, message);
        }
      else
        {
          syn_lane_disarm (self->lane, syn_message_get_timer (message));
          answer_failed (self, message, self->error);
        }
    }
}

void
syn_silo_beacon_told (SynSiloBeacon *self, const SynUpward *upward)
{
  self->away = upward->away;
  if (upward->snapshot != NULL && !replica_token_equal (replica_snapshot_get_token (upward->snapshot), held_token (self)))
    {
      g_clear_pointer (&self->snapshot, replica_snapshot_unref);
      self->snapshot = replica_snapshot_ref (upward->snapshot);
    }
  update_stay (self);
  if (self->state == QUIET)
    return; /* only whether the upstream is there */
  g_clear_error (&self->error);
  self->state = upward->state == SYN_UPWARD_LIVE ? LIVE : FAILED;
  if (self->state == FAILED)
    self->error = g_error_copy (upward->error);
  settle_parked (self);
  if (upward->dropped)
    leave (self);
  count_from_here (self);
}

/* ---- the grain ---- */

static gpointer
beacon_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  SynSiloBeacon *self = g_new0 (SynSiloBeacon, 1);

  self->grain = grain;
  self->lane = syn_grain_get_lane (grain);
  self->path = syn_upstream_path_get (type_data, key);
  self->path->beacon = self;
  return self;
}

static void
beacon_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (syn_message_get_method (message) == SYN_POLL_METHOD)
    {
      take_poll (state, message);
      return;
    }
  error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "a silo beacon is only polled");
  syn_message_fail (message, error);
}

static void
beacon_cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynSiloBeacon *self = state;

  syn_message_reply (unpark (self, message), NULL, NULL);
  count_from_here (self);
}

static void
beacon_deactivate (SynGrain *grain, gpointer state)
{
  SynSiloBeacon *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: its beacon ends", self->path->text);

  while (self->parked.head != NULL)
    syn_message_fail (unpark (self, self->parked.head), error);
  syn_lane_disarm (self->lane, &self->leave);
  self->path->beacon = NULL;
  syn_upstream_path_forget (self->path);
  if (self->stays)
    syn_grain_release (grain);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_clear_error (&self->error);
  syn_upstream_path_unref (self->path);
  g_free (self);
}

static SynInterleave
beacon_interleave (int method)
{
  return SYN_ALWAYS;
}

static const SynGrainType beacon_type = {
  .name = SYN_SILO_BEACON_GRAIN,
  .idle_age_ms = SYN_BEACON_LIFE_MS,
  .interleave = beacon_interleave,
  .activate = beacon_activate,
  .receive = beacon_receive,
  .cancelled = beacon_cancelled,
  .deactivate = beacon_deactivate,
};

void
syn_silo_beacons_register (SynSilo *silo, SynUpstreamPaths *paths)
{
  syn_silo_set_data (silo, NAME, paths, NULL);
  syn_silo_register (silo, &beacon_type, paths);
}

SynUpstreamPaths *
syn_silo_beacons_get_paths (SynSilo *silo)
{
  return syn_silo_get_data (silo, NAME);
}
