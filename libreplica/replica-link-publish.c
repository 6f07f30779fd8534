/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Publishing over the WebSocket: batches that are out, in the order in which they were sent. Same thread as the link.
 *
 * A publication belongs to one connection: when that ends without its answer, whether it was taken is not known, and only its publisher knows whether it may
 * be sent again (a numbered one may). So nothing is kept to be sent over another connection; while the first is being made, publications wait for
 * it. Rejected: sending again by ourselves (a batch without a number could count twice). */

#include <string.h>

#include "replica-link-internal.h"

/* The server ends what takes longer by itself: 30 s for the answer, and 60 s for each MiB on its way. */
#define PATIENCE_US (60 * G_USEC_PER_SEC)

typedef struct
{
  ReplicaLinkFault fault; /* first */
  guint32 request;
  GBytes *message;   /* (owned) (nullable): not sent yet */
  gint64 due_us;     /* once sent: when an answer has to be there */
  gboolean was_sent, was_refused; /* (the latter) by the server */
  GSource *cancelled; /* (owned) (nullable) */
  guint64 accepted, sequence;
} Publication;

static void
publication_free (gpointer data)
{
  Publication *self = data;

  if (self->cancelled != NULL)
    {
      g_source_destroy (self->cancelled);
      g_source_unref (self->cancelled);
    }
  g_clear_pointer (&self->message, g_bytes_unref);
  replica_link_fault_clear (&self->fault);
  g_free (self);
}

static void
send_publication (ReplicaLink *self, Publication *publication)
{
  g_autoptr (GBytes) message = g_steal_pointer (&publication->message);

  publication->was_sent = TRUE;
  publication->due_us = replica_link_now (self) + PATIENCE_US * (gint64) (1 + (g_bytes_get_size (message) >> 20));
  replica_link_send (self, message);
}

/* Takes the publication out of those that wait for an answer; (transfer full). */
static GTask *
take_out (ReplicaLink *self, GList *link)
{
  GTask *task = link->data;

  g_queue_delete_link (&self->publications, link);
  return task;
}

void
replica_link_send_publications (ReplicaLink *self)
{
  for (GList *at = self->publications.head; at != NULL; at = at->next)
    {
      Publication *publication = g_task_get_task_data (at->data);

      if (publication->message != NULL)
        send_publication (self, publication);
    }
}

gint64
replica_link_get_publication_due (ReplicaLink *self)
{
  gint64 due_us = -1;

  for (GList *at = self->publications.head; at != NULL; at = at->next)
    {
      const Publication *publication = g_task_get_task_data (at->data);

      if (publication->was_sent && (due_us < 0 || publication->due_us < due_us))
        due_us = publication->due_us;
    }
  return due_us;
}

void
replica_link_fail_publications (ReplicaLink *self, const char *why)
{
  GQueue failed = self->publications;
  GTask *task;

  g_queue_init (&self->publications);
  while ((task = g_queue_pop_head (&failed)) != NULL)
    {
      const Publication *publication = g_task_get_task_data (task);

      g_task_return_new_error (task, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE, "%s%s", why != NULL ? why : "The link was stopped",
                               publication->was_sent ? " (whether the events were accepted is not known)" : "");
      g_object_unref (task);
    }
}

void
replica_link_publication_answered (ReplicaLink *self, ReplicaMessage *message)
{
  GList *at = self->publications.head;
  g_autoptr (GTask) task = NULL;
  Publication *publication;

  while (at != NULL && (((Publication *) g_task_get_task_data (at->data))->request != message->view
                        || !((Publication *) g_task_get_task_data (at->data))->was_sent))
    at = at->next;
  if (at == NULL)
    return; /* its publisher has cancelled it */
  task = take_out (self, at);
  publication = g_task_get_task_data (task);
  self->answer_us = self->heard_us;
  self->n_failures = 0;
  if (message->type == REPLICA_WIRE_PUBLISHED)
    {
      publication->accepted = message->accepted;
      publication->sequence = message->sequence;
      g_task_return_boolean (task, TRUE);
      return;
    }
  publication->was_refused = TRUE;
  publication->fault.retry_ms = message->retry_ms;
  publication->fault.line = message->event;
  publication->fault.field = g_steal_pointer (&message->field);
  publication->fault.details = g_steal_pointer (&message->text);
  g_task_return_error (task, replica_link_fault_to_error (&publication->fault, message->code, "event"));
}

