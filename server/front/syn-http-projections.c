/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /v1/projections and GET /v1/projections/PATH: the reactive poll as HTTP. Front lane.
 *
 * An If-None-Match names the snapshots that the client holds; `Prefer: wait=N` says how long the answer may
 * wait for another. Without it the answer comes at once, 304 if nothing is new. The polls hang on the front
 * lane's own beacons, like any reader's. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-form.h"
#include "syn-http-private.h"
#include "syn-projection.h"

/* ---- the list ---- */

/* @stretched: (nullable) */
static void
append_spec (GString *json, const SynProjectionSpec *spec, const SynStretchEntry *stretched, guint n_lanes)
{
  const char *separator = "";

  g_string_append (json, "{\"path\":");
  syn_json_append_string (json, spec->name);
  g_string_append (json, ",\"key\":[");
  for (guint i = 0; i < spec->schema->n_columns; i++)
    {
      if (!spec->schema->columns[i].is_key)
        continue;
      g_string_append (json, separator);
      syn_json_append_string (json, spec->schema->columns[i].name);
      separator = ",";
    }
  g_string_append (json, "],\"columns\":");
  syn_http_append_columns (json, spec->schema);
  g_string_append_printf (json, ",\"min_interval_ms\":%u", spec->min_interval_ms);
  if (stretched != NULL)
    {
      g_string_append (json, ",\"stretched\":{");
      syn_http_append_stretched (json, stretched, n_lanes);
      g_string_append_c (json, '}');
    }
  if (spec->module != NULL)
    {
      g_autofree char *module = g_path_get_basename (spec->module);

      g_string_append (json, ",\"module\":");
      syn_json_append_string (json, module);
      g_string_append_c (json, '}');
      return;
    }
  g_string_append (json, spec->n_inputs == 1 ? ",\"source\":" : ",\"sources\":[");
  for (guint i = 0; i < spec->n_inputs; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      syn_json_append_string (json, spec->inputs[i].source->name);
    }
  if (spec->n_inputs > 1)
    g_string_append_c (json, ']');
  if (spec->window_us > 0)
    {
      g_string_append_printf (json,
                              ",\"window\":{\"every_us\":%" G_GINT64_FORMAT ",\"keep_us\":", spec->window_us);
      if (spec->keep_us > 0)
        g_string_append_printf (json, "%" G_GINT64_FORMAT ",\"on\":", spec->keep_us);
      else
        g_string_append (json, "null,\"on\":");
      syn_json_append_string (json, spec->fields->columns[spec->time_field].name);
      if (spec->slide_us < spec->window_us)
        g_string_append_printf (json, ",\"slide_us\":%" G_GINT64_FORMAT, spec->slide_us);
      if (spec->late_us >= 0)
        g_string_append_printf (json, ",\"late_us\":%" G_GINT64_FORMAT, spec->late_us);
      g_string_append_c (json, '}');
    }
  g_string_append_c (json, '}');
}

/* What is stretched is the lanes' to say. */
typedef struct
{
  SynHttpRequest request; /* first */
  SynSilo *silo;
  SynCatalog *catalog; /* (owned) */
} Listing;

static char *
name_grain (const char *type, const char *key)
{
  return g_strdup_printf ("%s/%s", type, key);
}

static void
append_projections (GString *json, SynCatalog *catalog, GHashTable *stretched, guint n_lanes)
{
  for (guint i = 0; i < syn_catalog_get_n_projections (catalog); i++)
    {
      const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, i);
      const SynStretchEntry *entry = NULL;

      if (g_hash_table_size (stretched) > 0)
        {
          const char *type, *key;
          g_autofree char *name = NULL;

          syn_projection_spec_get_grain (spec, &type, &key);
          name = name_grain (type, key);
          entry = g_hash_table_lookup (stretched, name);
        }
      if (i > 0)
        g_string_append_c (json, ',');
      append_spec (json, spec, entry, n_lanes);
    }
}

