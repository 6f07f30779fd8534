/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaLink over TLS: whom it trusts, what it says of a certificate that it refuses, and that it works as it does without. */

#include <string.h>

#include "fake-silo.h"
#include "replica-link-internal.h"
#include "test-certs.h"

static char *folder; /* (owned) of certificates */

static char *
file_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static GTlsCertificate *
load_certificate (const char *name)
{
  g_autofree char *certificate_name = g_strconcat (name, ".pem", NULL), *key_name = g_strconcat (name, "-key.pem", NULL);
  g_autofree char *certificate_file = file_of (certificate_name), *key_file = file_of (key_name);
  g_autoptr (GError) error = NULL;
  GTlsCertificate *certificate = g_tls_certificate_new_from_files (certificate_file, key_file, &error);

  g_assert_no_error (error);
  return certificate;
}

static void
trust (Fake *fake, const char *name)
{
  g_autofree char *file = file_of (name);
  g_autoptr (GError) error = NULL;

  g_assert_true (replica_link_set_ca_file (fake->link, file, &error));
  g_assert_no_error (error);
}

static Fake *
new_fake (const char *certificate_name)
{
  g_autoptr (GTlsCertificate) certificate = load_certificate (certificate_name);

  return fake_new_tls (certificate);
}

static void
fetched_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GError **error = user_data;
  g_autoptr (GBytes) body = replica_link_fetch_finish (REPLICA_LINK (object), result, NULL, error);

  if (*error == NULL)
    {
      g_assert_cmpuint (g_bytes_get_size (body), ==, 2);
      *error = g_error_new_literal (REPLICA_ERROR, REPLICA_ERROR_INTERNAL, "good");
    }
}

static void
respond_cb (Fake *fake)
{
  fake_respond (fake, 200, "application/json", "{}");
}

/* The outcome of a fetch beside the link: "good", or why not. */
static char *
fetch (Fake *fake)
{
  g_autoptr (GError) error = NULL;

  fake->on_request = respond_cb;
  replica_link_fetch_async (fake->link, "/v1/x", NULL, NULL, 0, NULL, fetched_cb, &error);
  fake_wait_until (fake, error != NULL);
  g_assert_true (g_error_matches (error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE) || g_strcmp0 (error->message, "good") == 0);
  return g_strdup (error->message);
}

/* A name of an authority, a view over a WebSocket, a fetch, and another connection after a break. */
static void
test_trusted (void)
{
  Fake *fake = new_fake ("server");
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autofree char *fetched = NULL;

  trust (fake, "ca.pem");
  g_assert_true (g_str_has_prefix (replica_link_get_uri (fake->link), "https://127.0.0.1:"));
  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 5);
  fake_wait_until (fake, seen.n == 1);
  g_assert_cmpint (seen.value, ==, 5);
  g_assert_null (replica_link_get_last_error (fake->link));
  fetched = fetch (fake);
  g_assert_cmpstr (fetched, ==, "good");

  fake_poll_free (fake_take_poll (fake));
  fake_vanish (fake);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  fake_advance_ms (fake, 400);
  fake_answer (fake, 1, 2, 6);
  fake_wait_until (fake, seen.n == 2);
  fake_view_drop (view);
  fake_free (fake);
}

/* wss:// is the same, and so is a host's name. */
static void
test_schemes (void)
{
  Fake *fake = new_fake ("server");
  const char *port = strrchr (fake->uri, ':');
  g_autofree char *wss = g_strconcat ("wss://localhost", port, NULL);
  g_autofree char *fetched = NULL;

  fake_set_link (fake, wss);
  trust (fake, "ca.pem");
  replica_link_start (fake->link);
  fake_wait_state (fake, REPLICA_LINK_ONLINE);
  fetched = fetch (fake);
  g_assert_cmpstr (fetched, ==, "good");
  fake_free (fake);
}

