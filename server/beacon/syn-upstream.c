/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The upstream of an edge: the thread, its link, and what others may know of it.
 *
 * The thread has a main context with the link's sources, and nothing that a desk waits for goes by it but what came over the link. Orders of lanes
 * come as idle sources of that context, in order (a handful per second, when panels are opened and closed); what it has to say goes to the lanes as
 * parcels. Rejected: the link on a lane (a large snapshot is read and checked in one go: whoever shares that lane would wait), a link per lane (the ocean
 * would be crossed once for each). */
#define G_LOG_DOMAIN "syn-upstream"
#include "syn-upstream-private.h"

#include <string.h>
#include "replica-tls.h"
#include "syn-beacon.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-beacon.h"
#include "syn-silo-private.h"

#define NAME "upstream"

void
syn_upstream_invoke (SynUpstream *self, GSourceFunc func, gpointer data, GDestroyNotify free)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, free);
  g_source_attach (source, self->context);
}

/* Why it is away, without its URL said once more. (nullable) */
static const char *
reason (SynUpstream *self)
{
  const char *why = replica_link_get_last_error (self->link);
  g_autofree char *prefix = g_strdup_printf ("Cannot connect to %s: ", self->uri);

  return why != NULL && g_str_has_prefix (why, prefix) ? why + strlen (prefix) : why;
}

GError *
syn_upstream_new_away_error (SynUpstream *self)
{
  const char *why = reason (self);

  return g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the upstream %s is away%s%s", self->uri, why != NULL ? ": " : "", why != NULL ? why : "");
}

/* ---- the link ---- */

/* One that trusts whom it should; the URL was good before. */
static ReplicaLink *
new_link (SynUpstream *self)
{
  ReplicaLink *link = replica_link_new (self->uri, NULL);

  if (self->trust != NULL)
    replica_link_set_trust (link, self->trust);
  return link;
}

static void
note_status (SynUpstream *self)
{
  ReplicaLinkState state = replica_link_get_state (self->link);
  gboolean is_online = state == REPLICA_LINK_ONLINE;

  g_mutex_lock (&self->mutex);
  if ((self->status.state == REPLICA_LINK_ONLINE) != is_online)
    {
      self->status.since_ms = syn_upstream_now_ms ();
      self->status.n_connections += is_online;
    }
  self->status.state = state;
  if (replica_link_get_last_error (self->link) != NULL || self->status.state == REPLICA_LINK_ONLINE)
    {
      g_free (self->status.error); /* while it connects: why it is not online since */
      self->status.error = g_strdup (replica_link_get_last_error (self->link));
    }
  self->status.rtt_us = replica_link_get_rtt_us (self->link);
  self->status.goodput = replica_link_get_goodput (self->link);
  self->status.received_bytes = replica_link_get_received_bytes (self->link);
  if (replica_link_get_confirmed_us (self->link) >= 0)
    self->status.heard_ms = replica_link_get_confirmed_us (self->link) / 1000;
  g_mutex_unlock (&self->mutex);
}

static void
state_changed (ReplicaLink *link, GParamSpec *pspec, gpointer user_data)
{
  SynUpstream *self = user_data;

  if (replica_link_get_state (link) == REPLICA_LINK_ONLINE)
    g_message ("the upstream %s is reached", self->uri);
  note_status (self);
  syn_upstream_views_state_changed (self);
  syn_upstream_publish_state_changed (self);
}

/* Once for each reason, not for each attempt. */
static void
error_changed (ReplicaLink *link, GParamSpec *pspec, gpointer user_data)
{
  SynUpstream *self = user_data;

  if (replica_link_get_last_error (link) != NULL)
    g_message ("the upstream %s is away: %s", self->uri, reason (self));
  note_status (self);
}

static void
say_who_asks (SoupMessageHeaders *headers, gpointer data)
{
  SynUpstream *self = data;
  g_autofree char *asking = syn_chain_dup_asking (self->chain);

  soup_message_headers_replace (headers, SYN_CHAIN_HEADER, asking);
}

static gboolean
learn_who_answers (SoupMessageHeaders *headers, gpointer data, GError **error)
{
  SynUpstream *self = data;

  return syn_chain_learn (self->chain, soup_message_headers_get_list (headers, SYN_CHAIN_HEADER), error);
}

static void
heard (gpointer data)
{
  SynUpstream *self = data;
  gint64 confirmed_us = replica_link_get_confirmed_us (self->link);

  if (confirmed_us >= 0)
    syn_upstream_paths_set_confirmed_ms (self->paths, confirmed_us / 1000);
  note_status (self);
}

static const ReplicaLinkPeer peer = { say_who_asks, learn_who_answers, heard };
static const ReplicaLinkPeer other_peer = { say_who_asks, learn_who_answers, NULL };

ReplicaLink *
syn_upstream_new_link (SynUpstream *self)
{
  ReplicaLink *link = new_link (self);

  replica_link_set_peer (link, &other_peer, self);
  return link;
}

/* ---- the thread ---- */