static void
lanes_said (const SynStretchLane *lanes, GPtrArray *entries, guint64 n_more, gpointer user_data)
{
  Listing *self = user_data;

  if (syn_http_request_is_alive (&self->request))
    {
      g_autoptr (GHashTable) stretched = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      guint n_lanes = syn_silo_get_n_lanes (self->silo);
      GString *json = g_string_new ("{\"projections\":[");

      for (guint i = 0; i < entries->len; i++)
        {
          SynStretchEntry *entry = entries->pdata[i];

          g_hash_table_insert (stretched, name_grain (entry->type, entry->key), entry);
        }
      append_projections (json, self->catalog, stretched, n_lanes);
      if (syn_catalog_get_n_families (self->catalog) > 0)
        g_string_append (json, "],\"families\":[");
      for (guint i = 0; i < syn_catalog_get_n_families (self->catalog); i++)
        {
          if (i > 0)
            g_string_append_c (json, ',');
          append_spec (json, syn_catalog_get_family (self->catalog, i), NULL, n_lanes);
        }
      g_string_append (json, "]}\n");
      syn_http_respond_json (self->request.msg, json);
    }
  syn_http_request_unpark (&self->request);
  syn_catalog_unref (self->catalog);
  g_free (self);
}

void
syn_http_projections (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  Listing *self;

  if (http->edge != NULL)
    {
      syn_http_edge_list (http, msg, "/v1/projections");
      return;
    }
  self = g_new0 (Listing, 1);
  self->silo = http->silo;
  self->catalog = syn_catalog_ref (http->catalog);
  syn_http_request_park (&self->request, http, msg);
  syn_stretch_list (http->silo, SYN_MAX_PROJECTIONS, lanes_said, self);
}

/* ---- one ---- */

typedef struct
{
  SynHttpRequest request; /* first */
  SynWaiter waiter;
  SynIfNoneMatch match;
  SynForm form;
  gint64 until_ms; /* of the lane's clock: when the hold ends */
  gboolean left;   /* its client sends no more, and likely is away */
} Poll;

static void answered (
    SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms);

static Poll *
poll_of_waiter (SynWaiter *waiter)
{
  return (Poll *) ((char *) waiter - G_STRUCT_OFFSET (Poll, waiter));
}

static void
poll_free (Poll *self)
{
  if (self->left)
    syn_waiter_withdraw (&self->waiter);
  else
    syn_waiter_forget (&self->waiter);
  g_free (self);
}

static void
poll_finish (Poll *self)
{
  syn_http_request_unpark (&self->request);
  poll_free (self);
}

static void
set_snapshot_headers (Poll *self, ReplicaToken token)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (self->request.msg);
  guint age_s = syn_waiter_get_age_ms (&self->waiter) / 1000;
  char text[REPLICA_TOKEN_TEXT_MAX];
  g_autofree char *tag = g_strdup_printf ("\"%s\"", replica_token_format (token, text));

  soup_message_headers_replace (headers, "ETag", tag);
  soup_message_headers_replace (headers, "Vary", "Accept");
  soup_message_headers_replace (headers, "Cache-Control", "no-cache");
  if (age_s > 0)
    syn_http_set_age (self->request.msg, age_s);
}

static void
respond_unchanged (Poll *self, ReplicaToken token)
{
  set_snapshot_headers (self, token);
  syn_http_respond (self->request.msg, SOUP_STATUS_NOT_MODIFIED, NULL, NULL);
}

static void
respond_snapshot (Poll *self, ReplicaSnapshot *snapshot)
{
  GBytes *body = syn_form_get_body (self->form, snapshot); /* (nullable) */

  if (body == NULL)
    {
      g_autofree char *message = syn_form_too_large (self->form, snapshot);

      syn_http_respond_error (self->request.msg, SYN_ERROR_TOO_LARGE, message, 0, NULL);
      return;
    }
  set_snapshot_headers (self, replica_snapshot_get_token (snapshot));
  if (self->request.conn != NULL)
    syn_http_conn_note_snapshot (self->request.conn, replica_snapshot_get_time_us (snapshot));
  syn_http_respond (self->request.msg, SOUP_STATUS_OK, syn_form_content_type (self->form), body);
}

/* Whether the client holds it already. `*` is whichever is current when the poll comes: the first that is
 * seen. */
static gboolean
is_held (Poll *self, ReplicaToken token)
{
  if (self->match.any)
    return replica_token_equal (self->waiter.token, REPLICA_TOKEN_NONE);
  return syn_http_matches (&self->match, token);
}

