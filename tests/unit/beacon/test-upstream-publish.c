/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Batches that an edge passes on, to an upstream that does what the test says: the real thread and real links on one side, a scripted silo on this
 * thread. */
#include "fake-silo.h"
#include "replica-wire.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-test.h"
#include "syn-upstream-private.h"

#include <string.h>

typedef struct {
  Fake *fake;
  SynSilo *silo;
  SynUpstream *upstream;
  guint n_answers;
  gboolean refuses; /* WebSockets */
} Fixture;

typedef struct {
  Fixture *fixture;
  guint order; /* of the answer, from 1; 0: not yet */
  gboolean is_answered;
  guint64 accepted, sequence, event;
  guint retry_ms;
  char *field;
  GError *error;
} Outcome;

static void
let_edge_in (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  g_assert_nonnull (soup_message_headers_get_one (soup_server_message_get_request_headers (message), SYN_CHAIN_HEADER));
  soup_message_headers_replace (soup_server_message_get_response_headers (message), SYN_CHAIN_HEADER, "0123456789abcdef");
  if (((Fixture *) user_data)->refuses)
    soup_server_message_set_status (message, SOUP_STATUS_SERVICE_UNAVAILABLE, NULL);
}

static void
turn (Fixture *self)
{
  while (g_main_context_iteration (self->fake->context, FALSE))
    continue;
  syn_silo_settle (self->silo);
  g_thread_yield ();
}

#define turn_until(self, condition) \
  while (!(condition))              \
  turn (self)

static gboolean
is_online (Fixture *self)
{
  g_auto (SynUpstreamStatus) status = { 0 };

  syn_upstream_get_status (self->upstream, &status);
  return status.state == REPLICA_LINK_ONLINE;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  *self = (Fixture){ .fake = fake_new () };
  soup_server_add_early_handler (self->fake->server, REPLICA_WIRE_ENDPOINT, let_edge_in, self, NULL);
  self->silo = syn_silo_new_stepped (1, NULL, &error);
  g_assert_no_error (error);
  syn_chain_install (self->silo, self->fake->uri);
  self->upstream = syn_upstream_new (self->silo, self->fake->uri, NULL, &error);
  g_assert_no_error (error);
}

static void
start (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  syn_silo_start (self->silo, NULL, &error);
  g_assert_no_error (error);
  syn_upstream_start (self->upstream);
  turn_until (self, is_online (self));
  g_assert_cmpuint (self->fake->connections->len, ==, 1);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  syn_silo_free (self->silo);
  fake_free (self->fake);
}

static void
published (const SynUpstreamReceipt *receipt, gpointer user_data)
{
  Outcome *self = user_data;

  g_assert_cmpuint (self->order, ==, 0);
  self->order = ++self->fixture->n_answers;
  self->is_answered = receipt->is_answered;
  self->accepted = receipt->accepted;
  self->sequence = receipt->sequence;
  self->event = receipt->event;
  self->retry_ms = receipt->retry_ms;
  self->field = g_strdup (receipt->field);
  self->error = receipt->error != NULL ? g_error_copy (receipt->error) : NULL;
}

static void
clear (Outcome *self)
{
  g_free (self->field);
  g_clear_error (&self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Outcome, clear)

/* A batch is whatever its publisher sent: here a text. */
static void
publish (Fixture *self, guint stream, const char *batch, Outcome *outcome)
{
  outcome->fixture = self;
  syn_upstream_publish (self->upstream, syn_silo_get_front_lane (self->silo), stream, g_bytes_new (batch, strlen (batch)), published, outcome);
}

/* The next batch has come, and is this one; its number. */
static guint32
take (Fixture *self, const char *batch)
{
  guint32 request;
  g_autoptr (GBytes) bytes = NULL;

  turn_until (self, self->fake->publications.length > 0);
  bytes = fake_take_publication (self->fake, &request);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), batch, strlen (batch));
  return request;
}

/* Over which connection the next message came, and its answer goes, the test knows from the order in which they were made. */
static void
answer (Fixture *self, guint connection, gconstpointer data, gsize size)
{
  soup_websocket_connection_send_binary (g_ptr_array_index (self->fake->connections, connection), data, size);
}

static void
accept (Fixture *self, guint connection, guint32 request, guint64 accepted, guint64 sequence)
{
  const ReplicaWirePublished wire = { .type = REPLICA_WIRE_PUBLISHED, .request = request, .accepted = accepted, .sequence = sequence };

  answer (self, connection, &wire, sizeof wire);
}

