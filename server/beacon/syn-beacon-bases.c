/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a beacon held before what it holds now: the bases of deltas. On its lane.
 *
 * A reader names the snapshot that it has; mostly that is the one before the newest, and on a slow link one of a few before. The bytes
 * of snapshots are shared by all lanes and by whoever else has them, so keeping one costs its memory once; what was made of it (its JSON alone has
 * more bytes) is not kept. Only a beacon whose readers take deltas keeps
 * any: at most SYN_MAX_BASES, of SYN_MAX_BASE_BYTES together (but one, whatever its size). A lane's have at most SYN_MAX_LANE_BASE_BYTES:
 * past that the oldest of all goes, so that ten thousand projections with one reader each cannot double the memory.
 *
 * Without the base that it named a reader gets its snapshot in full.
 *
 * Rejected: keeping what readers hold by reference (one that sleeps would keep a snapshot for ever), and by time (says nothing of memory). */
#define G_LOG_DOMAIN "syn-beacon"

#include "replica-form.h"
#include "syn-beacon-private.h"

struct _SynBase {
  GList link;     /* among the lane's, the oldest first; data: the base itself */
  SynBase *older; /* of the same beacon */
  SynBeacon *beacon;
  ReplicaSnapshot *snapshot; /* (owned) */
};

static gsize
size_of (ReplicaSnapshot *snapshot)
{
  return g_bytes_get_size (replica_snapshot_get_bytes (snapshot));
}

static void
count (SynBeaconSet *set, gint64 bytes)
{
  set->base_bytes += (guint64) bytes;
  if (!set->ended)
    syn_metric_add (set->lane, set->base_bytes_metric, bytes);
}

static void
drop (SynBase *base)
{
  SynBeacon *beacon = base->beacon;
  SynBase **at = &beacon->bases;

  while (*at != base)
    at = &(*at)->older;
  *at = base->older;
  g_queue_unlink (&beacon->set->bases, &base->link);
  beacon->n_bases--;
  beacon->base_bytes -= size_of (base->snapshot);
  count (beacon->set, -(gint64) size_of (base->snapshot));
  replica_snapshot_unref (base->snapshot);
  g_free (base);
}

static SynBase *
oldest (SynBeacon *self)
{
  SynBase *base = self->bases;

  while (base != NULL && base->older != NULL)
    base = base->older;
  return base;
}

void
syn_beacon_keep_base (SynBeacon *self, ReplicaSnapshot *snapshot)
{
  SynBeaconSet *set = self->set;
  gsize size = size_of (snapshot);
  SynBase *base;

  while (self->n_bases >= SYN_MAX_BASES || (self->n_bases > 0 && self->base_bytes + size > SYN_MAX_BASE_BYTES))
    drop (oldest (self));
  if (size > set->max_base_bytes || syn_lane_now_ms (set->lane) - self->base_asked_ms > SYN_BEACON_LIFE_MS)
    {
      replica_snapshot_unref (snapshot);
      return;
    }
  while (set->base_bytes + size > set->max_base_bytes)
    drop (g_queue_peek_head (&set->bases));
  base = g_new0 (SynBase, 1);
  base->link.data = base;
  base->beacon = self;
  base->snapshot = replica_snapshot_new_bare (snapshot);
  replica_snapshot_unref (snapshot);
  base->older = self->bases;
  self->bases = base;
  self->n_bases++;
  self->base_bytes += size;
  g_queue_push_tail_link (&set->bases, &base->link);
  count (set, (gint64) size);
}

void
syn_beacon_drop_bases (SynBeacon *self)
{
  while (self->bases != NULL)
    drop (self->bases);
}

ReplicaSnapshot *
syn_waiter_get_base (SynWaiter *waiter)
{
  SynBeacon *beacon = waiter->beacon;

  if (replica_token_equal (waiter->token, REPLICA_TOKEN_NONE))
    return NULL;
  for (SynBase *base = beacon->bases; base != NULL; base = base->older)
    if (replica_token_equal (replica_snapshot_get_token (base->snapshot), waiter->token))
      return base->snapshot;
  syn_metric_add (beacon->set->lane, beacon->set->bases_missing, 1);
  return NULL;
}
