/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How answers leave: what arrives is what was sent, whether it was copied or went from a file in memory, to the last byte, and whatever becomes of
 * the memory that it came from. Over TCP, on the front lane of a stepped silo. */
#include "syn-sender.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-silo-test.h"

#define N_PEERS (SYN_SEND_FILE_AFTER + 8)

typedef struct
{
  SynSilo *silo;
  SynSender *sender;
  int ours[N_PEERS], theirs[N_PEERS];
  GByteArray *expected[N_PEERS];
} Fixture;

static void
connect_pair (int *ours, int *theirs, int buffer_bytes)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM, 0);

  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  getsockname (listener, (struct sockaddr *) &address, &length);
  *theirs = socket (AF_INET, SOCK_STREAM, 0);
  if (buffer_bytes > 0)
    setsockopt (*theirs, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  g_assert_cmpint (connect (*theirs, (struct sockaddr *) &address, sizeof address), ==, 0);
  *ours = accept4 (listener, NULL, NULL, SOCK_NONBLOCK);
  g_assert_cmpint (*ours, >=, 0);
  if (buffer_bytes > 0)
    setsockopt (*ours, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
  fcntl (*theirs, F_SETFL, O_NONBLOCK);
  close (listener);
}

static void
setup (Fixture *self, gconstpointer data)
{
  self->silo = syn_silo_new_stepped (1, NULL, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, NULL));
  self->sender = syn_sender_for_lane (syn_silo_get_front_lane (self->silo));
  for (guint i = 0; i < N_PEERS; i++)
    {
      connect_pair (&self->ours[i], &self->theirs[i], GPOINTER_TO_INT (data));
      self->expected[i] = g_byte_array_new ();
    }
}

static void
teardown (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < N_PEERS; i++)
    {
      close (self->ours[i]);
      close (self->theirs[i]);
      g_byte_array_unref (self->expected[i]);
    }
  syn_silo_free (self->silo);
}

static GBytes *
random_body (gsize size, guint32 seed)
{
  guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) ((seed = seed * 1664525 + 1013904223) >> 24);
  return g_bytes_new_take (data, size);
}

/* Descriptors of the process that are files in memory of ours. */
static guint
count_files (void)
{
  guint n = 0;

  for (int fd = 0; fd < 1024; fd++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
      g_autofree char *target = g_file_read_link (path, NULL);

      n += target != NULL && strstr (target, "memfd:snapshot") != NULL;
    }
  return n;
}

static gint64
count (Fixture *self, const char *name)
{
  return syn_metric_sum (self->silo, syn_metric_register (SYN_METRIC_COUNTER, name, NULL)); /* it is there already */
}

/* Takes what has come for peer @i, and holds it against what is expected; returns how much it was. */
static gsize
take (Fixture *self, guint i)
{
  guint8 buffer[65536];
  gsize total = 0;
  gssize n;

  while ((n = recv (self->theirs[i], buffer, sizeof buffer, 0)) > 0)
    {
      g_assert_cmpuint ((gsize) n, <=, self->expected[i]->len);
      g_assert_cmpmem (buffer, n, self->expected[i]->data, n);
      g_byte_array_remove_range (self->expected[i], 0, (guint) n);
      total += (gsize) n;
    }
  g_assert_cmpint (n, ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  return total;
}

/* Sends all of it to peer @i, reading at the other end whenever there is no room. */
static void
send_all (Fixture *self, guint i, const char *head, GBytes *body)
{
  gsize size = body != NULL ? g_bytes_get_size (body) : 0, total = strlen (head) + size, sent;
  gssize n = syn_sender_send (self->sender, self->ours[i], NULL, head, strlen (head), body);

  g_byte_array_append (self->expected[i], (const guint8 *) head, (guint) strlen (head));
  if (body != NULL)
    g_byte_array_append (self->expected[i], g_bytes_get_data (body, NULL), (guint) size);
  g_assert_cmpint (n, >, 0);
  for (sent = (gsize) n; sent < total; sent += (gsize) n)
    {
      struct iovec vector[2];

      take (self, i);
      n = syn_sender_send_vector (self->ours[i], NULL, vector, syn_sender_rest (head, strlen (head), body, sent, vector));
      g_assert_cmpint (n, >=, 0);
    }
}

static void
drain_all (Fixture *self)
{
  for (guint i = 0; i < N_PEERS; i++)
    {
      while (self->expected[i]->len > 0)
        take (self, i);
      g_assert_cmpuint (take (self, i), ==, 0);
    }
}

/* With the head of the others, and with one of his own. */
static void
test_many (Fixture *self, gconstpointer data)
{
  const gsize sizes[] = { SYN_SEND_FILE_MIN_BYTES, SYN_SEND_FILE_MIN_BYTES + 1, 65536, 65536 + 4095, 300001 };
  gint64 n_expected = 0;

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    {
      g_autoptr (GBytes) body = random_body (sizes[k], k);

      for (guint i = 0; i < N_PEERS; i++)
        send_all (self, i, i % 3 == 0 ? "of one's own" : "of most", body);
      n_expected += N_PEERS - SYN_SEND_FILE_AFTER + 1;
      g_assert_cmpint (count (self, "shared_bodies_total"), ==, k + 1);
      g_assert_cmpint (count (self, "shared_body_answers_total"), ==, n_expected);
      drain_all (self);
    }
  g_assert_cmpuint (count_files (), ==, 4); /* of the last few */
  syn_silo_advance (self->silo, 3000);
  g_assert_cmpuint (count_files (), ==, 0);
}

static void
test_copied (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) small = random_body (SYN_SEND_FILE_MIN_BYTES - 1, 1), large = random_body (SYN_SEND_FILE_MAX_BYTES + 1, 2);
  g_autofree char *head = g_strnfill (2000, 'h');
  g_autoptr (GBytes) body = random_body (65536, 3);

  for (guint i = 0; i < N_PEERS; i++)
    {
      send_all (self, i, "small", small);
      send_all (self, i, "none", NULL);
      send_all (self, i, head, body);
      if (i % 8 == 0)
        send_all (self, i, "large", large);
    }
  g_assert_cmpint (count (self, "shared_bodies_total"), ==, 0);
  g_assert_cmpint (count (self, "shared_body_answers_total"), ==, 0);
  drain_all (self);
}

