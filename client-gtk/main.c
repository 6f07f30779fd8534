/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synoptic: the GTK dashboard. */

#include "dash-application.h"

int
main (int argc, char *argv[])
{
  g_autoptr (DashApplication) application = NULL;

  /* What assistive technology and the window list call it. */
  g_set_prgname ("synoptic");
  g_set_application_name ("Synoptic");
  application = dash_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
