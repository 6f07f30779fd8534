/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The WebSocket connections of one lane: an epoll set that is one GSource. On the lane's thread; connections
 * and the order to drain come by parcel.
 *
 * A GSource per connection was rejected: GLib polls all of them in every iteration (10,000 cost 50 µs per
 * message). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-ws-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

SynWsMetrics syn_ws_metrics;

/* ---- the graveyard ---- */

static void
reap (SynTimer *timer, gpointer user_data)
{
  SynWsLane *self = user_data;

  while (self->graveyard != NULL)
    {
      SynWsConn *conn = self->graveyard;

      self->graveyard = conn->next;
      syn_ws_conn_free (conn);
    }
}

static void
unlink_conn (SynWsConn *conn)
{
  syn_ws_lane_step_over (conn->lane, conn);
  if (conn->next != NULL)
    conn->next->pprev = conn->pprev;
  *conn->pprev = conn->next;
}

static void
post_drained (SynWsLane *self)
{
  if (self->drained != NULL && self->n_conns == 0)
    syn_lane_post (syn_silo_get_front_lane (syn_lane_get_silo (self->lane)),
                   g_steal_pointer (&self->drained));
}

void
syn_ws_lane_bury (SynWsLane *self, SynWsConn *conn)
{
  unlink_conn (conn);
  conn->next = self->graveyard;
  self->graveyard = conn;
  self->n_conns--;
  syn_metric_add (self->lane, syn_ws_metrics.connections, -1);
  if (!syn_timer_is_armed (&self->reaper))
    syn_lane_arm (self->lane, &self->reaper, 0, reap, self);
  post_drained (self);
}

/* ---- the set ---- */

/* A connection that ends meanwhile is in the graveyard, and freed by the wheel: never while the set goes through its events. */
static void
event (gpointer member, guint32 events)
{
  syn_ws_conn_event (member, events);
}

static void
lane_free (gpointer data)
{
  SynWsLane *self = data;

  syn_ws_lane_end_walks (self);
  while (self->conns != NULL)
    syn_ws_conn_drop (self->conns);
  syn_ws_lane_forget_jobs (self);
  syn_lane_disarm (self->lane, &self->reaper);
  reap (&self->reaper, self);
  syn_epoll_set_free (self->set);
  g_free (self->scratch);
  g_free (self);
}

SynWsLane *
syn_ws_lane_get (SynLane *lane)
{
  SynWsLane *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_CONNECTIONS);

  if (self != NULL)
    return self;
  self = g_new0 (SynWsLane, 1);
  self->lane = lane;
  self->beacons = syn_beacon_set_for_lane (lane);
  self->sender = syn_sender_for_lane (lane);
  self->slow = syn_slow_bodies_for_lane (lane);
  self->max_views = SYN_MAX_VIEWS_PER_CONNECTION;
  self->max_jobs = SYN_MAX_FORM_JOBS;
  self->scratch = g_malloc (SYN_WS_SCRATCH);
  self->set = syn_epoll_set_new (lane, "lane connections", event);
  syn_lane_set_slot (lane, SYN_LANE_SLOT_CONNECTIONS, self, lane_free);
  return self;
}

void
syn_ws_lane_prepare (SynLane *lane)
{
  syn_ws_lane_get (lane);
}

/* ---- arrivals ---- */

typedef struct
{
  SynParcel parcel;
  int fd;
  SynTls *tls;         /* (owned) (nullable) */
  GBytes *first;       /* (owned) (nullable) */
  char *agent;         /* (owned) (nullable): becomes the connection's */
  SynUploads *uploads; /* (owned): likewise */
} Arrival;

static void
arrive (SynLane *lane, SynParcel *parcel)
{
  Arrival *arrival = (Arrival *) parcel;
  SynWsLane *self = syn_ws_lane_get (lane);
  SynWsConn *conn = syn_ws_conn_new (self, arrival->fd, arrival->tls, arrival->uploads);

  conn->agent = g_steal_pointer (&arrival->agent);
  conn->next = self->conns;
  if (conn->next != NULL)
    conn->next->pprev = &conn->next;
  conn->pprev = &self->conns;
  self->conns = conn;
  self->n_conns++;
  syn_metric_add (lane, syn_ws_metrics.connections, 1);
  if (!syn_epoll_set_add (self->set, arrival->fd, EPOLLIN | EPOLLRDHUP, conn))
    syn_ws_conn_drop (conn);
  else if (self->draining)
    syn_ws_conn_close (conn, SYN_WS_CLOSE_GOING_AWAY, "the silo is going away");
  else if (arrival->first != NULL)
    syn_ws_conn_feed (conn, arrival->first);
  g_clear_pointer (&arrival->first, g_bytes_unref);
  g_free (arrival);
}

void
syn_ws_lane_give (SynLane *lane, int fd, SynTls *tls, GBytes *first, const char *agent, SynUploads *uploads)
{
  Arrival *arrival = g_new0 (Arrival, 1);

  arrival->parcel.run = arrive;
  arrival->fd = fd;
  arrival->tls = tls;
  arrival->first = first;
  arrival->agent = agent != NULL ? g_strndup (agent, SYN_CONN_AGENT_MAX) : NULL;
  arrival->uploads = syn_uploads_ref (uploads);
  syn_lane_post (lane, &arrival->parcel);
}

