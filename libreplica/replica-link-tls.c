/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whom a link of https:// trusts. Same thread as the link.
 *
 * libsoup takes the system's authorities by itself, when it first needs them. Rejected: a switch that takes any certificate; whoever has no authority makes one
 * (docs/operations.md). */

#include "replica-link-internal.h"
#include "replica-tls.h"

const char *
replica_default_ca_file (void)
{
  const char *file = g_getenv ("SYNOPTIC_CA");

  return file != NULL && *file != '\0' ? file : NULL;
}

void
replica_link_set_trust (ReplicaLink *self, GTlsDatabase *trust)
{
  g_return_if_fail (!self->started);

  soup_session_set_tls_database (self->session, trust);
}

gboolean
replica_link_set_ca_file (ReplicaLink *self, const char *file, GError **error)
{
  g_autoptr (GTlsDatabase) trust = NULL;

  g_return_val_if_fail (REPLICA_IS_LINK (self), FALSE);

  if (file == NULL || g_strcmp0 (g_uri_get_scheme (self->endpoint), "https") != 0)
    return TRUE;
  trust = replica_tls_load_ca (file, error);
  if (trust == NULL)
    return FALSE;
  replica_link_set_trust (self, trust);
  return TRUE;
}
