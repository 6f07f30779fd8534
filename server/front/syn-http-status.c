/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the silo says of itself: /v1/status, /v1/sources, /v1/screens, /healthz, /readyz, and the index at /.
 * Front lane.
 *
 * The state of a source is its grain's, so /v1/status and /v1/sources ask every source and answer when all
 * have; one that does not answer in time is shown with that as its error, and keeps nobody waiting for
 * longer. /v1/status lists the questions that have readers as well, which it asks the beacons of every lane for, and what is stretched. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include <string.h>
#include <unistd.h>
#include "replica-number.h"
#include "syn-projection.h"
#include "syn-silo-beacon.h"
#include "syn-silo-journal.h"
#include "syn-source.h"
#include "syn-process.h"
#include "syn-time-unit.h"
#include "syn-ws-lane.h"

#define SOURCE_TIMEOUT_MS 2000

typedef struct
{
  SynHttpRequest request; /* first */
  SynSilo *silo;
  SynCatalog *catalog; /* (owned) */
  gboolean whole;      /* /v1/status; otherwise /v1/sources */
  guint waiting;       /* replies that have not come */
  guint n_sources;
  SynSourceStatus **statuses; /* (owned): NULL: @errors says why */
  char **errors;              /* (owned) */
  SynJournalStatus *journal;  /* (owned) (nullable) */
  gboolean journal_is_busy;   /* its disk does not answer */
  GPtrArray *recovering;      /* (owned) (nullable): of Recovering */
  GString *on_demand;         /* (owned) (nullable): the questions with their readers, as JSON */
  GString *stretched;         /* (owned) (nullable): what is stretched, likewise */
  SynStretchLane *loads;      /* (owned) (nullable): of each lane, the front's last */
} Report;

typedef struct
{
  Report *report;
  guint index;
} Question;

/* A projection that is recovering. */
typedef struct
{
  const char *name; /* the catalog's */
  SynProjectionStatus status;
} Recovering;

/* ---- the text ---- */

static void
append_nullable (GString *json, const char *text)
{
  if (text != NULL)
    syn_json_append_string (json, text);
  else
    g_string_append (json, "null");
}

/* With all that is needed to read events as this source reads them: what a publisher of batches does himself. */
static void
append_fields (GString *json, const SynSourceSpec *spec)
{
  for (guint i = 0; i < spec->n_fields; i++)
    {
      const SynFieldSpec *field = &spec->fields[i];
      g_autofree char *type = syn_column_spec_type_to_string (&spec->schema->columns[i]);
      const char *unit = syn_time_unit_to_string (field->unit_us_num, field->unit_us_den);

      g_string_append (json, i > 0 ? ",{\"name\":" : "[{\"name\":");
      syn_json_append_string (json, field->name);
      g_string_append (json, ",\"type\":");
      syn_json_append_string (json, type);
      if (strcmp (field->column, field->name) != 0)
        {
          g_string_append (json, ",\"column\":");
          syn_json_append_string (json, field->column);
        }
      if (unit != NULL)
        g_string_append_printf (json, ",\"unit\":\"%s\"", unit);
      if (field->epoch_us != 0)
        {
          char epoch[REPLICA_TEXT_MAX + 1];

          epoch[replica_write_timestamp (epoch, field->epoch_us)] = '\0';
          g_string_append_printf (json, ",\"epoch\":\"%s\"", epoch);
        }
      g_string_append_c (json, '}');
    }
  g_string_append (json, spec->n_fields > 0 ? "]" : "[]");
}

static void
append_source (GString *json, const SynSourceSpec *spec, const SynSourceStatus *status, const char *error, const SynJournalStatus *journal)
{
  g_string_append (json, "{\"name\":");
  syn_json_append_string (json, spec->name);
  g_string_append_printf (json, ",\"kind\":\"%s\",\"fields\":", syn_source_kind_to_string (spec->kind));
  append_fields (json, spec);
  g_string_append_c (json, ',');
  if (status != NULL)
    {
      g_string_append_printf (
          json, "\"sequence\":%" G_GUINT64_FORMAT ",\"batches_in_flight\":%u,\"finished\":%s,\"error\":",
          status->sequence, status->batches_in_flight, status->finished ? "true" : "false");
      append_nullable (json, status->error);
      if (status->durable)
        g_string_append (json, ",\"durable\":true");
      if (status->recovering)
        g_string_append_printf (json, ",\"recovering\":{\"replayed\":%" G_GUINT64_FORMAT ",\"percent\":%.1f}", status->replayed,
                                (double) status->permille / 10);
    }
  else
    {
      g_string_append (json, "\"sequence\":null,\"batches_in_flight\":null,\"finished\":null,\"error\":");
      append_nullable (json, error);
    }
  if (spec->durable)
    syn_http_append_journal_source (json, journal, spec->name);
  g_string_append_c (json, '}');
}

