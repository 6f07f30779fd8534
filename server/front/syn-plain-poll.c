/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The polls of a plain HTTP connection, and their answers: what syn-http-projections.c does behind libsoup. On the connection's lane.
 *
 * Both say the same in the same words; `integration-plain` asks both and compares. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-plain-private.h"

#include <string.h>
#include "syn-form.h"
#include "syn-http-error.h"

static SynPlainConn *
conn_of_waiter (SynWaiter *waiter)
{
  return (SynPlainConn *) waiter;
}

static void
send_error (SynPlainConn *self, int code, const char *message, guint retry_ms)
{
  g_autoptr (GBytes) body = syn_http_error_body (code, message, NULL);
  GString *head = syn_plain_error_head (self->lane, code, retry_ms, g_bytes_get_size (body), self->wait_s, self->ends);

  syn_metric_add (self->lane->lane, syn_plain_metrics.failures, 1);
  syn_plain_conn_send (self, head->str, (guint) head->len, body);
  g_string_free (head, TRUE);
}

static void
send_unchanged (SynPlainConn *self, guint age_s)
{
  guint length;
  const char *head = syn_plain_head_of (self->lane, 304, SYN_FORM_JSON, self->waiter.token, 0, age_s, self->wait_s, &length);

  syn_plain_conn_send (self, head, length, NULL);
}

static void
send_snapshot (SynPlainConn *self, ReplicaSnapshot *snapshot, guint age_s)
{
  GBytes *body = syn_form_get_body (self->form, snapshot); /* (nullable) */
  const char *head;
  guint length;

  if (body == NULL)
    {
      g_autofree char *message = syn_form_too_large (self->form, snapshot);

      send_error (self, SYN_ERROR_TOO_LARGE, message, 0);
      return;
    }
  self->sent_us = replica_snapshot_get_time_us (snapshot);
  self->n_snapshots++;
  head = syn_plain_head_of (self->lane, 200, self->form, replica_snapshot_get_token (snapshot), g_bytes_get_size (body), age_s,
                            self->wait_s, &length);
  syn_plain_conn_send (self, head, length, body);
}

static void
answered (SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms)
{
  SynPlainConn *self = conn_of_waiter (waiter);
  guint age_s = syn_waiter_get_age_ms (waiter) / 1000;

  if (answer == SYN_ANSWER_SNAPSHOT)
    send_snapshot (self, snapshot, age_s);
  else if (answer == SYN_ANSWER_ERROR)
    send_error (self, syn_http_error_code (error), error->message, retry_ms);
  else if (replica_token_equal (waiter->token, REPLICA_TOKEN_NONE))
    send_error (self, SYN_ERROR_UNAVAILABLE, "there is no snapshot yet", SYN_RETRY_MS);
  else
    send_unchanged (self, age_s);
}

void
syn_plain_conn_end_poll (SynPlainConn *self)
{
  if (self->lane->draining)
    {
      syn_waiter_withdraw (&self->waiter);
      send_error (self, SYN_ERROR_UNAVAILABLE, "the silo is going away", SYN_RETRY_MS);
    }
  else
    /* A client may end its side only, and still read: what it asked has an answer, which may be on its way to this lane. */
    syn_waiter_end_hold (&self->waiter);
}

/* Text of so many bytes takes longer to make than a lane should be kept: the front lane has the time. */
static gboolean
is_large (ReplicaSnapshot *snapshot)
{
  return snapshot != NULL && g_bytes_get_size (replica_snapshot_get_bytes (snapshot)) > SYN_MAX_PLAIN_TEXT_BYTES;
}

gboolean
syn_plain_conn_poll (SynPlainConn *self, const SynPlainRequest *request)
{
  SynPlainLane *lane = self->lane;
  char text[SYN_PLAIN_VALUE_MAX + 1], path[SYN_PLAIN_HEAD_MAX];
  SynForm form;

  if (lane->draining || !syn_plain_is_allowed (&lane->host, request)
      || !syn_http_negotiate (syn_plain_span_to_text (request->accept, text), &form))
    return FALSE;
  memcpy (path, request->path.text, request->path.length);
  path[request->path.length] = '\0';
  if (form != SYN_FORM_BINARY && is_large (syn_beacon_set_peek (lane->beacons, path)))
    return FALSE;
  self->form = (guint8) form;
  self->wait_s = (gint16) syn_http_parse_prefer_wait (syn_plain_span_to_text (request->prefer, text));
  self->state = SYN_PLAIN_WAITING;
  self->n_polls++;
  if (self->sent_us != 0)
    self->held_us = self->sent_us;
  else if (self->held_us == 0)
    self->held_us = syn_lane_real_us (lane->lane);
  self->moved_ms = syn_lane_now_ms (lane->lane);
  syn_metric_add (lane->lane, syn_plain_metrics.requests, 1);
  syn_metric_add (lane->lane, syn_plain_metrics.polls, 1);
  /* Without a token it is not a wait for news, but for the first snapshot, when there is none at all yet. */
  syn_beacon_set_poll (lane->beacons, &self->waiter, path, request->token,
                       replica_token_equal (request->token, REPLICA_TOKEN_NONE) ? SYN_HOLD_DEFAULT_MS
                                                                                : (guint) MAX (self->wait_s, 0) * 1000,
                       answered);
  if (self->state == SYN_PLAIN_WAITING)
    syn_epoll_set_note_parked (lane->set);
  return TRUE;
}
