/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Batches of events that an edge passes on to its upstream, as they came, over WebSockets of their own. On the upstream's thread, but for the order.
 *
 * A batch goes out once, over one connection, and what becomes of it there is its answer: who may send it again only its publisher knows. What comes from one
 * publisher's connection goes over one of ours, so that its batches arrive in their order; and several may be out without waiting a round trip for each. These
 * connections are made when there is something to publish, and live as long as the link stands and for a while after the last batch; no view is on them, for a
 * silo that has eight publications of a connection to answer reads nothing of it. What is out at a time is bounded in bytes: were all of it given to the sockets at
 * once, the last of it would be late for its time whenever the way up is slow. The oldest goes first, and what waits too long is refused.
 *
 * Rejected: POST for each (out of order, or one round trip after the other); the link of the views (all desks of the site would wait for one who
 * publishes). */
#define G_LOG_DOMAIN "syn-upstream"
#include "syn-upstream-private.h"

#include "syn-error.h"
#include "syn-limits.h"

#define IDLE_US (30 * G_USEC_PER_SEC)

typedef struct {
  SynParcel parcel; /* of the way back */
  SynUpstream *upstream;
  SynLane *lane;
  guint stream;
  GBytes *batch;    /* (owned) (nullable): until it is sent */
  gsize size_bytes;
  gint64 since_us;  /* it waits */
  SynUpstreamPublishedFunc func;
  gpointer user_data;
  SynUpstreamReceipt receipt;
  GError *error;    /* (owned) (nullable) */
  char *field;      /* (owned) (nullable) */
} Passing;

struct _SynUpstreamPipe {
  SynUpstream *upstream;
  ReplicaLink *link; /* (owned) (nullable): NULL: it is at rest */
  GQueue waiting;    /* (element-type Passing) (owned): the oldest first */
  guint n_out;
  gint64 used_us;
};

static void pass_on (SynUpstream *self);

/* ---- the way back ---- */

static void
run_receipt (SynLane *lane, SynParcel *parcel)
{
  Passing *self = (Passing *) parcel;

  self->receipt.error = self->error;
  self->receipt.field = self->field;
  self->func (&self->receipt, self->user_data);
  g_clear_error (&self->error);
  g_free (self->field);
  g_free (self);
}

/* Takes @error (nullable): NULL: it was accepted. */
static void
finish (Passing *self, GError *error)
{
  g_clear_pointer (&self->batch, g_bytes_unref);
  self->error = error;
  self->parcel.run = run_receipt;
  syn_lane_post (self->lane, &self->parcel);
}

static void
fail_waiting (SynUpstreamPipe *pipe)
{
  Passing *passing;

  while ((passing = g_queue_pop_head (&pipe->waiting)) != NULL)
    finish (passing, syn_upstream_new_away_error (pipe->upstream));
}

/* ---- out ---- */

static GError *
read_failure (Passing *self, GAsyncResult *result, const GError *error)
{
  const char *uri = self->upstream->uri, *field, *message;

  switch (replica_link_publication_get_end (result))
    {
    case REPLICA_PUBLICATION_REFUSED:
      self->receipt.is_answered = TRUE;
      replica_link_result_get_place (result, &self->receipt.event, &field, &message);
      self->receipt.retry_ms = replica_link_result_get_retry_ms (result);
      self->field = g_strdup (field);
      return g_error_new_literal (SYN_ERROR, error->code, message != NULL ? message : error->message);
    case REPLICA_PUBLICATION_UNKNOWN:
      return g_error_new (SYN_ERROR, SYN_ERROR_TIMEOUT, "the upstream %s has the batch, and its answer did not come: %s", uri, error->message);
    case REPLICA_PUBLICATION_NOT_SENT:
    default:
      return g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the upstream %s is away: %s", uri, error->message);
    }
}

static void
published (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Passing *self = user_data;
  SynUpstream *upstream = self->upstream;
  SynUpstreamPipe *pipe = &upstream->pipes[self->stream % SYN_MAX_UPSTREAM_PIPES];
  g_autoptr (GError) error = NULL;
  gboolean is_accepted = replica_link_publish_batch_finish (REPLICA_LINK (object), result, &self->receipt.accepted, &self->receipt.sequence, &error);

  pipe->n_out--;
  upstream->n_passing--;
  upstream->passing_bytes -= self->size_bytes;
  self->receipt.is_answered = is_accepted;
  finish (self, is_accepted ? NULL : read_failure (self, result, error));
  pass_on (upstream);
}

static void
send_oldest (SynUpstreamPipe *pipe)
{
  Passing *passing = g_queue_pop_head (&pipe->waiting);
  SynUpstream *upstream = pipe->upstream;
  g_autoptr (GBytes) batch = g_steal_pointer (&passing->batch);

  if (pipe->link == NULL)
    {
      pipe->link = syn_upstream_new_link (upstream);
      replica_link_start (pipe->link);
    }
  pipe->n_out++;
  upstream->n_passing++;
  upstream->passing_bytes += passing->size_bytes;
  replica_link_publish_bytes_async (pipe->link, batch, NULL, published, passing);
}

