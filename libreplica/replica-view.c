/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The local replica of one projection: the class, its properties, and what its users call. How it polls and
 * what it shows is in replica-view-loop.c. Same thread as its link. */

#include <string.h>

#include "replica-view-private.h"

#define HOLD_MIN_MS 100
/* After a key: whoever types ten a second asks once. */
#define FILTER_DELAY_US (150 * 1000)
/* A view that is not live for less than this, as after a change of path, is not worth a warning. */
#define STALE_US (3 * G_USEC_PER_SEC / 2)

enum
{
  SIGNAL_SNAPSHOT,
  N_SIGNALS
};

static GParamSpec *props[REPLICA_VIEW_N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (ReplicaView, replica_view, G_TYPE_OBJECT)

void
replica_view_notify (ReplicaView *self, ReplicaViewProp prop)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[prop]);
}

gboolean
replica_view_is_listened_to (ReplicaView *self)
{
  return g_signal_has_handler_pending (self, signals[SIGNAL_SNAPSHOT], 0, FALSE);
}

void
replica_view_emit_snapshot (ReplicaView *self, ReplicaSnapshot *snapshot, ReplicaDiff *diff)
{
  g_signal_emit (self, signals[SIGNAL_SNAPSHOT], 0, snapshot, diff);
}

static void
replica_view_constructed (GObject *object)
{
  ReplicaView *self = REPLICA_VIEW (object);

  G_OBJECT_CLASS (replica_view_parent_class)->constructed (object);
  self->timer = replica_timer_new (replica_link_get_context (self->link), "[replica] view",
                                   replica_link_get_clock (self->link), replica_view_timer_cb, self);
}

static void
replica_view_dispose (GObject *object)
{
  ReplicaView *self = REPLICA_VIEW (object);

  self->started = FALSE;
  if (self->id != 0)
    replica_link_detach (self->link, self->id);
  self->id = 0;
  g_clear_pointer (&self->timer, replica_timer_free);

  G_OBJECT_CLASS (replica_view_parent_class)->dispose (object);
}

static void
replica_view_finalize (GObject *object)
{
  ReplicaView *self = REPLICA_VIEW (object);

  g_clear_pointer (&self->shown, replica_snapshot_unref);
  g_clear_pointer (&self->pending, replica_snapshot_unref);
  g_clear_object (&self->link);
  g_free (self->path);
  g_free (self->asked);
  g_free (self->filter);
  g_free (self->error);

  G_OBJECT_CLASS (replica_view_parent_class)->finalize (object);
}

