/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publishing over a WebSocket: batches, what they are answered, and what is held of them. */
#include "ws-fixture.h"

#include <string.h>
#include "replica-snapshot-builder.h"
#include "syn-error.h"
#include "syn-ws-private.h"

/* A batch of @n_rows numbers for @source. */
static GBytes *
make_batch (const char *source, guint n_rows)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new (source, REPLICA_TOKEN_NONE, 0, n_rows);
  g_autofree gint64 *numbers = g_new0 (gint64, n_rows);
  const ReplicaColumn column = { .name = "price", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = n_rows, .data = numbers };
  g_autoptr (ReplicaSnapshot) snapshot = NULL;

  for (guint i = 0; i < n_rows; i++)
    numbers[i] = i * 1000003;
  replica_snapshot_builder_add (builder, &column);
  snapshot = replica_snapshot_builder_finish (builder, NULL);
  return g_bytes_ref (replica_snapshot_get_bytes (snapshot));
}

static GByteArray *
make_publication (guint32 request, GBytes *batch)
{
  const ReplicaWirePublish head = { .type = REPLICA_WIRE_PUBLISH, .request = request, .batch_bytes = (guint32) g_bytes_get_size (batch) };
  GByteArray *message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &head, sizeof head);
  g_byte_array_append (message, g_bytes_get_data (batch, NULL), (guint) g_bytes_get_size (batch));
  return message;
}

static void
send_batch (Fixture *f, Client *self, guint32 request, GBytes *batch)
{
  g_autoptr (GByteArray) message = make_publication (request, batch);

  send_frame (f, self, 0x82, message->data, message->len);
}

static void
assert_published (Fixture *f, Client *self, guint32 request)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_PUBLISHED, request);
  ReplicaWirePublished published;

  g_assert_cmpuint (g_bytes_get_size (payload), ==, sizeof published);
  memcpy (&published, g_bytes_get_data (payload, NULL), sizeof published);
  g_assert_cmpuint (published.accepted, ==, 7);
  g_assert_cmpuint (published.sequence, ==, 4711);
}

static void
assert_refused (Fixture *f, Client *self, guint32 request, guint code, guint event, const char *field, gboolean retry)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_REFUSED, request);
  const char *text = (const char *) g_bytes_get_data (payload, NULL) + sizeof (ReplicaWireRefusedHead);
  ReplicaWireRefusedHead head;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.code, ==, code);
  g_assert_cmpuint (head.event, ==, event);
  g_assert_cmpint (head.retry_ms > 0, ==, retry);
  g_assert_cmpuint (head.message_bytes + head.field_bytes, ==, g_bytes_get_size (payload) - sizeof head);
  g_assert_cmpmem (text, head.field_bytes, field, strlen (field));
  g_assert_cmpuint (head.message_bytes, >, 0);
  g_assert_true (g_utf8_validate_len (text, head.message_bytes, NULL));
}

/* What is held of all that is being published. */
static gsize
count_uploads (Fixture *f)
{
  for (guint i = 0; i < syn_silo_get_n_lanes (f->silo); i++)
    {
      SynWsLane *lane = syn_ws_lane_get (syn_silo_get_lane (f->silo, i));

      if (lane->conns != NULL)
        return syn_uploads_get_used (lane->conns->uploads);
    }
  g_assert_not_reached ();
}

static SynUploads *
get_uploads (Fixture *f)
{
  for (guint i = 0; i < syn_silo_get_n_lanes (f->silo); i++)
    if (syn_ws_lane_get (syn_silo_get_lane (f->silo, i))->conns != NULL)
      return syn_ws_lane_get (syn_silo_get_lane (f->silo, i))->conns->uploads;
  g_assert_not_reached ();
}

static void
assert_body (GBytes *batch)
{
  gsize length;
  const char *body = fixture_published_body (&length);

  g_assert_cmpmem (body, length, g_bytes_get_data (batch, NULL), g_bytes_get_size (batch));
  g_assert_cmpuint ((gsize) body % 8, ==, 0);
  g_assert_true (fixture_published_is_batch ());
}