/* Of the pipes that may send, the one whose batch is the oldest: one that is too large for now is not overtaken by smaller ones for ever. */
static SynUpstreamPipe *
find_oldest (SynUpstream *self, gboolean whether_or_not)
{
  SynUpstreamPipe *oldest = NULL;

  for (guint i = 0; i < SYN_MAX_UPSTREAM_PIPES; i++)
    {
      SynUpstreamPipe *pipe = &self->pipes[i];

      if (pipe->waiting.length > 0 && (whether_or_not || pipe->n_out < SYN_MAX_PUBLISHES_PER_CONNECTION)
          && (oldest == NULL || ((Passing *) pipe->waiting.head->data)->since_us < ((Passing *) oldest->waiting.head->data)->since_us))
        oldest = pipe;
    }
  return oldest;
}

static void
arm (SynUpstream *self)
{
  SynUpstreamPipe *oldest = find_oldest (self, TRUE);
  gint64 due_us = oldest != NULL ? ((Passing *) oldest->waiting.head->data)->since_us + self->max_wait_us : G_MAXINT64;

  for (guint i = 0; i < SYN_MAX_UPSTREAM_PIPES; i++)
    if (self->pipes[i].link != NULL && self->pipes[i].n_out == 0 && self->pipes[i].waiting.length == 0)
      due_us = MIN (due_us, self->pipes[i].used_us + IDLE_US);
  replica_timer_set (self->pipes_timer, due_us == G_MAXINT64 ? -1 : due_us);
}

static void
pass_on (SynUpstream *self)
{
  SynUpstreamPipe *pipe;

  while ((pipe = find_oldest (self, FALSE)) != NULL
         && (self->passing_bytes == 0
             || self->passing_bytes + ((Passing *) pipe->waiting.head->data)->size_bytes <= self->max_passing_bytes))
    {
      pipe->used_us = g_get_monotonic_time ();
      send_oldest (pipe);
    }
  arm (self);
}

static void
rest (SynUpstreamPipe *pipe)
{
  g_autoptr (ReplicaLink) link = g_steal_pointer (&pipe->link);

  if (link != NULL)
    replica_link_stop (link); /* what is out says so */
}

static void
on_timer (gpointer data)
{
  SynUpstream *self = data;
  gint64 now_us = g_get_monotonic_time ();

  for (guint i = 0; i < SYN_MAX_UPSTREAM_PIPES; i++)
    {
      SynUpstreamPipe *pipe = &self->pipes[i];

      while (pipe->waiting.length > 0 && now_us - ((Passing *) pipe->waiting.head->data)->since_us >= self->max_wait_us)
        finish (g_queue_pop_head (&pipe->waiting),
                g_error_new (SYN_ERROR, SYN_ERROR_OVERLOADED, "the way to the upstream %s takes less than is published here: nothing of it was taken", self->uri));
      if (pipe->n_out == 0 && pipe->waiting.length == 0 && now_us - pipe->used_us >= IDLE_US)
        rest (pipe);
    }
  pass_on (self);
}

/* ---- in ---- */

static gboolean
start_cb (gpointer data)
{
  Passing *passing = data;
  SynUpstream *self = passing->upstream;

  if (replica_link_get_state (self->link) != REPLICA_LINK_ONLINE)
    {
      finish (passing, syn_upstream_new_away_error (self));
      return G_SOURCE_REMOVE;
    }
  passing->since_us = g_get_monotonic_time ();
  g_queue_push_tail (&self->pipes[passing->stream % SYN_MAX_UPSTREAM_PIPES].waiting, passing);
  pass_on (self);
  return G_SOURCE_REMOVE;
}

void
syn_upstream_publish (SynUpstream *self, SynLane *lane, guint stream, GBytes *batch, SynUpstreamPublishedFunc func, gpointer user_data)
{
  Passing *passing = g_new0 (Passing, 1);

  passing->upstream = self;
  passing->lane = lane;
  passing->stream = stream;
  passing->batch = batch;
  passing->size_bytes = g_bytes_get_size (batch);
  passing->func = func;
  passing->user_data = user_data;
  syn_upstream_invoke (self, start_cb, passing, NULL);
}

/* ---- all ---- */

void
syn_upstream_publish_init (SynUpstream *self)
{
  self->pipes = g_new0 (SynUpstreamPipe, SYN_MAX_UPSTREAM_PIPES);
  for (guint i = 0; i < SYN_MAX_UPSTREAM_PIPES; i++)
    self->pipes[i].upstream = self;
  self->pipes_timer = replica_timer_new (self->context, "upstream publications", replica_link_get_clock (self->link), on_timer, self);
}

/* Everything has its answer, at the latest when the tasks of the links have come to their end. */
static void
end_all (SynUpstream *self)
{
  for (guint i = 0; i < SYN_MAX_UPSTREAM_PIPES; i++)
    fail_waiting (&self->pipes[i]); /* first: what ends below makes room for them */
  for (guint i = 0; i < SYN_MAX_UPSTREAM_PIPES; i++)
    rest (&self->pipes[i]);
}

void
syn_upstream_publish_state_changed (SynUpstream *self)
{
  if (replica_link_get_state (self->link) != REPLICA_LINK_ONLINE)
    end_all (self);
}

void
syn_upstream_publish_clear (SynUpstream *self)
{
  end_all (self);
  while (self->n_passing > 0)
    g_main_context_iteration (self->context, TRUE);
  g_clear_pointer (&self->pipes_timer, replica_timer_free);
  g_clear_pointer (&self->pipes, g_free);
}
