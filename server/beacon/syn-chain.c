/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ids of silos above and below: see syn-chain.h.
 *
 * Ids are random, not incarnations: two silos may count the same. Rejected: looking for a ring by asking upward again and again (it closes between two
 * looks), names from a configuration (somebody copies one). */
#define G_LOG_DOMAIN "syn-upstream"
#include "syn-chain.h"

#include <string.h>
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-private.h"

#define NAME "chain"

struct _SynChain {
  char id[SYN_CHAIN_ID_BYTES + 1];
  char *upstream;   /* (owned) (nullable) */
  GMutex mutex;
  char **above;     /* (owned) (nullable): as learnt; NULL: never */
  GPtrArray *below; /* (owned): ids, those heard of last at the end */
};

static void
chain_free (gpointer data)
{
  SynChain *self = data;

  g_free (self->upstream);
  g_strfreev (self->above);
  g_ptr_array_unref (self->below);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

SynChain *
syn_chain_install (SynSilo *silo, const char *upstream)
{
  SynChain *self = g_new0 (SynChain, 1);

  g_snprintf (self->id, sizeof self->id, "%08x%08x", g_random_int (), g_random_int ());
  self->upstream = g_strdup (upstream);
  g_mutex_init (&self->mutex);
  self->below = g_ptr_array_new_with_free_func (g_free);
  syn_silo_set_data (silo, NAME, self, chain_free);
  return self;
}

SynChain *
syn_chain_get (SynSilo *silo)
{
  return syn_silo_get_data (silo, NAME);
}

const char *
syn_chain_get_id (SynChain *self)
{
  return self->id;
}

static gboolean
is_id (const char *text)
{
  return strlen (text) == SYN_CHAIN_ID_BYTES && strspn (text, "0123456789abcdef") == SYN_CHAIN_ID_BYTES;
}

/* The ids of a header: (transfer full), or NULL with INVALID. */
static char **
read_header (const char *header, GError **error)
{
  g_auto (GStrv) ids = NULL;

  if (header != NULL && strlen (header) <= SYN_MAX_CHAIN_IDS * (SYN_CHAIN_ID_BYTES + 2))
    ids = g_strsplit (header, ",", -1);
  for (guint i = 0; ids != NULL && ids[i] != NULL; i++)
    if (!is_id (g_strstrip (ids[i])))
      g_clear_pointer (&ids, g_strfreev);
  if (ids == NULL || ids[0] == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, SYN_CHAIN_HEADER ": expected ids of silos, each %u hexadecimal digits, at most %u of them",
                   SYN_CHAIN_ID_BYTES, SYN_MAX_CHAIN_IDS);
      return NULL;
    }
  return g_steal_pointer (&ids);
}

/* ---- upward ---- */

char *
syn_chain_dup_asking (SynChain *self)
{
  GString *text = g_string_new (self->id);

  g_mutex_lock (&self->mutex);
  for (guint i = self->below->len; i-- > 0;)
    g_string_append_printf (text, ", %s", (const char *) self->below->pdata[i]);
  g_mutex_unlock (&self->mutex);
  return g_string_free (text, FALSE);
}

gboolean
syn_chain_learn (SynChain *self, const char *header, GError **error)
{
  g_auto (GStrv) ids = NULL;

  if (header == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s does not say which silos are above it (" SYN_CHAIN_HEADER ")", self->upstream);
      return FALSE;
    }
  ids = read_header (header, error);
  if (ids == NULL)
    {
      g_prefix_error (error, "%s answered with a wrong ", self->upstream);
      return FALSE;
    }
  if (g_strv_contains ((const char *const *) ids, self->id))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_CONFLICT, "a ring of edges: %s has this silo (%s) above it; give one of them another --upstream",
                   self->upstream, self->id);
      return FALSE;
    }
  if (g_strv_length (ids) >= SYN_MAX_CHAIN)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "a chain of more than %u silos: %u are above this one already", SYN_MAX_CHAIN,
                   g_strv_length (ids));
      return FALSE;
    }
  g_mutex_lock (&self->mutex);
  g_strfreev (self->above);
  self->above = g_steal_pointer (&ids);
  g_mutex_unlock (&self->mutex);
  return TRUE;
}

char **
syn_chain_dup_above (SynChain *self)
{
  char **above;

  g_mutex_lock (&self->mutex);
  above = g_strdupv (self->above);
  g_mutex_unlock (&self->mutex);
  return above;
}

/* ---- downward ---- */

static gboolean
check_ids (SynChain *self, char **ids, GError **error)
{
  if (!g_strv_contains ((const char *const *) ids, self->id))
    return TRUE;
  if (g_str_equal (ids[0], self->id))
    g_set_error (error, SYN_ERROR, SYN_ERROR_CONFLICT, "a ring of edges: this silo (%s) is its own upstream; give it another --upstream", self->id);
  else
    g_set_error (error, SYN_ERROR, SYN_ERROR_CONFLICT,
                 "a ring of edges: this silo (%s) hangs below %s, which asks it; give one of them another --upstream", self->id, ids[0]);
  return FALSE;
}

gboolean
syn_chain_check (SynChain *self, const char *header, GError **error)
{
  g_auto (GStrv) ids = read_header (header, error);

  return ids != NULL && check_ids (self, ids, error);
}

/* Moves to the end what was heard of, and forgets what was not for longest. Also who is refused: in a ring each is to find out. */
static void
remember_below (SynChain *self, char **ids)
{
  for (guint i = g_strv_length (ids); i-- > 0;)
    {
      guint at;

      if (g_str_equal (ids[i], self->id))
        continue;
      if (g_ptr_array_find_with_equal_func (self->below, ids[i], g_str_equal, &at))
        g_ptr_array_remove_index (self->below, at);
      else if (self->below->len >= SYN_MAX_CHAIN_IDS / 2)
        g_ptr_array_remove_index (self->below, 0);
      g_ptr_array_add (self->below, g_strdup (ids[i]));
    }
}

gboolean
syn_chain_admit (SynChain *self, const char *header, char **answer, GError **error)
{
  g_auto (GStrv) ids = read_header (header, error);
  g_autofree char *above = NULL;
  gboolean known;

  if (ids == NULL)
    return FALSE;
  g_mutex_lock (&self->mutex);
  remember_below (self, ids);
  known = self->upstream == NULL || self->above != NULL;
  if (self->above != NULL)
    above = g_strjoinv (", ", self->above);
  g_mutex_unlock (&self->mutex);
  if (!check_ids (self, ids, error))
    return FALSE;
  if (!known)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "this silo is an edge, and has not reached its own upstream yet, %s", self->upstream);
      return FALSE;
    }
  *answer = above != NULL ? g_strconcat (self->id, ", ", above, NULL) : g_strdup (self->id);
  return TRUE;
}
