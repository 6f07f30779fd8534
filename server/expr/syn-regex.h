/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Regular expressions whose time is linear in the text, whatever the pattern: at most (characters of the text + 1) × states
 * of the pattern (SYN_MAX_REGEX_STATES). The syntax is Perl's but for what cannot be had in linear time
 * (back-references, look-around) and flags:
 *
 *   .  [a-z]  [^a-z]  \d \D \w \W \s \S (ASCII)  \n \t \r \f \v \xHH \x{HHHH}  \. and other punctuation: itself
 *   x|y  (x)  (?:x)  x* x+ x? x{n} x{n,} x{n,m}, each with ? behind for the shortest
 *   ^ $ (begin and end of the text, no lines)  \b \B (ASCII)
 *
 * `.` is any character but a newline. */

G_BEGIN_DECLS

typedef struct _SynRegex SynRegex;           /* immutable, any thread */
typedef struct _SynRegexCache SynRegexCache; /* what matching has learned; belongs to one thread */

/* @pattern: valid UTF-8. Errors: SYN_ERROR_INVALID, "expected … at character 4 of the pattern". */
SynRegex *syn_regex_new (const char *pattern, GError **error);
void syn_regex_free (SynRegex *self);

/* Works for any pattern; learns anew when it is given another one. */
SynRegexCache *syn_regex_cache_new (void);
void syn_regex_cache_free (SynRegexCache *self);
gsize syn_regex_cache_get_bytes (const SynRegexCache *self); /* @self: (nullable) */

/* Whether the pattern matches somewhere in the text. @text need not be terminated; invalid UTF-8 is taken byte by byte. */
gboolean syn_regex_match (const SynRegex *self, SynRegexCache *cache, const char *text, gsize length);
/* The leftmost match, of several there the one that Perl would take: what its first group took (FALSE when that took no part),
 * or all of it when there is no group. @start, @end: in bytes. */
gboolean syn_regex_find (
    const SynRegex *self, SynRegexCache *cache, const char *text, gsize length, gsize *start, gsize *end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynRegex, syn_regex_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynRegexCache, syn_regex_cache_free)

G_END_DECLS
