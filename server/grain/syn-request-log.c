/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log of requests: for whoever hunts something, at the cost of a line each. On the receiving lane. */
#define G_LOG_DOMAIN "syn-requests"

#include "syn-request-filters.h"

#include "syn-silo.h"

static void
after (const SynCallInfo *info, gint64 elapsed_us, const GError *error, gpointer user_data)
{
  g_debug ("%s/%s method %d: %s%s after %" G_GINT64_FORMAT " µs", info->type, info->key, info->method,
           error != NULL ? "failed: " : "done", error != NULL ? error->message : "", elapsed_us);
}

void
syn_silo_add_log_filter (SynSilo *silo)
{
  static const SynFilter filter = { .after = after };

  if (!g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, SYN_REQUEST_LOG_DOMAIN))
    syn_silo_add_filter (silo, &filter, NULL);
}