static void
append_sources (GString *json, Report *self)
{
  g_string_append (json, "\"sources\":[");
  for (guint i = 0; i < self->n_sources; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      append_source (json, syn_catalog_get_source (self->catalog, i), self->statuses[i], self->errors[i], self->journal);
    }
  g_string_append_c (json, ']');
}

static void
append_lane (GString *json, const char *name, SynLane *lane, const SynStretchLane *load)
{
  g_string_append_printf (json, "{\"lane\":\"%s\"", name);
  syn_http_append_lane_load (json, load);
  g_string_append (json, ",\"metrics\":{");
  for (guint i = 0; i < syn_metrics_count (); i++)
    {
      const char *type = syn_metric_get_type (i);

      g_string_append_printf (json, "%s\"%s%s%s\":%" G_GINT64_FORMAT, i > 0 ? "," : "", syn_metric_describe (i, NULL, NULL),
                              type != NULL ? "." : "", type != NULL ? type : "", syn_metric_get (lane, i));
    }
  g_string_append (json, "}}");
}

static void
append_recovering (GString *json, Report *self)
{
  guint n_listed = 0;

  g_string_append (json, "\"recovering\":[");
  for (guint i = 0; self->recovering != NULL && i < self->recovering->len && n_listed < SYN_MAX_STATUS_ENTRIES; i++)
    {
      const Recovering *entry = self->recovering->pdata[i];
      double percent = entry->status.n_all > 0 ? (double) entry->status.n_events * 100 / (double) entry->status.n_all : 0;

      if (!entry->status.recovering)
        continue;
      g_string_append (json, n_listed++ > 0 ? ",{\"projection\":" : "{\"projection\":");
      syn_json_append_string (json, entry->name);
      g_string_append_printf (json, ",\"events\":%" G_GUINT64_FORMAT ",\"of\":%" G_GUINT64_FORMAT ",\"percent\":%.1f}", entry->status.n_events,
                              entry->status.n_all, percent);
    }
  g_string_append (json, "],");
}

static void
append_silo (GString *json, Report *self)
{
  SynSilo *silo = self->silo;
  SynBeaconStatus beacons;
  SynProcess process;

  syn_beacons_get_status (silo, &beacons);
  syn_process_read (&process);
  g_string_append_printf (json,
                          "\"version\":\"" SYNOPTIC_VERSION
                          "\",\"pid\":%d,\"incarnation\":%u,\"time_us\":%" G_GINT64_FORMAT ",\"uptime_s\":%.3f,\"ready\":%s,",
                          (int) getpid (), syn_silo_get_incarnation (silo), g_get_real_time (),
                          (double) (g_get_real_time () - syn_silo_get_started_us (silo)) / G_USEC_PER_SEC,
                          self->request.http->ready ? "true" : "false");
  syn_http_edge_append_status (self->request.http, json);
  syn_http_append_tls_status (self->request.http, json);
  if (self->request.http->edge == NULL) /* an edge has none of its own */
    g_string_append_printf (json, "\"projections\":%u,\"screens\":%u,",
                            syn_catalog_get_n_projections (self->catalog),
                            syn_catalog_get_n_screens (self->catalog));
  g_string_append (json, "\"grains\":{");
  for (guint i = 0; i < syn_silo_get_n_types (silo); i++)
    {
      const char *type = syn_silo_get_type_name (silo, i);

      if (i > 0)
        g_string_append_c (json, ',');
      syn_json_append_string (json, type);
      g_string_append_printf (json, ":%u", syn_silo_get_n_activations (silo, type));
    }
  g_string_append (json, "},");
  g_string_append_printf (
      json, "\"beacons\":%u,\"polls_waiting\":%u,\"connections\":{\"http\":%u,\"websocket\":%u},",
      beacons.beacons, beacons.waiting, syn_http_count (self->request.http), syn_ws_count (silo));
  g_string_append_printf (
      json, "\"memory\":{\"rss_bytes\":%" G_GUINT64_FORMAT "},\"descriptors\":%u,\"cpu_s\":%.3f,",
      process.rss_bytes, process.descriptors, process.cpu_s);
  syn_http_append_journal (json, self->journal, self->journal_is_busy);
  syn_http_append_journal_readers (json, self->journal, self->catalog);
  append_recovering (json, self);
  g_string_append (json, "\"lanes\":[");
  for (guint i = 0; i < syn_silo_get_n_lanes (silo); i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);

      append_lane (json, name, syn_silo_get_lane (silo, i), &self->loads[i]);
      g_string_append_c (json, ',');
    }
  append_lane (json, "front", syn_silo_get_front_lane (silo), &self->loads[syn_silo_get_n_lanes (silo)]);
  g_string_append_printf (json, "],%s,%s,", self->stretched->str, self->on_demand->str);
}

