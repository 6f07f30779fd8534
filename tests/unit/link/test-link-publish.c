/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Batches over a link's WebSocket, against a scripted silo: what is sent, what its answers become, and the end of a connection. */

#include <string.h>

#include "fake-silo.h"
#include "replica-wire.h"

typedef struct
{
  gboolean done, published;
  guint64 accepted, sequence, line;
  guint retry_ms;
  char *field;
  GError *error;
} Outcome;

static void
published_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Outcome *self = user_data;
  const char *field, *message;

  g_assert_false (self->done);
  self->done = TRUE;
  self->published = replica_link_publish_batch_finish (REPLICA_LINK (object), result, &self->accepted, &self->sequence, &self->error);
  g_assert_true (self->published == (self->error == NULL));
  self->retry_ms = replica_link_result_get_retry_ms (result);
  if (replica_link_result_get_place (result, &self->line, &field, &message))
    self->field = g_strdup (field);
}

static void
clear (Outcome *self)
{
  g_clear_error (&self->error);
  g_free (self->field);
  *self = (Outcome){ 0 };
}

static ReplicaEventBatch *
make_batch (gint64 value)
{
  ReplicaEventBatch *batch = replica_event_batch_new ("ticks");

  replica_event_batch_add_field (batch, "n", REPLICA_TYPE_INT64, 0);
  replica_event_batch_set_int64 (batch, 0, value);
  replica_event_batch_commit (batch);
  return batch;
}

/* Sends a batch of one event of @value, as @number of "me" unless that is 0. */
static void
publish (Fake *fake, gint64 value, guint64 number, GCancellable *cancellable, Outcome *outcome)
{
  g_autoptr (ReplicaEventBatch) batch = make_batch (value);

  if (number > 0)
    replica_link_publish_batch_numbered_async (fake->link, batch, "me", number, cancellable, published_cb, outcome);
  else
    replica_link_publish_batch_async (fake->link, batch, cancellable, published_cb, outcome);
}

static guint32
expect (Fake *fake, gint64 value, guint64 number)
{
  guint32 request;
  g_autoptr (GBytes) bytes = fake_take_publication (fake, &request);
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = replica_snapshot_new_from_bytes (bytes, &error);
  guint64 sequence;

  g_assert_no_error (error);
  g_assert_cmpstr (replica_snapshot_get_path (snapshot), ==, "ticks");
  g_assert_cmpuint (replica_snapshot_get_n_rows (snapshot), ==, 1);
  g_assert_cmpint (replica_column_get_int64 (replica_snapshot_get_column (snapshot, 0), 0), ==, value);
  g_assert_cmpuint (replica_snapshot_get_n_frontier (snapshot), ==, number > 0);
  if (number > 0)
    {
      g_assert_cmpstr (replica_snapshot_get_frontier (snapshot, 0, &sequence), ==, "me");
      g_assert_cmpuint (sequence, ==, number);
    }
  return request;
}

static void
send_published (Fake *fake, guint32 request, guint64 accepted, guint64 sequence)
{
  const ReplicaWirePublished wire = { .type = REPLICA_WIRE_PUBLISHED, .request = request, .accepted = accepted, .sequence = sequence };

  fake_send (fake, &wire, sizeof wire);
}

static void
send_refused (Fake *fake, guint32 request, ReplicaError code, guint32 retry_ms, guint32 event, const char *field, const char *text)
{
  const ReplicaWireRefusedHead head = {
    .type = REPLICA_WIRE_REFUSED, .code = (guint16) code, .request = request, .retry_ms = retry_ms, .event = event,
    .field_bytes = (guint32) strlen (field), .message_bytes = (guint32) strlen (text),
  };
  g_autoptr (GByteArray) message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &head, sizeof head);
  g_byte_array_append (message, (const guint8 *) field, head.field_bytes);
  g_byte_array_append (message, (const guint8 *) text, head.message_bytes);
  fake_send (fake, message->data, message->len);
}

static void
test_answers (void)
{
  Fake *fake = fake_new ();
  Outcome one = { 0 }, two = { 0 }, three = { 0 };
  guint32 first, second, third;

  replica_link_start (fake->link);
  publish (fake, 10, 0, NULL, &one); /* before there is a connection */
  publish (fake, 11, 5, NULL, &two);
  fake_wait_state (fake, REPLICA_LINK_ONLINE);
  publish (fake, 12, 6, NULL, &three);
  first = expect (fake, 10, 0);
  second = expect (fake, 11, 5);
  third = expect (fake, 12, 6);
  /* In any order. */
  send_refused (fake, third, REPLICA_ERROR_INVALID, 0, 3, "price", "expected decimal(4), found int64");
  send_published (fake, first, 1, 4711);
  send_refused (fake, second, REPLICA_ERROR_OVERLOADED, 700, 0, "", "not now");
  fake_wait_until (fake, one.done && two.done && three.done);
  g_assert_true (one.published && one.accepted == 1 && one.sequence == 4711);
  g_assert_error (two.error, REPLICA_ERROR, REPLICA_ERROR_OVERLOADED);
  g_assert_cmpstr (two.error->message, ==, "not now");
  g_assert_cmpuint (two.retry_ms, ==, 700);
  g_assert_error (three.error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_assert_cmpstr (three.error->message, ==, "event 3, field price: expected decimal(4), found int64");
  g_assert_cmpuint (three.line, ==, 3);
  g_assert_cmpstr (three.field, ==, "price");
  /* An answer to nobody is for one who has gone: it ends nothing. */
  send_published (fake, 4711, 1, 1);
  fake_settle (fake);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_ONLINE);
  clear (&one);
  clear (&two);
  clear (&three);
  fake_free (fake);
}

