/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP connections of one lane that poll plainly: an epoll set that is one GSource. On the lane's thread; connections, and the order
 * to drain, come by parcel; what is not plain leaves by parcel.
 *
 * A set of their own rather than the WebSockets': what is in a set is of one type, and a lane asks for both in the same poll(). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-plain-private.h"

#include <errno.h>
#include <glib-unix.h>

SynPlainMetrics syn_plain_metrics;

/* ---- the way out ---- */

struct _SynPlainExit
{
  gatomicrefcount refs;
  SynPlainPassFunc pass; /* NULL: closed */
  gpointer user_data;
};

typedef struct
{
  SynParcel parcel;
  SynPlainExit *exit; /* (owned) */
  int fd;
  SynTls *tls;   /* (owned) (nullable) */
  GBytes *first; /* (owned) */
} Departure;

SynPlainExit *
syn_plain_exit_new (SynPlainPassFunc pass, gpointer user_data)
{
  SynPlainExit *self = g_new0 (SynPlainExit, 1);

  g_atomic_ref_count_init (&self->refs);
  self->pass = pass;
  self->user_data = user_data;
  return self;
}

SynPlainExit *
syn_plain_exit_ref (SynPlainExit *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
syn_plain_exit_unref (SynPlainExit *self)
{
  if (self != NULL && g_atomic_ref_count_dec (&self->refs))
    g_free (self);
}

void
syn_plain_exit_close (SynPlainExit *self)
{
  self->pass = NULL;
}

static void
depart (SynLane *lane, SynParcel *parcel)
{
  Departure *departure = (Departure *) parcel;

  if (departure->exit->pass != NULL)
    departure->exit->pass (departure->fd, departure->tls, departure->first, departure->exit->user_data);
  else
    syn_socket_close (departure->fd, departure->tls);
  syn_plain_exit_unref (departure->exit);
  g_bytes_unref (departure->first);
  g_free (departure);
}

void
syn_plain_lane_pass_on (SynPlainLane *self, int fd, SynTls *tls, GBytes *first)
{
  Departure *departure = g_new0 (Departure, 1);

  departure->parcel.run = depart;
  departure->exit = syn_plain_exit_ref (self->exit);
  departure->fd = fd;
  departure->tls = tls;
  departure->first = first;
  syn_lane_post (syn_silo_get_front_lane (syn_lane_get_silo (self->lane)), &departure->parcel);
}

/* ---- the set ---- */

static void
reap (SynTimer *timer, gpointer user_data)
{
  SynPlainLane *self = user_data;

  while (self->graveyard != NULL)
    {
      SynPlainConn *conn = self->graveyard;

      self->graveyard = conn->next;
      syn_plain_conn_free (conn);
    }
}

void
syn_plain_lane_bury (SynPlainLane *self, SynPlainConn *conn)
{
  if (conn->next != NULL)
    conn->next->pprev = conn->pprev;
  *conn->pprev = conn->next;
  conn->next = self->graveyard;
  self->graveyard = conn;
  syn_metric_add (self->lane, syn_plain_metrics.connections, -1);
  if (!syn_timer_is_armed (&self->reaper))
    syn_lane_arm (self->lane, &self->reaper, 0, reap, self);
}

/* A connection that ends meanwhile is in the graveyard, and freed by the wheel: never while the set goes through its events. */
static void
event (gpointer member, guint32 events)
{
  syn_plain_conn_event (member, events);
}

static void
lane_free (gpointer data)
{
  SynPlainLane *self = data;

  while (self->conns != NULL)
    syn_plain_conn_drop (self->conns);
  syn_lane_disarm (self->lane, &self->reaper);
  reap (&self->reaper, self);
  syn_epoll_set_free (self->set);
  syn_plain_exit_unref (self->exit);
  g_free (self->scratch);
  g_free (self);
}

static SynPlainLane *
plain_lane_get (SynLane *lane)
{
  SynPlainLane *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_PLAIN);

  if (self != NULL)
    return self;
  self = g_new0 (SynPlainLane, 1);
  self->lane = lane;
  self->beacons = syn_beacon_set_for_lane (lane);
  self->sender = syn_sender_for_lane (lane);
  self->slow = syn_slow_bodies_for_lane (lane);
  self->scratch = g_malloc (SYN_PLAIN_SCRATCH);
  self->set = syn_epoll_set_new (lane, "lane HTTP connections", event);
  syn_lane_set_slot (lane, SYN_LANE_SLOT_PLAIN, self, lane_free);
  return self;
}

void
syn_plain_lane_prepare (SynLane *lane)
{
  plain_lane_get (lane);
}

static void
open_here (SynLane *lane, SynParcel *parcel)
{
  plain_lane_get (lane);
  g_free (parcel);
}

void
syn_plain_lane_open (SynLane *lane)
{
  SynParcel *parcel = g_new0 (SynParcel, 1);

  parcel->run = open_here;
  syn_lane_post (lane, parcel);
}

/* ---- arrivals ---- */

typedef struct
{
  SynParcel parcel;
  int fd;
  SynTls *tls;        /* (owned) (nullable) */
  GBytes *first;      /* (owned) */
  SynPlainExit *exit; /* (owned) */
} Arrival;

