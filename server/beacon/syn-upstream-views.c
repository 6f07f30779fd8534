/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The views of the paths that an edge follows. On the upstream's thread, but for the ops, which are called on lanes.
 *
 * A view says in several notifications what one answer of the upstream meant (that it is live again, then the snapshot), so what changed is only
 * noted, and told when the answer has been dealt with. */
#define G_LOG_DOMAIN "syn-upstream"
#include "syn-upstream-private.h"

#include "replica-view.h"
#include "syn-error.h"
#include "syn-limits.h"

typedef struct {
  SynUpstream *upstream;
  SynUpstreamPath *path; /* (owned) */
  ReplicaView *view;     /* (owned) */
  SynLane *lane;
  guint generation;
  gboolean followed;
  gboolean changed;      /* among upstream->changed */
  gboolean told_live, told_away;
} View;

typedef struct {
  SynUpstream *upstream;
  SynUpstreamPath *path; /* (owned) */
  guint generation;
  SynLane *lane;
} Order;

/* ---- telling ---- */

static gboolean
is_away (SynUpstream *self)
{
  return replica_link_get_state (self->link) != REPLICA_LINK_ONLINE;
}

static void
note_age (View *self, gboolean live)
{
  gint64 age_us = replica_view_get_age_us (self->view), now_ms = syn_upstream_now_ms ();
  gint64 rtt_us = replica_link_get_rtt_us (self->upstream->link);

  /* Within a round trip our poll may not have been there yet when the upstream said something else. */
  syn_upstream_path_set_age (self->path, live && rtt_us >= 0, age_us < 0 ? -1 : now_ms - age_us / 1000, now_ms + MAX (rtt_us, 0) / 1000);
}

static void
tell (View *self, SynUpward *upward)
{
  self->told_live = upward->state == SYN_UPWARD_LIVE;
  self->told_away = upward->away = is_away (self->upstream);
  note_age (self, self->told_live);
  syn_upstream_path_tell (self->path, self->generation, self->lane, upward);
}

static void
tell_failed (View *self, GError *error)
{
  SynUpward upward = { .state = SYN_UPWARD_FAILED, .error = error };

  tell (self, &upward);
}