static gboolean
cancelled_cb (GCancellable *cancellable, gpointer user_data)
{
  GTask *task = user_data;
  ReplicaLink *self = g_task_get_source_object (task);
  GList *at = g_queue_find (&self->publications, task);

  if (at != NULL)
    {
      g_autoptr (GTask) own = take_out (self, at);

      g_task_return_error_if_cancelled (own);
      replica_link_arm_watchdog (self);
    }
  return G_SOURCE_REMOVE;
}

static GTask *
publication_new (ReplicaLink *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, replica_link_publish_batch_async);
  g_task_set_task_data (task, g_new0 (Publication, 1), publication_free);
  return task;
}

/* Takes @task. */
static void
publish (ReplicaLink *self, GTask *task, GBytes *batch)
{
  g_autoptr (GTask) own = task;
  Publication *publication = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);

  if (self->state == REPLICA_LINK_OFFLINE)
    {
      g_task_return_new_error (task, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE, "%s", self->last_error != NULL ? self->last_error : "The link is not connected");
      return;
    }
  publication->request = ++self->last_request;
  publication->message = replica_message_write_publish (publication->request, batch);
  if (cancellable != NULL)
    {
      publication->cancelled = g_cancellable_source_new (cancellable);
      g_source_set_static_name (publication->cancelled, "[replica] publication cancelled");
      g_source_set_callback (publication->cancelled, G_SOURCE_FUNC (cancelled_cb), task, NULL);
      g_source_attach (publication->cancelled, self->context);
    }
  g_queue_push_tail (&self->publications, g_steal_pointer (&own));
  if (self->state == REPLICA_LINK_ONLINE)
    {
      send_publication (self, publication);
      replica_link_arm_watchdog (self);
    }
}

void
replica_link_publish_batch_numbered_async (ReplicaLink *self,
                                           ReplicaEventBatch *batch,
                                           const char *producer,
                                           guint64 number,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GBytes) bytes = NULL;
  GError *error = NULL;

  g_return_if_fail (REPLICA_IS_LINK (self) && REPLICA_IS_EVENT_BATCH (batch));

  task = publication_new (self, cancellable, callback, user_data);
  if (g_task_return_error_if_cancelled (task))
    return;
  bytes = replica_event_batch_to_bytes (batch, producer, number, &error);
  if (bytes == NULL)
    g_task_return_error (task, error);
  else
    publish (self, g_steal_pointer (&task), bytes);
}

void
replica_link_publish_bytes_async (ReplicaLink *self, GBytes *batch, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (REPLICA_IS_LINK (self) && batch != NULL);

  task = publication_new (self, cancellable, callback, user_data);
  if (!g_task_return_error_if_cancelled (task))
    publish (self, g_steal_pointer (&task), batch);
}

ReplicaPublicationEnd
replica_link_publication_get_end (GAsyncResult *result)
{
  const Publication *publication = g_task_get_task_data (G_TASK (result));

  if (publication->was_refused)
    return REPLICA_PUBLICATION_REFUSED;
  return publication->was_sent ? REPLICA_PUBLICATION_UNKNOWN : REPLICA_PUBLICATION_NOT_SENT;
}

void
replica_link_publish_batch_async (
    ReplicaLink *self, ReplicaEventBatch *batch, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  replica_link_publish_batch_numbered_async (self, batch, NULL, 0, cancellable, callback, user_data);
}

gboolean
replica_link_publish_batch_finish (ReplicaLink *self, GAsyncResult *result, guint64 *accepted, guint64 *sequence, GError **error)
{
  Publication *publication;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_task_get_source_tag (G_TASK (result)) == replica_link_publish_batch_async, FALSE);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  publication = g_task_get_task_data (G_TASK (result));
  if (accepted != NULL)
    *accepted = publication->accepted;
  if (sequence != NULL)
    *sequence = publication->sequence;
  return TRUE;
}
