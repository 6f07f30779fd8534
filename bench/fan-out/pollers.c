/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reader and the sockets are those of synopticctl's load client: made to cost little beside the server that they measure, and the
 * same for servers that know nothing of libreplica. */
#include "pollers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl-load-crowd.h"
#include "ctl-load-reader.h"

#define ROUND_DEADLINE_MS 60000
#define EXPLAINED_MAX 5 /* clients without their answer that are told about */
/* Connections begun whose poll is not out yet: less than any server's backlog, so that no SYN is lost and sent again a second later. */
#define OPENING_MAX 200u

typedef struct {
  CtlLoadReader reader;
  ReplicaToken token;
  gboolean answered; /* in this round */
  gboolean asked;
  gboolean reading;  /* an answer is half here */
} Poller;

struct _Pollers {
  guint n;
  Poller *each;
  CtlCrowd *crowd;
  CtlLoadTls *tls; /* (nullable): the crowd's */
  const char *name; /* the server's */
  char *path;
  char *authority;
  CtlLoadTransport transport;
  guint n_opened, n_asked, n_answered, n_reading;
  gsize body_bytes;
  void (*explain) (guint16 port, gpointer data); /* (nullable): the server's side of a connection */
  gpointer explain_data;
};

static void
fail (Pollers *self, const char *what)
{
  g_printerr ("fan-out client: %s: %s\n", self->name, what);
  exit (1);
}

/* As a client does that has nothing but its token: only the first poll of a WebSocket names the path. */
static void
ask (Pollers *self, guint member)
{
  Poller *poller = &self->each[member];
  char out[CTL_LOAD_REQUEST_MAX + 3 * 512];
  gboolean names = self->transport == CTL_LOAD_HTTP || !poller->asked;
  /* A long-poll that holds nothing is answered at once, and does not ask to wait. */
  guint hold_ms = self->transport == CTL_LOAD_HTTP && !poller->asked ? 0 : REPLICA_WIRE_HOLD_MAX_MS;
  gsize n = ctl_load_write_poll (out, self->transport, self->authority, 1, names ? self->path : NULL, poller->token, hold_ms, 0);

  if (!poller->asked)
    {
      poller->asked = TRUE;
      self->n_asked++;
    }
  ctl_crowd_send (self->crowd, member, out, n);
}

static void
on_head (Pollers *self, Poller *poller, const CtlLoadEvent *event)
{
  if (event->answer == CTL_LOAD_ERROR)
    {
      g_autofree char *text = g_strndup ((const char *) event->text, event->text_bytes);

      fail (self, text);
    }
  poller->reading = TRUE;
  self->n_reading++;
  if (event->answer != CTL_LOAD_SNAPSHOT)
    return;
  if (!replica_token_equal (event->token, poller->token) && !poller->answered)
    {
      poller->answered = TRUE;
      self->n_answered++;
    }
  poller->token = event->token;
  self->body_bytes = event->size_bytes;
}

static void
on_event (Pollers *self, guint member, const CtlLoadEvent *event)
{
  Poller *poller = &self->each[member];

  switch (event->kind)
    {
    case CTL_LOAD_MORE:
    case CTL_LOAD_PING:
      break;
    case CTL_LOAD_UPGRADED:
      ask (self, member);
      break;
    case CTL_LOAD_HEAD:
      on_head (self, poller, event);
      break;
    case CTL_LOAD_ANSWER:
      poller->reading = FALSE;
      self->n_reading--;
      ask (self, member);
      break;
    case CTL_LOAD_CLOSE:
      fail (self, "the server closed a WebSocket");
      break;
    case CTL_LOAD_FAIL:
      fail (self, event->reason);
      break;
    }
}

static void
opened_cb (guint member, gpointer data)
{
  Pollers *self = data;
  char out[CTL_LOAD_REQUEST_MAX];

  self->each[member].reader.transport = self->transport;
  if (self->transport == CTL_LOAD_HTTP)
    ask (self, member);
  else
    ctl_crowd_send (self->crowd, member, out, ctl_load_write_upgrade (out, self->authority));
}

static void
received_cb (guint member, const guint8 *bytes, gsize length, gpointer data)
{
  Pollers *self = data;
  CtlLoadEvent event;

  do
    {
      gsize used = ctl_load_reader_next (&self->each[member].reader, bytes, length, &event);

      bytes += used;
      length -= used;
      on_event (self, member, &event);
    }
  while (event.kind != CTL_LOAD_MORE);
}

