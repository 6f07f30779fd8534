/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The views of a WebSocket connection: its polls, and the answers to them. On the connection's lane.
 *
 * A view holds one poll at a time (SynWaiter, embedded, so that a parked poll costs no allocation of its
 * own). A poll for a view whose poll is still out takes its place. Views are kept sorted by their number:
 * most connections have one, or a handful. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-error.h"
#include "syn-ws-private.h"

#include <string.h>

static void
send_error (SynWsConn *conn, guint32 id, int code, const char *message, guint retry_ms)
{
  guint8 frame[SYN_WS_HEAD_MAX + sizeof (ReplicaWireErrorHead) + SYN_WS_MESSAGE_MAX];
  ReplicaWireErrorHead head = {
    .type = REPLICA_WIRE_ERROR, .code = (guint16) code, .view = id, .retry_ms = retry_ms
  };
  gsize length = strlen (message);
  guint n;

  while (length > SYN_WS_MESSAGE_MAX || (length > 0 && ((guint8) message[length] & 0xc0) == 0x80))
    length--; /* cut between characters */
  head.message_bytes = (guint32) length;
  n = syn_ws_frame_head (frame, SYN_WS_OPCODE_BINARY, sizeof head + length);
  memcpy (frame + n, &head, sizeof head);
  n += sizeof head;
  memcpy (frame + n, message, length);
  n += (guint) length;
  syn_metric_add (conn->lane->lane, syn_ws_metrics.errors, 1);
  syn_ws_conn_send (conn, frame, n, NULL);
}

static void
send_unchanged (SynWsView *self)
{
  guint8 frame[SYN_WS_HEAD_MAX + sizeof (ReplicaWireUnchanged)];
  ReplicaWireUnchanged message = { .type = REPLICA_WIRE_UNCHANGED,
                                   .age_10ms = (guint16) MIN (syn_waiter_get_age_ms (&self->waiter) / 10, G_MAXUINT16),
                                   .view = self->id,
                                   .epoch = self->waiter.token.epoch,
                                   .serial = self->waiter.token.serial };
  guint n = syn_ws_frame_head (frame, SYN_WS_OPCODE_BINARY, sizeof message);

  memcpy (frame + n, &message, sizeof message);
  syn_metric_add (self->conn->lane->lane, syn_ws_metrics.unchanged, 1);
  syn_ws_conn_send (self->conn, frame, n + sizeof message, NULL);
}

static void
count_form (SynWsLane *lane, guint8 form, gsize size)
{
  syn_metric_add (lane->lane, syn_ws_metrics.snapshots, 1);
  if (form & REPLICA_WIRE_FORM_DELTA)
    syn_metric_add (lane->lane, syn_ws_metrics.deltas, 1);
  if (form & REPLICA_WIRE_FORM_ZSTD)
    {
      syn_metric_add (lane->lane, syn_ws_metrics.compressed, 1);
      syn_metric_add (lane->lane, syn_ws_metrics.compressed_bytes, (gint64) size);
    }
  else
    syn_metric_add (lane->lane, form & REPLICA_WIRE_FORM_DELTA ? syn_ws_metrics.delta_bytes : syn_ws_metrics.full_bytes,
                    (gint64) size);
}

/* Compressed, if the view takes that, and it is known and pays. */
static void
send_form (SynWsView *self, const ReplicaForm *form)
{
  guint8 frame[SYN_WS_HEAD_MAX + sizeof (ReplicaWireSnapshotHead)];
  GBytes *zstd = NULL, *body = form->bytes;
  ReplicaWireSnapshotHead head = { .type = REPLICA_WIRE_SNAPSHOT,
                                   .form = form->form,
                                   .view = self->id,
                                   .age_ms = syn_waiter_get_age_ms (&self->waiter) };
  gsize size;
  guint n;

  if ((self->accept & REPLICA_WIRE_ACCEPT_ZSTD) && replica_form_peek_zstd (form, &zstd) && zstd != NULL)
    {
      head.form |= REPLICA_WIRE_FORM_ZSTD;
      body = zstd;
    }
  size = g_bytes_get_size (body);
  head.body_bytes = (guint32) size;
  n = syn_ws_frame_head (frame, SYN_WS_OPCODE_BINARY, sizeof head + size);
  memcpy (frame + n, &head, sizeof head);
  count_form (self->conn->lane, head.form, size);
  self->conn->n_snapshots++;
  syn_ws_conn_send (self->conn, frame, n + sizeof head, body);
}

static void
send_snapshot (SynWsView *self, ReplicaSnapshot *snapshot)
{
  const ReplicaForm *form = syn_ws_form_choose (self, snapshot);

  self->sent_us = replica_snapshot_get_time_us (snapshot);
  if (form != NULL)
    send_form (self, form);
}

/* ---- owing ----
 *
 * A snapshot that is ready while another answer is still on its way out is not queued behind it: the view is owed one, and it is the
 * beacon's newest that it gets when its turn has come. So a connection that does not read holds one answer, however many views it has, and
 * however many snapshots are made meanwhile; and what it gets in the end is not what was new when it stopped. */

