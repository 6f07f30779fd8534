/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"

G_BEGIN_DECLS

/* Runs the terminal dashboard on the silo at @uri until the user quits; the exit status. @ca_file (nullable): as for replica_link_set_ca_file(). Main thread. */
int tui_app_run (const char *uri, const char *ca_file, GError **error);

G_END_DECLS
