/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handshakes of TLS, on threads of their own.
 *
 * A handshake is two thirds of a millisecond of arithmetic (four with a key of RSA), in two steps with a wait between them. On a lane each would hold up what desks
 * wait for, and ten thousand that come back at once would hold it up for seconds; so they are made here, by as many threads as there are lanes, which the
 * kernel gives their turns like any other, and the door gets connections whose bytes it can read. A thread has two epoll sets: those who have not said
 * anything (a descriptor and a record each), and those under way, which hold some 30 KB. Those under way go first, and only so many may be: when ten
 * thousand come at once some are done while the others wait in line for nothing but their turn, instead of all being half done.
 *
 * Rejected: a thread or a task for each (what GTlsConnection does); on the front lane by small portions (publishing goes there: it would have half of its time
 * while a storm lasts, and handshakes one core). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-tls-gate.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-limits.h"

#define EVENTS_PER_ROUND 64
#define FRESH_PER_ROUND 16 /* each is the first step of a handshake: the dear one */
#define REFUSE_READS 16

typedef struct _Worker Worker;

/* One that is not done. */
typedef struct
{
  GList link; /* among the worker's fresh ones, or those under way: the oldest first */
  int fd;
  guint32 events;       /* that it waits for */
  SynTlsServer *server; /* (owned) */
  SynTls *tls;          /* (owned) (nullable): NULL: nothing came of it yet */
  gint64 deadline_ms;
} Newcomer;

/* To the worker: a connection. Back to the lane: what came of it. */
typedef struct
{
  SynParcel parcel;
  SynTlsGate *gate; /* (owned) */
  int fd;
  SynTls *tls;          /* (owned) (nullable) */
  SynTlsServer *server; /* (owned) (nullable) */
  SynTlsFailure failure;
} Passage;

struct _Worker
{
  SynTlsGate *gate;
  GThread *thread; /* (nullable) */
  int wake_fd, fresh_fd, going_fd;
  GQueue fresh, going;
  GMutex mutex; /* over what follows, which the lane writes */
  GQueue arrivals;
  gboolean ends;
};

struct _SynTlsGate
{
  gatomicrefcount refs; /* the owner's, and one for each passage */
  SynLane *lane;
  SynTlsGateFunc func; /* (nullable): NULL: nobody listens any more */
  gpointer user_data;
  guint n_workers, next_worker;
  Worker *workers;
  guint max_going;
  gboolean is_threaded;
};

static gint64
now_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

/* ---- back to the lane ---- */

static void
gate_unref (SynTlsGate *self)
{
  if (g_atomic_ref_count_dec (&self->refs))
    g_free (self);
}

static void
arrive (SynLane *lane, SynParcel *parcel)
{
  Passage *passage = (Passage *) parcel;

  if (passage->gate->func != NULL)
    passage->gate->func (passage->fd, passage->tls, passage->failure, passage->gate->user_data);
  else if (passage->fd >= 0)
    {
      syn_tls_free (passage->tls);
      close (passage->fd);
    }
  gate_unref (passage->gate);
  g_free (passage);
}

static void
send_back (SynTlsGate *gate, int fd, SynTls *tls, SynTlsFailure failure)
{
  Passage *passage = g_new0 (Passage, 1);

  g_atomic_ref_count_inc (&gate->refs);
  *passage = (Passage){ .parcel.run = arrive, .gate = gate, .fd = fd, .tls = tls, .failure = failure };
  syn_lane_post (gate->lane, &passage->parcel);
}

/* ---- newcomers ---- */

static GQueue *
line_of (Worker *self, Newcomer *newcomer)
{
  return newcomer->tls != NULL ? &self->going : &self->fresh;
}

static void
newcomer_free (Worker *self, Newcomer *newcomer)
{
  g_queue_unlink (line_of (self, newcomer), &newcomer->link);
  syn_tls_server_unref (newcomer->server);
  g_free (newcomer);
}

