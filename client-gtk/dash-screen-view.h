/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>
#include "dash-panel.h"

G_BEGIN_DECLS

#define DASH_TYPE_SCREEN_VIEW (dash_screen_view_get_type ())
/**
 * DashScreenView:
 *
 * The panels of one screen, side by side, which freeze and thaw together.
 *
 * Property: `frozen`. Signal: `active-changed`: the keyboard is with another grid.
 */
G_DECLARE_FINAL_TYPE (DashScreenView, dash_screen_view, DASH, SCREEN_VIEW, GtkWidget)

GtkWidget *dash_screen_view_new (ReplicaLink *link, ReplicaScreen *screen);
gboolean dash_screen_view_get_frozen (DashScreenView *self);
void dash_screen_view_set_frozen (DashScreenView *self, gboolean is_frozen);
/* The grid that is filtered: the one that had the keyboard last. (nullable): there is none */
DashPanel *dash_screen_view_get_active (DashScreenView *self);
void dash_screen_view_get_totals (DashScreenView *self, guint64 *n_received, guint64 *n_skipped);
/* While frozen: "FROZEN · 3 snapshots, 3.2 s behind". (transfer full) (nullable) */
char *dash_screen_view_dup_frozen_text (DashScreenView *self);
void dash_screen_view_tick (DashScreenView *self);

G_END_DECLS
