/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "front-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "replica-snapshot-builder.h"
#include "syn-beacon.h"
#include "syn-error.h"
#include "syn-memory-journal.h"
#include "syn-silo-journal.h"
#include "synoptic-poll.h"
#include "syn-source.h"

static const char catalog_json[] =
    "{ \"sources\": ["
    "    { \"name\": \"trades\", \"kind\": \"http\", \"fields\": { \"symbol\": \"string\", \"price\": \"decimal(4)\" } },"
    "    { \"name\": \"gen\", \"kind\": \"simulator\", \"instruments\": 10, \"rate\": 10 } ],"
    "  \"projections\": [ { \"name\": \"quotes\", \"from\": \"trades\", \"key\": [\"symbol\"],"
    "                     \"columns\": { \"last\": \"last(price)\" } } ],"
    "  \"screens\": [ { \"name\": \"market\", \"panels\": [ { \"grid\": \"quotes\" } ] } ] }";

/* ---- a projection ---- */

#define FAKE_PUBLISH 1

typedef struct {
  guint n_rows;
  guint n_bytes; /* of a string that is in each row; 0: numbers */
} FakePublish;

typedef struct {
  SynMessageList parked;
  ReplicaSnapshot *snapshot;
  guint64 serial;
} FakeProjection;

static ReplicaToken last_token;

static gpointer
projection_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  return g_new0 (FakeProjection, 1);
}

static void
hold_ended (SynTimer *timer, gpointer user_data)
{
  SynMessage *message = user_data;
  FakeProjection *self = *syn_message_get_slot (message);

  syn_message_list_remove (&self->parked, message);
  syn_message_reply (message, NULL, NULL);
}

static void
reply_snapshot (FakeProjection *self, SynMessage *message)
{
  syn_message_reply (message, replica_snapshot_ref (self->snapshot), (GDestroyNotify) replica_snapshot_unref);
}

static ReplicaSnapshot *
make_snapshot (ReplicaToken token, guint n_rows, guint n_bytes)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("quotes", token, SYN_STEPPED_START_REAL_US, n_rows);
  g_autofree gint64 *data = g_new (gint64, MAX (n_rows, 1));
  g_autofree guint32 *codes = g_new0 (guint32, MAX (n_rows, 1));
  g_autofree char *string = g_strnfill (n_bytes, 'x');
  guint32 offsets[] = { 0, n_bytes + 1 };
  ReplicaColumn column = { .name = "n", .type = REPLICA_TYPE_INT64, .width = 8, .is_key = TRUE, .n_rows = n_rows, .data = data };
  ReplicaColumn text = { .name = "text", .type = REPLICA_TYPE_STRING, .width = 4, .n_rows = n_rows, .data = codes,
                         .dict_offsets = offsets, .dict_bytes = string, .n_dict = 1 };
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *snapshot;

  for (guint i = 0; i < n_rows; i++)
    data[i] = i;
  replica_snapshot_builder_add (builder, &column);
  if (n_bytes > 0)
    replica_snapshot_builder_add (builder, &text);
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  return snapshot;
}

static void
projection_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  FakeProjection *self = state;
  SynMessage *parked;
  SynPoll *poll;

  if (syn_message_get_method (message) == FAKE_PUBLISH)
    {
      const FakePublish *publish = syn_message_get_payload (message);

      g_clear_pointer (&self->snapshot, replica_snapshot_unref);
      last_token = (ReplicaToken) { syn_grain_get_epoch (grain), ++self->serial };
      self->snapshot = make_snapshot (last_token, publish->n_rows, publish->n_bytes);
      syn_message_reply (message, NULL, NULL);
      while ((parked = syn_message_list_pop (&self->parked)) != NULL)
        {
          syn_lane_disarm (syn_grain_get_lane (grain), syn_message_get_timer (parked));
          reply_snapshot (self, parked);
        }
      return;
    }
  poll = syn_message_get_payload (message);
  if (self->snapshot != NULL && !replica_token_equal (poll->token, replica_snapshot_get_token (self->snapshot)))
    reply_snapshot (self, message);
  else if (poll->hold_ms == 0)
    syn_message_reply (message, NULL, NULL);
  else
    {
      *syn_message_get_slot (message) = self;
      syn_message_list_push (&self->parked, message);
      syn_lane_arm (syn_grain_get_lane (grain), syn_message_get_timer (message), poll->hold_ms, hold_ended, message);
    }
}