static void
ended_cb (guint member, int error, gpointer data)
{
  fail (data, error != 0 ? ctl_load_tls_strerror (error) : "the server closed a connection");
}

static guint
turn (Pollers *self, int timeout_ms)
{
  guint max = self->tls != NULL && ctl_load_tls_awaits_session (self->tls) ? 1 : self->n_asked + OPENING_MAX;

  while (self->n_opened < self->n && self->n_opened < max)
    ctl_crowd_open (self->crowd, self->n_opened++);
  return ctl_crowd_turn (self->crowd, timeout_ms);
}

Pollers *
pollers_new (const char *name, guint16 port, const char *path, guint n_clients, gboolean http, CtlLoadTls *tls,
             void (*explain) (guint16 port, gpointer data), gpointer data)
{
  static const CtlCrowdFuncs funcs = { .opened = opened_cb, .received = received_cb, .ended = ended_cb };
  Pollers *self = g_new0 (Pollers, 1);
  g_autoptr (GError) error = NULL;

  g_assert (strlen (path) < 500);
  self->n = n_clients;
  self->each = g_new0 (Poller, n_clients);
  self->name = name;
  self->path = g_strdup (path);
  self->authority = g_strdup_printf ("127.0.0.1:%u", port);
  self->transport = http ? CTL_LOAD_HTTP : CTL_LOAD_WS;
  self->explain = explain;
  self->explain_data = data;
  self->crowd = ctl_crowd_new ("127.0.0.1", port, n_clients, 0, &funcs, self, &error);
  if (self->crowd == NULL)
    fail (self, error->message);
  self->tls = tls;
  if (tls != NULL)
    ctl_crowd_set_tls (self->crowd, tls);
  return self;
}

void
pollers_pump (Pollers *self)
{
  while (turn (self, 5) > 0 || self->n_asked < self->n)
    ;
}

/* Who lost an answer: what this end has of it, what lies in its socket, and what the server says of the connection. */
static void
explain (Pollers *self)
{
  guint n_told = 0;

  for (guint i = 0; i < self->n && n_told < EXPLAINED_MAX; i++)
    {
      const Poller *poller = &self->each[i];
      CtlCrowdLook look = { 0 };

      if (poller->answered && !poller->reading)
        continue;
      n_told++;
      if (!ctl_crowd_look (self->crowd, i, &look))
        {
          g_printerr ("client %u: not connected\n", i);
          continue;
        }
      g_printerr ("client %u, port %u: %s, holds %" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x, %s; %u bytes not read, %u not sent\n", i, look.port,
                  poller->answered ? "answered" : poller->asked ? "asked" : "not upgraded", poller->token.epoch, poller->token.serial,
                  poller->reading ? "an answer is half here" : "no answer has begun", look.n_unread, look.n_unsent);
      if (self->explain != NULL)
        self->explain (look.port, self->explain_data);
    }
}

gsize
pollers_wait_round (Pollers *self)
{
  gint64 end_us = g_get_monotonic_time () + ROUND_DEADLINE_MS * 1000;

  /* Bodies may still be arriving, and the polls after them leaving, when the last token is known. */
  while (self->n_answered < self->n || self->n_reading > 0)
    {
      turn (self, self->n_answered < self->n ? 1000 : 20);
      if (g_get_monotonic_time () > end_us)
        {
          g_autofree char *text = g_strdup_printf ("%u of %u answered in %u s, %u answers half here", self->n_answered, self->n, ROUND_DEADLINE_MS / 1000,
                                                   self->n_reading);

          explain (self);
          fail (self, text);
        }
    }
  self->n_answered = 0;
  for (guint i = 0; i < self->n; i++)
    self->each[i].answered = FALSE;
  return self->body_bytes;
}

void
pollers_storm (Pollers *self)
{
  for (guint i = 0; i < self->n; i++)
    {
      ctl_crowd_reset (self->crowd, i);
      ctl_load_reader_clear (&self->each[i].reader);
      self->each[i] = (Poller) { 0 };
    }
  self->n_asked = self->n_answered = self->n_reading = 0;
  for (self->n_opened = 0; self->n_opened < self->n; self->n_opened++)
    ctl_crowd_open (self->crowd, self->n_opened);
}

void
pollers_free (Pollers *self)
{
  ctl_crowd_free (self->crowd);
  for (guint i = 0; i < self->n; i++)
    ctl_load_reader_clear (&self->each[i].reader);
  g_free (self->each);
  g_free (self->path);
  g_free (self->authority);
  g_free (self);
}
