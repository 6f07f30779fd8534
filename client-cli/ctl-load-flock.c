/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A thread that turns a crowd of connections and plays the clients on them. What others see of it, the counts, is behind a
 * mutex that is taken once for what a connection has received, and almost never waited for.
 *
 * When something was due counts, not when it was done: a connection that the schedule wants at some time is late from then on, also while
 * this client was busy; so is a probe. */

#include "ctl-load-flock-private.h"

#include <string.h>

#define SCAN_US 100000
#define RECONNECT_MIN_US 100000
#define RECONNECT_MAX_US 2000000
#define MESSAGE_MAX 200

enum
{
  ORDER_NONE = 0,
  ORDER_STORM = 1 << 0,
  ORDER_END = 1 << 1
};

/* ---- who is who ---- */

static guint
global_number (CtlFlock *self, guint view)
{
  return view * self->config->n_threads + self->number;
}

static guint
connection_of (CtlFlock *self, guint view)
{
  return view % self->n_connections;
}

/* The views of a connection: this one, and each n_connections further. */
static guint32
wire_number (CtlFlock *self, guint view)
{
  return view / self->n_connections + 1;
}

/* ---- counting; the mutex is held ---- */

void
ctl_flock_count_error (CtlFlock *self, CtlSwarmError error, const char *text, gsize length)
{
  self->reading.errors[error]++;
  if (self->reading.messages[error] == NULL && text != NULL)
    self->reading.messages[error] = g_utf8_make_valid (text, (gssize) MIN (length, MESSAGE_MAX));
}

/* ---- asking ---- */

void
ctl_flock_ask (CtlFlock *self, guint index)
{
  CtlFlockView *view = &self->views[index];
  guint connection = connection_of (self, index);
  const CtlSwarmConfig *config = self->config;
  g_autofree char *own = NULL;
  const char *path = self->before;
  gsize n;

  if (!self->connections[connection].ready)
    {
      view->state = VIEW_NO_CONNECTION;
      return;
    }
  if (view->named && config->transport == CTL_LOAD_WS)
    path = NULL;
  else if (self->after != NULL)
    path = own = g_strdup_printf ("%s%u%s", self->before, global_number (self, index) + 1, self->after);
  n = ctl_load_write_poll (self->out, config->transport, config->authority, wire_number (self, index), path, view->token, config->hold_ms,
                           g_rand_int (self->rand));
  view->named = TRUE;
  view->state = VIEW_ASKED;
  view->asked_us = g_get_monotonic_time ();
  view->deadline_us = view->asked_us + ((gint64) config->hold_ms + CTL_SWARM_MARGIN_MS) * 1000;
  self->reading.polls++;
  ctl_crowd_send (self->crowd, connection, self->out, n);
}

void
ctl_flock_send_probe (CtlFlock *self, gint64 now_us)
{
  CtlFlockProbe *probe = &self->probe;
  const CtlSwarmConfig *config = self->config;
  gboolean names = !probe->named || config->transport == CTL_LOAD_HTTP;
  gsize n;

  if (probe->asked || probe->due_us > now_us || !self->connections[self->n_connections].ready)
    return;
  n = ctl_load_write_poll (self->out, config->transport, config->authority, 1, names ? config->probe_path : NULL, probe->token, 0,
                           g_rand_int (self->rand));
  probe->named = TRUE;
  probe->asked = TRUE;
  ctl_crowd_send (self->crowd, self->n_connections, self->out, n);
}

static void
reset_view (CtlFlockView *view)
{
  view->named = FALSE;
  if (view->state == VIEW_ASKED)
    view->state = VIEW_NO_CONNECTION;
}

void
ctl_flock_lose_connection (CtlFlock *self, guint index)
{
  CtlFlockConnection *connection = &self->connections[index];
  gint64 pause_us = CLAMP (connection->pause_us * 2, RECONNECT_MIN_US, RECONNECT_MAX_US);

  if (connection->ready && index < self->n_connections)
    self->reading.connected--;
  connection->ready = FALSE;
  connection->pause_us = pause_us;
  connection->reopen_us = g_get_monotonic_time () + (gint64) (g_rand_double_range (self->rand, 0.5, 1) * (double) pause_us);
  ctl_load_reader_clear (&connection->reader);
  ctl_crowd_close (self->crowd, index);
  if (index == self->n_connections)
    self->probe.asked = self->probe.named = FALSE;
  else
    for (guint i = index; i < self->n_views; i += self->n_connections)
      reset_view (&self->views[i]);
}

static void
open_connection (CtlFlock *self, guint index)
{
  if (ctl_crowd_is_open (self->crowd, index))
    return;
  self->connections[index].reopen_us = 0;
  self->connections[index].reader.transport = self->config->transport;
  ctl_crowd_open (self->crowd, index);
}

void
ctl_flock_connection_ready (CtlFlock *self, guint index)
{
  self->connections[index].ready = TRUE;
  self->connections[index].pause_us = 0;
  if (index == self->n_connections)
    {
      ctl_flock_send_probe (self, g_get_monotonic_time ());
      return;
    }
  self->reading.connected++;
  for (guint i = index; i < self->n_views; i += self->n_connections)
    if (self->views[i].state == VIEW_NO_CONNECTION)
      ctl_flock_ask (self, i);
}

