/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operator's list of connections: who is listed, how, and in which order; and while they end. */
#include "ws-fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-limits.h"

/* The entry of @list for connection number @index as listed, up to the next. */
static char *
entry_of (const char *list, guint index)
{
  const char *at = strstr (list, "\"connections\":[");
  const char *end;

  for (guint i = 0; at != NULL && i <= index; i++)
    at = strstr (at + 1, "{\"peer\"");
  if (at == NULL)
    return NULL;
  end = strchr (at, '}');
  return g_strndup (at, (gsize) (end - at));
}

/* Who is slow comes first, with how far behind it is and what waits for it; who is not, and who only asks, come after. */
static void
test_listed (Fixture *f, gconstpointer data)
{
  Client *quick = open_client (f), *deaf = open_deaf (f, 0), *deafer = open_deaf (f, 2);
  int asks = client_connect (f);
  g_autofree char *list = NULL, *first = NULL, *second = NULL, *third = NULL, *fourth = NULL, *bytes = NULL, *refused = NULL;

  fixture_publish_snapshot (f, 20000);
  send_poll (f, deafer, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  fixture_advance (f, 500);
  send_poll (f, deaf, 1, "quotes", fixture_token (f), 30000);
  send_poll (f, deaf, 9, "quotes", fixture_token (f), 30000);
  send_poll (f, quick, 1, "quotes", fixture_token (f), 30000);
  for (guint i = 0; i < 3; i++)
    {
      fixture_advance (f, 1000);
      fixture_publish_snapshot (f, 20000);
      g_bytes_unref (take_message (f, quick, REPLICA_WIRE_SNAPSHOT, 1));
      send_poll (f, quick, 1, "quotes", fixture_token (f), 30000);
    }
  fixture_advance (f, 500);
  list = client_ask (f, asks, "GET /v1/connections?limit=4 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  g_assert_cmpuint (status_of (list), ==, 200);
  first = entry_of (list, 0);
  second = entry_of (list, 1);
  third = entry_of (list, 2);
  fourth = entry_of (list, 3);
  bytes = g_strdup_printf ("\"snapshots\":1,\"sent_bytes\":");
  /* The one that came first is farther behind: neither holds anything newer than when it came. */
  assert_has (first, "\"user_agent\":\"deaf/1\"");
  assert_has (first, "\"kind\":\"websocket\"");
  assert_has (first, "\"behind_ms\":4000");
  assert_has (first, "\"idle_ms\":4000");
  assert_has (first, bytes);
  assert_has (second, "\"views\":2");
  assert_has (second, "\"behind_ms\":3500");
  assert_has (second, "\"polls_waiting\":0");
  assert_has (second, "\"behind_snapshots\":3");
  assert_has (second, "\"idle_ms\":2500");
  assert_has (third, "\"behind_ms\":0,\"behind_snapshots\":0");
  assert_has (fourth, "\"behind_ms\":0,\"behind_snapshots\":0");
  g_assert_null (strstr (first, "\"waiting_bytes\":0"));
  g_assert_nonnull (strstr (list, "\"connections_not_listed\":0}"));
  g_assert_true ((strstr (third, "\"kind\":\"http\"") != NULL) != (strstr (fourth, "\"kind\":\"http\"") != NULL));
  g_clear_pointer (&list, g_free);
  g_clear_pointer (&first, g_free);
  list = client_ask (f, asks, "GET /v1/connections?sort=polls&limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  first = entry_of (list, 0);
  assert_has (first, "\"polls\":4,\"polls_waiting\":1,\"snapshots\":3");
  assert_has (first, "\"peer\":\"127.0.0.1:");
  g_assert_nonnull (strstr (list, "\"connections_not_listed\":3}"));

  refused = client_ask (f, asks, "GET /v1/connections?sort=behnd HTTP/1.1\r\nHost: localhost\r\n\r\n");
  g_assert_cmpuint (status_of (refused), ==, 400);
  g_assert_nonnull (strstr (refused, "did you mean \\\"behind\\\"?"));
  for (const char *const *query = (const char *const[]){ "limit=0", "limit=1001", "limit=x", "order=age", "sort=%zz", NULL }; *query != NULL; query++)
    {
      g_autofree char *request = g_strdup_printf ("GET /v1/connections?%s HTTP/1.1\r\nHost: localhost\r\n\r\n", *query);
      g_autofree char *answer = client_ask (f, asks, request);

      g_assert_cmpuint (status_of (answer), ==, 400);
    }
  client_close (f, asks);
  close_client (f, quick);
  close_client (f, deaf);
  close_client (f, deafer);
}

static gint64
number_of (const char *entry, const char *member)
{
  g_autofree char *name = g_strdup_printf ("\"%s\":", member);

  assert_has (entry, name);
  return g_ascii_strtoll (strstr (entry, name) + strlen (name), NULL, 10);
}

/* Polls by @more of "quotes", which it holds as of @serial (0: not yet), in the binary form. */
static int
open_long_poll (Fixture *f, gboolean is_deaf, ReplicaToken held, const char *more)
{
  int fd = client_connect (f), small = 4096;
  char text[REPLICA_TOKEN_TEXT_MAX];
  g_autofree char *match = held.epoch != 0 ? g_strdup_printf ("If-None-Match: \"%s\"\r\n", replica_token_format (held, text)) : g_strdup ("");
  g_autofree char *request =
      g_strdup_printf ("GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.synoptic.snapshot\r\n"
                       "Prefer: wait=30\r\n%s%s\r\n", match, more);

  if (is_deaf)
    setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client_send (f, fd, request);
  fixture_settle (f);
  return fd;
}

/* Long-polls, on lanes and at libsoup: waiting ones have all that there is; a stalled one is behind, and bytes wait for it. */
static void
test_listed_long_polls (Fixture *f, gconstpointer data)
{
  const struct
  {
    const char *more;
    const char *lane;
    const char *behind_snapshots;
  } kinds[] = { { "", "\"lane\":\"", "\"behind_snapshots\":3" }, { "Connection: close\r\n", "\"lane\":\"front\"", "\"behind_snapshots\":1" } };
  const gint64 n_rows = 2000000;
  gint64 sum;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      int asks = client_connect (f), waits, deaf;
      g_autofree char *list = NULL, *first = NULL, *second = NULL, *third = NULL;
      guint n_waiting = 0;
      ReplicaToken held;

      fixture_publish_snapshot (f, 3);
      held = fixture_token (f);
      waits = open_long_poll (f, FALSE, held, kinds[i].more);
      deaf = open_long_poll (f, TRUE, held, kinds[i].more);
      list = client_ask (f, asks, GET ("/v1/connections"));
      for (guint k = 0; k < 3; k++)
        {
          g_autofree char *entry = entry_of (list, k);

          assert_has (entry, "\"waiting_bytes\":0,");
          assert_has (entry, "\"behind_ms\":0,\"behind_snapshots\":0,");
          if (strstr (entry, "\"views\":0,\"polls\":0,\"polls_waiting\":0,") != NULL)
            continue; /* who asks */
          n_waiting++;
          assert_has (entry, kinds[i].lane);
          assert_has (entry, "\"views\":1,\"polls\":1,\"polls_waiting\":1,\"snapshots\":0,");
        }
      g_assert_cmpuint (n_waiting, ==, 2);
      fixture_advance (f, 1000);
      fixture_publish_snapshot (f, (guint) n_rows);
      g_free (client_read (f, waits, NULL));
      client_close (f, waits);
      for (guint k = 0; k < 2; k++)
        {
          /* Somebody else reads on, so that the lane knows of more. */
          int other = open_long_poll (f, FALSE, fixture_token (f), kinds[i].more);

          fixture_publish_snapshot (f, 3);
          g_free (client_read (f, other, NULL));
          client_close (f, other);
        }
      fixture_advance (f, 500);
      g_free (list);
      list = client_ask (f, asks, GET ("/v1/connections"));
      first = entry_of (list, 0);
      assert_has (first, kinds[i].lane);
      assert_has (first, "\"kind\":\"http\"");
      assert_has (first, "\"idle_ms\":");
      assert_has (first, "\"views\":1,\"polls\":1,\"polls_waiting\":0,\"snapshots\":1,");
      assert_has (first, "\"behind_ms\":1500,"); /* since it came: what it held then, nobody told */
      assert_has (first, kinds[i].behind_snapshots);
      /* What went out and what waits are together the answer, but for some hundred bytes of its heads. At libsoup, what arrived is told as sent. */
      sum = number_of (first, "waiting_bytes");
      g_assert_cmpint (sum, >, 0);
      sum += number_of (first, "sent_bytes") + (i == 0 ? 0 : number_of (first, "unacknowledged_bytes"));
      g_assert_cmpint (sum, >=, 8 * n_rows);
      g_assert_cmpint (sum, <, 8 * n_rows + 2000);
      second = entry_of (list, 1);
      assert_has (second, "\"behind_ms\":0,"); /* who asks */
      g_free (list);
      list = client_ask (f, asks, GET ("/v1/connections?sort=sent&limit=1"));
      third = entry_of (list, 0);
      assert_has (third, "\"snapshots\":1,"); /* the deaf one has taken the most nevertheless */
      client_close (f, deaf);
      client_close (f, asks);
      fixture_settle (f);
    }
}

/* Connections end while they are gone through; more lists than may be are refused; the front goes while some are on their way. */
static void
test_listed_while_ending (Fixture *f, gconstpointer data)
{
  static const char request[] = "GET /v1/connections?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  g_autofree Client **clients = g_new (Client *, 3000);
  int asks[SYN_MAX_CONNECTION_LISTS + 1];
  guint n_refused = 0;

  if (!fixture_need_descriptors (7000))
    return;
  for (guint i = 0; i < 3000; i++)
    clients[i] = open_deaf (f, 0);
  fixture_settle (f);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    {
      asks[i] = client_connect (f);
      g_assert_cmpint (send (asks[i], request, sizeof request - 1, MSG_NOSIGNAL), ==, sizeof request - 1);
    }
  /* One step of the lane at a time, in which one part of it is gone through, and many of what comes next leave. */
  for (guint step = 0; step < 40; step++)
    {
      syn_silo_step (f->silo, syn_silo_get_front_lane (f->silo));
      for (guint i = step * 70; i < (step + 1) * 70; i++)
        shutdown (clients[i]->fd, SHUT_RDWR);
      syn_silo_step (f->silo, syn_silo_get_lane (f->silo, 0));
    }
  fixture_settle (f);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    {
      g_autofree char *answer = client_read (f, asks[i], NULL);

      n_refused += status_of (answer) == 503;
      if (status_of (answer) != 503)
        g_assert_cmpuint (status_of (answer), ==, 200);
    }
  g_assert_cmpuint (n_refused, <=, 1);
  g_assert_cmpint (send (asks[0], request, sizeof request - 1, MSG_NOSIGNAL), ==, sizeof request - 1);
  for (guint step = 0; step < 3; step++)
    syn_silo_step (f->silo, syn_silo_get_front_lane (f->silo));
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    close (asks[i]);
  for (guint i = 0; i < 3000; i++)
    {
      close (clients[i]->fd);
      g_byte_array_unref (clients[i]->in);
      g_free (clients[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/ws/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("listed", test_listed);
  ADD ("listed-long-polls", test_listed_long_polls);
  ADD ("listed-while-ending", test_listed_while_ending);
  return g_test_run ();
}
