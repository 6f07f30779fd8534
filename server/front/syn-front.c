/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The front as a whole: made after the silo has started, drained before it is. Main thread, which is the
 * front lane.
 *
 * The drain: no more connections are taken; what is parked is answered, WebSockets are closed, and when the
 * last connection is gone, or two thirds of SYN_DRAIN_MS have passed and all that is left was cut off, the
 * owner is told. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-front.h"

#include "syn-error.h"
#include "syn-http.h"
#include "syn-limits.h"
#include "syn-listener.h"
#include "syn-plain.h"
#include "syn-ws-lane.h"

#define DRAIN_LOOK_MS 10                      /* between looks at what is left of the HTTP connections */
#define DRAIN_FRONT_MS (SYN_DRAIN_MS * 2 / 3) /* the rest is the silo's */

/* Counts the lanes' answers to the order to drain: the front may be freed before they come. */
typedef struct
{
  guint refs;      /* the front's, and one for each order that is not answered yet */
} Drain;

struct _SynFront
{
  SynSilo *silo;
  SynLane *lane;
  SynHttp *http;         /* (owned) */
  SynListener *listener; /* (owned) (nullable): NULL once it drains */
  Drain *drain;          /* (owned) (nullable) */
  gboolean cut_off;
  gint64 deadline_ms;
  SynTimer timer;
  void (*done) (gpointer user_data);
  gpointer done_data;
};

static void
accepted (int fd, gpointer user_data)
{
  SynFront *self = user_data;

  syn_http_take (self->http, fd);
}

/**
 * syn_front_new:
 * @silo: started
 * @listen: see syn_listen_address_parse()
 * @tls: (transfer none) (nullable): what to show; then connections must be TLS
 * @authority: (out): what to put behind `http://`, or with @tls behind `https://`
 *
 * Listens from now on. The context of the front's lane is the thread's default context until
 * syn_front_free().
 *
 * Returns: (nullable): the front, or %NULL with %SYN_ERROR_INVALID for @listen, %SYN_ERROR_UNAVAILABLE when
 * it cannot be had
 */
SynFront *
syn_front_new (SynSilo *silo, SynCatalog *catalog, const char *listen, SynTlsServer *tls, char **authority, GError **error)
{
  g_auto (SynListenAddress) address = { 0 };
  SynFront *self;

  g_return_val_if_fail (syn_silo_get_front_lane (silo) != NULL, NULL);
  if (!syn_listen_address_parse (listen, &address, error))
    return NULL;
  self = g_new0 (SynFront, 1);
  self->silo = silo;
  self->lane = syn_silo_get_front_lane (silo);
  self->http = syn_http_new (silo, catalog, error);
  if (self->http != NULL && tls != NULL)
    syn_http_set_tls (self->http, tls);
  if (self->http != NULL)
    self->listener =
        syn_listener_new (syn_lane_get_context (self->lane), &address, accepted, self, authority, error);
  if (self->listener == NULL)
    {
      syn_front_free (self);
      return NULL;
    }
  return self;
}

void
syn_front_set_tls (SynFront *self, SynTlsServer *tls)
{
  syn_http_set_tls (self->http, tls);
}

void
syn_front_step_tls (SynFront *self, gint64 now_ms)
{
  syn_http_step_tls (self->http, now_ms);
}

void
syn_front_set_ready (SynFront *self, gboolean ready)
{
  syn_http_set_ready (self->http, ready);
}

/* ---- the drain ---- */

static void
drain_unref (Drain *drain)
{
  if (--drain->refs == 0)
    g_free (drain);
}

static void
lane_drained (gpointer user_data)
{
  drain_unref (user_data);
}

static void
drain_lanes (SynFront *self, gboolean now)
{
  guint n = syn_silo_get_n_lanes (self->silo);

  for (guint i = 0; i < n; i++)
    {
      self->drain->refs++;
      syn_ws_lane_drain (syn_silo_get_lane (self->silo, i), now, lane_drained, self->drain);
      syn_plain_lane_drain (syn_silo_get_lane (self->silo, i), now); /* counted in syn_http_count() */
    }
}

static void
look (SynTimer *timer, gpointer user_data)
{
  SynFront *self = user_data;
  gboolean late = syn_lane_now_ms (self->lane) >= self->deadline_ms;

  if (late && !self->cut_off)
    {
      self->cut_off = TRUE;
      drain_lanes (self, TRUE);
    }
  if (self->drain->refs > 1 || (syn_http_count (self->http) > 0 && !late))
    {
      syn_lane_arm (self->lane, &self->timer, DRAIN_LOOK_MS, look, self);
      return;
    }
  self->done (self->done_data);
}

void
syn_front_drain (SynFront *self, void (*done) (gpointer user_data), gpointer user_data)
{
  g_return_if_fail (self->drain == NULL);
  self->done = done;
  self->done_data = user_data;
  self->deadline_ms = syn_lane_now_ms (self->lane) + DRAIN_FRONT_MS;
  self->drain = g_new0 (Drain, 1);
  self->drain->refs = 1;
  g_clear_pointer (&self->listener, syn_listener_free);
  syn_http_drain (self->http);
  drain_lanes (self, FALSE);
  syn_lane_arm (self->lane, &self->timer, 0, look, self);
}

void
syn_front_free (SynFront *self)
{
  syn_lane_disarm (self->lane, &self->timer);
  g_clear_pointer (&self->drain, drain_unref);
  g_clear_pointer (&self->listener, syn_listener_free);
  g_clear_pointer (&self->http, syn_http_free);
  g_free (self);
}