static void
projection_deactivate (SynGrain *grain, gpointer state)
{
  FakeProjection *self = state;
  g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "going");
  SynMessage *parked;

  while ((parked = syn_message_list_pop (&self->parked)) != NULL)
    {
      syn_lane_disarm (syn_grain_get_lane (grain), syn_message_get_timer (parked));
      syn_message_fail (parked, error);
    }
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_free (self);
}

static gboolean
resolve (const char *path, const char **type, char **canonical, gpointer user_data, GError **error)
{
  g_autofree char *name = g_strndup (path, strcspn (path, "?"));

  if (strcmp (name, "quotes") != 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "there is no projection \"%s\"", name);
      return FALSE;
    }
  if (strchr (path, '?') != NULL && strstr (path, "where=") == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "what is \"%s\"?", strchr (path, '?') + 1);
      return FALSE;
    }
  *type = "fake";
  *canonical = g_strdup ("quotes");
  return TRUE;
}

/* ---- a source ---- */

static struct {
  GBytes *body;
  int format;
  gboolean is_batch;
  guint n;
  gboolean hold;
  SynMessageList held;
  GError *refusal;
  SynReadPlace place;
} published;

static gpointer
source_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  return g_strdup (key);
}

static void
free_published (gpointer data)
{
  syn_published_free (data);
}

static void
free_status (gpointer data)
{
  syn_source_status_free (data);
}

static void
answer_published (SynMessage *message)
{
  SynPublished *answer = g_new0 (SynPublished, 1);

  answer->error = g_steal_pointer (&published.refusal);
  answer->place = published.place;
  if (answer->error == NULL)
    {
      answer->accepted = 7;
      answer->sequence = 4711;
    }
  syn_message_reply (message, answer, free_published);
}

static void
source_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynPublish *publish;

  if (syn_message_get_method (message) == SYN_SOURCE_STATUS)
    {
      SynSourceStatus *status = g_new0 (SynSourceStatus, 1);

      status->sequence = 4711;
      status->finished = strcmp (state, "gen") == 0;
      status->error = status->finished ? g_strdup ("line 3: \"x\"") : NULL;
      syn_message_reply (message, status, free_status);
      return;
    }
  publish = syn_message_get_payload (message);
  g_clear_pointer (&published.body, g_bytes_unref);
  published.body = g_bytes_ref (publish->body);
  published.format = publish->format;
  published.is_batch = publish->is_batch;
  published.n++;
  if (published.hold)
    syn_message_list_push (&published.held, message);
  else
    answer_published (message);
}

static void
source_deactivate (SynGrain *grain, gpointer state)
{
  g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "going");
  SynMessage *held;

  while ((held = syn_message_list_pop (&published.held)) != NULL)
    syn_message_fail (held, error);
  g_free (state);
}

const char *
fixture_published_body (gsize *length)
{
  return g_bytes_get_data (published.body, length);
}

int
fixture_published_format (void)
{
  return published.format;
}

gboolean
fixture_published_is_batch (void)
{
  return published.is_batch;
}

guint
fixture_n_published (void)
{
  return published.n;
}

void
fixture_refuse_next (int code, const char *message, guint64 line, const char *field)
{
  published.refusal = g_error_new_literal (SYN_ERROR, code, message);
  published.place = (SynReadPlace) { .line = line, .column = 5 };
  g_strlcpy (published.place.field, field, sizeof published.place.field);
}

void
fixture_hold_published (gboolean hold)
{
  published.hold = hold;
}

