/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The poll loop of a view: asks on its link, keeps the newest snapshot, and decides what is
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
 * Snapshots come as deltas against the newest one held. They are applied here and now, which takes three times as long as copying the
 * full form does (bench/delta): 50 µs for 2,000 rows, some milliseconds for 100,000, and less than the diff that follows for
 * whoever shows them. Rejected for that: a thread.
 *
 * Rejected: diffs between every two snapshots received, merged on thaw (one diff against what is shown says
 * the same). */

#include <string.h>

#include "replica-delta.h"
#include "replica-filter.h"
#include "replica-view-private.h"
#include "replica-zstd.h"

#define BACKOFF_MIN_US G_USEC_PER_SEC
#define BACKOFF_MAX_US (8 * G_USEC_PER_SEC)
/* What a server asks for is followed within these. */
#define RETRY_MIN_US (G_USEC_PER_SEC / 10)
#define RETRY_MAX_US (5 * 60 * G_USEC_PER_SEC)
/* So many answers within a second that bring nothing new are a loop that spins. */
#define GUARD_ANSWERS 20
/* So many deltas in a row that could not be applied: no more of them for this path. */
#define BAD_DELTAS 3
#define GUARD_WINDOW_US G_USEC_PER_SEC

gint64
replica_view_now (ReplicaView *self)
{
  return replica_clock_now_us (replica_link_get_clock (self->link));
}

static void
view_set_error (ReplicaView *self, ReplicaError code, const char *error)
{
  self->error_code = code;
  if (g_strcmp0 (self->error, error) == 0)
    return;
  g_free (self->error);
  self->error = g_strdup (error);
  replica_view_notify (self, REPLICA_VIEW_PROP_ERROR);
}

