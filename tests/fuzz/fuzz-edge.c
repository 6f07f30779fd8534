/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What strangers send to an edge that only an edge reads: any text up to the first newline as a Synoptic-Chain, the rest as a path. A chain that is let in is
 * one that can be sent on; a path comes to one spelling, which is its own. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "replica-wire.h"
#include "syn-chain.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-test.h"
#include "syn-upstream-path.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
try_chain (const char *header)
{
  static SynSilo *silos[2];
  static SynChain *root, *edge;
  g_autofree char *answer = NULL;
  g_autoptr (GError) error = NULL;

  if (root == NULL)
    {
      for (guint i = 0; i < 2; i++)
        silos[i] = syn_silo_new_stepped (1, NULL, NULL);
      root = syn_chain_install (silos[0], NULL);
      edge = syn_chain_install (silos[1], "http://upstream");
    }
  if (syn_chain_admit (root, header, &answer, &error))
    {
      g_autofree char *asking = syn_chain_dup_asking (root);

      g_assert_cmpstr (answer, ==, syn_chain_get_id (root));
      g_assert_true (syn_chain_check (root, header, NULL));
      g_assert_true (syn_chain_check (edge, asking, NULL)); /* what was remembered fits into a header */
    }
  else
    g_assert_true (g_error_matches (error, SYN_ERROR, SYN_ERROR_INVALID) || g_error_matches (error, SYN_ERROR, SYN_ERROR_CONFLICT));
  if (syn_chain_learn (edge, header, NULL))
    {
      g_auto (GStrv) above = syn_chain_dup_above (edge);

      g_assert_cmpuint (g_strv_length (above), <, SYN_MAX_CHAIN);
    }
}

static void
try_path (const char *path)
{
  g_autofree char *once = syn_upstream_path_normalize (path);
  g_autofree char *twice = syn_upstream_path_normalize (once);

  g_assert_cmpstr (once, ==, twice);
  g_assert_cmpuint (strlen (once), <=, MAX (strlen (path), REPLICA_WIRE_PATH_MAX));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *newline = size > 0 ? memchr (data, '\n', size) : NULL;
  gsize n_header = newline != NULL ? (gsize) (newline - data) : 0;
  g_autofree char *header = g_strndup ((const char *) data, n_header);
  g_autofree char *path = g_strndup ((const char *) data + (newline != NULL ? n_header + 1 : 0), newline != NULL ? size - n_header - 1 : size);

  try_chain (header);
  try_path (path);
  return 0;
}
