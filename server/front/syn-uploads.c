/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The budget of what is being published, by HTTP on the front lane and by WebSockets on all lanes: one number that all of them count, for memory is
 * one. Rejected: a share for each lane (a lane with one publisher would refuse him while the others have room). */
#include "syn-uploads.h"

#include "syn-error.h"
#include "syn-suggest.h"

struct _SynUploads
{
  gatomicrefcount ref_count;
  SynCatalog *catalog; /* (owned) */
  gsize max_bytes;
  gsize used_bytes; /* (atomic) */
};

SynUploads *
syn_uploads_new (SynCatalog *catalog, gsize max_bytes)
{
  SynUploads *self = g_new0 (SynUploads, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->catalog = syn_catalog_ref (catalog);
  self->max_bytes = max_bytes;
  return self;
}

SynUploads *
syn_uploads_ref (SynUploads *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
syn_uploads_unref (SynUploads *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  syn_catalog_unref (self->catalog);
  g_free (self);
}

void
syn_uploads_set_max (SynUploads *self, gsize max_bytes)
{
  self->max_bytes = max_bytes;
}

gboolean
syn_uploads_take (SynUploads *self, gsize bytes)
{
  gsize before = (gsize) g_atomic_pointer_add (&self->used_bytes, (gssize) bytes);

  if (before + bytes <= self->max_bytes)
    return TRUE;
  g_atomic_pointer_add (&self->used_bytes, -(gssize) bytes);
  return FALSE;
}

void
syn_uploads_give_back (SynUploads *self, gsize bytes)
{
  g_atomic_pointer_add (&self->used_bytes, -(gssize) bytes);
}

gsize
syn_uploads_get_used (SynUploads *self)
{
  return (gsize) g_atomic_pointer_get ((gpointer *) &self->used_bytes);
}

/* The nearest source that takes events, or else where all are listed. */
static char *
describe_unknown (SynCatalog *catalog, const char *name)
{
  g_autofree char *near = NULL;
  SynSuggest suggest;

  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < syn_catalog_get_n_sources (catalog); i++)
    if (syn_catalog_get_source (catalog, i)->kind == SYN_SOURCE_HTTP)
      syn_suggest_add (&suggest, syn_catalog_get_source (catalog, i)->name);
  near = syn_suggest_dup_text (&suggest);
  return g_strdup_printf ("there is no source \"%.200s\"%s", name, near[0] != '\0' ? near : "; GET /v1/sources lists them");
}

gboolean
syn_uploads_check_source (SynUploads *self, const char *name, GError **error)
{
  const SynSourceSpec *source = syn_catalog_find_source (self->catalog, name);
  g_autofree char *message = NULL;

  if (source == NULL)
    {
      message = describe_unknown (self->catalog, name);
      g_set_error_literal (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, message);
      return FALSE;
    }
  if (source->kind != SYN_SOURCE_HTTP)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "nothing can be published to \"%s\": its events come from elsewhere (only sources of kind http are published to)", name);
      return FALSE;
    }
  return TRUE;
}
