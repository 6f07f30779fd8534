/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The local replica of one projection: polls on its link, keeps the newest snapshot, and decides what is
 * shown. Same thread as its link.
 *
 * Two snapshots at most: `shown`, which the `snapshot` property tells, and `pending`, a newer one that waits
 * because the view is frozen or its interval is not over. The newest wins: a third takes the place of
 * `pending`. `held` is the token of the newest, which polls name; it is none after a change of path.
 *
 * Each path has an id of its own on the link, so an answer to the question before can never be taken for one
 * to this.
 *
 * A frozen view polls on as before. (On a slow link it should ask only for tokens; `synoptic.v1` has no such
 * form yet.)
 *
 * Rejected: diffs between every two snapshots received, merged on thaw (one diff against what is shown says
 * the same). */

#include <string.h>

#include "replica-link-private.h"
#include "replica-view.h"

#define BACKOFF_MIN_US G_USEC_PER_SEC
#define BACKOFF_MAX_US (8 * G_USEC_PER_SEC)
/* What a server asks for is followed within these. */
#define RETRY_MIN_US (G_USEC_PER_SEC / 10)
#define RETRY_MAX_US (5 * 60 * G_USEC_PER_SEC)
#define HOLD_MIN_MS 100
/* So many answers within a second that bring nothing new are a loop that spins. */
#define GUARD_ANSWERS 20
#define GUARD_WINDOW_US G_USEC_PER_SEC

struct _ReplicaView
{
  GObject parent_instance;

  ReplicaLink *link; /* (owned) */
  char *path;        /* (owned) */
  guint32 id;        /* on the link; 0: not attached */
  guint hold_ms;
  guint min_interval_ms;
  gboolean started;
  gboolean frozen;
  gboolean live;
  gboolean answered_well; /* the last answer, on the connection that stands, was no error */

  ReplicaSnapshot *shown;   /* (owned) (nullable) */
  ReplicaSnapshot *pending; /* (owned) (nullable) */
  ReplicaToken held;        /* of the newest of them, if it is of this path */
  gint64 shown_at_us;       /* when `shown` came to be shown; -1 */
  /* When `shown`, and when the newest, was last known to be the newest that the server has. */
  gint64 shown_confirmed_us;
  gint64 newest_confirmed_us;
  char *error;             /* (owned) (nullable) */
  ReplicaError error_code; /* 0 without one */
  guint64 n_received, n_skipped, n_behind;
  gboolean rested; /* it was stopped: what came meanwhile was not skipped, nobody wanted it */

  GSource *timer;    /* (owned) the earliest of the three */
  gint64 retry_us;   /* poll again; -1 */
  gint64 show_us;    /* the interval is over; -1 */
  gint64 overdue_us; /* no longer live; -1 */

  guint n_errors;       /* in a row: what the back-off grows with */
  guint n_idle_answers; /* that brought nothing new, since guard_us */
  guint n_spins;        /* times the guard stopped the loop, since something new */
  gint64 guard_us;
};

enum
{
  PROP_0,
  PROP_LINK,
  PROP_PATH,
  PROP_FROZEN,
  PROP_SNAPSHOT,
  PROP_ERROR,
  PROP_N_RECEIVED,
  PROP_N_SKIPPED,
  PROP_N_BEHIND,
  PROP_LIVE,
  N_PROPS
};

enum
{
  SIGNAL_SNAPSHOT,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (ReplicaView, replica_view, G_TYPE_OBJECT)

static gint64
view_now (ReplicaView *self)
{
  return replica_clock_now_us (replica_link_get_clock (self->link));
}

static void
view_notify (ReplicaView *self, guint prop)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[prop]);
}

static void
view_set_error (ReplicaView *self, ReplicaError code, const char *error)
{
  self->error_code = code;
  if (g_strcmp0 (self->error, error) == 0)
    return;
  g_free (self->error);
  self->error = g_strdup (error);
  view_notify (self, PROP_ERROR);
}