static void
test_refused_here (void)
{
  Fake *fake = fake_new ();
  Outcome outcome = { 0 };
  g_autoptr (ReplicaEventBatch) batch = replica_event_batch_new ("ticks");

  /* Not started: there is nothing to wait for. */
  publish (fake, 1, 0, NULL, &outcome);
  fake_wait_until (fake, outcome.done);
  g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
  clear (&outcome);

  replica_event_batch_add_field (batch, "d", REPLICA_TYPE_DOUBLE, 0);
  replica_event_batch_set_double (batch, 0, 1.0 / 0.0);
  replica_event_batch_commit (batch);
  replica_link_start (fake->link);
  replica_link_publish_batch_async (fake->link, batch, NULL, published_cb, &outcome);
  fake_wait_until (fake, outcome.done);
  g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_assert_nonnull (strstr (outcome.error->message, "event 1, field \"d\""));
  clear (&outcome);
  replica_event_batch_clear (batch);
  replica_link_publish_batch_numbered_async (fake->link, batch, "it's me", 1, NULL, published_cb, &outcome);
  fake_wait_until (fake, outcome.done);
  g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  clear (&outcome);
  fake_free (fake);
}

/* A connection that ends takes what is out with it; the next one serves what comes then. */
static void
test_lost (void)
{
  for (guint how = 0; how < 3; how++)
    {
      Fake *fake = fake_new ();
      Outcome sent = { 0 }, later = { 0 }, again = { 0 };

      replica_link_start (fake->link);
      publish (fake, 1, 7, NULL, &sent);
      expect (fake, 1, 7);
      if (how == 0)
        fake_vanish (fake);
      else if (how == 1)
        soup_websocket_connection_close (fake_last_connection (fake), 1001, "draining");
      else
        replica_link_stop (fake->link);
      fake_wait_until (fake, sent.done);
      g_assert_error (sent.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
      g_assert_nonnull (strstr (sent.error->message, "not known"));
      g_assert_cmpuint (sent.retry_ms, ==, 0);
      publish (fake, 1, 7, NULL, &later); /* offline: at once */
      fake_wait_until (fake, later.done);
      g_assert_error (later.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
      if (how == 2)
        replica_link_start (fake->link);
      else
        fake_advance_ms (fake, 400);
      fake_wait_state (fake, REPLICA_LINK_ONLINE);
      publish (fake, 1, 7, NULL, &again);
      send_published (fake, expect (fake, 1, 7), 1, 9);
      fake_wait_until (fake, again.done);
      g_assert_true (again.published);
      clear (&sent);
      clear (&later);
      clear (&again);
      fake_free (fake);
    }
}

typedef struct
{
  Outcome outcome;
  ReplicaPublicationEnd end;
} Passed;

static void
passed_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Passed *self = user_data;

  published_cb (object, result, &self->outcome);
  self->end = replica_link_publication_get_end (result);
}

/* A program that passes on what others publish is told whether a batch can have been taken. */
static void
test_passed_on (void)
{
  Fake *fake = fake_new ();
  const char text[] = "whatever its publisher sent";
  g_autoptr (GBytes) batch = g_bytes_new_static (text, sizeof text), came = NULL;
  Passed passed = { { 0 } };
  guint32 request;

  replica_link_publish_bytes_async (fake->link, batch, NULL, passed_cb, &passed);
  fake_wait_until (fake, passed.outcome.done);
  g_assert_error (passed.outcome.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
  g_assert_cmpint (passed.end, ==, REPLICA_PUBLICATION_NOT_SENT);
  clear (&passed.outcome);

  replica_link_start (fake->link);
  replica_link_publish_bytes_async (fake->link, batch, NULL, passed_cb, &passed);
  came = fake_take_publication (fake, &request);
  g_assert_cmpmem (text, sizeof text, g_bytes_get_data (came, NULL), g_bytes_get_size (came));
  send_refused (fake, request, REPLICA_ERROR_UNAVAILABLE, 300, 0, "", "recovering");
  fake_wait_until (fake, passed.outcome.done);
  g_assert_cmpint (passed.end, ==, REPLICA_PUBLICATION_REFUSED);
  g_assert_cmpuint (passed.outcome.retry_ms, ==, 300);
  clear (&passed.outcome);

  replica_link_publish_bytes_async (fake->link, batch, NULL, passed_cb, &passed);
  g_bytes_unref (fake_take_publication (fake, &request));
  fake_vanish (fake);
  fake_wait_until (fake, passed.outcome.done);
  g_assert_cmpint (passed.end, ==, REPLICA_PUBLICATION_UNKNOWN);
  clear (&passed.outcome);
  fake_free (fake);
}

/* One that does not come fails what waits for it. */
static void
test_no_connection (void)
{
  Fake *fake = fake_new ();
  Outcome outcome = { 0 };

  fake_end_server (fake);
  replica_link_start (fake->link);
  publish (fake, 1, 0, NULL, &outcome);
  fake_wait_until (fake, outcome.done);
  g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (outcome.error->message, fake->uri));
  g_assert_null (strstr (outcome.error->message, "not known"));
  clear (&outcome);
  fake_free (fake);
}

static void
test_cancel (void)
{
  Fake *fake = fake_new ();
  g_autoptr (GCancellable) before = g_cancellable_new (), sent = g_cancellable_new ();
  Outcome one = { 0 }, two = { 0 }, three = { 0 };
  guint32 request;

  replica_link_start (fake->link);
  publish (fake, 1, 0, before, &one);
  g_cancellable_cancel (before);
  fake_wait_until (fake, one.done);
  publish (fake, 2, 0, before, &three);
  fake_wait_state (fake, REPLICA_LINK_ONLINE);
  fake_wait_until (fake, three.done);
  clear (&three);
  publish (fake, 3, 0, sent, &two);
  publish (fake, 4, 0, NULL, &three);
  request = expect (fake, 3, 0);
  g_cancellable_cancel (sent);
  fake_wait_until (fake, two.done);
  g_assert_error (one.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (two.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  send_published (fake, request, 1, 1);
  send_published (fake, expect (fake, 4, 0), 1, 2);
  fake_wait_until (fake, three.done);
  g_assert_cmpuint (three.sequence, ==, 2);
  clear (&one);
  clear (&two);
  clear (&three);
  fake_free (fake);
}

/* A server that never answers is taken for dead, later than it would take to say so. */
static void
test_mute (void)
{
  Fake *fake = fake_new ();
  Outcome outcome = { 0 };

  replica_link_start (fake->link);
  publish (fake, 1, 0, NULL, &outcome);
  expect (fake, 1, 0);
  fake_advance_ms (fake, 59000);
  g_assert_false (outcome.done);
  fake_advance_ms (fake, 2000);
  fake_wait_until (fake, outcome.done);
  g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
  clear (&outcome);
  fake_free (fake);
}

static void
test_garbage (void)
{
  static const struct
  {
    const char *name;
    guint8 bytes[40];
    gsize size;
  } cases[] = {
    { "a short published", { 0x90 }, 23 },
    { "reserved in published", { 0x90, 0, 1 }, 24 },
    { "a short refused", { 0x91 }, 31 },
    { "reserved in refused", { 0x91, 1 }, 32 },
    { "more reserved in refused", { [0] = 0x91, [31] = 1 }, 32 },
    { "a refused that lies about its size", { [0] = 0x91, [16] = 9 }, 40 },
    { "a refused whose sizes overflow", { [0] = 0x91, [16] = 0xff, 0xff, 0xff, 0xff, 9, 0, 0, 0 }, 40 },
    { "a refused that is not UTF-8", { [0] = 0x91, [20] = 1, [32] = 0xff }, 33 },
    { "a refused with a field that is not UTF-8", { [0] = 0x91, [16] = 1, [32] = 0xff }, 33 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fake *fake = fake_new ();
      Outcome outcome = { 0 };

      g_test_message ("%s", cases[i].name);
      replica_link_start (fake->link);
      publish (fake, 1, 0, NULL, &outcome);
      expect (fake, 1, 0);
      fake_send (fake, cases[i].bytes, cases[i].size);
      fake_wait_until (fake, outcome.done);
      g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
      g_assert_nonnull (strstr (outcome.error->message, "broke the protocol"));
      clear (&outcome);
      fake_free (fake);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link-publish/answers", test_answers);
  g_test_add_func ("/link-publish/refused-here", test_refused_here);
  g_test_add_func ("/link-publish/lost", test_lost);
  g_test_add_func ("/link-publish/passed-on", test_passed_on);
  g_test_add_func ("/link-publish/no-connection", test_no_connection);
  g_test_add_func ("/link-publish/cancel", test_cancel);
  g_test_add_func ("/link-publish/mute", test_mute);
  g_test_add_func ("/link-publish/garbage", test_garbage);
  return g_test_run ();
}