static void
view_arm (ReplicaView *self)
{
  gint64 first_us = -1;
  const gint64 deadlines_us[] = { self->retry_us, self->show_us, self->overdue_us, self->refine_us };

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
void
replica_view_latch_confirmation (ReplicaView *self)
{
  gint64 asked_us = view_asked_us (self);
  gint64 heard_us = replica_link_get_confirmed_us (self->link);
  gint64 rtt_us = replica_link_get_rtt_us (self->link);

  if (asked_us >= 0 && rtt_us >= 0 && self->live && heard_us >= asked_us + rtt_us)
    self->newest_confirmed_us = MAX (self->newest_confirmed_us, heard_us);
  if (view_shows_newest (self))
    self->shown_confirmed_us = self->newest_confirmed_us;
}

void
replica_view_update_live (ReplicaView *self)
{
  gboolean live =
      self->started && self->answered_well && replica_link_get_state (self->link) == REPLICA_LINK_ONLINE;

  if (live == self->live)
    return;
  replica_view_latch_confirmation (self);
  self->live = live;
  self->not_live_us = replica_view_now (self);
  replica_view_notify (self, REPLICA_VIEW_PROP_LIVE);
}

/* Deltas, when there is something for them to be applied to, and the last few could be. */
static guint8
view_accepts (ReplicaView *self)
{
  gboolean takes_deltas =
      !replica_token_equal (self->held, REPLICA_TOKEN_NONE) && self->n_bad_deltas < BAD_DELTAS;

  return REPLICA_WIRE_ACCEPT_FULL | (takes_deltas ? REPLICA_WIRE_ACCEPT_DELTA : 0);
}

static void
view_poll (ReplicaView *self)
{
  guint hold_ms = self->confirms && !self->answered_well ? 0 : self->hold_ms;

  self->retry_us = -1;
  if (!self->started || self->id == 0)
    return;
  if (replica_link_poll (self->link, self->id, self->held, view_accepts (self), hold_ms))
    self->overdue_us = replica_view_now (self) + (gint64) hold_ms * 1000 + REPLICA_LINK_MARGIN_US;
  view_arm (self);
}

static void
view_retry_after (ReplicaView *self, gint64 delay_us)
{
  self->retry_us = replica_view_now (self) + delay_us;
  view_arm (self);
}

/* ---- what is shown ---- */

void
replica_view_show (ReplicaView *self)
{
  g_autoptr (ReplicaView) keep G_GNUC_UNUSED = g_object_ref (self);
  g_autoptr (ReplicaSnapshot) snapshot = g_steal_pointer (&self->pending);
  /* The answer to another question is another picture: nothing in it changed. */
  gboolean is_same =
      self->shown != NULL
      && strcmp (replica_snapshot_get_path (self->shown), replica_snapshot_get_path (snapshot)) == 0;
  g_autoptr (ReplicaDiff) diff =
      replica_view_is_listened_to (self) ? replica_diff_new (is_same ? self->shown : NULL, snapshot) : NULL;

  g_clear_pointer (&self->shown, replica_snapshot_unref);
  self->shown = replica_snapshot_ref (snapshot);
  self->shown_at_us = replica_view_now (self);
  self->shown_confirmed_us = self->newest_confirmed_us;
  self->show_us = -1;
  self->n_behind = 0;
  if (self->filter != NULL && !is_same && strcmp (self->asked, self->path) == 0)
    self->refine_us = self->shown_at_us; /* its columns are known now */
  view_arm (self);
  replica_view_notify (self, REPLICA_VIEW_PROP_SNAPSHOT);
  if (diff != NULL)
    replica_view_emit_snapshot (self, snapshot, diff);
}

void
replica_view_show_when_due (ReplicaView *self)
{
  gint64 due_us;

  if (self->pending == NULL || self->frozen)
    {
      self->show_us = -1;
      view_arm (self);
      return;
    }
  due_us = self->shown_at_us < 0 ? -1 : self->shown_at_us + (gint64) self->min_interval_ms * 1000;
  if (self->min_interval_ms == 0 || due_us <= replica_view_now (self))
    {
      replica_view_show (self);
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
  gint64 now_us = replica_view_now (self);

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

static ReplicaSnapshot *
view_read (ReplicaView *self, const ReplicaMessage *message, GError **error)
{
  ReplicaSnapshot *newest = self->pending != NULL ? self->pending : self->shown, *snapshot = NULL;
  gboolean is_delta = (message->form & REPLICA_WIRE_FORM_DELTA) != 0, is_zstd = (message->form & REPLICA_WIRE_FORM_ZSTD) != 0;
  g_autoptr (GBytes) body = is_zstd ? replica_zstd_decompress (message->body, error) : g_bytes_ref (message->body);

  if (body == NULL)
    return NULL;
  if (!is_delta)
    snapshot = replica_snapshot_new_from_bytes (body, error);
  else if (newest != NULL)
    snapshot = replica_delta_apply (newest, body, error);
  else
    g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "delta: there is nothing to apply it to");
  if (snapshot == NULL)
    return NULL;
  *(is_delta ? &self->counts.n_deltas : &self->counts.n_full) += 1;
  *(is_delta ? &self->counts.delta_bytes : &self->counts.full_bytes) += g_bytes_get_size (message->body);
  self->counts.n_compressed += is_zstd;
  return snapshot;
}

/* A delta that does not fit: the poll that is out already names a snapshot that is not there, so it is withdrawn, and all of it is asked
 * for anew. */
static void
view_ask_in_full (ReplicaView *self, const GError *error)
{
  g_info ("%s: %s: asking for the whole snapshot", self->asked, error->message);
  self->counts.n_refused++;
  self->n_bad_deltas++;
  self->held = REPLICA_TOKEN_NONE;
  replica_view_detach (self);
  replica_view_attach (self);
  replica_view_update_live (self);
}

static gboolean
view_answer_snapshot (ReplicaView *self, const ReplicaMessage *message, GError **error)
{
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) why = NULL;
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
      replica_view_update_live (self);
      return TRUE;
    }
  if (replica_token_equal (message->token, before))
    {
      /* Sent once more: as good as `unchanged`. */
      self->answered_well = TRUE;
      self->newest_confirmed_us = MAX (self->newest_confirmed_us, replica_view_now (self) - message->age_us);
      if (!view_guard (self))
        view_poll (self);
      replica_view_update_live (self);
      return TRUE;
    }

  /* The next question leaves before the answer is looked at. */
  self->held = message->token;
  self->answered_well = TRUE;
  view_poll (self);
  snapshot = view_read (self, message, &why);
  if (snapshot == NULL && (message->form & REPLICA_WIRE_FORM_DELTA))
    {
      view_ask_in_full (self, why);
      return TRUE;
    }
  if (snapshot == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      self->held = before;
      return FALSE;
    }
  if (message->form & REPLICA_WIRE_FORM_DELTA)
    self->n_bad_deltas = 0;

  n_skipped = same_epoch && !self->rested ? message->token.serial - before.serial - 1 : 0;
  self->rested = FALSE;
  self->n_errors = self->n_idle_answers = self->n_spins = 0;
  self->newest_confirmed_us = replica_view_now (self) - message->age_us;
  g_clear_pointer (&self->pending, replica_snapshot_unref);
  self->pending = g_steal_pointer (&snapshot);

  /* Handlers of any of these may do anything to the view but free it: the link holds a reference meanwhile.
   */
  g_object_freeze_notify (G_OBJECT (self));
  self->n_received++;
  replica_view_notify (self, REPLICA_VIEW_PROP_N_RECEIVED);
  if (n_skipped > 0)
    {
      self->n_skipped += n_skipped;
      replica_view_notify (self, REPLICA_VIEW_PROP_N_SKIPPED);
    }
  self->n_behind += 1 + n_skipped;
  if (self->frozen)
    replica_view_notify (self, REPLICA_VIEW_PROP_N_BEHIND);
  view_set_error (self, 0, NULL);
  replica_view_update_live (self);
  g_object_thaw_notify (G_OBJECT (self));
  if (self->id == id)
    replica_view_show_when_due (self);
  return TRUE;
}