static void
test_refused (void)
{
  const struct
  {
    const char *certificate, *ca, *said, *said_too;
  } cases[] = {
    { "server", NULL, "was signed by ", "CN=ca" }, /* the system's authorities do not know it */
    { "server", "other-ca.pem", "was signed by ", "who is not trusted" },
    { "expired", "ca.pem", "expired on 20", " UTC" },
    { "early", "ca.pem", "is not valid before 20", " UTC" },
    { "elsewhere", "ca.pem", "is for silo.example, not for 127.0.0.1", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fake *fake = new_fake (cases[i].certificate);
      g_autofree char *fetched = NULL, *start = g_strdup_printf ("Cannot connect to %s: its certificate ", fake->uri);
      const char *said;

      g_test_message ("%s, %s", cases[i].certificate, cases[i].ca);
      if (cases[i].ca != NULL)
        trust (fake, cases[i].ca);
      replica_link_start (fake->link);
      fake_wait_state (fake, REPLICA_LINK_OFFLINE);
      said = replica_link_get_last_error (fake->link);
      g_test_message ("%s", said);
      g_assert_true (g_str_has_prefix (said, start));
      g_assert_nonnull (strstr (said, cases[i].said));
      g_assert_nonnull (strstr (said, cases[i].said_too));
      g_assert_cmpuint (fake->connections->len, ==, 0);
      fetched = fetch (fake);
      g_assert_nonnull (strstr (fetched, strstr (said, "its certificate")));
      fake_free (fake);
    }
}

/* As often as any other failure, and good again when the server's certificate is. */
static void
test_retried (void)
{
  Fake *fake = new_fake ("expired");
  g_autoptr (GTlsCertificate) renewed = load_certificate ("server");

  trust (fake, "ca.pem");
  replica_link_start (fake->link);
  for (guint i = 1; i <= 3; i++)
    {
      fake_wait_state (fake, REPLICA_LINK_OFFLINE);
      g_assert_cmpuint (fake->link->n_failures, ==, i);
      fake->now_us += 3 * G_USEC_PER_SEC;
      fake_wait_state (fake, REPLICA_LINK_CONNECTING);
    }
  g_set_object (&fake->certificate, renewed);
  fake_wait_until (fake, replica_link_get_state (fake->link) != REPLICA_LINK_CONNECTING);
  if (replica_link_get_state (fake->link) == REPLICA_LINK_OFFLINE) /* that attempt had begun with the old one */
    fake->now_us += 5 * G_USEC_PER_SEC;
  fake_wait_state (fake, REPLICA_LINK_ONLINE);
  g_assert_null (replica_link_get_last_error (fake->link));
  fake_free (fake);
}

static void
talk_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GSocketConnection *connection = g_socket_listener_accept_finish (G_SOCKET_LISTENER (object), result, NULL, NULL);

  g_assert_nonnull (connection);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), "HTTP/1.1 400 Bad Request\r\n\r\n", 28, NULL, NULL, NULL);
  *(GSocketConnection **) user_data = connection;
}

/* A server that speaks, but not TLS; and one that does, to a link that does not. */
static void
test_not_tls (void)
{
  Fake *fake = fake_new ();
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GSocketConnection) talker = NULL;
  g_autoptr (GError) error = NULL;
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, &error);
  g_autofree char *https = g_strdup_printf ("https://127.0.0.1:%u", port), *http = NULL;

  g_assert_no_error (error);
  g_socket_listener_accept_async (listener, NULL, talk_cb, &talker);
  fake_set_link (fake, https);
  replica_link_start (fake->link);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_test_message ("%s", replica_link_get_last_error (fake->link));
  g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "does not speak TLS as it should (is it http://?)"));
  fake_free (fake);

  fake = new_fake ("server");
  http = g_strconcat ("http", fake->uri + strlen ("https"), NULL);
  fake_set_link (fake, http);
  replica_link_start (fake->link);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_assert_true (g_str_has_prefix (replica_link_get_last_error (fake->link), "Cannot connect to http://"));
  fake_free (fake);
}

/* A server that takes the connection and says nothing to the handshake. */
static void
test_mute_server (void)
{
  Fake *fake = fake_new ();
  g_autoptr (GSocketListener) mute = g_socket_listener_new ();
  g_autoptr (GError) error = NULL;
  guint16 port = g_socket_listener_add_any_inet_port (mute, NULL, &error);
  g_autofree char *uri = g_strdup_printf ("https://127.0.0.1:%u", port);

  g_assert_no_error (error);
  fake_set_link (fake, uri);
  replica_link_start (fake->link);
  fake_settle (fake);
  fake_advance_ms (fake, 9999);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_CONNECTING);
  fake_advance_ms (fake, 1);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_OFFLINE);
  g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "no answer (does it speak TLS?)"));
  fake_free (fake);
}

