/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Polls by a grain, by path. On the grain's lane. It asks the owner itself, as queries do, and not the lane's beacon: a grain follows for as
 * long as it lives, and a beacon would be one more snapshot kept. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-limits.h"
#include "syn-projection-private.h"
#include "syn-silo-private.h"
#include "synoptic-projection.h"

#define MARGIN_MS 5000 /* a hold ends before the deadline of its call */

gboolean
syn_grain_poll (SynGrain *from, const char *path, ReplicaToken token, guint hold_ms, SynReplyFunc reply, gpointer user_data,
                SynCallHandle *handle, GError **error)
{
  SynCatalog *catalog = syn_silo_get_data (syn_lane_get_silo (syn_grain_get_lane (from)), SYN_PROJECTIONS_DATA);
  g_autofree char *key = NULL;
  SynPoll *poll;
  SynCall call = {
    .method = SYN_POLL_METHOD,
    .payload_free = g_free,
    .timeout_ms = MIN (hold_ms, SYN_HOLD_MAX_MS) + MARGIN_MS,
    .reply = reply,
    .user_data = user_data,
    .handle = handle,
    .detached = TRUE, /* for as long as it follows */
  };

  if (!syn_projection_resolve (path, &call.type, &key, catalog, error))
    return FALSE;
  poll = g_new (SynPoll, 1);
  *poll = (SynPoll) { token, MIN (hold_ms, SYN_HOLD_MAX_MS) };
  call.key = key;
  call.payload = poll;
  syn_grain_call (from, &call);
  return TRUE;
}
