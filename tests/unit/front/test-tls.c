/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS of one connection, and the gate: against a client of GnuTLS in the same thread, over pairs of sockets. */
#include "syn-tls-gate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-test.h"
#include "test-certs.h"

static char *folder;
static SynTlsServer *server;

static char *
file_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static SynTlsServer *
server_of (const char *name, GError **error)
{
  g_autofree char *certificate_name = g_strconcat (name, ".pem", NULL), *key_name = g_strconcat (name, "-key.pem", NULL);
  g_autofree char *certificate = file_of (certificate_name), *key = file_of (key_name);

  return syn_tls_server_new (certificate, key, error);
}

/* ---- clients ---- */

typedef struct
{
  gnutls_session_t connection;
  gnutls_certificate_credentials_t credentials;
  int fd;
} Client;

static void
client_init (Client *self, int fd, const char *priority)
{
  self->fd = fd;
  gnutls_init (&self->connection, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  gnutls_certificate_allocate_credentials (&self->credentials);
  gnutls_credentials_set (self->connection, GNUTLS_CRD_CERTIFICATE, self->credentials);
  g_assert_cmpint (gnutls_priority_set_direct (self->connection, priority, NULL), ==, 0);
  gnutls_transport_set_int (self->connection, fd);
}

static void
client_clear (Client *self)
{
  gnutls_deinit (self->connection);
  gnutls_certificate_free_credentials (self->credentials);
  close (self->fd);
}

static void
make_pair (int pair[2])
{
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
}

/* Both ends of a connection after its handshake. */
typedef struct
{
  SynTls *tls;
  int fd;
  Client client;
} Link;

static void
link_init (Link *self, const char *priority)
{
  int pair[2], code = GNUTLS_E_AGAIN;
  SynTlsStep step = SYN_TLS_WAITS;
  SynTlsFailure failure;

  make_pair (pair);
  self->fd = pair[0];
  self->tls = syn_tls_new (server, pair[0]);
  client_init (&self->client, pair[1], priority);
  for (guint i = 0; i < 20 && (step != SYN_TLS_DONE || code != 0); i++)
    {
      if (code != 0)
        code = gnutls_handshake (self->client.connection);
      if (step != SYN_TLS_DONE)
        step = syn_tls_handshake (self->tls, &failure);
    }
  g_assert_cmpint (step, ==, SYN_TLS_DONE);
  g_assert_cmpint (code, ==, 0);
}

static void
link_clear (Link *self)
{
  if (self->tls != NULL)
    syn_tls_free (self->tls);
  close (self->fd);
  client_clear (&self->client);
}

/* What is no data (tickets) is passed over. */
static gssize
client_read (Client *self, void *buffer, gsize size)
{
  gssize n = GNUTLS_E_AGAIN;

  for (guint i = 0; i < 8 && (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED); i++)
    n = gnutls_record_recv (self->connection, buffer, size);
  return n;
}

#define TLS_1_3 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS_1_2 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS_1_2_CHACHA "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305"

/* ---- bytes ---- */

/* A stream that is given in stretches of any lengths to a socket that takes any number of bytes, as the connections of lanes give it: it comes as it was, and what
 * is told as sent was all sent. */
static void
test_send (gconstpointer data)
{
  const gsize total = 3u << 20;
  g_autofree guint8 *bytes = g_malloc (total), *got = g_malloc (total);
  int small = 4096;
  gsize sent = 0, read = 0, end = 0;
  guint n_full = 0;
  Link link;

  for (gsize i = 0; i < total; i++)
    bytes[i] = (guint8) (i * 2654435761u >> 13);
  link_init (&link, data);
  setsockopt (link.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  while (read < total)
    {
      if (sent < total)
        {
          /* What was offered and not taken is offered again, and sometimes more behind it; in any stretches. */
          gsize at = sent;
          struct iovec vector[8];
          int n_vector = 0;
          gsize more = (gsize) g_test_rand_int_range (1, g_test_rand_bit () ? 200000 : 300);
          gssize n;

          end = MIN (total, MAX (end, sent + more));
          while (at < end)
            {
              gsize some = (gsize) g_test_rand_int_range (1, 40000), length = n_vector == 7 ? end - at : MIN (end - at, some);

              vector[n_vector++] = (struct iovec){ bytes + at, length };
              at += length;
            }
          n = syn_tls_sendv (link.tls, vector, n_vector);
          if (n < 0)
            {
              g_assert_cmpint (errno, ==, EAGAIN);
              n_full++;
            }
          else
            {
              g_assert_cmpuint ((gsize) n, >, 0);
              g_assert_cmpuint ((gsize) n, <=, end - sent);
              sent += (gsize) n;
            }
        }
      for (int i = g_test_rand_int_range (0, 4); i > 0 || sent == total; i--) /* and reads some of it */
        {
          gsize some = (gsize) g_test_rand_int_range (1, 30000);
          gssize n = client_read (&link.client, got + read, MIN (total - read, some));

          if (n == GNUTLS_E_AGAIN)
            {
              g_assert_true (sent < total || read == total); /* all that is told as sent can be read */
              break;
            }
          g_assert_cmpint (n, >, 0);
          read += (gsize) n;
          if (read == total)
            break;
        }
    }
  g_assert_cmpuint (sent, ==, total);
  g_assert_cmpuint (n_full, >, 10);
  g_assert_cmpmem (bytes, total, got, total);
  link_clear (&link);
}

/* Nothing is told as sent while all of the last record is here. */
static void
test_send_nothing (void)
{
  static const guint8 bytes[100000];
  struct iovec vector = { (void *) bytes, sizeof bytes };
  int small = 4096;
  gsize sent = 0;
  Link link;
  gssize n;

  link_init (&link, TLS_1_3);
  setsockopt (link.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  while ((n = syn_tls_sendv (link.tls, &vector, 1)) > 0)
    {
      sent += (gsize) n;
      g_assert_cmpuint (sent, <, sizeof bytes);
      vector = (struct iovec){ (void *) (bytes + sent), sizeof bytes - sent };
    }
  g_assert_cmpint (errno, ==, EAGAIN);
  g_assert_cmpint (syn_tls_sendv (link.tls, &vector, 1), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  g_assert_true (syn_tls_wants_write (link.tls));
  /* Behind half a record an end could not be told: the peer sees a connection that broke. */
  syn_tls_end (link.tls);
  link_clear (&link);
}

static void
test_send_empty (void)
{
  struct iovec vector[3] = { { (void *) "", 0 }, { (void *) "abc", 3 }, { (void *) "", 0 } };
  char got[10];
  Link link;

  link_init (&link, TLS_1_3);
  g_assert_cmpint (syn_tls_sendv (link.tls, vector, 1), ==, 0);
  g_assert_cmpint (syn_tls_sendv (link.tls, vector, 3), ==, 3);
  g_assert_cmpint (client_read (&link.client, got, sizeof got), ==, 3);
  g_assert_cmpmem (got, 3, "abc", 3);
  link_clear (&link);
}

static void
test_recv (void)
{
  guint8 buffer[SYN_TLS_RECORD_BYTES], sent[SYN_TLS_RECORD_BYTES];
  Link link;

  link_init (&link, TLS_1_3);
  memset (sent, 'x', sizeof sent);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  /* A record at a time, and nothing of the next: so that the descriptor says what there is. */
  g_assert_cmpint (gnutls_record_send (link.client.connection, sent, sizeof sent), ==, (gssize) sizeof sent);
  g_assert_cmpint (gnutls_record_send (link.client.connection, "abc", 3), ==, 3);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, (gssize) sizeof buffer);
  g_assert_false (syn_tls_has_pending (link.tls));
  g_assert_cmpint (recv (link.fd, buffer, 1, MSG_PEEK), ==, 1);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, 2), ==, 2);
  g_assert_true (syn_tls_has_pending (link.tls));
  g_assert_cmpint (recv (link.fd, buffer, 1, MSG_PEEK), ==, -1);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, 2), ==, 1);
  g_assert_false (syn_tls_has_pending (link.tls));
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, 2), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  link_clear (&link);
}