static void
replica_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ReplicaView *self = REPLICA_VIEW (object);

  switch (id)
    {
    case REPLICA_VIEW_PROP_LINK:
      g_value_set_object (value, self->link);
      break;
    case REPLICA_VIEW_PROP_PATH:
      g_value_set_string (value, self->path);
      break;
    case REPLICA_VIEW_PROP_FROZEN:
      g_value_set_boolean (value, self->frozen);
      break;
    case REPLICA_VIEW_PROP_SNAPSHOT:
      g_value_set_boxed (value, self->shown);
      break;
    case REPLICA_VIEW_PROP_ERROR:
      g_value_set_string (value, self->error);
      break;
    case REPLICA_VIEW_PROP_N_RECEIVED:
      g_value_set_uint64 (value, self->n_received);
      break;
    case REPLICA_VIEW_PROP_N_SKIPPED:
      g_value_set_uint64 (value, self->n_skipped);
      break;
    case REPLICA_VIEW_PROP_N_BEHIND:
      g_value_set_uint64 (value, replica_view_get_n_behind (self));
      break;
    case REPLICA_VIEW_PROP_LIVE:
      g_value_set_boolean (value, self->live);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
replica_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  ReplicaView *self = REPLICA_VIEW (object);

  switch (id)
    {
    case REPLICA_VIEW_PROP_LINK:
      self->link = g_value_dup_object (value);
      break;
    case REPLICA_VIEW_PROP_PATH:
      if (self->path == NULL)
        {
          self->path = g_value_dup_string (value); /* at construction */
          self->asked = g_strdup (self->path);
        }
      else
        replica_view_set_path (self, g_value_get_string (value));
      break;
    case REPLICA_VIEW_PROP_FROZEN:
      replica_view_set_frozen (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
replica_view_class_init (ReplicaViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  const GParamFlags writable = readable | G_PARAM_WRITABLE;

  object_class->constructed = replica_view_constructed;
  object_class->dispose = replica_view_dispose;
  object_class->finalize = replica_view_finalize;
  object_class->get_property = replica_view_get_property;
  object_class->set_property = replica_view_set_property;

  props[REPLICA_VIEW_PROP_LINK] =
      g_param_spec_object ("link", NULL, NULL, REPLICA_TYPE_LINK,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  props[REPLICA_VIEW_PROP_PATH] = g_param_spec_string ("path", NULL, NULL, "", writable | G_PARAM_CONSTRUCT);
  props[REPLICA_VIEW_PROP_FROZEN] = g_param_spec_boolean ("frozen", NULL, NULL, FALSE, writable);
  props[REPLICA_VIEW_PROP_SNAPSHOT] = g_param_spec_boxed ("snapshot", NULL, NULL, REPLICA_TYPE_SNAPSHOT, readable);
  props[REPLICA_VIEW_PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, readable);
  props[REPLICA_VIEW_PROP_N_RECEIVED] = g_param_spec_uint64 ("n-received", NULL, NULL, 0, G_MAXUINT64, 0, readable);
  props[REPLICA_VIEW_PROP_N_SKIPPED] = g_param_spec_uint64 ("n-skipped", NULL, NULL, 0, G_MAXUINT64, 0, readable);
  props[REPLICA_VIEW_PROP_N_BEHIND] = g_param_spec_uint64 ("n-behind", NULL, NULL, 0, G_MAXUINT64, 0, readable);
  props[REPLICA_VIEW_PROP_LIVE] = g_param_spec_boolean ("live", NULL, NULL, FALSE, readable);
  g_object_class_install_properties (object_class, REPLICA_VIEW_N_PROPS, props);

  /**
   * ReplicaView::snapshot:
   * @snapshot: the one to show from now on
   * @diff: what changed against the one shown before; where that is of another path, or there was none, every
   *   row is added
   */
  signals[SIGNAL_SNAPSHOT] = g_signal_new ("snapshot", REPLICA_TYPE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                           NULL, G_TYPE_NONE, 2, REPLICA_TYPE_SNAPSHOT, REPLICA_TYPE_DIFF);
}

static void
replica_view_init (ReplicaView *self)
{
  self->hold_ms = REPLICA_WIRE_HOLD_DEFAULT_MS;
  self->shown_at_us = self->retry_us = self->show_us = self->overdue_us = self->refine_us = -1;
}

ReplicaView *
replica_view_new (ReplicaLink *link, const char *path)
{
  g_return_val_if_fail (REPLICA_IS_LINK (link), NULL);
  g_return_val_if_fail (path != NULL, NULL);

  return g_object_new (REPLICA_TYPE_VIEW, "link", link, "path", path, NULL);
}

void
replica_view_start (ReplicaView *self)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  if (self->started)
    return;
  self->started = TRUE;
  replica_view_attach (self);
}

void
replica_view_stop (ReplicaView *self)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  if (!self->started)
    return;
  replica_view_detach (self);
  self->started = FALSE;
  self->rested = TRUE;
  replica_view_update_live (self);
}

const char *
replica_view_get_path (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), NULL);
  return self->path;
}

void
replica_view_set_path (ReplicaView *self, const char *path)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));
  g_return_if_fail (path != NULL);

  if (strcmp (path, self->path) == 0)
    return;
  g_free (self->path);
  self->path = g_strdup (path);
  self->is_filter_refused = FALSE;
  g_object_freeze_notify (G_OBJECT (self));
  replica_view_notify (self, REPLICA_VIEW_PROP_PATH);
  replica_view_ask (self, path);
  if (self->filter != NULL)
    replica_view_refine_after (self, 0);
  g_object_thaw_notify (G_OBJECT (self));
}

void
replica_view_set_filter (ReplicaView *self, const char *filter)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  if (filter != NULL && *filter == '\0')
    filter = NULL;
  if (g_strcmp0 (filter, self->filter) == 0)
    return;
  g_free (self->filter);
  self->filter = g_strdup (filter);
  /* Typing goes on, but nothing comes after what was cleared. */
  replica_view_refine_after (self, filter != NULL ? FILTER_DELAY_US : 0);
}

