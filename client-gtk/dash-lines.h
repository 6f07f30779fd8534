/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dash-chart.h"
#include "replica.h"

G_BEGIN_DECLS

#define DASH_LINES_MAX 10

#define DASH_TYPE_LINES (dash_lines_get_type ())
/**
 * DashLines:
 *
 * Numeric columns over time, at most %DASH_LINES_MAX lines.
 */
G_DECLARE_FINAL_TYPE (DashLines, dash_lines, DASH, LINES, DashChart)

GtkWidget *dash_lines_new (void);
/* Fails with REPLICA_ERROR_INVALID when @snapshot has no timestamp or no number; what was shown stays then.
 */
gboolean dash_lines_set_snapshot (DashLines *self, ReplicaSnapshot *snapshot, GError **error);
guint dash_lines_get_n_lines (DashLines *self);

G_END_DECLS
