/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>
#include "replica.h"
#include "dash-grid.h"

G_BEGIN_DECLS

#define DASH_TYPE_PANEL (dash_panel_get_type ())
/**
 * DashPanel:
 *
 * One panel of a screen: a view of a projection, with its title, its counts and its age, over a grid or a
 * chart. It polls while it is mapped.
 *
 * Signals: `selection-changed`: another row of its grid is selected, or the selected one changed;
 * `activated`: the keyboard came to it; `filled`: it has something to show for the first time.
 */
G_DECLARE_FINAL_TYPE (DashPanel, dash_panel, DASH, PANEL, GtkWidget)

GtkWidget *dash_panel_new (ReplicaLink *link, const ReplicaPanel *panel);
ReplicaView *dash_panel_get_view (DashPanel *self);
const char *dash_panel_get_title (DashPanel *self);
DashGrid *dash_panel_get_grid (DashPanel *self); /* (nullable): charts have none */
/* From now on shows what belongs to the row selected in @leader, a grid. */
void dash_panel_follow (DashPanel *self, DashPanel *leader);
void dash_panel_set_frozen (DashPanel *self, gboolean is_frozen);
void dash_panel_set_filter (DashPanel *self, const char *filter);
/* The height that it would like, as soon as it knows what it shows. */
int dash_panel_get_wanted_height (DashPanel *self);
/* Brings age and state up to date; a few times a second. */
void dash_panel_tick (DashPanel *self);

G_END_DECLS