static void
test_publish (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autoptr (GBytes) small = make_batch ("trades", 10), large = make_batch ("trades", 50000), unknown = make_batch ("trade", 1);
  g_autoptr (GBytes) closed = make_batch ("gen", 1), nothing = g_bytes_new (NULL, 0);

  fixture_publish_snapshot (f, 2);
  send_batch (f, client, 5, small);
  assert_published (f, client, 5);
  assert_body (small);
  send_batch (f, client, 6, large);
  assert_published (f, client, 6);
  assert_body (large);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  assert_snapshot (f, client, 1, 2);
  send_batch (f, client, 7, unknown);
  assert_refused (f, client, 7, REPLICA_ERROR_NOT_FOUND, 0, "", FALSE);
  send_batch (f, client, 8, closed);
  assert_refused (f, client, 8, REPLICA_ERROR_INVALID, 0, "", FALSE);
  send_batch (f, client, 9, nothing);
  assert_refused (f, client, 9, REPLICA_ERROR_INVALID, 0, "", FALSE);
  g_assert_cmpuint (fixture_n_published (), ==, 2);
  fixture_refuse_next (SYN_ERROR_INVALID, "not that", 12, "price");
  send_batch (f, client, 0, large);
  assert_refused (f, client, 0, REPLICA_ERROR_INVALID, 12, "price", FALSE);
  fixture_refuse_next (SYN_ERROR_OVERLOADED, "not now", 0, "");
  send_batch (f, client, 0, small);
  assert_refused (f, client, 0, REPLICA_ERROR_OVERLOADED, 0, "", TRUE);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, client);
}

/* With all that may be out, nothing more is read, and nobody else is kept waiting. */
static void
test_publish_many (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f), *other = open_client (f);
  g_autoptr (GBytes) batch = make_batch ("trades", 2000);
  guint8 first;

  fixture_hold_published (TRUE);
  for (guint32 i = 0; i < SYN_MAX_PUBLISHES_PER_CONNECTION + 3; i++)
    send_batch (f, client, i, batch);
  send_frame (f, client, 0x89, "now?", 4);
  fixture_settle (f);
  g_assert_cmpuint (fixture_n_published (), ==, SYN_MAX_PUBLISHES_PER_CONNECTION);
  g_assert_cmpuint (count_uploads (f), ==, SYN_MAX_PUBLISHES_PER_CONNECTION * (sizeof (ReplicaWirePublish) + g_bytes_get_size (batch)));
  assert_nothing (f, client);
  fixture_advance (f, 20000); /* who waits for us is not half silent */
  send_frame (f, other, 0x89, "", 0);
  g_bytes_unref (take_frame (f, other, &first));
  g_assert_cmphex (first, ==, 0x8a);
  fixture_release (f);
  for (guint32 i = 0; i < SYN_MAX_PUBLISHES_PER_CONNECTION; i++)
    assert_published (f, client, i);
  for (guint32 i = 0; i < 3; i++)
    assert_published (f, client, SYN_MAX_PUBLISHES_PER_CONNECTION + i);
  g_bytes_unref (take_frame (f, client, &first));
  g_assert_cmphex (first, ==, 0x8a);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, client);
  close_client (f, other);
}

/* What a connection published goes on without it. */
static void
test_publish_and_leave (Fixture *f, gconstpointer data)
{
  Client *watcher = open_client (f), *client;
  g_autoptr (GBytes) batch = make_batch ("trades", 20000);
  g_autoptr (GByteArray) half = make_publication (3, batch);

  client = open_client (f);
  fixture_hold_published (TRUE);
  send_batch (f, client, 1, batch);
  send_batch (f, client, 2, batch);
  client_send_bytes (f, client->fd, "\x82\xff\0\0\0\0\0\2\x71\x80\0\0\0\0", 14);
  client_send_bytes (f, client->fd, half->data, 70000);
  fixture_settle (f);
  g_assert_cmpuint (count_uploads (f), ==, 2 * half->len + 70000);
  close_client (f, client);
  g_assert_cmpuint (count_uploads (f), ==, 2 * half->len);
  fixture_release (f);
  g_assert_cmpuint (fixture_n_published (), ==, 2);
  g_assert_cmpuint (count_uploads (f), ==, 0);

  /* The same with as many out as may be. */
  client = open_client (f);
  fixture_hold_published (TRUE);
  for (guint32 i = 0; i < SYN_MAX_PUBLISHES_PER_CONNECTION + 1; i++)
    send_batch (f, client, i, batch);
  close_client (f, client);
  fixture_release (f);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, watcher);
}