static gboolean
view_answer_error (ReplicaView *self, const ReplicaMessage *message)
{
  gint64 delay_us;

  if (message->code == REPLICA_ERROR_INVALID && strcmp (self->asked, self->path) != 0)
    {
      /* The path itself may be good: what the index finds in its rows is better than nothing. */
      self->is_filter_refused = TRUE;
      replica_view_ask (self, self->path);
      return TRUE;
    }
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
  replica_view_update_live (self);
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
      self->newest_confirmed_us = MAX (self->newest_confirmed_us, replica_view_now (self) - message->age_us);
      if (view_shows_newest (self))
        self->shown_confirmed_us = self->newest_confirmed_us;
      if (!view_guard (self))
        {
          view_poll (self);
          view_set_error (self, 0, NULL);
        }
      replica_view_update_live (self);
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
  replica_view_update_live (self);
}

static const ReplicaLinkClient view_client = { view_online, view_offline, view_answer };

/* Asks for what matches the filter, as far as the columns are known. */
static void
view_refine (ReplicaView *self)
{
  g_autofree char *path = NULL;

  self->refine_us = -1;
  if (self->filter != NULL && !self->is_filter_refused)
    path = replica_filter_dup_path (self->path, self->shown, self->filter);
  replica_view_ask (self, path != NULL && strlen (path) <= REPLICA_WIRE_PATH_MAX ? path : self->path);
}

void
replica_view_refine_after (ReplicaView *self, gint64 delay_us)
{
  self->refine_us = replica_view_now (self) + delay_us;
  view_arm (self);
}

void
replica_view_timer_cb (gpointer data)
{
  g_autoptr (ReplicaView) self = g_object_ref (data);
  gint64 now_us = replica_view_now (self);

  if (self->overdue_us >= 0 && now_us >= self->overdue_us)
    {
      self->overdue_us = -1;
      self->answered_well = FALSE;
      replica_view_update_live (self);
    }
  if (self->retry_us >= 0 && now_us >= self->retry_us)
    view_poll (self);
  if (self->show_us >= 0 && now_us >= self->show_us)
    replica_view_show_when_due (self);
  if (self->refine_us >= 0 && now_us >= self->refine_us)
    view_refine (self);
  view_arm (self);
}

/* Takes an id on the link for the path, unless the path is one that cannot be asked for. */
void
replica_view_attach (ReplicaView *self)
{
  const char *wrong = NULL;

  if (*self->asked == '\0')
    wrong = "The path is empty";
  else if (strlen (self->asked) > REPLICA_WIRE_PATH_MAX)
    wrong = "The path is longer than " G_STRINGIFY (REPLICA_WIRE_PATH_MAX) " bytes";
  else if (!g_utf8_validate (self->asked, -1, NULL))
    wrong = "The path is not UTF-8";
  if (wrong != NULL)
    {
      view_set_error (self, REPLICA_ERROR_INVALID, wrong);
      return;
    }
  self->id = replica_link_attach (self->link, &view_client, self, self->asked);
  view_poll (self);
}

void
replica_view_detach (ReplicaView *self)
{
  replica_view_latch_confirmation (self);
  if (self->id != 0)
    replica_link_detach (self->link, self->id);
  self->id = 0;
  self->answered_well = FALSE;
  self->retry_us = self->overdue_us = -1;
  self->n_errors = self->n_idle_answers = self->n_spins = 0;
  view_arm (self);
}

void
replica_view_ask (ReplicaView *self, const char *path)
{
  if (g_strcmp0 (path, self->asked) == 0)
    return;
  if (self->started)
    replica_view_detach (self);
  g_free (self->asked);
  self->asked = g_strdup (path);
  self->held = REPLICA_TOKEN_NONE;
  self->n_bad_deltas = 0;
  self->show_us = -1;
  g_clear_pointer (&self->pending, replica_snapshot_unref);
  g_object_freeze_notify (G_OBJECT (self));
  if (self->n_behind != 0)
    {
      self->n_behind = 0;
      replica_view_notify (self, REPLICA_VIEW_PROP_N_BEHIND);
    }
  if (self->started)
    replica_view_attach (self);
  replica_view_update_live (self);
  g_object_thaw_notify (G_OBJECT (self));
}
