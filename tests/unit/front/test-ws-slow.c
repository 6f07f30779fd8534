/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Peers of a WebSocket that are slow, deaf or gone: what they cost, and when they are closed. */
#include "ws-fixture.h"

#include "syn-ws-private.h"

/* ---- slow peers ---- */

static void
test_slow_reader (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  guint n_rows = 2000000; /* 16 MB: more than both ends' sockets take at once */

  fixture_publish_snapshot (f, n_rows);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  /* What it asks before it has taken that waits, unread. */
  send_poll (f, client, 2, "quotes", REPLICA_TOKEN_NONE, 0);
  send_frame (f, client, 0x89, "p", 1);
  fixture_advance (f, SYN_STALL_MS / 2);
  fixture_publish_snapshot (f, 1); /* meanwhile */
  assert_snapshot (f, client, 1, n_rows);
  {
    guint8 first;

    g_bytes_unref (take_frame (f, client, &first));
    g_assert_cmphex (first, ==, 0x8a);
  }
  assert_snapshot (f, client, 2, 1); /* the newest, not what was when it asked */
  assert_nothing (f, client);
  close_client (f, client);
}

static void
test_stalled_reader (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  guint before = fixture_count_descriptors ();

  fixture_publish_snapshot (f, 2000000);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  fixture_advance (f, SYN_STALL_MS - 1000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  fixture_advance (f, SYN_STALL_MS + 2000); /* counted from a byte that its system took */
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
  close_client (f, client);
}

/* Who takes less in a minute than makes room for more of it is slow, and not stalled. */
static void
test_trickle (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  guint before = fixture_count_descriptors ();
  int small = 32768;

  setsockopt (client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  fixture_publish_snapshot (f, 2000000);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  for (guint i = 0; i < 5; i++)
    {
      static char some[1 << 18];

      fixture_advance (f, SYN_STALL_MS / 2);
      g_assert_cmpint (recv (client->fd, some, sizeof some, 0), >, 0);
      fixture_advance (f, SYN_STALL_MS / 2);
      g_assert_cmpuint (fixture_count_descriptors (), ==, before);
    }
  fixture_advance (f, 2 * SYN_STALL_MS + 1000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
  close_client (f, client);
}

/* Who leaves in the middle of an answer, or while it waits, leaves nothing behind. */
static void
test_leaving (Fixture *f, gconstpointer data)
{
  guint before = (warm_up (f), fixture_count_descriptors ());
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 2000000);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  close_client (f, client);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);

  client = open_client (f);
  send_poll (f, client, 1, "quotes", fixture_token (f), 30000);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 1);
  close_client (f, client);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 0);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
}

static void
test_half_a_message (Fixture *f, gconstpointer data)
{
  Client *half_head = open_client (f), *half_message = open_client (f), *idle = open_client (f);

  client_send_bytes (f, half_head->fd, "\x82\xa0\x01", 3);
  send_frame (f, half_message, 0x02, "abc", 3);
  fixture_advance (f, SYN_STALL_MS - 1000);
  client_send_bytes (f, half_head->fd, "\x02", 1); /* a byte now and then does not help */
  fixture_advance (f, 2000);
  assert_close (f, half_head, 1008);
  assert_close (f, half_message, 1008);
  assert_nothing (f, idle); /* who has nothing half said may be silent */
  close_client (f, half_head);
  close_client (f, half_message);
  close_client (f, idle);
}

/* A client that does not end after its close is not waited for long. */
static void
test_linger (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  guint before = fixture_count_descriptors ();

  send_frame (f, client, 0x81, "text", 4);
  fixture_settle (f);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  fixture_advance (f, SYN_WS_LINGER_MS + 100);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
  close_client (f, client);
}

/* ---- a thousand that do not read ---- */

#define N_DEAF 1000
#define N_DEAF_VIEWS 4

/* What all connections hold back, in bytes: their heads, and each body once. */
typedef struct {
  gsize bytes;
  guint n_outs, max_outs, n_bodies, n_conns;
} Held;

static Held
count_held (Fixture *f)
{
  g_autoptr (GHashTable) bodies = g_hash_table_new (NULL, NULL);
  Held held = { 0 };

  for (guint i = 0; i < syn_silo_get_n_lanes (f->silo); i++)
    for (SynWsConn *conn = syn_ws_lane_get (syn_silo_get_lane (f->silo, i))->conns; conn != NULL; conn = conn->next)
      {
        guint n = 0;

        held.n_conns++;
        for (SynWsOut *out = conn->out; out != NULL; out = out->next, n++)
          {
            held.bytes += sizeof *out + out->head_bytes;
            if (out->hold.body != NULL && g_hash_table_add (bodies, out->hold.body))
              held.bytes += g_bytes_get_size (out->hold.body);
          }
        held.n_outs += n;
        held.max_outs = MAX (held.max_outs, n);
      }
  held.n_bodies = g_hash_table_size (bodies);
  return held;
}

/* The next frame is a snapshot, for whichever view. */
static void
assert_snapshot_on (Fixture *f, Client *self, guint n_rows)
{
  guint8 first = 0;
  g_autoptr (GBytes) payload = take_frame (f, self, &first);
  g_autoptr (GBytes) body = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;

  g_assert_nonnull (payload);
  g_assert_cmphex (*(const guint8 *) g_bytes_get_data (payload, NULL), ==, REPLICA_WIRE_SNAPSHOT);
  body = g_bytes_new_from_bytes (payload, sizeof (ReplicaWireSnapshotHead), g_bytes_get_size (payload) - sizeof (ReplicaWireSnapshotHead));
  snapshot = replica_snapshot_new_from_bytes (body, NULL);
  g_assert_nonnull (snapshot);
  g_assert_cmpuint (replica_snapshot_get_n_rows (snapshot), ==, n_rows);
}