static gboolean
connect_cb (gpointer data)
{
  replica_link_start (((SynUpstream *) data)->link);
  return G_SOURCE_REMOVE;
}

static gboolean
quit_cb (gpointer data)
{
  g_main_loop_quit (((SynUpstream *) data)->loop);
  return G_SOURCE_REMOVE;
}

static gpointer
thread_main (gpointer data)
{
  SynUpstream *self = data;

  g_main_context_push_thread_default (self->context);
  self->loop = g_main_loop_new (self->context, FALSE);
  self->link = new_link (self);
  replica_link_set_peer (self->link, &peer, self);
  g_signal_connect (self->link, "notify::state", G_CALLBACK (state_changed), self);
  g_signal_connect (self->link, "notify::last-error", G_CALLBACK (error_changed), self);
  syn_upstream_views_init (self);
  syn_upstream_http_init (self);
  syn_upstream_publish_init (self);
  g_main_loop_run (self->loop);

  syn_upstream_publish_clear (self);
  syn_upstream_http_clear (self);
  syn_upstream_views_clear (self);
  g_signal_handlers_disconnect_by_data (self->link, self);
  replica_link_stop (self->link);
  g_clear_object (&self->link);
  while (g_main_context_iteration (self->context, FALSE))
    continue; /* what was cancelled says so */
  g_main_loop_unref (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* Lanes and the front have ended. What is still asked is answered. */
static void
upstream_close (gpointer data)
{
  SynUpstream *self = data;

  if (self->thread == NULL)
    return;
  syn_upstream_invoke (self, quit_cb, self, NULL);
  g_thread_join (g_steal_pointer (&self->thread));
}

static void
upstream_free (gpointer data)
{
  SynUpstream *self = data;

  upstream_close (self);
  syn_upstream_status_clear (&self->status);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);
  syn_upstream_paths_unref (self->paths);
  g_clear_object (&self->trust);
  g_free (self->uri);
  g_free (self);
}

/* ---- what others see ---- */

/* What a path means, only the upstream knows: here only its spelling is. */
static gboolean
resolve (const char *path, const char **type, char **canonical, gpointer user_data, GError **error)
{
  if (strlen (path) > SYN_MAX_QUERY_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "the path has %" G_GSIZE_FORMAT " bytes, of at most %d", strlen (path), SYN_MAX_QUERY_BYTES);
      return FALSE;
    }
  *type = SYN_SILO_BEACON_GRAIN;
  *canonical = syn_upstream_path_normalize (path);
  return TRUE;
}

SynUpstream *
syn_upstream_new (SynSilo *silo, const char *uri, const char *ca_file, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (ReplicaLink) link = replica_link_new (uri, &why);
  g_autoptr (GTlsDatabase) trust = NULL;
  SynUpstream *self;

  if (link == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "--upstream: %s", why->message);
      return NULL;
    }
  if (ca_file != NULL)
    {
      trust = replica_tls_load_ca (ca_file, &why);
      if (trust == NULL)
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "--upstream-ca: %s", why->message);
          return NULL;
        }
    }
  g_return_val_if_fail (syn_chain_get (silo) != NULL, NULL);
  self = g_new0 (SynUpstream, 1);
  self->silo = silo;
  self->chain = syn_chain_get (silo);
  self->uri = g_strdup (uri);
  self->trust = g_steal_pointer (&trust);
  self->context = g_main_context_new ();
  self->paths = syn_upstream_paths_new (&syn_upstream_ops, self);
  self->max_passing_bytes = SYN_MAX_UPSTREAM_PUBLISH_BYTES;
  self->max_wait_us = SYN_UPSTREAM_WAIT_MS * (gint64) 1000;
  g_mutex_init (&self->mutex);
  self->status.rtt_us = self->status.heard_ms = -1;
  self->status.since_ms = syn_upstream_now_ms ();
  syn_silo_set_engine (silo, NAME, self, upstream_close, upstream_free);
  syn_silo_beacons_register (silo, self->paths);
  syn_beacons_set_resolver (silo, resolve, self);
  return self;
}

void
syn_upstream_start (SynUpstream *self)
{
  self->thread = g_thread_new ("upstream", thread_main, self);
  syn_upstream_invoke (self, connect_cb, self, NULL);
}

SynUpstream *
syn_upstream_get (SynSilo *silo)
{
  return syn_silo_get_data (silo, NAME);
}

const char *
syn_upstream_get_uri (SynUpstream *self)
{
  return self->uri;
}

void
syn_upstream_get_status (SynUpstream *self, SynUpstreamStatus *status)
{
  g_mutex_lock (&self->mutex);
  *status = self->status;
  status->error = g_strdup (self->status.error);
  g_mutex_unlock (&self->mutex);
  status->n_paths = syn_upstream_paths_count (self->paths);
  status->above = syn_chain_dup_above (self->chain);
}

void
syn_upstream_status_clear (SynUpstreamStatus *status)
{
  g_clear_pointer (&status->error, g_free);
  g_clear_pointer (&status->above, g_strfreev);
}