static void
arrive (SynLane *lane, SynParcel *parcel)
{
  Arrival *arrival = (Arrival *) parcel;
  SynPlainLane *self = plain_lane_get (lane);
  SynPlainConn *conn = syn_plain_conn_new (self, arrival->fd, arrival->tls);

  syn_plain_exit_unref (self->exit);
  self->exit = g_steal_pointer (&arrival->exit);
  conn->next = self->conns;
  if (conn->next != NULL)
    conn->next->pprev = &conn->next;
  conn->pprev = &self->conns;
  self->conns = conn;
  syn_metric_add (lane, syn_plain_metrics.connections, 1);
  if (!syn_epoll_set_add (self->set, arrival->fd, EPOLLIN, conn))
    syn_plain_conn_drop (conn);
  else
    syn_plain_conn_feed (conn, arrival->first);
  g_bytes_unref (arrival->first);
  g_free (arrival);
}

void
syn_plain_lane_give (SynLane *lane, int fd, SynTls *tls, GBytes *first, SynPlainExit *exit)
{
  Arrival *arrival = g_new0 (Arrival, 1);

  arrival->parcel.run = arrive;
  arrival->fd = fd;
  arrival->tls = tls;
  arrival->first = first;
  arrival->exit = syn_plain_exit_ref (exit);
  syn_lane_post (lane, &arrival->parcel);
}

/* ---- an operator's list ---- */

static void
note (SynConnTop *top, SynPlainConn *conn)
{
  gint64 now_ms = syn_lane_now_ms (conn->lane->lane);
  SynConnEntry entry = {
    .kind = "http",
    .lane = syn_lane_get_index (conn->lane->lane),
    .age_ms = now_ms - conn->began_ms,
    .idle_ms = now_ms - conn->moved_ms,
    .polls = conn->n_polls,
    .snapshots = conn->n_snapshots,
    .sent_bytes = (gint64) conn->sent_bytes,
    .polls_waiting = conn->state == SYN_PLAIN_WAITING,
    .tls = conn->tls != NULL ? syn_tls_get_version (conn->tls) : NULL,
  };

  if (conn->out != NULL)
    entry.waiting_bytes = conn->out->head_bytes + (conn->out->hold.body != NULL ? g_bytes_get_size (conn->out->hold.body) : 0) - conn->out->sent;
  if (conn->state == SYN_PLAIN_WAITING || conn->state == SYN_PLAIN_SENDING)
    syn_conn_entry_note_reader (&entry, &conn->waiter, conn->held_us, syn_lane_real_us (conn->lane->lane));
  if (!syn_conn_top_wants (top, &entry))
    return;
  syn_peer_info_read (conn->fd, &entry.peer);
  syn_conn_top_add (top, &entry);
}

void
syn_plain_lane_list (SynLane *lane, SynConnTop *top)
{
  SynPlainLane *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_PLAIN);

  /* In one go: a look at each, and the dear questions for the first few only. */
  for (SynPlainConn *conn = self != NULL ? self->conns : NULL; conn != NULL; conn = conn->next)
    note (top, conn);
}

/* ---- the end ---- */

typedef struct
{
  SynParcel parcel;
  gboolean now;
} Drain;

static void
drain_here (SynLane *lane, SynParcel *parcel)
{
  SynPlainLane *self = plain_lane_get (lane);
  SynPlainConn *next;

  self->draining = TRUE;
  for (SynPlainConn *conn = self->conns; conn != NULL; conn = next)
    {
      next = conn->next; /* what ends meanwhile keeps its memory, and only itself */
      if (((Drain *) parcel)->now)
        syn_plain_conn_drop (conn);
      else
        syn_plain_conn_drain (conn);
    }
  g_free (parcel);
}

void
syn_plain_lane_drain (SynLane *lane, gboolean now)
{
  Drain *drain = g_new0 (Drain, 1);

  drain->parcel.run = drain_here;
  drain->now = now;
  syn_lane_post (lane, &drain->parcel);
}

/* ---- counts ---- */

void
syn_plain_register_metrics (void)
{
  syn_plain_metrics = (SynPlainMetrics){
    .connections = syn_metric_register (SYN_METRIC_GAUGE, "http_plain_connections",
                                        "HTTP connections that poll plainly, on the lanes, and those whose first request has not come."),
    .polls = syn_metric_register (SYN_METRIC_COUNTER, "http_plain_polls_total", "HTTP requests that the lanes answered themselves."),
    .requests = syn_metric_register (SYN_METRIC_COUNTER, "http_requests_total", "HTTP requests."),
    .failures = syn_metric_register (SYN_METRIC_COUNTER, "http_failures_total", "HTTP requests answered with a status of 400 or more."),
    .stalled = syn_metric_register (SYN_METRIC_COUNTER, "http_plain_stalled_total",
                                    "Of those connections: closed because the peer took no byte of an answer for too long."),
  };
}

guint
syn_plain_count (SynSilo *silo)
{
  gint64 sum = syn_metric_sum (silo, syn_plain_metrics.connections);

  return (guint) MAX (sum, 0); /* read lane by lane, and so a moment apart */
}
