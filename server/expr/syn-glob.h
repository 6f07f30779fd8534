/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A compiled glob: `*` is any text, `?` any one character, `\` takes the next one as it is. Whole strings, case matters.
 * Immutable; any thread. Time is linear in the text for any pattern (times pattern / 64 where there is a `?` between stars). */

G_BEGIN_DECLS

typedef struct _SynGlob SynGlob;

/* @pattern: valid UTF-8 */
SynGlob *syn_glob_new (const char *pattern);
void syn_glob_free (SynGlob *self);
/* @text need not be terminated; invalid UTF-8 is taken byte by byte. */
gboolean syn_glob_match (const SynGlob *self, const char *text, gsize length);
/* The text before the star of a pattern that is plain text and one star at its end, the most usual one; NULL for others. */
const char *syn_glob_get_prefix (const SynGlob *self, gsize *length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynGlob, syn_glob_free)

G_END_DECLS
