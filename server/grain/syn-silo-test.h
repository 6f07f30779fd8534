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
gboolean syn_silo_is_stepped (SynSilo *self);
/* One iteration of one lane, without blocking; whether it had anything to do. For tests that choose the interleaving themselves. */
gboolean syn_silo_step (SynSilo *self, SynLane *lane);
/* Steps all lanes in turn until nothing is ready. Aborts after a million rounds: something polls without progress. */
void syn_silo_settle (SynSilo *self);
/* From now on settling (and so advancing) chooses the interleaving by @seed: at each step which lane runs, and then one parcel, one turn or
 * what is due on its wheel. The same seed gives the same run. Order is kept where the real thing keeps it: between two lanes, and in
 * a mailbox. 0: all lanes in turn again. Bugs of reentrancy and of order are then found by search:
 *
 *   guint64 seed = syn_silo_search (1, 1000, my_run, NULL);      // my_run: makes a silo, seeds it, runs it, says whether all was well
 *   g_assert_cmpuint (seed, ==, 0);                              // else it has printed the seed, with which my_run fails again
 */
void syn_silo_seed (SynSilo *self, guint64 seed);
/* Runs @holds with @n seeds from @first on (not 0), until it returns FALSE: that seed, or 0. */
guint64 syn_silo_search (guint64 first, guint n, gboolean (*holds) (guint64 seed, gpointer user_data), gpointer user_data);
/* Lets @ms pass, settling before, at each time at which a timer is due, and at the end; but when what runs burns time, no longer than that. */
void syn_silo_advance (SynSilo *self, gint64 ms);
/* From within what a lane runs: it took so long, … */
void syn_silo_burn (SynSilo *self, gint64 us);
/* … and so long it had to wait in the midst of it, for others were running on its core. */
void syn_silo_steal (SynSilo *self, gint64 us);
gint64 syn_silo_stepped_now_ms (SynSilo *self);
/* Makes @lane current on this thread; returns the one before. */
SynLane *syn_silo_enter (SynSilo *self, SynLane *lane);

G_END_DECLS
