/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Producers by name, in the order of their last request: past the bound the one that was silent for longest is forgotten. A forgotten one may go on
 * with any number, as a new one may begin with any; only what it sends again is then taken again.
 *
 * On a source's lane. Rejected: remembering only the last number (who has several requests out, and lost the connection, does not know which
 * of them were taken), remembering for a time (a time-out is a bound on nothing).
 */
#include "syn-producers.h"

#include <string.h>

#include "syn-limits.h"

typedef struct {
  char *name;
  guint64 posted; /* the last number on its way or taken */
  guint n_acks;
  SynAcknowledgement acks[SYN_PRODUCER_WINDOW]; /* the newest at (n_acks - 1) % SYN_PRODUCER_WINDOW */
  GList link;     /* in the order */
} Producer;

struct _SynProducers {
  GHashTable *by_name; /* (owned) */
  GQueue order;        /* of Producer: the one that was silent for longest first */
};

gboolean
syn_producer_is_name (const char *text)
{
  gsize length = strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-");

  return length > 0 && length <= SYN_MAX_PRODUCER_BYTES && text[length] == '\0';
}

static void
producer_free (gpointer data)
{
  Producer *self = data;

  g_free (self->name);
  g_free (self);
}

SynProducers *
syn_producers_new (void)
{
  SynProducers *self = g_new0 (SynProducers, 1);

  self->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, producer_free);
  return self;
}

void
syn_producers_free (SynProducers *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->by_name);
  g_free (self);
}

static const SynAcknowledgement *
get_ack (const Producer *producer, guint back)
{
  return &producer->acks[(producer->n_acks - 1 - back) % SYN_PRODUCER_WINDOW];
}

static guint64
get_last (const Producer *producer)
{
  return producer->n_acks > 0 ? get_ack (producer, 0)->number : 0;
}

SynRequestVerdict
syn_producers_judge (SynProducers *self, const char *name, guint64 number, SynAcknowledgement *ack)
{
  const Producer *producer = g_hash_table_lookup (self->by_name, name);

  if (producer == NULL || number == producer->posted + 1)
    return SYN_REQUEST_NEXT;
  *ack = (SynAcknowledgement){ .number = get_last (producer) };
  if (number > producer->posted)
    return SYN_REQUEST_TOO_NEW;
  if (number > ack->number)
    return SYN_REQUEST_PENDING;
  for (guint back = 0; back < MIN (producer->n_acks, SYN_PRODUCER_WINDOW); back++)
    if (get_ack (producer, back)->number == number)
      {
        *ack = *get_ack (producer, back);
        return SYN_REQUEST_KNOWN;
      }
  return SYN_REQUEST_TOO_OLD;
}

static Producer *
find (SynProducers *self, const char *name)
{
  Producer *producer = g_hash_table_lookup (self->by_name, name);

  if (producer != NULL)
    {
      g_queue_unlink (&self->order, &producer->link);
      g_queue_push_tail_link (&self->order, &producer->link);
      return producer;
    }
  if (g_hash_table_size (self->by_name) >= SYN_MAX_PRODUCERS)
    {
      GList *oldest = g_queue_pop_head_link (&self->order);

      g_hash_table_remove (self->by_name, ((Producer *) oldest->data)->name);
    }
  producer = g_new0 (Producer, 1);
  producer->name = g_strdup (name);
  producer->link.data = producer;
  g_hash_table_insert (self->by_name, producer->name, producer);
  g_queue_push_tail_link (&self->order, &producer->link);
  return producer;
}

void
syn_producers_post (SynProducers *self, const char *name, guint64 number)
{
  find (self, name)->posted = number;
}

void
syn_producers_acknowledge (SynProducers *self, const char *name, const SynAcknowledgement *ack)
{
  Producer *producer = find (self, name);

  producer->acks[producer->n_acks % SYN_PRODUCER_WINDOW] = *ack;
  producer->n_acks++;
  if (producer->n_acks >= 2 * SYN_PRODUCER_WINDOW)
    producer->n_acks -= SYN_PRODUCER_WINDOW;
  producer->posted = MAX (producer->posted, ack->number);
}

void
syn_producers_unpost (SynProducers *self)
{
  GList *next;

  for (GList *at = self->order.head; at != NULL; at = next)
    {
      Producer *producer = at->data;

      next = at->next;
      producer->posted = get_last (producer);
      if (producer->n_acks > 0)
        continue;
      g_queue_unlink (&self->order, at);
      g_hash_table_remove (self->by_name, producer->name);
    }
}

guint
syn_producers_get_size (SynProducers *self)
{
  return g_hash_table_size (self->by_name);
}

/* ---- bytes: numbers in little-endian ---- */

static void
put (GByteArray *bytes, guint64 value)
{
  guint64 le = GUINT64_TO_LE (value);

  g_byte_array_append (bytes, (const guint8 *) &le, sizeof le);
}

static gboolean
take (const guint8 **data, gsize *length, guint64 *value)
{
  if (*length < sizeof *value)
    return FALSE;
  memcpy (value, *data, sizeof *value);
  *value = GUINT64_FROM_LE (*value);
  *data += sizeof *value;
  *length -= sizeof *value;
  return TRUE;
}

void
syn_producers_save (SynProducers *self, GByteArray *bytes)
{
  guint n_saved = 0;

  for (GList *at = self->order.head; at != NULL; at = at->next)
    n_saved += ((const Producer *) at->data)->n_acks > 0;
  put (bytes, n_saved);
  for (GList *at = self->order.head; at != NULL; at = at->next)
    {
      const Producer *producer = at->data;
      guint n_acks = MIN (producer->n_acks, SYN_PRODUCER_WINDOW);
      gsize length = strlen (producer->name);

      if (n_acks == 0)
        continue;
      put (bytes, length);
      g_byte_array_append (bytes, (const guint8 *) producer->name, (guint) length);
      put (bytes, n_acks);
      for (guint back = n_acks; back-- > 0;)
        {
          put (bytes, get_ack (producer, back)->number);
          put (bytes, get_ack (producer, back)->accepted);
          put (bytes, get_ack (producer, back)->sequence);
        }
    }
}

static gboolean
load_one (SynProducers *self, const guint8 **data, gsize *length)
{
  g_autofree char *name = NULL;
  guint64 n_name, n_acks, last = 0;

  if (!take (data, length, &n_name) || n_name == 0 || n_name > SYN_MAX_PRODUCER_BYTES || n_name > *length)
    return FALSE;
  name = g_strndup ((const char *) *data, n_name);
  *data += n_name;
  *length -= n_name;
  if (strlen (name) != n_name || g_hash_table_contains (self->by_name, name) || !take (data, length, &n_acks) || n_acks == 0
      || n_acks > SYN_PRODUCER_WINDOW)
    return FALSE;
  for (guint64 i = 0; i < n_acks; i++)
    {
      SynAcknowledgement ack;

      if (!take (data, length, &ack.number) || !take (data, length, &ack.accepted) || !take (data, length, &ack.sequence)
          || ack.number <= last)
        return FALSE;
      last = ack.number;
      syn_producers_acknowledge (self, name, &ack);
    }
  return TRUE;
}

gsize
syn_producers_load (SynProducers *self, const guint8 *data, gsize length)
{
  const guint8 *at = data;
  gsize left = length;
  guint64 n;

  if (!take (&at, &left, &n) || n > SYN_MAX_PRODUCERS)
    return 0;
  for (guint64 i = 0; i < n; i++)
    if (!load_one (self, &at, &left))
      {
        g_hash_table_remove_all (self->by_name);
        g_queue_init (&self->order);
        return 0;
      }
  return length - left;
}
