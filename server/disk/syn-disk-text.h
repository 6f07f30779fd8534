/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Text that was read from a file that may be damaged, and what SQLite says of one (it repeats what stands there), so that it can be shown: UTF-8,
 * and � for what is none and for each control character, which would be the terminal's to interpret. @text: (nullable), "" then.
 * Any thread. (transfer full) */
char *syn_disk_text (const char *text);

G_END_DECLS