/* What is measured is measured below TLS: the first byte of a message, what the kernel has received, and that this is loopback. */
static void
test_measured (void)
{
  const guint n = 60000;
  Fake *fake = new_fake ("server");
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autofree gint64 *values = g_new0 (gint64, n);
  g_autoptr (FakePoll) poll = NULL;
  g_autoptr (GBytes) body = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 1 }, values, n);
  gsize first_bytes, size = g_bytes_get_size (body) + sizeof (ReplicaWireSnapshotHead);
  guint64 received_bytes;
  double measured;

  trust (fake, "ca.pem");
  replica_link_start (fake->link);
  poll = fake_take_poll (fake);
  g_assert_nonnull (fake->link->socket);
  g_assert_true (fake->link->is_loopback);
  g_assert_cmpint (fake->link->first_us, ==, -1); /* session tickets are no message */
  received_bytes = replica_link_received_bytes (fake->link);
  g_assert_cmpuint (received_bytes, >, 0);
  fake_advance_ms (fake, 5000); /* parked: that is not the link's doing */
  fake_send_body (fake, poll->view, body);
  fake_wait_until (fake, fake->link->first_us >= 0);
  first_bytes = fake->link->first_bytes;
  g_assert_cmpuint (first_bytes, >, 0);
  g_assert_cmpuint (first_bytes, <, size / 2);
  g_assert_cmpuint (seen.n, ==, 0);
  fake->now_us += 2 * G_USEC_PER_SEC;
  fake_wait_until (fake, seen.n == 1);
  measured = replica_link_get_goodput (fake->link);
  g_assert_cmpfloat_with_epsilon (measured, (double) (size - first_bytes) / 2, 32);
  /* The records' heads and tags are less than a hundredth. */
  g_assert_cmpuint (replica_link_received_bytes (fake->link) - received_bytes, >=, size);
  g_assert_cmpuint (replica_link_received_bytes (fake->link) - received_bytes, <, size + size / 100);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_ca_file (void)
{
  g_autofree char *missing = file_of ("none.pem"), *empty = file_of ("empty.pem"), *broken = file_of ("broken.pem"), *key = file_of ("server-key.pem");
  const char *const bad[] = { missing, empty, broken, key, folder };
  g_autoptr (ReplicaLink) plain = NULL;
  g_autoptr (GError) error = NULL;

  g_file_set_contents (empty, "", 0, &error);
  g_assert_no_error (error);
  g_file_set_contents (broken, "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n", -1, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (ReplicaLink) link = replica_link_new ("https://127.0.0.1:1", NULL);

      g_assert_false (replica_link_set_ca_file (link, bad[i], &error));
      g_test_message ("%s", error->message);
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
      g_assert_true (g_str_has_prefix (error->message, bad[i]));
      g_clear_error (&error);
    }
  plain = replica_link_new ("http://127.0.0.1:1", NULL);
  g_assert_true (replica_link_set_ca_file (plain, missing, &error));
  g_assert_no_error (error);
}

static void
test_default_ca_file (void)
{
  g_autofree char *before = g_strdup (g_getenv ("SYNOPTIC_CA"));

  g_unsetenv ("SYNOPTIC_CA");
  g_assert_null (replica_default_ca_file ());
  g_setenv ("SYNOPTIC_CA", "", TRUE);
  g_assert_null (replica_default_ca_file ());
  g_setenv ("SYNOPTIC_CA", "/etc/synoptic/ca.pem", TRUE);
  g_assert_cmpstr (replica_default_ca_file (), ==, "/etc/synoptic/ca.pem");
  g_unsetenv ("SYNOPTIC_CA");
  if (before != NULL)
    g_setenv ("SYNOPTIC_CA", before, TRUE);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("synoptic-test-XXXXXX", &error);
  g_assert_no_error (error);
  test_certs_make (folder, FALSE);
  g_test_add_func ("/tls/trusted", test_trusted);
  g_test_add_func ("/tls/schemes", test_schemes);
  g_test_add_func ("/tls/refused", test_refused);
  g_test_add_func ("/tls/retried", test_retried);
  g_test_add_func ("/tls/not-tls", test_not_tls);
  g_test_add_func ("/tls/mute-server", test_mute_server);
  g_test_add_func ("/tls/measured", test_measured);
  g_test_add_func ("/tls/ca-file", test_ca_file);
  g_test_add_func ("/tls/default-ca-file", test_default_ca_file);
  status = g_test_run ();
  test_certs_remove (folder);
  g_free (folder);
  return status;
}
