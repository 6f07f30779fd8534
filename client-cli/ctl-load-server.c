/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* /v1/status rather than /proc: the server may be on another machine, or behind a tunnel. One link for all requests, so
 * that they share a connection. */

#include "ctl-load-server.h"

#include "ctl.h"

#define CLOCK_SAMPLES 9

struct _CtlLoadServer
{
  ReplicaLink *link; /* (owned) */
  GBytes *body;      /* (owned) (nullable) */
  GError *error;     /* (owned) (nullable) */
  gboolean done;
};

CtlLoadServer *
ctl_load_server_new (const char *uri, GError **error)
{
  g_autoptr (ReplicaLink) link = ctl_link_new (uri, error);
  CtlLoadServer *self;

  if (link == NULL)
    return NULL;
  self = g_new0 (CtlLoadServer, 1);
  self->link = g_steal_pointer (&link);
  return self;
}

void
ctl_load_server_free (CtlLoadServer *self)
{
  g_object_unref (self->link);
  g_free (self);
}

static void
fetched_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  CtlLoadServer *self = user_data;

  self->body = replica_link_fetch_finish (REPLICA_LINK (object), result, NULL, &self->error);
  self->done = TRUE;
}

/* A member of an object of an object; 0 where there is none. */
static double
get_number (JsonObject *root, const char *outer, const char *name)
{
  JsonNode *node = outer != NULL ? json_object_get_member (root, outer) : NULL;
  JsonObject *object = outer == NULL ? root : node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  node = object != NULL ? json_object_get_member (object, name) : NULL;
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_double (node) : 0;
}

static guint
get_count (JsonObject *root, const char *outer, const char *name)
{
  return (guint) CLAMP (get_number (root, outer, name), 0, G_MAXUINT);
}

gboolean
ctl_load_server_read (CtlLoadServer *self, CtlLoadServerReading *reading, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GBytes) body = NULL;
  gint64 began_us = g_get_monotonic_time (), began_real_us = g_get_real_time ();
  JsonObject *root;
  JsonNode *time;
  const char *data;
  gsize size;

  self->done = FALSE;
  replica_link_fetch_async (self->link, "/v1/status", NULL, NULL, 0, NULL, fetched_cb, self);
  while (!self->done)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  body = g_steal_pointer (&self->body);
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return FALSE;
    }
  *reading = (CtlLoadServerReading) { .at_us = g_get_monotonic_time () };
  reading->rtt_us = reading->at_us - began_us;
  data = body != NULL ? g_bytes_get_data (body, &size) : NULL;
  if (data == NULL || !replica_json_check (data, size, REPLICA_JSON_MAX_DEPTH, error)
      || !json_parser_load_from_data (parser, data, (gssize) size, error) || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    {
      if (error == NULL || *error == NULL)
        g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "the server's answer to /v1/status is not a JSON object");
      return FALSE;
    }
  root = json_node_get_object (json_parser_get_root (parser));
  reading->rss_bytes = (guint64) MAX (0, get_number (root, "memory", "rss_bytes"));
  reading->cpu_s = get_number (root, NULL, "cpu_s");
  reading->questions = get_count (root, "grains", "query");
  reading->polls_waiting = get_count (root, NULL, "polls_waiting");
  reading->websockets = get_count (root, "connections", "websocket");
  time = json_object_get_member (root, "time_us");
  if (time != NULL && JSON_NODE_HOLDS_VALUE (time))
    reading->offset_us = json_node_get_int (time) - (began_real_us + reading->rtt_us / 2);
  return TRUE;
}

gboolean
ctl_load_server_read_clock (CtlLoadServer *self, gint64 *offset_us, gint64 *error_us, GError **error)
{
  CtlLoadServerReading best = { .rtt_us = G_MAXINT64 }, reading;

  for (guint i = 0; i < CLOCK_SAMPLES; i++)
    {
      if (!ctl_load_server_read (self, &reading, error))
        return FALSE;
      if (reading.rtt_us < best.rtt_us)
        best = reading;
    }
  *error_us = best.rtt_us / 2;
  *offset_us = ABS (best.offset_us) <= *error_us ? 0 : best.offset_us;
  return TRUE;
}