void
fixture_release (Fixture *self)
{
  SynMessage *held;

  published.hold = FALSE;
  while ((held = syn_message_list_pop (&published.held)) != NULL)
    answer_published (held);
  fixture_settle (self);
}

/* ---- life ---- */

static void
set_up (Fixture *self, SynJournal *journal)
{
  static const SynGrainType projection_type = {
    .name = "fake", .reentrant = TRUE,
    .activate = projection_activate, .receive = projection_receive, .deactivate = projection_deactivate,
  };
  static const SynGrainType source_type = {
    .name = SYN_SOURCE_GRAIN, .reentrant = TRUE, .activate = source_activate, .receive = source_receive, .deactivate = source_deactivate,
  };
  g_autoptr (GError) error = NULL;

  *self = (Fixture){ .journal = journal };
  memset (&published, 0, sizeof published);
  self->catalog = syn_catalog_parse ("test.json", "/", catalog_json, -1, &error);
  g_assert_no_error (error);
  self->silo = syn_silo_new_stepped (2, NULL, &error);
  g_assert_no_error (error);
  syn_beacons_set_resolver (self->silo, resolve, NULL);
  syn_silo_register (self->silo, &projection_type, NULL);
  syn_silo_register (self->silo, &source_type, NULL);
  if (journal != NULL)
    syn_silo_set_journal (self->silo, journal, FALSE);
  syn_silo_start (self->silo, NULL, &error);
  g_assert_no_error (error);
  self->front = syn_front_new (self->silo, self->catalog, "127.0.0.1:0", NULL, &self->authority, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (self->authority, "127.0.0.1:"));
  self->port = (guint16) atoi (strchr (self->authority, ':') + 1);
  fixture_settle (self);
}

void
fixture_set_up (Fixture *self, gconstpointer data)
{
  set_up (self, NULL);
}

void
fixture_set_up_with_journal (Fixture *self, gconstpointer data)
{
  set_up (self, syn_memory_journal_new ());
}

void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  fixture_settle (self);
  syn_front_free (self->front);
  syn_silo_free (self->silo);
  g_clear_pointer (&self->journal, syn_journal_free);
  syn_catalog_unref (self->catalog);
  g_free (self->authority);
  g_clear_pointer (&published.body, g_bytes_unref);
  g_clear_error (&published.refusal);
}

static void
published_cb (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
}

void
fixture_publish_snapshot (Fixture *self, guint n_rows)
{
  fixture_publish_text (self, n_rows, 0);
}

void
fixture_publish_text (Fixture *self, guint n_rows, guint n_bytes)
{
  FakePublish publish = { n_rows, n_bytes };
  SynCall call = {
    .type = "fake", .key = "quotes", .method = FAKE_PUBLISH, .payload = g_memdup2 (&publish, sizeof publish), .payload_free = g_free,
    .reply = published_cb,
  };

  syn_call (syn_silo_get_front_lane (self->silo), &call);
  fixture_settle (self);
}

ReplicaToken
fixture_token (Fixture *self)
{
  return last_token;
}

void
fixture_settle (Fixture *self)
{
  syn_silo_settle (self->silo);
}

void
fixture_advance (Fixture *self, gint64 ms)
{
  syn_silo_advance (self->silo, ms);
}

guint
fixture_count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

gboolean
fixture_need_descriptors (guint n)
{
  struct rlimit limit;
  g_autofree char *message = NULL;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  if (limit.rlim_cur >= n)
    return TRUE;
  limit.rlim_cur = MIN (limit.rlim_max, n);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  if (limit.rlim_cur >= n)
    return TRUE;
  message = g_strdup_printf ("needs %u descriptors, and the limit is %llu", n, (unsigned long long) limit.rlim_cur);
  g_test_skip (message);
  return FALSE;
}

guint
fixture_n_waiting (Fixture *self)
{
  SynBeaconStatus status;

  fixture_settle (self);
  syn_beacons_get_status (self->silo, &status);
  return status.waiting;
}