static void
set_owed (SynWsView *self, gboolean is_owed)
{
  self->conn->n_owed = (guint16) (self->conn->n_owed + is_owed - self->is_owed);
  self->is_owed = (guint8) is_owed;
}

/* ---- waiting ---- */

static gboolean
is_waiting (SynWsView *self)
{
  return self->waiter.pprev != NULL || self->job != NULL;
}

static void
cancel_poll (SynWsView *self)
{
  syn_waiter_cancel (&self->waiter);
  syn_ws_form_cancel (self);
  set_owed (self, FALSE);
}

static void
answered (SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms)
{
  SynWsView *self = (SynWsView *) waiter;
  SynWsConn *conn = self->conn;

  switch (answer)
    {
    case SYN_ANSWER_SNAPSHOT:
      if (conn->out != NULL)
        {
          set_owed (self, TRUE);
          return;
        }
      send_snapshot (self, snapshot);
      break;
    case SYN_ANSWER_UNCHANGED:
      send_unchanged (self);
      break;
    case SYN_ANSWER_ERROR:
    default:
      send_error (self->conn, self->id, syn_http_error_code (error), error->message, retry_ms);
      break;
    }
  if (conn->out == NULL)
    syn_ws_conn_pay (conn);
}

void
syn_ws_conn_pay (SynWsConn *self)
{
  guint at = self->next_owed < self->n_views ? self->next_owed : 0;
  SynWsView *view;

  if (self->n_owed == 0 || self->state != SYN_WS_OPEN)
    return;
  while (!self->views[at]->is_owed)
    at = at + 1 < self->n_views ? at + 1 : 0;
  view = self->views[at];
  self->next_owed = (guint16) (at + 1);
  set_owed (view, FALSE);
  /* Without a hold: there is something newer than its token already. */
  syn_beacon_set_poll (self->lane->beacons, &view->waiter, NULL, view->waiter.token, 0, answered);
}

void
syn_ws_view_formed (SynWsView *self, const ReplicaForm *form)
{
  SynWsConn *conn = self->conn;

  if (conn->out != NULL)
    {
      set_owed (self, TRUE); /* another view's answer went first */
      return;
    }
  send_form (self, form);
  if (conn->out == NULL)
    syn_ws_conn_pay (conn);
}

/* ---- the table ---- */

/* The place of view @id among the sorted. */
static guint
find_place (SynWsConn *conn, guint32 id)
{
  guint from = 0, to = conn->n_views;

  while (from < to)
    {
      guint middle = (from + to) / 2;

      if (conn->views[middle]->id < id)
        from = middle + 1;
      else
        to = middle;
    }
  return from;
}

static SynWsView *
find_view (SynWsConn *conn, guint32 id)
{
  guint place = find_place (conn, id);

  return place < conn->n_views && conn->views[place]->id == id ? conn->views[place] : NULL;
}

static SynWsView *
add_view (SynWsConn *conn, guint32 id)
{
  guint place = find_place (conn, id);
  SynWsView *self = g_new0 (SynWsView, 1);

  if (conn->n_views == conn->views_size)
    {
      conn->views_size = conn->views_size == 0 ? 1 : (guint16) (conn->views_size * 4);
      conn->views = g_renew (SynWsView *, conn->views, conn->views_size);
    }
  memmove (conn->views + place + 1, conn->views + place, (conn->n_views - place) * sizeof *conn->views);
  conn->views[place] = self;
  conn->n_views++;
  self->conn = conn;
  self->id = id;
  return self;
}

static void
free_view (SynWsView *self)
{
  set_owed (self, FALSE);
  syn_ws_form_cancel (self);
  syn_waiter_withdraw (&self->waiter);
  g_free (self);
}

static void
remove_view (SynWsConn *conn, guint32 id)
{
  guint place = find_place (conn, id);

  if (place == conn->n_views || conn->views[place]->id != id)
    return;
  free_view (conn->views[place]);
  conn->n_views--;
  memmove (conn->views + place, conn->views + place + 1, (conn->n_views - place) * sizeof *conn->views);
}

/* ---- messages ---- */

static const char *
check_path (const char *path, gsize length)
{
  if (memchr (path, '\0', length) != NULL)
    return "the path has a NUL in it";
  if (!g_utf8_validate_len (path, length, NULL))
    return "the path is not UTF-8";
  return NULL;
}

