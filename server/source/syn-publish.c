/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Publishing by a grain. On its lane; the events are read on the source's. */
#define G_LOG_DOMAIN "synoptic-source"

#include "synoptic-source.h"
#include "syn-limits.h"
#include "syn-source.h"

#define PUBLISH_TIMEOUT_MS 30000 /* as of the front's */

void
syn_grain_publish (SynGrain *from, const char *source, GBytes *ndjson, SynReplyFunc reply, gpointer user_data)
{
  SynPublish *publish = g_new0 (SynPublish, 1);
  const SynCall call = {
    .type = SYN_SOURCE_GRAIN,
    .key = source,
    .method = SYN_SOURCE_PUBLISH,
    .payload = publish,
    .payload_free = (GDestroyNotify) syn_publish_free,
    .timeout_ms = PUBLISH_TIMEOUT_MS,
    .reply = reply,
    .user_data = user_data,
  };

  publish->body = g_bytes_ref (ndjson);
  publish->format = SYN_FORMAT_NDJSON;
  publish->wants_receipt = TRUE;
  syn_grain_call (from, &call);
}
