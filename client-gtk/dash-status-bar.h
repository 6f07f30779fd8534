/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>
#include "dash-screen-view.h"

G_BEGIN_DECLS

#define DASH_TYPE_STATUS_BAR (dash_status_bar_get_type ())
/**
 * DashStatusBar:
 *
 * The line at the bottom: the link and its state, always in sight.
 */
G_DECLARE_FINAL_TYPE (DashStatusBar, dash_status_bar, DASH, STATUS_BAR, GtkWidget)

/* @screen: (nullable): whose snapshots are counted. A few times a second. */
void dash_status_bar_tick (DashStatusBar *self, ReplicaLink *link, DashScreenView *screen);
/* Why the link is down, in words; NULL when it is online. (transfer full) */
char *dash_status_bar_dup_trouble (ReplicaLink *link);

G_END_DECLS
