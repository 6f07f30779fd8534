/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What travels with a call and the calls that it causes: short texts by name, and the chain of requests of call-chain types that led
 * to it. Immutable, so that it crosses lanes by reference; a change makes a new one. Most calls carry none.
 *
 * A cause is told apart by its grain's epoch. Whether it is still open is written on that grain's lane, where it decides who is let in; any
 * lane may look, to leave out what has ended: so a chain is as long as the requests of it that are open, and a grain that goes on by
 * calling itself keeps nothing of its past. Rejected: one number per chain, as elsewhere (siblings of one root would be let in beside each
 * other), a list that each cause continues (what ended in the middle of it stays). */
#define G_LOG_DOMAIN "syn-context"

#include "syn-silo-private.h"

struct _SynCause {
  gint refs;    /* atomic */
  gint is_open; /* atomic: written by the lane of the grain; once it is not, it stays so */
  guint64 epoch;
};

struct _SynContext {
  gint refs;          /* atomic */
  guint length;       /* of the text */
  guint n_causes;
  char *text;         /* behind the causes: name, NUL, value, NUL, … */
  SynCause *causes[]; /* (owned): the last one first */
};

static void
cause_unref (SynCause *self)
{
  if (g_atomic_int_dec_and_test (&self->refs))
    g_free (self);
}

SynContext *
syn_context_ref (SynContext *self)
{
  if (self != NULL)
    g_atomic_int_inc (&self->refs);
  return self;
}

void
syn_context_unref (SynContext *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->refs))
    return;
  for (guint i = 0; i < self->n_causes; i++)
    cause_unref (self->causes[i]);
  g_free (self);
}

/* @cause: (transfer full) (nullable): the last; then come those of @before (nullable) that are open. */
static SynContext *
context_new (const char *text, gsize length, SynCause *cause, const SynContext *before)
{
  guint n_before = before != NULL ? before->n_causes : 0;
  SynContext *self = g_malloc (sizeof (SynContext) + (n_before + 1) * sizeof (SynCause *) + length);

  self->refs = 1;
  self->length = (guint) length;
  self->n_causes = 0;
  if (cause != NULL)
    self->causes[self->n_causes++] = cause;
  for (guint i = 0; i < n_before; i++)
    if (g_atomic_int_get (&before->causes[i]->is_open))
      {
        g_atomic_int_inc (&before->causes[i]->refs);
        self->causes[self->n_causes++] = before->causes[i];
      }
  self->text = (char *) (self->causes + n_before + 1);
  if (length > 0)
    memcpy (self->text, text, length);
  return self;
}

const char *
syn_context_lookup (SynContext *self, const char *name)
{
  if (self == NULL)
    return NULL;
  for (const char *at = self->text; at < self->text + self->length;)
    {
      const char *value = at + strlen (at) + 1;

      if (strcmp (at, name) == 0)
        return value;
      at = value + strlen (value) + 1;
    }
  return NULL;
}

/* The value of @name in @pairs, NULL being one; FALSE: it is not there. The last one counts. */
static gboolean
find_pair (const char *const *pairs, const char *name, const char **value)
{
  gboolean found = FALSE;

  for (; pairs[0] != NULL; pairs += 2)
    if (strcmp (pairs[0], name) == 0)
      {
        *value = pairs[1];
        found = TRUE;
      }
  return found;
}

static void
append_pair (GString *text, const char *name, const char *value)
{
  g_string_append_len (text, name, (gssize) strlen (name) + 1);
  g_string_append_len (text, value, (gssize) strlen (value) + 1);
}

gboolean
syn_context_with (SynContext *self, const char *const *pairs, SynContext **result)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const char *ignored;

  for (const char *at = self != NULL ? self->text : NULL; self != NULL && at < self->text + self->length;)
    {
      const char *value = at + strlen (at) + 1;

      if (!find_pair (pairs, at, &ignored))
        append_pair (text, at, value);
      at = value + strlen (value) + 1;
    }
  for (const char *const *pair = pairs; pair[0] != NULL; pair += 2)
    if (pair[1] != NULL && !find_pair (pair + 2, pair[0], &ignored))
      append_pair (text, pair[0], pair[1]);
  if (text->len > SYN_MAX_CONTEXT_BYTES)
    return FALSE;
  *result = NULL;
  if (text->len > 0 || (self != NULL && self->n_causes > 0))
    *result = context_new (text->str, text->len, NULL, self);
  return TRUE;
}

/* ---- call chains ---- */

SynContext *
syn_context_with_cause (SynContext *self, guint64 epoch)
{
  SynCause *cause = g_new (SynCause, 1);

  *cause = (SynCause) { .refs = 1, .is_open = TRUE, .epoch = epoch };
  return context_new (self != NULL ? self->text : NULL, self != NULL ? self->length : 0, cause, self);
}

gboolean
syn_context_is_caused_by (SynContext *self, guint64 epoch)
{
  for (guint i = 0; self != NULL && i < self->n_causes; i++)
    if (self->causes[i]->epoch == epoch && g_atomic_int_get (&self->causes[i]->is_open))
      return TRUE;
  return FALSE;
}

guint
syn_context_get_n_causes (SynContext *self)
{
  return self != NULL ? self->n_causes : 0;
}

void
syn_context_close_cause (SynContext *self)
{
  g_atomic_int_set (&self->causes[0]->is_open, FALSE);
}

/* ---- of the turn that runs ---- */

const char *
syn_context_get (const char *name)
{
  SynLane *lane = syn_lane_current ();

  return lane != NULL ? syn_context_lookup (lane->turn.context, name) : NULL;
}

gboolean
syn_context_set (const char *name, const char *value)
{
  SynLane *lane = syn_lane_current ();
  const char *pairs[] = { name, value, NULL };
  SynContext *changed;

  if (lane == NULL || lane->turn.grain == NULL || !syn_context_with (lane->turn.context, pairs, &changed))
    return FALSE;
  syn_context_unref (lane->turn.context);
  lane->turn.context = changed;
  return TRUE;
}

gint64
syn_context_get_time_left_ms (void)
{
  SynLane *lane = syn_lane_current ();

  if (lane == NULL || lane->turn.deadline_ms == 0)
    return -1;
  return MAX (0, lane->turn.deadline_ms - lane->now_ms);
}