gint64
fixture_metric (Fixture *self, SynMetric which)
{
  return syn_metric_sum (self->silo, which);
}

static void
drained_cb (gpointer user_data)
{
  Fixture *self = user_data;

  g_assert_false (self->drained);
  self->drained = TRUE;
}

void
fixture_drain (Fixture *self)
{
  syn_front_drain (self->front, drained_cb, self);
}

char *
fixture_token_headers (Fixture *self, const char *more)
{
  char token[REPLICA_TOKEN_TEXT_MAX];

  return g_strdup_printf ("If-None-Match: \"%s\"\r\n%s", replica_token_format (fixture_token (self), token), more);
}

/* ---- clients ---- */

int
client_connect (Fixture *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (self->port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

  g_assert_cmpint (setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), ==, 0); /* what is sent arrives at once */
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (fcntl (fd, F_SETFL, O_NONBLOCK), ==, 0);
  fixture_settle (self);
  return fd;
}

void
client_send_bytes (Fixture *self, int fd, const void *data, gsize length)
{
  gsize sent = 0;

  while (sent < length)
    {
      gssize n = send (fd, (const char *) data + sent, length - sent, MSG_NOSIGNAL);

      if (n < 0 && errno != EAGAIN)
        break; /* the server has closed: what follows will see it */
      if (n > 0)
        sent += (gsize) n;
      fixture_settle (self);
    }
}

void
client_send (Fixture *self, int fd, const char *text)
{
  client_send_bytes (self, fd, text, strlen (text));
}

GByteArray *
client_read_bytes (Fixture *self, int fd, gboolean *closed)
{
  GByteArray *bytes = g_byte_array_new ();
  guint8 buffer[65536];
  gssize n;

  if (closed != NULL)
    *closed = FALSE;
  for (guint quiet = 0; quiet < 2;)
    {
      fixture_settle (self);
      n = recv (fd, buffer, sizeof buffer, 0);
      if (n > 0)
        {
          g_byte_array_append (bytes, buffer, (guint) n);
          quiet = 0;
          continue;
        }
      if (n == 0 || errno == ECONNRESET)
        {
          if (closed != NULL)
            *closed = TRUE;
          break;
        }
      g_assert_cmpint (errno, ==, EAGAIN);
      quiet++;
    }
  return bytes;
}

char *
client_read (Fixture *self, int fd, gboolean *closed)
{
  GByteArray *bytes = client_read_bytes (self, fd, closed);

  g_byte_array_append (bytes, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (bytes, FALSE);
}

gboolean
client_is_closed (Fixture *self, int fd)
{
  gboolean closed;
  g_autofree char *rest = client_read (self, fd, &closed);

  return closed;
}

void
client_close (Fixture *self, int fd)
{
  close (fd);
  fixture_settle (self);
}

char *
client_ask (Fixture *self, int fd, const char *text)
{
  client_send (self, fd, text);
  return client_read (self, fd, NULL);
}

char *
client_post (Fixture *self, int fd, const char *head, const char *body)
{
  g_autofree char *text = g_strdup_printf ("%sContent-Length: %zu\r\n\r\n%s", head, strlen (body), body);

  return client_ask (self, fd, text);
}

char *
client_poll (Fixture *self, int fd, const char *headers)
{
  g_autofree char *text = g_strdup_printf ("GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\n%s\r\n", headers);

  return client_ask (self, fd, text);
}

char *
header_of (const char *answer, const char *name)
{
  g_autofree char *wanted = g_strconcat ("\r\n", name, ": ", NULL);
  const char *found = strstr (answer, wanted);

  if (found == NULL)
    return NULL;
  found += strlen (wanted);
  return g_strndup (found, strcspn (found, "\r"));
}

guint
status_of (const char *answer)
{
  return g_str_has_prefix (answer, "HTTP/1.") && strlen (answer) > 9 ? (guint) atoi (answer + 9) : 0;
}