static void
give_up (Worker *self, Newcomer *newcomer, SynTlsFailure failure)
{
  int fd = newcomer->fd;
  SynTls *tls = newcomer->tls;

  newcomer_free (self, newcomer);
  if (tls != NULL)
    syn_tls_free (tls);
  /* It is in one of them; closing alone does not take it out for as long as anybody else has it. */
  epoll_ctl (self->fresh_fd, EPOLL_CTL_DEL, fd, NULL);
  epoll_ctl (self->going_fd, EPOLL_CTL_DEL, fd, NULL);
  close (fd);
  send_back (self->gate, -1, NULL, failure);
}

/* HTTP came where TLS was expected: its client can show what is wrong. */
static void
explain (int fd)
{
  static const char body[] = "{\"error\":{\"code\":\"invalid\",\"message\":\"this port speaks TLS: ask by https://, or wss://\"}}\n";
  g_autofree char *answer = g_strdup_printf ("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT
                                             "\r\nConnection: close\r\n\r\n%s",
                                             sizeof body - 1, body);
  char buffer[4096];

  /* What came is read, so that closing does not reset the answer away: not more than a head may have. */
  if (send (fd, answer, strlen (answer), MSG_NOSIGNAL | MSG_DONTWAIT) > 0 && shutdown (fd, SHUT_WR) == 0)
    for (guint i = 0; i < REFUSE_READS && recv (fd, buffer, sizeof buffer, MSG_DONTWAIT) == sizeof buffer; i++)
      ;
}

static void
go_on (Worker *self, Newcomer *newcomer)
{
  SynTlsFailure failure;
  guint32 events;

  switch (syn_tls_handshake (newcomer->tls, &failure))
    {
    case SYN_TLS_DONE:
      epoll_ctl (self->going_fd, EPOLL_CTL_DEL, newcomer->fd, NULL);
      send_back (self->gate, newcomer->fd, newcomer->tls, 0);
      newcomer_free (self, newcomer);
      return;
    case SYN_TLS_FAILED:
      give_up (self, newcomer, failure);
      return;
    case SYN_TLS_WAITS:
    default:
      break;
    }
  events = EPOLLIN | (syn_tls_wants_write (newcomer->tls) ? EPOLLOUT : 0);
  if (events == newcomer->events)
    return;
  newcomer->events = events;
  epoll_ctl (self->going_fd, EPOLL_CTL_MOD, newcomer->fd, &(struct epoll_event){ .events = events, .data.ptr = newcomer });
}

/* Its first bytes are there, or its end. */
static void
begin (Worker *self, Newcomer *newcomer, gint64 now)
{
  guint8 first;
  gssize n = recv (newcomer->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      give_up (self, newcomer, SYN_TLS_FAILURE_LEFT);
      return;
    }
  if (g_ascii_isupper (first))
    {
      explain (newcomer->fd);
      give_up (self, newcomer, SYN_TLS_FAILURE_PLAIN);
      return;
    }
  epoll_ctl (self->fresh_fd, EPOLL_CTL_DEL, newcomer->fd, NULL);
  g_queue_unlink (&self->fresh, &newcomer->link);
  newcomer->tls = syn_tls_new (newcomer->server, newcomer->fd);
  newcomer->deadline_ms = now + SYN_TLS_HANDSHAKE_MS;
  newcomer->events = EPOLLIN;
  g_queue_push_tail_link (&self->going, &newcomer->link);
  if (epoll_ctl (self->going_fd, EPOLL_CTL_ADD, newcomer->fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = newcomer }) < 0)
    give_up (self, newcomer, SYN_TLS_FAILURE_LEFT);
  else
    go_on (self, newcomer);
}

/* ---- a round ---- */

