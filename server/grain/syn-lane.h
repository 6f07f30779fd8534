/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "synoptic-grain.h"
#include "syn-wheel.h"

/* A lane: one thread with its own GMainContext, one mailbox, one timer wheel. What belongs to a lane is touched by
 * its thread only; everything else sends it messages. The front's thread is a lane too (it hosts no grains). */

G_BEGIN_DECLS

/* What crosses lanes: embedded at the head of a larger struct, owned by the lane from post until @run. */
typedef struct _SynParcel SynParcel;
typedef void (*SynParcelFunc) (SynLane *lane, SynParcel *parcel);
struct _SynParcel {
  SynParcel *next;
  SynParcelFunc run; /* on the receiving lane's thread; frees the parcel */
};

/* Any thread. In order per sender; many senders; one wake-up per batch. On a lane's own thread it is queued too
 * (run in a later iteration of the same drain, never inside the call). */
void syn_lane_post (SynLane *self, SynParcel *parcel);

/* The lane whose thread this is, or NULL. */
SynLane *syn_lane_current (void);
guint syn_lane_get_index (SynLane *self);
SynSilo *syn_lane_get_silo (SynLane *self);
GMainContext *syn_lane_get_context (SynLane *self);

/* The lane's clocks, as of the start of this iteration: monotonic ms (the wheel's) and real µs. Injected in tests. */
gint64 syn_lane_now_ms (SynLane *self);
gint64 syn_lane_real_us (SynLane *self);
/* The monotonic clock as it is now, within the iteration: to measure what something took. */
gint64 syn_lane_clock_us (SynLane *self);
/* The CPU time of its thread, likewise; on it. 0.2 µs. */
gint64 syn_lane_cpu_us (SynLane *self);
/* How busy it has been; on its thread. */
struct _SynLoad;
const struct _SynLoad *syn_lane_get_load (SynLane *self);

/* For a source with descriptors, before it is attached. Unless told otherwise GLib takes a source's descriptors out of its context while it is dispatched, and
 * puts them back, and each time wakes the context, which then finds nothing: two writes, a read and an empty iteration for every dispatch. What
 * that guards against, a source dispatched from within itself, does not happen here. */
void syn_lane_keep_watching (GSource *source);

void syn_lane_arm (SynLane *self, SynTimer *timer, guint delay_ms, SynTimerFunc func, gpointer user_data);
void syn_lane_disarm (SynLane *self, SynTimer *timer);

/* Room for what other rooms keep per lane (its beacons, its connections): one slot each, numbered here. The destroy function runs on the
 * lane's thread when the lane ends, the highest slot's first. */
typedef enum {
  SYN_LANE_SLOT_STATE, SYN_LANE_SLOT_REMINDERS, SYN_LANE_SLOT_BEACONS, SYN_LANE_SLOT_SENDER, SYN_LANE_SLOT_SLOW, SYN_LANE_SLOT_CONNECTIONS, SYN_LANE_SLOT_PLAIN,
  SYN_LANE_SLOT_CHANGES, SYN_LANE_SLOT_STRETCH, SYN_LANE_N_SLOTS,
} SynLaneSlot;
gpointer syn_lane_get_slot (SynLane *self, SynLaneSlot slot);
void syn_lane_set_slot (SynLane *self, SynLaneSlot slot, gpointer data, GDestroyNotify destroy);

G_END_DECLS