/* ---- asking the sources ---- */

static void
report_free (Report *self)
{
  for (guint i = 0; i < self->n_sources; i++)
    {
      g_clear_pointer (&self->statuses[i], syn_source_status_free);
      g_free (self->errors[i]);
    }
  g_free (self->statuses);
  g_free (self->errors);
  if (self->on_demand != NULL)
    g_string_free (self->on_demand, TRUE);
  if (self->stretched != NULL)
    g_string_free (self->stretched, TRUE);
  g_free (self->loads);
  g_clear_pointer (&self->journal, syn_journal_status_free);
  g_clear_pointer (&self->recovering, g_ptr_array_unref);
  syn_catalog_unref (self->catalog);
  g_free (self);
}

static void
report_finish (Report *self)
{
  if (syn_http_request_is_alive (&self->request))
    {
      GString *json = g_string_new ("{");

      if (self->whole)
        append_silo (json, self);
      append_sources (json, self);
      g_string_append (json, "}\n");
      syn_http_respond_json (self->request.msg, json);
    }
  syn_http_request_unpark (&self->request);
  report_free (self);
}

static void
report_got_one (Report *self)
{
  if (--self->waiting == 0)
    report_finish (self);
}

static void
beacons_said (GPtrArray *entries, guint64 n_more, gpointer user_data)
{
  Report *self = user_data;
  GString *json = g_string_new ("\"on_demand\":[");

  for (guint i = 0; i < entries->len; i++)
    {
      const SynBeaconEntry *entry = entries->pdata[i];

      g_string_append (json, i > 0 ? ",{\"path\":" : "{\"path\":");
      syn_json_append_string (json, entry->path);
      g_string_append_printf (json, ",\"readers\":%u,\"polls_waiting\":%u,\"beacons\":%u}", entry->n_readers, entry->n_waiting,
                              entry->n_lanes);
    }
  g_string_append_printf (json, "],\"on_demand_not_listed\":%" G_GUINT64_FORMAT, n_more);
  self->on_demand = json;
  report_got_one (self);
}

static void
lanes_said (const SynStretchLane *lanes, GPtrArray *entries, guint64 n_more, gpointer user_data)
{
  Report *self = user_data;
  guint n_lanes = syn_silo_get_n_lanes (self->silo);

  self->loads = g_memdup2 (lanes, (n_lanes + 1) * sizeof *lanes);
  self->stretched = g_string_new (NULL);
  syn_http_append_stretched_list (self->stretched, entries, n_more, n_lanes);
  report_got_one (self);
}

static void
source_said (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree Question *question = user_data;
  Report *self = question->report;

  if (error == NULL)
    self->statuses[question->index] = payload;
  else
    self->errors[question->index] = g_strdup (error->message);
  report_got_one (self);
}

static void
journal_said (SynJournalStatus *status, gboolean is_busy, gpointer user_data)
{
  Report *self = user_data;

  self->journal = status;
  self->journal_is_busy = is_busy;
  report_got_one (self);
}

static void
projection_said (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree Question *question = user_data;
  Report *self = question->report;
  Recovering *entry = self->recovering->pdata[question->index];

  /* One that does not say is still about to begin. */
  entry->status = error == NULL ? *(SynProjectionStatus *) payload : (SynProjectionStatus){ .recovering = TRUE };
  g_free (payload);
  report_got_one (self);
}

/* Only while some are recovering: then all that can be are asked. */
static void
ask_projections (Report *self, SynHttp *http)
{
  if (syn_projections_count_recovering (http->silo) == 0)
    return;
  self->recovering = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < syn_catalog_get_n_projections (http->catalog); i++)
    {
      const SynProjectionSpec *spec = syn_catalog_get_projection (http->catalog, i);
      Recovering *entry;
      Question *question;
      gboolean durable = FALSE;
      SynCall call = { .type = SYN_PROJECTION_GRAIN, .key = spec->name, .method = SYN_PROJECTION_STATUS_METHOD, .timeout_ms = SOURCE_TIMEOUT_MS,
                       .reply = projection_said };

      for (guint j = 0; j < spec->n_inputs; j++)
        durable = durable || spec->inputs[j].source->durable;
      if (!durable)
        continue;
      entry = g_new0 (Recovering, 1);
      entry->name = spec->name;
      question = g_new (Question, 1);
      *question = (Question){ self, self->recovering->len };
      g_ptr_array_add (self->recovering, entry);
      self->waiting++;
      call.user_data = question;
      syn_call (http->lane, &call);
    }
}