/* A record that comes byte by byte is one that has not come. */
static void
test_recv_pieces (void)
{
  int middle[2];
  guint8 record[200], buffer[200];
  gssize length;
  Link link;

  link_init (&link, TLS_1_3);
  make_pair (middle);
  gnutls_transport_set_int2 (link.client.connection, link.client.fd, middle[1]);
  g_assert_cmpint (gnutls_record_send (link.client.connection, "hello", 5), ==, 5);
  length = recv (middle[0], record, sizeof record, 0);
  g_assert_cmpint (length, >, 20);
  for (gssize i = 0; i < length; i++)
    {
      g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, -1);
      g_assert_cmpint (errno, ==, EAGAIN);
      g_assert_cmpint (send (link.client.fd, record + i, 1, 0), ==, 1);
    }
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, 5);
  close (middle[0]);
  close (middle[1]);
  link_clear (&link);
}

static void
test_ends (void)
{
  static const char garbage[] = "\x17\x03\x03\x00\x1fgarbage garbage garbage garbage";
  guint8 buffer[100];
  Link link;

  /* The client says so: our side goes on until we say so too. */
  link_init (&link, TLS_1_3);
  gnutls_bye (link.client.connection, GNUTLS_SHUT_WR);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (syn_tls_sendv (link.tls, &(struct iovec){ (void *) "late", 4 }, 1), ==, 4);
  syn_tls_end (link.tls);
  g_assert_cmpint (client_read (&link.client, buffer, sizeof buffer), ==, 4);
  g_assert_cmpint (client_read (&link.client, buffer, sizeof buffer), ==, 0);
  link_clear (&link);

  /* Or not. */
  link_init (&link, TLS_1_3);
  shutdown (link.client.fd, SHUT_WR);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, 0);
  link_clear (&link);

  link_init (&link, TLS_1_2);
  g_assert_cmpint (send (link.client.fd, garbage, sizeof garbage - 1, 0), ==, sizeof garbage - 1);
  g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, EPROTO);
  g_assert_cmpint (client_read (&link.client, buffer, sizeof buffer), ==, GNUTLS_E_FATAL_ALERT_RECEIVED);
  g_assert_cmpint (syn_tls_sendv (link.tls, &(struct iovec){ (void *) "late", 4 }, 1), ==, -1);
  link_clear (&link);
}

