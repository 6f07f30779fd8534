/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What comes to the clients of a flock, and what they do about it: nearly always, ask again. The flock's thread. */

#include <string.h>

#include "ctl-load-flock-private.h"

#define SPREADS_MAX 65536u

/* FALSE: the connection has no such view. */
static gboolean
find_view (CtlFlock *self, guint connection, guint32 number, guint *view)
{
  guint64 found = connection + (guint64) (self->config->transport == CTL_LOAD_HTTP ? 0 : number - 1) * self->n_connections;

  *view = (guint) found;
  return number != 0 || self->config->transport == CTL_LOAD_HTTP ? found < self->n_views : FALSE;
}

static void
count_errno (CtlFlock *self, CtlSwarmError error, int code)
{
  const char *text = ctl_load_tls_strerror (code);

  ctl_flock_count_error (self, error, text, strlen (text));
}

static void
complete_cb (gint64 made_us, gpointer data)
{
  CtlFlock *self = data;
  CtlFlockSpread spread = { .made_us = made_us, .taken_us = g_get_real_time () + self->config->clock_offset_us - made_us };

  if (self->spreads->len < SPREADS_MAX)
    g_array_append_val (self->spreads, spread);
}

static void
on_probe_head (CtlFlock *self, const CtlLoadEvent *event)
{
  CtlFlockProbe *probe = &self->probe;
  gint64 now_us = g_get_monotonic_time ();

  /* The first answer of a connection brings the snapshot; and one with a newer one is an answer at once as well. */
  if (event->answer == CTL_LOAD_ERROR)
    ctl_flock_count_error (self, CTL_SWARM_REFUSED, (const char *) event->text, event->text_bytes);
  else
    ctl_histogram_add (&self->reading.round_trip, now_us - probe->due_us);
  if (event->answer == CTL_LOAD_SNAPSHOT)
    probe->token = event->token;
}

static void
on_probe_answer (CtlFlock *self)
{
  gint64 now_us = g_get_monotonic_time ();

  self->probe.asked = FALSE;
  self->probe.due_us += self->probe.interval_us;
  ctl_flock_send_probe (self, now_us);
}

static void
on_snapshot (CtlFlock *self, CtlFlockView *view, const CtlLoadEvent *event)
{
  gint64 server_now_us = g_get_real_time () + self->config->clock_offset_us, now_us = g_get_monotonic_time ();
  CtlSwarmReading *reading = &self->reading;

  reading->deliveries++;
  reading->snapshot_bytes += event->size_bytes;
  if (view->made_us == 0)
    {
      ctl_histogram_add (&reading->first, now_us - view->due_us);
      if (++reading->ready == self->n_views)
        reading->all_ready_us = now_us;
    }
  if (self->after != NULL)
    ctl_histogram_add (&reading->age, server_now_us - event->time_us); /* each its own projection: there is nothing to have skipped */
  else
    reading->skipped += ctl_timeline_arrived (&self->timeline, view->made_us, event->time_us, server_now_us, self->n_views, &reading->age, complete_cb, self);
  view->token = event->token;
  view->made_us = event->time_us;
}

static void
on_error (CtlFlock *self, CtlFlockView *view, const CtlLoadEvent *event)
{
  CtlSwarmError error = event->code == REPLICA_ERROR_OVERLOADED    ? CTL_SWARM_OVERLOADED
                        : event->code == REPLICA_ERROR_UNAVAILABLE ? CTL_SWARM_UNAVAILABLE
                                                                   : CTL_SWARM_REFUSED;

  ctl_flock_count_error (self, error, (const char *) event->text, event->text_bytes);
  if (event->retry_ms == 0)
    {
      view->state = VIEW_GIVEN_UP;
      self->reading.given_up++;
      return;
    }
  view->named = FALSE; /* what refused it may have kept nothing of it */
  view->state = VIEW_PAUSED;
  view->deadline_us = g_get_monotonic_time () + (gint64) ((double) event->retry_ms * 1000 * g_rand_double_range (self->rand, 1, 1.25));
}

static void
on_head (CtlFlock *self, guint index, const CtlLoadEvent *event)
{
  CtlFlockView *view = &self->views[index];

  if (view->state != VIEW_ASKED)
    return;
  switch (event->answer)
    {
    case CTL_LOAD_SNAPSHOT:
      on_snapshot (self, view, event);
      break;
    case CTL_LOAD_UNCHANGED:
      self->reading.unchanged++;
      /* Sooner than was asked for: not in a loop. */
      if (g_get_monotonic_time () - view->asked_us < (gint64) self->config->hold_ms * 500)
        {
          view->state = VIEW_PAUSED;
          view->deadline_us = view->asked_us + (gint64) self->config->hold_ms * 1000;
        }
      break;
    case CTL_LOAD_ERROR:
      on_error (self, view, event);
      break;
    }
}

