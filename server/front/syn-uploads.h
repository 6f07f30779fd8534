/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"

/* What is being published, over all connections: where it may go, and how many bytes of it are held. Shared by the front and all that publish, also after
 * the front has gone; any thread, without a lock. */

G_BEGIN_DECLS

typedef struct _SynUploads SynUploads;

SynUploads *syn_uploads_new (SynCatalog *catalog, gsize max_bytes);
SynUploads *syn_uploads_ref (SynUploads *self);
void syn_uploads_unref (SynUploads *self);
void syn_uploads_set_max (SynUploads *self, gsize max_bytes); /* before anything is published */
/* FALSE, and nothing is taken: more than the maximum would be held. */
gboolean syn_uploads_take (SynUploads *self, gsize bytes);
void syn_uploads_give_back (SynUploads *self, gsize bytes);
gsize syn_uploads_get_used (SynUploads *self);
/* Whether one may publish to source @name of this silo, which is no edge; else NOT_FOUND, with what may have been meant, or INVALID. */
gboolean syn_uploads_check_source (SynUploads *self, const char *name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynUploads, syn_uploads_unref)

G_END_DECLS