/* A client may ask for new keys, at any time; also while our bytes are on their way. And who asks again and again and never reads is let go. */
static void
test_key_update (void)
{
  static guint8 bytes[200000], got[sizeof bytes];
  struct iovec vector = { bytes, sizeof bytes };
  int small = 4096, code = 0;
  gsize sent = 0, read = 0;
  guint8 buffer[100];
  guint n = 0;
  Link link;

  link_init (&link, TLS_1_3);
  setsockopt (link.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  for (gsize i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8) (i * 31 >> 3);
  while (read < sizeof bytes)
    {
      gssize k = syn_tls_sendv (link.tls, &vector, 1);

      if (k > 0)
        sent += (gsize) k;
      vector = (struct iovec){ bytes + sent, sizeof bytes - sent };
      if (n++ < 4) /* GnuTLS takes eight a second */
        g_assert_cmpint (gnutls_session_key_update (link.client.connection, GNUTLS_KU_PEER), ==, 0);
      g_assert_cmpint (syn_tls_recv (link.tls, buffer, sizeof buffer), ==, -1);
      g_assert_cmpint (errno, ==, EAGAIN);
      while (read < sizeof bytes && (k = client_read (&link.client, got + read, sizeof got - read)) > 0)
        read += (gsize) k;
    }
  g_assert_cmpmem (got, read, bytes, sizeof bytes);

  while (syn_tls_sendv (link.tls, &(struct iovec){ bytes, sizeof bytes }, 1) > 0)
    ;
  for (n = 0; n < 100000; n++)
    {
      code = gnutls_session_key_update (link.client.connection, GNUTLS_KU_PEER);
      if (code == 0 && syn_tls_recv (link.tls, buffer, sizeof buffer) < 0 && errno != EAGAIN)
        break;
    }
  g_assert_cmpuint (n, <, 100000);
  link_clear (&link);
}

/* ---- the gate ---- */

typedef struct
{
  SynSilo *silo;
  SynTlsGate *gate;
  gint64 now_ms;
  guint n_done, failed[SYN_TLS_N_FAILURES];
  guint n_before;
} Gate;

static guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
passed (int fd, SynTls *tls, SynTlsFailure failure, gpointer user_data)
{
  Gate *self = user_data;

  if (fd < 0)
    {
      self->failed[failure]++;
      return;
    }
  self->n_done++;
  syn_tls_free (tls);
  close (fd);
}

static void
gate_set_up (Gate *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  memset (self, 0, sizeof *self);
  self->silo = syn_silo_new_stepped (1, NULL, &error);
  g_assert_no_error (error);
  syn_silo_start (self->silo, NULL, &error);
  g_assert_no_error (error);
  syn_silo_settle (self->silo);
  self->n_before = count_descriptors ();
  self->gate = syn_tls_gate_new (syn_silo_get_front_lane (self->silo), 0, passed, self);
}

static void
gate_step (Gate *self, gint64 ms)
{
  self->now_ms += ms;
  for (guint i = 0; i < 4; i++)
    {
      syn_tls_gate_step (self->gate, self->now_ms);
      syn_silo_settle (self->silo);
    }
}

static void
gate_tear_down (Gate *self, gconstpointer data)
{
  if (self->gate != NULL)
    syn_tls_gate_free (self->gate);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (count_descriptors (), ==, self->n_before);
  syn_silo_free (self->silo);
}

/* A connection that comes; the peer's end. */
static int
gate_connect (Gate *self)
{
  int pair[2];

  make_pair (pair);
  syn_tls_gate_take (self->gate, pair[0], server);
  gate_step (self, 0);
  return pair[1];
}

static gboolean
is_closed (int fd)
{
  char byte;

  return recv (fd, &byte, 1, 0) == 0;
}

static void
test_gate (Gate *self, gconstpointer data)
{
  Client client;

  client_init (&client, gate_connect (self), data);
  for (guint i = 0; i < 10 && self->n_done == 0; i++)
    {
      gnutls_handshake (client.connection);
      gate_step (self, 0);
    }
  g_assert_cmpuint (self->n_done, ==, 1);
  client_clear (&client);
}

static void
test_gate_failures (Gate *self, gconstpointer data)
{
  static const struct
  {
    const char *bytes;
    gsize length;
    SynTlsFailure failure;
  } cases[] = {
    { "GET / HTTP/1.1\r\n\r\n", 18, SYN_TLS_FAILURE_PLAIN },
    { "G", 1, SYN_TLS_FAILURE_PLAIN },
    { "\0\0\0\0\0\0\0\0\0\0\0\0", 12, SYN_TLS_FAILURE_PROTOCOL },
    { "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, SYN_TLS_FAILURE_PROTOCOL },
    { "\x16\x03\x01\xff\xff\x01", 6, SYN_TLS_FAILURE_PROTOCOL },                                  /* a record longer than may be */
    { "\x16\x03\x01\x00\x06\x02\x00\x00\x02\x03\x03", 11, SYN_TLS_FAILURE_PROTOCOL },             /* a server's */
    { "\x15\x03\x01\x00\x02\x02\x28", 7, SYN_TLS_FAILURE_REFUSED },                               /* an alert, before all */
  };
  Client client;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      int fd = gate_connect (self);
      char answer[2000] = "";

      memset (self->failed, 0, sizeof self->failed);
      g_assert_cmpint (send (fd, cases[i].bytes, cases[i].length, 0), ==, (gssize) cases[i].length);
      gate_step (self, 0);
      if (self->failed[cases[i].failure] != 1)
        g_error ("case %u: not %d, but %u %u %u %u %u %u", i, cases[i].failure, self->failed[0], self->failed[1], self->failed[2], self->failed[3],
                 self->failed[4], self->failed[5]);
      if (cases[i].failure == SYN_TLS_FAILURE_PLAIN)
        {
          g_assert_cmpint (recv (fd, answer, sizeof answer - 1, 0), >, 100);
          g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 400 "));
          g_assert_nonnull (strstr (answer, "https://"));
        }
      else
        g_assert_cmpint (recv (fd, answer, sizeof answer, 0), >=, 0); /* perhaps an alert */
      close (fd);
    }

  close (gate_connect (self));
  gate_step (self, 0);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_LEFT], ==, 1);

  client_init (&client, gate_connect (self), "NORMAL:-VERS-ALL:+VERS-TLS1.1:%DISABLE_WILDCARDS");
  gnutls_handshake (client.connection);
  gate_step (self, 0);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_MISMATCH], ==, 1);
  client_clear (&client);
  g_assert_cmpuint (self->n_done, ==, 0);
}