static void
answered (SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms)
{
  Poll *self = poll_of_waiter (waiter);
  SynLane *lane = self->request.http->lane;
  gint64 left_ms = self->until_ms - syn_lane_now_ms (lane);

  if (answer == SYN_ANSWER_SNAPSHOT && is_held (self, replica_snapshot_get_token (snapshot)))
    {
      /* Another one of those that the client holds. */
      if (left_ms > 0)
        {
          syn_beacon_set_poll (syn_beacon_set_for_lane (lane), waiter, NULL,
                               replica_snapshot_get_token (snapshot), (guint) left_ms, answered);
          return;
        }
      respond_unchanged (self, replica_snapshot_get_token (snapshot));
    }
  else if (answer == SYN_ANSWER_SNAPSHOT)
    respond_snapshot (self, snapshot);
  else if (answer == SYN_ANSWER_ERROR)
    syn_http_respond_error (self->request.msg, syn_http_error_code (error), error->message, retry_ms, NULL);
  else if (replica_token_equal (waiter->token, REPLICA_TOKEN_NONE))
    syn_http_respond_error (self->request.msg, SYN_ERROR_UNAVAILABLE, "there is no snapshot yet",
                            SYN_RETRY_MS, NULL);
  else
    respond_unchanged (self, waiter->token);
  poll_finish (self);
}

static void
poll_end (SynHttpRequest *request, SynHttpEnd why)
{
  Poll *self = (Poll *) request;

  if (why == SYN_HTTP_END_LEFT)
    {
      /* A client may end its side only, and still read: what it asked has an answer, which may be on its way to this lane. */
      self->left = TRUE;
      self->until_ms = syn_lane_now_ms (request->http->lane);
      syn_waiter_end_hold (&self->waiter);
      return;
    }
  syn_waiter_cancel (&self->waiter);
  syn_http_respond_error (request->msg, SYN_ERROR_UNAVAILABLE, "the silo is going away", SYN_RETRY_MS, NULL);
  poll_finish (self);
}

static void
poll_gone (SynHttpRequest *request)
{
  Poll *self = (Poll *) request;

  syn_waiter_withdraw (&self->waiter);
  poll_finish (self);
}

void
syn_http_projection (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  const char *query = g_uri_get_query (soup_server_message_get_uri (msg));
  g_autofree char *path = query != NULL ? g_strconcat (rest, "?", query, NULL) : g_strdup (rest);
  int wait_s = syn_http_parse_prefer_wait (soup_message_headers_get_list (headers, "Prefer"));
  ReplicaToken token = REPLICA_TOKEN_NONE;
  guint hold_ms;
  SynForm form;
  Poll *self;

  if (!syn_http_negotiate (soup_message_headers_get_list (headers, "Accept"), &form))
    {
      soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Vary", "Accept");
      syn_http_respond_error (msg, SYN_FAULT_NOT_ACCEPTABLE,
                              "a snapshot is had as application/json, text/csv or " SYN_TYPE_BINARY, 0, NULL);
      return;
    }
  if (wait_s >= 0)
    {
      g_autofree char *applied = g_strdup_printf ("wait=%d", wait_s);

      soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Preference-Applied",
                                    applied);
    }

  self = g_new0 (Poll, 1);
  self->form = form;
  self->request.end = poll_end;
  self->request.gone = poll_gone;
  syn_http_parse_if_none_match (soup_message_headers_get_list (headers, "If-None-Match"), &self->match);
  hold_ms = (guint) MAX (wait_s, 0) * 1000;
  self->until_ms = syn_lane_now_ms (http->lane) + hold_ms;
  if (self->match.n_tokens > 0 && !self->match.any)
    token = self->match.tokens[0];
  else
    hold_ms =
        SYN_HOLD_DEFAULT_MS; /* not a wait for news: for the first snapshot, when there is none at all yet */
  syn_http_request_park (&self->request, http, msg);
  if (self->request.conn != NULL)
    syn_http_conn_note_poll (self->request.conn);
  syn_beacon_set_poll (syn_beacon_set_for_lane (http->lane), &self->waiter, path, token, hold_ms, answered);
}