static void
view_arm (ReplicaView *self)
{
  gint64 first_us = -1;
  const gint64 deadlines_us[] = { self->retry_us, self->show_us, self->overdue_us };

  for (guint i = 0; i < G_N_ELEMENTS (deadlines_us); i++)
    if (deadlines_us[i] >= 0 && (first_us < 0 || deadlines_us[i] < first_us))
      first_us = deadlines_us[i];
  if (self->timer != NULL)
    replica_timer_set (self->timer, first_us);
}

static gint64
view_asked_us (ReplicaView *self)
{
  return self->id != 0 ? replica_link_get_asked_us (self->link, self->id) : -1;
}

static gboolean
view_shows_newest (ReplicaView *self)
{
  return self->shown != NULL && self->pending == NULL
         && replica_token_equal (self->held, replica_snapshot_get_token (self->shown));
}

/* What is heard on the link, whoever it is for, while our poll is parked says that there is nothing newer:
 * the answer would have come first. Not so within one round trip of the poll, when it may not have been there
 * yet. */
static void
view_latch_confirmation (ReplicaView *self)
{
  gint64 asked_us = view_asked_us (self);
  gint64 heard_us = replica_link_get_heard_us (self->link);
  gint64 rtt_us = replica_link_get_rtt_us (self->link);

  if (asked_us >= 0 && rtt_us >= 0 && self->live && heard_us >= asked_us + rtt_us)
    self->newest_confirmed_us = MAX (self->newest_confirmed_us, heard_us);
  if (view_shows_newest (self))
    self->shown_confirmed_us = self->newest_confirmed_us;
}

static void
view_update_live (ReplicaView *self)
{
  gboolean live =
      self->started && self->answered_well && replica_link_get_state (self->link) == REPLICA_LINK_ONLINE;

  if (live == self->live)
    return;
  view_latch_confirmation (self);
  self->live = live;
  view_notify (self, PROP_LIVE);
}

static void
view_poll (ReplicaView *self)
{
  self->retry_us = -1;
  if (!self->started || self->id == 0)
    return;
  if (replica_link_poll (self->link, self->id, self->held, self->hold_ms))
    self->overdue_us = view_now (self) + (gint64) self->hold_ms * 1000 + REPLICA_LINK_MARGIN_US;
  view_arm (self);
}

static void
view_retry_after (ReplicaView *self, gint64 delay_us)
{
  self->retry_us = view_now (self) + delay_us;
  view_arm (self);
}

/* ---- what is shown ---- */

static void
view_show (ReplicaView *self)
{
  g_autoptr (ReplicaView) keep G_GNUC_UNUSED = g_object_ref (self);
  g_autoptr (ReplicaSnapshot) snapshot = g_steal_pointer (&self->pending);
  g_autoptr (ReplicaDiff) diff = replica_diff_new (self->shown, snapshot);

  g_clear_pointer (&self->shown, replica_snapshot_unref);
  self->shown = replica_snapshot_ref (snapshot);
  self->shown_at_us = view_now (self);
  self->shown_confirmed_us = self->newest_confirmed_us;
  self->show_us = -1;
  self->n_behind = 0;
  view_arm (self);
  view_notify (self, PROP_SNAPSHOT);
  g_signal_emit (self, signals[SIGNAL_SNAPSHOT], 0, snapshot, diff);
}

static void
view_show_when_due (ReplicaView *self)
{
  gint64 due_us;

  if (self->pending == NULL || self->frozen)
    {
      self->show_us = -1;
      view_arm (self);
      return;
    }
  due_us = self->shown_at_us < 0 ? -1 : self->shown_at_us + (gint64) self->min_interval_ms * 1000;
  if (self->min_interval_ms == 0 || due_us <= view_now (self))
    {
      view_show (self);
    }
  else
    {
      self->show_us = due_us;
      view_arm (self);
    }
}

/* ---- answers ---- */

/* TRUE: the loop spins, and was put off. */
static gboolean
view_guard (ReplicaView *self)
{
  gint64 now_us = view_now (self);

  if (now_us - self->guard_us >= GUARD_WINDOW_US)
    {
      self->guard_us = now_us;
      self->n_idle_answers = 0;
    }
  if (++self->n_idle_answers < GUARD_ANSWERS)
    return FALSE;
  view_retry_after (self, MIN (BACKOFF_MIN_US << MIN (self->n_spins, 3), BACKOFF_MAX_US));
  self->n_spins++;
  self->n_idle_answers = 0;
  view_set_error (self, REPLICA_ERROR_PROTOCOL,
                  "The server answers the same again and again; asking less often");
  return TRUE;
}

