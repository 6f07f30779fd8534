/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Lengths of time as people write them: in a catalog's windows, in expressions beside timestamps, and in aggregates. */

G_BEGIN_DECLS

#define SYN_LONGEST_DURATION_US (G_GINT64_CONSTANT (86400000000) * 3660) /* a good ten years */
/* What errors say was expected. */
#define SYN_DURATION_EXPECTED "a duration such as \"500ms\", \"1s\", \"2m\", \"1h\" or \"1d\" (at most 3660 days)"

/* A positive whole number and a unit: ms, s, m (minutes), h or d. FALSE for anything else. */
gboolean syn_duration_parse (const char *text, gint64 *duration_us);

G_END_DECLS