static void
test_answers (Fixture *self, gconstpointer data)
{
  g_auto (Outcome) one = { 0 }, two = { 0 }, three = { 0 };
  struct {
    ReplicaWireRefusedHead head;
    char text[32];
  } refused = { .head = { .type = REPLICA_WIRE_REFUSED, .code = REPLICA_ERROR_OVERLOADED, .retry_ms = 700, .event = 3, .field_bytes = 5, .message_bytes = 9 },
                .text = "pricenot today" };
  guint32 first, second;

  start (self);
  publish (self, 4, "one", &one);
  publish (self, 4, "two", &two);
  first = take (self, "one"); /* in order, and neither waits for the other's answer */
  second = take (self, "two");
  g_assert_cmpuint (self->fake->connections->len, ==, 2);
  refused.head.request = second;
  answer (self, 1, &refused, sizeof refused.head + 14);
  turn_until (self, two.order != 0);
  g_assert_cmpuint (one.order, ==, 0);
  g_assert_error (two.error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  g_assert_cmpstr (two.error->message, ==, "not today");
  g_assert_cmpuint (two.retry_ms, ==, 700);
  g_assert_cmpuint (two.event, ==, 3);
  g_assert_cmpstr (two.field, ==, "price");
  g_assert_true (two.is_answered);
  accept (self, 1, first, 5, 4711);
  turn_until (self, one.order != 0);
  g_assert_no_error (one.error);
  g_assert_cmpuint (one.accepted, ==, 5);
  g_assert_cmpuint (one.sequence, ==, 4711);
  g_assert_true (one.is_answered);

  /* Another publisher has another connection. */
  publish (self, 5, "three", &three);
  accept (self, 2, take (self, "three"), 1, 4712);
  turn_until (self, three.order != 0);
  g_assert_cmpuint (self->fake->connections->len, ==, 3);
}

/* What left and has no answer is not known; what comes then goes over a new connection. */
static void
test_lost (Fixture *self, gconstpointer data)
{
  g_auto (Outcome) lost = { 0 }, again = { 0 };

  start (self);
  publish (self, 0, "lost", &lost);
  take (self, "lost");
  fake_vanish (self->fake);
  turn_until (self, lost.order != 0);
  g_assert_error (lost.error, SYN_ERROR, SYN_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (lost.error->message, self->fake->uri));
  g_assert_false (lost.is_answered);
  turn_until (self, self->fake->connections->len == 3);
  publish (self, 0, "again", &again);
  accept (self, 2, take (self, "again"), 1, 1);
  turn_until (self, again.order != 0);
  g_assert_no_error (again.error);
}

/* The link stands, but no connection to publish over is to be had: while one is tried for, and between two attempts. */
static void
test_no_connection (Fixture *self, gconstpointer data)
{
  start (self);
  self->refuses = TRUE;
  for (guint i = 0; i < 3; i++)
    {
      g_auto (Outcome) refused = { 0 };

      publish (self, 0, "refused", &refused);
      turn_until (self, refused.order != 0);
      g_assert_error (refused.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
      g_assert_nonnull (strstr (refused.error->message, "503"));
      g_assert_false (refused.is_answered);
    }
  g_assert_cmpuint (self->fake->publications.length, ==, 0);
  g_assert_true (is_online (self));
}

/* Away is said at once, and nothing is kept to be sent later. */
static void
test_away (Fixture *self, gconstpointer data)
{
  g_auto (Outcome) out = { 0 }, later = { 0 };
  SoupWebsocketConnection *link;

  start (self);
  publish (self, 0, "out", &out);
  take (self, "out");
  link = g_ptr_array_index (self->fake->connections, 0);
  soup_server_disconnect (self->fake->server);
  soup_websocket_connection_close (link, 1001, NULL);
  turn_until (self, !is_online (self) && out.order != 0);
  g_assert_error (out.error, SYN_ERROR, SYN_ERROR_TIMEOUT); /* it had left: the other connection has ended with the link */
  publish (self, 0, "later", &later);
  turn_until (self, later.order != 0);
  g_assert_error (later.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  g_assert_false (later.is_answered);
  g_assert_cmpuint (self->fake->publications.length, ==, 0);
}

/* What is out is bounded, in bytes and by connection; the oldest goes first, and one that is larger than the bound goes alone. */
static void
test_window (Fixture *self, gconstpointer data)
{
  Outcome outcomes[3] = { { 0 } };
  guint32 request;

  self->upstream->max_passing_bytes = 10;
  start (self);
  publish (self, 0, "12345678", &outcomes[0]);
  publish (self, 0, "too large for it", &outcomes[1]);
  publish (self, 1, "1", &outcomes[2]); /* would fit, and is younger */
  request = take (self, "12345678");
  for (guint i = 0; i < 1000; i++)
    turn (self);
  g_assert_cmpuint (self->fake->publications.length, ==, 0);
  g_assert_cmpuint (self->fake->connections->len, ==, 2);
  accept (self, 1, request, 1, 1);
  request = take (self, "too large for it");
  g_assert_cmpuint (outcomes[0].order, ==, 1);
  for (guint i = 0; i < 1000; i++)
    turn (self);
  g_assert_cmpuint (self->fake->publications.length, ==, 0);
  accept (self, 1, request, 1, 2);
  accept (self, 2, take (self, "1"), 1, 3);
  turn_until (self, outcomes[2].order != 0);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (outcomes[i].sequence, ==, i + 1);
}

static void
test_window_of_one (Fixture *self, gconstpointer data)
{
  Outcome outcomes[SYN_MAX_PUBLISHES_PER_CONNECTION + 1] = { { 0 } };
  guint32 requests[SYN_MAX_PUBLISHES_PER_CONNECTION + 1];

  start (self);
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
    publish (self, 0, "x", &outcomes[i]);
  for (guint i = 0; i < SYN_MAX_PUBLISHES_PER_CONNECTION; i++)
    requests[i] = take (self, "x");
  for (guint i = 0; i < 1000; i++)
    turn (self);
  g_assert_cmpuint (self->fake->publications.length, ==, 0);
  accept (self, 1, requests[0], 1, 1);
  requests[SYN_MAX_PUBLISHES_PER_CONNECTION] = take (self, "x");
  for (guint i = 1; i < G_N_ELEMENTS (outcomes); i++)
    accept (self, 1, requests[i], 1, i + 1);
  turn_until (self, self->n_answers == G_N_ELEMENTS (outcomes));
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
    {
      g_assert_cmpuint (outcomes[i].sequence, ==, i + 1);
      g_assert_cmpuint (outcomes[i].order, ==, i + 1);
    }
}

/* What cannot leave for too long is refused, and its room is free again. */
static void
test_waits_too_long (Fixture *self, gconstpointer data)
{
  g_auto (Outcome) out = { 0 }, late = { 0 }, next = { 0 };
  guint32 request;

  self->upstream->max_passing_bytes = 1;
  self->upstream->max_wait_us = 1000;
  start (self);
  publish (self, 0, "out", &out);
  request = take (self, "out");
  publish (self, 0, "late", &late);
  turn_until (self, late.order != 0);
  g_assert_error (late.error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  g_assert_nonnull (strstr (late.error->message, "nothing of it was taken"));
  g_assert_cmpuint (out.order, ==, 0); /* it had left: it has its answer yet to come */
  accept (self, 1, request, 1, 1);
  turn_until (self, out.order != 0);
  g_assert_no_error (out.error);
  publish (self, 0, "next", &next);
  accept (self, 1, take (self, "next"), 1, 2);
  turn_until (self, next.order != 0);
  g_assert_no_error (next.error);
}

/* A silo that ends answers all that is out, and all that waits. */
static void
test_end (Fixture *self, gconstpointer data)
{
  Outcome out = { 0 }, waiting = { 0 };

  self->upstream->max_passing_bytes = 1;
  start (self);
  publish (self, 0, "out", &out);
  take (self, "out");
  publish (self, 1, "waiting", &waiting);
  syn_silo_free (g_steal_pointer (&self->silo));
  g_assert_error (out.error, SYN_ERROR, SYN_ERROR_TIMEOUT);
  g_assert_error (waiting.error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  clear (&out);
  clear (&waiting);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/upstream-publish/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("answers", test_answers);
  ADD ("lost", test_lost);
  ADD ("no-connection", test_no_connection);
  ADD ("away", test_away);
  ADD ("window", test_window);
  ADD ("window-of-one", test_window_of_one);
  ADD ("waits-too-long", test_waits_too_long);
  ADD ("end", test_end);
#undef ADD
  return g_test_run ();
}
