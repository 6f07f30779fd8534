/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The listener: that it takes everyone, and lives through the want of descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-error.h"
#include "syn-listener.h"

typedef struct {
  GArray *fds;
  guint n_refused;
} Taken;

static void
accepted (int fd, gpointer user_data)
{
  Taken *taken = user_data;
  int keeps_alive = 0, user_timeout_ms = -1;
  socklen_t length = sizeof (int);

  if (fd < 0)
    {
      taken->n_refused++;
      return;
    }
  g_assert_cmpint (getsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &keeps_alive, &length), ==, 0);
  g_assert_true (keeps_alive);
  /* It resets readers that are slow, but read: see syn-listener.c. */
  g_assert_cmpint (getsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, &length), ==, 0);
  g_assert_cmpint (user_timeout_ms, ==, 0);
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, !=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_array_append_val (taken->fds, fd);
}

static void
turn (GMainContext *context)
{
  while (g_main_context_iteration (context, FALSE))
    ;
}

static int
connect_to (const char *authority)
{
  g_autoptr (GSocketConnectable) where = g_network_address_parse (authority, 0, NULL);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (where)),
                                                                              g_network_address_get_port (G_NETWORK_ADDRESS (where)));
  struct sockaddr_storage storage;
  int fd;

  g_assert_true (g_socket_address_to_native (address, &storage, sizeof storage, NULL));
  fd = socket (storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0)
    g_assert_cmpint (connect (fd, (struct sockaddr *) &storage, (socklen_t) g_socket_address_get_native_size (address)), ==, 0);
  return fd;
}

static void
close_taken (Taken *taken)
{
  for (guint i = 0; i < taken->fds->len; i++)
    close (g_array_index (taken->fds, int, i));
  g_array_set_size (taken->fds, 0);
}

static void
test_batches (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (SynListenAddress) address = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynListener) listener = NULL;
  g_autofree char *authority = NULL;
  Taken taken = { .fds = g_array_new (FALSE, FALSE, sizeof (int)) };
  int clients[200];

  g_assert_true (syn_listen_address_parse ("127.0.0.1:0", &address, &error));
  listener = syn_listener_new (context, &address, accepted, &taken, &authority, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = connect_to (authority); /* all before one is taken: the backlog is deep */
  turn (context);
  g_assert_cmpuint (taken.fds->len, ==, G_N_ELEMENTS (clients));
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    close (clients[i]);
  close_taken (&taken);
  g_array_unref (taken.fds);
}

static void
test_no_descriptors (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (SynListenAddress) address = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynListener) listener = NULL;
  g_autofree char *authority = NULL;
  Taken taken = { .fds = g_array_new (FALSE, FALSE, sizeof (int)) };
  struct rlimit before, low;
  int clients[8], probe = open ("/dev/null", O_RDONLY), after;
  char byte;

  g_assert_true (syn_listen_address_parse ("127.0.0.1:0", &address, &error));
  listener = syn_listener_new (context, &address, accepted, &taken, &authority, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = connect_to (authority);

  /* Descriptors are numbered from the lowest free one: three more fit. */
  getrlimit (RLIMIT_NOFILE, &before);
  low = before;
  low.rlim_cur = (rlim_t) clients[7] + 1 + 3;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  turn (context);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  g_assert_cmpuint (taken.fds->len, ==, 3);
  g_assert_cmpuint (taken.n_refused, ==, 5);
  /* Those who were refused know it. */
  for (guint i = 3; i < G_N_ELEMENTS (clients); i++)
    g_assert_cmpint (recv (clients[i], &byte, 1, 0), <=, 0);
  for (guint i = 0; i < 3; i++)
    g_assert_true (recv (clients[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);

  /* And afterwards all is as before. */
  close_taken (&taken);
  after = connect_to (authority);
  turn (context);
  g_assert_cmpuint (taken.fds->len, ==, 1);
  close (after);
  close_taken (&taken);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    close (clients[i]);
  close (probe);
  g_array_unref (taken.fds);
}

static void
test_taken_port (void)
{
  g_auto (SynListenAddress) address = { 0 }, again = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynListener) first = NULL;
  g_autofree char *authority = NULL, *none = NULL;
  Taken taken = { .fds = g_array_new (FALSE, FALSE, sizeof (int)) };

  g_assert_true (syn_listen_address_parse ("127.0.0.1:0", &address, &error));
  first = syn_listener_new (NULL, &address, accepted, &taken, &authority, &error);
  g_assert_no_error (error);
  g_assert_true (syn_listen_address_parse (authority, &again, &error));
  g_assert_null (syn_listener_new (NULL, &again, accepted, &taken, &none, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, authority));
  g_array_unref (taken.fds);
}

static void
test_localhost (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (SynListenAddress) address = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynListener) listener = NULL;
  g_autofree char *authority = NULL, *v4 = NULL;
  Taken taken = { .fds = g_array_new (FALSE, FALSE, sizeof (int)) };
  int client;

  g_assert_true (syn_listen_address_parse ("localhost:0", &address, &error));
  listener = syn_listener_new (context, &address, accepted, &taken, &authority, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (authority, "localhost:"));
  v4 = g_strconcat ("127.0.0.1", strchr (authority, ':'), NULL);
  client = connect_to (v4);
  turn (context);
  g_assert_cmpuint (taken.fds->len, ==, 1);
  close (client);
  close_taken (&taken);
  g_array_unref (taken.fds);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/front/listener/batches", test_batches);
  g_test_add_func ("/front/listener/no-descriptors", test_no_descriptors);
  g_test_add_func ("/front/listener/taken-port", test_taken_port);
  g_test_add_func ("/front/listener/localhost", test_localhost);
  return g_test_run ();
}