static void
handle_poll (SynWsConn *conn, const ReplicaWirePoll *poll, const char *path_text)
{
  SynWsLane *lane = conn->lane;
  SynWsView *view = find_view (conn, poll->view);
  ReplicaToken token = { poll->epoch, poll->serial };
  g_autofree char *path = NULL;
  const char *wrong;

  syn_metric_add (lane->lane, syn_ws_metrics.polls, 1);
  conn->n_polls++;
  if (view != NULL)
    cancel_poll (view);
  if (poll->path_bytes > 0)
    {
      wrong = check_path (path_text, poll->path_bytes);
      path = wrong == NULL ? g_strndup (path_text, poll->path_bytes) : NULL;
    }
  else
    wrong = view == NULL ? "this view has no path from an earlier poll: name one" : NULL;
  if (wrong != NULL)
    {
      send_error (conn, poll->view, SYN_ERROR_INVALID, wrong, 0);
      return;
    }
  if (view == NULL && conn->n_views >= lane->max_views)
    {
      send_error (conn, poll->view, SYN_ERROR_OVERLOADED, "too many views on this connection: withdraw one",
                  SYN_RETRY_MS);
      return;
    }
  if (view == NULL)
    view = add_view (conn, poll->view);
  /* What it was sent last it has by now; before that, nothing newer than when it came. */
  if (view->sent_us != 0)
    view->held_us = view->sent_us;
  else if (view->held_us == 0)
    view->held_us = syn_lane_real_us (lane->lane);
  view->accept = poll->accept;
  view->waiter.takes_deltas = (poll->accept & REPLICA_WIRE_ACCEPT_DELTA) != 0;
  syn_beacon_set_poll (lane->beacons, &view->waiter, path, token, MIN (poll->hold_ms, SYN_HOLD_MAX_MS),
                       answered);
  if (view->waiter.pprev != NULL)
    syn_epoll_set_note_parked (lane->set);
}

static gboolean
read_poll (SynWsConn *conn, const guint8 *data, gsize length)
{
  ReplicaWirePoll poll;

  if (length < sizeof poll)
    return FALSE;
  memcpy (&poll, data, sizeof poll);
  if (!(poll.accept & REPLICA_WIRE_ACCEPT_FULL) || (poll.accept & ~REPLICA_WIRE_ACCEPT_ALL) || poll.reserved != 0
      || length != sizeof poll + poll.path_bytes)
    return FALSE;
  handle_poll (conn, &poll, (const char *) data + sizeof poll);
  return TRUE;
}

static gboolean
read_withdraw (SynWsConn *conn, const guint8 *data, gsize length)
{
  ReplicaWireWithdraw withdraw;

  if (length != sizeof withdraw)
    return FALSE;
  memcpy (&withdraw, data, sizeof withdraw);
  if (withdraw.reserved[0] != 0 || withdraw.reserved[1] != 0 || withdraw.reserved[2] != 0)
    return FALSE;
  remove_view (conn, withdraw.view);
  return TRUE;
}

void
syn_ws_conn_message (SynWsConn *self, const SynWsEvent *event)
{
  const guint8 *data = event->data;
  gsize length = event->length;
  const char *wrong = NULL;

  if (length == 0)
    wrong = "an empty message";
  else if (data[0] == REPLICA_WIRE_POLL)
    wrong = read_poll (self, data, length)
                ? NULL
                : "a poll whose fields do not fit its length, or with reserved bits set";
  else if (data[0] == REPLICA_WIRE_WITHDRAW)
    wrong = read_withdraw (self, data, length) ? NULL
                                               : "a withdrawal of another length, or with reserved bits set";
  else if (data[0] == REPLICA_WIRE_PUBLISH)
    wrong = syn_ws_conn_publish (self, event) ? NULL
                                              : "a publication whose fields do not fit its length, or with reserved bits set";
  else
    wrong = "a message of unknown type";
  if (wrong != NULL)
    {
      syn_metric_add (self->lane->lane, syn_ws_metrics.protocol_errors, 1);
      syn_ws_conn_close (self, SYN_WS_CLOSE_PROTOCOL, wrong);
    }
  else if (self->out == NULL)
    syn_ws_conn_pay (self); /* the view that was being paid may have been taken away */
}

/* ---- all of a connection ---- */

void
syn_ws_conn_cancel_views (SynWsConn *self)
{
  for (guint i = 0; i < self->n_views; i++)
    cancel_poll (self->views[i]);
}

void
syn_ws_conn_note_views (SynWsConn *self, SynConnEntry *entry)
{
  gint64 now_us = syn_lane_real_us (self->lane->lane);

  for (guint i = 0; i < self->n_views; i++)
    {
      entry->polls_waiting += is_waiting (self->views[i]);
      syn_conn_entry_note_reader (entry, &self->views[i]->waiter, self->views[i]->held_us, now_us);
    }
}

void
syn_ws_conn_excuse_views (SynWsConn *self)
{
  for (guint i = 0; i < self->n_views && self->state == SYN_WS_OPEN; i++)
    {
      if (!is_waiting (self->views[i]) && !self->views[i]->is_owed)
        continue;
      cancel_poll (self->views[i]);
      send_error (self, self->views[i]->id, SYN_ERROR_UNAVAILABLE, "the silo is going away", SYN_RETRY_MS);
    }
}

void
syn_ws_conn_free_views (SynWsConn *self)
{
  for (guint i = 0; i < self->n_views; i++)
    free_view (self->views[i]);
  g_clear_pointer (&self->views, g_free);
  self->n_views = self->views_size = 0;
}
