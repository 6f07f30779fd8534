/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"

/* What a lane does when it has more to do than time: it makes snapshots less often, first those whose delay saves the most time for each reader that
 * is delayed; and more often again, in the opposite order, when it has been calm. On the lane. */

G_BEGIN_DECLS

typedef struct _SynStretch SynStretch; /* of a lane */
typedef struct _SynStretched SynStretched;

/* Something that makes snapshots: embedded in it. Zero it before it is added. */
struct _SynStretched {
  SynStretched *next, **pprev;
  SynStretch *set;
  guint factor;     /* its interval is so many times what it should be: 1 to SYN_STRETCH_MAX */
  guint n_readers;  /* for whom it makes them; at least 1 */
  gint64 rate_us;   /* what they take of a second, as of the last ones */
  gint64 made_ms, gap_ms; /* when it last made one; after how long */
  void (*changed) (SynStretched *self); /* its factor did; must make nothing from within */
};

void syn_stretch_add (SynLane *lane, SynStretched *item);
void syn_stretch_remove (SynStretched *item);
/* A snapshot was made in @us. Looks whether the lane is over its budget, as often as there is something new to know. */
void syn_stretch_spent (SynStretched *item, gint64 us);

G_END_DECLS
