/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"

G_BEGIN_DECLS

/* How many digits after the point a column of doubles is shown with: few enough to read, the same for the whole column. Other
 * types are always shown with all their digits. */
guint tui_format_decimals (const ReplicaColumn *column);
/* The cell as shown: (transfer none), in @buffer (REPLICA_TEXT_MAX bytes) or the snapshot. Timestamps as HH:MM:SS, UTC. Null: "–". */
const char *tui_format_cell (const ReplicaColumn *column, guint row, guint decimals, char *buffer);
gboolean tui_format_is_right (const ReplicaColumn *column);
/* "0.4s", "12s", "3m05s", "2h10m": how old the picture is. */
char *tui_format_age (gint64 age_us);

G_END_DECLS