/* ---- the thread ---- */

static gint64
due_of (CtlFlock *self, guint view)
{
  return self->start_us + (gint64) ((double) global_number (self, view) * 1e6 / self->config->rate);
}

/* Lets begin what is due. Returns when the next one is. */
static gint64
begin_views (CtlFlock *self, gint64 now_us)
{
  while (self->n_begun < self->n_views && !g_atomic_int_get (&self->halted))
    {
      CtlFlockView *view = &self->views[self->n_begun];
      gint64 due_us = due_of (self, self->n_begun);
      guint connection = connection_of (self, self->n_begun);

      if (due_us > now_us)
        return due_us;
      g_mutex_lock (&self->mutex);
      view->due_us = due_us;
      view->state = VIEW_NO_CONNECTION;
      self->n_begun++;
      self->reading.begun++;
      if (self->connections[connection].ready)
        ctl_flock_ask (self, self->n_begun - 1);
      g_mutex_unlock (&self->mutex);
      if (self->connections[connection].reopen_us == 0)
        open_connection (self, connection);
    }
  return G_MAXINT64;
}

/* Ten times a second: who has waited for too long, may ask again, may connect again. */
static void
scan (CtlFlock *self, gint64 now_us)
{
  if (now_us < self->scan_us)
    return;
  self->scan_us = now_us + SCAN_US;
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->n_begun; i++)
    {
      CtlFlockView *view = &self->views[i];

      if ((view->state != VIEW_ASKED && view->state != VIEW_PAUSED) || view->deadline_us > now_us)
        continue;
      if (view->state == VIEW_PAUSED)
        {
          ctl_flock_ask (self, i);
          continue;
        }
      ctl_flock_count_error (self, CTL_SWARM_TIMEOUT, "no answer within the hold and 5 s", strlen ("no answer within the hold and 5 s"));
      self->reading.reconnects++;
      ctl_flock_lose_connection (self, connection_of (self, i));
    }
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i <= self->n_connections; i++)
    if (self->connections[i].reopen_us != 0 && self->connections[i].reopen_us <= now_us)
      open_connection (self, i);
}

static void
storm (CtlFlock *self)
{
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->n_connections; i++)
    {
      CtlFlockConnection *connection = &self->connections[i];

      ctl_crowd_reset (self->crowd, i);
      ctl_load_reader_clear (&connection->reader);
      connection->ready = FALSE;
      connection->pause_us = 0;
    }
  self->reading.connected = self->reading.ready = self->reading.given_up = 0;
  self->reading.all_ready_us = 0;
  self->timeline.n = 0;
  for (guint i = 0; i < self->n_begun; i++)
    self->views[i] = (CtlFlockView) { .due_us = self->storm_us, .state = VIEW_NO_CONNECTION };
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i < self->n_connections; i++)
    open_connection (self, i);
}

static gpointer
run (gpointer data)
{
  CtlFlock *self = data;

  if (self->probe.interval_us > 0)
    open_connection (self, self->n_connections);
  for (;;)
    {
      guint order = g_atomic_int_and (&self->order, 0);
      gint64 now_us = g_get_monotonic_time (), next_us;

      if ((order & ORDER_END) != 0)
        return NULL;
      if ((order & ORDER_STORM) != 0)
        storm (self);
      next_us = MIN (begin_views (self, now_us), now_us + SCAN_US);
      if (self->probe.interval_us > 0)
        {
          ctl_flock_send_probe (self, now_us);
          if (!self->probe.asked)
            next_us = MIN (next_us, MAX (self->probe.due_us, now_us + 1000));
        }
      scan (self, now_us);
      ctl_crowd_turn (self->crowd, (int) MAX (0, (next_us - now_us + 999) / 1000));
    }
}

/* ---- from the caller's thread ---- */

static void
split_path (CtlFlock *self, const char *path)
{
  static const char *const marks[] = { "{}", "%7B%7D" };

  for (guint i = 0; i < G_N_ELEMENTS (marks); i++)
    {
      const char *mark = strstr (path, marks[i]);

      if (mark == NULL)
        continue;
      self->before = g_strndup (path, (gsize) (mark - path));
      self->after = g_strdup (mark + strlen (marks[i]));
      return;
    }
  self->before = g_strdup (path);
}

static guint
share_of (guint total, guint number, guint n)
{
  return total / n + (number < total % n);
}