static void
tell_what_is (View *self)
{
  ReplicaSnapshot *snapshot = replica_view_get_snapshot (self->view);
  SynUpward upward = { .state = SYN_UPWARD_LIVE };

  if (!self->followed)
    {
      if (self->told_away != is_away (self->upstream))
        tell_failed (self, syn_upstream_new_away_error (self->upstream));
    }
  else if (replica_view_get_live (self->view))
    {
      upward.snapshot = snapshot != NULL ? replica_snapshot_ref (snapshot) : NULL;
      tell (self, &upward);
    }
  else if (is_away (self->upstream))
    tell_failed (self, syn_upstream_new_away_error (self->upstream));
  else if (replica_view_get_error_code (self->view) != 0)
    tell_failed (self, g_error_new_literal (SYN_ERROR, (int) replica_view_get_error_code (self->view), replica_view_get_error (self->view)));
  else if (self->told_live)
    tell_failed (self, g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the upstream %s does not answer", self->upstream->uri));
}

static gboolean
flush_cb (gpointer data)
{
  SynUpstream *self = data;
  g_autoptr (GPtrArray) changed = g_steal_pointer (&self->changed);

  g_clear_pointer (&self->flush, g_source_unref);
  self->changed = g_ptr_array_new ();
  for (guint i = 0; i < changed->len; i++)
    {
      View *view = changed->pdata[i];

      view->changed = FALSE;
      tell_what_is (view);
    }
  return G_SOURCE_REMOVE;
}

static void
note_change (View *self)
{
  SynUpstream *upstream = self->upstream;

  if (self->changed)
    return;
  self->changed = TRUE;
  g_ptr_array_add (upstream->changed, self);
  if (upstream->flush != NULL)
    return;
  upstream->flush = g_idle_source_new ();
  g_source_set_priority (upstream->flush, G_PRIORITY_HIGH);
  g_source_set_callback (upstream->flush, flush_cb, upstream, NULL);
  g_source_attach (upstream->flush, upstream->context);
}

/* ---- views ---- */

static View *
view_new (SynUpstream *upstream, SynUpstreamPath *path)
{
  View *self = g_new0 (View, 1);

  self->upstream = upstream;
  self->path = syn_upstream_path_ref (path);
  self->view = replica_view_new (upstream->link, path->text);
  replica_view_set_confirms (self->view, TRUE);
  g_signal_connect_swapped (self->view, "notify::snapshot", G_CALLBACK (note_change), self);
  g_signal_connect_swapped (self->view, "notify::live", G_CALLBACK (note_change), self);
  g_signal_connect_swapped (self->view, "notify::error", G_CALLBACK (note_change), self);
  path->view = self;
  g_hash_table_add (upstream->views, self);
  return self;
}

static void
view_free (gpointer data)
{
  View *self = data;

  g_signal_handlers_disconnect_by_data (self->view, self);
  replica_view_stop (self->view);
  g_object_unref (self->view);
  if (self->changed)
    g_ptr_array_remove_fast (self->upstream->changed, self);
  if (self->followed)
    self->upstream->n_followed--;
  self->path->view = NULL;
  syn_upstream_path_unref (self->path);
  g_free (self);
}

static void
view_unfollow (View *self)
{
  if (!self->followed)
    return;
  note_age (self, FALSE);
  self->followed = FALSE;
  self->upstream->n_followed--;
  replica_view_stop (self->view);
}

/* ---- orders ---- */

static void
order_free (gpointer data)
{
  Order *self = data;

  syn_upstream_path_unref (self->path);
  g_free (self);
}

static void
send_order (SynUpstream *upstream, SynUpstreamPath *path, guint generation, SynLane *lane, GSourceFunc func)
{
  Order *order = g_new0 (Order, 1);

  order->upstream = upstream;
  order->path = syn_upstream_path_ref (path);
  order->generation = generation;
  order->lane = lane;
  syn_upstream_invoke (upstream, func, order, order_free);
}

static void
refuse_follow (View *self)
{
  SynUpward upward = { .state = SYN_UPWARD_FAILED, .dropped = TRUE };

  upward.error = g_error_new (SYN_ERROR, SYN_ERROR_OVERLOADED, "this edge follows %u paths at its upstream already: ask again later",
                              SYN_MAX_UPSTREAM_PATHS);
  tell (self, &upward);
}

static gboolean
do_follow (gpointer data)
{
  Order *order = data;
  SynUpstream *upstream = order->upstream;
  View *self = order->path->view != NULL ? order->path->view : view_new (upstream, order->path);

  self->lane = order->lane;
  self->generation = order->generation;
  if (!self->followed && upstream->n_followed >= SYN_MAX_UPSTREAM_PATHS)
    {
      refuse_follow (self);
      return G_SOURCE_REMOVE;
    }
  self->told_live = FALSE;
  if (!self->followed)
    {
      self->followed = TRUE;
      upstream->n_followed++;
      replica_view_start (self->view);
    }
  note_change (self);
  return G_SOURCE_REMOVE;
}

static gboolean
do_leave (gpointer data)
{
  Order *order = data;
  View *self = order->path->view;

  if (self == NULL)
    return G_SOURCE_REMOVE;
  self->generation = order->generation;
  view_unfollow (self);
  note_change (self);
  return G_SOURCE_REMOVE;
}

static gboolean
do_forget (gpointer data)
{
  Order *order = data;

  if (order->path->view != NULL)
    g_hash_table_remove (order->upstream->views, order->path->view);
  return G_SOURCE_REMOVE;
}

static void
follow (SynUpstreamPath *path, guint generation, SynLane *lane, gpointer data)
{
  send_order (data, path, generation, lane, do_follow);
}

static void
leave (SynUpstreamPath *path, guint generation, gpointer data)
{
  send_order (data, path, generation, NULL, do_leave);
}

static void
forget (SynUpstreamPath *path, gpointer data)
{
  send_order (data, path, 0, NULL, do_forget);
}

const SynUpwardOps syn_upstream_ops = { follow, leave, forget };

/* ---- all ---- */

void
syn_upstream_views_init (SynUpstream *self)
{
  self->views = g_hash_table_new_full (NULL, NULL, view_free, NULL);
  self->changed = g_ptr_array_new ();
}

void
syn_upstream_views_state_changed (SynUpstream *self)
{
  GHashTableIter iter;
  gpointer view;

  g_hash_table_iter_init (&iter, self->views);
  while (g_hash_table_iter_next (&iter, &view, NULL))
    note_change (view);
}

void
syn_upstream_views_clear (SynUpstream *self)
{
  g_clear_pointer (&self->views, g_hash_table_unref);
  if (self->flush != NULL)
    g_source_destroy (self->flush);
  g_clear_pointer (&self->flush, g_source_unref);
  g_clear_pointer (&self->changed, g_ptr_array_unref);
}