gboolean
replica_view_get_frozen (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), FALSE);
  return self->frozen;
}

void
replica_view_set_frozen (ReplicaView *self, gboolean frozen)
{
  g_autoptr (ReplicaView) keep G_GNUC_UNUSED = NULL;

  g_return_if_fail (REPLICA_IS_VIEW (self));

  if (self->frozen == !!frozen)
    return;
  keep = g_object_ref (self);
  self->frozen = !!frozen;
  replica_view_notify (self, REPLICA_VIEW_PROP_FROZEN);
  replica_view_notify (self, REPLICA_VIEW_PROP_N_BEHIND);
  if (self->frozen)
    replica_view_show_when_due (self); /* only puts its timer off */
  else if (self->pending != NULL)
    replica_view_show (self);
}

ReplicaSnapshot *
replica_view_get_snapshot (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), NULL);
  return self->shown;
}

gboolean
replica_view_get_live (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), FALSE);
  return self->live;
}

gboolean
replica_view_get_stale (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), FALSE);

  return self->shown != NULL && !self->frozen && !self->live
         && (replica_view_now (self) - self->not_live_us > STALE_US
             || replica_link_get_state (self->link) != REPLICA_LINK_ONLINE);
}

guint
replica_view_get_stretched_ms (ReplicaView *self)
{
  gint64 ms;

  g_return_val_if_fail (REPLICA_IS_VIEW (self), 0);
  ms = self->shown != NULL && !self->frozen ? replica_snapshot_get_stretched_ms (self->shown) : 0;
  return replica_view_now (self) - self->shown_at_us <= (2 * ms + 1000) * 1000 ? (guint) ms : 0;
}

const char *
replica_view_get_error (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), NULL);
  return self->error;
}

/* docs/protocol.md says how that error is written: "… is recovering: N of M events (P %)", or without numbers when they are not known yet. */
gboolean
replica_view_get_recovering (ReplicaView *self, guint *percent)
{
  const char *text, *end;
  guint64 n, n_all, value = 0;

  g_return_val_if_fail (REPLICA_IS_VIEW (self), FALSE);
  text = self->error_code == REPLICA_ERROR_UNAVAILABLE && self->error != NULL ? strstr (self->error, "\" is recovering: ") : NULL;
  if (text == NULL)
    return FALSE;
  text += strlen ("\" is recovering: ");
  n = g_ascii_strtoull (text, (char **) &end, 10);
  if (g_str_has_prefix (end, " of "))
    {
      n_all = g_ascii_strtoull (end + strlen (" of "), NULL, 10);
      value = n_all == 0 ? 0 : n >= n_all ? 100 : (guint64) ((double) n / (double) n_all * 100);
    }
  if (percent != NULL)
    *percent = (guint) value;
  return TRUE;
}

ReplicaError
replica_view_get_error_code (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), 0);
  return self->error_code;
}

guint64
replica_view_get_n_received (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), 0);
  return self->n_received;
}

guint64
replica_view_get_n_skipped (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), 0);
  return self->n_skipped;
}

guint64
replica_view_get_n_behind (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), 0);
  return self->frozen ? self->n_behind : 0;
}

void
replica_view_get_counts (ReplicaView *self, ReplicaViewCounts *counts)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));
  *counts = self->counts;
}

void
replica_view_set_min_interval_ms (ReplicaView *self, guint min_interval_ms)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  self->min_interval_ms = min_interval_ms;
  replica_view_show_when_due (self);
}

/* From the next poll on; at most REPLICA_WIRE_HOLD_MAX_MS, and at least 100 ms, so that no view spins. */
void
replica_view_set_hold_ms (ReplicaView *self, guint hold_ms)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  self->hold_ms = CLAMP (hold_ms, HOLD_MIN_MS, REPLICA_WIRE_HOLD_MAX_MS);
}

void
replica_view_set_confirms (ReplicaView *self, gboolean confirms)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  self->confirms = !!confirms;
}

gint64
replica_view_get_age_us (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), -1);

  if (self->shown == NULL)
    return -1;
  replica_view_latch_confirmation (self);
  return MAX (replica_view_now (self) - self->shown_confirmed_us, 0);
}
