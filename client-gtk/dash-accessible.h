/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Tells assistive technology that @widget is hidden whenever it is not mapped. GTK 4.8 does so only for
 * widgets that are made invisible, so that it would read out the pages of a stack that nobody sees. */
void dash_accessible_mirror_mapped (GtkWidget *widget);

G_END_DECLS