/* What is on its way is what was sent, though the body has gone since, its memory is another's, and the file is closed. */
static void
test_gone (Fixture *self, gconstpointer data)
{
  for (guint k = 0; k < 6; k++)
    {
      g_autoptr (GBytes) body = random_body (30000, k);

      for (guint i = 0; i < N_PEERS; i++)
        {
          gssize n = syn_sender_send (self->sender, self->ours[i], NULL, "head", 4, body);

          g_assert_cmpint (n, ==, 30004);
          g_byte_array_append (self->expected[i], (const guint8 *) "head", 4);
          g_byte_array_append (self->expected[i], g_bytes_get_data (body, NULL), 30000);
        }
    }
  syn_silo_advance (self->silo, 3000);
  g_assert_cmpuint (count_files (), ==, 0);
  drain_all (self);
}

/* A file is for as long as its body is sent. */
static void
test_kept (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) body = random_body (20000, 1);

  for (guint i = 0; i < SYN_SEND_FILE_AFTER; i++)
    send_all (self, i, "head", body);
  for (guint i = 0; i < 10; i++)
    {
      syn_silo_advance (self->silo, 900);
      send_all (self, i, "head", body);
    }
  g_assert_cmpuint (count_files (), ==, 1);
  g_assert_cmpint (count (self, "shared_bodies_total"), ==, 1);
  drain_all (self);
}

static void
test_broken (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) body = random_body (20000, 1);
  gssize n = 0;

  for (guint i = 0; i < SYN_SEND_FILE_AFTER; i++)
    send_all (self, i, "head", body);
  for (gsize all = 0; (n = syn_sender_send (self->sender, self->ours[0], NULL, "head", 4, body)) > 0; all += (gsize) n)
    g_assert_cmpuint (all, <, 64u << 20);
  g_assert_cmpint (n, ==, 0); /* full */
  close (self->theirs[1]);
  self->theirs[1] = -1;
  for (guint k = 0; k < 3; k++) /* the first may still find the other end's end unseen */
    n = syn_sender_send (self->sender, self->ours[1], NULL, "head", 4, body);
  g_assert_cmpint (n, ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  signal (SIGPIPE, SIG_IGN); /* as in the server: sendfile() has no flag for it */
  syn_sender_register_metrics ();
  g_test_add ("/sender/many", Fixture, NULL, setup, test_many, teardown);
  g_test_add ("/sender/many-small-buffers", Fixture, GINT_TO_POINTER (4096), setup, test_many, teardown);
  g_test_add ("/sender/copied", Fixture, NULL, setup, test_copied, teardown);
  g_test_add ("/sender/gone", Fixture, NULL, setup, test_gone, teardown);
  g_test_add ("/sender/kept", Fixture, NULL, setup, test_kept, teardown);
  g_test_add ("/sender/broken", Fixture, NULL, setup, test_broken, teardown);
  return g_test_run ();
}