static void
take_in (Worker *self, Passage *passage, gint64 now)
{
  Newcomer *newcomer = g_new0 (Newcomer, 1);

  newcomer->link.data = newcomer;
  newcomer->fd = passage->fd;
  newcomer->server = passage->server;
  newcomer->deadline_ms = now + SYN_HTTP_IDLE_MS;
  g_queue_push_tail_link (&self->fresh, &newcomer->link);
  g_free (passage);
  if (epoll_ctl (self->fresh_fd, EPOLL_CTL_ADD, newcomer->fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = newcomer }) < 0)
    give_up (self, newcomer, SYN_TLS_FAILURE_LEFT);
}

/* FALSE: it is to end. */
static gboolean
take_in_all (Worker *self, gint64 now)
{
  GQueue arrivals;
  gboolean ends;
  Passage *passage;

  g_mutex_lock (&self->mutex);
  arrivals = self->arrivals;
  g_queue_init (&self->arrivals);
  ends = self->ends;
  g_mutex_unlock (&self->mutex);
  while ((passage = g_queue_pop_head (&arrivals)) != NULL)
    take_in (self, passage, now);
  return !ends;
}

static void
close_late (Worker *self, GQueue *line, gint64 now)
{
  while (line->head != NULL && ((Newcomer *) line->head->data)->deadline_ms <= now)
    give_up (self, line->head->data, SYN_TLS_FAILURE_STALLED);
}

/* FALSE: it is to end. */
static gboolean
round_of (Worker *self, gint64 now)
{
  struct epoll_event events[EVENTS_PER_ROUND];
  guint free_places;
  int n;

  if (!take_in_all (self, now))
    return FALSE;
  n = epoll_wait (self->going_fd, events, EVENTS_PER_ROUND, 0);
  for (int i = 0; i < n; i++)
    go_on (self, events[i].data.ptr);
  free_places = self->gate->max_going - MIN (self->gate->max_going, self->going.length);
  if (free_places > 0)
    {
      n = epoll_wait (self->fresh_fd, events, (int) MIN (free_places, FRESH_PER_ROUND), 0);
      for (int i = 0; i < n; i++)
        begin (self, events[i].data.ptr, now);
    }
  close_late (self, &self->going, now);
  /* Who waits in line for our turn, and not for its own, is not late. */
  if (self->going.length < self->gate->max_going)
    close_late (self, &self->fresh, now);
  return TRUE;
}

static void
close_all (Worker *self)
{
  while (self->fresh.head != NULL)
    give_up (self, self->fresh.head->data, SYN_TLS_FAILURE_ENDED);
  while (self->going.head != NULL)
    give_up (self, self->going.head->data, SYN_TLS_FAILURE_ENDED);
}

/* ---- the threads ---- */

static int
wait_ms (Worker *self, gint64 now)
{
  gint64 deadline = G_MAXINT64;

  if (self->going.head != NULL)
    deadline = ((Newcomer *) self->going.head->data)->deadline_ms;
  if (self->fresh.head != NULL)
    deadline = MIN (deadline, MAX (((Newcomer *) self->fresh.head->data)->deadline_ms, now + 100));
  return deadline == G_MAXINT64 ? -1 : (int) CLAMP (deadline - now, 0, G_MAXINT);
}

static gpointer
run (gpointer data)
{
  Worker *self = data;
  gint64 now = now_ms ();

  while (round_of (self, now))
    {
      /* With no place free the fresh ones are not asked for: all that they do is wait. */
      struct pollfd fds[] = { { .fd = self->wake_fd, .events = POLLIN },
                              { .fd = self->going_fd, .events = POLLIN },
                              { .fd = self->going.length < self->gate->max_going ? self->fresh_fd : -1, .events = POLLIN } };
      guint64 count;

      if (poll (fds, G_N_ELEMENTS (fds), wait_ms (self, now_ms ())) > 0 && (fds[0].revents & POLLIN) && read (self->wake_fd, &count, sizeof count) < 0)
        g_debug ("eventfd: %s", g_strerror (errno));
      now = now_ms ();
    }
  close_all (self);
  return NULL;
}

