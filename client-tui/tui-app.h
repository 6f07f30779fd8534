/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"

G_BEGIN_DECLS

/* Runs the terminal dashboard on the silo at @uri until the user quits; the exit status. Main thread. */
int tui_app_run (const char *uri, GError **error);

G_END_DECLS