static gboolean
view_answer_snapshot (ReplicaView *self, const ReplicaMessage *message, GError **error)
{
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  ReplicaToken before = self->held;
  gboolean same_epoch = before.epoch == message->token.epoch;
  guint64 n_skipped;
  guint32 id = self->id;

  if (same_epoch && message->token.serial < before.serial)
    {
      self->answered_well = FALSE;
      view_retry_after (self, MIN (BACKOFF_MIN_US << MIN (self->n_errors, 3), BACKOFF_MAX_US));
      self->n_errors++;
      view_set_error (self, REPLICA_ERROR_PROTOCOL,
                      "The server went back to an older snapshot, which was refused");
      view_update_live (self);
      return TRUE;
    }
  if (replica_token_equal (message->token, before))
    {
      /* Sent once more: as good as `unchanged`. */
      self->newest_confirmed_us = view_now (self);
      if (!view_guard (self))
        view_poll (self);
      return TRUE;
    }

  /* The next question leaves before the answer is looked at. */
  self->held = message->token;
  view_poll (self);
  snapshot = replica_snapshot_new_from_bytes (message->body, error);
  if (snapshot == NULL)
    {
      self->held = before;
      return FALSE;
    }

  n_skipped = same_epoch && !self->rested ? message->token.serial - before.serial - 1 : 0;
  self->rested = FALSE;
  self->n_errors = self->n_idle_answers = self->n_spins = 0;
  self->answered_well = TRUE;
  self->newest_confirmed_us = view_now (self);
  g_clear_pointer (&self->pending, replica_snapshot_unref);
  self->pending = g_steal_pointer (&snapshot);

  /* Handlers of any of these may do anything to the view but free it: the link holds a reference meanwhile.
   */
  g_object_freeze_notify (G_OBJECT (self));
  self->n_received++;
  view_notify (self, PROP_N_RECEIVED);
  if (n_skipped > 0)
    {
      self->n_skipped += n_skipped;
      view_notify (self, PROP_N_SKIPPED);
    }
  self->n_behind += 1 + n_skipped;
  if (self->frozen)
    view_notify (self, PROP_N_BEHIND);
  view_set_error (self, 0, NULL);
  view_update_live (self);
  g_object_thaw_notify (G_OBJECT (self));
  if (self->id == id)
    view_show_when_due (self);
  return TRUE;
}

static gboolean
view_answer_error (ReplicaView *self, const ReplicaMessage *message)
{
  gint64 delay_us;

  if (message->retry_ms > 0)
    delay_us = CLAMP ((gint64) message->retry_ms * 1000, RETRY_MIN_US, RETRY_MAX_US);
  else if (message->code == REPLICA_ERROR_INVALID || message->code == REPLICA_ERROR_NOT_FOUND)
    delay_us = BACKOFF_MAX_US; /* a catalog may change, but not soon */
  else
    delay_us = MIN (BACKOFF_MIN_US << MIN (self->n_errors, 3), BACKOFF_MAX_US);
  self->n_errors++;
  self->answered_well = FALSE;
  view_retry_after (self, delay_us);
  g_object_freeze_notify (G_OBJECT (self));
  view_set_error (self, message->code,
                  *message->text != '\0' ? message->text : replica_error_to_string (message->code));
  view_update_live (self);
  g_object_thaw_notify (G_OBJECT (self));
  return TRUE;
}