static void
test_publish_no_room (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autoptr (GBytes) batch = make_batch ("trades", 20000), small = make_batch ("trades", 20);
  SynUploads *uploads = syn_uploads_ref (get_uploads (f));
  gsize whole = sizeof (ReplicaWirePublish) + g_bytes_get_size (batch);

  /* Whether the room ends with its first byte, in the middle or with its last. */
  for (gsize room = 0; room <= whole; room += room == whole - 1 ? 1 : (whole - 1) / 2)
    {
      g_assert_true (syn_uploads_take (uploads, SYN_MAX_UPLOAD_BYTES - room));
      send_batch (f, client, 1, batch);
      if (room < whole)
        assert_refused (f, client, 1, REPLICA_ERROR_OVERLOADED, 0, "", TRUE);
      else
        assert_published (f, client, 1);
      syn_uploads_give_back (uploads, SYN_MAX_UPLOAD_BYTES - room);
      g_assert_cmpuint (syn_uploads_get_used (uploads), ==, 0);
      send_batch (f, client, 2, small);
      assert_published (f, client, 2);
    }
  syn_uploads_take (uploads, SYN_MAX_UPLOAD_BYTES);
  send_batch (f, client, 3, small);
  assert_refused (f, client, 3, REPLICA_ERROR_OVERLOADED, 0, "", TRUE);
  syn_uploads_give_back (uploads, SYN_MAX_UPLOAD_BYTES);
  syn_uploads_unref (uploads);
  close_client (f, client);
}

/* A large message has its time as long as it moves. */
static void
test_publish_slowly (Fixture *f, gconstpointer data)
{
  Client *slow = open_client (f), *stuck = open_client (f);
  g_autofree guint8 *zeros = g_malloc0 (SYN_PUBLISH_PROGRESS_BYTES);
  g_autoptr (GBytes) small = make_batch ("trades", 1);

  for (guint i = 0; i < 2; i++)
    {
      Client *client = i == 0 ? slow : stuck;

      send_batch (f, client, 1, small); /* the time of what was before does not count */
      fixture_advance (f, SYN_STALL_MS / 2);
      assert_published (f, client, 1);
      client_send_bytes (f, client->fd, "\x82\xff\0\0\0\0\3\0\0\0\0\0\0\0\x10", 15);
    }
  for (guint i = 0; i < 4; i++)
    {
      fixture_advance (f, SYN_STALL_MS / 2 - 1000);
      client_send_bytes (f, slow->fd, zeros, SYN_PUBLISH_PROGRESS_BYTES);
      if (i < 2)
        client_send_bytes (f, stuck->fd, zeros, 1000);
    }
  assert_close (f, stuck, 1008);
  assert_nothing (f, slow);
  fixture_advance (f, SYN_STALL_MS + 1000);
  assert_close (f, slow, 1008);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, slow);
  close_client (f, stuck);
}

/* What was published has its answer before the end, and nothing is read meanwhile. */
static void
test_drain_publishing (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autoptr (GBytes) batch = make_batch ("trades", 3);

  fixture_hold_published (TRUE);
  send_batch (f, client, 1, batch);
  send_batch (f, client, 2, batch);
  fixture_settle (f);
  fixture_drain (f);
  send_batch (f, client, 3, batch);
  assert_nothing (f, client);
  fixture_release (f);
  assert_published (f, client, 1);
  assert_published (f, client, 2);
  assert_close (f, client, 1001);
  close_client (f, client);
  fixture_advance (f, 100);
  g_assert_true (f->drained);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/ws/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("publish", test_publish);
  ADD ("publish-many", test_publish_many);
  ADD ("publish-and-leave", test_publish_and_leave);
  ADD ("publish-no-room", test_publish_no_room);
  ADD ("publish-slowly", test_publish_slowly);
  ADD ("drain-publishing", test_drain_publishing);
  return g_test_run ();
}
