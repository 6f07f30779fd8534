/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which known name somebody may have meant. Edit distance (insert, delete, replace, swap of neighbours) over
 * bytes, case folded for ASCII; a name is near when at most a third of the longer one differs. Bounded work:
 * long names are only compared for equality but for case. Any thread. */
#include "syn-suggest.h"

#include <string.h>

#define LONGEST 64

void
syn_suggest_init (SynSuggest *self, const char *wanted)
{
  self->wanted = wanted;
  self->best = NULL;
  self->best_distance = G_MAXUINT;
}

static guint
distance (const char *a, gsize n_a, const char *b, gsize n_b)
{
  guint before[LONGEST + 1], previous[LONGEST + 1], current[LONGEST + 1];

  for (gsize j = 0; j <= n_b; j++)
    previous[j] = (guint)j;
  memset (before, 0, sizeof before);
  for (gsize i = 1; i <= n_a; i++)
    {
      current[0] = (guint)i;
      for (gsize j = 1; j <= n_b; j++)
        {
          char x = g_ascii_tolower (a[i - 1]), y = g_ascii_tolower (b[j - 1]);
          guint best = previous[j - 1] + (x == y ? 0 : 1);

          best = MIN (best, MIN (previous[j], current[j - 1]) + 1);
          if (i > 1 && j > 1 && x == g_ascii_tolower (b[j - 2]) && g_ascii_tolower (a[i - 2]) == y)
            best = MIN (best, before[j - 2] + 1);
          current[j] = best;
        }
      memcpy (before, previous, sizeof before);
      memcpy (previous, current, sizeof previous);
    }
  return previous[n_b];
}

void
syn_suggest_add (SynSuggest *self, const char *candidate)
{
  gsize n_wanted = strlen (self->wanted), n_candidate = strlen (candidate);
  gsize longer = MAX (n_wanted, n_candidate);
  guint d;

  if (longer > LONGEST)
    d = g_ascii_strcasecmp (self->wanted, candidate) == 0 ? 0 : G_MAXUINT;
  else
    d = distance (self->wanted, n_wanted, candidate, n_candidate);
  /* Of two equally near names the first given wins. Two edits of three letters are not nearness. */
  if (d < self->best_distance && d <= MAX (longer / 3, longer > 1 ? 1u : 0u))
    {
      self->best = candidate;
      self->best_distance = d;
    }
}

char *
syn_suggest_dup_text (const SynSuggest *self)
{
  if (self->best == NULL)
    return g_strdup ("");
  return g_strdup_printf ("; did you mean \"%s\"?", self->best);
}
