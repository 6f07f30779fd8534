/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-flock.h"
#include "ctl-load-timeline.h"

/* The insides of a flock, for its two files: ctl-load-flock.c asks and keeps the time, ctl-load-flock-answers.c takes what comes. The flock's own thread,
 * with the mutex held where it says so. */

G_BEGIN_DECLS

typedef enum
{
  VIEW_NOT_DUE,
  VIEW_NO_CONNECTION, /* asks as soon as there is one */
  VIEW_ASKED,
  VIEW_PAUSED, /* told to come back later */
  VIEW_GIVEN_UP
} CtlFlockViewState;

typedef struct
{
  ReplicaToken token;
  gint64 made_us;     /* of what it holds, by the server's clock; 0: nothing */
  gint64 due_us;      /* since when its first snapshot is waited for */
  gint64 deadline_us; /* ASKED: then nothing comes any more; PAUSED: then it asks */
  gint64 asked_us;
  CtlFlockViewState state;
  gboolean named; /* this connection knows the path */
} CtlFlockView;

typedef struct
{
  CtlLoadReader reader;
  gboolean ready;      /* polls can go out */
  gint64 reopen_us;    /* not open: then it is; 0: when a view is due */
  gint64 pause_us;     /* the last one */
} CtlFlockConnection;

/* Of each flock one connection more, with polls that are answered at once. */
typedef struct
{
  ReplicaToken token;
  gint64 due_us, interval_us; /* 0: there are no probes */
  gboolean asked, named;
} CtlFlockProbe;

struct _CtlFlock
{
  const CtlSwarmConfig *config;
  guint number, n_views, n_connections; /* of this flock; connection n_connections is the probe's */
  CtlCrowd *crowd;                      /* (owned) */
  CtlFlockView *views;                  /* (owned) */
  CtlFlockConnection *connections;      /* (owned) one more than n_connections */
  CtlFlockProbe probe;
  GThread *thread;
  GRand *rand; /* (owned) */
  char *before, *after; /* (owned) (nullable): the path around the view's number; @after NULL: all views have the same */
  char *out;            /* (owned) where requests are written */
  gint64 start_us, scan_us;
  guint n_begun;
  guint order;   /* atomic */
  gint halted;   /* atomic: no more views begin */
  gint64 storm_us;

  GMutex mutex; /* over what follows */
  CtlSwarmReading reading;
  CtlTimeline timeline;
  GArray *spreads; /* (owned) CtlFlockSpread */
};

/* The mutex is held for all of these but the probe, which counts nothing. */
void ctl_flock_count_error (CtlFlock *self, CtlSwarmError error, const char *text, gsize length);
/* Sends the poll of a view, or has it wait for its connection. */
void ctl_flock_ask (CtlFlock *self, guint view);
/* Sends the probe that is due, if none is out. What was due while one was out is sent after it, and counts from when it was due. */
void ctl_flock_send_probe (CtlFlock *self, gint64 now_us);
/* The connection is gone: its views ask again when it is back. */
void ctl_flock_lose_connection (CtlFlock *self, guint connection);
void ctl_flock_connection_ready (CtlFlock *self, guint connection);

/* What a flock does with what comes: they take the mutex themselves. */
extern const CtlCrowdFuncs ctl_flock_crowd_funcs;

G_END_DECLS
