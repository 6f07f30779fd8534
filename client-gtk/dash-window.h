/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <adwaita.h>
#include "replica.h"

G_BEGIN_DECLS

#define DASH_TYPE_WINDOW (dash_window_get_type ())
/**
 * DashWindow:
 *
 * The screens of one silo.
 */
G_DECLARE_FINAL_TYPE (DashWindow, dash_window, DASH, WINDOW, AdwApplicationWindow)

/* @link: not started yet */
GtkWidget *dash_window_new (AdwApplication *application, ReplicaLink *link);

G_END_DECLS
