/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define DASH_APPLICATION_ID "net.synoptic.Synoptic"

#define DASH_TYPE_APPLICATION (dash_application_get_type ())
G_DECLARE_FINAL_TYPE (DashApplication, dash_application, DASH, APPLICATION, AdwApplication)

DashApplication *dash_application_new (void);

G_END_DECLS