static void
report (SynHttp *http, SoupServerMessage *msg, gboolean whole)
{
  Report *self = g_new0 (Report, 1);

  self->silo = http->silo;
  self->catalog = syn_catalog_ref (http->catalog);
  self->whole = whole;
  self->n_sources = syn_catalog_get_n_sources (http->catalog);
  self->statuses = g_new0 (SynSourceStatus *, self->n_sources);
  self->errors = g_new0 (char *, self->n_sources);
  self->waiting = self->n_sources + 1; /* one of our own, so that it cannot end within the loop */
  syn_http_request_park (&self->request, http, msg);
  for (guint i = 0; i < self->n_sources; i++)
    {
      Question *question = g_new (Question, 1);
      SynCall call = {
        .type = SYN_SOURCE_GRAIN,
        .key = syn_catalog_get_source (http->catalog, i)->name,
        .method = SYN_SOURCE_STATUS,
        .timeout_ms = SOURCE_TIMEOUT_MS,
        .reply = source_said,
        .user_data = question,
      };

      *question = (Question){ self, i };
      syn_call (http->lane, &call);
    }
  if (syn_silo_get_journal (http->silo) != NULL)
    {
      self->waiting++;
      syn_http_ask_journal (http, journal_said, self);
    }
  if (whole)
    {
      ask_projections (self, http);
      self->waiting += 2;
      syn_stretch_list (http->silo, SYN_MAX_STATUS_ENTRIES, lanes_said, self);
      syn_beacons_list (http->silo, http->edge != NULL ? SYN_SILO_BEACON_GRAIN : SYN_QUERY_GRAIN, SYN_MAX_STATUS_ENTRIES, beacons_said, self);
    }
  report_got_one (self);
}

void
syn_http_status (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  report (http, msg, TRUE);
}

void
syn_http_sources (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  if (http->edge != NULL)
    syn_http_edge_list (http, msg, "/v1/sources");
  else
    report (http, msg, FALSE);
}

/* ---- the small ones ---- */

void
syn_http_screens (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  gsize length;
  const char *json = syn_catalog_get_screens_json (http->catalog, &length);

  if (http->edge != NULL)
    {
      syn_http_edge_list (http, msg, "/v1/screens");
      return;
    }
  syn_http_respond_json (msg, g_string_new_len (json, (gssize) length));
}

void
syn_http_healthz (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  syn_http_respond_text (msg, SOUP_STATUS_OK, "ok\n");
}

void
syn_http_readyz (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  if (http->ready && !http->draining && !syn_http_edge_was_reached (http))
    syn_http_respond_text (msg, SOUP_STATUS_SERVICE_UNAVAILABLE, "the upstream was not reached yet\n");
  else if (http->ready && !http->draining)
    syn_http_respond_text (msg, SOUP_STATUS_OK, "ready\n");
  else
    syn_http_respond_text (msg, SOUP_STATUS_SERVICE_UNAVAILABLE,
                           http->draining ? "draining\n" : "not ready\n");
}

void
syn_http_index (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  syn_http_respond_text (
      msg, SOUP_STATUS_OK,
      "synopticd " SYNOPTIC_VERSION "\n"
      "\n"
      "GET  /v1/projections              what there is to look at\n"
      "GET  /v1/projections/PATH?QUERY   a snapshot; If-None-Match: \"TOKEN\" and Prefer: wait=SECONDS for "
      "the next one;\n"
      "                                  Accept: application/json, text/csv or " SYN_TYPE_BINARY "\n"
      "GET  /v1/screens                  the screens of the dashboards\n"
      "GET  /v1/sources                  where events come from, and how far they are\n"
      "POST /v1/sources/NAME/events      publish events: application/x-ndjson, application/json or text/csv\n"
      "GET  /v1/replica                  WebSocket, subprotocol synoptic.v1: docs/protocol.md\n"
      "GET  /v1/status                   this silo\n"
      "GET  /v1/connections?sort=&limit= who is connected, the slowest first\n"
      "GET  /healthz, /readyz, /metrics  for machines\n"
      "\n"
      "QUERY: join=PATHS, where=EXPRESSION, group=COLUMNS, having=EXPRESSION, select=COLUMNS, sort=[-]COLUMN,\n"
      "       offset=N, limit=N; percent-encoded.\n");
}