CtlFlock *
ctl_flock_new (const CtlSwarmConfig *config, guint number, GError **error)
{
  CtlFlock *self = g_new0 (CtlFlock, 1);

  self->config = config;
  self->number = number;
  self->n_views = share_of (config->n_views, number, config->n_threads);
  self->n_connections = share_of (config->n_connections, number, config->n_threads);
  self->views = g_new0 (CtlFlockView, self->n_views);
  self->connections = g_new0 (CtlFlockConnection, self->n_connections + 1);
  self->rand = g_rand_new ();
  self->out = g_malloc (CTL_LOAD_REQUEST_MAX + 3 * (strlen (config->path) + strlen (config->probe_path) + 16));
  self->spreads = g_array_new (FALSE, FALSE, sizeof (CtlFlockSpread));
  g_mutex_init (&self->mutex);
  split_path (self, config->path);
  if (config->probes_per_s > 0)
    self->probe.interval_us = (gint64) (1e6 * config->n_threads / config->probes_per_s);
  self->crowd = ctl_crowd_new (config->host, config->port, self->n_connections + 1, number * (config->n_connections / config->n_threads + 2),
                               &ctl_flock_crowd_funcs, self, error);
  if (self->crowd != NULL && config->is_tls)
    {
      CtlLoadTls *tls = ctl_load_tls_new (config->host, config->ca_file, CTL_LOAD_TLS_RETURNING, error);

      if (tls != NULL)
        ctl_crowd_set_tls (self->crowd, tls);
      else
        g_clear_pointer (&self->crowd, ctl_crowd_free);
    }
  if (self->crowd == NULL)
    g_clear_pointer (&self, ctl_flock_free);
  return self;
}

void
ctl_flock_free (CtlFlock *self)
{
  g_assert (self->thread == NULL);
  g_clear_pointer (&self->crowd, ctl_crowd_free);
  for (guint i = 0; i <= self->n_connections; i++)
    ctl_load_reader_clear (&self->connections[i].reader);
  ctl_swarm_reading_clear (&self->reading);
  g_array_unref (self->spreads);
  g_mutex_clear (&self->mutex);
  g_rand_free (self->rand);
  g_free (self->views);
  g_free (self->connections);
  g_free (self->before);
  g_free (self->after);
  g_free (self->out);
  g_free (self);
}

void
ctl_flock_start (CtlFlock *self, gint64 at_us)
{
  g_autofree char *name = g_strdup_printf ("load-%u", self->number);

  self->start_us = at_us;
  self->probe.due_us = at_us;
  self->thread = g_thread_new (name, run, self);
}

void
ctl_flock_storm (CtlFlock *self, gint64 at_us)
{
  self->storm_us = at_us;
  /* From now on who is ready has come back: nobody may take the ones from before for that while the thread has not heard of it. */
  g_mutex_lock (&self->mutex);
  self->reading.ready = 0;
  self->reading.all_ready_us = 0;
  g_mutex_unlock (&self->mutex);
  g_atomic_int_or (&self->order, ORDER_STORM);
  ctl_crowd_wake (self->crowd);
}

void
ctl_flock_halt (CtlFlock *self)
{
  g_atomic_int_set (&self->halted, TRUE);
}

void
ctl_flock_end (CtlFlock *self)
{
  if (self->thread == NULL)
    return;
  g_atomic_int_or (&self->order, ORDER_END);
  ctl_crowd_wake (self->crowd);
  g_thread_join (g_steal_pointer (&self->thread));
  for (guint i = 0; i <= self->n_connections; i++)
    ctl_crowd_close (self->crowd, i);
  self->reading.connected = self->reading.ready = 0;
}

void
ctl_flock_reset (CtlFlock *self)
{
  CtlSwarmReading *reading = &self->reading;
  CtlSwarmReading gauges;

  g_mutex_lock (&self->mutex);
  gauges = (CtlSwarmReading) { .connected = reading->connected, .ready = reading->ready, .given_up = reading->given_up,
                               .begun = reading->begun, .all_ready_us = reading->all_ready_us };
  ctl_swarm_reading_clear (reading);
  *reading = gauges;
  self->timeline.n = 0;
  g_array_set_size (self->spreads, 0);
  g_mutex_unlock (&self->mutex);
}

void
ctl_flock_read (CtlFlock *self, CtlSwarmReading *reading, GArray *spreads)
{
  g_mutex_lock (&self->mutex);
  reading->deliveries += self->reading.deliveries;
  reading->unchanged += self->reading.unchanged;
  reading->polls += self->reading.polls;
  reading->received_bytes += self->reading.received_bytes;
  reading->snapshot_bytes += self->reading.snapshot_bytes;
  reading->skipped += self->reading.skipped;
  reading->reconnects += self->reading.reconnects;
  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    {
      reading->errors[i] += self->reading.errors[i];
      if (reading->messages[i] == NULL)
        reading->messages[i] = g_strdup (self->reading.messages[i]);
    }
  reading->connected += self->reading.connected;
  reading->ready += self->reading.ready;
  reading->given_up += self->reading.given_up;
  reading->begun += self->reading.begun;
  reading->all_ready_us = MAX (reading->all_ready_us, self->reading.all_ready_us);
  ctl_histogram_merge (&reading->first, &self->reading.first);
  ctl_histogram_merge (&reading->age, &self->reading.age);
  ctl_histogram_merge (&reading->round_trip, &self->reading.round_trip);
  g_array_append_vals (spreads, self->spreads->data, self->spreads->len);
  g_mutex_unlock (&self->mutex);
}
