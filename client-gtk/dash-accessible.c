/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What GTK does not tell assistive technology by itself. Main thread. */

#include "dash-accessible.h"

static void
map_cb (GtkWidget *widget, gpointer user_data)
{
  gtk_accessible_update_state (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_STATE_HIDDEN, FALSE, -1);
}

static void
unmap_cb (GtkWidget *widget, gpointer user_data)
{
  gtk_accessible_update_state (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
}

void
dash_accessible_mirror_mapped (GtkWidget *widget)
{
  if (!gtk_widget_get_mapped (widget))
    unmap_cb (widget, NULL);
  g_signal_connect (widget, "map", G_CALLBACK (map_cb), NULL);
  g_signal_connect (widget, "unmap", G_CALLBACK (unmap_cb), NULL);
}