static void
wake (Worker *self)
{
  guint64 one = 1;

  if (write (self->wake_fd, &one, sizeof one) < 0)
    g_debug ("eventfd: %s", g_strerror (errno)); /* full: it is awake */
}

static void
worker_init (Worker *self, SynTlsGate *gate, guint index)
{
  g_autofree char *name = g_strdup_printf ("tls-%u", index);

  self->gate = gate;
  g_mutex_init (&self->mutex);
  self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  self->fresh_fd = epoll_create1 (EPOLL_CLOEXEC);
  self->going_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->wake_fd < 0 || self->fresh_fd < 0 || self->going_fd < 0)
    g_error ("TLS could not make its epoll sets: %s", g_strerror (errno));
  if (gate->is_threaded)
    self->thread = g_thread_new (name, run, self);
}

static void
worker_clear (Worker *self)
{
  if (self->thread != NULL)
    g_thread_join (self->thread);
  take_in_all (self, 0); /* what came after its end */
  close_all (self);
  g_mutex_clear (&self->mutex);
  close (self->wake_fd);
  close (self->fresh_fd);
  close (self->going_fd);
}

/* ---- on the lane ---- */

SynTlsGate *
syn_tls_gate_new (SynLane *lane, guint n_threads, SynTlsGateFunc func, gpointer user_data)
{
  SynTlsGate *self = g_new0 (SynTlsGate, 1);

  g_atomic_ref_count_init (&self->refs);
  self->lane = lane;
  self->func = func;
  self->user_data = user_data;
  self->is_threaded = n_threads > 0;
  self->n_workers = MAX (n_threads, 1);
  self->max_going = MAX (SYN_MAX_TLS_HANDSHAKES / self->n_workers, 1);
  self->workers = g_new0 (Worker, self->n_workers);
  for (guint i = 0; i < self->n_workers; i++)
    worker_init (&self->workers[i], self, i);
  return self;
}

void
syn_tls_gate_take (SynTlsGate *self, int fd, SynTlsServer *server)
{
  Worker *worker = &self->workers[self->next_worker++ % self->n_workers];
  Passage *passage = g_new0 (Passage, 1);
  gboolean ends;

  passage->fd = fd;
  passage->server = syn_tls_server_ref (server);
  g_mutex_lock (&worker->mutex);
  ends = worker->ends;
  if (!ends)
    g_queue_push_tail (&worker->arrivals, passage);
  g_mutex_unlock (&worker->mutex);
  if (!ends)
    {
      wake (worker);
      return;
    }
  close (fd);
  syn_tls_server_unref (server);
  g_free (passage);
  send_back (self, -1, NULL, SYN_TLS_FAILURE_ENDED);
}

void
syn_tls_gate_drain (SynTlsGate *self)
{
  for (guint i = 0; i < self->n_workers; i++)
    {
      Worker *worker = &self->workers[i];

      g_mutex_lock (&worker->mutex);
      worker->ends = TRUE;
      g_mutex_unlock (&worker->mutex);
      if (self->is_threaded)
        wake (worker);
      else
        {
          take_in_all (worker, 0);
          close_all (worker);
        }
    }
}

void
syn_tls_gate_free (SynTlsGate *self)
{
  syn_tls_gate_drain (self);
  for (guint i = 0; i < self->n_workers; i++)
    worker_clear (&self->workers[i]);
  g_clear_pointer (&self->workers, g_free);
  self->func = NULL;
  gate_unref (self);
}

void
syn_tls_gate_set_max (SynTlsGate *self, guint max_handshakes)
{
  self->max_going = max_handshakes;
}

void
syn_tls_gate_step (SynTlsGate *self, gint64 now)
{
  for (guint i = 0; i < self->n_workers; i++)
    round_of (&self->workers[i], now);
}
