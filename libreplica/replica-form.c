/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The binary forms of a snapshot. Any thread: the deltas are a list that only grows, at its head, by compare and exchange, so that
 * lanes share what one of them made, and none waits for another. It is as long as there are different bases that readers name: those
 * that the beacons keep, a handful. A hash table was rejected: a list of so many is searched faster. */

#include "replica-delta-private.h"

guint64
replica_snapshot_get_hash (ReplicaSnapshot *self)
{
  guint64 hash = __atomic_load_n (&self->hash, __ATOMIC_RELAXED);

  if (hash == 0)
    {
      hash = replica_delta_hash (self->bytes);
      __atomic_store_n (&self->hash, hash, __ATOMIC_RELAXED); /* whoever else computes it stores the same */
    }
  return hash;
}

const ReplicaForm *
replica_snapshot_get_full (ReplicaSnapshot *self)
{
  return &self->full;
}

static ReplicaDelta *
find_delta (ReplicaDelta *first, ReplicaToken base)
{
  while (first != NULL && !replica_token_equal (first->base, base))
    first = first->next;
  return first;
}

const ReplicaForm *
replica_snapshot_get_delta (ReplicaSnapshot *self, ReplicaSnapshot *base, gboolean *is_new)
{
  ReplicaToken token = replica_snapshot_get_token (base);
  ReplicaDelta *delta = find_delta (g_atomic_pointer_get (&self->deltas), token);

  if (is_new != NULL)
    *is_new = FALSE;
  if (delta == NULL)
    {
      delta = g_new0 (ReplicaDelta, 1);
      delta->base = token;
      delta->form.form = REPLICA_WIRE_FORM_DELTA;
      delta->form.bytes = replica_delta_make (base, self);
      do
        delta->next = g_atomic_pointer_get (&self->deltas);
      while (!g_atomic_pointer_compare_and_exchange (&self->deltas, delta->next, delta));
      if (is_new != NULL)
        *is_new = delta->form.bytes != NULL;
    }
  return delta->form.bytes != NULL ? &delta->form : NULL;
}

void
replica_snapshot_free_forms (ReplicaSnapshot *self)
{
  while (self->deltas != NULL)
    {
      ReplicaDelta *delta = self->deltas;

      self->deltas = delta->next;
      g_clear_pointer (&delta->form.bytes, g_bytes_unref);
      g_free (delta);
    }
}
