/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-link-private.h"
#include "replica-view.h"

/* Between replica-view.c, the class and what its users call, and replica-view-loop.c, the poll loop. */

G_BEGIN_DECLS

struct _ReplicaView
{
  GObject parent_instance;

  ReplicaLink *link; /* (owned) */
  char *path;        /* (owned) */
  char *asked;       /* (owned): the question: the path, or what asks for those of its rows that match the filter */
  char *filter;      /* (owned) (nullable) */
  gboolean is_filter_refused; /* by the server: it has other columns */
  guint32 id;        /* on the link; 0: not attached */
  guint hold_ms;
  guint min_interval_ms;
  gboolean started;
  gboolean frozen;
  gboolean confirms; /* see replica_view_set_confirms() */
  gboolean live;
  gint64 not_live_us;     /* since when it is not; 0: it never was */
  gboolean answered_well; /* the last answer, on the connection that stands, was no error */

  ReplicaSnapshot *shown;   /* (owned) (nullable) */
  ReplicaSnapshot *pending; /* (owned) (nullable) */
  ReplicaToken held;        /* of the newest of them, if it is of this path */
  gint64 shown_at_us;       /* when `shown` came to be shown; -1 */
  /* When `shown`, and when the newest, was last known to be the newest that the server has. */
  gint64 shown_confirmed_us;
  gint64 newest_confirmed_us;
  char *error;             /* (owned) (nullable) */
  ReplicaError error_code; /* 0 without one */
  guint64 n_received, n_skipped, n_behind;
  ReplicaViewCounts counts;
  guint n_bad_deltas; /* in a row, of this path */
  gboolean rested; /* it was stopped: what came meanwhile was not skipped, nobody wanted it */

  GSource *timer;    /* (owned) the earliest of the four */
  gint64 retry_us;   /* poll again; -1 */
  gint64 show_us;    /* the interval is over; -1 */
  gint64 overdue_us; /* no longer live; -1 */
  gint64 refine_us;  /* ask for what matches the filter; -1 */

  guint n_errors;       /* in a row: what the back-off grows with */
  guint n_idle_answers; /* that brought nothing new, since guard_us */
  guint n_spins;        /* times the guard stopped the loop, since something new */
  gint64 guard_us;
};

typedef enum
{
  REPLICA_VIEW_PROP_0,
  REPLICA_VIEW_PROP_LINK,
  REPLICA_VIEW_PROP_PATH,
  REPLICA_VIEW_PROP_FROZEN,
  REPLICA_VIEW_PROP_SNAPSHOT,
  REPLICA_VIEW_PROP_ERROR,
  REPLICA_VIEW_PROP_N_RECEIVED,
  REPLICA_VIEW_PROP_N_SKIPPED,
  REPLICA_VIEW_PROP_N_BEHIND,
  REPLICA_VIEW_PROP_LIVE,
  REPLICA_VIEW_N_PROPS
} ReplicaViewProp;

/* replica-view.c */

void replica_view_notify (ReplicaView *self, ReplicaViewProp prop);
/* Whether anybody would look at a diff. */
gboolean replica_view_is_listened_to (ReplicaView *self);
void replica_view_emit_snapshot (ReplicaView *self, ReplicaSnapshot *snapshot, ReplicaDiff *diff);

/* replica-view-loop.c */

gint64 replica_view_now (ReplicaView *self);
void replica_view_latch_confirmation (ReplicaView *self);
void replica_view_update_live (ReplicaView *self);
void replica_view_show (ReplicaView *self);
void replica_view_show_when_due (ReplicaView *self);
void replica_view_timer_cb (gpointer data);
void replica_view_attach (ReplicaView *self);
void replica_view_detach (ReplicaView *self);
/* Asks another question from now on; what is shown stays until its first answer. */
void replica_view_ask (ReplicaView *self, const char *path);
void replica_view_refine_after (ReplicaView *self, gint64 delay_us);

G_END_DECLS
