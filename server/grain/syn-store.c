/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all stores share: requests, their checks, their way back to the lane that asked.
 *
 * A request is one allocation that makes the journey there and back, as a message does. Submitting runs on any lane's thread, answering on
 * the engine's. Rejected: a call of GTask kind (a GMainContext source an answer), an ETag per record counted from 1 (a record that is
 * removed and made again would have the old one's). */
#define G_LOG_DOMAIN "syn-store"

#include "syn-store.h"

#include <string.h>

#include "syn-error.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-silo.h"

static SynMetric requests_metric, waiting_metric, conflicts_metric, failures_metric;

void
syn_store_register_metrics (void)
{
  requests_metric = syn_metric_register (SYN_METRIC_COUNTER, "store_requests_total", "Requests to the store of grains' state");
  waiting_metric = syn_metric_register (SYN_METRIC_GAUGE, "store_waiting", "Requests to the store not yet answered");
  conflicts_metric = syn_metric_register (SYN_METRIC_COUNTER, "store_conflicts_total", "Writes refused for a stale ETag");
  failures_metric = syn_metric_register (SYN_METRIC_COUNTER, "store_failures_total", "Requests that the store could not do");
}

/* ---- requests ---- */

static void
request_free (SynStoreRequest *self)
{
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_pointer (&self->reminders, g_ptr_array_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void
run_answer (SynLane *lane, SynParcel *parcel)
{
  SynStoreRequest *self = (SynStoreRequest *) parcel;

  syn_metric_add (lane, waiting_metric, -1);
  if (g_error_matches (self->error, SYN_ERROR, SYN_ERROR_CONFLICT))
    syn_metric_add (lane, conflicts_metric, 1);
  else if (self->error != NULL)
    syn_metric_add (lane, failures_metric, 1);
  if (self->func != NULL)
    self->func (self, self->user_data);
  request_free (self);
}

static const char *
put_text (char **at, const char *text)
{
  gsize length = strlen (text) + 1;
  const char *put = memcpy (*at, text, length);

  *at += length;
  return put;
}

SynStoreRequest *
syn_store_request_new (SynLane *lane, SynStoreVerb verb, const char *type, const char *key, const char *name, SynStoreFunc func,
                       gpointer user_data)
{
  SynStoreRequest *self;
  char *at;

  key = key != NULL ? key : "";
  name = name != NULL ? name : "";
  self = g_malloc0 (sizeof (SynStoreRequest) + strlen (type) + strlen (key) + strlen (name) + 3);
  at = self->text;
  self->parcel.run = run_answer;
  self->lane = lane;
  self->verb = verb;
  self->func = func;
  self->user_data = user_data;
  self->type = put_text (&at, type);
  self->key = put_text (&at, key);
  self->name = put_text (&at, name);
  self->partition = syn_partition_of (self->type, self->key);
  return self;
}

SynStoreRequest *
syn_store_request_new_list (SynLane *lane, guint partition, SynStoreFunc func, gpointer user_data)
{
  SynStoreRequest *self = syn_store_request_new (lane, SYN_STORE_LIST_REMINDERS, "", NULL, NULL, func, user_data);

  self->partition = partition;
  return self;
}

void
syn_store_request_fail (SynStoreRequest *self, int code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_clear_error (&self->error);
  self->error = g_error_new_valist (SYN_ERROR, code, format, args);
  va_end (args);
}

gsize
syn_store_request_size_bytes (const SynStoreRequest *self)
{
  return sizeof (SynStoreRequest) + strlen (self->type) + strlen (self->key) + strlen (self->name)
         + (self->bytes != NULL ? g_bytes_get_size (self->bytes) : 0);
}

void
syn_store_answer (SynStoreRequest *self)
{
  syn_lane_post (self->lane, &self->parcel);
}

/* ---- submitting ---- */

gboolean
syn_store_check (const char *type, const char *key, const char *name, gsize size_bytes, GError **error)
{
  if (name[0] == '\0' || strlen (name) > SYN_MAX_NAME_BYTES)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                 "%s/%.80s: the name of a record or reminder has 1 to %d bytes, not %" G_GSIZE_FORMAT, type, key, SYN_MAX_NAME_BYTES,
                 strlen (name));
  else if (strlen (key) > SYN_MAX_QUERY_BYTES)
    g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "%s/%.80s…: a grain whose key has more than %d bytes keeps no state", type, key,
                 SYN_MAX_QUERY_BYTES);
  else if (size_bytes > SYN_MAX_STATE_BYTES)
    g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "state \"%s\" of %s/%s has %" G_GSIZE_FORMAT " bytes; the limit is %u", name,
                 type, key, size_bytes, SYN_MAX_STATE_BYTES);
  else
    return TRUE;
  return FALSE;
}

static gboolean
is_sound (SynStore *self, SynStoreRequest *request)
{
  if (request->error != NULL)
    return FALSE;
  if (self->closed)
    syn_store_request_fail (request, SYN_ERROR_UNAVAILABLE, "the store is closed");
  else if (request->verb == SYN_STORE_LIST_REMINDERS || request->verb == SYN_STORE_FLUSH)
    return TRUE;
  else
    return syn_store_check (request->type, request->key, request->name,
                            request->bytes != NULL ? g_bytes_get_size (request->bytes) : 0, &request->error);
  return FALSE;
}

/**
 * syn_store_submit:
 * @request: (transfer full): one that has an error already is only sent back
 *
 * On the thread of the lane that asks.
 */
void
syn_store_submit (SynStore *self, SynStoreRequest *request)
{
  syn_metric_add (request->lane, requests_metric, 1);
  syn_metric_add (request->lane, waiting_metric, 1);
  if (is_sound (self, request))
    self->klass->submit (self, request);
  else
    syn_store_answer (request);
}

gboolean
syn_store_step (SynStore *self)
{
  return self->klass->step != NULL && self->klass->step (self);
}

void
syn_store_close (SynStore *self)
{
  if (self->closed)
    return;
  self->klass->close (self);
  self->closed = TRUE;
}

void
syn_store_free (SynStore *self)
{
  if (self == NULL)
    return;
  syn_store_close (self);
  self->klass->free (self);
}

/* ---- reminders ---- */

SynStoreReminder *
syn_store_reminder_new (const char *type, const char *key, const char *name, gint64 due_ms, guint64 period_ms)
{
  SynStoreReminder *self = g_new (SynStoreReminder, 1);

  *self = (SynStoreReminder) { g_strdup (type), g_strdup (key), g_strdup (name), due_ms, period_ms };
  return self;
}

void
syn_store_reminder_free (SynStoreReminder *self)
{
  g_free (self->type);
  g_free (self->key);
  g_free (self->name);
  g_free (self);
}
