/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The text of an order: `-change, symbol`: names of columns with commas, '-' before one for descending, spaces around them as one
 * likes; in backquotes where a name has commas, or spaces at its ends. One syntax for queries and for the panels of a catalog. */

G_BEGIN_DECLS

/* Takes the next name, and moves *@next to the comma behind it, or the end. @start: where it begins, for messages. May be empty. */
char *syn_sort_name_take (const char **next, gboolean *descending, const char **start);
/* Adds one, in backquotes where it must be; after a comma when @text is not empty. */
void syn_sort_name_append (GString *text, const char *name, gboolean descending);

G_END_DECLS
