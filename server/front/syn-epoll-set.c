/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An epoll set that is one GSource.
 *
 * When a snapshot has gone to thousands, they all ask again, each at its own moment, and all of it is put aside until the next snapshot.
 * Waking for each would cost more than reading it: so when most of what a look at the set brought was put aside, the next look is
 * a millisecond later, and finds dozens. What is answered at once never makes the set wait, and a few polls do not either; the first look that finds
 * few ends it. The rest of the lane goes on meanwhile.
 *
 * Rejected: a GSource per connection (GLib polls all of them in every iteration: 10,000 cost 50 µs per message); sleeping in the lane. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-epoll-set.h"

#include <errno.h>
#include <unistd.h>
#include "syn-limits.h"

#define EVENTS_PER_TURN 256

typedef struct
{
  GSource source; /* first */
  SynEpollSet *set;
} Source;

struct _SynEpollSet
{
  SynLane *lane;
  SynEpollFunc func;
  GPollFD poll;   /* no events while it gathers: the lane's thread is the only one that looks */
  Source *source; /* (owned) */
  SynTimer timer; /* armed while it gathers */
  guint n_parked; /* counts on */
};

static void look (SynEpollSet *self);

static void
gathered (SynTimer *timer, gpointer user_data)
{
  SynEpollSet *self = user_data;

  self->poll.events = G_IO_IN;
  look (self);
}

static void
look (SynEpollSet *self)
{
  struct epoll_event events[EVENTS_PER_TURN];
  int n = epoll_wait (self->poll.fd, events, EVENTS_PER_TURN, 0);
  guint n_parked = self->n_parked;

  for (int i = 0; i < n; i++)
    self->func (events[i].data.ptr, events[i].events);
  n_parked = self->n_parked - n_parked;
  if (n == EVENTS_PER_TURN || n_parked < SYN_GATHER_POLLS || n_parked + n_parked / 8 < (guint) n)
    return;
  self->poll.events = 0;
  syn_lane_arm (self->lane, &self->timer, SYN_GATHER_MS, gathered, self);
}

static gboolean
prepare (GSource *source, gint *timeout)
{
  return FALSE;
}

static gboolean
check (GSource *source)
{
  const GPollFD *poll = &((Source *) source)->set->poll;

  return (poll->events & poll->revents) != 0;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  look (((Source *) source)->set);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = { .prepare = prepare, .check = check, .dispatch = dispatch };

gboolean
syn_epoll_set_add (SynEpollSet *self, int fd, guint32 events, gpointer member)
{
  return epoll_ctl (self->poll.fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = events, .data.ptr = member }) == 0;
}

void
syn_epoll_set_change (SynEpollSet *self, int fd, guint32 events, gpointer member)
{
  epoll_ctl (self->poll.fd, EPOLL_CTL_MOD, fd, &(struct epoll_event){ .events = events, .data.ptr = member });
}

void
syn_epoll_set_remove (SynEpollSet *self, int fd)
{
  epoll_ctl (self->poll.fd, EPOLL_CTL_DEL, fd, NULL);
}

void
syn_epoll_set_note_parked (SynEpollSet *self)
{
  self->n_parked++;
}

SynEpollSet *
syn_epoll_set_new (SynLane *lane, const char *name, SynEpollFunc func)
{
  SynEpollSet *self = g_new0 (SynEpollSet, 1);

  self->lane = lane;
  self->func = func;
  self->poll = (GPollFD){ .fd = epoll_create1 (EPOLL_CLOEXEC), .events = G_IO_IN };
  if (self->poll.fd < 0)
    g_error ("a lane could not make its epoll set: %s", g_strerror (errno));
  self->source = (Source *) g_source_new (&functions, sizeof (Source));
  self->source->set = self;
  g_source_set_static_name (&self->source->source, name);
  syn_lane_keep_watching (&self->source->source);
  g_source_add_poll (&self->source->source, &self->poll);
  g_source_attach (&self->source->source, syn_lane_get_context (lane));
  return self;
}

void
syn_epoll_set_free (SynEpollSet *self)
{
  syn_lane_disarm (self->lane, &self->timer);
  g_source_destroy (&self->source->source);
  g_source_unref (&self->source->source);
  close (self->poll.fd);
  g_free (self);
}
