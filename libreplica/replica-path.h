/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Paths with a query, percent-encoded, and conditions that are put into them. Internal to the library. Any thread. */

G_BEGIN_DECLS

/* Appends @text as a string literal of the expression language, quotes and all. No NUL: no expression can say one. */
void replica_path_append_literal (GString *condition, const char *text, gsize length);
/**
 * replica_path_dup_where:
 * @path: percent-encoded, query and all
 * @condition: an expression, not encoded
 *
 * Returns: (transfer full): @path with a `where` that asks for @condition besides what it asked for before
 */
char *replica_path_dup_where (const char *path, const char *condition);

G_END_DECLS
