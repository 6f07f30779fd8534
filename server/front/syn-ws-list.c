/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The WebSocket connections of a lane for an operator's list. On the lane, but for the beginning and the end.
 *
 * A hundred thousand are not gone through in one turn, which would hold up what they wait for: a walk goes on from parcel to parcel, so many
 * connections in each. The lane knows its walks, so that a connection that ends meanwhile is stepped over; one that comes meanwhile is
 * not seen. Rejected: a table of all connections that others may read (a lock on their path). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-plain.h"
#include "syn-ws-private.h"

#include <string.h>

#define CONNS_PER_PARCEL 1024

struct _SynWsWalk
{
  SynParcel parcel; /* first */
  SynWsWalk *other; /* of the lane's walks, the next */
  SynWsLane *lane;  /* NULL: it has ended, or the walk has not begun */
  SynWsConn *next;  /* where it goes on */
  SynConnTop top;
  SynWsListFunc done;
  gpointer user_data;
};

void
syn_ws_lane_step_over (SynWsLane *self, SynWsConn *conn)
{
  for (SynWsWalk *walk = self->walks; walk != NULL; walk = walk->other)
    if (walk->next == conn)
      walk->next = conn->next;
}

void
syn_ws_lane_end_walks (SynWsLane *self)
{
  for (SynWsWalk *walk = self->walks; walk != NULL; walk = walk->other)
    {
      walk->lane = NULL;
      walk->next = NULL;
    }
  self->walks = NULL;
}

static void
note (SynConnTop *top, SynWsConn *conn)
{
  gint64 now_ms = syn_lane_now_ms (conn->lane->lane);
  SynConnEntry entry = {
    .kind = "websocket",
    .lane = syn_lane_get_index (conn->lane->lane),
    .age_ms = now_ms - conn->began_ms,
    .idle_ms = now_ms - conn->moved_ms,
    .polls = (gint64) conn->n_polls,
    .snapshots = (gint64) conn->n_snapshots,
    .sent_bytes = (gint64) conn->sent_bytes,
    .tls = conn->tls != NULL ? syn_tls_get_version (conn->tls) : NULL,
  };

  for (SynWsOut *out = conn->out; out != NULL; out = out->next)
    entry.waiting_bytes += out->head_bytes + (out->hold.body != NULL ? g_bytes_get_size (out->hold.body) : 0) - out->sent;
  syn_ws_conn_note_views (conn, &entry);
  if (!syn_conn_top_wants (top, &entry))
    return;
  if (conn->agent != NULL)
    g_strlcpy (entry.agent, conn->agent, sizeof entry.agent);
  syn_peer_info_read (conn->fd, &entry.peer);
  syn_conn_top_add (top, &entry);
}

static void
come_back (SynLane *lane, SynParcel *parcel)
{
  SynWsWalk *walk = (SynWsWalk *) parcel;

  walk->done (&walk->top, walk->user_data);
  syn_conn_top_clear (&walk->top);
  g_free (walk);
}

static void
walk_on (SynLane *lane, SynParcel *parcel)
{
  SynWsWalk *walk = (SynWsWalk *) parcel;
  SynWsWalk **place;

  for (guint i = 0; i < CONNS_PER_PARCEL && walk->next != NULL; i++)
    {
      SynWsConn *conn = walk->next;

      walk->next = conn->next;
      note (&walk->top, conn);
    }
  if (walk->next != NULL)
    {
      syn_lane_post (lane, parcel);
      return;
    }
  if (walk->lane != NULL)
    {
      for (place = &walk->lane->walks; *place != walk; place = &(*place)->other)
        ;
      *place = walk->other;
    }
  syn_plain_lane_list (lane, &walk->top);
  parcel->run = come_back;
  syn_lane_post (syn_silo_get_front_lane (syn_lane_get_silo (lane)), parcel);
}

static void
walk_begin (SynLane *lane, SynParcel *parcel)
{
  SynWsWalk *walk = (SynWsWalk *) parcel;
  SynWsLane *set = syn_lane_get_slot (lane, SYN_LANE_SLOT_CONNECTIONS);

  if (set != NULL) /* there was a connection, and the lane has not ended */
    {
      walk->lane = set;
      walk->other = set->walks;
      set->walks = walk;
      walk->next = set->conns;
    }
  parcel->run = walk_on;
  walk_on (lane, parcel);
}

void
syn_ws_lane_list (SynLane *lane, SynConnOrder order, guint max, SynWsListFunc done, gpointer user_data)
{
  SynWsWalk *walk = g_new0 (SynWsWalk, 1);

  walk->parcel.run = walk_begin;
  walk->done = done;
  walk->user_data = user_data;
  syn_conn_top_init (&walk->top, order, max);
  syn_lane_post (lane, &walk->parcel);
}
