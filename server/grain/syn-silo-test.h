/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"

/* A silo without threads and with a clock of the test's own: deterministic tests of everything that lives on lanes.
 *
 *   g_autoptr (SynSilo) silo = syn_silo_new_stepped (2, NULL, &error);
 *   syn_silo_register (silo, &my_type, my_data);
 *   syn_silo_keep (silo, "source", "trades");              // as in a real one
 *   syn_silo_start (silo, NULL, &error);                   // starts no thread; the kept grains activate in the first step
 *   syn_call (syn_silo_get_front_lane (silo), &call);      // the calling thread is the front lane
 *   syn_silo_settle (silo);                                // runs all lanes until nothing is left to run
 *   syn_silo_advance (silo, 10000);                        // 10 s pass: each timer fires at its own time, in order
 *   syn_silo_free (silo);                                  // drains by itself when the test did not
 *
 * Lanes keep their own contexts: GSources attached to them are dispatched in steps too. While a lane is stepped, it is
 * syn_lane_current(); between steps the front lane is. To act as another lane (its beacons, its timers):
 *
 *   SynLane *before = syn_silo_enter (silo, syn_silo_get_lane (silo, 1));
 *   ...
 *   syn_silo_enter (silo, before);
 *
 * The clock starts at SYN_STEPPED_START_MS (monotonic) and SYN_STEPPED_START_REAL_US, and stands still but for
 * syn_silo_advance(). */

G_BEGIN_DECLS

#define SYN_STEPPED_START_MS G_GINT64_CONSTANT (1000000)
#define SYN_STEPPED_START_REAL_US G_GINT64_CONSTANT (1700000000000000)

SynSilo *syn_silo_new_stepped (guint n_lanes, const char *data_dir, GError **error);
/* One iteration of one lane, without blocking; whether it had anything to do. For tests that choose the interleaving. */
gboolean syn_silo_step (SynSilo *self, SynLane *lane);
/* Steps all lanes in turn until nothing is ready. Aborts after a million rounds: something polls without progress. */
void syn_silo_settle (SynSilo *self);
/* Lets @ms pass, settling before, at each time at which a timer is due, and at the end. */
void syn_silo_advance (SynSilo *self, gint64 ms);
gint64 syn_silo_stepped_now_ms (SynSilo *self);
/* Makes @lane current on this thread; returns the one before. */
SynLane *syn_silo_enter (SynSilo *self, SynLane *lane);

G_END_DECLS
