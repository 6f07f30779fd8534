/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A heap of the first so many: a hundred thousand connections are gone through with memory for those that are shown. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-conn-list.h"

#include <string.h>

static const char *const names[SYN_CONN_N_ORDERS] = {
  [SYN_CONN_BY_BEHIND] = "behind", [SYN_CONN_BY_WAITING] = "waiting", [SYN_CONN_BY_SENT] = "sent",
  [SYN_CONN_BY_SNAPSHOTS] = "snapshots", [SYN_CONN_BY_POLLS] = "polls", [SYN_CONN_BY_VIEWS] = "views",
  [SYN_CONN_BY_AGE] = "age", [SYN_CONN_BY_IDLE] = "idle",
};

const char *
syn_conn_order_to_string (SynConnOrder order)
{
  return names[order];
}

gboolean
syn_conn_order_from_string (const char *text, SynConnOrder *order)
{
  for (guint i = 0; i < SYN_CONN_N_ORDERS; i++)
    if (strcmp (names[i], text) == 0)
      {
        *order = (SynConnOrder) i;
        return TRUE;
      }
  return FALSE;
}

static gint64
key_of (const SynConnEntry *entry, SynConnOrder order)
{
  switch (order)
    {
    case SYN_CONN_BY_BEHIND:
      return entry->behind_ms;
    case SYN_CONN_BY_WAITING:
      return (gint64) MIN (entry->waiting_bytes, (guint64) G_MAXINT64);
    case SYN_CONN_BY_SENT:
      return entry->sent_bytes;
    case SYN_CONN_BY_SNAPSHOTS:
      return entry->snapshots;
    case SYN_CONN_BY_POLLS:
      return entry->polls;
    case SYN_CONN_BY_VIEWS:
      return entry->views;
    case SYN_CONN_BY_IDLE:
      return entry->idle_ms;
    case SYN_CONN_BY_AGE:
    case SYN_CONN_N_ORDERS:
    default:
      return entry->age_ms;
    }
}

/* Negative: @a comes first. Of equals who has more waiting, then who is here for longer. */
static int
compare (const SynConnEntry *a, const SynConnEntry *b, SynConnOrder order)
{
  const SynConnOrder orders[] = { order, SYN_CONN_BY_WAITING, SYN_CONN_BY_AGE };

  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      gint64 one = key_of (a, orders[i]), other = key_of (b, orders[i]);

      if (one != other)
        return one > other ? -1 : 1;
    }
  return 0;
}

static int
compare_func (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return compare (a, b, ((SynConnTop *) user_data)->order);
}

void
syn_conn_entry_note_reader (SynConnEntry *self, const SynWaiter *waiter, gint64 held_us, gint64 now_us)
{
  ReplicaToken held = waiter->token, newest;
  guint64 behind = 1;

  self->views++;
  if (!syn_waiter_get_newest (waiter, &newest) || replica_token_equal (held, newest))
    return;
  if (held.epoch == newest.epoch && newest.serial > held.serial)
    behind = newest.serial - held.serial;
  self->behind_snapshots = MAX (self->behind_snapshots, (gint64) MIN (behind, (guint64) G_MAXINT64));
  self->behind_ms = MAX (self->behind_ms, (now_us - held_us) / 1000);
}

void
syn_conn_top_init (SynConnTop *self, SynConnOrder order, guint max)
{
  *self = (SynConnTop){ .order = order, .max = MAX (max, 1), .heap = g_array_new (FALSE, FALSE, sizeof (SynConnEntry)) };
}

void
syn_conn_top_clear (SynConnTop *self)
{
  g_clear_pointer (&self->heap, g_array_unref);
}

static SynConnEntry *
at (SynConnTop *self, guint index)
{
  return &g_array_index (self->heap, SynConnEntry, index);
}

gboolean
syn_conn_top_wants (SynConnTop *self, const SynConnEntry *entry)
{
  self->n_seen++;
  return self->heap->len < self->max || compare (entry, at (self, 0), self->order) < 0;
}

static void
swap (SynConnTop *self, guint one, guint other)
{
  SynConnEntry entry = *at (self, one);

  *at (self, one) = *at (self, other);
  *at (self, other) = entry;
}

static void
sift_down (SynConnTop *self)
{
  for (guint i = 0, least; 2 * i + 1 < self->heap->len; i = least)
    {
      least = 2 * i + 1;
      if (least + 1 < self->heap->len && compare (at (self, least + 1), at (self, least), self->order) > 0)
        least++;
      if (compare (at (self, i), at (self, least), self->order) >= 0)
        return;
      swap (self, i, least);
    }
}

void
syn_conn_top_add (SynConnTop *self, const SynConnEntry *entry)
{
  if (self->heap->len >= self->max)
    {
      *at (self, 0) = *entry;
      sift_down (self);
      return;
    }
  g_array_append_vals (self->heap, entry, 1);
  for (guint i = self->heap->len - 1; i > 0 && compare (at (self, i), at (self, (i - 1) / 2), self->order) > 0; i = (i - 1) / 2)
    swap (self, i, (i - 1) / 2);
}

void
syn_conn_top_merge (SynConnTop *self, const SynConnTop *other)
{
  guint64 n_seen = self->n_seen + other->n_seen;

  for (guint i = 0; i < other->heap->len; i++)
    {
      const SynConnEntry *entry = &g_array_index (other->heap, SynConnEntry, i);

      if (syn_conn_top_wants (self, entry))
        syn_conn_top_add (self, entry);
    }
  self->n_seen = n_seen;
}

void
syn_conn_top_sort (SynConnTop *self)
{
  g_array_sort_with_data (self->heap, compare_func, self);
}