static gboolean
view_answer (gpointer data, const ReplicaMessage *message, GError **error)
{
  ReplicaView *self = data;

  self->overdue_us = -1;
  switch (message->type)
    {
    case REPLICA_WIRE_SNAPSHOT:
      return view_answer_snapshot (self, message, error);
    case REPLICA_WIRE_ERROR:
      return view_answer_error (self, message);
    default:
      /* `unchanged`; the link has checked that it names the token of the poll. */
      self->n_errors = 0;
      self->answered_well = TRUE;
      self->newest_confirmed_us = view_now (self);
      if (view_shows_newest (self))
        self->shown_confirmed_us = self->newest_confirmed_us;
      if (!view_guard (self))
        {
          view_poll (self);
          view_set_error (self, 0, NULL);
        }
      view_update_live (self);
      return TRUE;
    }
}

static void
view_online (gpointer data)
{
  ReplicaView *self = data;

  self->answered_well = FALSE;
  view_poll (self);
}

static void
view_offline (gpointer data)
{
  ReplicaView *self = data;

  self->answered_well = FALSE;
  self->retry_us = self->overdue_us = -1;
  self->n_errors = 0;
  view_arm (self);
  view_update_live (self);
}

static const ReplicaLinkClient view_client = { view_online, view_offline, view_answer };

static void
view_timer_cb (gpointer data)
{
  g_autoptr (ReplicaView) self = g_object_ref (data);
  gint64 now_us = view_now (self);

  if (self->overdue_us >= 0 && now_us >= self->overdue_us)
    {
      self->overdue_us = -1;
      self->answered_well = FALSE;
      view_update_live (self);
    }
  if (self->retry_us >= 0 && now_us >= self->retry_us)
    view_poll (self);
  if (self->show_us >= 0 && now_us >= self->show_us)
    view_show_when_due (self);
  view_arm (self);
}

/* Takes an id on the link for the path, unless the path is one that cannot be asked for. */
static void
view_attach (ReplicaView *self)
{
  const char *wrong = NULL;

  if (*self->path == '\0')
    wrong = "The path is empty";
  else if (strlen (self->path) > REPLICA_WIRE_PATH_MAX)
    wrong = "The path is longer than " G_STRINGIFY (REPLICA_WIRE_PATH_MAX) " bytes";
  else if (!g_utf8_validate (self->path, -1, NULL))
    wrong = "The path is not UTF-8";
  if (wrong != NULL)
    {
      view_set_error (self, REPLICA_ERROR_INVALID, wrong);
      return;
    }
  self->id = replica_link_attach (self->link, &view_client, self, self->path);
  view_poll (self);
}

static void
view_detach (ReplicaView *self)
{
  view_latch_confirmation (self);
  if (self->id != 0)
    replica_link_detach (self->link, self->id);
  self->id = 0;
  self->answered_well = FALSE;
  self->retry_us = self->overdue_us = -1;
  self->n_errors = self->n_idle_answers = self->n_spins = 0;
  view_arm (self);
}

/* ---- the class ---- */

static void
replica_view_constructed (GObject *object)
{
  ReplicaView *self = REPLICA_VIEW (object);

  G_OBJECT_CLASS (replica_view_parent_class)->constructed (object);
  self->timer = replica_timer_new (replica_link_get_context (self->link), "[replica] view",
                                   replica_link_get_clock (self->link), view_timer_cb, self);
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
  g_free (self->error);

  G_OBJECT_CLASS (replica_view_parent_class)->finalize (object);
}