/* A hello that does not end is not kept for ever. */
static void
test_gate_long_hello (Gate *self, gconstpointer data)
{
  int fd = gate_connect (self);
  guint8 record[5 + 1000] = { 0x16, 0x03, 0x01, 0x03, 0xe8, 0x01, 0xff, 0xff, 0xff };
  guint n = 0;

  while (self->failed[SYN_TLS_FAILURE_PROTOCOL] == 0 && n < 100)
    {
      g_assert_cmpint (send (fd, record, sizeof record, MSG_NOSIGNAL), ==, (gssize) sizeof record);
      n++;
      gate_step (self, 0);
      memset (record + 5, 0, 1000);
    }
  g_assert_cmpuint (n, <=, SYN_MAX_TLS_HELLO_BYTES / 1000 + 2);
  close (fd);
}

/* Half a hello, then nothing; and nothing at all. */
static void
test_gate_stalls (Gate *self, gconstpointer data)
{
  int silent = gate_connect (self), half = gate_connect (self), dripping = gate_connect (self);

  g_assert_cmpint (send (half, "\x16\x03\x01\x02", 4, 0), ==, 4);
  g_assert_cmpint (send (dripping, "\x16", 1, 0), ==, 1);
  gate_step (self, 0);
  gate_step (self, SYN_TLS_HANDSHAKE_MS - 1);
  g_assert_cmpint (send (dripping, "\x03", 1, 0), ==, 1); /* gains nothing by that */
  gate_step (self, 0);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_STALLED], ==, 0);
  gate_step (self, 1);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_STALLED], ==, 2);
  gate_step (self, SYN_HTTP_IDLE_MS - SYN_TLS_HANDSHAKE_MS - 1);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_STALLED], ==, 2);
  g_assert_false (is_closed (silent));
  gate_step (self, 1);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_STALLED], ==, 3);
  g_assert_true (is_closed (silent));
  close (silent);
  close (half);
  close (dripping);
}

