/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"
#include "replica-snapshot.h"

/* One path that an edge follows at its upstream: what its silo beacon (syn-silo-beacon.c, a grain on a lane) and its view (syn-upstream-link.c, on the upstream's
 * thread) have of each other, and how old what is held is, which the lane beacons below it read.
 *
 * Orders go up by the ops, which tests replace; what comes of them goes down by syn_upstream_path_tell(), as a parcel to the beacon's lane. An order begins a
 * new generation: what was on its way from the one before is dropped. */

G_BEGIN_DECLS

typedef struct _SynUpstreamPaths SynUpstreamPaths; /* all paths of an edge */
typedef struct _SynUpstreamPath SynUpstreamPath;

/* What a silo beacon orders; each on the beacon's lane. */
typedef struct {
  /* From now on tell what is known of it, at once when it is known whether what is held is the newest. */
  void (*follow) (SynUpstreamPath *path, guint generation, SynLane *lane, gpointer data);
  void (*leave) (SynUpstreamPath *path, guint generation, gpointer data);  /* no more; it may be followed again */
  void (*forget) (SynUpstreamPath *path, gpointer data); /* its beacon is gone */
} SynUpwardOps;

typedef enum {
  SYN_UPWARD_LIVE,   /* the snapshot is the newest, and whoever waits will be told of the next */
  SYN_UPWARD_FAILED, /* nothing newer can be had now */
} SynUpwardState;

typedef struct {
  SynUpwardState state;
  ReplicaSnapshot *snapshot; /* (owned) (nullable): of LIVE: none yet */
  GError *error;             /* (owned) (nullable): of FAILED */
  gboolean dropped;          /* of FAILED: it is not followed; ask for it again */
  gboolean away;             /* the upstream cannot be reached */
} SynUpward;

struct _SynUpstreamPath {
  gint refs;                /* atomic */
  SynUpstreamPaths *paths;  /* (owned) */
  char *text;               /* (owned) as it is asked upstream */
  /* How old what is held is: written by the upstream's thread, read by any, one word each. In ms of the lanes' clock. */
  gint live;
  gint64 confirmed_ms;      /* what is held was known to be the newest then; -1: never */
  gint64 from_ms;           /* and, while it is live, also whenever since then the upstream was heard */
  /* Its beacon's lane. */
  gpointer beacon;          /* (nullable) */
  guint generation;
  /* The upstream's thread. */
  gpointer view;            /* (nullable) */
};

SynUpstreamPaths *syn_upstream_paths_new (const SynUpwardOps *ops, gpointer data);
SynUpstreamPaths *syn_upstream_paths_ref (SynUpstreamPaths *self);
void syn_upstream_paths_unref (SynUpstreamPaths *self);
/* When the upstream was last heard, less the age that it told, for all that is live; -1: never. */
void syn_upstream_paths_set_confirmed_ms (SynUpstreamPaths *self, gint64 confirmed_ms);
guint syn_upstream_paths_count (SynUpstreamPaths *self);

/* The one of that text, made when there is none: a beacon's birth, on any thread. There is a lock, which no poll comes by. */
SynUpstreamPath *syn_upstream_path_get (SynUpstreamPaths *paths, const char *text);
SynUpstreamPath *syn_upstream_path_ref (SynUpstreamPath *self);
void syn_upstream_path_unref (SynUpstreamPath *self);
/* How long ago it was known that what is held is the newest. */
guint syn_upstream_path_get_age_ms (SynUpstreamPath *self, gint64 now_ms);
void syn_upstream_path_set_age (SynUpstreamPath *self, gboolean live, gint64 confirmed_ms, gint64 from_ms);

/* From a beacon. */
void syn_upstream_path_follow (SynUpstreamPath *self, SynLane *lane);
void syn_upstream_path_leave (SynUpstreamPath *self);
void syn_upstream_path_forget (SynUpstreamPath *self);
/* To the beacon, on whatever thread: @upward's members are taken. */
void syn_upstream_path_tell (SynUpstreamPath *self, guint generation, SynLane *lane, SynUpward *upward);
void syn_upward_clear (SynUpward *self);

/* As it is asked upstream: in one spelling of all those that only differ in how they are percent-encoded or in the order of their parameters. What it means, only
 * the upstream knows. */
char *syn_upstream_path_normalize (const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynUpstreamPath, syn_upstream_path_unref)

G_END_DECLS
