/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dash-chart.h"
#include "replica.h"

G_BEGIN_DECLS

#define DASH_TYPE_CANDLES (dash_candles_get_type ())
/**
 * DashCandles:
 *
 * Open-high-low-close bars over time.
 */
G_DECLARE_FINAL_TYPE (DashCandles, dash_candles, DASH, CANDLES, DashChart)

GtkWidget *dash_candles_new (void);
/* Fails with REPLICA_ERROR_INVALID when @snapshot does not have the columns; what was shown stays then. */
gboolean dash_candles_set_snapshot (DashCandles *self, ReplicaSnapshot *snapshot, GError **error);
guint dash_candles_get_n_bars (DashCandles *self);

G_END_DECLS