/* With as many under way as may be, the next ones wait in line, however long that takes; and have their turn. */
static void
test_gate_line (Gate *self, gconstpointer data)
{
  int slow[2];
  Client client;
  int code;

  syn_tls_gate_set_max (self->gate, 2);
  for (guint i = 0; i < 2; i++)
    {
      slow[i] = gate_connect (self);
      g_assert_cmpint (send (slow[i], "\x16\x03\x01\x02", 4, 0), ==, 4);
      gate_step (self, 0);
    }
  client_init (&client, gate_connect (self), TLS_1_3);
  code = gnutls_handshake (client.connection);
  gate_step (self, 0);
  code = gnutls_handshake (client.connection);
  g_assert_cmpint (code, ==, GNUTLS_E_AGAIN); /* no answer yet */
  g_assert_cmpint (recv (client.fd, &code, 1, MSG_PEEK), ==, -1);
  close (slow[0]);
  for (guint i = 0; i < 10 && self->n_done == 0; i++)
    {
      gate_step (self, 0);
      gnutls_handshake (client.connection);
    }
  g_assert_cmpuint (self->n_done, ==, 1);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_LEFT], ==, 1);
  client_clear (&client);
  close (slow[1]);
}

static void
test_gate_drain (Gate *self, gconstpointer data)
{
  int silent = gate_connect (self), half = gate_connect (self), pair[2], late[2];

  g_assert_cmpint (send (half, "\x16\x03\x01\x02", 4, 0), ==, 4);
  gate_step (self, 0);
  make_pair (pair);
  syn_tls_gate_take (self->gate, pair[0], server); /* not seen yet */
  syn_tls_gate_drain (self->gate);
  make_pair (late);
  syn_tls_gate_take (self->gate, late[0], server);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (self->failed[SYN_TLS_FAILURE_ENDED], ==, 4);
  g_assert_true (is_closed (silent) && is_closed (pair[1]) && is_closed (late[1]));
  close (silent);
  close (half);
  close (pair[1]);
  close (late[1]);
}

