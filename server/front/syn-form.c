/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots as HTTP gives them, whoever answers: libsoup's handlers and the lanes. */
#include "syn-form.h"

GBytes *
syn_form_get_body (SynForm form, ReplicaSnapshot *snapshot)
{
  switch (form)
    {
    case SYN_FORM_CSV:
      return replica_snapshot_get_csv (snapshot);
    case SYN_FORM_BINARY:
      return replica_snapshot_get_bytes (snapshot);
    case SYN_FORM_JSON:
    case SYN_N_FORMS:
    default:
      return replica_snapshot_get_json (snapshot);
    }
}

char *
syn_form_too_large (SynForm form, ReplicaSnapshot *snapshot)
{
  return g_strdup_printf ("%u rows are more than %u MiB as %s: ask for fewer (where=, limit=), or for " SYN_TYPE_BINARY,
                          replica_snapshot_get_n_rows (snapshot), REPLICA_SNAPSHOT_MAX_TEXT_BYTES >> 20, syn_form_content_type (form));
}
