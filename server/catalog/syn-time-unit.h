/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The units of timestamps that are given as numbers. Pure. */

G_BEGIN_DECLS

/* Of "s", "ms", "us", "ns": µs = number × @num / @den. FALSE: there is none of that name. */
gboolean syn_time_unit_parse (const char *name, gint64 *num, gint64 *den);
/* (nullable): NULL: none of them; timestamps are RFC 3339 text then (@num is 0). */
const char *syn_time_unit_to_string (gint64 num, gint64 den);

G_END_DECLS