/* With real threads: all that is under way is let go with them, also what is on its way back. */
static void
test_gate_threads (Gate *self, gconstpointer data)
{
  Client clients[20];

  syn_tls_gate_free (self->gate);
  self->gate = syn_tls_gate_new (syn_silo_get_front_lane (self->silo), 3, passed, self);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      int pair[2];

      make_pair (pair);
      client_init (&clients[i], pair[1], TLS_1_3);
      syn_tls_gate_take (self->gate, pair[0], server);
    }
  while (self->n_done < 10)
    {
      for (guint i = 0; i < 10; i++)
        gnutls_handshake (clients[i].connection);
      syn_silo_settle (self->silo);
    }
  for (guint i = 10; i < 15; i++) /* these may be done, or half done */
    gnutls_handshake (clients[i].connection);
  syn_tls_gate_free (g_steal_pointer (&self->gate));
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    client_clear (&clients[i]);
}

/* ---- files ---- */

static void
write_file (const char *name, const char *text)
{
  g_autofree char *file = file_of (name);

  g_assert_true (g_file_set_contents (file, text, -1, NULL));
}

static void
assert_refused (const char *certificate_name, const char *key_name, const char *named, const char *reason)
{
  g_autofree char *certificate = file_of (certificate_name), *key = file_of (key_name), *file = file_of (named);
  g_autoptr (GError) error = NULL;

  g_assert_null (syn_tls_server_new (certificate, key, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  if (strstr (error->message, file) == NULL || strstr (error->message, reason) == NULL)
    g_error ("%s, %s: %s", certificate_name, key_name, error->message);
}

static void
test_files (void)
{
  g_autofree char *certificate = file_of ("server.pem"), *key = file_of ("server-key.pem"), *both = file_of ("both.pem");
  g_autofree char *certificate_text = NULL, *key_text = NULL, *together = NULL, *twice = NULL, *large = g_strnfill (SYN_MAX_TLS_FILE_BYTES + 1, '-');
  g_autoptr (GError) error = NULL;
  g_autoptr (SynTlsServer) of_one = NULL, old = NULL;

  g_assert_true (g_file_get_contents (certificate, &certificate_text, NULL, NULL) && g_file_get_contents (key, &key_text, NULL, NULL));
  write_file ("empty.pem", "");
  write_file ("text.pem", "this is no certificate\n");
  write_file ("large.pem", large);
  write_file ("broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  write_file ("broken-key.pem", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
  assert_refused ("nothing.pem", "server-key.pem", "nothing.pem", "No such file");
  assert_refused ("server.pem", "nothing.pem", "nothing.pem", "No such file");
  assert_refused (".", "server-key.pem", "", "Is a directory");
  assert_refused ("empty.pem", "server-key.pem", "empty.pem", "no certificate");
  assert_refused ("text.pem", "server-key.pem", "text.pem", "no certificate");
  assert_refused ("broken.pem", "server-key.pem", "broken.pem", "");
  assert_refused ("large.pem", "server-key.pem", "large.pem", "too large");
  assert_refused ("server-key.pem", "server-key.pem", "server-key.pem", "no certificate");
  assert_refused ("server.pem", "empty.pem", "empty.pem", "no private key");
  assert_refused ("server.pem", "text.pem", "text.pem", "no private key");
  assert_refused ("server.pem", "server.pem", "server.pem", "no private key");
  assert_refused ("server.pem", "broken-key.pem", "broken-key.pem", "");
  assert_refused ("server.pem", "expired-key.pem", "expired-key.pem", "does not belong to the certificate in");
  assert_refused ("expired.pem", "server-key.pem", "expired.pem", "does not belong");

  /* One file with both; a chain. */
  together = g_strconcat (certificate_text, key_text, NULL);
  write_file ("both.pem", together);
  of_one = syn_tls_server_new (both, both, &error);
  g_assert_no_error (error);
  twice = g_strconcat (certificate_text, "some words between\n", certificate_text, NULL);
  write_file ("chain.pem", twice);
  g_clear_pointer (&of_one, syn_tls_server_unref);
  of_one = (g_free (both), both = file_of ("chain.pem"), syn_tls_server_new (both, key, &error));
  g_assert_no_error (error);
  g_assert_nonnull (strstr (syn_tls_server_get_subject (of_one), "CN=server"));
  g_assert_cmpint (syn_tls_server_get_not_before_s (of_one), <, syn_tls_server_get_not_after_s (of_one));

  /* The time of it is not for here to judge: who starts us says something. */
  old = server_of ("expired", &error);
  g_assert_no_error (error);
  g_assert_cmpint (syn_tls_server_get_not_after_s (old), <, g_get_real_time () / G_USEC_PER_SEC);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("synoptic-tls-XXXXXX", &error);
  g_assert_no_error (error);
  test_certs_make (folder, FALSE);
  server = server_of ("server", &error);
  g_assert_no_error (error);
  g_test_add_func ("/tls/files", test_files);
  g_test_add_data_func ("/tls/send/1.3", TLS_1_3, test_send);
  g_test_add_data_func ("/tls/send/1.2", TLS_1_2, test_send);
  g_test_add_data_func ("/tls/send/chacha", TLS_1_2_CHACHA, test_send);
  g_test_add_func ("/tls/send/nothing", test_send_nothing);
  g_test_add_func ("/tls/send/empty", test_send_empty);
  g_test_add_func ("/tls/recv", test_recv);
  g_test_add_func ("/tls/recv/pieces", test_recv_pieces);
  g_test_add_func ("/tls/ends", test_ends);
  g_test_add_func ("/tls/key-update", test_key_update);
  g_test_add ("/tls/gate/1.3", Gate, TLS_1_3, gate_set_up, test_gate, gate_tear_down);
  g_test_add ("/tls/gate/1.2", Gate, TLS_1_2, gate_set_up, test_gate, gate_tear_down);
  g_test_add ("/tls/gate/failures", Gate, NULL, gate_set_up, test_gate_failures, gate_tear_down);
  g_test_add ("/tls/gate/long-hello", Gate, NULL, gate_set_up, test_gate_long_hello, gate_tear_down);
  g_test_add ("/tls/gate/stalls", Gate, NULL, gate_set_up, test_gate_stalls, gate_tear_down);
  g_test_add ("/tls/gate/line", Gate, NULL, gate_set_up, test_gate_line, gate_tear_down);
  g_test_add ("/tls/gate/drain", Gate, NULL, gate_set_up, test_gate_drain, gate_tear_down);
  g_test_add ("/tls/gate/threads", Gate, NULL, gate_set_up, test_gate_threads, gate_tear_down);
  status = g_test_run ();
  syn_tls_server_unref (server);
  test_certs_remove (folder);
  g_free (folder);
  return status;
}