/* Each costs the one answer that it asked for, whatever its views and however many snapshots come; in the end the newest is what it gets, and who
 * takes nothing is closed. */
static void
test_deaf_crowd (Fixture *f, gconstpointer data)
{
  g_autofree Client **clients = g_new (Client *, N_DEAF);
  gsize body;
  Held held;

  if (!fixture_need_descriptors (2 * N_DEAF + 200))
    return;
  fixture_publish_snapshot (f, 1);
  for (guint i = 0; i < N_DEAF; i++)
    {
      clients[i] = open_deaf (f, i);
      for (guint view = 1; view <= N_DEAF_VIEWS; view++)
        send_poll (f, clients[i], view, "quotes", fixture_token (f), 30000);
    }
  g_assert_cmpuint (fixture_n_waiting (f), ==, N_DEAF * N_DEAF_VIEWS);
  for (guint i = 0; i < 20; i++)
    {
      fixture_publish_snapshot (f, 20000 + i);
      held = count_held (f);
      g_assert_cmpuint (held.n_conns, ==, N_DEAF);
      g_assert_cmpuint (held.n_outs, ==, N_DEAF);
      g_assert_cmpuint (held.max_outs, ==, 1);
      g_assert_cmpuint (held.n_bodies, ==, 1);
      body = 20000 * 8 + 4096;
      g_assert_cmpuint (held.bytes, <, body + N_DEAF * (sizeof (SynWsOut) + 64));
      fixture_advance (f, 1000);
    }
  g_assert_cmpuint (fixture_n_waiting (f), ==, 0); /* nor does it keep polls of theirs */
  /* One wakes up: what was on its way, then the newest for the others. */
  assert_snapshot_on (f, clients[7], 20000);
  for (guint i = 1; i < N_DEAF_VIEWS; i++)
    assert_snapshot_on (f, clients[7], 20019);
  assert_nothing (f, clients[7]);
  /* The others are closed when their time is over. */
  fixture_advance (f, SYN_STALL_MS);
  held = count_held (f);
  g_assert_cmpuint (held.n_conns, ==, 1);
  g_assert_cmpuint (held.bytes, ==, 0);
  for (guint i = 0; i < N_DEAF; i++)
    close_client (f, clients[i]);
}

/* Deaf ones that each hold another snapshot: past the limit those go who have held theirs for longest. */
static void
test_deaf_to_different (Fixture *f, gconstpointer data)
{
  guint n_lanes = syn_silo_get_n_lanes (f->silo), n = 5 * n_lanes;
  g_autofree Client **clients = g_new (Client *, n);
  Held held;

  for (guint i = 0; i < n_lanes; i++)
    syn_slow_bodies_set_max (syn_slow_bodies_for_lane (syn_silo_get_lane (f->silo, i)), 5000000);
  for (guint i = 0; i < n; i++)
    {
      guint n_held = MIN (i / n_lanes + 1, 3);

      clients[i] = open_deaf (f, i);
      fixture_publish_snapshot (f, 200000 + i); /* 1.6 MB: three of a lane */
      send_poll (f, clients[i], 1, "quotes", REPLICA_TOKEN_NONE, 0);
      fixture_advance (f, 1);
      held = count_held (f);
      if (i % n_lanes == n_lanes - 1)
        {
          g_assert_cmpuint (held.n_conns, ==, n_held * n_lanes);
          g_assert_cmpuint (held.n_bodies, ==, n_held * n_lanes);
        }
    }
  for (guint i = n; i-- > 0;)
    {
      if (i >= 2 * n_lanes)
        assert_snapshot_on (f, clients[i], 200000 + i);
      close_client (f, clients[i]);
    }
  for (guint i = 0; i < n_lanes; i++)
    g_assert_cmpuint (syn_slow_bodies_get_bytes (syn_slow_bodies_for_lane (syn_silo_get_lane (f->silo, i))), ==, 0);
}

/* Somebody else has the descriptor of one that is gone, as a tool has that lists those of all processes: nothing is told of it any more. */
static void
test_held_elsewhere (Fixture *f, gconstpointer data)
{
  g_autoptr (SynUploads) uploads = syn_uploads_new (f->catalog, SYN_MAX_UPLOAD_BYTES);
  int pair[2], elsewhere;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
  elsewhere = dup (pair[0]);
  syn_ws_lane_give (syn_silo_get_lane (f->silo, 0), pair[0], NULL, NULL, "gone/1", uploads);
  fixture_settle (f);
  g_assert_cmpuint (count_held (f).n_conns, ==, 1);
  g_assert_cmpint (shutdown (pair[1], SHUT_RDWR), ==, 0);
  fixture_advance (f, 1);
  g_assert_cmpuint (count_held (f).n_conns, ==, 0);
  fixture_advance (f, 1);
  close (elsewhere);
  close (pair[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/ws/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("slow-reader", test_slow_reader);
  ADD ("stalled-reader", test_stalled_reader);
  ADD ("trickle", test_trickle);
  ADD ("deaf-crowd", test_deaf_crowd);
  ADD ("deaf-to-different", test_deaf_to_different);
  ADD ("leaving", test_leaving);
  ADD ("held-elsewhere", test_held_elsewhere);
  ADD ("half-a-message", test_half_a_message);
  ADD ("linger", test_linger);
  return g_test_run ();
}
