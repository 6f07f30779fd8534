/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "syn-lane.h"

/* What a lane does when it has more to do than time: it makes snapshots less often, first those whose delay saves the most time for each reader that
 * is delayed; and more often again, in the opposite order, when it has been calm. On the lane, but for syn_stretch_list(). */

G_BEGIN_DECLS

typedef struct _SynStretch SynStretch; /* of a lane */
typedef struct _SynStretched SynStretched;

/* Something that makes snapshots: embedded in it. Zero it, and fill in what is marked, before it is added. */
struct _SynStretched {
  SynStretched *next, **pprev;
  SynStretch *set;
  SynGrain *grain;       /* (set by its owner) */
  guint interval_ms;     /* (set by its owner) the least time between two of its snapshots; 0: any, then what it was before it was stretched */
  void (*changed) (SynStretched *self); /* (set by its owner) its factor did; must make nothing from within */
  guint n_readers;       /* (set by its owner) for whom it makes them; at least 1 */
  guint factor;          /* its interval is so many times what it should be: 1 to syn_stretch_max */
  guint base_ms;         /* while that is not 1: what it should be */
  guint busy_permille;   /* likewise: the lane's share when the factor last grew */
  gint64 since_us;       /* likewise: real time, when it left 1 */
  gint64 rate_us;        /* CPU time that its snapshots take of a second, as of the last ones */
  gint64 made_ms, gap_ms; /* when it last made one; after how long */
};

/* How far at most: SYN_STRETCH_MAX, or what the operator said; 1: never. Before the lanes start. */
extern guint syn_stretch_max;

void syn_stretch_add (SynLane *lane, SynStretched *item);
void syn_stretch_remove (SynStretched *item);
/* A snapshot was made in @cpu_us of CPU time. Looks whether the lane is over its budget, as often as there is something new to know. */
void syn_stretch_spent (SynStretched *item, gint64 cpu_us);

/* ---- what is stretched, over all lanes ---- */

typedef struct _SynStretchEntry {
  char *type, *key;    /* of the grain */
  guint lane;
  guint factor;
  guint interval_ms;   /* at present: @factor times what it should be */
  gint64 since_us;     /* real time */
  guint n_readers;
  guint cpu_permille;  /* of one core, that its snapshots take now */
  guint busy_permille; /* the lane's share when it was last stretched further: why */
} SynStretchEntry;

/* Of a lane. */
typedef struct _SynStretchLane {
  gboolean is_known;    /* how busy it is: not in its first seconds */
  guint busy_permille;  /* of what it could have of a core, over the last 2 s */
  guint had_permille;   /* what it could have; the rest was others' */
  guint n_stretched, worst_factor; /* 0, 1: none is */
} SynStretchLane;

/* @lanes: as many as the silo has, and the front lane. @entries: of SynStretchEntry, the most stretched first, and with the same factor those with
 * the most readers; @n_more: that are not among them. All of it is the caller's only within. */
typedef void (*SynStretchListFunc) (const SynStretchLane *lanes, GPtrArray *entries, guint64 n_more, gpointer user_data);
/* From the front lane; @func comes there, later. @max_entries: listed at most. */
void syn_stretch_list (SynSilo *silo, guint max_entries, SynStretchListFunc func, gpointer user_data);

G_END_DECLS