static void
replica_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ReplicaView *self = REPLICA_VIEW (object);

  switch (id)
    {
    case PROP_LINK:
      g_value_set_object (value, self->link);
      break;
    case PROP_PATH:
      g_value_set_string (value, self->path);
      break;
    case PROP_FROZEN:
      g_value_set_boolean (value, self->frozen);
      break;
    case PROP_SNAPSHOT:
      g_value_set_boxed (value, self->shown);
      break;
    case PROP_ERROR:
      g_value_set_string (value, self->error);
      break;
    case PROP_N_RECEIVED:
      g_value_set_uint64 (value, self->n_received);
      break;
    case PROP_N_SKIPPED:
      g_value_set_uint64 (value, self->n_skipped);
      break;
    case PROP_N_BEHIND:
      g_value_set_uint64 (value, replica_view_get_n_behind (self));
      break;
    case PROP_LIVE:
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
    case PROP_LINK:
      self->link = g_value_dup_object (value);
      break;
    case PROP_PATH:
      if (self->path == NULL)
        self->path = g_value_dup_string (value); /* at construction */
      else
        replica_view_set_path (self, g_value_get_string (value));
      break;
    case PROP_FROZEN:
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

  props[PROP_LINK] =
      g_param_spec_object ("link", NULL, NULL, REPLICA_TYPE_LINK,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  props[PROP_PATH] = g_param_spec_string ("path", NULL, NULL, "", writable | G_PARAM_CONSTRUCT);
  props[PROP_FROZEN] = g_param_spec_boolean ("frozen", NULL, NULL, FALSE, writable);
  props[PROP_SNAPSHOT] = g_param_spec_boxed ("snapshot", NULL, NULL, REPLICA_TYPE_SNAPSHOT, readable);
  props[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, readable);
  props[PROP_N_RECEIVED] = g_param_spec_uint64 ("n-received", NULL, NULL, 0, G_MAXUINT64, 0, readable);
  props[PROP_N_SKIPPED] = g_param_spec_uint64 ("n-skipped", NULL, NULL, 0, G_MAXUINT64, 0, readable);
  props[PROP_N_BEHIND] = g_param_spec_uint64 ("n-behind", NULL, NULL, 0, G_MAXUINT64, 0, readable);
  props[PROP_LIVE] = g_param_spec_boolean ("live", NULL, NULL, FALSE, readable);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /**
   * ReplicaView::snapshot:
   * @snapshot: the one to show from now on
   * @diff: what changed against the one shown before
   */
  signals[SIGNAL_SNAPSHOT] = g_signal_new ("snapshot", REPLICA_TYPE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                           NULL, G_TYPE_NONE, 2, REPLICA_TYPE_SNAPSHOT, REPLICA_TYPE_DIFF);
}

static void
replica_view_init (ReplicaView *self)
{
  self->hold_ms = REPLICA_WIRE_HOLD_DEFAULT_MS;
  self->shown_at_us = self->retry_us = self->show_us = self->overdue_us = -1;
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
  view_attach (self);
}

void
replica_view_stop (ReplicaView *self)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  if (!self->started)
    return;
  view_detach (self);
  self->started = FALSE;
  self->rested = TRUE;
  view_update_live (self);
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
  if (self->started)
    view_detach (self);
  g_free (self->path);
  self->path = g_strdup (path);
  self->held = REPLICA_TOKEN_NONE;
  self->show_us = -1;
  g_clear_pointer (&self->pending, replica_snapshot_unref);
  g_object_freeze_notify (G_OBJECT (self));
  if (self->n_behind != 0)
    {
      self->n_behind = 0;
      view_notify (self, PROP_N_BEHIND);
    }
  view_notify (self, PROP_PATH);
  if (self->started)
    view_attach (self);
  view_update_live (self);
  g_object_thaw_notify (G_OBJECT (self));
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
  view_notify (self, PROP_FROZEN);
  view_notify (self, PROP_N_BEHIND);
  if (self->frozen)
    view_show_when_due (self); /* only puts its timer off */
  else if (self->pending != NULL)
    view_show (self);
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

const char *
replica_view_get_error (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), NULL);
  return self->error;
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
replica_view_set_min_interval_ms (ReplicaView *self, guint min_interval_ms)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  self->min_interval_ms = min_interval_ms;
  view_show_when_due (self);
}

/* From the next poll on; at most REPLICA_WIRE_HOLD_MAX_MS, and at least 100 ms, so that no view spins. */
void
replica_view_set_hold_ms (ReplicaView *self, guint hold_ms)
{
  g_return_if_fail (REPLICA_IS_VIEW (self));

  self->hold_ms = CLAMP (hold_ms, HOLD_MIN_MS, REPLICA_WIRE_HOLD_MAX_MS);
}

gint64
replica_view_get_age_us (ReplicaView *self)
{
  g_return_val_if_fail (REPLICA_IS_VIEW (self), -1);

  if (self->shown == NULL)
    return -1;
  view_latch_confirmation (self);
  return MAX (view_now (self) - self->shown_confirmed_us, 0);
}