/* ---- the end ---- */

/* To the lane and back. */
typedef struct
{
  SynParcel parcel;
  gboolean now;
  SynWsDrainFunc done;
  gpointer user_data;
} Drain;

static void
drained (SynLane *lane, SynParcel *parcel)
{
  Drain *drain = (Drain *) parcel;

  drain->done (drain->user_data);
  g_free (drain);
}

static void
drain_here (SynLane *lane, SynParcel *parcel)
{
  SynWsLane *self = syn_ws_lane_get (lane);
  gboolean now = ((Drain *) parcel)->now;
  SynWsConn *next;

  parcel->run = drained;
  if (self->drained != NULL) /* the first order's: its answer is overtaken */
    syn_lane_post (syn_silo_get_front_lane (syn_lane_get_silo (lane)), g_steal_pointer (&self->drained));
  self->drained =
      parcel; /* on its way as soon as the last connection is gone, which may be within this loop */
  self->draining = TRUE;
  for (SynWsConn *conn = self->conns; conn != NULL; conn = next)
    {
      next = conn->next;
      if (now)
        syn_ws_conn_drop (conn);
      else
        {
          syn_ws_conn_excuse_views (conn);
          syn_ws_conn_end (conn, SYN_WS_CLOSE_GOING_AWAY, "the silo is going away");
        }
    }
  post_drained (self);
}

void
syn_ws_lane_drain (SynLane *lane, gboolean now, SynWsDrainFunc done, gpointer user_data)
{
  Drain *drain = g_new0 (Drain, 1);

  drain->parcel.run = drain_here;
  drain->now = now;
  drain->done = done;
  drain->user_data = user_data;
  syn_lane_post (lane, &drain->parcel);
}

/* ---- counts ---- */

void
syn_ws_register_metrics (void)
{
  syn_ws_metrics = (SynWsMetrics){
    .connections =
        syn_metric_register (SYN_METRIC_GAUGE, "websocket_connections", "Open WebSocket connections."),
    .polls =
        syn_metric_register (SYN_METRIC_COUNTER, "websocket_polls_total", "Polls that came over WebSockets."),
    .snapshots = syn_metric_register (SYN_METRIC_COUNTER, "websocket_snapshots_total",
                                      "Polls answered with a snapshot."),
    .deltas = syn_metric_register (SYN_METRIC_COUNTER, "websocket_deltas_total",
                                   "Those of them that were sent as what changed."),
    .delta_bytes =
        syn_metric_register (SYN_METRIC_COUNTER, "websocket_delta_bytes_total", "Bytes of deltas in answers."),
    .full_bytes = syn_metric_register (SYN_METRIC_COUNTER, "websocket_full_bytes_total",
                                       "Bytes of snapshots in full in answers."),
    .compressed = syn_metric_register (SYN_METRIC_COUNTER, "websocket_compressed_total",
                                       "Snapshots, in full or as deltas, that were sent compressed."),
    .compressed_bytes = syn_metric_register (SYN_METRIC_COUNTER, "websocket_compressed_bytes_total",
                                             "Bytes of compressed snapshots in answers."),
    .compressions = syn_metric_register (SYN_METRIC_COUNTER, "compressions_total",
                                         "Snapshots and deltas compressed: each once."),
    .compression_us = syn_metric_register (SYN_METRIC_COUNTER, "compression_us_total", "Time spent on that."),
    .deltas_made = syn_metric_register (SYN_METRIC_COUNTER, "deltas_made_total",
                                        "Deltas made: once for each pair of snapshots."),
    .unchanged = syn_metric_register (SYN_METRIC_COUNTER, "websocket_unchanged_total",
                                      "Polls whose hold ended without news."),
    .errors =
        syn_metric_register (SYN_METRIC_COUNTER, "websocket_errors_total", "Polls answered with an error."),
    .publishes = syn_metric_register (SYN_METRIC_COUNTER, "websocket_publishes_total",
                                      "Batches of events that came over WebSockets, refused ones too."),
    .passed_on = syn_metric_register (SYN_METRIC_COUNTER, "upstream_publishes_total", "Of those, at an edge: what came of them with the upstream is told."),
    .not_passed_on = syn_metric_register (SYN_METRIC_COUNTER, "upstream_publish_failures_total", "Of those: the upstream did not say it."),
    .sent_bytes =
        syn_metric_register (SYN_METRIC_COUNTER, "websocket_sent_bytes_total", "Bytes sent to WebSockets."),
    .protocol_errors = syn_metric_register (SYN_METRIC_COUNTER, "websocket_protocol_errors_total",
                                            "WebSockets closed because the peer broke the protocol."),
    .stalled =
        syn_metric_register (SYN_METRIC_COUNTER, "websocket_stalled_total",
                             "WebSockets closed because the peer took no byte of an answer for too long."),
  };
}

guint
syn_ws_count (SynSilo *silo)
{
  gint64 sum = syn_metric_sum (silo, syn_ws_metrics.connections);

  return (guint) MAX (sum, 0); /* read lane by lane, and so a moment apart */
}