/* FALSE: the connection is gone. */
static gboolean
on_event (CtlFlock *self, guint member, const CtlLoadEvent *event)
{
  gboolean is_ws = self->config->transport == CTL_LOAD_WS;
  guint view;

  switch (event->kind)
    {
    case CTL_LOAD_MORE:
      return TRUE;
    case CTL_LOAD_UPGRADED:
      ctl_flock_connection_ready (self, member);
      return TRUE;
    case CTL_LOAD_PING:
      {
        char pong[200];
        gsize n = ctl_load_write_pong (pong, event->text, event->text_bytes, g_rand_int (self->rand));

        ctl_crowd_send (self->crowd, member, pong, n);
        return TRUE;
      }
    case CTL_LOAD_HEAD:
      if (member == self->n_connections)
        on_probe_head (self, event);
      else if (find_view (self, member, event->view, &view))
        {
          on_head (self, view, event);
          if (is_ws && self->views[view].state == VIEW_ASKED)
            ctl_flock_ask (self, view);
        }
      return TRUE;
    case CTL_LOAD_ANSWER:
      if (event->closes)
        {
          /* As a long-poll's server may: the next one takes a new connection, without a pause. */
          ctl_flock_lose_connection (self, member);
          self->connections[member].pause_us = 0;
          self->connections[member].reopen_us = g_get_monotonic_time ();
          self->scan_us = 0;
        }
      if (member == self->n_connections)
        on_probe_answer (self);
      else if (!is_ws && find_view (self, member, 0, &view)
               && (self->views[view].state == VIEW_ASKED || self->views[view].state == VIEW_NO_CONNECTION))
        ctl_flock_ask (self, view);
      return !event->closes;
    case CTL_LOAD_CLOSE:
      {
        g_autofree char *text = g_strdup_printf ("closed by the server with code %u", event->code);

        ctl_flock_count_error (self, CTL_SWARM_CLOSED, text, strlen (text));
        break;
      }
    case CTL_LOAD_FAIL:
      {
        g_autofree char *text = event->code != 0 ? g_strdup_printf ("%s (HTTP status %u)", event->reason, event->code) : g_strdup (event->reason);
        gboolean is_upgrade = is_ws && !self->connections[member].ready;
        CtlSwarmError error = is_upgrade && event->code == 503 ? CTL_SWARM_OVERLOADED : is_upgrade ? CTL_SWARM_UPGRADE : CTL_SWARM_PROTOCOL;

        ctl_flock_count_error (self, error, text, strlen (text));
        ctl_flock_lose_connection (self, member);
        self->connections[member].reopen_us = MAX (self->connections[member].reopen_us, g_get_monotonic_time () + (gint64) event->retry_ms * 1000);
        self->reading.reconnects++;
        return FALSE;
      }
    }
  ctl_flock_lose_connection (self, member);
  self->reading.reconnects++;
  return FALSE;
}

static void
opened_cb (guint member, gpointer data)
{
  CtlFlock *self = data;

  if (self->config->transport == CTL_LOAD_WS)
    {
      gsize n = ctl_load_write_upgrade (self->out, self->config->authority);

      ctl_crowd_send (self->crowd, member, self->out, n);
      return;
    }
  g_mutex_lock (&self->mutex);
  ctl_flock_connection_ready (self, member);
  g_mutex_unlock (&self->mutex);
}

static void
received_cb (guint member, const guint8 *bytes, gsize length, gpointer data)
{
  CtlFlock *self = data;
  CtlLoadReader *reader = &self->connections[member].reader;
  CtlLoadEvent event;

  g_mutex_lock (&self->mutex);
  self->reading.received_bytes += length;
  /* Also without a byte: an answer may have ended with the ones that were dropped. */
  do
    {
      gsize used = ctl_load_reader_next (reader, bytes, length, &event);

      bytes += used;
      length -= used;
    }
  while (on_event (self, member, &event) && event.kind != CTL_LOAD_MORE);
  g_mutex_unlock (&self->mutex);
}

static guint64
skippable_cb (guint member, gpointer data)
{
  CtlFlock *self = data;

  return ctl_load_reader_skippable (&self->connections[member].reader);
}

static void
skipped_cb (guint member, guint64 n_bytes, gpointer data)
{
  CtlFlock *self = data;

  ctl_load_reader_skip (&self->connections[member].reader, n_bytes);
  g_mutex_lock (&self->mutex);
  self->reading.received_bytes += n_bytes;
  g_mutex_unlock (&self->mutex);
  received_cb (member, (const guint8 *) "", 0, self);
}

static void
ended_cb (guint member, int error, gpointer data)
{
  CtlFlock *self = data;
  gboolean was_ready = self->connections[member].ready;

  g_mutex_lock (&self->mutex);
  count_errno (self, was_ready ? CTL_SWARM_CLOSED : error != 0 ? CTL_SWARM_CONNECT : CTL_SWARM_UPGRADE, error);
  self->reading.reconnects++;
  ctl_flock_lose_connection (self, member);
  g_mutex_unlock (&self->mutex);
}

const CtlCrowdFuncs ctl_flock_crowd_funcs = { opened_cb, received_cb, skippable_cb, skipped_cb, ended_cb };
